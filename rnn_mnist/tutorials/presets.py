"""The tutorials' experiments as presets: a name, and the settings that make it."""

from typing import NamedTuple

from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console.settings import UserError

_KERAS = {"model": "mlp", "activation": "relu", "epsilon": 1e-7, "n_valid": 0, "replicas": 1}
_RELU = {**_KERAS, "hidden_sizes": (128, 84), "batch_size": 32, "epochs": 20}
_SIGMOID = {**_KERAS, "activation": "sigmoid", "hidden_sizes": (50, 50, 50, 50), "pixels": "raw", "optimizer": "sgd",
            "epsilon": 1e-8, "epochs": 100, "n_subset": 19_800, "valid_fraction": 0.3}


class Preset(NamedTuple):
    """Hold the settings of an experiment."""

    config: Config
    options: RunOptions = RunOptions()


PRESETS = {
    "rnn-rows": Preset(Config()),
    "mlp-relu": Preset(Config(**_RELU), RunOptions(eval_train=True)),
    "mlp-relu-l2": Preset(Config(**_RELU, l2=0.0001), RunOptions(eval_train=True)),
    "mlp-sigmoid": Preset(Config(**_SIGMOID, batch_size=256)),
    "mlp-sigmoid-32": Preset(Config(**_SIGMOID, batch_size=32)),
    "mlp-wide": Preset(Config(**_KERAS, hidden_sizes=(512,), optimizer="rmsprop", batch_size=128)),
}


def preset(name):
    """Return the Preset of a named experiment; raise UserError listing the names if there is none."""
    if name not in PRESETS:
        raise UserError(f"--experiment {name}: no such experiment; there are {', '.join(PRESETS)}")
    return PRESETS[name]
