"""tensorflow.examples' input_data and keras.datasets.mnist, over our own sources of data."""

from collections import namedtuple
from pathlib import Path

import numpy as np

from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets.files import PARTS, load_arrays
from rnn_mnist.datasets.mnist import DataSet
from rnn_mnist.tf1 import tf

sources = {"data": "auto", "data_dir": None, "offline": False}  # as load_arrays takes them
Datasets = namedtuple("Datasets", ["train", "validation", "test"])


def read_data_sets(train_dir, fake_data=False, one_hot=False, dtype=tf.float32, reshape=True, validation_size=5000,
                   seed=None, source_url=None):
    """Return Datasets of MNIST: from train_dir if it has the files and nobody names others, else from our sources.

    Images float32 0..1 or uint8, [n, 784], or [n, 28, 28, 1]; labels uint8 [n] or float64 [n, 10]. Raise UserError if
    there is no such data, or if more is to be for validation than there is.
    """
    there = all(any(Path(train_dir or ".").glob(f"{part}*")) for part, *_ in PARTS)
    X, y, X_test, y_test = load_arrays(**{**sources, **({"data_dir": train_dir} if there and not sources["data_dir"]
                                                        and sources["data"] != "synthetic" else {})})[0]
    if fake_data:
        raise UserError("fake_data is not provided: leave it out")
    if not 0 <= validation_size <= len(X):
        raise UserError("validation_size must be 0 to {n}", n=len(X))
    is_float, (graph_seed, own_seed) = tf.as_dtype(dtype) == tf.float32, tf.get_seed(seed)
    shape = [-1, 784] if reshape else [-1, 28, 28, 1]
    return Datasets(*(DataSet(  # times 1/255, as the original had it, which rounds otherwise than a division
        (images * np.float32(1 / 255) if is_float else images.copy()).reshape(shape),
        np.eye(10)[labels] if one_hot else labels.astype(np.uint8),
        graph_seed if seed is None else own_seed)
        for images, labels in ((X[validation_size:], y[validation_size:]), (X[:validation_size], y[:validation_size]),
                               (X_test, y_test))))


def load_data(path="mnist.npz"):
    """Return ((X_train, y_train), (X_test, y_test)), uint8 [n, 28, 28] and [n]."""
    X, y, X_test, y_test = load_arrays(**sources)[0]
    return (X.copy(), y.astype(np.uint8)), (X_test.copy(), y_test.astype(np.uint8))
