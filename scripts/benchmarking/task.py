"""What every form of the benchmark has to train, and what must come out of it: the same training in NumPy."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import files
from rnn_mnist.tutorials.numpy_inference import softmax

N_CHECKED = 1000  # the first training images: the loss on them is what tells a right form from a wrong one


class Case(NamedTuple):
    """Say how large the network and its minibatches are."""

    n_neurons: int = 150
    batch_size: int = 150
    n_steps: int = 28
    n_inputs: int = 28


class Task(NamedTuple):
    """Hold what a form trains: all of them from the same weights, on the same minibatches, by the same Adam."""

    images: np.ndarray   # uint8 [n, 28, 28]; a network's inputs are these over 255
    labels: np.ndarray   # int32 [n]
    weights: list        # float32: kernel [n_inputs + n_neurons, n_neurons], bias, dense kernel [n_neurons, 10], bias
    n_neurons: int
    batch_size: int
    n_steps: int
    n_inputs: int
    options: dict        # which variant of the form; each form knows its own


def new_task(train, case):
    """Return the Task of training on a Split: weights glorot-uniform as TensorFlow's, drawn by NumPy's seed 42."""
    rnd, n = np.random.RandomState(42), case.n_neurons
    kernel, dense_kernel = ((rnd.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))).astype(np.float32)
                            for shape in ((case.n_inputs + n, n), (n, 10)))
    weights = [kernel, np.zeros(n, np.float32), dense_kernel, np.zeros(10, np.float32)]
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


def reference_losses(task, checked_steps):
    """Return checked_loss at the start and after each of the steps (ascending numbers), trained in NumPy."""
    batches = islice(minibatches(len(task.labels), task.batch_size), checked_steps[-1])
    steps = enumerate(train_in_numpy(task, batches), 1)
    return [checked_loss(task, task.weights),
            *(checked_loss(task, weights) for t, weights in steps if t in checked_steps)]


def train_in_numpy(task, batches):
    """Train in NumPy; yield the weights, always the same arrays, after each minibatch of row numbers."""
    weights = [w.copy() for w in task.weights]
    m, v = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for t, rows in enumerate(batches, 1):
        rate = np.float32(0.001 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t))
        for w, a, b, g in zip(weights, m, v, _gradient(task, weights, rows), strict=True):
            a += np.float32(0.1) * (g - a)  # TensorFlow's Adam: beta 0.9 and 0.999, epsilon 1e-8
            b += np.float32(0.001) * (g * g - b)
            w -= rate * a / (np.sqrt(b) + np.float32(1e-8))
        yield weights


def checked_loss(task, weights):
    """Return the mean cross-entropy, in nats, that weights have on the first images; computed in NumPy."""
    rows = np.arange(min(N_CHECKED, len(task.labels)))
    weights = [w.astype(np.float64) for w in weights]
    probabilities = softmax(_states(task, weights, rows)[1][-1] @ weights[2] + weights[3])
    return float(-np.log(probabilities[rows, task.labels[rows]]).mean())


def _states(task, weights, rows):
    """Return the steps [n_steps, batch, n_inputs] of some images, and the list of states, the zero state first."""
    kernel, bias = weights[:2]
    steps = task.images[rows].reshape(len(rows), task.n_steps, task.n_inputs).transpose(1, 0, 2) / np.float32(255)
    states = [np.zeros([len(rows), task.n_neurons], np.float32)]
    for x in steps:
        states.append(np.tanh(x @ kernel[:task.n_inputs] + states[-1] @ kernel[task.n_inputs:] + bias))
    return steps, states


def _gradient(task, weights, rows):
    """Return the gradient of a minibatch's mean cross-entropy by the four arrays; cells.py derives it."""
    kernel, _, dense, dense_bias = weights
    steps, states = _states(task, weights, rows)
    d_logits = softmax(states[-1] @ dense + dense_bias)
    d_logits[np.arange(len(rows)), task.labels[rows]] -= 1
    d_logits /= np.float32(len(rows))
    d_state, d_sums = d_logits @ dense.T, []
    for state in reversed(states[1:]):
        d_sums.append(d_state * (1 - state * state))
        d_state = d_sums[-1] @ kernel[task.n_inputs:].T
    d_sums = np.concatenate(d_sums[::-1])
    d_kernel = [np.concatenate(values).T @ d_sums for values in (steps, states[:-1])]
    return np.concatenate(d_kernel), d_sums.sum(axis=0), states[-1].T @ d_logits, d_logits.sum(axis=0)
