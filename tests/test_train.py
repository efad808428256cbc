"""Whole training runs at toy size: the log, the run directory, every flag, and the same bits again."""

import csv
import dataclasses
import functools
import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import on_event, outcome, refusal
from reference import rnn_forward

import rnn_mnist as rm
from rnn_mnist import data, tf1  # noqa: F401 - TensorFlow: else the first command would say that it loads it
from rnn_mnist.analysis.rerun import rerun
from rnn_mnist.checkpoint import weights_digest
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import machine
from rnn_mnist.console.forms import TIMES
from rnn_mnist.console.log import run_name
from rnn_mnist.console.settings import flag_name
from rnn_mnist.datasets import download
from rnn_mnist.run import create_run
from rnn_mnist.tutorials.command import train_command

TOY = ["--epochs", "2", "--batch-size", "50", "--n-valid", "100", "--no-plots"]
RNN = ["--n-neurons", "12"]
MLP = ["--hidden-sizes", "16", "12", "--activation", "sigmoid"]


def train_by_flags(folder, data_dir, *flags, script="train_rnn.py"):
    """Train by command-line flags, in this process, a run in a folder, and return its Run."""
    taken = [*TOY, *(RNN if script == "train_rnn.py" else MLP)]
    taken += ["--data-dir", data_dir] if data_dir else []
    if "--run-name" not in flags:
        taken += ["--run-name", str(len(list(folder.iterdir())))]
    if "--runs-dir" not in flags:
        taken += ["--runs-dir", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *taken, *map(str, flags)])
        return train_command("", "rnn-rows" if script == "train_rnn.py" else "mlp-relu")


@pytest.fixture
def train(tmp_path, toy_data_dir):
    """Return a function that trains by command-line flags and returns the Run."""
    def call(*flags, script="train_rnn.py", data_dir=toy_data_dir):
        """Train a run of its own for the test."""
        return train_by_flags(tmp_path, data_dir, *flags, script=script)

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_data_dir):
    """Return the same for tests that only look: the same flags give the same Run."""
    return functools.cache(functools.partial(train_by_flags, tmp_path_factory.mktemp("runs"), toy_data_dir))


@pytest.fixture
def call(tmp_path, toy_data_dir):
    """Return a function that trains by the Python API and returns the Run."""
    def train(**settings):
        """Train with toy settings, some of them others."""
        return rm.train(**{"n_neurons": 12, "epochs": 2, "batch_size": 50, "n_valid": 100, "plots": False,
                           "data_dir": toy_data_dir, "runs_dir": tmp_path, **settings})

    return train


@pytest.mark.slow
def test_a_run_that_has_learned_is_not_told_that_it_guesses(call):
    run = call(n_neurons=40, learning_rate=0.003, epochs=30)
    assert run.result["acc_test"] > 0.25 and "GUESSING" not in (run.path / "log.txt").read_text()


def without_times(run):
    """Return the rows of metrics.csv without the columns of times."""
    return [{key: value for key, value in row.items() if key not in TIMES} for row in run.metrics]


def config_of(run):
    """Return config.json of a run as a dict."""
    return json.loads((run.path / "config.json").read_text())


def test_a_run_leaves_the_directory_and_the_log_that_it_should(train, capsys):
    run = train()
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert out == (run.path / "log.txt").read_text()
    assert lines[0] == ("rnn (28 steps x 28 inputs, 12 neurons), seed 42, data : NOT THE ORIGINAL MNIST "
                        "(500 training, 100 validation, 200 test)")
    with (run.path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        values = {name: float(value) for name, value in row.items()}
        assert values == run.metrics[i]
        assert lines[1 + i] == (
            f"epoch : {i:03d} acc_batch : {values['acc_batch']:.4f}, acc_valid : {values['acc_valid']:.4f} "
            f"loss_batch : {values['loss_batch']:.4f} loss_valid : {values['loss_valid']:.4f} "
            f"seconds : {values['seconds']:.2f} images_per_second : {row['images_per_second']}")
    values = json.loads((run.path / "result.json").read_text())
    assert lines[3] == (f"acc_test : {values['acc_test']:.4f} loss_test : {values['loss_test']:.4f} "
                        f"(NOT THE ORIGINAL MNIST) weights : {values['weights']} run : {run}")
    assert lines[4] == ("NOTE: NO BETTER THAN GUESSING (24 of 200 test images are of one digit): try another learning "
                        "rate or activation, or train longer")
    assert lines[5].startswith("next : python scripts/")
    assert len(rows) == 2 and len(lines) == 6
    assert {"config.json", "environment.json", "log.txt", "metrics.csv", "checkpoints", "result.json"} <= {
        path.name for path in run.path.iterdir()}
    assert run.environment["data"] == "not the original MNIST" and run.environment["tensorflow"].startswith("2.21")


@pytest.mark.machine
def test_recorded_figures_are_those_of_the_saved_weights(trained, toy_data_dir):
    """Recompute validation, test and last-minibatch figures in NumPy from the checkpoint."""
    run = trained()
    sets = data.load_data(Config(n_valid=100, batch_size=50), RunOptions(data_dir=toy_data_dir))
    rnd = np.random.RandomState(42)
    for _ in range(2):
        last = list(data.shuffle_batch(*sets.train, 50, rnd))[-1]
    with run.open_network() as network:
        weights = network.weights()
    assert weights_digest(weights) == run.result["weights"]
    row = run.metrics[-1]
    found = {"batch": (row["acc_batch"], row["loss_batch"]), "valid": (row["acc_valid"], row["loss_valid"]),
             "test": (run.result["acc_test"], run.result["loss_test"])}
    for name, (X, y) in {"batch": last, "valid": sets.valid, "test": sets.test}.items():
        logits = rnn_forward(weights, (X / np.float32(255)).astype(np.float64))[1]
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
        assert found[name] == (pytest.approx((logits.argmax(axis=1) == y).mean()),
                               pytest.approx(losses.mean(), rel=1e-5))


# ---- the same bits ----

@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
def test_the_same_command_gives_the_same_bits_whatever_the_threads(train, unroll):
    few = ["--unroll", unroll, "--n-steps", 14, "--n-inputs", 56]
    first, *others = [train(*few, "--threads", threads) for threads in (0, 0, 1, 4)]  # 0: two, one for each replica
    for other in others:
        assert other.result["weights"] == first.result["weights"]
        assert without_times(other) == without_times(first)


def test_the_python_api_gives_the_bits_of_the_command_line(trained, call):
    assert call().result["weights"] == trained().result["weights"]


@pytest.mark.slow
@pytest.mark.machine
def test_two_threads_at_once_give_the_same_bits_as_one_after_the_other(call, monkeypatch):
    """Both outside the main thread, and with names of one second."""
    monkeypatch.setattr(time, "strftime", lambda *_: "20261121-120000")
    settings = [{"unroll": "fused"}, {"seed": 7, "n_neurons": 16}]
    before = [call(**each) for each in settings]
    runs = {}

    def run_one(i):
        """Train one of the two in a thread."""
        runs[i] = call(**settings[i])

    threads = [threading.Thread(target=run_one, args=[i]) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert runs[i].result["weights"] == before[i].result["weights"]
        assert without_times(runs[i]) == without_times(before[i])
        assert runs[i].name == f"{before[i].name}-2"


CHANGES_WEIGHTS = [
    ("train_rnn.py", [], flags) for flags in (
        ["--epochs", 1], ["--batch-size", 40], ["--learning-rate", 0.01], ["--n-neurons", 11], ["--activation", "relu"],
        ["--n-steps", 14, "--n-inputs", 56], ["--pixels", "raw"], ["--optimizer", "rmsprop"], ["--epsilon", 0.1],
        ["--l2", 0.01], ["--dropout", 0.5], ["--bptt-steps", 2], ["--unroll", "static", "--replicas", 1],
        ["--unroll", "fused"], ["--replicas", 3], ["--seed", 7], ["--n-valid", 50],
        ["--n-valid", 0, "--valid-fraction", 0.2], ["--n-subset", 300], ["--cell", "lstm"], ["--layers", 2],
        ["--bidirectional"], ["--read", "mean"], ["--order", "columns"], ["--rows-from", 7], ["--rows-to", 14],
        ["--clip-norm", 0.1], ["--lr-decay", 0.5])
] + [
    ("train_rnn.py", ["--cell", "lstm"], ["--peephole"]),
    ("train_rnn.py", ["--order", "permuted", "--n-steps", 28, "--n-inputs", 28], ["--permutation", "bit-reversal"]),
    ("train_rnn.py", ["--optimizer", "momentum"], ["--momentum", 0.5]),
    ("train_rnn.py", ["--optimizer", "rmsprop"], ["--rho", 0.5]),
    ("train_rnn.py", ["--l2", 0.01], ["--l2-on", "output"]),
    ("train_rnn.py", ["--n-subset", 300], ["--subset-seed", 8]),
    ("train_mlp.py", [], ["--hidden-sizes", 16, 13]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("script", "before", "flags"), CHANGES_WEIGHTS,
                         ids=[" ".join(map(str, flags)) for *_, flags in CHANGES_WEIGHTS])
def test_flag_changes_the_weights_and_is_recorded(trained, script, before, flags):
    plain, changed = trained(*before, script=script), trained(*before, *flags, script=script)
    assert plain.result["weights"] != changed.result["weights"]
    name = flags[0][2:].replace("-", "_")
    values = flags[1:] or [True]
    assert config_of(changed)[name] == (values if name == "hidden_sizes" else values[0])
    assert config_of(plain)[name] != config_of(changed)[name]


@pytest.mark.slow
def test_learning_rate_0_leaves_the_weights_as_they_began(trained):
    still = trained("--learning-rate", 0)
    assert still.result["weights"] == trained("--learning-rate", 0, "--epochs", 1).result["weights"]
    assert still.metrics[0]["acc_valid"] < .5


@pytest.mark.slow
# ---- what each setting does ----

def test_bars_on_a_terminal_change_nothing_but_stderr(trained, train, capsys, monkeypatch):
    plain = trained()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with on_event("rnn_mnist.step", lambda *_: time.sleep(0.03)):  # so that the bar is drawn anew within an epoch
        barred = train("--plots")
    out, err = capsys.readouterr()
    assert "epoch 000" in err and "step" in err and "epoch 000" not in out
    shown = re.findall(r"loss (\d\.\d{4}), accuracy (\d\.\d{4}), all epochs in \d", err)
    assert shown and all(0 < float(loss) < 5 and 0 <= float(accuracy) <= 1 for loss, accuracy in shown)
    assert barred.result["weights"] == plain.result["weights"] and (barred.path / "plots" / "curves.png").exists()


def test_epochs_are_rows(trained):
    assert len(trained("--epochs", 3).metrics) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("shared_graphs")
def test_patience_stops_early_and_scores_the_best(train):
    run = train("--epochs", 12, "--patience", 2, "--learning-rate", 0.05)
    rows, result = run.metrics, run.result
    best = max(range(len(rows)), key=lambda i: rows[i]["acc_valid"])
    assert len(rows) == best + 3 < 12
    assert result["best_epoch"] == best and result["scored"] == "best"
    log = (run.path / "log.txt").read_text().splitlines()
    assert (f"stopped early : 2 validations without a better acc_valid than {rows[best]['acc_valid']:.4f} "
            f"(epoch {best:03d}), whose weights are scored") == log[best + 4]
    assert log[-1] == f"next : python scripts/evaluate.py {run.path}"
    again = train("--epochs", best + 1, "--learning-rate", 0.05)
    assert again.result["weights"] == result["weights"]


def validated(run):
    """Return (step, validation accuracy) of all validations of a run of 10 steps an epoch, in their order."""
    found = {row["step"]: row["acc_valid"] for row in run.validation}
    return sorted((found | {10 * (row["epoch"] + 1): row["acc_valid"] for row in run.metrics}).items())


def test_valid_steps_validates_within_the_epochs_and_changes_no_bit(train, trained):
    run = train("--valid-steps", 4, "--plots")
    assert run.result["weights"] == trained().result["weights"] and run.metrics[0].keys() == trained().metrics[0].keys()
    assert [(row["epochs"], row["step"]) for row in run.validation] == [(.4, 4), (.8, 8), (1.4, 14), (1.8, 18)]
    lines = [line for line in (run.path / "log.txt").read_text().splitlines() if " step : " in line]
    first = run.validation[0]
    assert lines[0].startswith(f"epoch : 000 step : 00004 acc_valid : {first['acc_valid']:.4f} "
                               f"loss_valid : {first['loss_valid']:.4f} loss_running : ")
    assert len(lines) == 4 and trained().validation == [] and not (trained().path / "validation.csv").exists()


@pytest.mark.usefixtures("shared_graphs")
def test_patience_counts_validations_within_an_epoch_and_scores_the_best(train):
    run = train("--epochs", 12, "--patience", 3, "--learning-rate", 0.05, "--valid-steps", 3)
    found, result = validated(run), run.result
    best = max(range(len(found)), key=lambda i: found[i][1])
    assert best == len(found) - 4 and result["scored"] == "best"
    assert result["acc_valid"] == found[best][1] and result["best_epoch"] == (found[best][0] - 1) // 10
    assert result["epochs"] == len(run.metrics) == found[-1][0] // 10
    assert run.evaluate().values["acc_test"] == result["acc_test"]
    assert rm.open_run(run.path).resume(epochs=12).result == result  # it is finished


@pytest.mark.slow
@pytest.mark.usefixtures("shared_graphs")
@pytest.mark.parametrize("n_saved", [1, 4, 7])
def test_a_run_stopped_between_validations_goes_on_to_the_same_bits(call, tmp_path, n_saved):
    class Killed(Exception):
        """What a kill would do."""

    def stop(*_):
        """Let so many checkpoints pass."""
        if next(left, None) is None:
            raise Killed

    settings = {"epochs": 4, "patience": 5, "learning_rate": 0.05, "valid_steps": 3, "checkpoint_steps": 2}
    whole, left = call(**settings), iter(range(n_saved))
    with on_event("rnn_mnist.checkpoint", stop), pytest.raises(Killed):
        call(**settings, run_name="stopped")
    resumed = rm.open_run(tmp_path / "stopped").resume()
    assert (resumed.result["weights"], resumed.validation) == (whole.result["weights"], whole.validation)
    assert outcome(resumed.path) == outcome(whole.path)


@pytest.mark.slow
@pytest.mark.usefixtures("shared_graphs")
def test_init_from_begins_with_the_weights_of_another_run(call, tmp_path):
    first = call(run_name="first")
    still = call(run_name="still", init_from=first.path, learning_rate=0)
    assert still.result["weights"] == first.result["weights"] == still.config.init_weights
    further = call(run_name="further", init_from=first)
    assert further.metrics[0]["loss_valid"] < first.metrics[0]["loss_valid"]
    assert call(run_name="again", init_from=first.path).result["weights"] == further.result["weights"]
    assert "init_weights" in (further.path / "log.txt").read_text().splitlines()[0]


@pytest.mark.slow
@pytest.mark.usefixtures("shared_graphs")
def test_a_run_that_has_begun_takes_no_other_weights(call):
    first, other = call(run_name="first"), call(run_name="other", seed=5)
    warm = call(run_name="warm", init_from=first.path)
    for run in (first, warm):
        before = (run.path / "config.json").read_text()
        assert "init_from has no effect on" in refusal(run.resume, epochs=3, init_from=other.path)
        assert (run.path / "config.json").read_text() == before


@pytest.mark.slow
@pytest.mark.usefixtures("shared_graphs")
def test_a_validation_csv_that_is_not_the_runs_own_costs_nothing(call):
    run = call()
    (run.path / "validation.csv").write_text("garbage")
    assert run.resume(epochs=3).result["epochs"] == 3 and not (run.path / "validation.csv").exists()
    run = call(valid_steps=3)
    with on_event("rnn_mnist.checkpoint", lambda *_: (run.path / "validation.csv").write_text("garbage")):
        assert "validation.csv: its header is not" in refusal(run.resume, epochs=3)
    assert run.resume(epochs=3).result["epochs"] == 3 and len(run.validation) == 9


@pytest.mark.slow
def test_a_warm_start_is_repeated_only_with_the_same_weights(call, tmp_path):
    first = call(run_name="first")
    run = call(run_name="warm", init_from=first.path)
    assert rerun(run.path, tmp_path / "reruns").result["weights"] == run.result["weights"]
    assert "must have the same cell, layers and sizes" in refusal(call, init_from=first.path, n_neurons=5)
    other = call(run_name="other", seed=5)
    first.path.rename(tmp_path / "away")
    other.path.rename(first.path)
    assert refusal(rerun, run.path, tmp_path / "reruns") == (
        f"init_from: {first.path}: its weights are no longer those that training began with: give a copy from then")
    assert rerun(run.path, tmp_path / "reruns", init_from=tmp_path / "away").result["weights"] == run.result["weights"]
    assert refusal(call, init_from=tmp_path / "nowhere").startswith(f"init_from: {tmp_path}/nowhere: no run directory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["away", "first", "reruns", "warm"]


def test_eval_train_scores_the_training_set(trained):
    assert "acc_train" not in trained().result
    result = trained("--eval-train").result
    assert 0 < result["acc_train"] < 1 and result["loss_train"] > 0


@pytest.mark.usefixtures("shared_graphs")
@pytest.mark.parametrize(("steps", "expected"), [(0, [10]), (4, [4, 8, 10])])
def test_checkpoint_steps_saves_within_an_epoch(train, steps, expected):
    saved = []
    with on_event("rnn_mnist.checkpoint", saved.append):
        train("--epochs", 1, "--checkpoint-steps", steps)
    assert saved == expected


def test_threads_reach_the_session(trained):
    assert trained("--threads", 3).environment["threads"] == 3


def test_run_name_and_runs_dir_say_where_the_run_lies(train, tmp_path):
    run = train("--run-name", "mine", "--runs-dir", tmp_path / "a" / "b")
    assert run.path == tmp_path / "a" / "b" / "mine" and (run.path / "result.json").exists()


def test_settings_of_python_are_converted(tmp_path, toy_data_dir):
    run = rm.train(model="mlp", hidden_sizes=[16, 12], learning_rate=1, seed=np.int64(3), n_valid=100, epochs=1,
                   runs_dir=tmp_path / "runs", data_dir=Path(toy_data_dir), plots=False)
    found = config_of(run)
    assert (found["hidden_sizes"], found["learning_rate"], found["seed"]) == ([16, 12], 1.0, 3)
    assert (found["runs_dir"], found["data_dir"]) == (str(tmp_path / "runs"), toy_data_dir)
    assert run.path.parent == tmp_path / "runs" and run.name.endswith("_s3")


def test_automatic_name_says_what_differs_and_the_seed(tmp_path):
    run = create_run(Config(n_neurons=50, seed=3), RunOptions(runs_dir=tmp_path),
                     run_name(Config(n_neurons=50, seed=3), Config()), {})
    assert run.name.endswith("_rnn_n_neurons50_s3")


def test_automatic_name_of_an_order_of_pixels_leaves_out_what_follows_from_it():
    assert run_name(with_settings(Config(), order="pixels"), Config()).endswith("_rnn_orderpixels_s42")
    other = Config(order="columns", n_steps=784, n_inputs=1)
    assert run_name(other, Config()).endswith("_rnn_ordercolumns_n_steps784_n_inputs1_s42")


def test_a_validation_that_would_never_come_is_refused(call, tmp_path):
    before = sorted(tmp_path.iterdir())
    assert "valid_steps=10 is never within an epoch, which has 10 steps" in refusal(call, valid_steps=10)
    assert sorted(tmp_path.iterdir()) == before


def test_automatic_names_within_one_second_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20261121-120000")
    for expected in ("20261121-120000_rnn_s42", "20261121-120000_rnn_s42-2", "20261121-120000_rnn_s42-3"):
        assert create_run(Config(), RunOptions(runs_dir=tmp_path), run_name(Config(), Config()), {}).name == expected


def test_equal_commands_of_one_second_take_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20261121-120000")
    barrier, names = threading.Barrier(8), []

    def create():
        """Create a run when all are ready."""
        barrier.wait()
        name = run_name(Config(), Config())
        names.append(create_run(Config(), RunOptions(runs_dir=tmp_path / "runs"), name, {}).name)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["20261121-120000_rnn_s42", *(f"20261121-120000_rnn_s42-{n}" for n in range(2, 9))]


def test_resume_stores_the_absolute_path_of_a_relative_data_dir(train, toy_data_dir, monkeypatch, capsys):
    run = train("--epochs", 1)
    monkeypatch.chdir(os.path.dirname(toy_data_dir))
    monkeypatch.setattr(sys, "argv", ["train_rnn.py", "--resume", str(run), "--epochs", "2", "--data-dir",
                                      os.path.basename(toy_data_dir)])
    assert len(train_command("", "rnn-rows").metrics) == 2
    assert config_of(run)["data_dir"] == toy_data_dir


@pytest.mark.slow
def test_data_synthetic_says_so_everywhere(train, capsys):
    run = train("--data", "synthetic", "--n-subset", 300, "--epochs", 1, data_dir=None)
    out, err = capsys.readouterr()
    assert err == ""
    assert "data : SYNTHETIC DIGITS, NOT MNIST" in out and "(SYNTHETIC DIGITS, NOT MNIST) weights" in out
    assert config_of(run)["data"] == "synthetic" and "not MNIST" in run.result["data"]


def test_auto_without_any_data_is_loud_about_synthetic_digits(train, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(download, "find_mnist", lambda offline: asked.append(offline) or (None, "none was found"))
    run = train("--n-subset", 300, "--epochs", 1, "--offline", data_dir=None)
    assert asked == [True]
    train("--n-subset", 300, "--epochs", 1, data_dir=None)
    assert asked == [True, False]
    assert capsys.readouterr().err.startswith("NOTE: NO MNIST ON THIS MACHINE")
    assert config_of(run)["data"] == "synthetic"


# ---- refusals ----

@pytest.mark.parametrize(("flags", "words"), [
    (["--run-name", ""], "must be a plain folder name"), (["--run-name", "/abs"], "must be a plain folder name"),
    (["--run-name", ".."], "must be a plain folder name"), (["--run-name", "a/b"], "must be a plain folder name"),
    (["--run-name", "a\\b"], "must be a plain folder name"),
    (["--batch-size", 501], "--batch-size 501"), (["--n-valid", 600], "--n-valid 600"),
    (["--data-dir", "/nowhere"], "no such file or folder '/nowhere'"),
    (["--runs-dir", "pyproject.toml"], "pyproject.toml is not a folder"),
    (["--runs-dir", "/proc/nowhere"], "/proc"),
])
def test_refusals_leave_no_run_directory(train, flag_words, tmp_path, flags, words):
    assert words in refusal(train, *flags)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("settings", "words"), [
    ({"n_neurons": -3}, "n_neurons must be at least 1, got -3"), ({"n_neuron": 3}, "no such setting: n_neuron"),
    ({"n_neurons": 2.5}, "n_neurons must be a whole number, got 2.5"),
    ({"batch_size": 501}, "batch_size=501 is more than the 500 images left for training: give at most batch_size=500"),
    ({"run_name": "a/b"}, "run_name 'a/b' must be a plain folder name"),
    ({"data_dir": "/nowhere"}, "data_dir: no such file or folder '/nowhere'"),
])
def test_refusals_of_the_python_api_are_in_pythons_words(call, tmp_path, settings, words):
    message = refusal(call, **settings)
    assert words in message and "--" not in message
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_touched(train, flag_words):
    run = train("--run-name", "mine")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    assert "mine exists" in refusal(train, "--run-name", "mine")
    assert before == {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_every_flag_has_a_test_here():
    tested = {str(flag) for *_, flags in CHANGES_WEIGHTS for flag in flags if str(flag).startswith("--")}
    tested |= {"--data", "--data-dir", "--offline", "--eval-train", "--checkpoint-steps", "--patience", "--threads",
               "--valid-steps", "--init-from", "--run-name", "--runs-dir"}  # in the tests above
    tested |= {"--verbose"}  # test_scripts.py
    tested |= {"--isa"}  # test_machines.py
    tested |= {"--plots", "--histograms"}  # test_curves.py, test_tensorboard.py
    assert tested == {flag_name(item.name) for kind in (Config, RunOptions) for item in dataclasses.fields(kind)
                      if item.metadata["flag"]}


def test_a_refused_run_decides_nothing_for_the_next_one(call, tmp_path, monkeypatch):
    call(run_name="taken")
    monkeypatch.setattr(machine, "_in_use", None)
    for name in ("taken", "../x"):
        assert "run_name" in refusal(call, run_name=name, isa=machine.available()[0])
    assert machine._in_use is None


def test_the_name_says_which_data_was_asked_for(tmp_path, toy_data_dir, monkeypatch):
    monkeypatch.setenv("RNN_MNIST_DATA", toy_data_dir)
    toy = {"n_neurons": 4, "batch_size": 200, "n_valid": 0, "epochs": 1, "plots": False, "runs_dir": tmp_path}
    assert "_data" not in rm.train(**toy).name and "_datamnist_" in rm.train(**toy, data="mnist").name


def test_python_goes_on_with_a_run(call):
    part = call(epochs=1)
    assert part.resume(epochs=2).result["weights"] == call(epochs=2).result["weights"]
    assert refusal(part.resume, seed=3).startswith("seed would change the result")


@pytest.mark.usefixtures("shared_graphs")
def test_a_state_file_that_is_deleted_meanwhile_does_not_stop_the_training(call, tmp_path):
    def delete(_):
        """Delete what the checkpoint before has written."""
        for path in tmp_path.glob("*/checkpoints/last.json"):
            path.unlink()

    with on_event("rnn_mnist.checkpoint", delete):
        run = call(epochs=1)
    assert run.resume(epochs=2).result["weights"] == call(epochs=2).result["weights"]
