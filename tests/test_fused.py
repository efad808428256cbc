"""The gradients by hand against TensorFlow's own, which plain dynamic_rnn and static_rnn have: cells, blocks, loop."""

import functools
import json

import numpy as np
import pytest
from reference import graph_gradient

from rnn_mnist.cells import CELLS, cell_of
from rnn_mnist.config import Config, with_settings
from rnn_mnist.session import Network, on_cpu
from rnn_mnist.tf1 import building, tf

RNG = np.random.RandomState(5)
IMAGES = (RNG.rand(30, 28, 28) * 256 * (RNG.rand(30, 28, 28) < .3)).astype(np.uint8)
LABELS = RNG.randint(10, size=30).astype(np.int32)
KINDS = {name: {"cell": name} for name in CELLS} | {
    "peephole": {"cell": "lstm", "peephole": True}, "sigmoid": {"activation": "sigmoid"}}
pytestmark = pytest.mark.usefixtures("shared_graphs")
LONG = {"n_steps": 112, "n_inputs": 7}  # what is not unrolled whole
# Minibatches as large as here expected are never fed; a block is as short as they ask for.
SIZES = {"28 blocks of a step": {"batch_size": 40_000}, "one block": {}, "4 blocks in a loop": LONG,
         "112 blocks of a step in a loop": LONG | {"batch_size": 40_000}}
SHAPES = {"both directions": {"layers": 2, "bidirectional": True, "read": "all", "n_steps": 14, "n_inputs": 56},
          "mean in a loop": LONG | {"read": "mean"}, "cut in a loop": LONG | {"layers": 2, "bptt_steps": 80},
          "cut short in a loop": LONG | {"bptt_steps": 5, "batch_size": 40_000}}


def config_of(kind, **settings):
    """Return a Config of few units, one replica unless told otherwise."""
    return with_settings(Config(), **{**KINDS[kind], "n_neurons": 20, "replicas": 1, **settings})


def gradient(config, weights=None):
    """Return ({name: gradient} of a Config's network, its weights: those given, or random ones, biases too)."""
    with Network(config) as network:
        rnd = np.random.RandomState(1)
        weights = weights or {name: (.15 * rnd.randn(*array.shape)).astype(np.float32)
                              for name, array in network.weights().items()}
        network.load(weights)
        return graph_gradient(network, IMAGES, LABELS), weights


@functools.cache
def plain_gradient(kind, n_steps, n_inputs):
    """Return ({name: gradient}, weights) of TensorFlow 1's cell in dynamic_rnn, by tf.gradients."""
    config = config_of(kind, n_steps=n_steps, n_inputs=n_inputs)
    _, weights = gradient(config)
    cells = tf.nn.rnn_cell
    with building(tf.Graph()) as graph:
        cell = {"basic": lambda: cells.BasicRNNCell(20, activation=getattr(tf.nn, config.activation)),
                "irnn": lambda: cells.BasicRNNCell(20, activation=tf.nn.relu),
                "lstm": lambda: cells.LSTMCell(20, use_peepholes=config.peephole),
                "gru": lambda: cells.GRUCell(20)}[config.cell]()
        steps = tf.reshape(tf.constant(IMAGES / np.float32(255)), [-1, n_steps, n_inputs])
        _, state = tf.nn.dynamic_rnn(cell, steps, dtype=tf.float32)
        logits = tf.layers.dense(tf.nest.flatten(state)[-1], 10, name="dense")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=logits))
        variables = {variable.op.name: variable for variable in tf.trainable_variables()}
        found = dict(zip(variables, tf.gradients(loss, [*variables.values()]), strict=True))
    with tf.Session(graph=graph, config=on_cpu()) as session:
        for name, variable in variables.items():
            variable.load(weights[name], session)
        return session.run(found), weights


def check(found, expected):
    """Assert that gradients agree, relative to the largest element of each array."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert np.abs(found[name] - array).max() < 2e-6 * np.abs(array).max(), name


@pytest.mark.machine
@pytest.mark.parametrize(("unroll", "size"), [("dynamic", "one block"), ("fused", "28 blocks of a step")] + [
    pytest.param(*case, marks=pytest.mark.slow)  # dynamic has no blocks: the number of steps is all it can see
    for case in [("dynamic", "4 blocks in a loop"), *(("fused", size) for size in [*SIZES][1:])]])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_tensorflows_cell_in_plain_dynamic_rnn(kind, size, unroll):
    config = config_of(kind, unroll=unroll, **SIZES[size])
    expected, weights = plain_gradient(kind, config.n_steps, config.n_inputs)
    check(gradient(config, weights)[0], expected)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [
    (kind, shape) for kind in ("basic", "lstm", "gru")  # the others differ in the step alone: it is tested above
    for shape in SHAPES if (kind, shape) != ("gru", "cut in a loop")])  # the longest; of gru, the short one is enough
def test_gradient_is_tensorflows_own_for_layers_directions_readings_and_cuts(kind, shape):
    plain, *others = ("static", "fused", "dynamic") if cell_of(config_of(kind)).n_gates == 1 else ("dynamic", "fused")
    expected, weights = gradient(config_of(kind, unroll=plain, **SHAPES[shape]))
    replicas = 2 if shape == "both directions" else 1  # which only halve the minibatch; a loop is large enough once
    for unroll in others:
        check(gradient(config_of(kind, unroll=unroll, replicas=replicas, **SHAPES[shape]), weights)[0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"cell": "lstm"}, {"cell": "gru"}, LONG], ids=json.dumps)
def test_training_by_hand_gives_the_same_bits_with_any_number_of_threads(settings):
    digests = []
    for threads in (0, 1, 3):
        with Network(with_settings(Config(), unroll="fused", n_neurons=30, **settings), threads) as network:
            network.run_epoch([(IMAGES, LABELS)] * 20, dropout=0.0)
            digests.append([array.tobytes() for array in network.weights().values()])
    assert digests[1:] == digests[:1] * 2
