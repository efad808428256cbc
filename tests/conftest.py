"""Folders of data for the tests, and a fence: no test touches the user's caches or the network.

RNN_MNIST_TEST_ISA names the instruction set that the tests of this process compute with, instead of the default; the
tests marked `machine` are those for which it matters. A process can use one only.
"""

import dataclasses
import gzip
import io
import os
import struct

import hypothesis
import numpy as np
import pytest

from rnn_mnist import processor
from rnn_mnist.config import DEFAULT_ISA, Config, UserError

ISA = processor.resolve(os.environ.get("RNN_MNIST_TEST_ISA") or DEFAULT_ISA)
for item in dataclasses.fields(Config):  # before anything makes a Config
    if item.name == "isa":
        item.default = ISA
Config.__init__.__defaults__ = tuple(item.default for item in dataclasses.fields(Config))

from rnn_mnist import data, synthetic  # noqa: E402

# The same examples on every machine, however slow or busy it is.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True,
                                     suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")

REAL_MNIST = os.environ.get("RNN_MNIST_DATA")
KEYS = ("x_train", "y_train", "x_test", "y_test")
RNG = np.random.RandomState(3)
SMALL = {"train-images-idx3-ubyte": RNG.randint(256, size=(30, 28, 28)), "train-labels-idx1-ubyte": np.arange(30) % 10,
         "t10k-images-idx3-ubyte": RNG.randint(256, size=(20, 28, 28)), "t10k-labels-idx1-ubyte": np.arange(20) % 10}


@pytest.fixture(scope="session", autouse=True)
def _fence(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_MNIST_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.delenv("RNN_MNIST_DATA", raising=False)
        for name in ("https_proxy", "HTTPS_PROXY"):  # where nothing listens: the mirrors are out of reach
            patch.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):  # the tests' own servers are not
            patch.setenv(name, "127.0.0.1")
        yield


@pytest.fixture
def folder(tmp_path):
    """Return a folder with four small sound IDX files, raw."""
    for name, array in SMALL.items():
        (tmp_path / name).write_bytes(idx_bytes(array))
    return tmp_path


@pytest.fixture(scope="session")
def toy_data_dir(tmp_path_factory):
    """Return a folder with 600 training and 200 test images in four IDX files, two of them gzip."""
    folder = tmp_path_factory.mktemp("toy")
    images, labels = synthetic.draw(800, seed=7)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images[:600]), 1))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels[:600]))
    (folder / "t10k-images.idx3-ubyte").write_bytes(idx_bytes(images[600:]))
    (folder / "t10k-labels.idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels[600:]), 1))
    return str(folder)


@pytest.fixture(scope="session")
def mnist_dir():
    """Return the folder that RNN_MNIST_DATA named when the tests began; skip unless it holds the original MNIST."""
    if not REAL_MNIST or not os.path.exists(REAL_MNIST):
        pytest.skip("needs the original MNIST: set RNN_MNIST_DATA to its folder")
    if [data.idx_digest(array) for array in data.read_data(REAL_MNIST)] != [part[3] for part in data.PARTS]:
        pytest.skip(f"RNN_MNIST_DATA={REAL_MNIST} is not the original MNIST")
    return REAL_MNIST


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


def refusal(call, *args):
    """Return the message of the UserError that a call must raise: one line."""
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)
