"""What every form of the benchmark has to train: networks, minibatches, first weights; in_numpy.py trains it, too."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import files

# Units' worth of sums in each of a cell's kernels.
WIDTHS = {"basic": (1,), "irnn": (1,), "lstm": (4,), "gru": (2, 1)}


class Case(NamedTuple):
    """Say how large the network and its minibatches are."""

    n_neurons: int = 150
    batch_size: int = 150
    n_steps: int = 28
    n_inputs: int = 28
    cell: str = "basic"


class Task(NamedTuple):
    """Hold what a form trains: all of them from the same weights, on the same minibatches, by the same Adam."""

    images: np.ndarray   # uint8 [n, 28, 28]; a network's inputs are these over 255
    labels: np.ndarray   # int32 [n]
    weights: list        # float32: each kernel of the cell [n_inputs + n_neurons, m] and its bias, the dense layer's
    n_neurons: int
    batch_size: int
    n_steps: int
    n_inputs: int
    cell: str
    options: dict        # which variant of the form; each form knows its own


def new_task(train, case):
    """Return the Task of training on a Split: weights glorot-uniform as TensorFlow's, drawn by NumPy's seed 42.

    An irnn starts as the identity, and the gates of a GRU with a bias of 1.
    """
    rnd, n, weights = np.random.RandomState(42), case.n_neurons, []
    for shape in (*((case.n_inputs + n, width * n) for width in WIDTHS[case.cell]), (n, 10)):
        kernel = (rnd.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))).astype(np.float32)
        weights += [kernel, np.zeros(shape[1], np.float32)]
    if case.cell == "irnn":
        weights[0][:] = np.concatenate([rnd.randn(case.n_inputs, n) * 0.001, np.eye(n)])
    if case.cell == "gru":
        weights[1] += 1
    return Task(train.images, train.labels, weights, **case._asdict(), options={})


def write_task(task, folder):
    """Write a Task to a folder, for the workers."""
    np.save(folder / "images.npy", task.images)
    np.save(folder / "labels.npy", task.labels)
    np.savez(folder / "weights.npz", *task.weights)
    files.write(folder / "case.json", {name: getattr(task, name) for name in Case._fields})


def read_task(folder, options):
    """Return the Task in a folder, with a form's options."""
    folder = Path(folder)
    images, labels = (np.load(folder / name, allow_pickle=False) for name in ("images.npy", "labels.npy"))
    return Task(images, labels, read_weights(folder / "weights.npz"), **files.read_json(folder / "case.json"),
                options=options)


def read_weights(path):
    """Return the arrays that np.savez wrote without names."""
    with np.load(path, allow_pickle=False) as saved:
        return [saved[f"arr_{i}"] for i in range(len(saved.files))]


def minibatches(n_images, batch_size):
    """Yield arrays of row numbers for ever: each epoch's permutation cut into nearly equal parts, as in training.

    The parts come from both ends in turn, so that the first two have the two sizes there are: what a form compiles for
    each size is compiled before anything is timed.
    """
    rnd = np.random.RandomState(42)
    while True:
        parts = np.array_split(rnd.permutation(n_images), n_images // batch_size)
        while parts:
            yield parts.pop(0)
            if parts:
                yield parts.pop()
