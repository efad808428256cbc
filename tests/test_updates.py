"""Each optimizer, L2, dropout and the perceptrons' gradients against NumPy in float64; truncation at full length."""

from itertools import pairwise, product

import numpy as np
import pytest
from reference import softmax

from rnn_mnist.checkpoint import weights_digest
from rnn_mnist.config import Config, with_settings
from rnn_mnist.data import load_data, shuffle_batch
from rnn_mnist.session import Network
from rnn_mnist.train import resume, train
from rnn_mnist.tutorials.presets import PRESETS

RNG = np.random.RandomState(2)
IMAGES = (RNG.rand(40, 28, 28) * 256 * (RNG.rand(40, 28, 28) < .3)).astype(np.uint8)
LABELS = RNG.randint(10, size=40).astype(np.int32)
pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("shared_graphs")]
MLP = with_settings(Config(replicas=1), model="mlp", hidden_sizes=(12, 9), batch_size=20, n_valid=0)
# The function, and its derivative in terms of its value.
ACTIVATIONS = {"sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda h: h * (1 - h)),
               "relu": (lambda x: x * (x > 0), lambda h: h > 0), "tanh": (np.tanh, lambda h: 1 - h * h)}


def trained_steps(config, n_steps):
    """Return the weights, as {name: float64 array}, before the first and after each of a few training steps."""
    network = Network(config)
    found = []
    for _ in range(n_steps):
        found.append(network.weights())
        network.run_epoch([(IMAGES, LABELS)], dropout=config.dropout)
    return [{name: array.astype(float) for name, array in weights.items()}
            for weights in (*found, network.weights())]


def names_of(weights):
    """Return the layers' names, the output layer last."""
    return [*sorted(name.split("/")[0] for name in weights if "hidden" in name and "kernel" in name), "dense"]


def mlp_loss(weights, activation, images=IMAGES, labels=LABELS):
    """Return (mean cross-entropy, outputs of all layers) of a perceptron on pixels 0-1, in float64."""
    outputs = [images.reshape(len(images), 784) / 255]
    for name in names_of(weights):
        sums = outputs[-1] @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]
        outputs.append(sums if name == "dense" else ACTIVATIONS[activation][0](sums))
    return -np.log(softmax(outputs[-1])[np.arange(len(labels)), labels]).mean(), outputs


def mlp_gradient(weights, activation):
    """Return {name: gradient} of the mean cross-entropy, by backpropagation."""
    outputs, gradient = mlp_loss(weights, activation)[1], {}
    delta = softmax(outputs[-1])
    delta[np.arange(len(LABELS)), LABELS] -= 1
    delta /= len(LABELS)
    for name, inputs in zip(reversed(names_of(weights)), reversed(outputs[:-1]), strict=True):
        gradient |= {f"{name}/kernel": inputs.T @ delta, f"{name}/bias": delta.sum(axis=0)}
        delta = (delta @ weights[f"{name}/kernel"].T) * ACTIVATIONS[activation][1](inputs)
    return gradient


def assert_close(ours, expected, tolerance):
    """Assert that arrays differ by no more than a share of the largest expected value."""
    assert set(ours) == set(expected)
    for name in expected:
        assert np.abs(ours[name] - expected[name]).max() <= tolerance * np.abs(expected[name]).max(), name


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numpys_gradient_equals_differences_of_the_loss(activation):
    weights = trained_steps(with_settings(MLP, activation=activation), 0)[0]
    gradient = mlp_gradient(weights, activation)
    for name, array in weights.items():
        for place in np.random.RandomState(array.size).randint(array.size, size=8):
            losses = []
            for step in (1e-5, -1e-5):
                moved = array.copy()
                moved.flat[place] += step
                losses.append(mlp_loss(weights | {name: moved}, activation)[0])
            assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(gradient[name].flat[place], rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_of_a_perceptron_equals_numpys(activation, replicas):
    config = with_settings(MLP, activation=activation, optimizer="sgd", learning_rate=1.0, replicas=replicas)
    before, after = trained_steps(config, 1)
    assert_close({name: before[name] - after[name] for name in before}, mlp_gradient(before, activation), 2e-5)


def sgd(g, slots, t):
    """Return the step of plain gradient descent."""
    return 0.1 * g


def momentum(g, slots, t):
    """Return the step with momentum 0.8 (Polyak 1964, as in TensorFlow: the rate is outside the sum)."""
    slots["sum"] = 0.8 * slots.get("sum", 0) + g
    return 0.1 * slots["sum"]


def rmsprop(g, slots, t):
    """Return RMSprop's step as Keras has it: epsilon outside the root (Hinton's lecture 6e, 2012, has none)."""
    slots["rms"] = 0.7 * slots.get("rms", 0) + 0.3 * g * g
    return 0.1 * g / (np.sqrt(slots["rms"]) + 1e-3)


def adam(g, slots, t):
    """Return Adam's step (Kingma and Ba 2015, section 2: the form that folds the corrections into the rate)."""
    slots["m"] = 0.9 * slots.get("m", 0) + 0.1 * g
    slots["v"] = 0.999 * slots.get("v", 0) + 0.001 * g * g
    return 0.1 * np.sqrt(1 - .999 ** t) / (1 - .9 ** t) * slots["m"] / (np.sqrt(slots["v"]) + 1e-3)


# An epsilon as large as 1e-3 shows whether it is inside or outside the root.
@pytest.mark.parametrize(("rule", "settings"), [
    (sgd, {}), (momentum, {"momentum": 0.8}), (rmsprop, {"rho": 0.7, "epsilon": 1e-3}), (adam, {"epsilon": 1e-3})])
def test_three_steps_of_each_optimizer_equal_its_formula(rule, settings):
    config = with_settings(MLP, optimizer=rule.__name__, learning_rate=0.1, **settings)
    weights, slots = trained_steps(config, 3), {}
    for t, (before, after) in enumerate(pairwise(weights), 1):
        for name, g in mlp_gradient(before, "tanh").items():
            step = rule(g, slots.setdefault(name, {}), t)
            assert np.abs(before[name] - after[name] - step).max() < 1e-4 * np.abs(step).max() + 1e-7, (t, name)


def test_clip_norm_scales_the_whole_gradient_down_to_it_and_never_up():
    before, _ = trained_steps(with_settings(MLP, optimizer="sgd", learning_rate=1.0), 1)
    gradient = mlp_gradient(before, "tanh")
    norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))  # Pascanu, Mikolov and Bengio 2013
    for limit in (norm / 10, norm * 10):
        _, after = trained_steps(with_settings(MLP, optimizer="sgd", learning_rate=1.0, clip_norm=float(limit)), 1)
        for name, g in gradient.items():
            assert np.abs(before[name] - after[name] - g * min(1, limit / norm)).max() < 1e-5 * np.abs(g).max() + 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["sgd", "momentum", "rmsprop", "adam"])
def test_lr_decay_is_a_factor_of_each_epochs_step(tmp_path, toy_data_dir, rule):
    """Of the second epoch's: with a factor near zero it changes nothing, however the optimizer scales its steps."""
    once, twice = (toy_run(tmp_path, toy_data_dir, MLP, optimizer=rule, epochs=n, lr_decay=1e-6, run_name=f"e{n}")
                   for n in (1, 2))
    with once.open_network() as one, twice.open_network() as two:
        for name, array in one.weights().items():
            assert np.abs(two.weights()[name] - array).max() < 1e-4 * np.abs(array).max()
    halved = toy_run(tmp_path, toy_data_dir, MLP, optimizer=rule, epochs=2, lr_decay=0.5, run_name="halved")
    by_hand = Network(halved.config)
    sets, rnd = load_data(halved.config, halved.settings[1]), np.random.RandomState(42)
    for rate in (0.001, 0.0005):
        batches = shuffle_batch(*sets.train, halved.config.batch_size, rnd)
        by_hand.run_epoch(batches, dropout=0.0, learning_rate=rate)
    assert weights_digest(by_hand.weights()) == halved.result["weights"]


@pytest.mark.parametrize("more", [{}, {"unroll": "static"}, {"unroll": "fused"}, {"bidirectional": True}], ids=str)
def test_dropout_between_layers_drops_the_same_units_at_every_step_and_none_in_evaluation(more):
    """Each image's logits are those of one of the ways to drop units, below the top and of the last state."""
    config = with_settings(Config(), layers=2, n_neurons=2, dropout=0.5, replicas=1, n_steps=4, n_inputs=196, **more)
    n_units, network = 2 * (1 + config.bidirectional), Network(config)
    weights = [weights.astype(float) for weights in network.weights().values()]
    named = dict(zip(network.weights(), weights, strict=True))
    masks = [np.array(mask) for mask in product((0, 2), repeat=n_units)]
    ways = {(i, j): two_layers(named, masks[i]) * masks[j] @ named["dense/kernel"] + named["dense/bias"]
            for i in range(len(masks)) for j in range(len(masks))}
    feeds = [network.graph.pixels, network.graph.dropout_rate]
    dropped = network.run(network.graph.logits, feeds, [IMAGES, 0.5])
    distances = {way: np.abs(logits - dropped).max(axis=1) for way, logits in ways.items()}
    assert (np.min([*distances.values()], axis=0) < 1e-5).all()
    taken = {min(distances, key=lambda way, n=n: distances[way][n]) for n in range(len(IMAGES))}
    assert len({i for i, _ in taken}) > 2 and len({j for _, j in taken}) > 2
    plain = two_layers(named, np.ones(n_units)) @ named["dense/kernel"] + named["dense/bias"]
    assert np.abs(network.predict(IMAGES) - plain).max() < 1e-5


def two_layers(weights, mask):
    """Return the last states [n, n_units] of two layers of tanh cells; what the first passes on is times a mask."""
    steps = IMAGES.reshape(40, 4, 196) / 255
    for layer in range(2):
        outputs = []
        for scope in ("fw", "bw") if len(mask) == 4 else ("",):
            name = (f"stack_bidirectional_rnn/cell_{layer}/bidirectional_rnn/{scope}" if scope
                    else f"rnn/multi_rnn_cell/cell_{layer}") + "/basic_rnn_cell/"
            state, states = np.zeros([40, 2]), []
            for x in (steps[:, ::-1] if scope == "bw" else steps).swapaxes(0, 1):
                state = np.tanh(np.concatenate([x, state], axis=1) @ weights[f"{name}kernel"] + weights[f"{name}bias"])
                states.append(state)
            last = states[-1]
            outputs.append((last, np.stack(states[::-1] if scope == "bw" else states, axis=1)))
        steps = np.concatenate([states for _, states in outputs], axis=2) * mask
    return np.concatenate([last for last, _ in outputs], axis=1)


def test_a_rate_that_has_decayed_to_nothing_changes_nothing():
    network = Network(MLP)
    before = network.weights()
    network.run_epoch([(IMAGES, LABELS)], dropout=0.0, learning_rate=0.001 * 1e-6**60)
    assert all(np.array_equal(before[name], array) for name, array in network.weights().items())


@pytest.mark.parametrize(("l2_on", "kernels"), [("hidden", ["hidden1", "hidden2"]), ("output", ["dense"]),
                                                ("all", ["hidden1", "hidden2", "dense"])])
def test_l2_adds_lambda_times_the_sum_of_squares_of_the_chosen_kernels(l2_on, kernels):
    config = with_settings(MLP, l2=0.01, l2_on=l2_on, optimizer="sgd", learning_rate=1.0)
    network = Network(config)
    weights = network.weights()
    expected = 0.01 * sum((weights[f"{name}/kernel"].astype(float) ** 2).sum() for name in kernels)
    assert network.run(network.graph.penalty) == pytest.approx(expected, rel=1e-5)
    before, after = trained_steps(config, 1)
    gradient = mlp_gradient(before, "tanh")
    for name in kernels:
        gradient[f"{name}/kernel"] = gradient[f"{name}/kernel"] + 2 * 0.01 * before[f"{name}/kernel"]
    assert_close({name: before[name] - after[name] for name in before}, gradient, 2e-5)


def test_l2_counts_the_recurrent_kernel_and_stays_out_of_the_reported_loss():
    network, without = Network(Config(n_neurons=6, l2=0.5)), Network(Config(n_neurons=6))
    kernel = network.weights()["rnn/basic_rnn_cell/kernel"].astype(float)
    assert network.run(network.graph.penalty) == pytest.approx(0.5 * (kernel ** 2).sum(), rel=1e-5)
    assert without.run(without.graph.penalty) == 0
    assert network.evaluate(IMAGES, LABELS).loss == without.evaluate(IMAGES, LABELS).loss


DROPOUT = with_settings(MLP, hidden_sizes=(30,), dropout=0.4, learning_rate=0.0)


def logits_with_dropout(network, image, n=4000):
    """Return the logits [n, 10] of n copies of one image, each with a mask of its own."""
    graph = network.graph
    return network.run(graph.logits, [graph.pixels, graph.dropout_rate], [np.repeat(image[None], n, axis=0), 0.4])


@pytest.mark.parametrize("replicas", [1, 2])
def test_dropout_keeps_the_expectation(replicas):
    network = Network(with_settings(DROPOUT, replicas=replicas))
    without = network.predict(IMAGES[:1])[0].astype(float)
    found = logits_with_dropout(network, IMAGES[0]).astype(float)
    # One hidden layer: the logits are linear in its units, each kept with 0.6 and divided by it, so the mean is exact
    # and the variance is the sum of (unit x weight)^2 x 0.4 / 0.6.
    weights = network.weights()
    hidden = np.tanh(IMAGES[0].reshape(784) / 255 @ weights["hidden1/kernel"])
    deviation = np.sqrt(((hidden[:, None] * weights["dense/kernel"]) ** 2).sum(axis=0) * 0.4 / 0.6)
    assert (np.abs(found.mean(axis=0) - without) < 4 * deviation / np.sqrt(len(found))).all()
    assert np.abs(found.std(axis=0) / deviation - 1).max() < 0.05


def test_dropout_masks_differ_between_steps_and_seeds_and_repeat_otherwise():
    def masks(config, n_steps=2):
        """Return the logits with dropout before each step."""
        network, found = Network(config), []
        for _ in range(n_steps):
            found.append(logits_with_dropout(network, IMAGES[0], 20))
            network.run_epoch([(IMAGES, LABELS)], dropout=0.4)  # a step at learning rate 0
        return np.array(found)

    first, second = masks(DROPOUT)
    assert not np.array_equal(first, second)
    assert np.array_equal(masks(DROPOUT), [first, second])
    halves = masks(with_settings(DROPOUT, replicas=2))[0].reshape(2, 10, 10)
    assert not np.array_equal(halves[0], halves[1])


def test_evaluation_uses_no_dropout():
    network = Network(DROPOUT)
    weights = network.weights()
    expected = mlp_loss({name: array.astype(float) for name, array in weights.items()}, "tanh")
    for _ in range(2):
        assert np.abs(network.predict(IMAGES) - expected[1][-1]).max() < 1e-5
        assert network.evaluate(IMAGES, LABELS).loss == pytest.approx(expected[0], rel=1e-5)
        network.run_epoch([(IMAGES, LABELS)], dropout=0.4)


def toy_run(folder, data_dir, base=MLP, **settings):
    """Return a Run on the toy data."""
    return train(base, data_dir=data_dir, runs_dir=folder, plots=False, **settings)


@pytest.mark.slow
def test_dropout_is_the_same_after_a_resume(tmp_path, toy_data_dir):
    whole = toy_run(tmp_path, toy_data_dir, dropout=0.5, epochs=2, run_name="whole")
    half = toy_run(tmp_path, toy_data_dir, dropout=0.5, epochs=1, run_name="half")
    assert resume(half, {"epochs": 2}).result["weights"] == whole.result["weights"]
    without = toy_run(tmp_path, toy_data_dir, epochs=2, run_name="without")
    assert without.result["weights"] != whole.result["weights"]


@pytest.mark.slow
@pytest.mark.parametrize("unroll", ["dynamic", "static", "fused"])
def test_truncation_at_full_length_changes_no_bit(tmp_path, toy_data_dir, unroll):
    digests = [toy_run(tmp_path, toy_data_dir, Config(), epochs=1, n_neurons=10, batch_size=50, n_valid=0,
                       unroll=unroll, bptt_steps=k, run_name=f"k{k}").result["weights"] for k in (0, 28, 27)]
    assert digests[0] == digests[1] != digests[2]


def test_sigmoid_network_on_raw_pixels_gives_no_warning(tmp_path, toy_data_dir, capfd, recwarn):
    base = with_settings(PRESETS["mlp-sigmoid"].config, n_subset=0, batch_size=20, learning_rate=0.1)
    with np.errstate(all="raise"):
        values = toy_run(tmp_path, toy_data_dir, base, epochs=2, run_name="raw").result
    assert np.isfinite(values["loss_test"])
    assert not capfd.readouterr().err
    assert not [str(warning.message) for warning in recwarn if "overflow" in str(warning.message)]


def test_running_figures_are_the_means_before_each_update():
    config = with_settings(MLP, optimizer="sgd", learning_rate=0.5)
    network = Network(config)
    batches = [(IMAGES[:25], LABELS[:25]), (IMAGES[25:], LABELS[25:])]
    losses, scores = [], []
    for images, labels in batches:
        weights = {name: array.astype(float) for name, array in network.weights().items()}
        loss, outputs = mlp_loss(weights, "tanh", images, labels)
        losses += [loss] * len(labels)
        scores += list(outputs[-1].argmax(axis=1) == labels)
        network.run_epoch([(images, labels)], dropout=0.0)
    totals = Network(config).run_epoch(batches, dropout=0.0)
    assert (totals.n_steps, totals.n_images, totals.accuracy) == (2, 40, np.mean(scores))
    assert totals.loss == pytest.approx(np.mean(losses), rel=1e-5)
