"""Our own forms, by the very code that scripts/train_rnn.py runs. Options: unroll, isa."""

from rnn_mnist.config import Config, with_settings
from rnn_mnist.session import Network
from rnn_mnist.tf1 import tf


def start(task):
    """Return (train, weights) for worker.py."""
    config = with_settings(Config(), batch_size=task.batch_size, n_steps=task.n_steps, n_inputs=task.n_inputs,
                           n_neurons=task.n_neurons, cell=task.cell, **task.options)
    network = Network(config)
    with network.graph.tf_graph.as_default():
        variables = tf.trainable_variables()  # in the order of Task.weights: the cell's, then the dense layer's
        for variable, value in zip(variables, task.weights, strict=True):
            variable.load(value, network.session)

    def train(batches):
        """Train a minibatch for each array of row numbers."""
        minibatches = ((task.images.take(rows, axis=0), task.labels.take(rows)) for rows in batches)
        network.run_epoch(minibatches, dropout=0.0)

    return train, lambda: network.run(variables)
