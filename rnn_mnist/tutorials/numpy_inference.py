"""A trained network in NumPy alone: the forward pass of the multilayer perceptron and of our RNN.

X is float32, one image [784] or many [n, 784], in the range of the network's `pixels`; the same lines serve both.
"""

from typing import NamedTuple

import numpy as np

N_SHAKEN = 4  # draws of the signs, of which the worst counts


class Network(NamedTuple):
    """Hold a network's float32 arrays and what it does with them."""

    layers: tuple            # of (kernel [n_inputs, n_neurons], bias [n_neurons]), the output layer last
    activation: str = "sigmoid"
    n_steps: int = 0         # time steps of a recurrent network, whose one hidden layer it is; 0: perceptron
    pixels: str = "unit"     # range it was trained on: unit is 0-1, raw is 0-255


def logits(network, X):
    """Return float32 logits, [10] of one image X [784] or [n, 10] of X [n, 784]."""
    *hidden_layers, (kernel, bias) = network.layers
    hidden = _last_state(network, X) if network.n_steps else X
    for hidden_kernel, hidden_bias in [] if network.n_steps else hidden_layers:
        hidden = ACTIVATIONS[network.activation](hidden @ hidden_kernel + hidden_bias)
    return hidden @ kernel + bias


def probabilities(network, X):
    """Return float32 probabilities, [10] of one image X [784] or [n, 10] of X [n, 784]."""
    return softmax(logits(network, X))


def predict(network, X, batch_size=100):
    """Return the predicted digits int [n] of X [n, 784], computed in batches; batch_size 1: one image at a time."""
    if batch_size == 1:
        return np.array([np.argmax(logits(network, x)) for x in X])
    return np.concatenate([np.argmax(logits(network, X[start:start + batch_size]), axis=1)
                           for start in range(0, len(X), batch_size)])


def rounding_bound(network, X):
    """Return how far two float32 computations of the logits of X [n, 784] may lie apart by rounding alone, a float.

    However it is ordered, a sum of k products in float32 is the exact sum of products that are each off by a share of
    at most k 2^-24, and hardly ever more than sqrt(k) 2^-24 (Higham and Mary 2019, "A new approach to probabilistic
    rounding error analysis"). So it is the exact product of weights that are off by as much. What such weights make of
    the logits, through all steps and layers, is computed here in float64; either of the two may be off by that.
    """
    X, rnd, found = X.astype(np.float64), np.random.RandomState(0), []
    exact = logits(network._replace(layers=_shaken(network.layers, rnd, 0)), X)
    for _ in range(N_SHAKEN):
        found.append(np.abs(logits(network._replace(layers=_shaken(network.layers, rnd, 2.0**-24)), X) - exact).max())
    return 2 * float(max(found))


def _shaken(layers, rnd, unit):
    """Return layers in float64, every weight off by the share sqrt(k) units up or down, k the terms of its sum."""
    return tuple(tuple(array * (1 + unit * np.sqrt(len(kernel) + 1) * rnd.choice([-1.0, 1.0], array.shape))
                       for array in (kernel, bias)) for kernel, bias in layers)


def sigmoid(x):
    """Return 1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def relu(x):
    """Return x where it is positive, else 0."""
    return np.maximum(x, 0)


def softmax(x):
    """Return the probabilities of logits [..., n]; the largest is taken off first, so that nothing overflows."""
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


ACTIVATIONS = {"tanh": np.tanh, "relu": relu, "sigmoid": sigmoid}


def _last_state(network, X):
    """Return the state [..., n_neurons] after the last step: activation(x_t Wx + h_(t-1) Wh + b), from a zero state."""
    kernel, bias = network.layers[0]
    activation = ACTIVATIONS[network.activation]
    steps = X.reshape(*X.shape[:-1], network.n_steps, -1)
    of_inputs, of_state = np.split(kernel, [steps.shape[-1]])  # the cell's kernel is Wx above Wh
    sums = steps @ of_inputs + bias                            # x_t Wx + b of all steps at once
    state = activation(sums[..., 0, :])
    for t in range(1, network.n_steps):
        state = activation(sums[..., t, :] + state @ of_state)
    return state
