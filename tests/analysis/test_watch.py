"""The states one by one: answers after each row and gradient norms against NumPy; the two scripts around them."""

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers import refusal
from PIL import Image

from rnn_mnist.analysis import gradients
from rnn_mnist.analysis import hidden_states as states
from rnn_mnist.analysis import watch as watching
from rnn_mnist.analysis.predict import Digit
from rnn_mnist.config import Config
from rnn_mnist.datasets import synthetic
from rnn_mnist.session import Network
from rnn_mnist.train import train

TOY = {"epochs": 1, "batch_size": 50, "n_valid": 100, "replicas": 1, "plots": False}
FUNCTIONS = {  # activation, and its derivative in terms of its value
    "tanh": (np.tanh, lambda h: 1 - h**2), "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0) * 1.0),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h))}
IMAGES, LABELS = synthetic.draw(30, seed=5)


@pytest.fixture(scope="module")
def toy_runs(toy_data_dir, tmp_path_factory):
    """Return a function that gives a small trained Run of some settings."""
    folder, found = str(tmp_path_factory.mktemp("runs")), {}

    def get(name, **settings):
        """Return the Run of that name, trained when it is first asked for."""
        if name not in found:
            found[name] = train(data_dir=toy_data_dir, runs_dir=folder, run_name=name, **TOY, **settings)
        return found[name]
    return get


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs a script's main with some flags and gives (exit code, stdout, stderr)."""
    def run(name, *flags):
        """Run scripts/<name>.py."""
        spec = importlib.util.spec_from_file_location(name, f"scripts/{name}.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        monkeypatch.setattr(sys, "argv", [name, *map(str, flags)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            script.run(script.main)
        return left.value.code or 0, *capsys.readouterr()
    return run


def unrolled(config):
    """Return the Network of a config's first weights as hidden_states.open_unrolled opens one."""
    return Network(replace(config, unroll="static", replicas=1))


def in_numpy(weights, config):
    """Return (logits [n_steps, n, 10], norms [n_steps]) of IMAGES, by the equations of the cell, in float64.

    norms: of the gradient of each image's cross-entropy by each state, mean over the images.
    """
    kernel, bias, dense, dense_bias = (weights[name].astype(np.float64) for name in (
        "rnn/basic_rnn_cell/kernel", "rnn/basic_rnn_cell/bias", "dense/kernel", "dense/bias"))
    function, slope = FUNCTIONS[config.activation]
    steps = IMAGES.reshape(len(IMAGES), config.n_steps, config.n_inputs) / (255 if config.pixels == "unit" else 1)
    h, after = np.zeros([len(IMAGES), config.n_neurons]), []
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
def test_answers_and_gradients_are_those_of_numpy(settings, monkeypatch):
    config = Config(**{"n_neurons": 12, "replicas": 1, **settings})
    monkeypatch.setattr(states, "SLICE", config.n_steps * config.n_neurons * 7)  # so that 30 images take five slices
    with unrolled(config) as network, Network(config) as own:
        logits, norms = in_numpy(network.weights(), config)
        found = states.logits_by_step(network, IMAGES)
        assert found.shape == (config.n_steps, 30, 10)
        assert np.allclose(found, logits, rtol=1e-4, atol=1e-4)
        assert np.allclose(found[-1], own.predict(IMAGES), atol=1e-5)
        of_label = np.take_along_axis(found, LABELS[None, :, None], axis=2)[:, :, 0]
        answers = np.where(of_label == found.max(axis=2), LABELS, found.argmax(axis=2))  # ties: as in training
        assert np.array_equal(states.predictions_by_step(network, IMAGES, LABELS), answers)
        norms_found = states.gradient_norms(network, IMAGES, LABELS)
        assert np.allclose(norms_found, norms, rtol=1e-3, atol=0)
        assert np.array_equal(norms_found, states.gradient_norms(network, IMAGES, LABELS, own.weights()))
        assert np.array_equal(norms_found > 0, norms > 0)


def test_gradient_norms_are_those_of_the_trained_weights_or_of_those_given():
    config = Config(n_neurons=12)
    with unrolled(config) as network:
        first_weights = network.weights()
        first = in_numpy(first_weights, config)[1]
        network.run_epoch([(IMAGES, LABELS)] * 30, dropout=0.0)
        trained = network.weights()
        start, end = (states.gradient_norms(network, IMAGES, LABELS, weights) for weights in (first_weights, None))
        assert np.allclose(start, first, rtol=1e-3)
        assert np.allclose(end, in_numpy(trained, config)[1], rtol=1e-3)
        assert not np.allclose(start, end, rtol=0.1)
        assert all(np.array_equal(array, trained[name]) for name, array in network.weights().items())


def test_settled_after():
    answers = np.array([[1, 5, 3], [1, 5, 4], [2, 5, 3], [2, 5, 3], [2, 5, 7]])
    assert states.settled_after(answers).tolist() == [3, 1, 5]


def test_784_steps_of_one_pixel_are_watched_in_28_lines():
    digit = Digit(0, None, IMAGES[0], int(LABELS[0]))
    p = np.eye(10)[np.repeat([3, int(LABELS[0])], 392)]
    lines = list(watching.report(watching.Reading(None, digit, p, np.linspace(0, 1, 784), np.array([7, 784, 42]),
                                                  "original MNIST", True, True)))
    assert len(lines) == 1 + 1 + 28 + 2
    assert lines[-2] == f"the answer is {LABELS[0]} from row 14 on"
    assert lines[-1].endswith("half of the answers are final after row 1.5, 90 % after row 28")


# ---- the scripts ----

def test_watch_digit_tells_each_row(toy_runs, call, toy_data_dir):
    run = toy_runs("rnn", n_neurons=10)
    code, out, err = call("watch_digit", run, "--test-index", 4, "--lang", "en")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("test image 4 : read as ") and "row  image" in lines[1]
    watched = watching.watch(run, test_index=4)
    assert [int(line.split()[0]) for line in lines[2:30]] == list(range(1, 29))
    for line, p, accuracy in zip(lines[2:30], watched.probabilities, watched.accuracy, strict=True):
        assert line.endswith(f"{100 * accuracy:.2f} %") and f"{100 * p.max():.1f} %" in line
    # After the last row it is the run's test accuracy.
    assert watched.accuracy[-1] == run.result["acc_test"]
    with Image.open(run.path / "plots" / "watch-test-4.png") as drawn:
        assert lines[-1] == f"written : {drawn.filename}"


def test_watch_digit_reads_a_picture(toy_runs, call, tmp_path):
    Image.fromarray(255 - IMAGES[0]).resize((200, 200)).save(tmp_path / "mine.png")
    code, out, err = call("watch_digit", toy_runs("rnn", n_neurons=10), tmp_path / "mine.png", "--lang", "ko")
    assert (code, err.replace("\n", "")[:30]) in ((0, ""), (0, "note: no Korean font found, so"))
    assert "행" in out and out.splitlines()[-1].endswith("watch-mine.png")


def test_other_data_is_named(toy_runs, call):
    flags = (toy_runs("rnn", n_neurons=10), "--test-index", 0, "--lang", "en")
    assert "NOT THE DATA" not in call("watch_digit", *flags)[1]
    assert "NOT THE ORIGINAL MNIST" in call("watch_digit", *flags)[1]


def test_gradient_through_time_compares_runs(toy_runs, call):
    compared = [toy_runs("rnn", n_neurons=10),
                toy_runs("relu", n_neurons=10, activation="relu", n_steps=14, n_inputs=56)]
    code, out, err = call("gradient_through_time", *compared, "--lang", "en")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 6 and lines[1].startswith("rnn (tanh, NOT THE ORIGINAL MNIST) ")
    assert "start of training" in lines[1] and "end of training" in lines[2]
    curve = gradients.gradient_curve(compared[1])
    assert curve.start.shape == curve.end.shape == (14,)
    told = gradients.verdict(curve.end[0], curve.end[-1])
    figures = [f"{value:.3g}" for value in (curve.end[0], curve.end[-1], curve.end[-1] / curve.end[0])]
    assert lines[4].endswith(told) and lines[4].removesuffix(told).split()[-3:] == figures
    assert lines[5] == f"written : {compared[0].path / 'plots' / 'gradient-through-time-compared.png'}"
    assert call("gradient_through_time", compared[0])[1].rstrip().endswith("gradient-through-time.png")


@pytest.mark.parametrize(("first", "last", "words"), [
    (.01, .17, "fades x17 on"), (.001, .17, "fades x170 on"), (1.14, .136, "grows x8.4 on"),
    (1., 1.1, "keeps its size"), (0., 1., "does not reach")])
def test_the_way_the_gradient_goes_is_said(first, last, words):
    assert gradients.verdict(first, last).startswith(words)


@pytest.mark.parametrize(("script", "flags"), [("watch_digit", ("--test-index", 0)), ("gradient_through_time", ())])
def test_a_perceptron_and_a_missing_run_are_refused(toy_runs, call, script, flags):
    perceptron = toy_runs("mlp", model="mlp", hidden_sizes=[8])
    for path, word in ((perceptron, "has no steps"), ("runs/none", "no run directory")):
        code, out, err = call(script, path, *flags)
        assert (code, out) == (2, "") and word in err and err.count("\n") == 1


def test_watch_digit_refuses_what_is_no_digit(toy_runs, call, tmp_path):
    run = toy_runs("rnn", n_neurons=10)
    (tmp_path / "a.png").write_bytes(b"")
    for flags, word in ((("a.png", "--test-index", 1), "either"), ((), "either"), ((tmp_path / "a.png",), "empty"),
                        (("--test-index", 200), "0 to 199")):
        code, out, err = call("watch_digit", run, *flags)
        assert (code, out) == (2, "") and word in err and err.count("\n") == 1
    assert "empty" in refusal(watching.watch, run, str(tmp_path / "a.png"))
