"""MNIST in the forms that tutorials know it by: load_mnist of those in NumPy, and TensorFlow 1's DataSet."""

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


class DataSet:
    """Give minibatches of images [n, ...] and labels [n, ...] in the order of TensorFlow 1's input_data.

    NumPy's global generator, which is seeded when this is made (None: at random), permutes an epoch's images anew, and
    each permutation is of what the one before has left. Form and order are those of TensorFlow 1.4 to 1.15.
    """

    def __init__(self, images, labels, seed=None):
        np.random.seed(seed)
        self.images, self.labels, self.num_examples = images, labels, len(images)
        self.epochs_completed = self._place = 0

    def next_batch(self, batch_size, fake_data=False, shuffle=True):
        """Return (images, labels) of the next batch_size, across the end of an epoch if need be."""
        if shuffle and self._place == self.epochs_completed == 0:
            self._shuffle()
        start, self._place = self._place, self._place + batch_size
        parts = [(self.images[start:self._place], self.labels[start:self._place])]
        if self._place > self.num_examples:
            self.epochs_completed, self._place = self.epochs_completed + 1, self._place - self.num_examples
            if shuffle:
                self._shuffle()
            parts.append((self.images[:self._place], self.labels[:self._place]))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _shuffle(self):
        order = np.arange(self.num_examples)
        np.random.shuffle(order)
        self.images, self.labels = self.images[order], self.labels[order]
