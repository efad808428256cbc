"""What many tests share: small data files, the one-line refusal, the environment of a user, the instruction set.

RNN_MNIST_TEST_ISA names the instruction set that the tests of this process compute with, instead of the default; the
tests marked `machine` are those for which it matters. A process can use one only.
"""

import contextlib
import dataclasses
import io
import os
import re
import struct
import sys

import numpy as np
import pytest

from rnn_mnist.config import Config
from rnn_mnist.console import machine
from rnn_mnist.console.forms import TIMES
from rnn_mnist.console.settings import UserError
from rnn_mnist.run import Run

ISA = machine.resolve(os.environ.get("RNN_MNIST_TEST_ISA") or machine.DEFAULT_ISA)
for item in dataclasses.fields(Config):  # before anything makes a Config
    if item.name == "isa":
        item.default = ISA
Config.__init__.__defaults__ = tuple(item.default for item in dataclasses.fields(Config))

KEYS = ("x_train", "y_train", "x_test", "y_test")
RNG = np.random.RandomState(3)
SMALL = {"train-images-idx3-ubyte": RNG.randint(256, size=(30, 28, 28)), "train-labels-idx1-ubyte": np.arange(30) % 10,
         "t10k-images-idx3-ubyte": RNG.randint(256, size=(20, 28, 28)), "t10k-labels-idx1-ubyte": np.arange(20) % 10}


_actions = []


def _call_actions(event, args):
    for name, action in [*_actions]:
        if name == event:
            action(*args)


@contextlib.contextmanager
def on_event(name, action):
    """Call action(*its arguments) at each audit event of a name that this process raises within the block."""
    if not hasattr(on_event, "installed"):  # a hook can't be taken away
        on_event.installed = sys.addaudithook(_call_actions)
    _actions.append((name, action))
    try:
        yield
    finally:
        _actions.remove((name, action))


def user_environment(**more):
    """Return the environment for a command as a user types it: without what importing rnn_mnist.tf1 here has set."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "ONEDNN_"))} | more


def idx_bytes(array):
    """Return an array's IDX file: magic number, sizes, bytes."""
    array = np.asarray(array, np.uint8)
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def npz_bytes(save=np.savez_compressed, **changed):
    """Return an npz of the arrays in SMALL, some changed, or left out if None."""
    stream = io.BytesIO()
    arrays = {key: np.asarray(array, np.uint8) for key, array in zip(KEYS, SMALL.values(), strict=True)} | changed
    save(stream, **{key: array for key, array in arrays.items() if array is not None})
    return stream.getvalue()


def refusal(call, *args, **kwargs):
    """Return the message of the UserError that a call must raise: one line."""
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without_first_word(err):
    """Return what is on stderr but for the lines in the beginning that say what is being loaded."""
    return re.sub(r"\A(loading [\w ]+ \.\.\.\n)+", "", err)


def outcome(path):
    """Return what must be the same however a run came about: metrics, result, log, without times and interruptions."""
    run = Run(path)
    rows, [result] = ([{name: value for name, value in values.items() if name not in TIMES} for values in part]
                      for part in (run.metrics, [run.result]))
    lines = (run.path / "log.txt").read_text().splitlines()[:-1]
    lines = [line for line in lines if not line.startswith(("interrupted : ", "resumed : "))]
    return rows, result, [line.split(" seconds :")[0].split(" run :")[0] for line in lines]


def snapshot(folder):
    """Return {path: content} of all files of a folder but its lock."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != ".lock"}
