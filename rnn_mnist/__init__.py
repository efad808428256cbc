"""The TensorFlow 1 recurrent network on MNIST, as software: trained, recorded, resumed and compared.

`import rnn_mnist as rm; run = rm.train(n_neurons=100, seed=7, epochs=2)`. Importing this imports nothing heavy and
changes nothing; each name below is imported when it is first used.
"""

import importlib

__version__ = "1.0.0"
_HOMES = {"Config": "config.Config", "RunOptions": "config.RunOptions", "UserError": "console.settings.UserError",
          "Stopped": "console.settings.Stopped", "load_mnist": "datasets.mnist.load_mnist", "train": "train.train",
          "Run": "run.Run", "open_run": "run.Run", "find_runs": "run.find_runs"}
__all__ = [*_HOMES]


def __dir__():
    return {*globals(), *_HOMES}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'rnn_mnist' has no attribute '{name}'")
    module, _, attribute = _HOMES[name].rpartition(".")
    globals()[name] = getattr(importlib.import_module(f"rnn_mnist.{module}"), attribute)
    return globals()[name]
