"""Recurrent networks in NumPy, float64, step by step, by equations of their own; any state can be nudged on its way."""

from itertools import product

import numpy as np

from rnn_mnist.cells import cell_of, layer_scopes


def sigmoid(a):
    """Return the logistic function."""
    return 1 / (1 + np.exp(-a))


FUNCTIONS = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0), "sigmoid": sigmoid}


def basic(arrays, x, state, f):
    """Return [h] after a step of Elman's cell."""
    kernel, bias = arrays
    return [f(np.concatenate([x, state[0]], axis=1) @ kernel + bias)]


def lstm(arrays, x, state, _):
    """Return [c, h] after a step; peepholes, if there are, for the forget, input and output gate."""
    kernel, bias, *peepholes = arrays
    c, h = state
    w_f, w_i, w_o = peepholes or (0.0, 0.0, 0.0)
    i, j, f, o = np.split(np.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)
    c = c * sigmoid(f + 1 + c * w_f) + np.tanh(j) * sigmoid(i + c * w_i)
    return [c, np.tanh(c) * sigmoid(o + c * w_o)]


def gru(arrays, x, state, _):
    """Return [h] after a step."""
    gates, gates_bias, candidate, candidate_bias = arrays
    h = state[0]
    r, u = np.split(sigmoid(np.concatenate([x, h], axis=1) @ gates + gates_bias), 2, axis=1)
    return [u * h + (1 - u) * np.tanh(np.concatenate([x, r * h], axis=1) @ candidate + candidate_bias)]


STEPS = {"basic": basic, "irnn": basic, "lstm": lstm, "gru": gru}


def drawn_weights(shapes, seed=0, scale=0.4):
    """Return {name: float32 array} of {name: shape}, none of them zero."""
    rnd = np.random.RandomState(seed)
    return {name: rnd.normal(0, scale, shape).astype(np.float32) for name, shape in sorted(shapes.items())}


def logits_by_step(config, weights, X, nudge=None):
    """Return logits [n, n_read, 10] of X [n, n_read, n_inputs] as it is read, the output layer put on every step.

    nudge: (layer, direction, t, unit of the whole state, how much is added to it after its step t), or None.
    """
    every = []
    for layer, scopes in enumerate(layer_scopes(config)):
        outputs = []
        for direction, scope in enumerate(scopes):
            arrays = [weights[f"{scope}/{name}"].astype(np.float64) for name in cell_of(config).variables]
            outputs.append(_outputs(config, arrays, X[:, ::-1] if direction else X,
                                    nudge and nudge[:2] == (layer, direction) and nudge[2:]))
        every.append(np.concatenate(outputs, axis=2))
        X = np.concatenate([each[:, ::-1] if direction else each for direction, each in enumerate(outputs)], axis=2)
    features = every[-1]
    if config.read == "all":
        features = np.concatenate(every, axis=2)
    if config.read == "mean":
        features = np.stack([features[:, :t + 1].mean(axis=1) for t in range(features.shape[1])], axis=1)
    return features @ weights["dense/kernel"].astype(np.float64) + weights["dense/bias"]


def _outputs(config, arrays, X, nudge):
    """Return h after every step [n, n_read, n_neurons]."""
    f = FUNCTIONS["relu" if config.cell == "irnn" else config.activation]
    state, found = [np.zeros([len(X), config.n_neurons])] * (2 if config.cell == "lstm" else 1), []
    for t in range(X.shape[1]):
        state = STEPS[config.cell](arrays, X[:, t], state, f)
        if nudge and nudge[0] == t:
            whole = np.concatenate(state, axis=1)
            whole[:, nudge[1]] += nudge[2]
            state = np.split(whole, len(state), axis=1)
        found.append(state[-1])
    return np.stack(found, axis=1)


def gradient_norm(config, weights, X, labels, t, by=1e-5):
    """Return the mean over images of the norm of the gradient of each one's cross-entropy by all states after step t.

    By finite differences.
    """
    def loss(layer, direction, unit, amount):
        """Return the cross-entropy [n] where a unit of a state is nudged by so much."""
        logits = logits_by_step(config, weights, X, (layer, direction, t, unit, amount))[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]

    units = product(range(config.layers), range(1 + config.bidirectional),
                    range(config.n_neurons * (2 if config.cell == "lstm" else 1)))
    return np.linalg.norm([(loss(*unit, by) - loss(*unit, -by)) / (2 * by) for unit in units], axis=0).mean()
