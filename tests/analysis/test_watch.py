"""The states one by one: answers after each row and gradient norms against NumPy; the two scripts around them."""

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import refusal
from PIL import Image

from rnn_mnist import run as runs
from rnn_mnist import session
from rnn_mnist.analysis import gradients
from rnn_mnist.analysis import hidden_states as states
from rnn_mnist.analysis import watch as watching
from rnn_mnist.analysis.trained import Trained
from rnn_mnist.config import Config, with_settings
from rnn_mnist.datasets import synthetic
from rnn_mnist.graph import build_graph, reset_graph
from rnn_mnist.train import train

TOY = {"epochs": 1, "batch_size": 50, "n_valid": 100, "replicas": 1, "plots": False}
FUNCTIONS = {  # activation, and its derivative in terms of its value
    "tanh": (np.tanh, lambda h: 1 - h**2), "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0) * 1.0),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h))}
IMAGES, LABELS = synthetic.draw(30, seed=5)


@pytest.fixture(scope="module")
def toy_runs(toy_data_dir, tmp_path_factory):
    """Return a function that gives the directory of a small trained run of some settings."""
    folder, found = str(tmp_path_factory.mktemp("runs")), {}

    def get(name, **settings):
        if name not in found:
            base = Config() if settings.get("model", "rnn") == "rnn" else Config(model="mlp", hidden_sizes=(8,))
            config = with_settings(base, data_dir=toy_data_dir, runs_dir=folder, run_name=name, **TOY, **settings)
            found[name] = str(train(config, Config()).run)
        return found[name]
    return get


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs a script's main with some flags and gives (exit code, stdout, stderr)."""
    def run(name, *flags):
        spec = importlib.util.spec_from_file_location(name, f"scripts/{name}.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        monkeypatch.setattr(sys, "argv", [name, *map(str, flags)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            script.run(script.main)
        return left.value.code or 0, *capsys.readouterr()
    return run


def opened(config):
    """Return a Trained of a config's first weights, without a run directory."""
    reset_graph(config.seed)
    graph = build_graph(config)
    return Trained(Path("runs/none"), config, graph, session.new_session(graph, config))


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


@pytest.mark.parametrize("settings", [
    {}, {"activation": "relu"}, {"activation": "sigmoid"}, {"unroll": "static"}, {"unroll": "fused"},
    {"n_steps": 14, "n_inputs": 56, "activation": "relu", "pixels": "raw"},
    {"n_steps": 98, "n_inputs": 8, "activation": "relu"}, {"n_steps": 1, "n_inputs": 784},
    {"bptt_steps": 5}, {"bptt_steps": 28, "replicas": 2}, {"dropout": 0.5},
], ids=str)
def test_answers_and_gradients_are_those_of_numpy(settings, monkeypatch):
    config = Config(**{"n_neurons": 12, "replicas": 1, **settings})
    monkeypatch.setattr(states, "SLICE", config.n_steps * config.n_neurons * 7)  # so that 30 images take five slices
    with (net := opened(config)).session:
        steps = states.build_steps(net)
        logits, norms = in_numpy(session.weights(net.session), config)
        found = states.logits_by_step(net, steps, IMAGES)
        assert found.shape == (config.n_steps, 30, 10)
        assert np.allclose(found, logits, rtol=1e-4, atol=1e-4)
        assert np.allclose(found[-1], session.predict(net.session, net.graph, IMAGES), atol=1e-5)
        assert np.array_equal(states.predictions_by_step(net, steps, IMAGES), found.argmax(2))
        start, end = states.gradient_norms(net, steps, IMAGES, LABELS)
        assert np.allclose(start, norms, rtol=1e-3, atol=0) and np.array_equal(start, end)
        assert np.array_equal(start > 0, norms > 0)


def test_gradient_norms_after_training_are_those_of_the_trained_weights():
    config = Config(n_neurons=12, replicas=1)
    with (net := opened(config)).session:
        steps = states.build_steps(net)
        first = in_numpy(session.weights(net.session), config)[1]
        session.run_epoch(net.session, net.graph, [(IMAGES, LABELS)] * 30, dropout=0.0)
        start, end = states.gradient_norms(net, steps, IMAGES, LABELS)
        assert np.allclose(start, first, rtol=1e-3)
        assert np.allclose(end, in_numpy(session.weights(net.session), config)[1], rtol=1e-3)
        assert not np.allclose(start, end, rtol=0.1)


def test_settled_after():
    answers = np.array([[1, 5, 3], [1, 5, 4], [2, 5, 3], [2, 5, 3], [2, 5, 7]])
    assert states.settled_after(answers).tolist() == [3, 1, 5]


def test_784_steps_of_one_pixel_are_watched_in_28_lines(monkeypatch):
    seen = watching.prediction.Seen(0, None, IMAGES[0], int(LABELS[0]))
    p = np.eye(10)[np.repeat([3, int(LABELS[0])], 392)]
    lines = list(watching.report(watching.Watched(Path("r"), seen, p, np.linspace(0, 1, 784), np.array([7, 784, 42]),
                                                  "original MNIST", True, True), "en"))
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
    assert watched.accuracy[-1] == runs.read_json(Path(run) / "result.json")["acc_test"]
    with Image.open(os.path.join(run, "plots", "watch-test-4.png")) as drawn:
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
    paths = [toy_runs("rnn", n_neurons=10), toy_runs("relu", n_neurons=10, activation="relu", n_steps=14, n_inputs=56)]
    code, out, err = call("gradient_through_time", *paths, "--lang", "en")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 6 and lines[1].startswith("rnn (tanh, NOT THE ORIGINAL MNIST) ")
    assert "start of training" in lines[1] and "end of training" in lines[2]
    curve = gradients.gradient_curve(paths[1])
    assert curve.start.shape == curve.end.shape == (14,)
    told = gradients.verdict(curve.end[0], curve.end[-1], "en")
    figures = [f"{value:.3g}" for value in (curve.end[0], curve.end[-1], curve.end[-1] / curve.end[0])]
    assert lines[4].endswith(told) and lines[4].removesuffix(told).split()[-3:] == figures
    assert lines[5] == f"written : {os.path.join(paths[0], 'plots', 'gradient-through-time-compared.png')}"
    assert call("gradient_through_time", paths[0])[1].rstrip().endswith("gradient-through-time.png")


@pytest.mark.parametrize(("first", "last", "words"), [
    (.01, .17, "fades x17 on"), (.001, .17, "fades x170 on"), (1.14, .136, "grows x8.4 on"),
    (1., 1.1, "keeps its size"), (0., 1., "does not reach")])
def test_the_way_the_gradient_goes_is_said(first, last, words):
    assert gradients.verdict(first, last, "en").startswith(words)


@pytest.mark.parametrize(("script", "flags"), [("watch_digit", ("--test-index", 0)), ("gradient_through_time", ())])
def test_a_perceptron_and_a_missing_run_are_refused(toy_runs, call, script, flags):
    for path, word in ((toy_runs("mlp", model="mlp"), "has no steps"), ("runs/none", "no run directory")):
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
