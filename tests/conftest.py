"""Folders of data for the tests, and a fence: no test touches the user's caches or the network."""

import dataclasses
import functools
import gzip
import os

import hypothesis
import pytest
from helpers import SMALL, idx_bytes

from rnn_mnist.console import languages, settings
from rnn_mnist.datasets import files, synthetic

# The same examples on every machine, however slow or busy it is.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True,
                                     suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")

# The folder as data_dir is stored: absolute, without "..". CI sets one with "..".
REAL_MNIST = os.environ.get("RNN_MNIST_DATA") and os.path.abspath(os.environ["RNN_MNIST_DATA"])


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
        for name in ("LC_ALL", "LC_MESSAGES"):
            patch.delenv(name, raising=False)
        patch.setenv("LANG", "C.UTF-8")
        yield


@pytest.fixture(autouse=True)
def _environments_language():
    """Take back what --lang chose in a test."""
    yield
    languages.use(None)


@pytest.fixture
def flag_words(monkeypatch):
    """Have messages name settings as on the command line: --n-valid 0 instead of n_valid=0."""
    monkeypatch.setattr(settings, "as_flags", True)


@pytest.fixture(scope="module")
def shared_graphs():
    """Build the graph of each network once in a module: for tests of what is done with a network that is there.

    Each session has variables of its own. How long a network is trained is no matter of its graph.
    """
    from rnn_mnist import session
    build = functools.cache(session.build_graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "build_graph", lambda config: build(dataclasses.replace(config, epochs=1)))
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
    if [files.idx_digest(array) for array in files.read_arrays(REAL_MNIST)] != [part[3] for part in files.PARTS]:
        pytest.skip(f"RNN_MNIST_DATA={REAL_MNIST} is not the original MNIST")
    return REAL_MNIST
