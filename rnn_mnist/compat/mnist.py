"""tensorflow.examples' input_data and keras.datasets' mnist, over our own sources of data."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist.datasets.files import PARTS, load_arrays
from rnn_mnist.tf1 import tf

sources = {}  # data, data_dir and offline, as load_arrays takes them: the runner's flags


class Datasets(NamedTuple):
    """Hold the three DataSets."""

    train: "DataSet"
    validation: "DataSet"
    test: "DataSet"


class DataSet:
    """Give minibatches of images and labels in the order in which TensorFlow 1.4 to 1.15 gave them.

    Like the original it draws from NumPy's global generator, which it seeds with seed, else with the graph's seed.
    """

    def __init__(self, images, labels, seed=None):
        graph_seed, own_seed = tf.get_seed(seed)
        np.random.seed(graph_seed if seed is None else own_seed)
        self.images, self.labels, self.num_examples = images, labels, len(images)
        self.epochs_completed, self._place = 0, 0

    def next_batch(self, batch_size, fake_data=False, shuffle=True):
        """Return (images, labels) of the next batch_size; one that an epoch ends in takes the rest from the next."""
        if not self._place and not self.epochs_completed and shuffle:
            self._shuffle()
        start, self._place = self._place, self._place + batch_size
        if self._place <= self.num_examples:
            return self.images[start:self._place], self.labels[start:self._place]
        rest = self.images[start:], self.labels[start:]
        self.epochs_completed += 1
        if shuffle:
            self._shuffle()
        self._place = batch_size - len(rest[0])
        new = self.images[:self._place], self.labels[:self._place]
        return tuple(np.concatenate(parts) for parts in zip(rest, new, strict=True))

    def _shuffle(self):
        order = np.arange(self.num_examples)
        np.random.shuffle(order)
        self.images, self.labels = self.images[order], self.labels[order]


def read_data_sets(train_dir, fake_data=False, one_hot=False, dtype=tf.float32, reshape=True, validation_size=5000,
                   seed=None, source_url=None):
    """Return Datasets of MNIST: from train_dir if it has the files, else from where all data here comes from.

    Images float32 0..1, or uint8 as dtype says, [n, 784], or [n, 28, 28, 1] without reshape; labels uint8 [n], or
    float64 [n, 10] if one_hot. Raise UserError where there is no such data, ValueError for a wrong validation_size.
    """
    X_train, y_train, X_test, y_test = _arrays(train_dir)
    if not 0 <= validation_size <= len(X_train):
        raise ValueError(f"validation_size must be 0 to {len(X_train)}, got {validation_size}")
    parts = ((X_train[validation_size:], y_train[validation_size:]),
             (X_train[:validation_size], y_train[:validation_size]), (X_test, y_test))
    shape = [-1, 784] if reshape else [-1, 28, 28, 1]
    is_float = tf.as_dtype(dtype) == tf.float32
    return Datasets(*(DataSet(  # times 1/255, as the original, which rounds otherwise than a division
        (X.astype(np.float32) * np.float32(1 / 255) if is_float else X).reshape(shape),
        np.eye(10)[y] if one_hot else y.astype(np.uint8), seed) for X, y in parts))


def load_data(path="mnist.npz"):
    """Return ((X_train, y_train), (X_test, y_test)), uint8 [n, 28, 28] and [n], as keras.datasets.mnist does."""
    X_train, y_train, X_test, y_test = _arrays()
    return (X_train, y_train.astype(np.uint8)), (X_test, y_test.astype(np.uint8))


def _arrays(folder=""):
    """Return our four arrays; from the script's folder if that has the files and no flag names another."""
    there = folder and all(any(Path(folder).glob(f"{part}*")) for part, *_ in PARTS)
    data_dir = sources.get("data_dir") or (folder if there else None)
    return load_arrays(sources.get("data", "auto"), data_dir, sources.get("offline", False))[0]
