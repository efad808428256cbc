"""predict.py: own pictures and test images are read, told in text and JSON, drawn; bad input is one line."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from rnn_mnist import data, session
from rnn_mnist.analysis import predict as prediction
from rnn_mnist.analysis import trained
from rnn_mnist.config import Config, UserError, with_settings
from rnn_mnist.plots import digits as digit_plots
from rnn_mnist.train import train
from rnn_mnist.tutorials import numpy_inference as numpy_net

TOY = {"epochs": 2, "batch_size": 20, "n_valid": 100, "n_neurons": 20, "replicas": 1, "plots": False}


@pytest.fixture(scope="module")
def toy_run(toy_data_dir, tmp_path_factory):
    """Return the directory of a small trained run."""
    config = with_settings(Config(), data_dir=toy_data_dir, runs_dir=str(tmp_path_factory.mktemp("runs")),
                           run_name="toy", **TOY)
    return str(train(config, Config()).run)


@pytest.fixture(scope="module")
def test_set(toy_data_dir):
    """Return the toy test set's (images, labels)."""
    return data.read_data(toy_data_dir)[2:]


@pytest.fixture
def predict(monkeypatch, capsys):
    """Return a function that runs predict.py's main with some flags and gives (exit code, stdout, stderr)."""
    spec = importlib.util.spec_from_file_location("predict", "scripts/predict.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def call(*flags):
        monkeypatch.setattr(sys, "argv", ["predict.py", *map(str, flags)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            script.run(script.main)
        return left.value.code, *capsys.readouterr()
    return call


@pytest.fixture
def picture(tmp_path, test_set):
    """Return the path of a PNG that shows the first toy test image, dark on light, ten times as large."""
    path = tmp_path / "seven of mine.png"
    ImageOps.invert(Image.fromarray(test_set[0][0]).resize((280, 280), Image.Resampling.BICUBIC)).save(path)
    return path


def test_probabilities_are_those_of_numpy(toy_run, test_set, predict):
    code, out, err = predict(toy_run, "--test-index", 3, "--json")
    assert (code, err) == (0, "")
    (told,) = json.loads(out)
    with trained.open_trained(toy_run) as opened:
        arrays = session.weights(opened.session)
    network = numpy_net.Network(((arrays["rnn/basic_rnn_cell/kernel"], arrays["rnn/basic_rnn_cell/bias"]),
                                 (arrays["dense/kernel"], arrays["dense/bias"])), "tanh", 28)
    wanted = numpy_net.probabilities(network, test_set[0][3].reshape(784).astype(np.float32) / 255)
    assert told["probabilities"] == pytest.approx(wanted.tolist(), abs=1e-6)
    assert told["digit"] == wanted.argmax() and told["probability"] == max(told["probabilities"])
    assert told["label"] == test_set[1][3] and told["image"] == "test image 3"


def test_one_picture_is_told_with_bars(toy_run, picture, predict):
    code, out, err = predict(toy_run, picture, "--lang", "en")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"run : {toy_run} (rnn, trained on NOT THE ORIGINAL MNIST)"
    digit = lines[1].removeprefix(f"{picture} : read as ")
    shares = {line.split()[0]: float(line.split()[1]) for line in lines[2:]}
    assert list(shares) == list("0123456789") and sum(shares.values()) == pytest.approx(100, abs=0.1)
    assert digit == max(shares, key=shares.get)
    bars = {line.split()[0]: line.count("#") for line in lines[2:]}
    assert all(bars[name] == pytest.approx(share * 0.4, abs=0.51) for name, share in shares.items())


def test_an_unfinished_run_is_said_to_be_unfinished(toy_run, picture, tmp_path, predict):
    run = shutil.copytree(toy_run, tmp_path / "going")
    (run / "result.json").unlink()
    lines = predict(run, picture, "--lang", "en")[1].splitlines()
    assert lines[0] == f"run : {run} (rnn, trained on NOT THE ORIGINAL MNIST, not finished)"


def test_a_missing_picture_is_told_before_tensorflow_is_imported(toy_run, tmp_path):
    done = subprocess.run([sys.executable, "-X", "importtime", "scripts/predict.py", toy_run, tmp_path / "none.png"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "none.png" in done.stderr
    assert "rnn_mnist.analysis.predict\n" in done.stderr and "rnn_mnist.tf1\n" not in done.stderr


def test_folder_pattern_and_file_give_the_same_answers(toy_run, picture, tmp_path, predict):
    Image.open(picture).convert("L").rotate(180).save(tmp_path / "turned.png")
    answers = [predict(toy_run, *names, "--json")[1]
               for names in ([tmp_path], [f"{tmp_path}/*.png"], [picture, tmp_path / "turned.png"])]
    assert answers[0] == answers[1] == answers[2]
    assert [one["image"] for one in json.loads(answers[0])] == [str(picture), str(tmp_path / "turned.png")]
    table = predict(toy_run, tmp_path, "--lang", "en")[1].splitlines()
    assert len(table) == 4 and table[1].split() == ["picture", "digit", "probability", "or", "probability"]
    told = json.loads(answers[0])[0]
    assert f"{told['digit']}  " in table[2] and f"{100 * told['probability']:.2f} %" in table[2]


def test_a_bad_picture_does_not_stop_the_others(toy_run, picture, tmp_path, predict):
    (tmp_path / "notes.png").write_text("not a picture")
    code, out, err = predict(toy_run, tmp_path, "--json")
    assert code == 2 and len(json.loads(out)) == 1
    assert err.startswith(f"error: {tmp_path / 'notes.png'}: not a picture") and err.count("\n") == 1


def test_show_draws_what_the_network_saw_of_each(toy_run, picture, tmp_path, predict):
    code, out, _ = predict(toy_run, picture, "--show", "--lang", "en")
    path = os.path.join(toy_run, "plots", "predict-seven-of-mine.png")
    assert code == 0 and out.splitlines()[-1] == f"written : {path}"
    with Image.open(path) as drawn:
        assert drawn.size == (1200, 432)
    Image.open(picture).save(tmp_path / "seven of mine.jpg")
    code, out, err = predict(toy_run, tmp_path, "--show", "--json", "--lang", "en")
    assert code == 0 and len(json.loads(out)) == 2
    paths = [line.removeprefix("written : ") for line in err.splitlines()]
    assert len(set(paths)) == 2 and all(map(os.path.exists, paths))


def test_korean_says_the_same_in_korean(toy_run, picture, predict):
    english, korean = (predict(toy_run, picture, "--lang", lang)[1].splitlines() for lang in ("en", "ko"))
    assert english[2:] == korean[2:]
    assert "읽음" in korean[1] and "read as" not in korean[1]


@pytest.mark.parametrize(("flags", "words"), [
    ((), ("--test-index",)),
    (("a.png", "--test-index", "1"), ("either",)),
    (("--test-index", "200"), ("--test-index 200", "0 to 199")),
    (("--test-index", "-1"), ("--test-index -1",)),
    (("--test-index", "one"), ("--test-index",)),
    (("none.png",), ("none.png", "No such file")),
    (("empty",), ("empty", "holds no pictures")),
    (("*.nothing",), ("no file matches",)),
    (("--test-index", "0", "--data-dir", "nowhere"), ("nowhere",)),
])
def test_bad_input_is_refused_in_one_line(toy_run, tmp_path, monkeypatch, predict, flags, words):
    script_run = os.path.abspath(toy_run)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, err = predict(script_run, *flags)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert all(word in err for word in words)


def test_missing_run_and_run_without_checkpoint_are_refused(toy_run, picture, tmp_path, predict):
    code, out, err = predict(tmp_path / "none", picture)
    assert (code, out) == (2, "") and "no run directory" in err and err.count("\n") == 1
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "environment.json"):
        shutil.copy(os.path.join(toy_run, name), bare)
    with open(os.path.join(toy_run, "metrics.csv")) as file:
        (bare / "metrics.csv").write_text(file.readline())
    code, out, err = predict(bare, picture)
    assert (code, out) == (2, "") and "checkpoint" in err and err.count("\n") == 1


def test_standard_input_in_a_process_of_its_own(toy_run, picture):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    with open(picture, "rb") as file:
        done = subprocess.run([sys.executable, "scripts/predict.py", toy_run, "-", "--json"], stdin=file,
                              capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[0]["image"] == "standard input"


def test_test_image_of_a_number_that_is_not_there():
    split = data.Split(np.zeros([5, 28, 28], np.uint8), np.arange(5, dtype=np.int32))
    assert prediction.test_image(split, 4).label == 4
    with pytest.raises(UserError, match="0 to 4"):
        prediction.test_image(split, 5)


def test_a_picture_is_drawn_whatever_its_mode_and_name(tmp_path):
    for mode in ("RGB", "RGBA", "F"):
        path = digit_plots.draw_prediction("_a $x^ name$ {y}", Image.new(mode, (40, 30)), np.zeros([28, 28], np.uint8),
                                           np.full(10, 0.1), tmp_path / f"{mode}.png")
        assert Image.open(path).size == (1200, 432)
