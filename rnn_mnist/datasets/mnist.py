"""load_mnist, as readers of the NumPy tutorials know it."""

import numpy as np

from rnn_mnist.config import N_OUTPUTS, N_PIXELS, Config, RunOptions
from rnn_mnist.datasets.files import load_arrays


def load_mnist(normalize=True, flatten=True, one_hot=False, *, data="auto", data_dir=None, offline=False):
    """Return ((X_train, y_train), (X_test, y_test)) of all 60,000 and 10,000 images.

    normalize: float32 0..1, else uint8 0..255; flatten: [n, 784], else [n, 1, 28, 28]; one_hot: labels float32
    [n, 10], else int32 [n]. data, data_dir, offline: as in a run's settings. Raise UserError if there is no such data.
    """
    options = RunOptions(data_dir=data_dir, offline=offline)
    arrays = load_arrays(Config(data=data).data, options.data_dir, options.offline)[0]
    X_train, X_test = (inputs(images, normalize, flatten) for images in arrays[::2])
    y_train, y_test = (np.eye(N_OUTPUTS, dtype=np.float32)[y] if one_hot else y for y in arrays[1::2])
    return (X_train, y_train), (X_test, y_test)


def inputs(images, normalize=True, flatten=True):
    """Return images uint8 [n, 28, 28] in the form that load_mnist's switches ask for."""
    X = images.astype(np.float32) / np.float32(255) if normalize else images.copy()
    return X.reshape([-1, N_PIXELS] if flatten else [-1, 1, 28, 28])
