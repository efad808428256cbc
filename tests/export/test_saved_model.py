"""Exports: used in a process without this project, they predict what the run does; whole or not at all."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fork_server
import numpy as np
import pytest
from helpers import user_environment, without_first_word

from rnn_mnist.config import with_settings
from rnn_mnist.console.settings import UserError
from rnn_mnist.data import load_data
from rnn_mnist.export.numpy_network import network_of, rounding_bound
from rnn_mnist.export.saved_model import export_run
from rnn_mnist.run import Run
from rnn_mnist.tf1 import tf
from rnn_mnist.train import train
from rnn_mnist.tutorials.presets import PRESETS

pytestmark = [pytest.mark.slow, pytest.mark.machine, pytest.mark.usefixtures("shared_graphs")]
FORMS = {"rnn": ("rnn-rows", {"n_neurons": 10}),
         "odd": ("rnn-rows", {"n_neurons": 9, "n_steps": 14, "n_inputs": 56, "unroll": "static", "activation": "relu",
                               "bptt_steps": 5, "replicas": 1, "dropout": .2}),
         "fused": ("rnn-rows", {"n_neurons": 10, "unroll": "fused", "activation": "sigmoid", "pixels": "raw"}),
         "mlp": ("mlp-relu", {"hidden_sizes": (12, 8)}),
         "raw": ("mlp-sigmoid", {"hidden_sizes": (7,), "n_subset": 0})}


@pytest.fixture(scope="session")
def toy(toy_data_dir, tmp_path_factory):
    """Return {name: (run, results)} of toy runs of all forms, exported and used in another process."""
    return made_and_used(tmp_path_factory.mktemp("toy_exports"), toy_data_dir, {
        name: (preset, {**settings, "batch_size": 50, "n_valid": 0, "valid_fraction": .1})
        for name, (preset, settings) in FORMS.items()})


@pytest.fixture(scope="session")
def real(mnist_dir, tmp_path_factory):
    """Return {name: (run, results)} of an rnn and a perceptron trained for an epoch on the original MNIST."""
    return made_and_used(tmp_path_factory.mktemp("exports"), mnist_dir, {
        "rnn": ("rnn-rows", {}), "mlp": ("mlp-relu", {"batch_size": 100})})


def made_and_used(folder, data_dir, forms):
    """Train and export runs, and return {name: (run, what plain_tensorflow.py got from the export)}."""
    tasks = []
    for name, (preset, settings) in forms.items():
        config = with_settings(PRESETS[preset].config, **settings, data="mnist", epochs=1)
        run = train(config, data_dir=data_dir, plots=False, runs_dir=folder, run_name=name)
        exported = export_run(run).folder
        images = load_data(*run.settings).test.images
        X = images.astype(np.float32) / np.float32(255 if config.pixels == "unit" else 1)
        np.savez(folder / f"{name}-images.npz", X=X, steps=X.reshape(-1, config.n_steps, config.n_inputs))
        tasks.append([str(exported / "saved_model"), str(exported / "weights.npz"), f"{folder}/{name}-images.npz",
                      f"{folder}/{name}-results.npz", config.activation])
    (folder / "tasks.json").write_text(json.dumps(tasks))
    done = python(Path(__file__).parents[1] / "support" / "plain_tensorflow.py", folder / "tasks.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return {name: (folder / name, dict(np.load(folder / f"{name}-results.npz"))) for name in forms}


def python(*arguments, cwd=None):
    """Run Python as a user would, without what the project has set in this process, and return it with its output."""
    environment = user_environment()
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    done.stderr = without_first_word(done.stderr)
    return done


def logits_of(run):
    """Return the logits of a run's test images as the run's own graph computes them, and how far rounding may go."""
    run = Run(run)
    with run.open_network() as network:
        images = load_data(*run.settings).test.images
        X = images[:200].reshape(-1, 784) / np.float32(255 if network.config.pixels == "unit" else 1)
        bound = rounding_bound(network_of(network.config, network.weights()), X)
        assert bound < 1e-3  # or it would excuse anything
        return network.predict(images), bound


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_saved_model_and_npz_give_the_runs_logits_in_a_process_without_the_project(toy, name):
    check_logits(*toy[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_keras_3_and_numpy_with_the_exported_weights_predict_the_same(toy, name):
    check_other_implementations(*toy[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn", "mlp"])
def test_all_test_images_of_the_original_mnist_are_predicted_the_same(real, name):
    run, results = real[name]
    assert results["logits"].shape == (10_000, 10)
    check_logits(run, results)
    check_other_implementations(run, results)


def check_logits(run, results):
    """Assert that SavedModel and npz give the logits that the run's graph gives, whatever the instruction set."""
    logits, bound = logits_of(run)
    for found in (results["logits"], results["from_npz"]):
        np.testing.assert_allclose(found, logits, rtol=0, atol=bound)
    assert results["logits"].dtype == np.float32 and results["classes"].dtype == np.int32
    assert not results["zeroed"].any()  # so that from_npz can owe nothing to the SavedModel's own values
    np.testing.assert_allclose(results["one"], logits[:1], rtol=0, atol=bound)
    assert np.array_equal(results["classes"], results["logits"].argmax(axis=1))
    assert_same_classes(results["logits"], logits, bound)
    powers = np.exp(logits.astype(np.float64))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(results["probabilities"], softmax, rtol=0, atol=2 * bound + 1e-7)


def assert_same_classes(found, logits, bound):
    """Assert that the largest of the logits is the same one, where the second is not within rounding of it."""
    second, first = np.sort(logits, axis=1)[:, -2:].T
    clear = first - second > 2 * bound
    assert clear.mean() > .99 and np.array_equal(found.argmax(axis=1)[clear], logits.argmax(axis=1)[clear])


def check_other_implementations(run, results):
    """Assert that Keras 3 and NumPy, given the npz, predict what the run predicts."""
    logits, bound = logits_of(run)
    for found in (results["by_keras"], results["by_numpy"]):
        np.testing.assert_allclose(found, logits, rtol=0, atol=bound)
        assert_same_classes(found, logits, bound)


@pytest.mark.slow
def test_in_the_runs_own_process_the_files_give_its_logits_to_the_bit(toy_data_dir, tmp_path):
    """150 neurons, for which the last rows of a minibatch, those that fill no block, are summed in another order."""
    for unroll in ("dynamic", "fused"):
        exported = export_run(train(unroll=unroll, data_dir=toy_data_dir, batch_size=50, n_valid=100, epochs=1,
                                    plots=False, runs_dir=tmp_path, run_name=unroll))
        assert exported.difference == 0 < exported.bound < 1e-4


def test_the_saved_model_holds_no_training(toy):
    for _, results in toy.values():
        assert not [op for op in results["ops"] if re.search("Apply|Grad$|InTopK|Random", op)]


def test_the_npz_has_the_names_of_tensorflow_1(toy):
    with np.load(toy["rnn"][0] / "export" / "weights.npz", allow_pickle=False) as arrays:
        assert {name: arrays[name].shape for name in arrays} == {
            "rnn/basic_rnn_cell/kernel": (38, 10), "rnn/basic_rnn_cell/bias": (10,),
            "dense/kernel": (10, 10), "dense/bias": (10,)}


@pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere", "export"])
def test_an_existing_target_is_refused_and_left_alone(toy, tmp_path, kind):
    run, target = toy["rnn"][0], tmp_path / "there"
    if kind == "file":
        target.write_text("mine")
    elif kind == "folder":
        target.mkdir()
    elif kind == "export":
        target = run / "export"
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = sorted(target.parent.rglob("*"))
    with pytest.raises(UserError, match="exists: move or delete it, or choose another folder by out"):
        export_run(Run(run), target)
    assert sorted(target.parent.rglob("*")) == before
    assert kind != "file" or target.read_text() == "mine"


@pytest.mark.parametrize("damage", ["weights.npz", "saved_model"])
def test_a_file_that_does_not_predict_what_the_run_does_is_never_left_behind(toy, tmp_path, monkeypatch, damage):
    changed = np.float32(range(10)) / 1000
    if damage == "weights.npz":
        savez = np.savez
        monkeypatch.setattr(np, "savez", lambda path, **arrays: savez(path, **{**arrays, "dense/bias": changed}))
    else:
        add = tf.saved_model.Builder.add_meta_graph_and_variables

        def add_others(self, session, *args):
            """Add the variables with another bias."""
            next(v for v in tf.trainable_variables() if v.op.name == "dense/bias").load(changed, session)
            add(self, session, *args)
        monkeypatch.setattr(tf.saved_model.Builder, "add_meta_graph_and_variables", add_others)
    with pytest.raises(UserError, match=f"{damage} was not written: read back, its logits differ"):
        export_run(Run(toy["rnn"][0]), tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", [0, 1000, 2500, 6000, 20_000])
def test_a_full_disk_leaves_nothing(toy, tmp_path, room):
    resource = pytest.importorskip("resource", reason="needs a limit on file sizes")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))  # stands in for a disk with no more room
    try:
        with pytest.raises(OSError):
            export_run(Run(toy["rnn"][0]), tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_what_a_killed_export_left_is_no_hindrance(toy, tmp_path):
    (tmp_path / ".export-0.tmp" / "saved_model").mkdir(parents=True)
    assert export_run(Run(toy["mlp"][0]), tmp_path / "new").folder == tmp_path / "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".export-0.tmp", "new"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["saved_model", "weights.npz"]


def test_a_run_without_checkpoints_is_refused(toy, tmp_path):
    run = shutil.copytree(toy["rnn"][0], tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints", "export"))
    with pytest.raises(UserError, match="has no checkpoint"):
        export_run(Run(run))
    assert not (run / "export").exists()


@pytest.mark.slow
def test_the_command_line(toy, tmp_path):
    run = shutil.copytree(toy["fused"][0], tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    done = python("scripts/export.py", run, "--lang", "en")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"written : {run}/export/saved_model\nwritten : {run}/export/weights.npz\n" in done.stdout
    assert "values 0 to 255" in done.stdout
    command = done.stdout.splitlines()[-1].removeprefix("next : in Python, ")
    setup = "import numpy as np, tensorflow as tf; images = np.zeros([3, 28, 28], np.float32); "
    assert "logits" in python("-c", f"{setup}print({command})").stdout
    code, _, err = fork_server.run(tmp_path, "export.py", tmp_path / "none")
    assert code == 2 and err.count("\n") == 1 and "no run directory" in err
