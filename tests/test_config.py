"""Settings and the command line: ranges, conversion, one-line refusals, strict JSON, a help that answers at once."""

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import refusal
from hypothesis import given
from hypothesis import strategies as st

from rnn_mnist import files
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import command, settings
from rnn_mnist.console.settings import UserError, flag_name
from rnn_mnist.tutorials.presets import PRESETS

TRAIN_RNN = [sys.executable, "scripts/train_rnn.py"]
FIELDS = [item for kind in (Config, RunOptions) for item in dataclasses.fields(kind)]


def sort(given):
    """Return [settings of Config, settings of RunOptions] of a dict."""
    return settings.sort(given, Config, RunOptions)


def to_json(*both, **changes):
    """Return the dict that config.json holds of a Config and RunOptions, some values changed, after a round by JSON."""
    values = {name: value for each in both or (Config(), RunOptions())
              for name, value in dataclasses.asdict(each).items()}
    return json.loads(json.dumps({**values, **changes}))


def from_json(values):
    """Return [Config, RunOptions] of such a dict."""
    return settings.read(values, "config.json", Config, RunOptions)


def parse(*flags, base=None):
    """Return the Config of a command line over a base."""
    base, parser = base or Config(), command.Parser("")
    command.add_setting_flags(parser, base, RunOptions())
    given, given_options = sort(vars(parser.parse_args(flags)))
    RunOptions(**given_options)
    return with_settings(base, **given)


def test_defaults_are_those_of_the_published_experiment():
    config = parse()
    assert (config.epochs, config.batch_size, config.learning_rate, config.n_neurons) == (5, 150, 0.001, 150)
    assert (config.n_steps, config.n_inputs, config.n_valid, config.seed) == (28, 28, 5000, 42)
    assert (config.optimizer, config.epsilon, config.activation, config.unroll) == ("adam", 1e-8, "tanh", "dynamic")
    assert config == PRESETS["rnn-rows"].config


# ---- on construction ----

@pytest.mark.parametrize(("given", "converted"), [
    ({"model": "mlp", "hidden_sizes": [128, 84]}, {"hidden_sizes": (128, 84)}),
    ({"model": "mlp", "hidden_sizes": np.array([128, 84])}, {"hidden_sizes": (128, 84)}),
    ({"learning_rate": 1}, {"learning_rate": 1.0}), ({"learning_rate": np.float64(.5)}, {"learning_rate": .5}),
    ({"seed": np.int64(3)}, {"seed": 3}), ({"n_valid": np.uint8(9)}, {"n_valid": 9}),
])
def test_settings_are_converted_on_construction(given, converted):
    for config in (Config(**given), with_settings(Config(), **given), dataclasses.replace(Config(), **given)):
        for name, value in converted.items():
            found = getattr(config, name)
            assert found == value and type(found) is type(value)
            if isinstance(found, tuple):
                assert {type(number) for number in found} == {int}
        assert config == Config(**{**given, **converted}) and hash(config)
        assert from_json(to_json(config, RunOptions())) == [config, RunOptions()]


def test_folders_may_be_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = RunOptions(runs_dir=Path("some") / "runs", data_dir=Path("data"))
    assert options == RunOptions(runs_dir=os.path.join("some", "runs"), data_dir=str(tmp_path / "data"))
    assert type(options.runs_dir) is type(options.data_dir) is str


@pytest.mark.parametrize(("given", "words"), [
    ({"n_neurons": -3}, "n_neurons must be at least 1, got -3"),
    ({"n_neurons": 2.5}, "n_neurons must be a whole number, got 2.5"),
    ({"n_neurons": np.float64(3)}, "n_neurons must be a whole number, got 3.0"),
    ({"n_neurons": True}, "n_neurons must be a whole number, got True"),
    ({"n_neurons": "150"}, "n_neurons must be a whole number, got '150'"),
    ({"n_neurons": None}, "n_neurons must be a whole number, got None"),
    ({"seed": np.arange(2)}, "seed must be a whole number, got [0, 1]"),
    ({"learning_rate": True}, "learning_rate must be a number, got True"),
    ({"learning_rate": math.inf}, "learning_rate must be a finite number"),
    ({"hidden_sizes": [12, 0], "model": "mlp"}, "hidden_sizes must be at least 1, got 0"),
    ({"hidden_sizes": "12", "model": "mlp"}, "hidden_sizes must be whole numbers"),
    ({"model": "mlp"}, "hidden_sizes needs at least one number, such as hidden_sizes=[128, 84]"),
    ({"model": "cnn"}, "model must be one of rnn, mlp, got 'cnn'"),
    ({"n_steps": 784}, "n_steps=784 times n_inputs=28 is 21952: it must be 784, the pixels of an image, so give "
                       "n_inputs=1"),
    ({"offline": 1}, "offline must be true or false, got 1"), ({"data_dir": 3}, "data_dir must be a text, got 3"),
    ({"threads": -1}, "threads must be at least 0"),
])
def test_wrong_settings_are_refused_in_pythons_words(given, words):
    """The same ones on the command line are told in flags: below."""
    config, options = sort(given)
    message = refusal(lambda: (Config(**config), RunOptions(**options)))
    assert words in message and "--" not in message


def test_names_that_are_no_setting_are_refused():
    message = refusal(sort, {"wavelets": 3, "epochs": 1})
    assert message.startswith("no such setting: wavelets: there are model, epochs, ") and "--" not in message


@pytest.mark.parametrize(("name", "meant"), [
    ("n_neuron", "n_neurons"), ("lr", "learning_rate"), ("neurons", "n_neurons"), ("hidden", "hidden_sizes"),
    ("Batch-Size", "batch_size"), ("rows_form", "rows_from")])
def test_a_name_that_is_no_setting_is_told_with_the_one_that_was_meant(name, meant):
    assert refusal(sort, {name: 3}) == f"no such setting: {name}: did you mean {meant}?"


@pytest.mark.parametrize(("given", "hint"), [
    ({"cell": "LSTM"}, "got 'LSTM': did you mean lstm?"), ({"optimizer": "adma"}, "got 'adma': did you mean adam?"),
    ({"cell": "transformer"}, "got 'transformer'")])
def test_a_choice_that_is_not_there_is_told_with_the_one_that_was_meant(given, hint):
    assert refusal(lambda: Config(**given)).endswith(hint)


@pytest.mark.parametrize("given", [{"l2_on": "all"}, {"subset_seed": 8}, {"hidden_sizes": (3,)}, {"momentum": 0.5},
                                   {"rho": 0.5, "optimizer": "sgd"}])
def test_a_setting_without_effect_is_refused(given):
    for make in (Config, lambda **given: with_settings(Config(), **given)):
        message = refusal(make, **given)
        assert f"{next(iter(given))} has no effect with" in message and "--" not in message


def test_none_of_the_settings_can_be_changed_unchecked():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().epochs = 0
    assert "epochs must be at least 1" in refusal(dataclasses.replace, Config(), epochs=0)


# ---- the command line ----

@pytest.mark.parametrize(("flags", "words"), [
    (["--epochs", "0"], "--epochs must be at least 1, got 0"),
    (["--epochs", "-3"], "--epochs must be at least 1"),
    (["--batch-size", "0"], "--batch-size must be at least 1"),
    (["--learning-rate", "nan"], "--learning-rate must be a finite number"),
    (["--learning-rate", "inf"], "--learning-rate must be a finite number"),
    (["--learning-rate", "-0.1"], "--learning-rate must be at least 0"),
    (["--n-neurons", "0"], "--n-neurons must be at least 1"),
    (["--n-neurons", "-3"], "--n-neurons must be at least 1, got -3"),
    (["--n-neurons", "99999999999999999999"], "--n-neurons must be a finite number of reasonable size"),
    (["--n-steps", "27"], "--n-steps 27 times --n-inputs 28 is 756: it must be 784"),
    (["--n-steps", "784"], "so give --n-inputs 1"),
    (["--seed", "-1"], "--seed must be at least 0"),
    (["--bptt-steps", "29"], "more than the 28 time steps"),
    (["--hidden-sizes", "5"], "--hidden-sizes has no effect with model rnn"),
    (["--momentum", "0.9"], "--momentum has no effect with optimizer adam"),
    (["--l2-on", "all"], "--l2-on has no effect without --l2: leave it out, or give both"),
    (["--l2-on", "hidden"], "--l2-on has no effect without --l2"),
    (["--l2-on", "all", "--l2", "0"], "--l2-on has no effect without --l2"),
    (["--subset-seed", "8"], "--subset-seed has no effect without --n-subset: leave it out, or give both"),
    (["--subset-seed", "7"], "--subset-seed has no effect without --n-subset"),
    (["--valid-fraction", "0.3", "--n-valid", "9"], "add --n-valid 0"),
    (["--patience", "2", "--n-valid", "0"], "keep some images with --n-valid"),
    (["--batch-size", "1"], "--replicas 2 is more than the 1 images of a minibatch"),
    (["--dropout", "1"], "--dropout must be at most 0.99"),
    (["--checkpoint-steps", "-1"], "--checkpoint-steps must be at least 0"),
])
def test_settings_out_of_range_are_refused(flag_words, flags, words):
    assert words in refusal(parse, *flags)


@pytest.mark.parametrize(("flags", "words"), [
    (["--epochs", "many"], "argument --epochs: must be a whole number, got 'many'"),
    (["--epochs", "1.5"], "argument --epochs: must be a whole number"),
    (["--learning-rate", "fast"], "argument --learning-rate: must be a number"),
    (["--unroll", "magic"], "argument --unroll: invalid choice"),
    (["--no-such-flag"], "--no-such-flag: no such flag (--help-all"),
    (["--epoch", "3"], "--epoch: no such flag: did you mean --epochs?"),
    (["--experiment", "mlp-huge"], "no such experiment; there are rnn-rows, mlp-relu"),
    (["--epochs", "0"], "--epochs must be at least 1"),
    (["--n-neurons", "-3"], "--n-neurons must be at least 1, got -3"),
])
def test_bad_command_lines_give_one_line_and_exit_code_2(flags, words):
    done = subprocess.run([*TRAIN_RNN, *flags], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ") and words in done.stderr


def test_help_shows_the_defaults_and_imports_nothing_heavy():
    code = ("import runpy, sys; sys.argv = ['train_rnn.py', '--help-all']\n"
            "try: runpy.run_path('scripts/train_rnn.py', run_name='__main__')\n"
            "finally: assert not {'tensorflow', 'numpy', 'matplotlib'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for item in FIELDS:
        if item.metadata["flag"] and item.name != "hidden_sizes":  # which a recurrent network does not have
            assert flag_name(item.name) in done.stdout
            assert item.metadata["help"].split()[0] in done.stdout
    assert "--hidden-sizes" not in done.stdout
    assert "--learning-rate F step size of the optimizer (default: 0.001) --" in " ".join(done.stdout.split())
    words = " ".join(done.stdout.split())
    assert "the cell's memory (only with --cell lstm; default: off)" in words
    assert "is kept (only with --optimizer momentum; default: 0.9)" in words
    assert "of that draw (only with --n-subset N; default: 7)" in words


def test_the_help_of_another_experiment_shows_its_own_flags():
    done = subprocess.run([*TRAIN_RNN, "--experiment", "mlp-relu", "--help-all"], capture_output=True, text=True)
    assert "--hidden-sizes N ..." in done.stdout and "(default: 128 84)" in done.stdout
    assert not any(flag in done.stdout for flag in ("--n-neurons N", "--n-steps", "--unroll", "--bptt-steps"))


def test_a_setting_that_no_longer_applies_gives_way_to_one_that_was_given():
    relu = PRESETS["mlp-relu"].config
    assert parse("--optimizer", "sgd", base=relu).epsilon == Config().epsilon
    assert parse("--valid-fraction", "0.3").n_valid == 0
    assert parse("--epochs", "2", base=relu).hidden_sizes == (128, 84)
    assert parse("--l2", "0", base=Config(l2=0.1, l2_on="all")).l2_on == "hidden"


# ---- JSON ----

@pytest.mark.parametrize("name", PRESETS)
def test_json_holds_every_setting_and_reads_back(name):
    values = to_json(*PRESETS[name])
    assert set(values) == {item.name for item in FIELDS} and len(values) == len(FIELDS)
    assert from_json(values) == [*PRESETS[name]]


@pytest.mark.parametrize(("change", "words"), [
    ({"n_layers": 3}, "unknown key 'n_layers'"), ({"seed": None}, "seed must be a whole number"),
    ({"seed": True}, "seed must be a whole number"), ({"epochs": 1.5}, "epochs must be a whole number"),
    ({"learning_rate": "0.1"}, "learning_rate must be a number"), ({"offline": 1}, "offline must be true or false"),
    ({"hidden_sizes": [1.5], "model": "mlp"}, "hidden_sizes must be whole numbers"),
    ({"unroll": "magic"}, "unroll must be one of dynamic, static, fused"),
    ({"learning_rate": math.nan}, "learning_rate must be a finite number"),
])
def test_json_is_read_strictly(change, words):
    message = refusal(from_json, to_json(**change))
    assert message.startswith("config.json: ") and words in message


def test_json_with_a_missing_key_or_no_object_is_refused(tmp_path):
    values = to_json()
    del values["seed"]
    assert "missing key 'seed'" in refusal(from_json, values)
    path = tmp_path / "config.json"
    for text in ("", "[]", "[" * 100_000, "{", "3", "null"):
        path.write_text(text)
        assert refusal(files.read_json, path).startswith(f"{path}: ")


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from([item.name for item in FIELDS]),
                       st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())))
def test_any_json_value_gives_settings_or_a_user_error(changes):
    try:
        found = from_json(to_json(**changes))
    except UserError as error:
        assert str(error).startswith("config.json: ")
    else:
        assert from_json(to_json(*found)) == found
