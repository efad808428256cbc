"""The states of a trained RNN, one by one: what it would answer after each step, and how much gradient reaches each.

build_graph gives the last state only, so this module adds a second copy of the recurrence to its graph, step by step,
on the same variables.
"""

from typing import NamedTuple

import numpy as np

from rnn_mnist import session
from rnn_mnist.config import N_OUTPUTS, UserError
from rnn_mnist.data import in_order
from rnn_mnist.tf1 import tf

SLICE = 4_000_000  # numbers that the states of one slice of images hold: 16 MB


class Steps(NamedTuple):
    """Hold the tensors of each step: n_steps states [batch, n_neurons], and logits [n_steps, batch, 10] of them all."""

    states: list
    logits: tf.Tensor


def build_steps(trained):
    """Return the Steps of a Trained, added to its graph; raise UserError if its network has no steps."""
    config = trained.config
    if config.model != "rnn":
        raise UserError(f"{trained.run}: an {config.model} reads an image all at once and has no steps: "
                        "give a run of scripts/train_rnn.py")
    X = tf.unstack(tf.reshape(trained.graph.X, [-1, config.n_steps, config.n_inputs]), axis=1)
    cell = tf.nn.rnn_cell.BasicRNNCell(config.n_neurons, activation=getattr(tf.nn, config.activation))
    states, state = [], cell.zero_state(tf.shape(X[0])[0], tf.float32)
    with tf.variable_scope("rnn", reuse=True):
        for t in range(config.n_steps):
            if config.bptt_steps and t == config.n_steps - config.bptt_steps:
                state = tf.stop_gradient(state)  # as in training
            state = cell(X[t], state)[1]
            states.append(state)
    return Steps(states, tf.layers.dense(tf.stack(states), N_OUTPUTS, name="dense", reuse=True))


def logits_by_step(trained, steps, images):
    """Return float32 logits [n_steps, n, 10] of every state, for images uint8 [n, 28, 28]."""
    slices = [trained.session.run(steps.logits, {trained.graph.pixels: X})
              for X, _ in in_order(images, images, _slice_length(trained.config))]
    return np.concatenate(slices, axis=1)


def predictions_by_step(trained, steps, images):
    """Return the digits int64 [n_steps, n] that the states would answer, for images uint8 [n, 28, 28]."""
    answers = tf.argmax(steps.logits, axis=2)
    slices = [trained.session.run(answers, {trained.graph.pixels: X})
              for X, _ in in_order(images, images, _slice_length(trained.config))]
    return np.concatenate(slices, axis=1)


def gradient_norms(trained, steps, images, labels):
    """Return (at the start of training, at its end), float64 [n_steps] each: how much gradient reaches each state.

    This is the Euclidean norm of the gradient of an image's cross-entropy (nats) by its state after each step, mean
    over the images, uint8 [n, 28, 28] with labels int [n]. A state that the run cuts off (bptt_steps) gets none.
    """
    graph, config = trained.graph, trained.config
    xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=graph.y, logits=steps.logits[-1])
    # An image's cross-entropy depends on its own states only, so the gradient of the sum holds one row for each image.
    gradients = tf.gradients(tf.reduce_sum(xentropy), steps.states, unconnected_gradients="zero")
    # In float64, since the square of a gradient that has vanished is too small for float32.
    sums = tf.stack([tf.reduce_sum(tf.norm(tf.cast(gradient, tf.float64), axis=1)) for gradient in gradients])

    def mean_norms(open_session):
        return np.sum([open_session.run(sums, {graph.pixels: X, graph.y: y})
                       for X, y in in_order(images, labels, _slice_length(config))], axis=0) / len(labels)

    with session.new_session(graph, config) as untrained:  # the run's seed gives it the run's first weights
        return mean_norms(untrained), mean_norms(trained.session)


def settled_after(answers):
    """Return int [n]: the number of steps after which each answer, int [n_steps, n], does not change any more."""
    differs = answers != answers[-1]
    return np.where(differs.any(0), len(answers) - differs[::-1].argmax(0), 0) + 1


def _slice_length(config):
    return max(1, SLICE // (config.n_steps * config.n_neurons))
