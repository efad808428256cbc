"""Inference in NumPy, as the tutorials have it: probabilities and digits, one image at a time or in batches."""

import numpy as np

from rnn_mnist.export.numpy_network import logits


def probabilities(network, X):
    """Return float32 probabilities, [10] of one image X [784] or [n, 10] of X [n, 784]."""
    return softmax(logits(network, X))


def predict(network, X, batch_size=100):
    """Return the predicted digits int [n] of X [n, 784], computed in batches; batch_size 1: one image at a time."""
    return np.concatenate([np.argmax(part, axis=1) for part in logits_in_batches(network, X, batch_size)])


def logits_in_batches(network, X, batch_size=100):
    """Yield logits float32 [batch_size, 10] of X [n, 784]; batch_size 1: one image at a time."""
    for start in range(0, len(X), batch_size):
        yield logits(network, X[start])[None] if batch_size == 1 else logits(network, X[start:start + batch_size])


@np.errstate(over="ignore", invalid="ignore")  # logits may lie further apart than float32 reaches, or be infinite
def softmax(x):
    """Return the probabilities of logits [..., n], or NaN; the largest is taken off first, so that exp is at most 1."""
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)
