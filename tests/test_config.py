"""Settings and the command line: ranges, one-line refusals, strict JSON, and a help that answers at once."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
from helpers import refusal
from hypothesis import given
from hypothesis import strategies as st

from rnn_mnist.config import Config, UserError, from_json, to_json, with_settings
from rnn_mnist.console import command as cli
from rnn_mnist.tutorials.presets import PRESETS

TRAIN_RNN = [sys.executable, "scripts/train_rnn.py"]


def parse(*flags, base=None):
    """Return the Config of a command line over a base."""
    parser = cli.Parser("")
    cli.add_config_flags(parser, base or Config())
    return with_settings(base or Config(), **cli.settings_given(parser.parse_args(flags)))


def test_defaults_are_those_of_the_published_experiment():
    config = parse()
    assert (config.epochs, config.batch_size, config.learning_rate, config.n_neurons) == (5, 150, 0.001, 150)
    assert (config.n_steps, config.n_inputs, config.n_valid, config.seed) == (28, 28, 5000, 42)
    assert (config.optimizer, config.epsilon, config.activation, config.unroll) == ("adam", 1e-8, "tanh", "dynamic")
    assert config == PRESETS["rnn-rows"]


@pytest.mark.parametrize(("flags", "words"), [
    (["--epochs", "0"], "--epochs must be at least 1, got 0"),
    (["--epochs", "-3"], "--epochs must be at least 1"),
    (["--batch-size", "0"], "--batch-size must be at least 1"),
    (["--learning-rate", "nan"], "--learning-rate must be a finite number"),
    (["--learning-rate", "inf"], "--learning-rate must be a finite number"),
    (["--learning-rate", "-0.1"], "--learning-rate must be at least 0"),
    (["--n-neurons", "0"], "--n-neurons must be at least 1"),
    (["--n-neurons", "99999999999999999999"], "--n-neurons must be a finite number of reasonable size"),
    (["--n-steps", "27"], "--n-steps 27 times --n-inputs 28 is 756: it must be 784"),
    (["--n-steps", "784"], "so give --n-inputs 1"),
    (["--seed", "-1"], "--seed must be at least 0"),
    (["--bptt-steps", "29"], "more than the 28 time steps"),
    (["--hidden-sizes", "5"], "--hidden-sizes has no effect with model rnn"),
    (["--momentum", "0.9"], "--momentum has no effect with optimizer adam"),
    (["--valid-fraction", "0.3", "--n-valid", "9"], "add --n-valid 0"),
    (["--patience", "2", "--n-valid", "0"], "keep some images with --n-valid"),
    (["--batch-size", "1"], "--replicas 2 is more than the 1 images of a minibatch"),
    (["--dropout", "1"], "--dropout must be at most 0.99"),
])
def test_settings_out_of_range_are_refused(flags, words):
    assert words in refusal(parse, *flags)


@pytest.mark.parametrize(("flags", "words"), [
    (["--epochs", "many"], "argument --epochs: must be a whole number, got 'many'"),
    (["--epochs", "1.5"], "argument --epochs: must be a whole number"),
    (["--learning-rate", "fast"], "argument --learning-rate: must be a number"),
    (["--unroll", "magic"], "argument --unroll: invalid choice"),
    (["--no-such-flag"], "unrecognized arguments: --no-such-flag"),
    (["--epoch", "3"], "unrecognized arguments: --epoch"),
    (["--experiment", "mlp-huge"], "no such experiment; there are rnn-rows, mlp-relu"),
    (["--epochs", "0"], "--epochs must be at least 1"),
])
def test_bad_command_lines_give_one_line_and_exit_code_2(flags, words):
    done = subprocess.run([*TRAIN_RNN, *flags], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ") and words in done.stderr


def test_help_shows_the_defaults_and_imports_nothing_heavy():
    code = ("import runpy, sys; sys.argv = ['train_rnn.py', '--help']\n"
            "try: runpy.run_path('scripts/train_rnn.py', run_name='__main__')\n"
            "finally: assert not {'tensorflow', 'numpy', 'matplotlib'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for item in dataclasses.fields(Config):
        if item.metadata["flag"]:
            assert cli.flag_name(item) in done.stdout
            assert item.metadata["help"].split()[0] in done.stdout
    assert "--learning-rate F     step size of the optimizer (default: 0.001)" in done.stdout


def test_a_flag_that_no_longer_applies_gives_way_to_one_that_was_given():
    assert parse("--optimizer", "sgd", base=PRESETS["mlp-relu"]).epsilon == Config().epsilon
    assert parse("--valid-fraction", "0.3").n_valid == 0
    assert parse("--epochs", "2", base=PRESETS["mlp-relu"]).hidden_sizes == (128, 84)


@pytest.mark.parametrize("name", PRESETS)
def test_json_holds_every_setting_and_reads_back(name):
    config = PRESETS[name].check()
    assert set(json.loads(to_json(config))) == {item.name for item in dataclasses.fields(Config)}
    assert from_json(to_json(config), "config.json") == config


@pytest.mark.parametrize(("change", "words"), [
    ({"n_layers": 3}, "unknown key 'n_layers'"), ({"seed": None}, "--seed must be a whole number"),
    ({"seed": True}, "--seed must be a whole number"), ({"epochs": 1.5}, "--epochs must be a whole number"),
    ({"learning_rate": "0.1"}, "--learning-rate must be a number"), ({"offline": 1}, "--offline must be true or false"),
    ({"hidden_sizes": [1.5], "model": "mlp"}, "--hidden-sizes must be whole numbers"),
    ({"unroll": "magic"}, "--unroll must be one of dynamic, static, fused"),
    ({"learning_rate": math.nan}, "--learning-rate must be a finite number"),
])
def test_json_is_read_strictly(change, words):
    text = json.dumps({**json.loads(to_json(Config())), **change})
    message = refusal(from_json, text, "config.json")
    assert message.startswith("config.json: ") and words in message


def test_json_with_a_missing_key_or_no_object_is_refused():
    values = json.loads(to_json(Config()))
    del values["seed"]
    assert "missing key 'seed'" in refusal(from_json, json.dumps(values), "config.json")
    for text in ("", "[]", "[" * 100_000, "{", "3", "null"):
        assert refusal(from_json, text, "config.json").startswith("config.json: ")


@given(st.dictionaries(st.sampled_from([item.name for item in dataclasses.fields(Config)]),
                       st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())))
def test_any_json_value_gives_a_config_or_a_user_error(changes):
    try:
        config = from_json(json.dumps({**json.loads(to_json(Config())), **changes}), "config.json")
    except UserError as error:
        assert str(error).startswith("config.json: ")
    else:
        assert config.check() == config
