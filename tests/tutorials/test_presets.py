"""Presets: their settings, the flags that make the same ones, and the training scripts that start from them."""

import subprocess
import sys

import fork_server
import pytest
from helpers import user_environment

from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console.command import Parser, add_setting_flags
from rnn_mnist.run import find_runs
from rnn_mnist.tutorials.experiments import listing
from rnn_mnist.tutorials.presets import PRESETS, Preset


def script(name, *flags):
    """Return the output of one of the training scripts."""
    return subprocess.run([sys.executable, f"scripts/{name}.py", *map(str, flags)], capture_output=True, text=True,
                          check=True, env=user_environment()).stdout


@pytest.mark.parametrize(("name", "settings"), [
    ("rnn-rows-100", {"epochs": 100, "unroll": "fused"}),
    ("rnn-relu-3", {"layers": 3, "n_neurons": 100, "activation": "relu", "read": "all", "epochs": 10}),
    ("lstm-3", {"cell": "lstm", "layers": 3, "n_neurons": 150, "read": "last", "epochs": 10})])
def test_settings_of_the_experiments_on_rows(name, settings):
    assert PRESETS[name] == Preset(Config(**settings))


@pytest.mark.parametrize(("order", "cell", "learning_rate", "epochs"), [
    ("pixels", "basic", 0.0001, 15), ("pixels", "irnn", 0.0001, 28), ("pixels", "lstm", 0.0002, 14),
    ("pixels", "gru", 0.001, 26), ("permuted", "basic", 0.0001, 15), ("permuted", "irnn", 0.0001, 28),
    ("permuted", "lstm", 0.001, 16), ("permuted", "gru", 0.001, 15)])
def test_settings_of_the_experiments_on_pixels(order, cell, learning_rate, epochs):
    assert PRESETS[f"{order}-{cell}"] == Preset(Config(
        order=order, permutation="92916", n_steps=784, n_inputs=1, cell=cell, n_neurons=100, clip_norm=1.0,
        learning_rate=learning_rate, epochs=epochs))
    assert any(name == f"{order}-{cell}" and what.endswith(f", {epochs} epochs") for name, *_, what in listing())


def test_the_documented_runs_are_those_of_the_experiments_on_pixels():
    found = {run.name: run.config for run in find_runs("runs/orders")}
    assert found == {name: with_settings(PRESETS[name].config, data="mnist") for name in PRESETS
                     if name.startswith(("pixels-", "permuted-"))}


def test_flags_make_the_settings_of_an_experiment_on_pixels():
    parser = Parser("")
    add_setting_flags(parser, Config(), RunOptions())
    flags = "--order pixels --cell lstm --n-neurons 100 --learning-rate 0.0002 --clip-norm 1 --epochs 14"
    assert with_settings(Config(), **vars(parser.parse_args(flags.split()))) == PRESETS["pixels-lstm"].config


@pytest.mark.parametrize(("name", "model", "n"), [("train_rnn", "rnn", 12), ("train_mlp", "mlp", 5)])
def test_the_help_names_the_presets_of_the_scripts_own_model(name, model, n):
    own = [preset for preset, (config, _) in PRESETS.items() if config.model == model]
    words = "".join(script(name, "--help-all").split())  # without argparse's line breaks, which fall on hyphens, too
    assert len(own) == n and f"startfromatutorial'ssettings:{','.join(own)}(default" in words


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn-rows-100", "rnn-relu-3", "lstm-3", "permuted-gru"])
def test_the_training_script_starts_from_a_preset(tmp_path, toy_data_dir, name):
    assert fork_server.run(tmp_path, "train_rnn.py", "--experiment", name, "--epochs", 1, "--n-neurons", 5,
                           "--n-valid", 100, "--n-subset", 200, "--batch-size", 50, "--no-plots", "--data-dir",
                           toy_data_dir)[0] == 0
    (run,) = find_runs(tmp_path / "runs")
    changed = {"epochs": 1, "n_neurons": 5, "n_valid": 100, "n_subset": 200, "batch_size": 50, "data": "mnist"}
    assert run.config == with_settings(PRESETS[name].config, **changed) and run.result
