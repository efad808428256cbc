"""Each cell, with one layer and several, in one direction and both: against NumPy, Keras 3's layers and differences."""

import itertools

import numpy as np
import pytest
from helpers import refusal
from reference import glorot_uniform, graph_gradient, softmax

import rnn_mnist as rm
from rnn_mnist import session
from rnn_mnist.cells import CELLS, cell_of, layer_scopes
from rnn_mnist.config import Config, with_settings
from rnn_mnist.export.numpy_network import ACTIVATIONS, logits, network_of
from rnn_mnist.export.saved_model import export_run
from rnn_mnist.graph import build_graph
from rnn_mnist.session import Network

pytestmark = pytest.mark.usefixtures("shared_graphs")
RNG = np.random.RandomState(3)
X = RNG.rand(5, 28, 28).astype(np.float32)
IMAGES = (RNG.rand(40, 28, 28) * 256 * (RNG.rand(40, 28, 28) < .3)).astype(np.uint8)
LABELS = RNG.randint(10, size=40).astype(np.int32)
KINDS = {name: {"cell": name} for name in CELLS} | {"peephole": {"cell": "lstm", "peephole": True}}
SHAPES = [(kind, *shape) for kind in KINDS  # kind, layers, bidirectional
          for shape in ((1, False), (1, True), (3, False), (2, True))
          if kind != "peephole" or shape in ((1, False), (2, True))]  # but for its cell it is the LSTM
READINGS = [(*shape, read) for shape, read in zip(SHAPES, itertools.cycle(["last", "all", "mean"]))]
FORMS = "dynamic", "static", "fused"


def slow_if_deep(shapes):
    """Return the parameters of a test, those of several layers marked as slow: their graphs take seconds to build."""
    return [pytest.param(*shape, marks=[pytest.mark.slow] * (shape[1] > 1)) for shape in shapes]


def small(kind, layers=1, bidirectional=False, **settings):
    """Return a Config of few units and steps."""
    return with_settings(Config(), **{**KINDS[kind], "layers": layers, "bidirectional": bidirectional, "n_neurons": 6,
                                      "n_steps": 4, "n_inputs": 196, "replicas": 1, **settings})


def random_weights(config, scale=0.15):
    """Return {name: float32 array} for a config: all of them random, biases too."""
    with Network(config) as network:
        shapes = {name: array.shape for name, array in network.weights().items()}
    rnd = np.random.RandomState(len(shapes))
    return {name: (scale * rnd.randn(*shape)).astype(np.float32) for name, shape in shapes.items()}


def in_float64(config, weights):
    """Return the NumPy network of weights in float64."""
    return network_of(config, {name: array.astype(np.float64) for name, array in weights.items()})


# ---- initial weights ----

@pytest.mark.parametrize(("kind", "layers", "bidirectional"), slow_if_deep(SHAPES))
def test_every_layer_direction_and_gate_starts_with_weights_of_its_own(kind, layers, bidirectional):
    config = small(kind, layers, bidirectional)
    with Network(config) as network:
        weights = network.weights()
    scopes = [scope for directions in layer_scopes(config) for scope in directions]
    assert set(weights) == {"dense/kernel", "dense/bias"} | {
        f"{scope}/{name}" for scope in scopes for name in cell_of(config).variables}
    random = [array[:6].ravel() for name, array in weights.items() if not name.endswith("bias")]
    for one, other in itertools.combinations(random, 2):
        n = min(len(one), len(other))
        assert (one[:n] != other[:n]).mean() > .9 or kind == "irnn"
    biases = {name: set(array) for name, array in weights.items() if name.endswith("bias")}
    assert all(values == ({1} if "gates" in name else {0}) for name, values in biases.items())


@pytest.mark.machine
def test_kernels_are_drawn_by_tensorflows_generator_from_the_seeds():
    with Network(with_settings(Config(), cell="lstm", layers=2)) as network:
        weights = network.weights()
    for layer, n_inputs in ((0, 28), (1, 150)):
        kernel = weights[f"rnn/multi_rnn_cell/cell_{layer}/lstm_cell/kernel"]
        assert np.array_equal(kernel, glorot_uniform(42, 88 + 1000 * layer, (n_inputs + 150, 600)))


@pytest.mark.parametrize("layers", [1, 3])
def test_irnn_starts_as_the_identity_with_small_input_weights(layers):
    with Network(with_settings(Config(), cell="irnn", layers=layers)) as network:
        kernels = [array for name, array in network.weights().items() if name.endswith("cell/kernel")]
    assert len(kernels) == layers
    for kernel in kernels:
        assert np.array_equal(kernel[-150:], np.eye(150))
        assert abs(kernel[:-150].std() / 0.001 - 1) < .05 and abs(kernel[:-150].mean()) < 1e-4
    assert layers == 1 or not np.array_equal(kernels[1][:150], kernels[2][:150])


# ---- the forward pass ----

@pytest.mark.parametrize(("kind", "layers", "bidirectional"), slow_if_deep(
    shape for shape in SHAPES if shape[0] != "peephole"))
def test_last_output_equals_that_of_keras_own_layers(kind, layers, bidirectional):
    keras = pytest.importorskip("keras", "3.0")
    config = small(kind, layers, bidirectional)
    weights, sequence = random_weights(config), X.reshape(5, 4, 196)
    for i, scopes in enumerate(layer_scopes(config)):
        layer = KERAS_LAYERS[kind](keras.layers, return_sequences=i + 1 < layers)
        layer = keras.layers.Bidirectional(layer) if bidirectional else layer
        layer.build(sequence.shape)
        layer.set_weights([array for scope in scopes for array in as_keras(kind, [
            weights[f"{scope}/{name}"] for name in cell_of(config).variables], sequence.shape[-1])])
        sequence = np.asarray(layer(sequence))
    with Network(config) as network:
        network.load(weights)
        expected = sequence @ weights["dense/kernel"] + weights["dense/bias"]
        assert np.abs(network.predict(X) - expected).max() < 1e-5


KERAS_LAYERS = {
    "basic": lambda layers, **more: layers.SimpleRNN(6, **more),
    "irnn": lambda layers, **more: layers.SimpleRNN(6, activation="relu", **more),
    "lstm": lambda layers, **more: layers.LSTM(6, **more),
    "gru": lambda layers, **more: layers.GRU(6, reset_after=False, **more)}


def as_keras(kind, arrays, n_inputs):
    """Return TensorFlow 1's arrays of a cell as Keras has them: [kernel, recurrent kernel, bias], in its order."""
    if kind == "gru":  # reset and update gates in one kernel, the candidate in another; Keras: update, reset, candidate
        gates, gates_bias, candidate, candidate_bias = arrays
        kernel = np.concatenate([gates[:, 6:], gates[:, :6], candidate], axis=1)
        bias = np.concatenate([gates_bias[6:], gates_bias[:6], candidate_bias])
    else:
        kernel, bias = arrays
    if kind == "lstm":  # input, new, forget, output; the forget gate's 1 is in no variable; Keras: input, forget, new
        i, j, f, o = np.split(np.concatenate([kernel, bias[None]]), 4, axis=1)
        f[-1] += 1
        kernel = np.concatenate([i, f, j, o], axis=1)
        kernel, bias = kernel[:-1], kernel[-1]
    return [kernel[:n_inputs], kernel[n_inputs:], bias]


# ---- gradients ----

def mean_loss(config, weights):
    """Return the mean cross-entropy of IMAGES, in float64 NumPy."""
    scores = logits(in_float64(config, weights), IMAGES.reshape(40, -1) / 255)
    return -np.log(softmax(scores)[np.arange(40), LABELS]).mean()


def difference_quotients(loss, weights, step=1e-6):
    """Yield (name, direction, derivative of loss(weights) in that direction), one random direction for each array."""
    rnd = np.random.RandomState(0)
    for name, array in weights.items():
        direction = rnd.randn(*array.shape)
        up, down = ({**weights, name: array.astype(np.float64) + sign * step * direction} for sign in (1, -1))
        yield name, direction, (loss(up) - loss(down)) / (2 * step)


@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.parametrize(("kind", "layers", "bidirectional", "read"), slow_if_deep(READINGS))
def test_logits_and_gradient_equal_numpys_and_difference_quotients_in_every_form(kind, layers, bidirectional, read):
    config = small(kind, layers, bidirectional, read=read)
    weights = random_weights(config)
    expected_logits = logits(in_float64(config, weights), X.reshape(5, -1).astype(np.float64))
    assert np.abs(logits(network_of(config, weights), X.reshape(5, -1)) - expected_logits).max() < 1e-5
    quotients = [*difference_quotients(lambda some: mean_loss(config, some), weights)]
    for unroll in FORMS:
        with Network(with_settings(config, unroll=unroll)) as network:
            network.load(weights)
            assert np.abs(network.predict(X) - expected_logits).max() < 1e-5, unroll
            check_gradient(graph_gradient(network, IMAGES, LABELS), quotients)


def check_gradient(gradient, quotients):
    """Assert that a gradient gives the derivatives in the directions of difference_quotients."""
    for name, direction, expected in quotients:
        size = np.abs(gradient[name] * direction).sum()
        assert abs((gradient[name] * direction).sum() - expected) < 1e-4 * size + 1e-7, name


def loss_after_frozen_steps(config, frozen, weights, n_frozen):
    """Return the mean cross-entropy where the first steps of one layer are computed with other weights."""
    kind, state = cell_of(config), (np.zeros([40, config.n_neurons]),) * cell_of(config).n_parts
    f, sigmoid = ACTIVATIONS[kind.activation or config.activation], ACTIVATIONS["sigmoid"]
    for t, x in enumerate((IMAGES / 255).reshape(40, 4, 196).swapaxes(0, 1)):
        arrays = [(frozen if t < n_frozen else weights)[f"rnn/{name}"] for name in kind.variables]
        state = kind.step(arrays, x, state, f, sigmoid)
    scores = state[-1] @ weights["dense/kernel"] + weights["dense/bias"]
    return -np.log(softmax(scores)[np.arange(40), LABELS]).mean()


@pytest.mark.machine
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_gradient_equals_difference_quotients_with_the_first_steps_frozen(kind):
    config = small(kind, bptt_steps=2)
    weights = random_weights(config)
    frozen = {name: array.astype(np.float64) for name, array in weights.items()}
    quotients = [*difference_quotients(lambda some: loss_after_frozen_steps(config, frozen, some, 2), weights)]
    for unroll in FORMS:
        with Network(with_settings(config, unroll=unroll)) as network:
            network.load(weights)
            gradient = graph_gradient(network, IMAGES, LABELS)
        check_gradient(gradient, quotients)


# Every reading for a cell whose gradient is by hand in `dynamic`, too, and for one with two parts of a state.
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "read"), [
    *itertools.product(("basic", "lstm"), ("last", "all", "mean")), ("gru", "mean"), ("irnn", "all"),
    ("peephole", "last")])
def test_forms_agree_on_the_truncated_gradient_of_three_layers(kind, read):
    config = small(kind, 3, bptt_steps=2, read=read)
    weights, gradients = random_weights(config), []
    for unroll in FORMS:
        with Network(with_settings(config, unroll=unroll)) as network:
            network.load(weights)
            gradients.append(graph_gradient(network, IMAGES, LABELS))
    for name, expected in gradients[0].items():
        for other in gradients[1:]:
            assert np.abs(other[name] - expected).max() < 1e-5 * np.abs(expected).max() + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_truncation_works_at_784_steps(kind):
    """What is cut off does not matter: pixels that are read before it get no part in the kernel's gradient."""
    config = small(kind, order="pixels", n_steps=784, n_inputs=1, bptt_steps=10, n_neurons=4)
    weights = random_weights(config)
    with Network(config) as network:
        network.load(weights)
        gradient = graph_gradient(network, IMAGES, LABELS)
    assert all(np.isfinite(array).all() for array in gradient.values())
    blank = IMAGES.copy()
    blank.reshape(40, -1)[:, -10:] = 0  # no input at the steps that the gradient reaches
    with Network(config) as network:
        network.load(weights)
        without = graph_gradient(network, blank, LABELS)
    for name, array in gradient.items():
        if name.endswith("kernel") and "rnn/" in name:
            assert np.abs(array[0]).max() > 0 and np.abs(without[name][0]).max() == 0


# ---- runs ----

@pytest.fixture
def call(tmp_path, toy_data_dir):
    """Return a function that trains a small network by the Python API and returns the Run."""
    def train(**settings):
        """Train with toy settings, some of them others."""
        return rm.train(**{"n_neurons": 6, "n_steps": 4, "n_inputs": 196, "epochs": 2, "batch_size": 50, "n_valid": 100,
                           "replicas": 1, "plots": False, "data_dir": toy_data_dir, "runs_dir": tmp_path, **settings})

    return train


# The names of the variables depend on the shape, not on the cell: each cell in the least and the most of them.
WHOLE = [{**KINDS[kind], "layers": layers, "bidirectional": bidirectional, "dropout": 0.2, "clip_norm": 0.5,
          "lr_decay": 0.5, "read": read} for kind, layers, bidirectional, read in READINGS
         if kind in ("basic", "lstm") or (layers > 1) == bidirectional]


@pytest.mark.slow
@pytest.mark.parametrize("settings", WHOLE, ids=lambda settings: "-".join(map(str, settings.values())))
def test_resume_and_export_for_each_cell(call, settings, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(session, "build_graph", build_graph)  # a graph of its own: two are to come to the same
        whole = call(**settings, run_name="whole")
    run = call(**settings, epochs=1, run_name="half").resume(epochs=2)
    assert run.result["weights"] == whole.result["weights"]
    export = export_run(run, tmp_path / "export")  # raises if what is read back does not give the run's logits
    assert export.difference <= export.bound
    with np.load(tmp_path / "export" / "weights.npz") as arrays, run.open_network() as network:
        found = logits(network_of(run.config, arrays), X.reshape(5, -1))
        assert np.abs(found - network.predict(X)).max() < 1e-4


def test_the_defaults_are_one_layer_of_the_basic_cell_on_rows(call):
    plain, named = call(), call(cell="basic", layers=1, order="rows", read="last", bidirectional=False)
    assert plain.config == named.config and plain.result["weights"] == named.result["weights"]


@pytest.mark.parametrize(("settings", "words"), [
    ({"cell": "irnn", "activation": "relu"}, "activation has no effect with cell irnn"),
    ({"cell": "irnn", "peephole": True}, "peephole has no effect with cell irnn"),
    ({"bidirectional": True, "bptt_steps": 3}, "leave it out with bidirectional"),
    ({"cell": "elman"}, "cell must be one of basic, lstm, gru, irnn, got 'elman'"),
    ({"model": "mlp", "hidden_sizes": [3], "layers": 2}, "layers has no effect with model mlp"),
])
def test_settings_that_do_not_fit_are_refused(settings, words):
    assert words in refusal(Config, **settings)


def test_the_cells_are_those_that_the_setting_names():
    item = Config.__dataclass_fields__["cell"]
    assert item.metadata["choices"] == tuple(CELLS)
    for cell in CELLS.values():
        assert set(cell.seeds) <= set(cell.variables) and len(set(cell.seeds.values())) == len(cell.seeds)
