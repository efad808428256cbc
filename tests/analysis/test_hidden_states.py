"""The states one by one: answers after each step and gradient norms against NumPy, in every cell, form and order."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from stepwise import drawn_weights, gradient_norm, logits_by_step

from rnn_mnist.analysis import hidden_states as states
from rnn_mnist.config import Config
from rnn_mnist.datasets import synthetic
from rnn_mnist.session import Network

FUNCTIONS = {  # activation, and its derivative in terms of its value
    "tanh": (np.tanh, lambda h: 1 - h**2), "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0) * 1.0),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h))}
IMAGES, LABELS = synthetic.draw(30, seed=5)
FEW = {"n_neurons": 3, "replicas": 1, "n_steps": 7, "n_inputs": 112}


@contextmanager
def inspected(config, monkeypatch):
    """Give (Inspection, weights, none of which is zero); 30 images take five slices."""
    with Network(config) as network:
        weights = drawn_weights({name: array.shape for name, array in network.weights().items()})
    monkeypatch.setattr(states, "SLICE", states.n_states(config) * 7)
    with states.inspect(config, weights) as inspection:
        yield inspection, weights


def as_read(config):
    """Return IMAGES, float64 [n, n_read, n_inputs], in the order of a config."""
    X = IMAGES.astype(np.float64) / (255 if config.pixels == "unit" else 1)
    if config.order == "columns":
        X = X.transpose(0, 2, 1)
    if config.order == "reversed":
        X = X[:, ::-1]
    X = X.reshape(len(X), 784)
    if config.order == "permuted":
        X = X[:, np.random.RandomState(92916).permutation(784)]
    return X[:, 28 * config.rows_from:28 * config.rows_to].reshape(len(X), -1, config.n_inputs)


def in_numpy(weights, config):
    """Return (logits [n_steps, n, 10], norms [n_steps]) of IMAGES, by the basic cell and its gradient, in float64."""
    kernel, bias, dense, dense_bias = (weights[name].astype(np.float64) for name in (
        "rnn/basic_rnn_cell/kernel", "rnn/basic_rnn_cell/bias", "dense/kernel", "dense/bias"))
    function, slope = FUNCTIONS[config.activation]
    steps, h, after = as_read(config), np.zeros([len(IMAGES), config.n_neurons]), []
    for t in range(config.n_steps):
        h = function(np.concatenate([steps[:, t], h], axis=1) @ kernel + bias)
        after.append(h)
    logits = np.stack(after) @ dense + dense_bias
    p = np.exp(logits[-1] - logits[-1].max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(LABELS)), LABELS] -= 1
    d_h, norms = p @ dense.T, np.zeros(config.n_steps)
    for t in reversed(range(config.n_steps - (config.bptt_steps or config.n_steps), config.n_steps)):
        norms[t] = np.linalg.norm(d_h, axis=1).mean()
        d_h = (d_h * slope(after[t])) @ kernel[config.n_inputs:].T
    return logits, norms


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {}, {"activation": "relu"}, {"activation": "sigmoid"}, {"unroll": "static"}, {"unroll": "fused"},
    {"n_steps": 14, "n_inputs": 56, "activation": "relu", "pixels": "raw"},
    {"n_steps": 98, "n_inputs": 8, "activation": "relu"}, {"n_steps": 1, "n_inputs": 784},
    {"bptt_steps": 5}, {"bptt_steps": 28, "replicas": 2}, {"dropout": 0.5},
], ids=str)
def test_answers_and_gradients_of_the_basic_cell_are_those_of_numpy(settings, monkeypatch):
    config = Config(**{"n_neurons": 12, "replicas": 1, **settings})
    monkeypatch.setattr(states, "SLICE", config.n_steps * config.n_neurons * 7)  # so that 30 images take five slices
    with Network(config) as own, states.inspect(config, own.weights()) as inspection:
        logits, norms = in_numpy(own.weights(), config)
        found = states.logits_by_step(inspection, IMAGES)
        assert found.shape == (config.n_steps, 30, 10)
        assert np.allclose(found, logits, rtol=1e-4, atol=1e-4)
        assert np.allclose(found[-1], own.predict(IMAGES), atol=1e-5)
        of_label = np.take_along_axis(found, LABELS[None, :, None], axis=2)[:, :, 0]
        answers = np.where(of_label == found.max(axis=2), LABELS, found.argmax(axis=2))  # ties: as in training
        assert np.array_equal(states.predictions_by_step(inspection, IMAGES, LABELS), answers)
        norms_found = states.gradient_norms(inspection, IMAGES, LABELS)
        assert np.allclose(norms_found, norms, rtol=1e-3, atol=0)
        assert np.array_equal(norms_found > 0, norms > 0)


CELLS = [
    {"cell": "lstm"}, {"cell": "lstm", "peephole": True, "layers": 2, "read": "all"}, {"cell": "gru", "read": "mean"},
    {"cell": "gru", "layers": 2}, {"cell": "irnn", "rows_from": 4, "rows_to": 24},
    {"cell": "lstm", "bidirectional": True},
    {"cell": "gru", "bidirectional": True, "layers": 2, "read": "mean", "order": "columns"},
    {"cell": "lstm", "bidirectional": True, "layers": 2, "read": "all"}]


@pytest.mark.slow
@pytest.mark.parametrize("settings", CELLS, ids=str)
def test_gradient_norms_of_every_cell_are_those_of_finite_differences(settings, monkeypatch):
    config = Config(**FEW, **settings)
    with inspected(config, monkeypatch) as (inspection, weights):
        expected = logits_by_step(config, weights, as_read(config))
        assert np.allclose(states.logits_by_step(inspection, IMAGES), expected.transpose(1, 0, 2), rtol=1e-4, atol=1e-4)
        norms = states.gradient_norms(inspection, IMAGES, LABELS)
        assert norms.shape == (config.n_read,)
        for t in (0, config.n_read // 2, config.n_read - 1):
            assert norms[t] == pytest.approx(gradient_norm(config, weights, as_read(config), LABELS, t), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {"order": "columns"}, {"order": "reversed", "rows_from": 4, "rows_to": 24}, {"order": "permuted"},
    {"n_steps": 784, "n_inputs": 1, "order": "pixels", "rows_to": 3}, {"rows_from": 8, "cell": "gru"}], ids=str)
def test_images_are_watched_in_the_order_they_are_read_in(settings, monkeypatch):
    config = Config(**{**FEW, **settings})
    with inspected(config, monkeypatch) as (inspection, weights):
        expected = logits_by_step(config, weights, as_read(config)).transpose(1, 0, 2)
        assert len(expected) == config.n_read
        assert np.allclose(states.logits_by_step(inspection, IMAGES), expected, rtol=1e-4, atol=1e-4)
    with Network(config) as network:
        network.load(weights)
        assert np.allclose(network.predict(IMAGES), expected[-1], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {"cell": "lstm", "layers": 2, "n_steps": 28, "n_inputs": 28},
    {"cell": "gru", "n_steps": 784, "n_inputs": 1, "order": "pixels", "n_neurons": 2}], ids=str)
def test_steps_that_are_cut_off_get_no_gradient_the_others_all_of_theirs(settings, monkeypatch):
    config = Config(**{**FEW, **settings})
    norms = []
    for k in (0, 9):
        with inspected(replace(config, bptt_steps=k), monkeypatch) as (inspection, _):
            norms.append(states.gradient_norms(inspection, IMAGES[:10], LABELS[:10]))
    assert not norms[1][:-9].any() and norms[1][-9:].all()
    assert np.allclose(norms[1][-9:], norms[0][-9:], rtol=1e-4)


def test_gradient_norms_are_those_of_the_weights_given(monkeypatch):
    config = Config(n_neurons=12)
    with Network(config) as network:
        first = network.weights()
        network.run_epoch([(IMAGES, LABELS)] * 30, dropout=0.0)
        trained = network.weights()
    found = []
    for weights in (first, trained):
        with states.inspect(config, weights) as inspection:
            found.append(states.gradient_norms(inspection, IMAGES, LABELS))
        assert np.allclose(found[-1], in_numpy(weights, config)[1], rtol=1e-3)
    assert not np.allclose(*found, rtol=0.1)


def test_settled_after():
    answers = np.array([[1, 5, 3], [1, 5, 4], [2, 5, 3], [2, 5, 3], [2, 5, 7]])
    assert states.settled_after(answers).tolist() == [3, 1, 5]
