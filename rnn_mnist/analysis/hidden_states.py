"""The states of a trained RNN, one by one: what it would answer after each step, and how much gradient reaches each."""

import contextlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnn_mnist.cells import n_states
from rnn_mnist.config import Config
from rnn_mnist.console.command import script
from rnn_mnist.console.settings import UserError
from rnn_mnist.data import sequential_batches
from rnn_mnist.export.numpy_network import predicted_classes
from rnn_mnist.graph import inputs, output_layer, read_steps
from rnn_mnist.recurrence import layer_by_layer
from rnn_mnist.session import new_session
from rnn_mnist.tf1 import building, tf

SLICE = 16_000_000  # numbers that the states of one slice of images hold: 64 MB


class Inspection(NamedTuple):
    """Hold a graph of a recurrent network in which every state can be looked at, and its session with weights in it."""

    config: Config
    session: tf.Session
    pixels: tf.Tensor   # uint8 [batch, 28, 28]
    y: tf.Tensor        # int32 [batch]
    logits: tf.Tensor   # [batch, n_read, 10], the output layer being put on every step
    norms: tf.Tensor    # float64 [n_read], see gradient_norms, summed over the batch


def open_states(run):
    """Return (Config, {name: array}) of a Run, for inspect; raise UserError if it has no steps."""
    if run.config.model != "rnn":
        raise UserError("{run}: an {model} reads an image all at once and has no steps: give a run of {command}",
                        run=run, model=run.config.model, command=script("train_rnn"))
    with run.open_network() as network:
        return network.config, network.weights()


@contextlib.contextmanager
def inspect(config, weights):
    """Give the Inspection of a Config's network with weights, {name: array} as Network.weights gives them."""
    config = replace(config, unroll="dynamic")
    with building(tf.Graph()) as graph, tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        pixels, X, y = inputs(config)
        features, by_step, nudges = layer_by_layer(read_steps(X, config), config, nudged=True)
        xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=output_layer(features))
        # An image's cross-entropy depends on its own states only, so the gradient of the sum holds a row for each.
        gradients = tf.gradients(tf.reduce_sum(xentropy), nudges)
        # In float64, since the square of a gradient that has vanished is too small for float32.
        squares = tf.add_n([tf.reduce_sum(tf.square(tf.cast(each, tf.float64)), axis=2) for each in gradients])
        logits = output_layer(tf.reshape(by_step, [-1, by_step.shape[2]]))
        logits = tf.reshape(logits, [-1, config.n_read, logits.shape[1]])
        variables = tf.trainable_variables()
    with new_session(graph, 1) as session:
        for variable in variables:
            variable.load(weights[variable.op.name], session)
        yield Inspection(config, session, pixels, y, logits, tf.reduce_sum(tf.sqrt(squares), axis=0))


def logits_by_step(inspection, images):
    """Return float32 logits [n_steps, n, 10] of the outputs of all steps, for images uint8 [n, 28, 28]."""
    return np.concatenate([*_logits_in_slices(inspection, images)], axis=1)


def predictions_by_step(inspection, images, labels):
    """Return digits int64 [n_steps, n], the answer of each step to images uint8 [n, 28, 28], ties as in training."""
    parts, start = [], 0
    for logits in _logits_in_slices(inspection, images):
        some = labels[start:start + logits.shape[1]]
        parts.append([predicted_classes(of_step, some) for of_step in logits])
        start += len(some)
    return np.concatenate(parts, axis=1)


def _logits_in_slices(inspection, images):
    """Yield logits [n_steps, slice of n, 10]."""
    for X, _ in sequential_batches(images, images, _slice_length(inspection.config)):
        yield inspection.session.run(inspection.logits, {inspection.pixels.name: X}).transpose(1, 0, 2)


def gradient_norms(inspection, images, labels):
    """Return float64 [n_steps]: how much gradient reaches the state after each step, mean over the images.

    This is the Euclidean norm of the gradient of an image's cross-entropy (nats) by all that is carried from one step
    to the next, the states of all layers and directions, an LSTM's memory included. images: uint8 [n, 28, 28], labels:
    int [n]. A step that the run cuts off (bptt_steps) gets none. The last step's is that by the outputs only.
    """
    return np.sum([inspection.session.run(inspection.norms, {inspection.pixels.name: X, inspection.y.name: y})
                   for X, y in sequential_batches(images, labels, _slice_length(inspection.config))],
                  axis=0) / len(labels)


def settled_after(answers):
    """Return int [n]: the number of steps after which each answer, int [n_steps, n], does not change any more."""
    differs = answers != answers[-1]
    return np.where(differs.any(0), len(answers) - differs[::-1].argmax(0), 0) + 1


def _slice_length(config):
    return max(1, SLICE // n_states(config))
