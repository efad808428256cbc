"""compare_runs: which runs are chosen, in what order and groups; notes on runs; unfinished ones removed."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from statistics import mean

import fork_server
import pytest
from helpers import refusal, snapshot
from made_runs import make_run

from rnn_mnist.analysis import compare as comparison
from rnn_mnist.analysis import selection, unfinished
from rnn_mnist.analysis.rerun import verdict
from rnn_mnist.console.languages import SYNTHETIC
from rnn_mnist.run import Run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def folder(tmp_path):
    """Return a folder, runs, with eight: two cells of two sizes, two seeds of one of these, others, one unfinished."""
    folder = tmp_path / "runs"
    for cell, n_neurons, last in (("basic", 50, .91), ("basic", 100, .92), ("lstm", 50, .95), ("lstm", 100, .96)):
        make_run(folder, f"{cell}-{n_neurons}", (.5, last), cell=cell, n_neurons=n_neurons,
                 n_correct=round(10_000 * last) - 10)
    make_run(folder, "seed", (.5, .97), cell="lstm", n_neurons=100, seed=7, n_correct=9700)
    make_run(folder, "net", (.5, .93), model="mlp", hidden_sizes=(128, 84), n_correct=9290)
    make_run(folder, "drawn", (.5, .999), kind=SYNTHETIC, data="synthetic", n_correct=9990)
    make_run(folder, "going", (.6,), finished=False, epochs=9)
    return folder


def compare(folder, *flags):
    """Return (exit code, output, what is on stderr) of scripts/compare_runs.py on the folder."""
    return fork_server.run(folder.parent, "compare_runs.py", folder.name, *flags)


def refused(folder, *flags):
    """Return the one line in which compare_runs.py must end, having written nothing."""
    before = snapshot(folder)
    code, out, err = compare(folder, *flags)
    assert (code, out, err.count("\n"), err[:7]) == (2, "", 1, "error: ") and snapshot(folder) == before
    return err


def rows(folder, *flags):
    """Return the rows of the CSV, as dicts."""
    code, out, err = compare(folder, "--csv", *flags)
    assert (code, err) == (0, "")
    return list(csv.DictReader(io.StringIO(out)))


# ---- filters, order ----

@pytest.mark.parametrize("filters, expected", [
    (["cell=lstm"], {"lstm-50", "lstm-100", "seed"}), (["cell=lstm", "seed!=7"], {"lstm-50", "lstm-100"}),
    (["cell=basic"], {"basic-50", "basic-100", "drawn", "going"}),  # a perceptron has no cell, whatever its config says
    (["n-neurons=50"], {"basic-50", "lstm-50"}), (["n_neurons==5e1"], {"basic-50", "lstm-50"}),
    (["n_neurons <= 100", "n_neurons>50"], {"basic-100", "lstm-100", "seed"}), (["hidden_sizes=128-84"], {"net"}),
    (["cell!=lstm", "model!=RNN"], {"net"}), (["name=*-50"], {"basic-50", "lstm-50"}), (["finished=no"], {"going"}),
    (["data=synthetic"], {"drawn"}), (["data=Synthetic Digits*"], {"drawn"}), (["data!=mnist"], {"drawn"}),
    (["acc_test>=.96"], {"seed", "drawn"}), (["acc_test<.92"], {"basic-50", "basic-100"}), (["weights="], {"going"}),
    (["learning_rate=0.001", "finished=true", "model=mlp"], {"net"})])
def test_filters(folder, filters, expected):
    found = selection.filtered(comparison.summarise_all([folder]), filters)
    assert {summary["name"] for summary in found} == expected


@pytest.mark.parametrize("flags, words", [
    (["--filter", "neurons=3"], "--filter: there is no neurons: did you mean n_neurons?\n"),
    (["--filter", "zzz=3"], "--filter: there is no zzz: there are model, epochs, "),
    (["--filter", "cell"], "--filter 'cell' must be KEY=VALUE"),
    (["--filter", "cell=lst"], "--filter 'cell=lst' leaves none of 8 runs: there, cell is basic, lstm, -\n"),
    (["--filter", "cell=lstm", "--filter", "n_neurons>100"], "leaves none of 3 runs: there, n_neurons is 50, 100\n"),
    (["--filter", "seed<x"], "< needs a number"), (["--sort", "speed"], "--sort: there is no speed: did you mean "),
    (["--group-by", "cell,acc_test"], "--group-by: there is no acc_test"), (["--top", "0"], "--top must be at least 1"),
    (["--curves", "-1"], "--curves must be at least 0"), (["--yes"], "--yes has no effect"),
    (["--filter", "finished=no", "--group-by", "cell"], "none of the 1 runs is finished"),
    ([""], "RUN is empty: "), (["--sort", ""], "--sort: there is no : there are "),
    (["--note", "x"], "no run directory"), (["--note", "x", "--top", "3"], "--note goes with one RUN"),
    (["--remove-unfinished", "--top", "3"], "--remove-unfinished goes with"),
    (["--remove-unfinished", "--csv"], "--remove-unfinished goes with")])
def test_what_cannot_be_chosen_is_refused_in_one_line(folder, flags, words):
    assert words in refused(folder, *flags)


@pytest.mark.parametrize("key, expected", [
    ("acc-test", ["seed", "lstm-100", "lstm-50", "net", "basic-100", "basic-50", "going", "drawn"]),
    ("n_neurons", ["lstm-50", "basic-50", "seed", "lstm-100", "basic-100", "going", "net", "drawn"]),
    ("name", ["basic-100", "basic-50", "going", "lstm-100", "lstm-50", "net", "seed", "drawn"])])
def test_order_keeps_runs_on_the_same_data_together_and_puts_those_without_a_value_last(folder, key, expected):
    found = rows(folder, "--sort", key)
    assert [row["name"] for row in found] == expected
    assert [row["name"] for row in rows(folder, "--sort", key, "--top", 3)] == expected[:3]


def test_what_was_chosen_is_said_and_the_picture_has_a_name_of_its_own(folder):
    _, out, _ = compare(folder, "--filter", "cell=lstm", "--sort", "seed", "--top", 2, "--filter", "acc_test>0.9")
    first, second, *_, last = out.splitlines()
    assert first == "runs : 2 of 8 (--filter cell=lstm --filter acc_test>0.9 --sort seed --top 2)"
    assert second == "all runs : rnn cell=lstm n_neurons=100, original MNIST, 2 epochs"
    [picture] = folder.glob("*.png")
    assert picture.name.startswith("comparison_cell=lstm_acc_test-0.9_sort-seed_top-2_")
    assert last == f"written : runs/{picture.name}"
    compare(folder)
    assert (folder / "comparison.png").exists() and picture.exists()


def test_the_first_rows_have_no_mean_over_seeds_for_it_would_be_that_of_the_best(folder):
    make_run(folder, "again", (.5, .955), cell="lstm", n_neurons=50, seed=7)
    assert len(json.loads(compare(folder, "--json")[1])["groups"]) == 2
    found = json.loads(compare(folder, "--json", "--top", 4)[1])
    assert found["groups"] == [] and len(found["runs"]) == 4


def test_an_empty_name_never_means_the_current_folder(folder):
    before = snapshot(folder / "net")
    for flags in ([""], ["", "--note", "x"], ["", "--remove-unfinished", "--yes"]):
        done = subprocess.run([sys.executable, os.path.abspath("scripts/compare_runs.py"), *flags], text=True,
                              cwd=folder / "net", capture_output=True)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith(
            "RUN is empty: name a run directory or a folder, . for the current one\n")
    assert snapshot(folder / "net") == before


def test_a_run_that_is_spelled_in_two_ways_counts_once_by_the_first(folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = selection.find_all(["net", folder / "net", "../runs/net", "."])
    assert len(found) == 8 and str(found[0]) == "net" and str(selection.find_all([folder, "net"])[-1]).startswith("/")


# ---- groups by settings ----

def test_groups_by_settings_have_a_row_and_a_curve_each(folder):
    shutil.copytree(folder / "seed", folder / "seed again")  # the same figures again: they count once
    code, out, err = compare(folder, "--group-by", "cell", "--sort", "acc_test")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "runs : 7 of 9 (--group-by cell --sort acc_test)"
    assert [line.split("  ")[0] for line in lines[3:-2]] == ["rnn cell=lstm", "mlp", "rnn cell=basic", "rnn cell=basic"]
    assert lines[1] == "all runs : 2 epochs"
    assert "  3  " in lines[3] and f"{mean([.949, .959, .97]):.4f} ± 0.0105" in lines[3]
    assert "±" not in lines[4] and "SYNTHETIC" in lines[6] and lines[-2].startswith("not finished : 1 of 9 runs")
    assert (folder / "comparison_group-by-cell_sort-acc_test.png").exists()


def test_groups_as_csv_and_json(folder):
    found = rows(folder, "--group-by", "cell,n_neurons", "--sort", "n_neurons", "--filter", "data=mnist")
    assert [(row["settings"], row["n_runs"]) for row in found] == [
        ("cell=lstm n_neurons=50", "1"), ("cell=basic n_neurons=50", "1"), ("cell=lstm n_neurons=100", "2"),
        ("cell=basic n_neurons=100", "1"), ("", "1")]
    assert float(found[2]["acc_test_mean"]) == mean([.959, .97]) and found[0]["acc_test_sd"] == ""
    found = json.loads(compare(folder, "--json", "--group-by", "model", "--top", 1)[1])
    assert [group["settings"] for group in found["groups"]] == [{"model": "rnn"}] and len(found["runs"]) == 5


# ---- notes ----

def test_a_note_is_shown_where_there_is_one_and_can_be_taken_back(folder):
    assert fork_server.run(folder.parent, "compare_runs.py", "runs/net", "--note", "마우스 {x}, a=b")[::2] == (0, "")
    assert (folder / "net/note.txt").read_text() == "마우스 {x}, a=b\n"
    head, *lines = compare(folder)[1].splitlines()
    assert head.endswith("note") and next(line for line in lines if line.startswith("net ")).endswith("마우스 {x}, a=b")
    assert {row["name"]: row["note"] for row in rows(folder)}["net"] == Run(folder / "net").note == "마우스 {x}, a=b"
    done = fork_server.run(folder.parent, "compare_runs.py", "runs/net", "--note", "")
    assert done == (0, "note of runs/net : -\n", "")
    assert not (folder / "net/note.txt").exists() and "note" not in compare(folder)[1].splitlines()[0]


@pytest.mark.parametrize("note", ["a\nb", "x" * 501, "\x1b[31m", 7])
def test_a_note_is_one_line_of_text(folder, note, toy_data_dir):
    from rnn_mnist.train import train
    run = Run(folder / "net")
    run.write_note("before")
    for call in (run.write_note, lambda note: train(note=note, data_dir=toy_data_dir, runs_dir=folder / "new")):
        assert refusal(call, note).startswith("note must be one line of at most 500 letters")
    assert run.note == "before" and not (folder / "new").exists()


def test_whatever_note_txt_holds_is_one_harmless_line(folder):
    path = folder / "net/note.txt"
    path.write_text("one\n two\t\x1b[31m" + "x" * 1000 + "\n")
    assert Run(folder / "net").note == ("one two \\u001b[31m" + "x" * 1000)[:500]
    code, out, err = compare(folder)
    assert (code, err) == (0, "") and "\x1b" not in out and "x" * 61 not in out
    path.write_bytes(b"\xff\xfe")
    code, out, err = compare(folder)
    assert code == 0 and "net " not in out and err == "left out: runs/net/note.txt: is not text: restore or delete it\n"


def test_a_note_from_the_start_changes_nothing_else(tmp_path, toy_data_dir):
    flags = ["--hidden-sizes", 6, "--batch-size", 250, "--n-valid", 100, "--epochs", 1, "--no-plots", "--offline",
             "--data-dir", toy_data_dir]
    assert fork_server.run(tmp_path, "train_mlp.py", *flags, "--run-name", "a", "--note", " hello ")[::2] == (0, "")
    assert fork_server.run(tmp_path, "train_mlp.py", *flags, "--run-name", "b")[::2] == (0, "")
    assert Run(tmp_path / "runs/a").note == "hello" and Run(tmp_path / "runs/b").note == ""
    assert verdict(tmp_path / "runs/a", tmp_path / "runs/b")[0]
    made = {path.as_posix() for path in snapshot(tmp_path / "runs/a")} - {"result.json"}
    assert [name for name in made if not unfinished.MADE.fullmatch(name)] == []
    assert (tmp_path / "runs/a/config.json").read_text().replace('"a"', '"b"') == (
        tmp_path / "runs/b/config.json").read_text()
    code, _, err = fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/a", "--epochs", 2, "--note", "x y")
    assert code == 2 and err.endswith("compare_runs.py runs/a --note 'x y'\n") and err.count("\n") == 1
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/a", "--epochs", 2)[::2] == (0, "")
    assert Run(tmp_path / "runs/a").note == "hello"


# ---- what is not finished ----

def remove(folder, monkeypatch, answer=None, yes=False):
    """Remove the unfinished runs of a folder, with an answer typed on a terminal or, if it is None, without one."""
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: answer is not None)
    monkeypatch.setattr(sys, "stdin", terminal)
    unfinished.remove_unfinished(comparison.summarise_all([folder]), [folder], yes)


def without(content, name):
    """Return a snapshot without a folder."""
    return {path: data for path, data in content.items() if path.parts[0] != name}


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "nay\n", "yes please\n"])
def test_nothing_is_removed_unless_it_is_agreed_to(folder, monkeypatch, capsys, answer):
    before = snapshot(folder)
    remove(folder, monkeypatch, answer)
    assert snapshot(folder) == before
    out, err = capsys.readouterr()
    assert out.splitlines() == ["not finished : 1 of 8 runs", f"{folder / 'going'} : 1 of 9 epochs", "nothing removed"]
    assert err == "remove for good : 1? [y/N]\n"


def test_without_a_terminal_it_takes_yes(folder):
    assert "no terminal to ask on: add --yes" in refusal_of_removal(folder)
    before = snapshot(folder)
    code, out, err = compare(folder, "--remove-unfinished", "--yes")
    assert (code, err) == (0, "") and out.splitlines()[-1] == "removed : 1 of 1 runs that are not finished"
    assert snapshot(folder) == without(before, "going") and not (folder / "going").exists()
    assert compare(folder, "--remove-unfinished")[:2] == (0, "not finished : none of 7 runs\n")


def refusal_of_removal(folder, *flags):
    """Return the last line on stderr where nothing may be removed."""
    before = snapshot(folder)
    code, _, err = compare(folder, "--remove-unfinished", *flags)
    assert code == 2 and err.count("\n") == 1 and snapshot(folder) == before
    return err


def test_agreed_to_on_a_terminal_those_that_pass_the_filters_are_removed(folder, monkeypatch):
    make_run(folder, "other", (.5,), finished=False, epochs=3, n_neurons=9)
    code, out, _ = compare(folder, "--remove-unfinished", "--yes", "--filter", "n_neurons=9")
    assert code == 0 and not (folder / "other").exists() and (folder / "going").exists() and "1 of 1 runs" in out
    remove(folder, monkeypatch, "Y\n")
    assert not (folder / "going").exists() and len(list(folder.iterdir())) == 7


def test_a_run_that_is_being_trained_is_left(folder, monkeypatch, capsys):
    make_run(folder, "other", (.5,), finished=False, epochs=3)
    before = snapshot(folder)
    holder = subprocess.Popen([sys.executable, "-c", "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); "
                               "lock.acquire(); print('held', flush=True); sys.stdin.read()", folder / "going/.lock"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    try:
        remove(folder, monkeypatch, yes=True)
    finally:
        holder.communicate()
    assert snapshot(folder) == without(before, "other") and not (folder / "other").exists()
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "left out: " in err and "another process is training into it" in err
    assert out.endswith("removed : 1 of 2 runs that are not finished\n")


def finish(run):
    """Put a result there, as a training that ended meanwhile does."""
    (run / "result.json").write_text("{}")


def add_thesis(run):
    """Put a file of the user's there."""
    (run / "thesis.txt").write_text("all of it")


def nest_runs(run):
    """Have the folder hold runs, too."""
    make_run(run / "runs", "inner")


def link_inside(run):
    """Put a link to elsewhere there."""
    (run / "plots").symlink_to(run.parent / "net")


def put(*names):
    """Return what puts files there."""
    def spoil(run):
        """Put them there."""
        for name in names:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_text("theirs")
    return spoil


def copy_finished_run(run):
    """Keep another, finished run among the plots."""
    shutil.copytree(run.parent / "net", run / "plots/net")


def train_to_the_end(run):
    """Have all epochs trained."""
    for epoch in range(1, 9):
        Run(run).append_metrics({**Run(run).metrics[0], "epoch": epoch})


@pytest.mark.parametrize("spoil", [
    finish, add_thesis, nest_runs, link_inside, copy_finished_run, train_to_the_end, put("plots/notes.txt"),
    put("checkpoints/mine.npz"), put("events/a.csv"), put("export/weights.npz"), put("thesis.tmp"),
    put("old.tmp/thesis.txt"), put("plots/sub/a.png"), put("thesis/.a.png.0123456789abcdef.tmp")])
def test_what_is_no_unfinished_run_alone_is_left(folder, monkeypatch, capsys, spoil):
    found = comparison.summarise_all([folder])
    spoil(folder / "going")
    before = snapshot(folder)
    unfinished.remove_unfinished(found, [folder], True)
    assert snapshot(folder) == before
    out, err = capsys.readouterr()
    assert out.endswith("removed : 0 of 1 runs that are not finished\n")
    assert err.startswith("left out: ") and err.count("\n") == 1


def test_nothing_is_removed_through_a_link(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    make_run(elsewhere, "theirs", (.5,), finished=False, epochs=3)
    before = snapshot(elsewhere)
    (folder / "linked").symlink_to(elsewhere)
    assert compare(folder, "--remove-unfinished", "--yes")[0] == 0
    assert not (folder / "going").exists() and snapshot(elsewhere) == before
    (folder / "run").symlink_to(elsewhere / "theirs")
    for path in ("runs/linked", "runs/linked/", "runs/linked/.", "runs/run"):
        code, _, err = fork_server.run(folder.parent, "compare_runs.py", path, "--remove-unfinished", "--yes")
        assert code == 2 and "is a symbolic link: name the folder itself" in err and snapshot(elsewhere) == before


def test_what_the_project_makes_goes_with_the_run_and_so_do_empty_folders(folder, capsys):
    found = comparison.summarise_all([folder])
    put("checkpoints/last.json", "checkpoints/step-00000020.index", "checkpoints/step-00000020.npz",
        "checkpoints/step-00000020.data-00000-of-00001", "checkpoints/step-00000040.index.tempstate12345",
        "events/events.out.tfevents.0", "plots/curves.png", "plots/data-0123abcd/rows-0-to-9/errors.png", "report.html",
        ".metrics.csv.0123456789abcdef.tmp", "plots/.curves.png.0123456789abcdef.tmp")(folder / "going")
    (folder / "going/plots/old/empty").mkdir(parents=True)
    unfinished.remove_unfinished(found, [folder], True)
    assert not (folder / "going").exists() and capsys.readouterr().err == ""


def test_a_run_that_is_trained_is_to_be_finished(folder, monkeypatch, capsys):
    train_to_the_end(folder / "going")
    remove(folder, monkeypatch, yes=True)
    line = f"{folder / 'going'}: is trained and has only to be scored: finish it by "
    assert capsys.readouterr().err.startswith(f"left out: {line}")


def test_the_current_folder_may_be_removed_and_others_with_it(folder, monkeypatch, capsys):
    make_run(folder, "other", (.5,), finished=False, epochs=3)
    monkeypatch.chdir(folder / "going")
    paths = [".", "../other"]
    unfinished.remove_unfinished(comparison.summarise_all(paths), paths, True)
    assert capsys.readouterr().out.endswith("removed : 2 of 2 runs that are not finished\n")
    assert not (folder / "going").exists() and not (folder / "other").exists()


def test_what_is_left_of_an_interrupted_removal_is_still_an_unfinished_run(folder, monkeypatch, capsys):
    make_run(folder, "other", (.5,), finished=False, epochs=3)
    (folder / "going/events").mkdir()
    rmdir = unfinished.Path.rmdir

    def fail(path):
        """Refuse in one run, as a disk does."""
        if "going" in path.parts:
            raise OSError(5, "Input/output error", str(path))
        rmdir(path)

    monkeypatch.setattr(unfinished.Path, "rmdir", fail)
    put("plots/curves.png")(folder / "going")
    remove(folder, monkeypatch, yes=True)
    out, err = capsys.readouterr()
    assert out.endswith("removed : 1 of 2 runs that are not finished\n") and not (folder / "other").exists()
    assert err.count("\n") == 1
    assert err.startswith(f"left out: {folder / 'going'}: cannot be removed whole (") and "Input/output error" in err
    monkeypatch.undo()
    remove(folder, monkeypatch, yes=True)
    assert not (folder / "going").exists()
