"""Folders of data for the tests, and a fence: no test touches the user's caches or the network."""

import dataclasses
import functools
import gzip
import os
from pathlib import Path

import hypothesis
import pytest
from helpers import SMALL, idx_bytes

from rnn_mnist.console import languages, settings
from rnn_mnist.datasets import files, synthetic

# The same examples on every machine, however slow or busy it is.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True,
                                     suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")

# A file is tested by one process: these take longest and are begun first, or one process would wait for the other.
LONGEST = ("test_cells.py", "sweep/test_faults.py", "robustness/test_hostile.py", "sweep/test_cluster.py",
           "robustness/test_machines.py", "test_fused.py", "scripts/test_benchmarking.py", "test_train.py",
           "test_notebook.py", "robustness/test_interruptions.py", "export/test_saved_model.py",
           "tutorials/test_reproduce.py", "scripts/test_scripts.py", "analysis/test_predict.py",
           "analysis/test_picture.py", "robustness/test_damage.py")

# The folder as data_dir is stored: absolute, without "..". CI sets one with "..".
REAL_MNIST = os.environ.get("RNN_MNIST_DATA") and os.path.abspath(os.environ["RNN_MNIST_DATA"])


def pytest_collection_modifyitems(items):
    """Put the files that take longest first."""
    places = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST)}
    assert all(path.exists() for path in places)
    items.sort(key=lambda item: places.get(item.path, len(places)))


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


@functools.lru_cache(40)
def _graph_of(config):
    from rnn_mnist.graph import build_graph
    return build_graph(config)


@pytest.fixture
def shared_graphs(monkeypatch):
    """Build the graph of each network once, which takes most of a toy training: for tests of what is done with it.

    Each session has variables of its own. How long a network is trained is no matter of its graph.
    """
    from rnn_mnist import session
    monkeypatch.setattr(session, "build_graph", lambda config: _graph_of(dataclasses.replace(config, epochs=1)))


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
