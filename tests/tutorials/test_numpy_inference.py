"""NumPy inference: against the formulas in float64, against the graph, and on the published weights."""

import os
from itertools import pairwise

import numpy as np
import pytest
from reference import softmax

from rnn_mnist.config import Config, with_settings
from rnn_mnist.datasets.mnist import inputs, load_mnist
from rnn_mnist.export.numpy_network import Network, logits, predicted_classes, rounding_bound, sigmoid
from rnn_mnist.run import Run
from rnn_mnist.train import train
from rnn_mnist.tutorials import numpy_inference
from rnn_mnist.tutorials.numpy_inference import predict, probabilities
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.tutorials.weights_file import read_network

RNG = np.random.RandomState(11)
X = (RNG.rand(60, 784) * (RNG.rand(60, 784) < .3)).astype(np.float32)
RNN = Config(n_neurons=12)
BY_HAND = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "relu": lambda x: x * (x > 0), "tanh": np.tanh}


def random_layers(*sizes, scale=0.3):
    """Return ((kernel, bias), ...) of random float32 weights."""
    return tuple((scale * RNG.randn(a, b).astype(np.float32), scale * RNG.randn(b).astype(np.float32))
                 for a, b in zip(sizes[::2], sizes[1::2], strict=True))


@pytest.mark.parametrize("activation", BY_HAND)
def test_perceptron_equals_its_formula(activation):
    network = Network(random_layers(784, 20, 20, 30, 30, 10), activation)
    hidden = X.astype(float)
    for kernel, bias in network.layers[:-1]:
        hidden = BY_HAND[activation](hidden @ kernel.astype(float) + bias)
    expected = hidden @ network.layers[-1][0].astype(float) + network.layers[-1][1]
    assert np.abs(logits(network, X) - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(probabilities(network, X) - softmax(expected)).max() < 1e-3
    assert logits(network, X).dtype == np.float32


@pytest.mark.parametrize(("n_steps", "n_inputs"), [(28, 28), (56, 14), (1, 784)])
@pytest.mark.parametrize("activation", BY_HAND)
def test_recurrent_network_equals_its_formula(activation, n_steps, n_inputs):
    network = Network(random_layers(n_inputs + 12, 12, 12, 10, scale=0.1), activation,
                      config=Config(n_neurons=12, n_steps=n_steps, n_inputs=n_inputs))
    (kernel, bias), (dense, dense_bias) = network.layers
    state = np.zeros([60, 12])
    for step in np.split(X.astype(float), n_steps, axis=1):
        state = BY_HAND[activation](np.concatenate([step, state], axis=1) @ kernel + bias)
    assert np.abs(logits(network, X) - (state @ dense + dense_bias)).max() < 1e-5


@pytest.mark.parametrize("network", [Network(random_layers(784, 20, 20, 10)),
                                     Network(random_layers(28 + 12, 12, 12, 10), "tanh", config=RNN)],
                         ids=["mlp", "rnn"])
def test_one_image_gives_what_a_batch_gives(network):
    singly = np.stack([logits(network, x) for x in X])
    assert np.abs(singly - logits(network, X)).max() < 1e-5
    for batch_size in (1, 7, 60, 100):  # with a shorter rest, and with one batch for all
        assert np.array_equal(predict(network, X, batch_size), singly.argmax(axis=1))


def test_sigmoid_and_softmax_do_not_overflow():
    x = np.array([-1e30, -1000, -100, 0, 100, 1000, 1e30], np.float32)
    assert numpy_inference.softmax(x).tolist() == [0, 0, 0, 0, 0, 0, 1]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert sigmoid(x).tolist() == [0, 0, 0, .5, 1, 1, 1]
    x = np.linspace(-20, 20, 1001)
    assert np.abs(sigmoid(x) - 1 / (1 + np.exp(-x))).max() < 1e-15
    assert np.abs(numpy_inference.softmax(x) - softmax(x[None])[0]).max() < 1e-15


def test_sigmoid_network_on_raw_pixels_does_not_overflow():
    network = Network(random_layers(784, 50, 50, 50, 50, 10, scale=3.0))
    assert np.isfinite(probabilities(network, X * 255)).all()


def largest_layers(*sizes):
    """Return ((kernel, bias), ...) of float32 weights near the largest there are, of random signs."""
    return tuple(tuple(np.float32(3e38) * np.sign(array) for array in layer) for layer in random_layers(*sizes))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("network", [
    Network(largest_layers(784, 20, 20, 10)), Network(largest_layers(784, 20, 20, 10), "relu"),
    Network(largest_layers(784, 10)),
    Network(largest_layers(28 + 12, 12, 12, 10), "relu", config=RNN)],
    ids=["sigmoid", "relu", "no hidden layer", "recurrent"])
def test_weights_that_overflow_are_silently_not_right(network):
    labels = np.arange(len(X)) % 10
    for batch_size in (1, 7):
        found = np.concatenate([*numpy_inference.logits_in_batches(network, X, batch_size)])
        overflowed = ~np.isfinite(found).all(axis=1)
        assert overflowed.any() and not (predicted_classes(found, labels) == labels)[overflowed].any()
        assert set(predict(network, X, batch_size)) <= set(range(10))
    assert probabilities(network, X).shape == (60, 10)


@pytest.mark.filterwarnings("error")
def test_softmax_of_logits_that_overflow_is_silent():
    assert numpy_inference.softmax(np.array([3e38, -3e38, 0], np.float32)).tolist() == [1, 0, 0]
    assert np.isnan(numpy_inference.softmax(np.array([np.inf, 0], np.float32))).any()


def test_published_weights_classify_9352_of_the_10000_test_images(mnist_dir):
    path = os.path.join(mnist_dir, "sample_weight.pkl")
    if not os.path.exists(path):
        pytest.skip("no sample_weight.pkl beside the original MNIST")
    network = read_network(path)
    _, (x_test, t_test) = load_mnist(data_dir=mnist_dir)
    singly, in_batches = predict(network, x_test, 1), predict(network, x_test, 100)
    assert np.array_equal(singly, in_batches)
    assert (singly == t_test).sum() == 9352
    _, (raw, _) = load_mnist(normalize=False, data_dir=mnist_dir)
    assert (predict(network, raw.astype(np.float32)) == t_test).sum() == 9207


NETWORKS = {
    "mlp": Network(tuple(((RNG.randn(a, b) / a ** .5).astype("f4"), (RNG.randn(b) / 9).astype("f4"))
                         for a, b in ((784, 50), (50, 100), (100, 10)))),
    "rnn": Network((((RNG.randn(128, 100) * .12).astype("f4"), (RNG.randn(100) / 9).astype("f4")),
                    ((RNG.randn(100, 10) / 10).astype("f4"), np.zeros(10, "f4"))), "tanh",
                   config=Config(n_neurons=100))}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_bound_holds_for_float32_sums_in_any_order_and_no_wrong_weight_passes(name):
    """Sum the same terms one by one, in float32, in random orders."""
    network = NETWORKS[name]
    bound = rounding_bound(network, X)
    (kernel, bias), *others = network.layers
    results = []
    for seed in range(3):
        rnd = np.random.RandomState(seed)
        function = BY_HAND[network.activation]
        if network.config:
            hidden = np.zeros([len(X), len(bias)], np.float32)
            for x in X.reshape(len(X), 28, 28).swapaxes(0, 1):
                hidden = function(one_by_one(np.concatenate([x, hidden], axis=1), kernel, bias, rnd))
        else:
            hidden = function(one_by_one(X, kernel, bias, rnd))
        for kernel_2, bias_2 in others[:-1]:
            hidden = function(one_by_one(hidden, kernel_2, bias_2, rnd))
        results.append(one_by_one(hidden, *others[-1], rnd))
    assert 0 < max(np.abs(a - b).max() for a, b in pairwise(results)) < bound
    off = np.zeros_like(kernel)
    off[np.unravel_index(np.abs(kernel).argmax(), kernel.shape)] = 1e-2
    wrong = network._replace(layers=((kernel + off, bias), *others))
    assert np.abs(logits(wrong, X) - results[0]).max() > bound


def one_by_one(values, kernel, bias, rnd):
    """Return values @ kernel + bias in float32, the products added one after the other in a random order."""
    sums = np.zeros([len(values), len(bias)], np.float32)
    for k in rnd.permutation(len(kernel)):
        sums += values[:, k:k + 1].astype(np.float32) * kernel[k]
    return sums + bias


def trained_run(folder, preset, data_dir, **settings):
    """Return the directory of a run trained for this test."""
    config = with_settings(PRESETS[preset].config, epochs=1, **settings)
    return train(config, data_dir=data_dir, runs_dir=folder, plots=False).path


def graph_and_numpy_logits(run, images):
    """Return the logits [n, 10] of images uint8 [n, 28, 28], by the graph and by NumPy."""
    network = read_network(run)
    with Run(run).open_network() as trained:
        return trained.predict(images), logits(
            network, inputs(images, normalize=network.pixels == "unit").astype(np.float32))


@pytest.mark.slow
@pytest.mark.machine
def test_rnn_equals_the_graph_on_10000_images(tmp_path, mnist_dir):
    run = trained_run(tmp_path, "rnn-rows", mnist_dir)
    (_, _), (raw, labels) = load_mnist(normalize=False, data_dir=mnist_dir)
    by_graph, by_numpy = graph_and_numpy_logits(run, raw.reshape(-1, 28, 28))
    assert by_graph.shape == (10_000, 10)
    assert np.abs(by_graph - by_numpy).max() < rounding_bound(read_network(run), raw[:200] / np.float32(255))
    assert (by_graph.argmax(axis=1) != by_numpy.argmax(axis=1)).sum() <= 1  # an image may lie on the very edge
    assert .91 < (by_numpy.argmax(axis=1) == labels).mean() < .95  # published after one epoch: .9288


@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.parametrize(("preset", "settings"), [
    ("rnn-rows", {"n_neurons": 10, "n_steps": 14, "n_inputs": 56, "activation": "relu", "n_valid": 100}),
    ("mlp-relu-l2", {"dropout": 0.5}), ("mlp-sigmoid-32", {"n_subset": 0, "hidden_sizes": (20, 15)})])
def test_our_runs_are_read_and_equal_the_graph(tmp_path, toy_data_dir, preset, settings):
    run = trained_run(tmp_path, preset, toy_data_dir, batch_size=50, **settings)
    (_, _), (raw, _) = load_mnist(normalize=False, data_dir=toy_data_dir)
    by_graph, by_numpy = graph_and_numpy_logits(run, raw.reshape(-1, 28, 28))
    network = read_network(run)
    assert np.abs(by_graph - by_numpy).max() < rounding_bound(network, inputs(raw, normalize=network.pixels == "unit"))
    assert np.array_equal(by_graph.argmax(axis=1), by_numpy.argmax(axis=1))
