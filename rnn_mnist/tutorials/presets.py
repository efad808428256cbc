"""The tutorials' experiments as presets: a name, and the settings that make it."""

from rnn_mnist.config import Config, UserError

_KERAS = {"model": "mlp", "activation": "relu", "epsilon": 1e-7, "n_valid": 0, "replicas": 1}
_RELU = {**_KERAS, "hidden_sizes": (128, 84), "batch_size": 32, "epochs": 20, "eval_train": True}
_SIGMOID = {**_KERAS, "activation": "sigmoid", "hidden_sizes": (50, 50, 50, 50), "pixels": "raw", "epsilon": 1e-8,
            "optimizer": "sgd", "epochs": 100, "n_subset": 19_800, "valid_fraction": 0.3}

PRESETS = {
    "rnn-rows": Config(),
    "mlp-relu": Config(**_RELU),
    "mlp-relu-l2": Config(**_RELU, l2=0.0001),
    "mlp-sigmoid": Config(**_SIGMOID, batch_size=256),
    "mlp-sigmoid-32": Config(**_SIGMOID, batch_size=32),
    "mlp-wide": Config(**_KERAS, hidden_sizes=(512,), optimizer="rmsprop", batch_size=128),
}


def preset(name):
    """Return the Config of a named experiment; raise UserError listing the names if there is none."""
    if name not in PRESETS:
        raise UserError(f"--experiment {name}: no such experiment; there are {', '.join(PRESETS)}")
    return PRESETS[name]
