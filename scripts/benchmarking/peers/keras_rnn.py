"""Keras 3: SimpleRNN, LSTM and GRU, unrolled and compiled by XLA where that helps it.

Options: backend, "jax" or "tensorflow"; jit_compile; fit, whether the minibatches go through fit() or each through
train_on_batch().
"""

import os

import numpy as np

LONGEST_UNROLLED = 100  # steps: more take minutes to compile


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
        *cell, dense, dense_bias = network.get_weights()
        return [*from_keras(task, *cell), dense, dense_bias]

    return train, weights


def _compiled(keras, task):
    """Return the network, ready to be trained, with the task's weights."""
    more = {"irnn": {"activation": "relu"}, "gru": {"reset_after": False}}.get(task.cell, {})
    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}.get(task.cell, keras.layers.SimpleRNN)
    layer = layer(task.n_neurons, unroll=task.n_steps <= LONGEST_UNROLLED, **more)
    network = keras.Sequential([keras.Input([task.n_steps, task.n_inputs]), layer, keras.layers.Dense(10)])
    network.compile(keras.optimizers.Adam(0.001, epsilon=1e-8),
                    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    jit_compile=task.options["jit_compile"])
    *cell, dense, dense_bias = task.weights
    network.set_weights([*to_keras(task, *cell), dense, dense_bias])
    return network


def to_keras(task, *weights):
    """Return TensorFlow 1's arrays of a cell as Keras has them: kernel, recurrent kernel, bias."""
    kernel, bias = weights[:2]
    if task.cell == "lstm":  # both i, j, f, o there and i, f, j, o here; the forget gate's 1 is in no variable there
        kernel, bias = _reordered(kernel), _reordered(bias)
        bias = bias + np.repeat(np.float32([0, 1, 0, 0]), task.n_neurons)
    elif task.cell == "gru":  # the gates r, u in one kernel and the candidate in another there; u, r, candidate here
        (r, u), (r_bias, u_bias) = np.split(kernel, 2, axis=1), np.split(bias, 2)
        kernel, bias = np.concatenate([u, r, weights[2]], axis=1), np.concatenate([u_bias, r_bias, weights[3]])
    return kernel[:task.n_inputs], kernel[task.n_inputs:], bias


def from_keras(task, Wx, Wh, bias):
    """Return what to_keras was given."""
    kernel = np.concatenate([Wx, Wh])
    if task.cell == "lstm":
        return _reordered(kernel), _reordered(bias - np.repeat(np.float32([0, 1, 0, 0]), task.n_neurons))
    if task.cell == "gru":
        (u, r, candidate), (u_bias, r_bias, candidate_bias) = np.split(kernel, 3, axis=1), np.split(bias, 3)
        return (np.concatenate([r, u], axis=1), np.concatenate([r_bias, u_bias]), candidate, candidate_bias)
    return kernel, bias


def _reordered(array):
    """Return an array with the second and the third quarter of its last dimension swapped."""
    one, two, three, four = np.split(array, 4, axis=-1)
    return np.concatenate([one, three, two, four], axis=-1)
