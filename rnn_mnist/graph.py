"""The graph: logits of the networks, and around them the one loss, accuracy, update and saver for all of them.

Nothing here runs an operation; session.py does.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rnn_mnist.config import N_OUTPUTS, N_PIXELS
from rnn_mnist.data import pixel_order
from rnn_mnist.recurrence import recurrence, unfused
from rnn_mnist.tf1 import building, tf

# As the seeds in cells.py: the running numbers of the kernels' initialisers in the tutorial's graph.
HIDDEN_KERNEL_SEED, OUTPUT_KERNEL_SEED = 88, 135


class Graph(NamedTuple):
    """Hold a tf.Graph and name the tensors and operations in it that a session needs."""

    tf_graph: tf.Graph
    pixels: tf.Tensor         # uint8 [batch, 28, 28], 0..255: what is fed in training
    X: tf.Tensor              # float32 [batch, 28, 28], 0..1 (0..255 if config.pixels is raw): from pixels unless fed
    y: tf.Tensor              # int32 [batch]
    dropout_rate: tf.Tensor   # float32 scalar, 0 unless fed
    learning_rate: tf.Tensor  # float32 scalar, the config's unless fed
    logits: tf.Tensor         # float32 [batch, 10]
    xentropy_sum: tf.Tensor   # float32 scalar, summed over the batch
    n_correct: tf.Tensor      # int32 scalar
    penalty: tf.Tensor        # float32 scalar, the L2 term of the loss
    global_step: tf.Variable  # int64 scalar
    weights: dict             # {name: tf.Variable} of what is trained, sorted by name
    training_op: tf.Operation
    init: tf.Operation
    saver: tf.train.Saver


def reset_graph(seed=42):
    """Return a new tf.Graph with its seed set; the default graph and NumPy's generator stay the caller's."""
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(seed)
    return graph


def rnn_logits(X, config, dropout):
    """Return logits [batch, 10] of images X [batch, 28, 28], read in the config's order."""
    return output_layer(dropout(recurrence(read_steps(X, config), config, dropout)))


def read_steps(X, config):
    """Return images X [batch, 28, 28] as the config reads them, float32 [batch, n_read, n_inputs]."""
    pixels = tf.reshape(X, [-1, N_PIXELS])
    if config.order not in ("rows", "pixels") or config.n_read < config.n_steps:
        pixels = tf.gather(pixels, pixel_order(config), axis=1)
    return tf.reshape(pixels, [-1, config.n_read, config.n_inputs])


def mlp_logits(X, config, dropout):
    """Return logits [batch, 10] of images X [batch, 28, 28] through the hidden layers of a perceptron."""
    hidden = tf.reshape(X, [-1, N_PIXELS])
    for i, n_neurons in enumerate(config.hidden_sizes):
        hidden = tf.layers.dense(hidden, n_neurons, unfused(getattr(tf.nn, config.activation)), name=f"hidden{i + 1}",
                                 kernel_initializer=tf.glorot_uniform_initializer(HIDDEN_KERNEL_SEED - i))
        hidden = dropout(hidden)
    return output_layer(hidden)


LOGITS = {"rnn": rnn_logits, "mlp": mlp_logits}  # by config.model


def build_graph(config):
    """Build the network of a config in a graph of its own and return the Graph.

    The minibatch is split into config.replicas nearly equal parts; each goes through its own copy of the operations on
    the same variables, so that each core has an independent chain of work. The loss is the sum of the parts' sums
    over the batch size: the gradient is that of the whole minibatch, up to rounding.
    """
    with building(reset_graph(config.seed)) as tf_graph:
        pixels, X, y = inputs(config)
        dropout_rate = tf.placeholder_with_default(0.0, [], name="dropout_rate")
        global_step = tf.train.get_or_create_global_step()
        parts = []
        for X_part, y_part in _split(X, y, config.replicas):
            dropout = _dropout(config, dropout_rate, global_step, first_seed=len(parts) * 1000)
            with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
                logits = LOGITS[config.model](X_part, config, dropout)
            xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_part, logits=logits)
            accurate = tf.nn.in_top_k(logits, y_part, 1)
            parts.append((logits, tf.reduce_sum(xentropy), tf.reduce_sum(tf.cast(accurate, tf.int32))))
        logits, xentropy_sums, n_corrects = zip(*parts, strict=True)
        xentropy_sum, penalty = tf.add_n(xentropy_sums), _penalty(config)
        loss = xentropy_sum / tf.cast(tf.shape(y)[0], tf.float32)
        learning_rate = tf.placeholder_with_default(tf.constant(config.learning_rate), [], name="learning_rate")
        training_op = _training_op(config, learning_rate, loss + penalty if config.l2 else loss, global_step)
        weights = {variable.op.name: variable for variable in tf.trainable_variables()}
        return Graph(tf_graph, pixels, X, y, dropout_rate, learning_rate, tf.concat(logits, 0, name="logits"),
                     xentropy_sum, tf.add_n(n_corrects), penalty, global_step,
                     dict(sorted(weights.items())), training_op, tf.global_variables_initializer(),
                     tf.train.Saver(max_to_keep=None))


def inputs(config):
    """Return the placeholders pixels, X, y; X is the pixels as float32 unless it is fed itself."""
    pixels = tf.placeholder(tf.uint8, [None, 28, 28], name="pixels")
    # The divisor could be fed only so that TensorFlow does not multiply by 1/255 instead, which gives other bits than
    # the division that everyone does in NumPy.
    largest = tf.placeholder_with_default(np.float32(1 if config.pixels == "raw" else 255), [], name="largest_pixel")
    X = tf.placeholder_with_default(tf.cast(pixels, tf.float32) / largest, [None, 28, 28], name="X")
    return pixels, X, tf.placeholder(tf.int32, [None], name="y")


def _split(X, y, n):
    """Cut a minibatch into n parts whose lengths differ by one at most."""
    if n == 1:
        return [(X, y)]
    length = tf.shape(X)[0]  # of y nothing is known where the network only predicts
    bounds = [0, *(length * i // n for i in range(1, n)), length]
    return [(X[low:high], y[low:high]) for low, high in pairwise(bounds)]


def output_layer(hidden):
    """Return logits [batch, 10] of what the last hidden layer gives."""
    return tf.layers.dense(hidden, N_OUTPUTS, name="dense",
                           kernel_initializer=tf.glorot_uniform_initializer(OUTPUT_KERNEL_SEED))


def _dropout(config, rate, global_step, first_seed):
    """Return the function that drops hidden units; its mask depends on seed, step, replica and layer alone.

    A stateful random operation would start over when a run is resumed; this one goes on.
    """
    if not config.dropout:
        return tf.identity
    seeds = iter(range(first_seed, first_seed + 1000))
    return lambda hidden: tf.nn.experimental.stateless_dropout(
        hidden, rate, seed=tf.stack([global_step, tf.constant(config.seed * 1_000_000 + next(seeds), tf.int64)]))


def _penalty(config):
    """Return l2 times the sum of squares of the chosen kernels, as Keras' regularizers.L2 counts it."""
    kernels = [v for v in tf.trainable_variables() if v.op.name.endswith("kernel")]
    chosen = {"all": kernels, "hidden": kernels[:-1], "output": kernels[-1:]}[config.l2_on]
    return config.l2 * tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in chosen if config.l2] or [0.0])


def _training_op(config, learning_rate, loss, global_step):
    """Return the operation that updates the weights once; compute_gradients keeps it behind the gradients' reads."""
    optimizer = _optimizer(config, learning_rate)
    gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
    if config.clip_norm:
        gradients, _ = tf.clip_by_global_norm(gradients, config.clip_norm)
    return optimizer.apply_gradients(zip(gradients, variables, strict=True), global_step=global_step)


def _optimizer(config, learning_rate):
    """Return the optimizer, one of TF1's kind."""
    return {"adam": lambda: tf.train.AdamOptimizer(learning_rate, epsilon=config.epsilon),
            "momentum": lambda: tf.train.MomentumOptimizer(learning_rate, config.momentum),
            "rmsprop": lambda: _KerasRMSProp(config, learning_rate),
            "sgd": lambda: tf.train.GradientDescentOptimizer(learning_rate)}[config.optimizer]()


class _KerasRMSProp(tf.train.Optimizer):
    """Divide each step by the running root mean square of the gradient, with Keras' epsilon outside the root.

    tf.train.RMSPropOptimizer has it inside, and tf_keras' own optimizer refuses TF1's reference variables.
    """

    def __init__(self, config, learning_rate):
        super().__init__(use_locking=False, name="RMSProp")
        self._config, self._learning_rate = config, learning_rate

    def _create_slots(self, var_list):
        for var in var_list:
            self._zeros_slot(var, "rms", self._name)

    def _apply_dense(self, grad, var):
        rho, rms = self._config.rho, self.get_slot(var, "rms")
        rms = tf.assign(rms, rho * rms + (1 - rho) * tf.square(grad))
        return tf.assign_sub(var, self._learning_rate * grad / (tf.sqrt(rms) + self._config.epsilon)).op
