"""load_mnist: the tutorials' switches, on data of any size."""

import numpy as np
import pytest
from helpers import SMALL, refusal

import rnn_mnist as rm


def test_data_of_any_size_is_loaded(folder):
    """Fewer images than a minibatch has, or than are kept for validation, are no matter here."""
    (X_train, y_train), (X_test, y_test) = rm.load_mnist(data_dir=folder)
    assert (X_train.shape, X_test.shape) == ((30, 784), (20, 784)) and X_train.dtype == X_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int32
    images, labels, test_images, test_labels = SMALL.values()
    assert np.array_equal(X_train.reshape(30, 28, 28), images.astype(np.float32) / np.float32(255))
    assert np.array_equal(X_test.reshape(20, 28, 28), test_images.astype(np.float32) / np.float32(255))
    assert np.array_equal(y_train, labels) and np.array_equal(y_test, test_labels)


def test_switches(folder):
    (X, one_hot), _ = rm.load_mnist(normalize=False, flatten=False, one_hot=True, data_dir=folder)
    images, labels = list(SMALL.values())[:2]
    assert X.dtype == np.uint8 and X.shape == (30, 1, 28, 28) and np.array_equal(X[:, 0], images)
    assert one_hot.dtype == np.float32 and one_hot.shape == (30, 10) and np.array_equal(one_hot.argmax(axis=1), labels)
    assert np.array_equal(one_hot.sum(axis=1), np.ones(30)) and set(np.unique(one_hot)) == {0, 1}
    X[:] = 0  # the caller's own, whatever file it came from


def test_all_images_of_the_original_are_loaded(mnist_dir):
    (X_train, y_train), (X_test, y_test) = rm.load_mnist(data_dir=mnist_dir)
    assert (X_train.shape, y_train.shape, X_test.shape, y_test.shape) == (
        (60_000, 784), (60_000,), (10_000, 784), (10_000,))
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9] and y_test[:5].tolist() == [7, 2, 1, 0, 4]


def test_synthetic_digits_when_asked_for():
    (X, y), _ = rm.load_mnist(data="synthetic", normalize=False)
    assert X.shape == (60_000, 784) and y.shape == (60_000,)


@pytest.mark.parametrize(("given", "words"), [
    ({"data": "cifar"}, "data must be one of auto, mnist, synthetic, got 'cifar'"),
    ({"offline": "yes"}, "offline must be true or false"),
    ({"data_dir": "/nowhere"}, "data_dir: no such file or folder '/nowhere'"),
    ({"data": "mnist", "offline": True}, "offline forbids the download"),
])
def test_wrong_arguments_are_refused_in_pythons_words(given, words):
    message = refusal(rm.load_mnist, **given)
    assert words in message and "--" not in message
