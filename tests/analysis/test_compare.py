"""compare_runs: the table, groups over seeds, CSV and JSON, damaged and unfinished runs, the paired test of two."""

import csv
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import idx_bytes, refusal, without_first_word
from made_runs import make_run
from matplotlib.text import Text
from scipy.stats import binomtest, ttest_ind, ttest_rel

from rnn_mnist.analysis import compare as comparison
from rnn_mnist.analysis import compare_picture as pictures_of
from rnn_mnist.analysis import compare_report as shown
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.analysis import selection
from rnn_mnist.console import languages, tables
from rnn_mnist.console.languages import SYNTHETIC
from rnn_mnist.plots import style
from rnn_mnist.run import Run


def compare(*flags, cwd=None):
    """Run scripts/compare_runs.py in a process of its own; return it with its output."""
    done = subprocess.run([sys.executable, os.path.abspath("scripts/compare_runs.py"), *map(str, flags)], cwd=cwd,
                          capture_output=True, text=True, env={**os.environ, "LANG": "C.UTF-8"})
    done.stderr = without_first_word(done.stderr)
    return done


@pytest.fixture
def folder(tmp_path):
    """Return a folder with seven runs: three seeds of one config, others, one unfinished."""
    for seed, last, n_correct in ((42, .95, 9500), (43, .93, 9300), (44, .94, 9480)):
        make_run(tmp_path, f"a{seed}", (.9, last), seed=seed, n_correct=n_correct)
    make_run(tmp_path / "sweep", "wide", (.9, .99, .96), n_neurons=300, n_correct=9600)
    make_run(tmp_path, "drawn", (.99, .995), kind=SYNTHETIC, n_correct=9990)
    make_run(tmp_path, "going", (.92,), finished=False, epochs=10)
    make_run(tmp_path, "net", (None, None), model="mlp", hidden_sizes=(128, 84), n_valid=0, n_correct=9700)
    return tmp_path


def names(lines):
    """Return the first word of each line."""
    return [line.split()[0] for line in lines]


def test_the_table_as_a_user_sees_it(folder):
    done = compare(folder)
    assert (done.returncode, done.stderr) == (0, "")
    runs_table, seeds_table = done.stdout.split("\n\n")
    lines = runs_table.splitlines()
    # Within the original MNIST by validation, runs without validation last; other data never in between.
    assert names(lines[1:]) == ["wide", "a42", "a44", "a43", "going", "net", "drawn"]
    low, high = scores.wilson(9600, 10_000)
    assert lines[1].split()[1:] == ["rnn", "n_neurons=300", "seed=42", "original", "MNIST", "3", "0.9900", "(epoch",
                                    "1)", "0.9600", "0.9600", f"({low:.4f}-{high:.4f})", "4.5", "0123456789ab"]
    assert "1/10" in lines[5] and "not finished" in lines[5]
    assert "SYNTHETIC DIGITS, NOT MNIST" in lines[7] and "SYNTHETIC" not in "".join(lines[:7])
    row = seeds_table.splitlines()[1]
    mean, sd = statistics.mean([.95, .93, .948]), statistics.stdev([.95, .93, .948])
    assert "42 43 44" in row and row.endswith(f"{mean:.4f} ± {sd:.4f}")
    assert seeds_table.splitlines()[2:] == ["not finished : 1 of 7 runs (--remove-unfinished removes them)",
                                            f"written : {folder / 'comparison.png'}"]
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_default_is_the_folder_runs_and_a_run_may_be_named_twice(folder):
    shutil.move(folder / "a42", folder / "runs" / "a42")
    once = compare("--csv", cwd=folder).stdout
    assert once.count("\n") == 2 and "a42" in once
    assert compare("--csv", "runs/a42", "runs", cwd=folder).stdout == once


def test_csv_reads_back_exactly(folder):
    done = compare("--csv", folder)
    assert done.stderr == ""
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert len(rows) == 7
    low, high = scores.wilson(9300, 10_000)
    row = rows["a43"]
    assert [float(row[name]) for name in ("acc_valid", "acc_test", "acc_test_low", "acc_test_high", "seconds")] == [
        .93, .93, low, high, 3]
    assert (row["settings"], row["data"], row["finished"]) == ("n_neurons=150 seed=43", "original MNIST", "True")
    assert (rows["going"]["finished"], rows["going"]["acc_test"]) == ("False", "")
    assert rows["drawn"]["data"] == SYNTHETIC


def test_json_holds_the_runs_and_the_groups(folder):
    found = json.loads(compare("--json", folder).stdout)
    assert len(found["runs"]) == 7 and found["paired_test"] is None
    group, = found["groups"]
    assert (group["seeds"], group["settings"]) == ([42, 43, 44], {"n_neurons": 150})
    assert group["acc_test_mean"] == pytest.approx(statistics.mean([.95, .93, .948]))
    assert group["acc_test_sd"] == pytest.approx(statistics.stdev([.95, .93, .948]))


def test_korean_table_is_aligned(folder):
    languages.use("ko")
    summaries = comparison.summarise_all([folder])
    lines = list(shown.report(summaries, []))
    assert lines[0].startswith("실행") and "※ 합성 숫자, MNIST 아님" in lines[-1] and "끝나지 않음" in lines[5]
    assert len({tables._width(line[:line.index("원본 MNIST")]) for line in lines[1:-1]}) == 1


@pytest.mark.parametrize("file, content", [
    ("config.json", "{}"), ("config.json", "[" * 5000), ("metrics.csv", "epoch\n"), ("result.json", "{"),
    ("environment.json", "{}"), ("environment.json", '{"data": 3, "data_digest": "x"}'), ("result.json", "nonsense")])
def test_a_damaged_run_is_left_out_with_one_line_and_the_others_are_shown(folder, capsys, file, content):
    (folder / "a42" / file).write_text(content)
    found = comparison.summarise_all([folder])
    assert len(found) == 6 and "a42" not in {summary["name"] for summary in found}
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("left out: ") and file in err


def test_figures_that_cannot_be_are_damage(folder, capsys):
    make_run(folder, "b", (1.5,))
    make_run(folder, "c", n_correct=10_001)
    config = make_run(folder, "d").path / "config.json"
    config.write_text(config.read_text().replace('"n_neurons": 150', '"n_neurons": 151'))
    assert {"b", "c", "d"}.isdisjoint(summary["name"] for summary in comparison.summarise_all([folder]))
    assert capsys.readouterr().err.count("left out: ") == 3


def test_nothing_to_compare_is_said_in_one_line(tmp_path):
    assert "no run" in refusal(comparison.summarise_all, [tmp_path])
    done = compare(tmp_path / "nowhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert compare("--csv", "--json").returncode == 2


def test_runs_that_differ_in_more_than_the_seed_are_no_group(tmp_path):
    make_run(tmp_path, "a", seed=1)
    make_run(tmp_path, "b", seed=2, n_neurons=100)              # another network
    make_run(tmp_path, "c", seed=3, kind=SYNTHETIC)             # other data
    make_run(tmp_path, "d", seed=4, finished=False)             # no score yet
    make_run(tmp_path, "e", seed=1)                             # the same again: no spread to be had
    assert comparison.group_over_seeds(comparison.summarise_all([tmp_path])) == []


def test_patience_ranks_by_the_epoch_that_was_scored_and_seeds_may_stop_at_different_epochs(tmp_path):
    make_run(tmp_path, "best", (.97, .90), patience=1, epochs=9)
    make_run(tmp_path, "longer", (.94, .98, .91), patience=1, epochs=9, seed=7)
    make_run(tmp_path, "last", (.99, .95))
    found = comparison.summarise_all([tmp_path])
    assert [summary["name"] for summary in found] == ["longer", "best", "last"]
    group, = comparison.group_over_seeds(found)
    assert group["seeds"] == [7, 42]
    pictures_of.draw(found, [group], tmp_path / "a.png")


def test_two_other_data_sets_are_told_apart_and_common_settings_are_said_once(tmp_path):
    make_run(tmp_path, "a", kind="not the original MNIST", weights="aaaa" * 16, n_neurons=20)
    make_run(tmp_path, "b", kind="not the original MNIST", weights="bbbb" * 16, n_neurons=20, dropout=0.5)
    first, _, *rows = shown.report(comparison.summarise_all([tmp_path]), [])
    assert first == "all runs : rnn n_neurons=20, 2 epochs"
    assert "NOT THE ORIGINAL MNIST [aaaano]" in rows[0] and "NOT THE ORIGINAL MNIST [bbbbno]" in rows[1]
    assert "dropout=0.5" in rows[1] and "n_neurons" not in rows[0] + rows[1]


def test_two_runs_of_one_name_are_shown_by_their_path(tmp_path):
    for part in "xy":
        make_run(tmp_path / part, "same")
    lines = list(shown.report(comparison.summarise_all([tmp_path]), []))
    assert names(lines[2:]) == [str(tmp_path / part / "same") for part in "xy"]


def test_the_best_validation_may_lie_within_an_epoch(tmp_path):
    run = make_run(tmp_path, "a", (.7, .8), valid_steps=5)
    for epochs, acc_valid in ((.5, .6), (1.25, .9), (1.75, .9)):
        run.append_validation({"epochs": epochs, "step": int(20 * epochs), "acc_valid": acc_valid, "loss_valid": .3})
    summary = comparison.summarise(run)
    assert (summary["best_epoch"], summary["best_acc_valid"], summary["acc_valid"]) == (1, .9, .8)


# ---- two groups of seeds ----

def make_group(folder, name, counts, **settings):
    """Make a run for each seed of counts, {seed: test images right}."""
    for seed, n_correct in counts.items():
        make_run(folder, f"{name}{seed}", seed=seed, n_correct=n_correct, **settings)


def difference(folder):
    """Return (what is found of two groups in a folder, the line that tells it or None)."""
    summaries = comparison.summarise_all([folder])
    found = comparison.group_difference(summaries, comparison.group_over_seeds(summaries))
    return found, found and shown.difference_line(found, "a", "b")


@pytest.mark.slow
def test_two_groups_of_the_same_seeds_are_paired_whatever_other_runs_there_are(tmp_path):
    # Seed by seed 50, 40 and 60 images more of 10,000: mean .0050, standard error .0010 / sqrt 3, t(2) = 4.3027.
    make_group(tmp_path, "a", {1: 9500, 2: 9400, 3: 9600}, acc_valid=(.9, .95), n_neurons=300)
    make_group(tmp_path, "b", {3: 9540, 1: 9450, 2: 9360})
    make_run(tmp_path, "alone", n_neurons=7)
    make_run(tmp_path, "b1 again", seed=1, n_correct=9450)
    make_run(tmp_path, "going", n_neurons=300, seed=4, finished=False)
    done = compare(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    _, table, said = done.stdout.split("\n\n")
    assert names(table.splitlines()[1:]) == ["n_neurons=300", "n_neurons=150"]
    assert said.splitlines() == [
        "difference : mean acc_test of rnn n_neurons=300 minus that of rnn n_neurons=150 is +0.0050 (95 % "
        "interval +0.0025 to +0.0075; Student's t, paired by seed, df 2); p = 0.0131: the difference is more than "
        "chance",
        "not finished : 1 of 9 runs (--remove-unfinished removes them)",
        f"written : {tmp_path / 'comparison.png'}"]
    found = json.loads(compare("--json", tmp_path).stdout)["group_difference"]
    half = 4.3027 * .0010 / 3**.5
    assert found == {"score": "acc_test", "paired": True, "first_minus_second": .005, "df": 2,
                     "low": pytest.approx(.005 - half, abs=1e-6), "high": pytest.approx(.005 + half, abs=1e-6),
                     "p_value": pytest.approx(ttest_rel([.95, .94, .96], [.945, .936, .954]).pvalue)}
    done = compare("--csv", tmp_path)
    assert "difference" not in done.stdout and done.stdout.splitlines()[0] == ",".join(selection.TABLE_COLUMNS)


def test_groups_that_differ_in_epochs_only_are_named_by_them(tmp_path):
    make_group(tmp_path, "a", {1: 9500, 2: 9400}, acc_valid=(.9, .95))
    make_group(tmp_path, "b", {1: 9510, 2: 9440}, acc_valid=(.9, .95, .96))
    assert "mean acc_test of rnn epochs=3 minus that of rnn epochs=2 is +0.0025 " in compare(tmp_path).stdout


def test_two_groups_of_different_seeds_are_not_paired(tmp_path):
    make_group(tmp_path, "a", {1: 9500, 2: 9400, 3: 9600}, n_neurons=300, acc_valid=(.9, .95))
    make_group(tmp_path, "b", {3: 9510, 4: 9530})
    found, line = difference(tmp_path)
    expected = ttest_ind([.95, .94, .96], [.951, .953], equal_var=False)
    assert not found["paired"] and found["first_minus_second"] == pytest.approx(-.002)
    assert (found["df"], found["p_value"]) == pytest.approx((expected.df, expected.pvalue))
    assert f"Welch's t, not paired: the seeds differ, df {expected.df:.4g})" in line
    assert found["low"] < 0 < found["high"] and line.endswith("the difference may be chance")


@pytest.mark.parametrize("first, second, words", [
    ({1: 9500, 2: 9600, 3: 9100}, {1: 9300, 2: 9400, 3: 8900}, "+0.0200 with every seed: without a spread"),
    ({1: 9500, 2: 9500}, {3: 9600, 4: 9600, 5: 9600}, "-0.0100 with every seed: without a spread"),
    ({1: 9500, 2: 9400}, {1: 9500, 2: 9400}, "no difference : "), ({1: 9500, 2: 9500}, {3: 9500, 4: 9500}, "no diff")])
def test_a_difference_that_does_not_spread_is_called_neither_chance_nor_more(tmp_path, first, second, words):
    make_group(tmp_path, "a", first, acc_valid=(.9, .95))
    make_group(tmp_path, "b", second, n_neurons=300)
    found, line = difference(tmp_path)
    assert found["low"] == found["high"] == found["first_minus_second"] and found["p_value"] is None
    assert words in line and "more than chance" not in line and "may be chance" not in line


def test_one_group_three_groups_and_groups_on_other_data_have_no_difference(tmp_path):
    make_group(tmp_path, "a", {1: 9500, 2: 9400})
    assert difference(tmp_path) == (None, None)
    make_group(tmp_path, "b", {1: 9500, 2: 9400}, weights="another")  # and so another digest of the data
    assert difference(tmp_path) == (None, None)
    make_group(tmp_path, "c", {1: 9500, 2: 9400}, n_neurons=300)
    assert difference(tmp_path) == (None, None)
    done = compare("--json", tmp_path)
    assert json.loads(done.stdout)["group_difference"] is None and len(json.loads(done.stdout)["groups"]) == 3


# ---- the picture ----

def figure_of(monkeypatch, summaries, **more):
    """Return the figure that is saved of a comparison."""
    figures, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    with tempfile.TemporaryDirectory() as folder:
        pictures_of.draw(summaries, comparison.group_over_seeds(summaries), Path(folder, "a.png"), **more)
    return figures[0]


def test_curves_show_each_run_once_and_seeds_as_mean_and_range(folder, monkeypatch):
    figure = figure_of(monkeypatch, comparison.summarise_all([folder]))
    accuracy, loss = figure.axes
    drawn = {line.get_label(): [*line.get_ydata()] for line in accuracy.lines}
    assert drawn["rnn n_neurons=150 (3 runs)"] == pytest.approx([.9, .94])
    assert drawn[f"drawn ({SYNTHETIC.upper()})"] == [.99, .995] and drawn["going (not finished)"] == [.92]
    assert drawn["rnn n_neurons=300 seed=42"] == [.9, .99, .96] and len(drawn) == 5
    assert drawn["mlp model=mlp hidden_sizes=128-84 n_valid=0 (no validation: acc_test 0.9700)"] == [.97, .97]
    assert figure.get_suptitle() == "validation of 7 runs"
    band = accuracy.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(.9) and band[:, 1].max() == pytest.approx(.95)
    assert len(loss.lines) == 5


def test_runs_with_the_same_curves_are_one_line_and_one_run_is_no_runs(tmp_path, monkeypatch):
    make_run(tmp_path, "a")
    assert figure_of(monkeypatch, comparison.summarise_all([tmp_path])).get_suptitle() == "validation of 1 run"
    for name in "bc":
        make_run(tmp_path, name)
    make_run(tmp_path, "other", kind=SYNTHETIC)
    figure = figure_of(monkeypatch, comparison.summarise_all([tmp_path]))
    assert [line.get_label() for line in figure.axes[0].lines] == ["a = b = c (3 identical)",
                                                                f"other ({SYNTHETIC.upper()})"]
    assert figure.get_suptitle() == "validation of 4 runs\nrnn, 2 epochs"


@pytest.mark.parametrize("lang", languages.LANGUAGES)
@pytest.mark.parametrize("n, name", [(1, "a"), (30, "x"), (16, "20261120_n_neurons50_" + "M" * 150)])
def test_many_runs_and_long_names_stay_inside_and_apart(tmp_path, monkeypatch, lang, n, name):
    for i in range(n):
        make_run(tmp_path, f"{name}{i:02d}", (.9 + i / 1000, .95), n_neurons=10 + i, kind=SYNTHETIC)
    languages.use(lang)
    figure = figure_of(monkeypatch, comparison.summarise_all([tmp_path]))
    outside = figure.get_tightbbox()
    assert outside.x0 >= 0 and outside.y0 >= 0 and all(outside.max <= figure.get_size_inches())
    assert len(figure.axes[0].lines) == min(n, 8)
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == min(n, 8)
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert (str(n) in said and "8" in figure.get_suptitle()) == (n > 8)


def test_a_run_without_an_epoch_is_in_the_table_and_not_in_the_picture(tmp_path):
    make_run(tmp_path, "a", (), finished=False, epochs=3)
    done = compare(tmp_path)
    assert done.returncode == 0 and "0/3" in done.stdout
    assert done.stderr == "no picture: none of the runs has validation figures\n" and pictures(tmp_path) == []


def test_all_curves_where_they_are_asked_for_and_those_that_colours_cannot_tell_apart_are_grey(tmp_path, monkeypatch):
    for i in range(40):
        make_run(tmp_path, f"r{i}", (.9 + i / 1000, .95), n_neurons=10 + i)
    figure = figure_of(monkeypatch, comparison.summarise_all([tmp_path]), n_curves=0)
    lines = figure.axes[0].lines
    assert len(lines) == 40 and {line.get_color() for line in lines[28:]} == {style.GREY}
    assert len({(line.get_color(), line.get_linestyle()) for line in lines[:28]}) == 28
    words = [words.get_text() for words in figure.legends[0].get_texts()]
    assert len(words) == 29 and words[0] == "n_neurons=10" and words[-1] == "12 others"
    assert figure.get_suptitle() == "validation of 40 runs\nrnn, original MNIST, 2 epochs"


def test_first_epochs_do_not_press_together_what_follows_and_that_is_said(tmp_path, monkeypatch):
    make_run(tmp_path, "a", (.1, .95, .96, .97))
    figure = figure_of(monkeypatch, comparison.summarise_all([tmp_path]))
    accuracy = figure.axes[0]
    assert .94 < accuracy.get_ylim()[0] < .95 and .97 < accuracy.get_ylim()[1] < .98
    assert all(axes.get_ylabel().endswith(", the first epochs cut off") for axes in figure.axes)
    make_run(tmp_path, "b", (.1, .95, .97))
    few = figure_of(monkeypatch, comparison.summarise_all([tmp_path / "b"]))
    assert few.axes[0].get_ylim()[0] < .1 and few.axes[0].get_ylabel() == "accuracy"


def test_first_epochs_are_not_cut_off_where_that_shows_little_more(tmp_path, monkeypatch):
    make_run(tmp_path, "a", (.86, .93, .95, .958, .964))
    accuracy = figure_of(monkeypatch, comparison.summarise_all([tmp_path])).axes[0]
    assert accuracy.get_ylim()[0] < .86 and accuracy.get_ylabel() == "accuracy"


@pytest.mark.parametrize("lang", languages.LANGUAGES)
@pytest.mark.parametrize("note", ["short", "새 마우스로 그린 숫자를 더해 다시 훈련함 " * 2, "M" * 60])
def test_what_all_runs_share_is_in_the_title_in_whole_words_and_within_the_width(tmp_path, monkeypatch, lang, note):
    for n_neurons in (20, 30):
        run = make_run(tmp_path, f"r{n_neurons}", n_neurons=n_neurons, n_subset=20000, batch_size=50, cell="gru",
                       clip_norm=3.0, learning_rate=.0123, optimizer="rmsprop", rho=.8, layers=2, subset_seed=77)
        run.write_note(note)
    languages.use(lang)
    figure = figure_of(monkeypatch, comparison.summarise_all([tmp_path]))
    words = figure.get_suptitle().replace(",", "").split()
    assert set(words) >= {"n_subset=20000", "learning_rate=0.0123", "subset_seed=77", "MNIST"}
    title = figure._suptitle.get_window_extent()
    assert title.x0 >= 0 and title.x1 <= figure.bbox.width and title.y1 <= figure.bbox.height
    assert title.y0 > figure.axes[0].get_window_extent().y1


def group_figure(monkeypatch, folder):
    """Return the figure that is saved of a folder's runs, grouped by n_neurons."""
    figures, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    summaries = comparison.summarise_all([folder])
    groups = comparison.group_by_settings(summaries, ["n_neurons"])
    pictures_of.draw(summaries, groups, folder / "a.png", only_groups=True)
    return figures[0]


def test_a_group_is_not_called_by_the_note_of_its_run(tmp_path, monkeypatch):
    make_run(tmp_path, "a", n_neurons=20).write_note("of one")
    make_run(tmp_path, "b", (.7, .8), n_neurons=30)
    assert [line.get_label() for line in group_figure(monkeypatch, tmp_path).axes[0].lines] == ["n_neurons=20",
                                                                                          "n_neurons=30"]


@pytest.mark.parametrize("figures", [[(.8,), (.9,)], [(None,), (None,)]])
def test_the_range_of_a_group_shows_where_there_is_a_single_figure(tmp_path, monkeypatch, figures):
    for seed, figure in enumerate(figures):
        settings = {"n_valid": 0} if figure == (None,) else {}
        make_run(tmp_path, f"a{seed}", figure, n_neurons=20, seed=seed, n_correct=8000 + 1000 * seed, **settings)
    make_run(tmp_path, "b", (.7,), n_neurons=30)
    figure = group_figure(monkeypatch, tmp_path)
    assert "range" in figure.legends[0].get_title().get_text()
    axes = figure.axes[0]
    ends = (axes.patches[0].get_corners() if axes.patches else axes.collections[0].get_paths()[0].vertices)[:, 1]
    assert (min(ends), max(ends)) == pytest.approx((.8, .9))


# ---- where the picture goes ----

def pictures(folder):
    """Return the names, within a folder, of all pictures in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


@pytest.mark.slow
def test_named_runs_leave_the_picture_of_all_alone_and_each_comparison_has_its_own(folder):
    (folder / "comparison.png").write_text("of all")
    done = compare("a42", "a43", "going", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "written : a42/plots/comparison_a43_going.png"
    compare("a42", "a43", "net", cwd=folder)
    assert pictures(folder) == ["a42/plots/comparison_a43_going.png", "a42/plots/comparison_a43_net.png",
                                "comparison.png"]
    assert (folder / "comparison.png").read_text() == "of all"


@pytest.mark.slow
def test_runs_of_several_folders_leave_nothing_in_the_folder_that_they_share(tmp_path):
    for i, part in enumerate("xyz"):
        make_run(tmp_path / part, "same", weights=f"{i}" * 64)  # different data: not to be paired
    written = [compare(*(tmp_path / part / "same" for part in order)).stdout.splitlines()[-1].removeprefix("written : ")
               for order in ("xyy", "xzz", "xyz")]
    assert len(set(written)) == 3
    assert pictures(tmp_path) == sorted(path.removeprefix(f"{tmp_path}/") for path in written)
    assert all(path.startswith(f"{tmp_path}/x/same/plots/comparison_same_") for path in written)


@pytest.mark.slow
def test_csv_and_json_draw_only_where_out_says(folder, tmp_path_factory):
    for form in ("--csv", "--json"):
        assert compare(form, folder).stderr == ""
    assert pictures(folder) == []
    out = tmp_path_factory.mktemp("out") / "new" / "a.png"
    done = compare("--json", folder, "--out", out)
    assert (json.loads(done.stdout)["paired_test"], done.stderr) == (None, f"written : {out}\n")
    assert pictures(folder) == [] and out.read_bytes().startswith(b"\x89PNG")
    assert compare(folder, "--out", out).stdout.splitlines()[-1] == f"written : {out}"
    assert pictures(folder) == []


def test_a_reader_that_has_gone_does_not_prevent_the_picture(folder):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run([sys.executable, "scripts/compare_runs.py", folder], stdout=write, stderr=subprocess.PIPE,
                             text=True)
    os.close(write)
    assert (process.returncode, without_first_word(process.stderr)) == (0, "")
    assert pictures(folder) == ["comparison.png"]


@pytest.mark.slow
def test_a_picture_that_cannot_be_written_is_a_note_and_with_out_an_error(folder):
    (folder / "a42" / "plots").write_text("no folder")
    done = compare("a42", "a43", "a44", cwd=folder)
    assert done.returncode == 0 and names(done.stdout.splitlines()[2:5]) == ["a42", "a44", "a43"]
    assert "written" not in done.stdout and done.stderr.count("\n") == 1
    assert done.stderr.startswith("note: the picture could not be written: a42/plots")
    done = compare("a42", "a43", "a44", "--out", "a42/plots/a.png", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: --out a42/plots/a.png: cannot be written")


def test_no_picture_of_runs_that_were_never_validated(folder):
    done = compare("net", cwd=folder)
    assert done.returncode == 0 and names(done.stdout.splitlines()[1:]) == ["net"]
    assert done.stderr == "no picture: none of the runs has validation figures\n"
    done = compare("net", "--out", "none.png", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --out none.png: none of the runs has validation figures to draw: leave it out\n"
    assert pictures(folder) == []


def test_the_name_of_a_picture(folder, monkeypatch):
    def where(*paths):
        """Return the path of the picture that compares runs in the folder."""
        return str(pictures_of.picture_path(paths, comparison.summarise_all(paths)))

    monkeypatch.chdir(folder)
    assert where(".") == where(".", "./") == "comparison.png" and where("sweep") == "sweep/comparison.png"
    assert where("a42") == "a42/plots/comparison.png"
    assert where("a44", "a42", "a44") == "a44/plots/comparison_a42.png"  # in the order given, not the table's
    assert where("net", ".").startswith("net/plots/comparison_a42_a43_a44_drawn_going_wide_")
    for name in ("긴" * 60, "긴" * 59 + "b"):
        make_run(folder, name)
    long = [where("a42", name) for name in ("긴" * 60, "긴" * 59 + "b")]
    assert long[0] != long[1] and long[0][:-12] == long[1][:-12]
    assert all(len(os.path.basename(path).encode()) < 120 for path in long)


# ---- the paired test ----

@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, toy_data_dir):
    """Return two small trained networks."""
    from rnn_mnist.train import train
    folder = tmp_path_factory.mktemp("two")
    return [train(epochs=2, batch_size=50, n_valid=100, n_neurons=10, seed=seed, data_dir=toy_data_dir,
                  run_name=f"s{seed}", runs_dir=folder, plots=False) for seed in (1, 2)]


@pytest.mark.slow
def test_two_runs_are_paired_on_the_same_test_images(two_runs):
    from rnn_mnist.analysis.evaluate import evaluate_run
    one, two = (evaluation.predictions == evaluation.labels for evaluation in map(evaluate_run, two_runs))
    b, c = np.sum(one & ~two), np.sum(two & ~one)
    assert b + c > 0
    done = compare("--json", *two_runs)
    assert done.returncode == 0
    found = json.loads(done.stdout)["paired_test"]
    counts = dict(zip((found["first"], found["second"]), (found["only_first_right"], found["only_second_right"]),
                      strict=True))
    assert counts == {"s1": b, "s2": c}
    assert found["both_right"] + found["both_wrong"] + b + c == found["n_test"] == 200
    assert found["p_value"] == pytest.approx(binomtest(int(b), int(b + c)).pvalue)
    assert not found["same_answers"]
    line = shown.paired_line(found)
    assert line.endswith("more than chance" if found["p_value"] < .05 else "may be chance")


@pytest.mark.slow
def test_two_runs_with_the_same_answers_are_said_to_have_them(two_runs, tmp_path):
    twin = shutil.copytree(two_runs[0].path, tmp_path / "twin")
    test = comparison.paired_test(*comparison.summarise_all([two_runs[0].path, twin]))
    line = shown.paired_line(test)
    assert "the same answers on every image" in line and "chance" not in line


def test_runs_on_different_data_are_not_paired(two_runs, tmp_path):
    other = make_run(tmp_path, "other")
    first, second = comparison.summarise_all([two_runs[0].path, other.path])
    assert "different data" in refusal(comparison.paired_test, first, second)
    done = compare(two_runs[0], other)
    assert done.returncode == 0 and "McNemar" not in done.stdout
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("no paired test: ")


def test_runs_whose_data_has_changed_since_are_not_paired(two_runs, toy_data_dir, tmp_path):
    data = shutil.copytree(toy_data_dir, tmp_path / "data")
    (data / "t10k-images.idx3-ubyte").write_bytes(idx_bytes(np.zeros([200, 28, 28])))
    copies = [shutil.copytree(run.path, tmp_path / run.name) for run in two_runs]
    for run in map(Run, copies):
        config, options = run.settings
        run.write_settings(config, replace(options, data_dir=data))
    summaries = comparison.summarise_all(copies)
    assert "no longer" in refusal(comparison.paired_test, *summaries)


def test_many_seeds_are_told_in_a_few_words(tmp_path):
    for seed in [*range(12), 20, 30, 31]:
        make_run(tmp_path, f"s{seed}", (.9,), seed=seed)
    summaries = comparison.summarise_all([tmp_path])
    lines = list(shown.report(summaries, comparison.group_over_seeds(summaries)))
    assert "  0-11 20 30-31  " in lines[-1]
