"""Our own forms, by the very code that scripts/train_rnn.py runs. Options: unroll, isa."""

import warnings

from rnn_mnist import session
from rnn_mnist.config import Config, with_settings
from rnn_mnist.graph import build_graph, reset_graph
from rnn_mnist.tf1 import tf


def start(task):
    """Return (train, weights) for worker.py."""
    config = with_settings(Config(), batch_size=task.batch_size, n_steps=task.n_steps, n_inputs=task.n_inputs,
                           n_neurons=task.n_neurons, **task.options)
    reset_graph(config.seed)
    graph = build_graph(config)
    open_session = session.new_session(graph, config)
    with warnings.catch_warnings(action="ignore"):
        for variable, value in zip(tf.trainable_variables(), task.weights, strict=True):
            variable.load(value, open_session)

    def train(batches):
        minibatches = ((task.images.take(rows, axis=0), task.labels.take(rows)) for rows in batches)
        session.run_epoch(open_session, graph, minibatches, dropout=0.0)

    return train, lambda: open_session.run(tf.trainable_variables())
