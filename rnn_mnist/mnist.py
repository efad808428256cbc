"""load_mnist, as readers of the NumPy tutorials know it, over this project's data."""

import numpy as np

from rnn_mnist.config import N_OUTPUTS, N_PIXELS, Config, with_settings
from rnn_mnist.data import load_data


def load_mnist(normalize=True, flatten=True, one_hot=False, **settings):
    """Return ((x_train, y_train), (x_test, y_test)) of all 60,000 and 10,000 images.

    normalize: float32 0..1, else uint8 0..255; flatten: [n, 784], else [n, 1, 28, 28]; one_hot: labels float32
    [n, 10], else int32 [n]. settings: data, data_dir, offline, as in Config. Raise UserError if there is no such data.
    """
    data = load_data(with_settings(Config(n_valid=0), **settings))
    return tuple((inputs(split.images, normalize, flatten), one_hot_labels(split.labels) if one_hot else split.labels)
                 for split in (data.train, data.test))


def inputs(images, normalize=True, flatten=True):
    """Return images uint8 [n, 28, 28] in the form that load_mnist's switches ask for."""
    X = images.astype(np.float32) / np.float32(255) if normalize else images
    return X.reshape([-1, N_PIXELS] if flatten else [-1, 1, 28, 28])


def one_hot_labels(labels):
    """Return labels int [n] as float32 [n, 10]: 1 in the label's column, else 0."""
    return np.eye(N_OUTPUTS, dtype=np.float32)[labels]
