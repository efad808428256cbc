"""The experiments of the tutorials, and of papers, as presets: a name, and the settings that make it."""

from typing import NamedTuple

from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console.settings import UserError

_KERAS = {"model": "mlp", "activation": "relu", "epsilon": 1e-7, "n_valid": 0, "replicas": 1}
_RELU = {**_KERAS, "hidden_sizes": (128, 84), "batch_size": 32, "epochs": 20}
_SIGMOID = {**_KERAS, "activation": "sigmoid", "hidden_sizes": (50, 50, 50, 50), "pixels": "raw", "optimizer": "sgd",
            "epsilon": 1e-8, "epochs": 100, "n_subset": 19_800, "valid_fraction": 0.3}
# (learning rate, epochs that fit in half an hour at most). Pixel by pixel the LSTM fell back to chance at 0.0005.
_PIXELWISE = {
    "pixels": {"basic": (0.0001, 15), "irnn": (0.0001, 28), "lstm": (0.0002, 14), "gru": (0.001, 26)},
    "permuted": {"basic": (0.0001, 15), "irnn": (0.0001, 28), "lstm": (0.001, 16), "gru": (0.001, 15)}}


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
    "rnn-rows-100": Preset(Config(epochs=100, unroll="fused")),
    "rnn-relu-3": Preset(Config(layers=3, n_neurons=100, activation="relu", read="all", epochs=10)),
    "lstm-3": Preset(Config(cell="lstm", layers=3, epochs=10)),
    **{f"{order}-{cell}": Preset(with_settings(Config(), order=order, cell=cell, n_neurons=100, clip_norm=1.0,
                                               learning_rate=learning_rate, epochs=epochs))
       for order, cells in _PIXELWISE.items() for cell, (learning_rate, epochs) in cells.items()},
}


def preset(name):
    """Return the Preset of a named experiment; raise UserError listing the names if there is none."""
    if name not in PRESETS:
        raise UserError("--experiment {name}: no such experiment; there are {names}", name=name,
                        names=", ".join(PRESETS))
    return PRESETS[name]
