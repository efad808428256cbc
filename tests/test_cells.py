"""Each cell: its initial weights, layer by layer, and its NumPy forward pass against the graph in all three forms."""

import numpy as np
import pytest
from reference import glorot_uniform

from rnn_mnist.cells import CELLS, recurrence
from rnn_mnist.config import Config
from rnn_mnist.graph import reset_graph
from rnn_mnist.session import on_cpu
from rnn_mnist.tf1 import building, tf

pytestmark = pytest.mark.machine
UNROLL = ("dynamic", "static", "fused")
STEPS = np.random.RandomState(1).rand(6, 28, 28).astype(np.float32)
ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


def compute(layers=(0,), activation="tanh", **settings):
    """Return ({variable name: array}, last outputs of the layers) where each layer stands on its own over STEPS."""
    with building(reset_graph(42)) as tf_graph:
        config, last_outputs = Config(**settings), []
        for layer in layers:
            with tf.variable_scope(f"layer{layer}"):
                last_outputs.append(recurrence(tf.constant(STEPS), config, getattr(tf.nn, activation), layer)[0])
        weights, init = {each.op.name: each for each in tf.trainable_variables()}, tf.global_variables_initializer()
    with tf.Session(graph=tf_graph, config=on_cpu()) as session:
        session.run(init)
        return session.run((weights, last_outputs))


@pytest.mark.parametrize("unroll", UNROLL)
def test_equal_layers_start_with_weights_of_their_own(unroll):
    weights, last_outputs = compute(layers=(0, 1, 2), unroll=unroll)
    kernels = [weights[f"layer{layer}/rnn/basic_rnn_cell/kernel"] for layer in range(3)]
    assert np.array_equal(kernels[0], glorot_uniform(42, 88, (178, 150)))  # a network of one layer is as it was
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert (kernels[i] != kernels[j]).mean() > .99
        assert not np.array_equal(last_outputs[i], last_outputs[j])


@pytest.mark.parametrize("unroll", UNROLL)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numpy_forward_pass_equals_the_graphs(unroll, activation):
    cell = CELLS["rnn"]
    weights, (expected,) = compute(unroll=unroll, activation=activation, n_neurons=20)
    assert set(weights) == {f"layer0/rnn/{name}" for name in cell.variables}
    arrays = [weights[f"layer0/rnn/{name}"].astype(np.float64) for name in cell.variables]
    found = cell.forward(arrays, STEPS.astype(np.float64), ACTIVATIONS[activation])
    assert found.shape == (6, 20) and np.abs(found - expected).max() < 1e-5
    assert np.allclose(cell.forward(arrays, STEPS[3].astype(np.float64), ACTIVATIONS[activation]), found[3])


def test_every_kernel_has_a_seed_of_its_own():
    for cell in CELLS.values():
        kernels = [name for name in cell.variables if name.endswith("kernel")]
        assert len(set(cell.seeds.values())) == len(cell.seeds) == len(kernels)
