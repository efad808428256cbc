"""predict.py: own pictures and test images are read, told in text and JSON, drawn; bad input is one line.

What it tells is the graph's, to the digit, whether the graph was asked or not.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import refusal, without_first_word
from PIL import Image, ImageOps
from reference import rnn_forward, softmax

from rnn_mnist import checkpoint, files
from rnn_mnist.analysis import digits
from rnn_mnist.analysis import predict as prediction
from rnn_mnist.data import Split
from rnn_mnist.datasets.files import read_arrays
from rnn_mnist.export import opened
from rnn_mnist.plots import sheet
from rnn_mnist.plots.digits import draw_prediction
from rnn_mnist.plots.sheet import Cell, draw_sheet
from rnn_mnist.run import Run
from rnn_mnist.train import train

pytestmark = pytest.mark.usefixtures("shared_graphs")
TOY = {"epochs": 2, "batch_size": 20, "n_valid": 100, "n_neurons": 20, "replicas": 1, "plots": False}


@pytest.fixture(scope="module")
def toy_run(toy_data_dir, tmp_path_factory):
    """Return the directory of a small trained run."""
    return str(train(data_dir=toy_data_dir, runs_dir=tmp_path_factory.mktemp("runs"), run_name="toy", **TOY))


@pytest.fixture(scope="module")
def test_set(toy_data_dir):
    """Return the toy test set's (images, labels)."""
    return read_arrays(toy_data_dir)[2:]


@pytest.fixture
def predict(monkeypatch, capsys):
    """Return a function that runs predict.py with some flags: (exit code, stdout, stderr without first words)."""
    spec = importlib.util.spec_from_file_location("predict", "scripts/predict.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def call(*flags):
        monkeypatch.setattr(sys, "argv", ["predict.py", *map(str, flags)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            script.run(script.main)
        out, err = capsys.readouterr()
        return left.value.code, out, without_first_word(err)
    return call


@pytest.fixture
def picture(tmp_path, test_set):
    """Return the path of a PNG that shows the first toy test image, dark on light, ten times as large."""
    path = tmp_path / "seven of mine.png"
    ImageOps.invert(Image.fromarray(test_set[0][0]).resize((280, 280), Image.Resampling.BICUBIC)).save(path)
    return path


def numpy_probabilities(run, X):
    """Return what the weights of a Run make of images [n, 28, 28], in NumPy."""
    with run.open_network() as network:
        return softmax(rnn_forward(network.weights(), X)[1])


def test_probabilities_are_those_of_numpy(toy_run, test_set, predict):
    code, out, err = predict(toy_run, "--test-index", 3, "--json")
    assert (code, err) == (0, "")
    (told,) = json.loads(out)
    wanted = numpy_probabilities(Run(toy_run), test_set[0][3:4] / 255)[0]
    assert told["probabilities"] == pytest.approx(wanted.tolist(), abs=1e-6)
    assert told["digit"] == wanted.argmax() and told["probability"] == max(told["probabilities"])
    assert told["label"] == test_set[1][3] and told["image"] == "test image 3"


# ---- without TensorFlow ----

@pytest.fixture
def asked(monkeypatch):
    """Return the list to which every question put to the graph adds its number of images."""
    found, by_graph = [], prediction.probabilities

    def probabilities(run, images):
        """Answer, and note it."""
        found.append(len(images))
        return by_graph(run, images)
    monkeypatch.setattr(prediction, "probabilities", probabilities)
    return found


def digits_of(images):
    """Return the Digits of images [n, 28, 28]."""
    return [digits.Digit(f"{i}.png", None, pixels) for i, pixels in enumerate(images)]


def told_by_graph(run, images):
    """Return what report says of each of images [n, 28, 28], put before the graph one by one."""
    with run.open_network() as network:
        found = [softmax(network.predict(pixels[None]).astype(np.float64)) for pixels in images]
    return [[*prediction.report(run, [digit], p)] for digit, p in zip(digits_of(images), found, strict=True)]


def test_the_command_prints_the_graphs_figures_without_importing_tensorflow(toy_run, picture):
    done = subprocess.run([sys.executable, "-X", "importtime", "scripts/predict.py", toy_run, picture, "--lang", "en"],
                          capture_output=True, text=True)
    imported = {line.split("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if line.count("|") == 2}
    assert done.returncode == 0 and {"numpy", "PIL"} <= imported
    assert not imported & {"tensorflow", "tf_keras", "keras", "matplotlib", "scipy"}
    pixels = digits.read_pictures([str(picture)])[0][0].pixels
    assert done.stdout.splitlines()[2:] == told_by_graph(Run(toy_run), pixels[None])[0][2:]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {}, {"activation": "relu", "pixels": "raw"}, {"activation": "sigmoid", "unroll": "fused"}, {"cell": "irnn"},
    {"cell": "lstm", "order": "columns"},
    {"cell": "gru", "replicas": 2, "order": "permuted", "n_neurons": 3, "n_subset": 300},
    {"cell": "lstm", "peephole": True, "layers": 2, "read": "mean"},
    {"layers": 2, "bidirectional": True, "read": "all", "n_neurons": 6},
    {"cell": "gru", "layers": 2, "bidirectional": True, "read": "mean", "n_neurons": 9},
    {"cell": "lstm", "bidirectional": True, "rows_to": 20}, {"cell": "irnn", "layers": 2, "read": "all"},
    {"model": "mlp", "hidden_sizes": (12, 9), "activation": "relu"}], ids=str)
def test_every_network_is_told_as_by_its_graph(toy_data_dir, test_set, tmp_path, asked, settings):
    toy = {name: value for name, value in TOY.items() if "model" not in settings or name != "n_neurons"}
    run, images = train(data_dir=toy_data_dir, runs_dir=tmp_path, **{**toy, **settings}), test_set[0][:12]
    wanted = told_by_graph(run, images)
    for digit, lines in zip(digits_of(images), wanted, strict=True):
        assert prediction.answer(run, [digit])[1] == lines
    assert len({line for lines in wanted for line in lines[2:]}) > 60  # of 120: there was something to compare
    assert len(asked) < 10
    table = prediction.answer(run, digits_of(images))[1][2:]
    assert [line.split()[1] for line in table] == [lines[1].split()[-1] for lines in wanted]


CLEAR = np.array([.3, .2, .1, .0801, .0701, .0602, .0603, .0504, .0405, .0384])


@pytest.mark.parametrize(("p", "in_doubt"), [
    ({}, False), ({0: .299_95, 1: .200_05}, True), ({0: .287_5, 1: .212_5}, True), ({0: .25, 1: .25}, True),
    ({1: .15, 2: .15}, True), ({5: .0602, 6: .0602, 9: .0385}, False), ({0: np.nan}, True),
    ({0: np.inf}, True)], ids=str)
def test_a_figure_bar_or_rank_in_doubt_is_the_graphs(toy_run, test_set, asked, monkeypatch, p, in_doubt):
    """Let NumPy find these probabilities, which lie on the border between two figures, two bars or two ranks or not."""
    found = CLEAR.copy()
    found[[*p]] = [*p.values()]
    monkeypatch.setattr(prediction, "exact_logits", lambda *_: (np.log(found)[None], 1e-7))
    run, image = Run(toy_run), test_set[0][:1]
    _, lines = prediction.answer(run, digits_of(image))
    assert asked == [1] * in_doubt
    if in_doubt:
        assert lines == told_by_graph(run, image)[0]
    else:
        assert [float(line.split()[1]) for line in lines[2:]] == pytest.approx(100 * found, abs=0.0051)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_weights_without_measure_are_left_to_the_graph(toy_data_dir, test_set, tmp_path, asked, monkeypatch, scale):
    run = train(data_dir=toy_data_dir, runs_dir=tmp_path, activation="relu", **TOY)
    arrays = {name: array * np.float32(scale) for name, array in opened.scored_weights(run).items()}
    monkeypatch.setattr(prediction, "scored_weights", lambda _: arrays)
    assert prediction.answer(run, digits_of(test_set[0][:1]))[1] == told_by_graph(run, test_set[0][:1])[0]
    assert asked == [1]


def test_json_has_the_graphs_probabilities_in_full(toy_run, test_set, predict):
    told = json.loads(predict(toy_run, "--test-index", 3, "--json")[1])[0]
    assert told["probabilities"] == Run(toy_run).predict(test_set[0][3])[0].tolist()


@pytest.mark.slow
def test_weights_of_the_best_epoch_or_of_a_run_not_finished(toy_data_dir, test_set, tmp_path, asked):
    run = train(data_dir=toy_data_dir, runs_dir=tmp_path, **{**TOY, "learning_rate": .05, "patience": 2, "epochs": 30})
    state, images = checkpoint.find_state(run.path), test_set[0][:8]
    assert -1 < state.best_step < state.step and state.best_weights != state.weights
    npz, index = ({path.stem for path in (run.path / "checkpoints").glob(kind)} for kind in ("*.npz", "*.index"))
    assert npz == index and len(npz) == 3  # last, previous and best: each npz is removed with its checkpoint
    best = told_by_graph(run, images)
    assert [prediction.answer(run, [digit])[1] for digit in digits_of(images)] == best
    assert len(asked) < 6
    asked.clear()
    (run.path / "result.json").unlink()
    last = told_by_graph(run, images)
    assert [prediction.answer(run, [digit])[1] for digit in digits_of(images)] == last != best
    assert len(asked) < 6


def npz_of(run):
    """Return the path of the npz beside a run's last checkpoint."""
    return run.path / "checkpoints" / f"step-{checkpoint.find_state(run.path).step:08d}.npz"


def repacked(path, change, save=np.savez):
    """Write an npz again with its {name: array} changed."""
    with np.load(path) as arrays:
        arrays = dict(arrays)
    change(arrays)
    save(path, **arrays)


@pytest.mark.parametrize("damage", [
    lambda path: path.unlink(), lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"PK" * 99),
    lambda path: path.write_bytes(path.read_bytes()[:-200]),
    lambda path: path.write_bytes(path.read_bytes().replace(b"dense", b"sense")),
    lambda path: repacked(path, lambda arrays: arrays["dense/bias"].__iadd__(1)),
    lambda path: repacked(path, lambda arrays: arrays.pop("dense/bias")),
    lambda path: repacked(path, lambda arrays: arrays.update({"dense/bias": np.zeros(10)})),
    lambda path: repacked(path, lambda arrays: arrays.update({"dense/bias": np.array([None])})),
    lambda path: repacked(path, lambda arrays: arrays.update({"x": np.zeros(30_000_000, "f4")}), np.savez_compressed),
    lambda path: os.truncate(path, 2**36)], ids=[
        "missing", "empty", "no npz", "cut", "renamed", "others", "fewer", "float64", "pickle", "bomb", "endless"])
def test_weights_that_are_damaged_or_foreign_are_not_believed(toy_run, test_set, tmp_path, asked, predict, damage):
    """A file that is too large is refused as ever, the others cost the wait for TensorFlow."""
    run = Run(shutil.copytree(toy_run, tmp_path / "r"))
    wanted = prediction.answer(run, digits_of(test_set[0][5:6]))[1][2:]
    assert asked == []
    damage(npz_of(run))
    code, out, err = predict(run.path, "--test-index", 5, "--lang", "en")
    if npz_of(run).exists() and npz_of(run).stat().st_size > 2**34:
        assert (code, out) == (2, "") and "is too large" in err and err.count("\n") == 1
    else:
        assert (code, err, asked) == (0, "", [1]) and out.splitlines()[2:] == wanted


def with_state(run, **changed):
    """Write last.json of a run anew, as whole as before, with these values or, if they are None, without them."""
    path = run.path / "checkpoints/last.json"
    state = json.loads(path.read_text()) | changed
    del state["digest_of_all"]
    state = {name: value for name, value in state.items() if value is not None}
    files.write(path, {**state, "digest_of_all": files.digest(state)})


def test_weights_that_do_not_fit_the_network_are_left_to_the_graph(toy_run, test_set, tmp_path, asked):
    """Their digest is the state's and the result's, but another network's: whoever wrote all this is not believed."""
    for name, shape in (("dense/bias", [1]), ("rnn/basic_rnn_cell/kernel", [47, 20]),
                        ("rnn/basic_rnn_cell/bias", [20, 1])):
        run = Run(shutil.copytree(toy_run, tmp_path / str(shape)))
        repacked(npz_of(run), lambda arrays, name=name, shape=shape: arrays.update({name: np.zeros(shape, "f4")}))
        with np.load(npz_of(run)) as arrays:
            digest = checkpoint.weights_digest(dict(arrays))
        with_state(run, weights=digest)
        run.write_result(run.config, {**run.result, "weights": digest})
        assert opened.scored_weights(run) is not None
        assert "other weights than the checkpoint" in refusal(prediction.answer, run, digits_of(test_set[0][:1]))
    assert asked == [1, 1, 1]


def test_a_damaged_checkpoint_and_a_foreign_result_are_refused_all_the_same(toy_run, picture, tmp_path, predict):
    run = Run(shutil.copytree(toy_run, tmp_path / "result"))
    run.write_result(run.config, {**run.result, "weights": "0" * 64})
    code, out, err = predict(run.path, picture)
    assert (code, out) == (2, "") and "other weights than the checkpoint" in err and err.count("\n") == 1
    run = Run(shutil.copytree(toy_run, tmp_path / "damaged"))
    variables = npz_of(run).with_suffix(".data-00000-of-00001")
    variables.write_bytes(variables.read_bytes()[:-1] + b"?")
    code, out, err = predict(run.path, picture)
    assert (code, out) == (2, "") and "damaged" in err and err.count("\n") == 1


def test_a_run_of_an_earlier_version_has_none_and_is_told_and_resumed(toy_run, test_set, tmp_path, asked):
    run, image = Run(shutil.copytree(toy_run, tmp_path / "r")), test_set[0][5:6]
    wanted, newer = prediction.answer(run, digits_of(image))[1], npz_of(run).read_bytes()
    for path in (run.path / "checkpoints").glob("*.npz"):
        path.unlink()
    with_state(run, weights=None, best_weights=None)
    assert asked == [] and prediction.answer(run, digits_of(image))[1] == wanted and asked == [1]
    other = Run(shutil.copytree(toy_run, tmp_path / "other"))
    assert run.resume(epochs=3).result["weights"] == other.resume(epochs=3).result["weights"]
    asked.clear()
    assert prediction.answer(run, digits_of(image))[1] == told_by_graph(run, image)[0]
    assert asked == [] and npz_of(run).read_bytes() != newer


# ---- the command ----

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
    assert err == f"written : {os.path.join(toy_run, 'plots', 'predict-sheet.png')}\n"


@pytest.fixture
def two_digits(tmp_path, test_set):
    """Return the path of a PNG that shows the first two toy test images side by side, dark on light."""
    path, images = tmp_path / "two.png", np.pad(test_set[0][:2], ((0, 0), (0, 0), (6, 6)))
    ImageOps.invert(Image.fromarray(np.concatenate(images, 1)).resize((800, 280), Image.Resampling.BICUBIC)).save(path)
    return path


def test_several_digits_are_told_one_by_one_and_in_a_row(toy_run, two_digits, predict):
    code, out, err = predict(toy_run, two_digits, "--json")
    told = json.loads(out)
    assert (code, err) == (0, "") and [one["image"] for one in told] == [str(two_digits)] * 2
    assert [(one["place"]["number"], one["place"]["count"]) for one in told] == [(1, 2), (2, 2)]
    assert 0 < told[0]["place"]["left"] < told[0]["place"]["right"] < 0.5 < told[1]["place"]["left"]
    lines = predict(toy_run, two_digits, "--show", "--lang", "en")[1].splitlines()
    assert lines[1].split() == ["picture", "place", "digit", "probability", "or", "probability"]
    assert all(f"{k} of 2: " in lines[k + 1] and f"{100 * one['probability']:.2f} %" in lines[k + 1]
               for k, one in enumerate(told, 1))
    assert lines[4] == f"{two_digits} : 2 digits, read as {told[0]['digit']}{told[1]['digit']}"
    assert lines[5] == f"written : {os.path.join(toy_run, 'plots', 'predict-two.png')}"


def test_what_is_unlike_a_digit_is_answered_with_a_warning(toy_run, picture, tmp_path, predict):
    assert "warnings" in predict(toy_run, picture, "--json")[1] and predict(toy_run, picture)[2] == ""
    path = tmp_path / "block.png"
    Image.fromarray(np.pad(np.zeros([200, 200], np.uint8), 100, constant_values=255)).save(path)
    code, out, err = predict(toy_run, path, "--lang", "en")
    assert code == 0 and f"{path} : read as " in out
    assert err.startswith(f"warning: {path}: unusual for a digit: much ink (") and err.count("\n") == 1
    code, out, err = predict(toy_run, path, "--json", "--lang", "ko")
    assert (code, err) == (0, "") and json.loads(out)[0]["warnings"][0].startswith("much ink (")


@pytest.mark.slow
def test_a_sheet_has_room_for_many_and_goes_on_on_another(tmp_path):
    p, picture = np.full(10, 0.1), Image.new("RGB", (60, 40), "white")
    cells = [Cell(f"{i} of a long name$ indeed.png", picture, (0.2, 0.1, 0.5, 0.9) if i % 2 else None,
                  np.zeros([28, 28], np.uint8), p, i == 3) for i in range(60)]
    sizes = [Image.open(draw_sheet(cells[:n], tmp_path / "a.png")).size for n in (2, 12, 60)]
    assert sizes == sorted(sizes) and max(sizes[-1]) < 2500


def test_a_prediction_of_many_is_on_few_sheets(toy_run, test_set, monkeypatch):
    monkeypatch.setattr(sheet, "PER_SHEET", 4)
    found = digits_of(test_set[0][:10])
    paths = [*prediction.draw(Run(toy_run), found, np.full([10, 10], 0.1))]
    assert [path.name for path in paths] == ["predict-sheet.png", "predict-sheet-2.png", "predict-sheet-3.png"]
    assert all(path.exists() for path in paths)


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


@pytest.mark.slow
def test_standard_input_in_a_process_of_its_own(toy_run, picture):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    with open(picture, "rb") as file:
        done = subprocess.run([sys.executable, "scripts/predict.py", toy_run, "-", "--json"], stdin=file,
                              capture_output=True, text=True, env=environment)
    assert (done.returncode, without_first_word(done.stderr)) == (0, "")
    assert json.loads(done.stdout)[0]["image"] == "standard input"


def test_test_image_of_a_number_that_is_not_there():
    split = Split(np.zeros([5, 28, 28], np.uint8), np.arange(5, dtype=np.int32))
    assert digits.test_image(split, 4).label == 4
    assert "test_index=5: the test images have the numbers 0 to 4" in refusal(digits.test_image, split, 5)


def test_a_picture_is_drawn_whatever_its_mode_and_name(tmp_path):
    for mode in ("RGB", "RGBA", "F"):
        path = draw_prediction("_a $x^ name$ {y}", Image.new(mode, (40, 30)), np.zeros([28, 28], np.uint8),
                               np.full(10, 0.1), tmp_path / f"{mode}.png")
        assert Image.open(path).size == (1200, 432)


def test_folders_and_patterns_are_spread_out(tmp_path):
    for name in ("b.PNG", "a.jpg", "notes.txt", "c[1].png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "deeper").mkdir()
    in_folder = [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c[1].png")]
    assert digits.find_pictures([str(tmp_path)]) == in_folder
    assert digits.find_pictures([str(tmp_path / "*.jpg"), "x.png"]) == [in_folder[0], "x.png"]
    assert digits.find_pictures([in_folder[2]]) == [in_folder[2]]
    assert "holds no pictures" in refusal(digits.find_pictures, [str(tmp_path / "deeper")])
    assert "no file matches" in refusal(digits.find_pictures, [str(tmp_path / "*.tif")])
    assert "once" in refusal(digits.find_pictures, ["-", "a.png", "-"])


# ---- Run.predict ----

def test_arrays_of_any_form_give_the_same_probabilities(toy_run, test_set):
    run, pixels = Run(toy_run), test_set[0][:30]
    expected = run.predict(pixels)
    assert expected.shape == (30, 10) and expected.dtype == np.float64
    assert np.allclose(expected, numpy_probabilities(Run(toy_run), pixels / 255), atol=1e-6)
    unit = pixels.astype(np.float32) / np.float32(255)
    for images in (pixels.reshape(30, 784), pixels[:, None], list(pixels), pixels.astype(int).tolist(), unit,
                   unit.reshape(30, 784), pixels / 255):
        assert np.array_equal(run.predict(images), expected)
    for single in (pixels[0], pixels[0].ravel(), unit[0], unit[0].ravel(), pixels[:1]):
        found = run.predict(single)
        assert found.shape == (1, 10) and np.allclose(found, expected[:1], atol=1e-6)
    assert run.predict(np.zeros([0, 28, 28], np.uint8)).shape == (0, 10)


def test_a_network_of_raw_pixels_sees_0_to_255(toy_data_dir, test_set, tmp_path):
    run, pixels = train(data_dir=toy_data_dir, runs_dir=tmp_path, pixels="raw", **TOY), test_set[0][:30]
    expected = numpy_probabilities(run, pixels.astype(np.float64))
    assert np.ptp(expected[:, 0]) > 0.01
    for images in (pixels, pixels / 255):
        assert np.allclose(run.predict(images), expected, atol=1e-4)


@pytest.mark.parametrize(("images", "word"), [
    (np.zeros([2, 27, 28]), "[2, 27, 28]"), (np.zeros([783]), "784 values"), (0.5, "[]"), ([], "[0]"),
    ([[1, 2], [3]], "array"), (np.zeros([28, 1, 28]), "784 values"), (None, "784 values"),
    (np.full([1, 784], 1.01), "1.01"), (np.full([1, 784], -0.5), "-0.5"), (np.full([1, 784], np.nan), "nan"),
    (np.full([1, 784], np.inf), "inf"), (np.full([1, 784], 256), "256"), (np.full([1, 784], -1), "-1"),
    (np.full([1, 784], "a"), "type"), (np.ones([1, 784], bool), "bool"), (np.ones([1, 784], complex), "complex"),
    (np.full([784], None), "object")])
def test_what_is_no_array_of_images_is_refused(toy_run, images, word):
    assert word in refusal(Run(toy_run).predict, images)
