"""A trained network in NumPy alone: its arrays, its forward pass, and how far rounding may carry its logits.

X is float32, one image [784] or many [n, 784], in the range of the network's `pixels`; the same lines serve both.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rnn_mnist.cells import activation_of, cell_of, layer_scopes
from rnn_mnist.config import N_OUTPUTS, N_PIXELS, Config
from rnn_mnist.console.languages import text
from rnn_mnist.data import pixel_order

_NONE = np.zeros(0, np.float32)  # of a shape that no layer's array has
N_SHAKEN = 4  # draws of the signs, of which the worst counts


class Network(NamedTuple):
    """Hold a network's float32 arrays and what it does with them."""

    layers: tuple                 # of tuples of arrays: (kernel [n_inputs, n_neurons], bias [n_neurons]) of a layer of
                                  # a perceptron, or a cell's, per layer and direction; the output layer's last
    activation: str = "sigmoid"
    pixels: str = "unit"          # range it was trained on: unit is 0-1, raw is 0-255
    config: Config | None = None  # of a recurrent network


def network_of(config, variables):
    """Return the Network of a run's Config and its {variable name: float32 array}; raise ValueError if they are not."""
    names = [[f"{scope}/{name}" for name in cell_of(config).variables]
             for directions in layer_scopes(config) for scope in directions]
    names += [(f"{layer}/kernel", f"{layer}/bias")
              for layer in [*(f"hidden{i + 1}" for i in range(len(config.hidden_sizes))), "dense"]]
    layers = tuple(tuple(variables.get(name, _NONE) for name in arrays) for arrays in names)
    if [[array.shape for array in arrays] for arrays in layers] != [*_shapes(config, layers)]:
        raise ValueError(text("the weights are not those of such a network"))
    recurrent = config.model == "rnn"
    return Network(layers, activation_of(config) if recurrent else config.activation, config.pixels,
                   config if recurrent else None)


def _shapes(config, layers):
    """Yield the shapes that the arrays of each layer of a Config's Network must have."""
    if config.model == "mlp":
        sizes = [N_PIXELS, *config.hidden_sizes]
        yield from ([(n_inputs, n), (n,)] for n_inputs, n in pairwise(sizes))
        yield [(sizes[-1], N_OUTPUTS), (N_OUTPUTS,)]
        return
    n, kind, n_inputs, layers = config.n_neurons, cell_of(config), config.n_inputs, iter(layers)
    for directions in layer_scopes(config):
        for _ in directions:
            # How the gates are shared out among a cell's kernels is taken from its biases.
            widths = [bias.size for bias in next(layers)[1:2 * kind.n_kernels:2]]
            pairs = [shape for width in widths for shape in ((n_inputs + n, width), (width,))]
            peepholes = [(n,)] * (len(kind.variables) - len(pairs))
            yield [*pairs, *peepholes] if sum(widths) == kind.n_gates * n else []
        n_inputs = len(directions) * n
    yield [((config.layers if config.read == "all" else 1) * n_inputs, N_OUTPUTS), (N_OUTPUTS,)]


@np.errstate(over="ignore", invalid="ignore")
def logits(network, X):
    """Return float32 logits, [10] of one image X [784] or [n, 10] of X [n, 784].

    Weights so large that sums overflow make them infinite or NaN, without a warning.
    """
    *hidden_layers, (kernel, bias) = network.layers
    activation, hidden = ACTIVATIONS[network.activation], X
    if network.config:
        hidden = _features(network.config, hidden_layers, X, activation)
    else:
        for hidden_kernel, hidden_bias in hidden_layers:
            hidden = activation(hidden @ hidden_kernel + hidden_bias)
    return hidden @ kernel + bias


def _features(config, layers, X, activation):
    """Return what the output layer of a recurrent network sees, [n_features] or [n, n_features]."""
    steps = X[..., pixel_order(config)].reshape(*X.shape[:-1], config.n_read, config.n_inputs)
    last, layers = [], iter(layers)
    for directions in layer_scopes(config):
        forwards = [_outputs(config, next(layers), steps[..., ::-1, :] if i else steps, activation)
                    for i in range(len(directions))]
        last.append(np.concatenate([outputs[..., -1, :] for outputs in forwards], axis=-1))
        steps = np.concatenate([outputs[..., ::-1, :] if i else outputs for i, outputs in enumerate(forwards)], axis=-1)
    return {"last": last[-1], "all": np.concatenate(last, axis=-1), "mean": steps.mean(axis=-2)}[config.read]


def _outputs(config, arrays, steps, activation):
    """Return the outputs of a cell after each of the steps [..., n_steps, n_inputs], from a zero state."""
    kind, outputs = cell_of(config), []
    state = (np.zeros([*steps.shape[:-2], config.n_neurons], steps.dtype),) * kind.n_parts
    for t in range(steps.shape[-2]):
        state = kind.step(arrays, steps[..., t, :], state, activation, sigmoid)
        outputs.append(state[-1])
    return np.stack(outputs, axis=-2)


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
    """Return how far two float32 computations of the logits of X [n, 784] may lie apart by rounding alone, a float."""
    return exact_logits(network, X)[1]


@np.errstate(over="ignore", invalid="ignore")
def exact_logits(network, X):
    """Return (float64 logits [n, 10] of X [n, 784], their rounding_bound).

    However it is ordered, a sum of k products in float32 is the exact sum of products that are each off by a share of
    at most k 2^-24, and hardly ever more than sqrt(k) 2^-24 (Higham and Mary 2019, "A new approach to probabilistic
    rounding error analysis"). So it is the exact product of weights that are off by as much. What such weights make of
    the logits, through all steps and layers, is computed here in float64; either of the two may be off by that.
    """
    X, rnd, found = X.astype(np.float64), np.random.RandomState(0), []
    exact = logits(network._replace(layers=_shaken(network.layers, rnd, 0)), X)
    for _ in range(N_SHAKEN):
        found.append(np.abs(logits(network._replace(layers=_shaken(network.layers, rnd, 2.0**-24)), X) - exact).max())
    return exact, 2 * float(max(found))


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
