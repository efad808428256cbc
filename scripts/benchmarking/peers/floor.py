"""The floor: a training step's matrix products in TensorFlow, on two replicas, and nothing else. It learns nothing.

The transposed recurrent kernel is a variable of its own, the products of all steps at once are done as one, and the
instruction set is the best one here: no form can have fewer or faster ones.
"""

from itertools import islice

import numpy as np
from benchmarking.task import minibatches

from rnn_mnist import processor
from rnn_mnist.session import on_cpu
from rnn_mnist.tf1 import tf


def start(task):
    """Return (train, weights) for worker.py."""
    rnd = np.random.RandomState(0)

    def values(*shape):
        return tf.Variable(rnd.standard_normal(shape).astype(np.float32) * 0.08)

    n, steps = task.n_neurons, task.n_steps
    kernels = values(task.n_inputs, n), values(n, n), values(n, n), values(n, 10)

    def products(n_rows):
        Wx, Wh, Wh_T, dense = kernels
        X, da = values(n_rows * steps, task.n_inputs), values(n_rows * steps, n)
        h_before, da_after = values(n_rows * (steps - 1), n), values(n_rows * (steps - 1), n)
        h, d_logits = values(n_rows, n), values(n_rows, 10)
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

    sizes = {len(rows) for rows in islice(minibatches(len(task.labels), task.batch_size), 2)}
    # Fetched, and not only run: TensorFlow leaves out what nobody reads.
    results = {size: tf.concat([products(size // 2), products(size - size // 2)], axis=0) for size in sizes}
    processor.use("native")
    session = tf.Session(config=on_cpu(inter_op_parallelism_threads=2, intra_op_parallelism_threads=1))
    session.run(tf.global_variables_initializer())

    def train(batches):
        for rows in batches:
            session.run(results[len(rows)])

    return train, lambda: task.weights
