"""Whole training runs at toy size: the log, the run directory, every flag, and the same bits again."""

import csv
import dataclasses
import json
import sys

import numpy as np
import pytest
from helpers import refusal
from reference import rnn_forward

from rnn_mnist import data, session
from rnn_mnist import run as runs
from rnn_mnist.analysis.trained import open_trained
from rnn_mnist.config import Config
from rnn_mnist.console import command as cli
from rnn_mnist.datasets import download

TOY = ["--epochs", "2", "--batch-size", "50", "--n-valid", "100", "--no-plots"]
RNN = ["--n-neurons", "12"]
MLP = ["--hidden-sizes", "16", "12", "--activation", "sigmoid"]


@pytest.fixture
def train(monkeypatch, tmp_path, toy_data_dir):
    """Return a function that trains by command-line flags, in this process, and returns the Result."""
    def call(*flags, script="train_rnn.py", data_dir=toy_data_dir):
        names = iter(range(1000))
        taken = [*TOY, *(RNN if script == "train_rnn.py" else MLP)]
        taken += ["--data-dir", data_dir] if data_dir else []
        if "--run-name" not in flags:
            taken += ["--run-name", next(name for name in map(str, names) if not (tmp_path / name).exists())]
        if "--runs-dir" not in flags:
            taken += ["--runs-dir", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", [script, *taken, *map(str, flags)])
        return cli.train_command("", "rnn-rows" if script == "train_rnn.py" else "mlp-relu")

    return call


def without_times(run):
    """Return the rows of metrics.csv without the columns of times."""
    return [{key: value for key, value in row.items() if key not in runs.TIMES} for row in runs.read_metrics(run)]


def config_of(result):
    """Return config.json of a run as a dict."""
    return json.loads((result.run / "config.json").read_text())


def test_a_run_leaves_the_directory_and_the_log_that_it_should(train, capsys):
    result = train()
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert out == (result.run / "log.txt").read_text()
    assert lines[0] == ("rnn (28 steps x 28 inputs, 12 neurons), seed 42, data : NOT THE ORIGINAL MNIST "
                        "(500 training, 100 validation, 200 test)")
    rows = list(csv.DictReader((result.run / "metrics.csv").open()))
    for i, row in enumerate(rows):
        values = {name: float(value) for name, value in row.items()}
        assert lines[1 + i] == (
            f"epoch : {i:03d} acc_batch : {values['acc_batch']:.4f}, acc_valid : {values['acc_valid']:.4f} "
            f"loss_batch : {values['loss_batch']:.4f} loss_valid : {values['loss_valid']:.4f} "
            f"seconds : {values['seconds']:.2f} images_per_second : {row['images_per_second']}")
    values = json.loads((result.run / "result.json").read_text())
    assert lines[3] == (f"acc_test : {values['acc_test']:.4f} loss_test : {values['loss_test']:.4f} "
                        f"(NOT THE ORIGINAL MNIST) weights : {values['weights']} run : {result.run}")
    assert lines[4].startswith("next : python scripts/")
    assert len(rows) == 2 and len(lines) == 5
    assert {"config.json", "environment.json", "log.txt", "metrics.csv", "checkpoints", "result.json"} <= {
        path.name for path in result.run.iterdir()}
    environment = json.loads((result.run / "environment.json").read_text())
    assert environment["data"] == "not the original MNIST" and environment["tensorflow"].startswith("2.21")


@pytest.mark.machine
def test_recorded_figures_are_those_of_the_saved_weights(train, toy_data_dir):
    """Recompute validation, test and last-minibatch figures in NumPy from the checkpoint."""
    result = train()
    config = Config(data_dir=toy_data_dir, n_valid=100, batch_size=50)
    sets = data.load_data(config)
    rnd = np.random.RandomState(42)
    for _ in range(2):
        last = list(data.shuffle_batch(*sets.train, 50, rnd))[-1]
    with open_trained(result.run) as run:
        weights = session.weights(run.session)
    assert session.weights_digest(weights) == result.values["weights"]
    row = runs.read_metrics(result.run)[-1]
    found = {"batch": (row["acc_batch"], row["loss_batch"]), "valid": (row["acc_valid"], row["loss_valid"]),
             "test": (result.values["acc_test"], result.values["loss_test"])}
    for name, (X, y) in {"batch": last, "valid": sets.valid, "test": sets.test}.items():
        logits = rnn_forward(weights, (X / np.float32(255)).astype(np.float64))[1]
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
        assert found[name] == (pytest.approx((logits.argmax(axis=1) == y).mean()),
                               pytest.approx(losses.mean(), rel=1e-5))


@pytest.mark.slow
@pytest.mark.machine
def test_the_same_command_gives_the_same_bits_whatever_the_threads(train):
    for unroll in ("dynamic", "static", "fused"):
        first, *others = [train("--unroll", unroll, "--threads", threads) for threads in (0, 0, 1, 2, 4)]
        for other in others:
            assert other.values["weights"] == first.values["weights"]
            assert without_times(other.run) == without_times(first.run)


CHANGES_WEIGHTS = [
    ("train_rnn.py", [], flags) for flags in (
        ["--epochs", 1], ["--batch-size", 40], ["--learning-rate", 0.01], ["--n-neurons", 11], ["--activation", "relu"],
        ["--n-steps", 14, "--n-inputs", 56], ["--pixels", "raw"], ["--optimizer", "rmsprop"], ["--epsilon", 0.1],
        ["--l2", 0.01], ["--dropout", 0.5], ["--bptt-steps", 2], ["--unroll", "static", "--replicas", 1],
        ["--unroll", "fused"], ["--replicas", 3], ["--seed", 7], ["--n-valid", 50],
        ["--n-valid", 0, "--valid-fraction", 0.2], ["--n-subset", 300])
] + [
    ("train_rnn.py", ["--optimizer", "momentum"], ["--momentum", 0.5]),
    ("train_rnn.py", ["--optimizer", "rmsprop"], ["--rho", 0.5]),
    ("train_rnn.py", ["--l2", 0.01], ["--l2-on", "output"]),
    ("train_rnn.py", ["--n-subset", 300], ["--subset-seed", 8]),
    ("train_mlp.py", [], ["--hidden-sizes", 16, 13]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("script", "before", "flags"), CHANGES_WEIGHTS,
                         ids=[" ".join(map(str, flags)) for *_, flags in CHANGES_WEIGHTS])
def test_flag_changes_the_weights_and_is_recorded(train, script, before, flags):
    plain, changed = train(*before, script=script), train(*before, *flags, script=script)
    assert plain.values["weights"] != changed.values["weights"]
    name = flags[0][2:].replace("-", "_")
    assert config_of(changed)[name] == (flags[1] if len(flags) == 2 or flags[0][2] != "h" else flags[1:])
    assert config_of(plain)[name] != config_of(changed)[name]


def test_learning_rate_0_leaves_the_weights_as_they_began(train):
    assert train("--learning-rate", 0).values["weights"] == train(
        "--learning-rate", 0, "--epochs", 1).values["weights"]
    assert runs.read_metrics(train("--learning-rate", 0).run)[0]["acc_valid"] < .5


def test_bars_on_a_terminal_change_nothing_but_stderr(train, capsys, monkeypatch):
    plain = train()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    barred = train("--plots")
    out, err = capsys.readouterr()
    assert "epoch 000" in err and "step" in err and "epoch 000" not in out
    assert barred.values["weights"] == plain.values["weights"] and (barred.run / "plots" / "curves.png").exists()


def test_epochs_are_rows(train):
    assert len(runs.read_metrics(train("--epochs", 3).run)) == 3


def test_patience_stops_early_and_scores_the_best(train):
    result = train("--epochs", 12, "--patience", 2, "--learning-rate", 0.05)
    rows = runs.read_metrics(result.run)
    best = max(range(len(rows)), key=lambda i: rows[i]["acc_valid"])
    assert len(rows) == best + 3 < 12
    assert result.values["best_epoch"] == best and result.values["scored"] == "best"
    again = train("--epochs", best + 1, "--learning-rate", 0.05)
    assert again.values["weights"] == result.values["weights"]


def test_eval_train_scores_the_training_set(train):
    assert "acc_train" not in train().values
    result = train("--eval-train")
    assert 0 < result.values["acc_train"] < 1 and result.values["loss_train"] > 0


def test_checkpoint_steps_saves_within_an_epoch(train, monkeypatch):
    saved = []
    monkeypatch.setattr(session, "save", lambda *args, save=session.save: (saved.append(args[2]), save(*args)))
    train("--epochs", 1)
    assert [path.rpartition("-")[2] for path in saved] == ["00000010"]
    saved.clear()
    train("--epochs", 1, "--checkpoint-steps", 4)
    assert [path.rpartition("-")[2] for path in saved] == ["00000004", "00000008", "00000010"]


def test_threads_reach_the_session(train):
    environment = json.loads((train("--threads", 3).run / "environment.json").read_text())
    assert environment["threads"] == 3


def test_run_name_and_runs_dir_say_where_the_run_lies(train, tmp_path):
    result = train("--run-name", "mine", "--runs-dir", tmp_path / "a" / "b")
    assert result.run == tmp_path / "a" / "b" / "mine" and (result.run / "result.json").exists()


def test_automatic_name_says_what_differs_and_the_seed(tmp_path):
    config = dataclasses.replace(Config(), n_neurons=50, seed=3, runs_dir=str(tmp_path))
    name = runs.new_run_path(config, Config()).name
    assert name.endswith("_rnn_n_neurons50_s3")


def test_automatic_names_within_one_second_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.time, "strftime", lambda form: "20261121-120000")
    config = dataclasses.replace(Config(), runs_dir=str(tmp_path))
    for expected in ("20261121-120000_rnn_s42", "20261121-120000_rnn_s42-2", "20261121-120000_rnn_s42-3"):
        run = runs.new_run_path(config, Config())
        assert run.name == expected
        runs.create_run(run, config, {})


def test_data_synthetic_says_so_everywhere(train, capsys):
    result = train("--data", "synthetic", "--n-subset", 300, "--epochs", 1, data_dir=None)
    out, err = capsys.readouterr()
    assert err == ""
    assert "data : SYNTHETIC DIGITS, NOT MNIST" in out and "(SYNTHETIC DIGITS, NOT MNIST) weights" in out
    assert config_of(result)["data"] == "synthetic" and "not MNIST" in result.values["data"]


def test_auto_without_any_data_is_loud_about_synthetic_digits(train, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(download, "find_mnist", lambda offline: asked.append(offline) or (None, "none was found"))
    result = train("--n-subset", 300, "--epochs", 1, "--offline", data_dir=None)
    assert asked == [True]
    train("--n-subset", 300, "--epochs", 1, data_dir=None)
    assert asked == [True, False]
    assert capsys.readouterr().err.startswith("NOTE: NO MNIST ON THIS MACHINE")
    assert config_of(result)["data"] == "synthetic"


@pytest.mark.parametrize(("flags", "words"), [
    (["--run-name", ""], "must be a plain folder name"), (["--run-name", "/abs"], "must be a plain folder name"),
    (["--run-name", ".."], "must be a plain folder name"), (["--run-name", "a/b"], "must be a plain folder name"),
    (["--run-name", "a\\b"], "must be a plain folder name"),
    (["--batch-size", 501], "--batch-size 501"), (["--n-valid", 600], "--n-valid 600"),
    (["--data-dir", "/nowhere"], "no such file or folder '/nowhere'"),
    (["--runs-dir", "pyproject.toml"], "pyproject.toml is not a folder"),
    (["--runs-dir", "/proc/nowhere"], "/proc"),
])
def test_refusals_leave_no_run_directory(train, tmp_path, flags, words):
    assert words in refusal(train, *flags)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_touched(train):
    result = train("--run-name", "mine")
    before = {path: path.read_bytes() for path in result.run.rglob("*") if path.is_file()}
    assert "mine exists" in refusal(train, "--run-name", "mine")
    assert before == {path: path.read_bytes() for path in result.run.rglob("*") if path.is_file()}


def test_every_flag_has_a_test_here():
    tested = {str(flag) for *_, flags in CHANGES_WEIGHTS for flag in flags if str(flag).startswith("--")}
    tested |= {"--data", "--data-dir", "--offline", "--eval-train", "--checkpoint-steps", "--patience", "--threads",
               "--run-name", "--runs-dir"}  # in the tests above
    tested |= {"--verbose"}  # test_scripts.py
    tested |= {"--isa"}  # test_machines.py
    tested |= {"--plots", "--histograms"}  # test_plots.py, test_events.py
    assert tested == {cli.flag_name(item) for item in dataclasses.fields(Config) if item.metadata["flag"]}
