"""A trained network in NumPy alone: its arrays, its forward pass, and how far rounding may carry its logits.

X is float32, one image [784] or many [n, 784], in the range of the network's `pixels`; the same lines serve both.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

N_SHAKEN = 4  # draws of the signs, of which the worst counts


class Network(NamedTuple):
    """Hold a network's float32 arrays and what it does with them."""

    layers: tuple            # of tuples, (kernel [n_inputs, n_neurons], bias [n_neurons], ...), the output layer last
    activation: str = "sigmoid"
    n_steps: int = 0         # time steps of a recurrent network
    pixels: str = "unit"     # range it was trained on: unit is 0-1, raw is 0-255
    forward: Callable | None = None  # pass through the one hidden layer of a recurrent network: see cells.Cell


def network_of(config, variables):
    """Return the Network of a run's Config and its {variable name: float32 array}."""
    names, n_steps, forward = [], 0, None
    from rnn_mnist.cells import CELLS  # brings TensorFlow, which the weights in a file do not need
    if config.model in CELLS:
        cell, n_steps = CELLS[config.model], config.n_steps
        names, forward = [[f"rnn/{name}" for name in cell.variables]], cell.forward
    names += [(f"{layer}/kernel", f"{layer}/bias")
              for layer in [*(f"hidden{i + 1}" for i in range(len(config.hidden_sizes))), "dense"]]
    layers = tuple(tuple(variables[name] for name in arrays) for arrays in names)
    return Network(layers, config.activation, n_steps, config.pixels, forward)


@np.errstate(over="ignore", invalid="ignore")
def logits(network, X):
    """Return float32 logits, [10] of one image X [784] or [n, 10] of X [n, 784].

    Weights so large that sums overflow make them infinite or NaN, without a warning.
    """
    *hidden_layers, (kernel, bias) = network.layers
    activation, hidden = ACTIVATIONS[network.activation], X
    if network.forward:
        steps = X.reshape(*X.shape[:-1], network.n_steps, -1)
        hidden = network.forward(*hidden_layers, steps, activation)
    else:
        for hidden_kernel, hidden_bias in hidden_layers:
            hidden = activation(hidden @ hidden_kernel + hidden_bias)
    return hidden @ kernel + bias


def predicted_classes(logits, labels):
    """Return int [n], the classes that logits [n, n_classes] stand for, such that as many are right as training counts.

    That is done by tf.nn.in_top_k: a label whose logit ties for the largest is right, and no logits are that are not
    all finite; the class is then the largest of the others.
    """
    rows = np.arange(len(labels))
    correct = np.isfinite(logits).all(axis=1) & (logits[rows, labels] == logits.max(axis=1))
    others = np.nan_to_num(logits)
    others[rows, labels] = -np.inf
    return np.where(correct, labels, others.argmax(axis=1))


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
    return tuple(tuple(array * (1 + unit * np.sqrt(len(layer[0]) + 1) * rnd.choice([-1.0, 1.0], array.shape))
                       for array in layer) for layer in layers)


def sigmoid(x):
    """Return 1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def relu(x):
    """Return x where it is positive, else 0."""
    return np.maximum(x, 0)


ACTIVATIONS = {"tanh": np.tanh, "relu": relu, "sigmoid": sigmoid}
