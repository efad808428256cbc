"""Keras 3: SimpleRNN, unrolled and compiled by XLA where that helps it.

Options: backend, "jax" or "tensorflow"; jit_compile; fit, whether the minibatches go through fit() or each through
train_on_batch().
"""

import os

import numpy as np


def start(task):
    """Return (train, weights) for worker.py."""
    os.environ["KERAS_BACKEND"] = task.options["backend"]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import keras
    network = _compiled(keras, task)
    X = (task.images.astype(np.float32) / np.float32(255)).reshape(-1, task.n_steps, task.n_inputs)
    y = task.labels

    class Minibatches(keras.utils.PyDataset):
        """Give fit() a minibatch for each array of row numbers."""

        def __init__(self, batches):
            super().__init__()
            self.batches = batches

        def __len__(self):
            return len(self.batches)

        def __getitem__(self, i):
            return X[self.batches[i]], y[self.batches[i]]

    def train(batches):
        """Train a minibatch for each array of row numbers."""
        if task.options["fit"]:
            network.fit(Minibatches(batches), shuffle=False, verbose=0)
        else:
            for rows in batches:
                network.train_on_batch(X[rows], y[rows])

    def weights():
        """Return the arrays of Task.weights as they are now."""
        Wx, Wh, *others = network.get_weights()
        return [np.concatenate([Wx, Wh]), *others]

    return train, weights


def _compiled(keras, task):
    """Return the network, ready to be trained, with the task's weights."""
    network = keras.Sequential([keras.Input([task.n_steps, task.n_inputs]),
                                keras.layers.SimpleRNN(task.n_neurons, unroll=True), keras.layers.Dense(10)])
    network.compile(keras.optimizers.Adam(0.001, epsilon=1e-8),
                    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    jit_compile=task.options["jit_compile"])
    kernel, *others = task.weights
    network.set_weights([kernel[:task.n_inputs], kernel[task.n_inputs:], *others])
    return network
