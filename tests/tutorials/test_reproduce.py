"""reproduce.py: verdicts against the published figures, the table it leaves, what it skips, refuses and tells first."""

import csv
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import idx_bytes, refusal, user_environment, without_first_word

from rnn_mnist.config import with_settings
from rnn_mnist.console import languages
from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets import synthetic
from rnn_mnist.datasets.files import read_arrays
from rnn_mnist.run import Run, find_runs
from rnn_mnist.tutorials.experiments import EXPERIMENTS, LONG, choose, expected_time
from rnn_mnist.tutorials.presets import PRESETS, Preset
from rnn_mnist.tutorials.published import PUBLISHED, Published, rows

RNG = np.random.RandomState(9)
SIZES = (784, 20, 10)


def command(*flags, python=()):
    """Run scripts/reproduce.py in a process of its own; return it with its output."""
    done = subprocess.run([sys.executable, *python, "scripts/reproduce.py", *map(str, flags)], capture_output=True,
                          text=True, env=user_environment())
    done.stderr = without_first_word(done.stderr)
    return done


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    """Keep the timing of batches short in this process; nothing is asserted about it."""
    monkeypatch.setattr("rnn_mnist.tutorials.throughput.SECONDS", 0.01)


def as_published(experiment, **changed):
    """Return {key: value} as if we had measured just what was published, the least of a range, some of it changed."""
    return {key: value[0] if isinstance(value, tuple) else value for item in PUBLISHED[experiment]
            for key, value in zip(item.keys, item.values, strict=False)} | changed


def verdicts(experiment, ours, **how):
    """Return {figure: in the band?} of measured values."""
    return {row.figure: row.in_band for row in rows(PUBLISHED[experiment], experiment, ours, **how)}


def test_every_experiment_is_listed_has_figures_and_a_preset():
    assert list(EXPERIMENTS) == list(PUBLISHED)
    assert set(EXPERIMENTS) == {*PRESETS, "numpy-inference"}


@pytest.mark.parametrize(("experiment", "n_yes"), [("rnn-rows", 4), ("mlp-relu", 3), ("mlp-relu-l2", 4),
                                                   ("mlp-wide", 3), ("numpy-inference", 4), ("rnn-rows-100", 1),
                                                   ("rnn-relu-3", 1), ("lstm-3", 1)])
def test_published_figures_lie_in_their_own_bands(experiment, n_yes):
    found = list(verdicts(experiment, as_published(experiment)).values())
    assert found.count("yes") == n_yes and "no" not in found


@pytest.mark.parametrize(("experiment", "key", "value", "expected"), [
    ("rnn-rows", "acc_valid 0", .93224, "yes"), ("rnn-rows", "acc_valid 0", .9323, "no"),
    ("rnn-rows", "loss_batch 1", .1874, "no"), ("rnn-rows", "acc_valid 4", .9507, "yes"),
    ("rnn-rows", "acc_valid 4", .9506, "no"), ("rnn-rows", "acc_test", .9761, "no"),
    ("rnn-rows", "acc_test", .9599, "yes"), ("mlp-relu", "acc_train", .9931, "no"),
    ("mlp-relu", "acc_train", 1.0, "yes"), ("mlp-relu", "acc_test", .9729, "no"),
    ("mlp-relu", "acc_test", .973, "yes"), ("mlp-relu", "acc_test", .9837, "no"),
    ("mlp-relu", "loss_test", .1676, "no"), ("mlp-sigmoid", "acc_test", .1135, "yes"),
    ("mlp-sigmoid", "acc_test", .1136, "no"), ("mlp-sigmoid", "acc_test", .2144, "no"),
    ("mlp-wide", "acc_running 0", .9293, "yes"), ("mlp-wide", "acc_running 0", .9294, "no"),
    ("mlp-wide", "acc_running 4", .9878, "no"), ("mlp-wide", "loss_running 2", .0660, "no"),
    ("mlp-relu-l2", "gap", .0189, "yes"), ("mlp-relu-l2", "gap", .0190, "no"),
    ("numpy-inference", "singly", 9351, "no"),
    ("rnn-rows-100", "mean acc_test of the last 50 epochs", .9801, "no"), ("rnn-relu-3", "acc_test", .97, "yes"),
    ("rnn-relu-3", "acc_test", .9699, "no"), ("lstm-3", "acc_test", .9901, "no"), ("pixels-gru", "acc_test", .965, "-"),
    ("numpy-inference", "differ", 1, "no"), ("numpy-inference", "raw", .9206, "no")])
def test_verdicts_at_the_edges_of_the_bands(experiment, key, value, expected):
    item = next(item for item in PUBLISHED[experiment] if key in item.keys)
    assert verdicts(experiment, as_published(experiment, **{key: value}))[item.figure.format(n=item.n)] == expected


def test_a_run_in_which_l2_does_nothing_is_told_from_one_with_it():
    plain = {"acc_train": .9970, "acc_test": .9783, "gap": .0187, "loss_test with penalty": .1264, "loss_test": .1264}
    assert "no" in verdicts("mlp-relu-l2", plain).values()


def test_bands_say_what_they_were_measured_on():
    found = {row.figure: row for row in rows(PUBLISHED["rnn-rows"], "rnn-rows", as_published("rnn-rows"))}
    assert found["acc_test"].band == "0.9494-0.9760 (n=44)"
    without = ("mlp-sigmoid-32", "mlp-relu-l2", "numpy-inference", "rnn-rows-100", *LONG)
    assert all(item.exact or item.bands or experiment in without
               for experiment, items in PUBLISHED.items() for item in items)


def test_bands_that_were_measured_on_nothing_say_so():
    for experiment, items in PUBLISHED.items():
        for item, row in zip(items, rows(items, experiment, as_published(experiment)), strict=True):
            assert ("(n=" in row.band) == bool(item.n_runs)
            assert ("band set by hand" in row.remark) == bool(item.bands and not item.n_runs)


def test_what_was_published_as_a_range_is_shown_as_one():
    row = rows(PUBLISHED["rnn-relu-3"], "rnn-relu-3", {"acc_test": .9761})[0]
    assert row[2:6] == ("0.9750-0.9790", "0.9761", "0.9700-0.9820", "yes")
    shown = {name: rows(PUBLISHED[name], name, {"acc_test": .5})[0] for name in LONG if name != "lstm-3"}
    assert {name: row.published for name, row in shown.items()} == {
        "pixels-basic": "0.3500", "pixels-irnn": "0.9700", "pixels-lstm": "0.8700-0.9900",
        "pixels-gru": "0.9600-0.9700", "permuted-basic": "0.3500", "permuted-irnn": "0.8200",
        "permuted-lstm": "0.8600-0.9300", "permuted-gru": "0.8700"}
    assert {row[3:6] for row in shown.values()} == {("0.5000", "-", "-")}
    assert all("half an hour at most" in row.remark for row in shown.values())
    assert all(("permutation" in row.remark) == name.startswith("permuted") for name, row in shown.items())
    assert rows([Published("mixed", "ab", ((.1, .2), .3))], "x", {"a": .15, "b": 2})[0][2:4] == (
        "0.1000-0.2000 0.3000", "0.1500 2")


def test_figures_over_the_epochs_of_a_long_run():
    from rnn_mnist.tutorials.reproduce import collect_figures
    result = {"loss_test": .1, "penalty": 0.0, "acc_test": .97}

    def figures(values, acc_test=()):
        """Return those that are told of validation accuracies, and of test accuracies."""
        metrics = [{"epoch": i, "acc_running": .5, "acc_valid": value} for i, value in enumerate(values)]
        found = collect_figures(metrics, result, acc_test)
        return [found[f"{which} {measure} of the last 50 epochs"]
                for measure in ("acc_valid", "acc_test") for which in ("mean", "best")]

    values = [.99] + [.5] * 49 + [.96] * 25 + [.98] * 25
    assert figures(values) == [pytest.approx(.97), .98, None, None]
    assert figures(values, [.95] * 49 + [.96]) == [pytest.approx(.97), .98, pytest.approx(.9502), .96]
    assert figures([.9] * 49, [.9] * 49) == [None] * 4  # there is no mean of fifty epochs
    assert figures([None] * 60) == [None] * 4


@pytest.mark.slow
def test_the_test_set_is_scored_after_each_of_the_last_epochs_of_one_and_the_same_training(tmp_path, toy_data_dir,
                                                                                          monkeypatch):
    from rnn_mnist.train import train
    from rnn_mnist.tutorials import reproduce
    small = with_settings(PRESETS["rnn-rows-100"].config, epochs=4, batch_size=50, n_valid=100, n_neurons=6)
    monkeypatch.setitem(PRESETS, "rnn-rows-100", Preset(small))
    monkeypatch.setitem(reproduce.N_SCORED, "rnn-rows-100", 3)
    seen = []
    monkeypatch.setattr(reproduce, "collect_figures", lambda metrics, result, acc_test: (
        seen.append((result, acc_test)), {"rises": 0, **as_published("rnn-rows-100")})[1])
    reproduce.reproduce(["rnn-rows-100"], runs_dir=tmp_path, data_dir=toy_data_dir)
    (result, acc_test), *_ = seen  # asked for once for each language
    expected = [train(small, epochs=epochs, data_dir=toy_data_dir, runs_dir=tmp_path, plots=False).result
                for epochs in (2, 3, 4)]
    assert acc_test == [each["acc_test"] for each in expected] and result["weights"] == expected[-1]["weights"]
    assert (next(tmp_path.glob("reproduce-*")) / "rnn-rows-100" / "plots" / "curves.png").is_file()


def test_shorter_runs_are_judged_by_the_epochs_they_have_only():
    ours = {key: value for key, value in as_published("rnn-rows").items() if key[-1] not in "14"}
    found = rows(PUBLISHED["rnn-rows"], "rnn-rows", ours, shorter="1 of 5 epochs")
    assert [row.in_band for row in found] == ["yes", "-", "-", "-"]
    assert [row.remark.startswith("1 of 5 epochs") for row in found] == [False, True, True, True]


def test_other_data_is_not_judged():
    for experiment in PUBLISHED:
        found = rows(PUBLISHED[experiment], experiment, as_published(experiment), other="synthetic digits, not MNIST")
        assert all(row.in_band == "-" and row.remark.startswith("synthetic digits, not MNIST") for row in found)


def test_remarks_name_the_stale_and_the_incomparable():
    assert "stale" in rows(PUBLISHED["mlp-sigmoid"], "x", {"acc_test": .1135})[0].remark
    remarks = {row.figure: row.remark for row in rows(PUBLISHED["mlp-relu-l2"], "x", {})}
    assert "not comparable" in remarks["loss_test with penalty"]


def test_names_are_chosen_once_and_checked():
    assert choose(["mlp-wide", "rnn-rows", "mlp-wide"]) == (["mlp-wide", "rnn-rows"], [])
    for names in ([], ["all", "mlp"], ["mlp-relu-l3"]):
        assert "mlp-relu-l2" in refusal(choose, names)


def test_long_ones_are_run_only_if_that_is_said():
    assert {name for name in EXPERIMENTS if name.startswith(("pixels", "permuted"))} | {"lstm-3"} == set(LONG)
    assert choose(["mlp-wide", "all"]) == ([name for name in EXPERIMENTS if name not in LONG], LONG)
    assert choose(["mlp-wide", "all"], long=True) == (list(EXPERIMENTS), [])
    assert choose(["pixels-gru", "rnn-rows"], long=True) == (["pixels-gru", "rnn-rows"], [])
    assert refusal(choose, ["pixels-gru"]) == "pixels-gru: about 29 min on two cores: add --long"
    assert choose(["pixels-gru"], epochs=2) == (["pixels-gru"], [])
    assert choose(["all", "pixels-gru"], epochs=2)[1] == [name for name in LONG if name != "pixels-gru"]
    assert refusal(choose, ["pixels-gru", "all", "lstm-3", "pixels-gru"]) == (
        "lstm-3, pixels-gru: about 35 min on two cores: add --long")


@pytest.mark.parametrize(("names", "epochs", "expected"), [
    (["rnn-rows"], None, "12 s"), (["rnn-rows"], 99, "12 s"), (["mlp-wide", "lstm-3"], None, "6 min"),
    (["lstm-3"], 2, "72 s"), (["mlp-sigmoid", "mlp-relu"], 1, "10 s"),
    (["numpy-inference", "rnn-relu-3"], 5, "70 s"), (LONG[-8:], None, "1.9 h")])
def test_the_expected_time_is_that_of_the_epochs_trained(names, epochs, expected):
    assert expected_time(names, epochs) == expected


@pytest.mark.parametrize(("lang", "line"), [("en", "expected : about 63 s on two cores"),
                                            ("ko", "예상 : 2코어에서 약 63초")])
def test_the_time_is_told_before_anything_is_trained(tmp_path, toy_data_dir, monkeypatch, capsys, lang, line):
    from rnn_mnist.tutorials import reproduce

    class Begun(Exception):
        pass

    def train(*args, **kwargs):
        raise Begun

    monkeypatch.setattr(reproduce, "train", train)
    small = with_settings(PRESETS["pixels-irnn"].config, batch_size=50, n_valid=100)
    monkeypatch.setitem(PRESETS, "pixels-irnn", Preset(small))
    languages.use(lang)
    with pytest.raises(Begun):
        reproduce.reproduce(["pixels-irnn"], runs_dir=tmp_path, epochs=3, data_dir=toy_data_dir)
    assert capsys.readouterr().out.splitlines() == [line, "", "pixels-irnn"]


@pytest.mark.slow
def test_all_tells_what_it_leaves_out_and_how_long_that_takes(tmp_path, folder):
    done = command("all", "--data-dir", folder, "--runs-dir", tmp_path / "runs")  # too few images: nothing is trained
    assert done.returncode == 2
    assert done.stdout == f"left out without --long : {', '.join(LONG)} (about 2.0 h)\n"
    assert not any(name in done.stderr for name in LONG) and "rnn-rows-100" in done.stderr
    done = command("all", "--long", "--data-dir", folder, "--runs-dir", tmp_path / "runs")
    assert (done.returncode, done.stdout) == (2, "")
    assert all(name in done.stderr for name in LONG)


def test_the_list_speaks_korean():
    lines = command("--list", "--lang", "ko").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)
    assert all(re.search("  약 .*[가-힣]", line) for line in lines) and not any(" epochs" in line for line in lines)


def test_list_shows_every_experiment_without_tensorflow():
    done = command("--list", python=["-X", "importtime"])
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)
    assert all(re.search(r"  about \d+ (s|min) ", line) for line in lines)
    assert [line.split()[0] for line in lines if "  --long  " in line] == LONG
    assert "tensorflow" not in done.stderr


@pytest.mark.parametrize("flags", [["nosuch"], [], ["rnn-rows", "--epochs", "many"], ["rnn-rows", "--nosuch"],
                                   ["pixels-lstm", "--epochs", "9"]])
def test_wrong_command_lines_end_in_one_line(tmp_path, flags):
    done = command(*flags, "--runs-dir", tmp_path / "runs")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    assert not (tmp_path / "runs").exists()


def write_weights(path, network_seed=0):
    """Write random weights of SIZES as a pickle and return {key: array}."""
    rnd = np.random.RandomState(network_seed)
    arrays = {}
    for i in (1, 2):
        arrays |= {f"W{i}": rnd.randn(SIZES[i - 1], SIZES[i]).astype("f4"), f"b{i}": rnd.randn(SIZES[i]).astype("f4")}
    path.write_bytes(pickle.dumps(arrays))
    return arrays


def test_bad_weights_and_settings_are_refused_before_anything_is_trained(tmp_path, toy_data_dir):
    from rnn_mnist.tutorials.reproduce import reproduce
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UserError, match="refused"):
        reproduce(["mlp-wide", "numpy-inference"], runs_dir=tmp_path / "runs", weights=tmp_path / "bad.pkl",
                  data_dir=toy_data_dir)
    with pytest.raises(UserError, match=r"^epochs must be at least 1"):
        reproduce(["mlp-wide"], runs_dir=tmp_path / "runs", epochs=0, data_dir=toy_data_dir)
    assert not (tmp_path / "runs").exists()


def test_inference_with_a_weights_file(tmp_path, toy_data_dir, capsys):
    from rnn_mnist.tutorials.reproduce import reproduce
    weights = write_weights(tmp_path / "mine.pkl")
    folder, found = reproduce(["numpy-inference"], runs_dir=tmp_path, weights=tmp_path / "mine.pkl",
                              data_dir=toy_data_dir)
    images, labels = read_arrays(toy_data_dir)[2:]
    X = images.reshape(-1, 784) / 255
    hidden = 1 / (1 + np.exp(-(X @ weights["W1"] + weights["b1"])))
    n_correct = ((hidden @ weights["W2"] + weights["b2"]).argmax(axis=1) == labels).sum()
    by_figure = {row.figure.split(",")[-1].strip(): row for row in found}
    assert by_figure["one by one"].measured == by_figure["batches of 100"].measured == str(n_correct)
    assert by_figure["images predicted differently"].measured == "0"
    assert {row.in_band for row in found} == {"-"}  # neither the published weights nor the original MNIST
    table = capsys.readouterr().out.splitlines()
    assert any(line.split()[0] == "100" for line in table if line)
    assert (folder / "numpy-inference.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_small_data_serve_inference_and_are_refused_in_time_where_an_experiment_does_not_fit(folder, tmp_path_factory):
    from rnn_mnist.tutorials.reproduce import reproduce
    weights, runs_dir = tmp_path_factory.mktemp("weights") / "mine.pkl", tmp_path_factory.mktemp("new") / "runs"
    write_weights(weights)
    done = command("mlp-relu", "rnn-rows", "--weights", weights, "--data-dir", folder, "--runs-dir", runs_dir)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: data with 30 training images does not fit mlp-relu (it needs 32), ")
    assert "rnn-rows (it needs 5,150)" in done.stderr
    flags = set(re.findall(r"--[a-z-]+", done.stderr))
    assert "--data-dir" in flags and flags <= set(re.findall(r"--[a-z-]+", command("--help").stdout))
    assert "mlp-sigmoid-32 (it needs 19,800)" in refusal(reproduce, ["mlp-wide", "mlp-sigmoid-32"], runs_dir=runs_dir,
                                                         data_dir=folder)
    assert not runs_dir.exists()
    _, found = reproduce(["numpy-inference"], runs_dir=runs_dir, weights=weights, data_dir=folder)
    assert found[0].figure == "correct of 10,000, one by one" and found[0].measured.isdigit()


def test_inference_without_weights_or_runs_says_so(tmp_path, toy_data_dir):
    from rnn_mnist.tutorials.reproduce import reproduce
    folder, found = reproduce(["numpy-inference"], runs_dir=tmp_path / "new", data_dir=toy_data_dir)
    assert [row.measured for row in found] == ["skipped", "skipped"]
    assert "--weights" in found[0].remark and "no finished run" in found[1].remark
    assert (folder / "reproduce.csv").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return (process, folder) of `reproduce.py all`, one epoch each, on 20,000 images."""
    data_dir, runs_dir = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("runs")
    images, labels = synthetic.draw(500, seed=7)
    for name, n in (("train", 20_000), ("t10k", 500)):
        (data_dir / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(np.resize(images, (n, 28, 28))))
        (data_dir / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(np.resize(labels, n)))
    done = command("all", "--epochs", 1, "--data-dir", data_dir, "--runs-dir", runs_dir)
    assert (done.returncode, done.stderr) == (0, "")
    return done, next(runs_dir.iterdir())


@pytest.mark.slow
def test_all_makes_a_normal_run_of_each_experiment(whole):
    found = {run.path.name: run.config for run in find_runs(whole[1])}
    seeds = {f"mlp-sigmoid-32-seed{seed}" for seed in (42, 43, 44)}
    assert set(found) == {*PRESETS} - {"mlp-sigmoid-32", *LONG} | seeds
    assert found["mlp-relu-l2"].l2 == PRESETS["mlp-relu-l2"].config.l2
    assert {config.epochs for config in found.values()} == {1}
    for name in found:
        assert Run(whole[1] / name).result
        assert (whole[1] / name / "plots" / "curves.png").exists()


@pytest.mark.slow
def test_all_ends_with_the_table_and_leaves_it_as_csv_and_markdown(whole):
    done, folder = whole
    with open(folder / "reproduce.csv", newline="") as file:
        head, *found = csv.reader(file)
    assert head == ["experiment", "figure", "published", "measured", "band", "in_band", "remark"]
    assert {row[0].split(",")[0] for row in found} == {*EXPERIMENTS} - {*LONG}
    markdown = (folder / "reproduce.md").read_text().splitlines()
    assert [line[2:-2].split(" | ") for line in markdown[2:]] == found
    assert len({line.count("|") for line in markdown}) == 1
    shown = done.stdout.splitlines()
    start = next(i for i, line in enumerate(shown) if line.startswith("experiment "))
    for line, row in zip(shown[start + 1:], found, strict=False):
        assert line.split() == " ".join(row).split()


@pytest.mark.slow
def test_table_holds_what_the_runs_measured(whole):
    with open(whole[1] / "reproduce.csv", newline="") as file:
        found = {(row["experiment"], row["figure"]): row for row in csv.DictReader(file)}
    for name in ("rnn-rows", "mlp-relu", "mlp-wide"):
        result = Run(whole[1] / name).result
        assert found[name, "acc_test"]["measured"] == f"{result['acc_test']:.4f}"
    result = Run(whole[1] / "mlp-relu-l2").result
    expected = result["loss_test"] + result["penalty"]
    assert found["mlp-relu-l2", "loss_test with penalty"]["measured"] == f"{expected:.4f}"
    assert result["penalty"] > 0
    first = Run(whole[1] / "rnn-rows").metrics[0]
    assert found["rnn-rows", "acc_batch acc_valid loss_batch, epoch 0"]["measured"] == " ".join(
        f"{first[name]:.4f}" for name in ("acc_batch", "acc_valid", "loss_batch"))
    assert {row["in_band"] for row in found.values() if not row["experiment"].startswith("numpy")} == {"-"}
    assert all("not the original MNIST" in row["remark"] for row in found.values() if "numpy" not in row["experiment"])


@pytest.mark.slow
def test_inference_without_weights_is_skipped_then_done_with_a_run_of_ours(whole):
    with open(whole[1] / "reproduce.csv", newline="") as file:
        found = [row for row in csv.reader(file) if row[0].startswith("numpy-inference")]
    assert found[0][3] == "skipped" and "--weights" in found[0][6]
    correct = Run(whole[1] / "rnn-rows").result["n_correct_test"]
    for row in found[1:3]:
        assert row[0] == "numpy-inference, rnn-rows" and row[2:6] == [str(correct), str(correct), "the same", "yes"]


@pytest.mark.slow
def test_published_weights_and_the_wide_network_lie_in_every_band(mnist_dir, tmp_path):
    from rnn_mnist.tutorials.reproduce import reproduce
    path = os.path.join(mnist_dir, "sample_weight.pkl")
    if not os.path.exists(path):
        pytest.skip("no sample_weight.pkl beside the original MNIST")
    _, found = reproduce(["mlp-wide", "numpy-inference"], runs_dir=tmp_path, weights=path, data_dir=mnist_dir)
    assert [row.in_band for row in found] == ["yes", "yes", "yes", "yes", "yes", "yes", "yes", "-"]
    assert "stale" not in "".join(row.remark for row in found)


def test_the_table_on_the_terminal_is_korean_and_keeps_the_figures():
    ours = {f"{name} 0": value for name, value in (("acc_batch", .9533), ("acc_valid", .9322), ("loss_batch", .1928))}
    from rnn_mnist.tutorials.reproduce import terminal_table
    languages.use("ko")
    head, first, *_ = terminal_table(rows(PUBLISHED["rnn-rows"], "rnn-rows", ours))
    assert head.split() == ["실험", "수치", "공개된", "값", "측정값", "허용", "범위", "범위", "안", "비고"]
    assert ".9533" in first and first.split()[-5:] == ["값", "예", "마지막", "자리까지", "재현됨"]


def test_every_remark_is_translated():
    known = languages.korean()
    for experiment, items in PUBLISHED.items():
        for row in rows(items, experiment, {}):
            assert all(part in known for part in row.remark.split("; ") if part), row.remark
