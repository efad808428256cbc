"""The graph against NumPy: initial weights, forward pass, gradient, update; the forms against each other."""

import numpy as np
import pytest
from reference import glorot_uniform, graph_gradient, rnn_forward, rnn_gradient, rnn_weights

from rnn_mnist.config import Config, with_settings
from rnn_mnist.graph import LOGITS, reset_graph
from rnn_mnist.session import Network, on_cpu
from rnn_mnist.tf1 import building, tf

pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("shared_graphs")]
RNG = np.random.RandomState(0)
IMAGES = (RNG.rand(151, 28, 28) * 256 * (RNG.rand(151, 28, 28) < .3)).astype(np.uint8)
LABELS = RNG.randint(10, size=151).astype(np.int32)
FORMS = [("dynamic", 1), ("dynamic", 2), ("static", 2), ("fused", 1), ("fused", 2), ("fused", 4)]


def build(**settings):
    """Return the Network of a config."""
    return Network(with_settings(Config(), **settings))


def as_steps(images, n_steps=28):
    """Return the float64 steps [batch, n_steps, n_inputs] of uint8 images."""
    return (images.astype(np.float32) / np.float32(255)).astype(np.float64).reshape(len(images), n_steps, -1)


@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
def test_initial_weights_are_those_of_tensorflows_philox_generator(unroll):
    kernel, bias, dense, dense_bias = rnn_weights(build(unroll=unroll).weights())
    assert np.array_equal(kernel, glorot_uniform(42, 88, (178, 150)))
    assert np.array_equal(dense, glorot_uniform(42, 135, (150, 10)))
    assert not bias.any() and not dense_bias.any()
    assert sum(array.size for array in (kernel, bias, dense, dense_bias)) == 28_360


def test_initial_weights_do_not_depend_on_what_else_is_in_the_graph():
    with building(reset_graph(42)) as tf_graph:
        tf.random_uniform([3])
        tf.get_variable("other", [5])
        LOGITS["rnn"](tf.placeholder(tf.float32, [None, 28, 28]), Config(), tf.identity)
        weights = {variable.op.name: variable for variable in tf.trainable_variables()}
        init = tf.global_variables_initializer()
    with tf.Session(graph=tf_graph, config=on_cpu()) as session:
        session.run(init)
        weights = session.run(weights)
    assert np.array_equal(weights["rnn/basic_rnn_cell/kernel"], glorot_uniform(42, 88, (178, 150)))
    assert np.array_equal(weights["dense/kernel"], glorot_uniform(42, 135, (150, 10)))


def test_reset_graph_returns_a_seeded_graph_and_touches_no_other():
    with tf.Graph().as_default() as mine:
        graph = reset_graph(7)
        assert tf.get_default_graph() is mine and graph is not mine and graph is not reset_graph(7)
    assert (graph.seed, reset_graph().seed, mine.seed) == (7, 42, None)


@pytest.mark.parametrize(("unroll", "replicas"), FORMS)
@pytest.mark.parametrize(("n_steps", "n_inputs"), [(28, 28), (14, 56)])
def test_forward_pass_equals_numpys(unroll, replicas, n_steps, n_inputs):
    network = build(unroll=unroll, replicas=replicas, n_steps=n_steps, n_inputs=n_inputs)
    expected = rnn_forward(network.weights(), as_steps(IMAGES, n_steps))[1]
    assert np.abs(network.predict(IMAGES) - expected).max() < 1e-5
    assert np.abs(network.predict(IMAGES.astype(np.float32) / 255) - expected).max() < 1e-5


@pytest.mark.parametrize(("settings", "reread"), [
    ({"order": "columns"}, lambda images: images.swapaxes(1, 2)),
    ({"order": "reversed"}, lambda images: images[:, ::-1]),
    ({"order": "permuted", "n_steps": 28, "n_inputs": 28}, lambda images: images.reshape(len(images), -1)[
        :, np.random.RandomState(92916).permutation(784)].reshape(images.shape)),
    ({"rows_from": 5, "rows_to": 21}, lambda images: images[:, 5:21]),
    ({"order": "reversed", "rows_from": 5}, lambda images: images[:, :4:-1]),
])
@pytest.mark.parametrize("unroll", ["dynamic", "fused"])
def test_an_order_is_read_as_rows_of_reordered_images_would_be(settings, reread, unroll):
    network = build(unroll=unroll, **settings)
    expected = rnn_forward(network.weights(), as_steps(reread(IMAGES), reread(IMAGES).shape[1]))[1]
    assert np.abs(network.predict(IMAGES) - expected).max() < 1e-5


@pytest.mark.parametrize("order", ["pixels", "permuted"])
def test_784_steps_of_one_pixel_equal_numpys(order):
    network = build(order=order, n_neurons=5)
    assert network.weights()["rnn/basic_rnn_cell/kernel"].shape == (6, 5)
    images = IMAGES[:3].reshape(3, 784)
    images = images if order == "pixels" else images[:, np.random.RandomState(92916).permutation(784)]
    expected = rnn_forward(network.weights(), as_steps(images, 784))[1]
    assert np.abs(network.predict(IMAGES[:3]) - expected).max() < 1e-5


def test_pixels_are_scaled_to_the_bits_of_numpys_division():
    network = build()
    every_pixel = np.arange(784).astype(np.uint8).reshape(1, 28, 28)
    assert np.array_equal(network.run(network.graph.X, [network.graph.pixels], [every_pixel]),
                          every_pixel.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("n_images", [150, 151])
@pytest.mark.parametrize(("unroll", "replicas"), FORMS)
def test_gradient_equals_numpys(unroll, replicas, n_images):
    network = build(unroll=unroll, replicas=replicas)
    ours = graph_gradient(network, IMAGES[:n_images], LABELS[:n_images])
    exact = rnn_gradient(network.weights(), as_steps(IMAGES[:n_images]), LABELS[:n_images])
    for name, expected in exact.items():
        assert np.abs(ours[name] - expected).max() < 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_truncated_gradient_equals_numpys_with_the_chain_cut(unroll, k):
    network = build(unroll=unroll, bptt_steps=k)
    ours = graph_gradient(network, IMAGES, LABELS)
    for name, expected in rnn_gradient(network.weights(), as_steps(IMAGES), LABELS, k).items():
        assert np.abs(ours[name] - expected).max() < 2e-6 * np.abs(expected).max()


def test_one_adam_step_equals_numpys_backpropagation_through_time():
    network = build(unroll="dynamic")
    before = network.weights()
    gradient = rnn_gradient(before, as_steps(IMAGES), LABELS)
    network.run_epoch([(IMAGES, LABELS)], dropout=0.0)
    for name, after in network.weights().items():
        # Kingma and Ba 2015, section 2's reordered form, which TensorFlow uses; first step, so m = .1 g, v = .001 g^2.
        g = gradient[name]
        expected = before[name] - 0.001 * np.sqrt(1 - .999) / (1 - .9) * .1 * g / (np.sqrt(.001 * g * g) + 1e-8)
        clear = np.abs(g) > 1e-6  # an Adam step of a nearly zero gradient is its rounding's sign
        assert clear.mean() > .5
        assert np.abs(after - expected)[clear].max() < 1e-6


def test_unroll_forms_share_their_checkpoints(tmp_path):
    network = build(unroll="dynamic", seed=5)
    network.run_epoch([(IMAGES, LABELS)], dropout=0.0)
    expected = network.predict(IMAGES)
    network.save(str(tmp_path / "a"))
    for unroll, replicas in FORMS:
        network = build(unroll=unroll, replicas=replicas)
        network.restore(str(tmp_path / "a"))
        assert np.abs(network.predict(IMAGES) - expected).max() < 1e-5


def test_evaluation_counts_every_image_once():
    network = build(n_neurons=8)
    images, labels = np.resize(IMAGES, (2345, 28, 28)), np.resize(LABELS, 2345)
    totals = network.evaluate(images, labels)
    logits = rnn_forward(network.weights(), as_steps(images))[1]
    assert (totals.n_images, totals.n_correct) == (2345, (logits.argmax(axis=1) == labels).sum())
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(2345), labels]
    assert totals.loss == pytest.approx(losses.mean(), rel=1e-5)
