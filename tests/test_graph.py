"""The graph against NumPy: initial weights, forward pass, gradient, update; the forms against each other."""

import numpy as np
import pytest
from reference import glorot_uniform, graph_gradient, rnn_forward, rnn_gradient, rnn_weights

from rnn_mnist import session
from rnn_mnist.config import Config, with_settings
from rnn_mnist.graph import build_graph, reset_graph
from rnn_mnist.tf1 import tf

pytestmark = pytest.mark.machine
RNG = np.random.RandomState(0)
IMAGES = (RNG.rand(151, 28, 28) * 256 * (RNG.rand(151, 28, 28) < .3)).astype(np.uint8)
LABELS = RNG.randint(10, size=151).astype(np.int32)
FORMS = [("dynamic", 1), ("dynamic", 2), ("static", 2), ("fused", 1), ("fused", 2), ("fused", 4)]


def built(**settings):
    """Return (graph, session) of a config."""
    config = with_settings(Config(), **settings)
    reset_graph(config.seed)
    graph = build_graph(config)
    return graph, session.new_session(graph, config)


def as_steps(images, n_steps=28):
    """Return the float64 steps [batch, n_steps, n_inputs] of uint8 images."""
    return (images.astype(np.float32) / np.float32(255)).astype(np.float64).reshape(len(images), n_steps, -1)


@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
def test_initial_weights_are_those_of_tensorflows_philox_generator(unroll):
    _, open_session = built(unroll=unroll)
    kernel, bias, dense, dense_bias = rnn_weights(session.weights(open_session))
    assert np.array_equal(kernel, glorot_uniform(42, 88, (178, 150)))
    assert np.array_equal(dense, glorot_uniform(42, 135, (150, 10)))
    assert not bias.any() and not dense_bias.any()
    assert sum(array.size for array in (kernel, bias, dense, dense_bias)) == 28_360


def test_initial_weights_do_not_depend_on_what_else_is_in_the_graph():
    reset_graph(42)
    tf.random_uniform([3])
    tf.get_variable("other", [5])
    config = Config()
    with session.new_session(build_graph(config), config) as open_session:
        assert np.array_equal(session.weights(open_session)["dense/kernel"], glorot_uniform(42, 135, (150, 10)))


@pytest.mark.parametrize(("unroll", "replicas"), FORMS)
@pytest.mark.parametrize(("n_steps", "n_inputs"), [(28, 28), (14, 56)])
def test_forward_pass_equals_numpys(unroll, replicas, n_steps, n_inputs):
    graph, open_session = built(unroll=unroll, replicas=replicas, n_steps=n_steps, n_inputs=n_inputs)
    expected = rnn_forward(session.weights(open_session), as_steps(IMAGES, n_steps))[1]
    assert np.abs(session.predict(open_session, graph, IMAGES) - expected).max() < 1e-5
    assert np.abs(session.predict(open_session, graph, IMAGES.astype(np.float32) / 255) - expected).max() < 1e-5


def test_pixels_are_scaled_to_the_bits_of_numpys_division():
    graph, open_session = built()
    every_pixel = np.arange(784).astype(np.uint8).reshape(1, 28, 28)
    assert np.array_equal(open_session.run(graph.X, {graph.pixels: every_pixel}),
                          every_pixel.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("n_images", [150, 151])
@pytest.mark.parametrize(("unroll", "replicas"), FORMS)
def test_gradient_equals_numpys_and_that_of_plain_dynamic_rnn(unroll, replicas, n_images):
    def gradient(**settings):
        graph, open_session = built(**settings)
        feed = {graph.pixels: IMAGES[:n_images], graph.y: LABELS[:n_images]}
        return graph_gradient(open_session, graph, feed), session.weights(open_session)

    ours, weights = gradient(unroll=unroll, replicas=replicas)
    plain, _ = gradient(unroll="dynamic", replicas=1)
    exact = rnn_gradient(weights, as_steps(IMAGES[:n_images]), LABELS[:n_images])
    for name, expected in exact.items():
        assert np.abs(ours[name] - expected).max() < 2e-6 * np.abs(expected).max()
        assert np.abs(ours[name] - plain[name]).max() < 2e-6 * np.abs(plain[name]).max()


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_fused_gradient_equals_that_of_static_rnn_for_other_activations(activation):
    gradients = []
    for unroll in ("static", "fused"):
        graph, open_session = built(unroll=unroll, activation=activation)
        gradients.append(graph_gradient(open_session, graph, {graph.pixels: IMAGES, graph.y: LABELS}))
    for name, expected in gradients[0].items():
        assert np.abs(gradients[1][name] - expected).max() < 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_truncated_gradient_equals_numpys_with_the_chain_cut(unroll, k):
    graph, open_session = built(unroll=unroll, bptt_steps=k)
    ours = graph_gradient(open_session, graph, {graph.pixels: IMAGES, graph.y: LABELS})
    for name, expected in rnn_gradient(session.weights(open_session), as_steps(IMAGES), LABELS, k).items():
        assert np.abs(ours[name] - expected).max() < 2e-6 * np.abs(expected).max()


def test_one_adam_step_equals_numpys_backpropagation_through_time():
    graph, open_session = built(unroll="dynamic")
    before = session.weights(open_session)
    gradient = rnn_gradient(before, as_steps(IMAGES), LABELS)
    session.run_epoch(open_session, graph, [(IMAGES, LABELS)], dropout=0.0)
    for name, after in session.weights(open_session).items():
        # Kingma and Ba 2015, section 2's reordered form, which TensorFlow uses; first step, so m = .1 g, v = .001 g^2.
        g = gradient[name]
        expected = before[name] - 0.001 * np.sqrt(1 - .999) / (1 - .9) * .1 * g / (np.sqrt(.001 * g * g) + 1e-8)
        clear = np.abs(g) > 1e-6  # an Adam step of a nearly zero gradient is its rounding's sign
        assert clear.mean() > .5
        assert np.abs(after - expected)[clear].max() < 1e-6


def test_unroll_forms_share_their_checkpoints(tmp_path):
    tmp_path = tmp_path / "a [1] *?"  # TensorFlow takes such a path for a pattern
    tmp_path.mkdir()
    graph, open_session = built(unroll="dynamic", seed=5)
    session.run_epoch(open_session, graph, [(IMAGES, LABELS)], dropout=0.0)
    expected = session.predict(open_session, graph, IMAGES)
    session.save(open_session, graph, str(tmp_path / "a"))
    for unroll, replicas in FORMS:
        graph, open_session = built(unroll=unroll, replicas=replicas)
        session.restore(open_session, graph, str(tmp_path / "a"))
        assert np.abs(session.predict(open_session, graph, IMAGES) - expected).max() < 1e-5


def test_evaluation_counts_every_image_once():
    graph, open_session = built(n_neurons=8)
    images, labels = np.resize(IMAGES, (2345, 28, 28)), np.resize(LABELS, 2345)
    totals = session.evaluate(open_session, graph, images, labels)
    logits = rnn_forward(session.weights(open_session), as_steps(images))[1]
    assert (totals.n_images, totals.n_correct) == (2345, (logits.argmax(axis=1) == labels).sum())
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(2345), labels]
    assert totals.loss == pytest.approx(losses.mean(), rel=1e-5)
