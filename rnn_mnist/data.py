"""Training, validation and test sets, the minibatches cut from them, as uint8, and the order an image is read in.

Scaling and reading are the graph's business.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from rnn_mnist.config import BIT_REVERSAL, N_PIXELS, N_ROWS
from rnn_mnist.console.settings import UserError, named
from rnn_mnist.datasets.files import Source, Split, load_arrays


class Data(NamedTuple):
    """Hold the three splits and their source."""

    train: Split
    valid: Split
    test: Split
    source: Source


def load_data(config, options, loaded=None):
    """Return the Data that a Config and RunOptions ask for; raise UserError if it cannot be had or does not fit.

    loaded: what load_arrays has returned for them.
    """
    arrays, *source = loaded or load_arrays(config.data, options.data_dir, options.offline)
    X_train, y_train, X_test, y_test = arrays
    train, valid = _split(Split(X_train, y_train), config)
    return Data(train, valid, Split(X_test, y_test), Source(*source))


def shuffle_batch(X, y, batch_size, rnd):
    """Yield (X, y) in minibatches: one permutation of all indices, cut into len(X) // batch_size nearly equal parts.

    X is [n, ...], y is [n], rnd a RandomState; the scheme is that of A. Geron's handson-ml, chapter 14.
    """
    for part in np.array_split(rnd.permutation(len(X)), len(X) // batch_size):
        yield X.take(part, axis=0), y.take(part)


def sequential_batches(X, y, batch_size):
    """Yield (X, y) in slices of batch_size, in order, the shorter rest included; for evaluation."""
    for start in range(0, len(X), batch_size):
        yield X[start:start + batch_size], y[start:start + batch_size]


def pixel_order(config):
    """Return int32 [n], the numbers of an image's pixels (28 row + column) in the order a Config has them read.

    The permutations: NumPy's legacy generator from a seed (92916 in the papers), or the bit reversal of 0 to 1023
    without what is above 783 (as in the code of S4, Gu, Goel and Re 2022).
    """
    pixels = np.arange(N_PIXELS)
    rows = pixels.reshape(N_ROWS, -1)
    if config.order == "permuted":
        if config.permutation == BIT_REVERSAL:
            reversed_bits = np.array([int(f"{i:010b}"[::-1], 2) for i in range(1024)])
            pixels = reversed_bits[reversed_bits < N_PIXELS]
        else:
            pixels = np.random.RandomState(int(config.permutation)).permutation(N_PIXELS)
    pixels = {"columns": rows.T.ravel(), "reversed": rows[::-1].ravel()}.get(config.order, pixels)
    row = pixels // rows.shape[1]
    return pixels[(config.rows_from <= row) & (row < config.rows_to)].astype(np.int32)


def order_digest(config):
    """Return the SHA-256 (hex) of pixel_order, as little-endian 32-bit numbers."""
    return hashlib.sha256(pixel_order(config).astype("<i4").tobytes()).hexdigest()


def _split(split, config):
    """Return (train, valid): the subset if one is asked for, then the validation images cut off (views)."""
    images, labels = split
    n = len(images)
    if config.n_subset > n:
        asked = named("n_subset", config.n_subset)
        raise UserError("{asked} is more than the {n} training images there are", asked=asked, n=n)
    if config.n_subset:
        chosen = np.random.RandomState(config.subset_seed).permutation(n)[-config.n_subset:]
        images, labels, n = images[chosen], labels[chosen], config.n_subset
    asked = named(*("valid_fraction", config.valid_fraction) if config.valid_fraction else ("n_valid", config.n_valid))
    n_valid = round(n * config.valid_fraction) if config.valid_fraction else config.n_valid
    if n_valid >= n:
        raise UserError("{asked} leaves none of the {n} training images for training: give less", asked=asked, n=n)
    if config.valid_fraction and not n_valid:
        raise UserError("{asked} of {n} training images is not even one: give more", asked=asked, n=n)
    if config.batch_size > n - n_valid:
        raise UserError("{a} is more than the {n} images left for training: give at most {b}", n=n - n_valid,
                        a=named("batch_size", config.batch_size), b=named("batch_size", n - n_valid))
    if config.valid_steps >= (n_steps := (n - n_valid) // config.batch_size) > 0:
        raise UserError("{valid_steps} is never within an epoch, which has {n_steps} steps: give less",
                        valid_steps=named("valid_steps", config.valid_steps), n_steps=n_steps)
    first, last = slice(0, n_valid), slice(n_valid, n)
    if config.valid_fraction:
        first, last = slice(n - n_valid, n), slice(0, n - n_valid)
    return Split(images[last], labels[last]), Split(images[first], labels[first])
