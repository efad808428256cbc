"""The same training in NumPy: what tells a form that is right from one that is fast because it does less.

Backpropagation through time step by step, on the equations that rnn_mnist/cells.py states.
"""

from itertools import islice

import numpy as np

from rnn_mnist.export.numpy_network import sigmoid
from rnn_mnist.tutorials.numpy_inference import softmax

N_CHECKED = 1000  # the first training images: the loss on them is what is compared


def reference_losses(task, checked_steps, batches):
    """Return checked_loss at the start and after each of the steps (ascending numbers), trained in NumPy."""
    steps = enumerate(train_in_numpy(task, islice(batches, checked_steps[-1])), 1)
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
    probabilities = softmax(_forward(task, weights, rows)[0][-1] @ weights[-2] + weights[-1])
    return float(-np.log(probabilities[rows, task.labels[rows]]).mean())


def _forward(task, weights, rows):
    """Return the last state, whose last part is h, of some images, and what was computed at each step."""
    steps = task.images[rows].reshape(len(rows), task.n_steps, task.n_inputs).transpose(1, 0, 2) / np.float32(255)
    forward, zeros = CELLS[task.cell][0], np.zeros([len(rows), task.n_neurons], weights[0].dtype)
    state, done = (zeros, zeros) if task.cell == "lstm" else (zeros,), []
    for x in steps:
        state, kept = forward(weights, x, state)
        done.append(kept)
    return state, done


def _gradient(task, weights, rows):
    """Return the gradient of a minibatch's mean cross-entropy by each array."""
    state, done = _forward(task, weights, rows)
    d_logits = softmax(state[-1] @ weights[-2] + weights[-1])
    d_logits[np.arange(len(rows)), task.labels[rows]] -= 1
    d_logits /= np.float32(len(rows))
    backward, n_kernels = CELLS[task.cell][1], len(weights) // 2 - 1
    d_state = (*[np.zeros_like(part) for part in state[:-1]], d_logits @ weights[-2].T)
    factors = [([], []) for _ in range(n_kernels)]  # of each kernel: what it was multiplied with, gradient by the sums
    for kept in reversed(done):
        d_state, found = backward(weights, kept, d_state)
        for (inputs, d_sums), (one, other) in zip(factors, found, strict=True):
            inputs.append(one)
            d_sums.append(other)
    gradients = []
    for inputs, d_sums in factors:
        d_sums = np.concatenate(d_sums)
        gradients += [np.concatenate(inputs).T @ d_sums, d_sums.sum(axis=0)]
    return [*gradients, state[-1].T @ d_logits, d_logits.sum(axis=0)]


def _basic(f):
    """Return the step of a basic cell, forward."""
    def forward(weights, x, state):
        xh = np.concatenate([x, state[0]], axis=1)
        h = f(xh @ weights[0] + weights[1])
        return (h,), (xh, h)
    return forward


def _basic_back(df):
    """Return the step of a basic cell, backward; df(h) is the derivative of the activation."""
    def backward(weights, kept, d_state):
        xh, h = kept
        da = d_state[0] * df(h)
        return (da @ weights[0][-h.shape[1]:].T,), [(xh, da)]
    return backward


def _lstm(weights, x, state):
    c_before, h = state
    xh = np.concatenate([x, h], axis=1)
    i, j, g, o = np.split(xh @ weights[0] + weights[1], 4, axis=1)
    i, j, g, o = sigmoid(i), np.tanh(j), sigmoid(g + 1), sigmoid(o)
    c = g * c_before + i * j
    return (c, o * np.tanh(c)), (xh, i, j, g, o, c_before, np.tanh(c))


def _lstm_back(weights, kept, d_state):
    xh, i, j, g, o, c_before, squashed = kept
    dc, dh = d_state
    dc = dc + dh * o * (1 - squashed ** 2)
    da = np.concatenate([dc * j * i * (1 - i), dc * i * (1 - j ** 2), dc * c_before * g * (1 - g),
                         dh * squashed * o * (1 - o)], axis=1)
    return (dc * g, da @ weights[0][-i.shape[1]:].T), [(xh, da)]


def _gru(weights, x, state):
    (h,) = state
    xh = np.concatenate([x, h], axis=1)
    r, u = np.split(sigmoid(xh @ weights[0] + weights[1]), 2, axis=1)
    xrh = np.concatenate([x, r * h], axis=1)
    c = np.tanh(xrh @ weights[2] + weights[3])
    return (u * h + (1 - u) * c,), (xh, xrh, r, u, c, h)


def _gru_back(weights, kept, d_state):
    xh, xrh, r, u, c, h = kept
    (dh,), n = d_state, h.shape[1]
    dc = dh * (1 - u) * (1 - c ** 2)
    d_rh = dc @ weights[2][-n:].T
    d_gates = np.concatenate([d_rh * h * r * (1 - r), dh * (h - c) * u * (1 - u)], axis=1)
    return (dh * u + d_rh * r + d_gates @ weights[0][-n:].T,), [(xh, d_gates), (xrh, dc)]


CELLS = {"basic": (_basic(np.tanh), _basic_back(lambda h: 1 - h ** 2)),
         "irnn": (_basic(lambda a: np.maximum(a, 0)), _basic_back(lambda h: h > 0)),
         "lstm": (_lstm, _lstm_back), "gru": (_gru, _gru_back)}
