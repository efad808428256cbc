"""The floor: a training step's matrix products in TensorFlow, on two replicas, and nothing else. It learns nothing.

The transposed recurrent kernels are variables of their own, the products of all steps at once are done as one, and the
instruction set is the best one here: no form can have fewer or faster ones.
"""

from itertools import islice

import numpy as np
from benchmarking.task import WIDTHS, minibatches

from rnn_mnist.console import machine
from rnn_mnist.session import on_cpu
from rnn_mnist.tf1 import building, tf


def start(task):
    """Return (train, weights) for worker.py."""
    machine.use("native")
    sizes = {len(rows) for rows in islice(minibatches(len(task.labels), task.batch_size), 2)}
    rnd, n = np.random.RandomState(0), task.n_neurons
    with building(tf.Graph()):
        kernels = [[_variable(rnd, *shape) for shape in ((task.n_inputs, m * n), (n, m * n), (m * n, n))]
                   for m in WIDTHS[task.cell]]
        dense = _variable(rnd, n, 10)
        # Fetched, and not only run: TensorFlow leaves out what nobody reads.
        results = {size: tf.concat([_products(task, kernels, dense, size // 2, rnd),
                                    _products(task, kernels, dense, size - size // 2, rnd)], axis=0) for size in sizes}
        session = tf.Session(config=on_cpu(inter_op_parallelism_threads=2, intra_op_parallelism_threads=1))
        session.run(tf.global_variables_initializer())

    def train(batches):
        """Compute the products of a minibatch for each array of row numbers."""
        for rows in batches:
            session.run(results[len(rows)])

    return train, lambda: task.weights


def _variable(rnd, *shape):
    """Return a variable of numbers that keep their size in a long chain of products."""
    return tf.Variable((rnd.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))


def _products(task, kernels, dense, n_rows, rnd):
    """Return a tensor that depends on all matrix products of a training step on n_rows images, forward and back."""
    n, steps, h, found = task.n_neurons, task.n_steps, _variable(rnd, n_rows, task.n_neurons), []
    X, before = _variable(rnd, n_rows * steps, task.n_inputs), _variable(rnd, n_rows * (steps - 1), n)
    # Going back follows each step forward, so that the next step has to wait for both.
    for _ in range(steps - 1):
        for _, Wu, Wu_T in kernels:
            h = tf.matmul(tf.matmul(h, Wu), Wu_T)
    for Wx, Wu, _ in kernels:
        da, da_after = (_variable(rnd, n_rows * n_steps, Wu.shape[1]) for n_steps in (steps, steps - 1))
        with tf.control_dependencies([h]):
            found += [tf.matmul(X, Wx), tf.matmul(X, da, transpose_a=True),
                      tf.matmul(before, da_after, transpose_a=True)]
    d_logits = _variable(rnd, n_rows, 10)
    found += [tf.matmul(h, dense), tf.matmul(d_logits, dense, transpose_b=True),
              tf.matmul(h, d_logits, transpose_a=True)]
    return tf.stack([product[0, 0] for product in found])
