"""The floor: a training step's matrix products in TensorFlow, on two replicas, and nothing else. It learns nothing.

The transposed recurrent kernel is a variable of its own, the products of all steps at once are done as one, and the
instruction set is the best one here: no form can have fewer or faster ones.
"""

from itertools import islice

import numpy as np
from benchmarking.task import minibatches

from rnn_mnist.console import machine
from rnn_mnist.session import on_cpu
from rnn_mnist.tf1 import building, tf


def start(task):
    """Return (train, weights) for worker.py."""
    machine.use("native")
    sizes = {len(rows) for rows in islice(minibatches(len(task.labels), task.batch_size), 2)}
    rnd, n = np.random.RandomState(0), task.n_neurons
    with building(tf.Graph()):
        kernels = [_variable(rnd, *shape) for shape in ((task.n_inputs, n), (n, n), (n, n), (n, 10))]
        # Fetched, and not only run: TensorFlow leaves out what nobody reads.
        results = {size: tf.concat([_products(task, kernels, size // 2, rnd),
                                    _products(task, kernels, size - size // 2, rnd)], axis=0) for size in sizes}
        session = tf.Session(config=on_cpu(inter_op_parallelism_threads=2, intra_op_parallelism_threads=1))
        session.run(tf.global_variables_initializer())

    def train(batches):
        """Compute the products of a minibatch for each array of row numbers."""
        for rows in batches:
            session.run(results[len(rows)])

    return train, lambda: task.weights


def _variable(rnd, *shape):
    return tf.Variable(rnd.standard_normal(shape).astype(np.float32) * 0.08)


def _products(task, kernels, n_rows, rnd):
    """Return a tensor that depends on all matrix products of a training step on n_rows images, forward and back."""
    n, steps, (Wx, Wh, Wh_T, dense) = task.n_neurons, task.n_steps, kernels
    X, da = _variable(rnd, n_rows * steps, task.n_inputs), _variable(rnd, n_rows * steps, n)
    h_before, da_after = _variable(rnd, n_rows * (steps - 1), n), _variable(rnd, n_rows * (steps - 1), n)
    h, d_logits = _variable(rnd, n_rows, n), _variable(rnd, n_rows, 10)
    projected = tf.matmul(X, Wx)
    for _ in range(steps - 1):
        h = tf.matmul(h, Wh)
    with tf.control_dependencies([projected]):
        logits = tf.matmul(h, dense)
    with tf.control_dependencies([logits]):
        dh, d_dense = tf.matmul(d_logits, dense, transpose_b=True), tf.matmul(h, d_logits, transpose_a=True)
    for _ in range(steps - 1):
        dh = tf.matmul(dh, Wh_T)
    with tf.control_dependencies([dh]):
        dWh, dWx = tf.matmul(h_before, da_after, transpose_a=True), tf.matmul(X, da, transpose_a=True)
    return tf.stack([product[0, 0] for product in (projected, logits, dh, d_dense, dWh, dWx)])
