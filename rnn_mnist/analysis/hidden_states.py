"""The states of a trained RNN, one by one: what it would answer after each step, and how much gradient reaches each."""

import contextlib

import numpy as np

from rnn_mnist.console.command import script
from rnn_mnist.console.settings import UserError
from rnn_mnist.data import sequential_batches
from rnn_mnist.export.numpy_network import predicted_classes
from rnn_mnist.tf1 import building, tf

SLICE = 4_000_000  # numbers that the states of one slice of images hold: 16 MB


@contextlib.contextmanager
def open_unrolled(run):
    """Give the session.Network of a Run with an output for each step; raise UserError if it has no steps."""
    if run.config.model != "rnn":
        raise UserError(f"{run}: an {run.config.model} reads an image all at once and has no steps: "
                        f"give a run of {script('train_rnn')}")
    with run.open_network(unroll="static", replicas=1) as network:
        yield network


def logits_by_step(network, images):
    """Return float32 logits [n_steps, n, 10] of the outputs of all steps, for images uint8 [n, 28, 28]."""
    return np.concatenate([*_logits_in_slices(network, images)], axis=1)


def predictions_by_step(network, images, labels):
    """Return digits int64 [n_steps, n], the answer of each step to images uint8 [n, 28, 28], ties as in training."""
    parts, start = [], 0
    for logits in _logits_in_slices(network, images):
        some = labels[start:start + logits.shape[1]]
        parts.append([predicted_classes(of_step, some) for of_step in logits])
        start += len(some)
    return np.concatenate(parts, axis=1)


def _logits_in_slices(network, images):
    """Yield logits [n_steps, slice of n, 10], the output layer being put on every step."""
    graph, outputs = network.graph, network.graph.outputs
    with building(graph.tf_graph):
        rows = tf.concat(outputs, axis=0)
        rows = tf.nn.bias_add(tf.matmul(rows, graph.weights["dense/kernel"]), graph.weights["dense/bias"])
        logits = tf.reshape(rows, [len(outputs), -1, rows.shape[1]])
    for X, _ in sequential_batches(images, images, _slice_length(network.config)):
        yield network.run(logits, [graph.pixels], [X])


def gradient_norms(network, images, labels, weights=None):
    """Return float64 [n_steps]: how much gradient reaches the output of each step, with other weights if given.

    This is the Euclidean norm of the gradient of an image's cross-entropy (nats) by the output after each step, mean
    over the images, uint8 [n, 28, 28] with labels int [n]. A step that the run cuts off (bptt_steps) gets none.
    weights: {name: array}, as Network.weights gives them.
    """
    graph, weights = network.graph, weights or {}
    with building(graph.tf_graph):
        # An image's cross-entropy depends on its own states only, so the gradient of the sum holds a row for each.
        gradients = tf.gradients(graph.xentropy_sum, graph.outputs, unconnected_gradients="zero")
        # In float64, since the square of a gradient that has vanished is too small for float32.
        sums = tf.stack([tf.reduce_sum(tf.norm(tf.cast(gradient, tf.float64), axis=1)) for gradient in gradients])
    tensors = [graph.pixels, graph.y, *(graph.weights[name] for name in weights)]
    return np.sum([network.run(sums, tensors, [X, y, *weights.values()])
                   for X, y in sequential_batches(images, labels, _slice_length(network.config))],
                  axis=0) / len(labels)


def settled_after(answers):
    """Return int [n]: the number of steps after which each answer, int [n_steps, n], does not change any more."""
    differs = answers != answers[-1]
    return np.where(differs.any(0), len(answers) - differs[::-1].argmax(0), 0) + 1


def _slice_length(config):
    return max(1, SLICE // (config.n_steps * config.n_neurons))
