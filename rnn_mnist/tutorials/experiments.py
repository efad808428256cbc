"""The experiments that reproduce.py runs: what they are, how long they take, and which of them a command line means."""

from rnn_mnist.console.languages import text
from rnn_mnist.console.log import duration
from rnn_mnist.console.settings import UserError
from rnn_mnist.tutorials.presets import PRESETS

_ORDERS = {"pixels": "pixel by pixel", "permuted": "pixels in one random order"}
_UNITS = {"basic": "tanh units", "irnn": "ReLU units that start as the identity", "lstm": "LSTM units",
          "gru": "GRU units"}
_SECONDS = {"basic": 21, "irnn": 21, "lstm": 77, "gru": 67}  # an epoch of 784 steps

# Name: (seconds on two cores, what it is), in the order they are run.
EXPERIMENTS = {
    "rnn-rows": (12, "A: recurrent network of 150 tanh units on the rows of an image, 5 epochs"),
    "mlp-relu": (25, "B: perceptron 784-128-84-10, ReLU, Adam, 20 epochs"),
    "mlp-relu-l2": (30, "B: the same with L2 on the hidden kernels"),
    "mlp-sigmoid": (20, "C: four layers of 50 sigmoid units, SGD, batch 256, 100 epochs"),
    "mlp-sigmoid-32": (90, "C: the same with batch 32, three seeds"),
    "mlp-wide": (10, "D: perceptron 784-512-10, ReLU, RMSprop, 5 epochs"),
    "numpy-inference": (10, "E: a trained network in NumPy, one image at a time and in batches"),
    "rnn-rows-100": (240, "the network of A for 100 epochs"),
    "rnn-relu-3": (120, "rows: three recurrent layers of 100 ReLU units, all their last states read, 10 epochs"),
    "lstm-3": (360, "rows: three layers of 150 LSTM units, 10 epochs"),
    **{f"{order}-{cell}": (_SECONDS[cell] * PRESETS[f"{order}-{cell}"].config.epochs,
                           "{order}: 100 {units}, {epochs} epochs") for order in _ORDERS for cell in _UNITS},
}
_LONG = 300  # seconds
LONG = [name for name, (seconds, _) in EXPERIMENTS.items() if seconds > _LONG]  # run only with --long
START = 5  # seconds that even the shortest training takes, to build the network, save and draw


def choose(names, long=False, epochs=None):
    """Return (the experiments that names stand for, each once, those that all leaves out unless long).

    epochs: at most that many each. Raise UserError if one is unknown, if none is given, or if one that takes
    long is named without long.
    """
    unknown = [name for name in names if name not in ("all", *EXPERIMENTS)]
    if unknown or not names:
        what = text("{name:.40}: no such experiment", name=unknown[0]) if unknown else text("no experiment named")
        raise UserError("{what}: give all, or any of {names}", what=what, names=", ".join(EXPERIMENTS))
    left_out = [] if long else [name for name in LONG if name not in names]
    if refused := [name for name in LONG if name in names and not long and _seconds(name, epochs) > _LONG]:
        raise UserError("{names}: about {time} on two cores: add --long", names=", ".join(refused),
                        time=expected_time(refused, epochs))
    if "all" in names:
        return [name for name in EXPERIMENTS if name not in left_out], left_out
    return list(dict.fromkeys(names)), []


def expected_time(names, epochs=None):
    """Return in words how long experiments take together; epochs: at most that many each."""
    return duration(sum(_seconds(name, epochs) for name in names))


def _seconds(name, epochs):
    """Return how long an experiment takes, with at most so many epochs if any number is given."""
    of = PRESETS[name].config.epochs if name in PRESETS else 1
    return max(START, EXPERIMENTS[name][0] * min(1, (epochs or of) / of))


def listing():
    """Return a table of the experiments: name, time, --long where it is needed, what it is."""
    return [(name, text("about {time}", time=duration(seconds)), "--long" if name in LONG else "",
             text(what, **_fields(name))) for name, (seconds, what) in EXPERIMENTS.items()]


def _fields(name):
    """Return what an experiment's words leave open: {field: text}, for those on orders of pixels."""
    order, _, cell = name.partition("-")
    if order not in _ORDERS:
        return {}
    return {"order": text(_ORDERS[order]), "units": text(_UNITS[cell]), "epochs": PRESETS[name].config.epochs}
