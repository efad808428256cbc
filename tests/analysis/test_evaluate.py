"""evaluate: figures against scikit-learn and result.json, other data, pictures, language, refusals."""

import json
import runpy
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import idx_bytes, refusal, user_environment, without_first_word
from made_runs import make_run
from matplotlib.text import Text
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from rnn_mnist.analysis.evaluate import draw_evaluation, report
from rnn_mnist.console import languages
from rnn_mnist.datasets import synthetic
from rnn_mnist.datasets.files import read_arrays
from rnn_mnist.plots import style
from rnn_mnist.run import Run
from rnn_mnist.train import train

PICTURES = ["confusion.png", "errors.png", "reliability.png"]
MODELS = {"rnn": {"n_neurons": 12}, "mlp": {"hidden_sizes": (16,)}}
pytestmark = pytest.mark.usefixtures("shared_graphs")
TOY = {"epochs": 2, "batch_size": 50, "n_valid": 100}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_data_dir):
    """Return a folder with the runs rnn and mlp, trained at toy size."""
    folder = tmp_path_factory.mktemp("runs")
    for model, settings in MODELS.items():
        train(model=model, **settings, **TOY, data_dir=toy_data_dir, run_name=model, runs_dir=folder, plots=False)
    return folder


@pytest.fixture(scope="module")
def evaluated(trained):
    """Return the Evaluation of the run rnn."""
    return Run(trained / "rnn").evaluate()


@pytest.fixture
def a_run(trained, tmp_path):
    """Return a copy of the run rnn, to be spoilt."""
    return Run(shutil.copytree(trained / "rnn", tmp_path / "rnn"))


@pytest.fixture
def drawn(monkeypatch):
    """Return the list of figures that are saved."""
    figures, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    return figures


def test_folder(folder, images, labels):
    """Return a folder of data whose test set this is."""
    folder.mkdir()
    for part, array in zip(("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"),
                           (images[:1], labels[:1], images, labels), strict=True):
        (folder / f"{part}-ubyte").write_bytes(idx_bytes(array))
    return str(folder)


test_folder.__test__ = False


def command(*flags):
    """Run scripts/evaluate.py in a process of its own; return it with its output."""
    done = subprocess.run([sys.executable, "scripts/evaluate.py", *map(str, flags)], capture_output=True, text=True,
                          env=user_environment(LANG="C.UTF-8"))
    done.stderr = without_first_word(done.stderr)
    return done


# ---- figures ----

@pytest.mark.parametrize("model", MODELS)
def test_figures_equal_scikit_learns_and_result_json(trained, toy_data_dir, model):
    run = Run(trained / model)
    found, result = run.evaluate(), run.result
    values, labels, predictions = found.values, read_arrays(toy_data_dir)[3], found.predictions
    assert (values["n_correct_test"], values["acc_test"], values["n_test"]) == (
        result["n_correct_test"], result["acc_test"], 200)
    assert values["loss_test"] == pytest.approx(result["loss_test"], rel=1e-6)
    assert values["loss_test"] == pytest.approx(log_loss(labels, found.probabilities, labels=range(10)), rel=1e-9)
    assert values["weights"] == result["weights"] and values["trained_with_this_data"] and values["as_in_result"]
    assert np.array_equal(values["confusion"], confusion_matrix(labels, predictions, labels=range(10)))
    expected = precision_recall_fscore_support(labels, predictions, labels=range(10), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "images"), expected, strict=True):
        assert [row[name] for row in values["classes"]] == pytest.approx(column, abs=1e-12)


def test_worst_errors_are_those_with_the_least_probability_for_the_true_digit(evaluated):
    found = evaluated
    p_true = found.probabilities[np.arange(200), found.labels]
    wrong = np.flatnonzero(found.predictions != found.labels)
    expected = sorted(wrong, key=lambda i: p_true[i])[:32]
    assert [error["image"] for error in found.values["worst"]] == expected and len(expected) > 10
    for error in found.values["worst"]:
        i = error["image"]
        assert (error["true"], error["predicted"]) == (found.labels[i], found.probabilities[i].argmax())
        assert (error["probability"], error["probability_true"]) == (found.probabilities[i].max(), p_true[i])


def test_ties_count_as_in_training(toy_data_dir, tmp_path):
    run = train(n_neurons=1, activation="relu", optimizer="sgd", learning_rate=0, **{**TOY, "epochs": 1},
                data_dir=toy_data_dir, runs_dir=tmp_path)
    with run.open_network() as network:
        weights = network.weights()
    found, state = run.evaluate(), np.zeros([200, 1])
    for rows in np.moveaxis(found.images / 255, 1, 0):
        state = np.maximum(np.concatenate([rows, state], axis=1) @ weights["rnn/basic_rnn_cell/kernel"], 0)
    logits = state @ weights["dense/kernel"]  # all biases are 0 still
    assert not weights["rnn/basic_rnn_cell/bias"].any() and not weights["dense/bias"].any()
    assert 20 < (state == 0).sum() < 180  # for these all ten logits are the same
    right = logits[np.arange(200), found.labels] == logits.max(axis=1)
    assert right.sum() - (logits.argmax(axis=1) == found.labels).sum() > 20
    assert np.array_equal(found.predictions == found.labels, right)
    assert found.values["n_correct_test"] == right.sum() == run.result["n_correct_test"]
    assert found.values["as_in_result"] and not any("NOTE" in line for line in report(found.values))
    assert np.trace(found.values["confusion"]) == right.sum()


def test_the_report_tells_the_figures(evaluated):
    values = evaluated.values
    english = "\n".join(report(values))
    assert f"acc_test : {values['acc_test']:.4f} (95 % interval {values['acc_test_low']:.4f} to " in english
    assert "data : NOT THE ORIGINAL MNIST (200 test images)" in english and "NOTE" not in english
    languages.use("ko")
    korean = list(report(values))
    assert "※ 원본 MNIST 아님" in korean[1] and "95 % 신뢰구간" in korean[2]
    assert len(korean) == len(english.splitlines())


@pytest.mark.slow
# ---- other rows, other data ----

def test_other_rows_are_scored_as_numpy_scores_them_and_named(a_run, drawn):
    with a_run.open_network() as network:
        weights = network.weights()
    found = a_run.evaluate(rows_from=4, rows_to=18)
    state = np.zeros([200, a_run.config.n_neurons])
    for row in np.moveaxis(found.images / 255, 1, 0)[4:18]:
        state = np.tanh(np.concatenate([row, state], axis=1) @ weights["rnn/basic_rnn_cell/kernel"]
                        + weights["rnn/basic_rnn_cell/bias"])
    logits = state @ weights["dense/kernel"] + weights["dense/bias"]
    assert found.probabilities == pytest.approx(softmax(logits, axis=1), abs=1e-5)
    assert not found.values["trained_with_these_rows"] and found.values["as_in_result"] is None
    assert "read : rows 5 to 18 of 28, others than in training" in list(report(found.values))
    paths = list(draw_evaluation(found))
    assert {path.parent for path in paths} == {a_run.path / "plots" / "rows-4-to-18"}
    for figure in drawn:
        assert figure.get_suptitle().startswith("rnn, rows 5 to 18\n")



@pytest.mark.slow
def test_other_data_is_named_as_such_and_does_not_touch_the_runs_own_pictures(a_run, tmp_path):
    images = np.random.RandomState(0).randint(256, size=(30, 28, 28))
    folder = test_folder(tmp_path / "other", images, np.arange(30) % 7)
    found = a_run.evaluate(data_dir=folder)
    assert (found.values["n_test"], found.values["trained_with_this_data"]) == (30, False)
    assert "NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH" in list(report(found.values))
    assert [row["images"] for row in found.values["classes"]][6:] == [4, 0, 0, 0]
    paths = list(draw_evaluation(found))
    assert {path.parent for path in paths} == {a_run.path / "plots" / f"data-{found.values['data_digest'][:8]}"}
    assert [path.name for path in paths] == PICTURES


def test_synthetic_data_asked_for_is_what_is_scored(trained, monkeypatch):
    images, labels = synthetic.draw(40, seed=1)
    monkeypatch.setattr(synthetic, "load_digits", lambda _: (images, labels, images, labels))
    values = Run(trained / "rnn").evaluate(data="synthetic").values
    assert (values["data"], values["n_test"]) == ("synthetic digits, not MNIST", 40)
    assert "data : SYNTHETIC DIGITS, NOT MNIST (40 test images)" in list(report(values))
    assert not values["trained_with_this_data"]


def test_a_test_set_without_errors(a_run, evaluated, tmp_path, drawn):
    found = a_run.evaluate(data_dir=test_folder(tmp_path / "easy", evaluated.images, evaluated.predictions))
    assert found.values["acc_test"] == found.values["acc_test_high"] == 1 and found.values["worst"] == []
    list(draw_evaluation(found))
    assert any("no errors" in text.get_text() for text in drawn[1].findobj(Text))


def test_a_test_set_of_one_image(a_run, evaluated, tmp_path):
    folder = test_folder(tmp_path / "one", evaluated.images[:1], evaluated.labels[:1])
    found = a_run.evaluate(data_dir=folder)
    assert found.values["n_test"] == 1 and len(list(draw_evaluation(found))) == 3


# ---- pictures ----

@pytest.mark.slow
@pytest.mark.parametrize(("name", "lang"), [
    *(("20261120-195651_rnn_n_neurons50_" + "learning_rate0.01_" * 6 + "s42", lang) for lang in languages.LANGUAGES),
    ("_$x_{$", "en")])
def test_pictures_show_the_figures_and_cut_nothing_off(evaluated, tmp_path, drawn, name, lang):
    languages.use(lang)
    found = evaluated._replace(run=tmp_path / name, folder=tmp_path / name / "plots")
    paths = list(draw_evaluation(found))
    assert paths == [found.folder / name for name in PICTURES]
    for figure in drawn:
        outside = figure.get_tightbbox()
        assert outside.x0 >= 0 and outside.y0 >= 0 and all(outside.max <= figure.get_size_inches())
    confusion = np.array(found.values["confusion"])
    cells = [text.get_text() for text in drawn[0].axes[0].texts]
    counts = [int(cell) for cell in cells if not cell.endswith("%")]
    assert sum(counts) == 200 and len(counts) == np.count_nonzero(confusion)
    shares = sum(float(cell.removesuffix("%")) for cell in cells if cell.endswith("%"))  # each row's are 100 together
    assert shares == pytest.approx(100 * np.count_nonzero(confusion.sum(axis=1)), abs=0.05 * len(counts) + 0.01)
    for axes, i in zip(drawn[1].axes, found.worst, strict=False):
        assert np.array_equal(axes.images[0].get_array(), found.images[i])
        assert f"{i}" in axes.get_title() and f"{found.labels[i]}" in axes.get_title()
    assert f"{found.values['calibration_error']:.4f}" in drawn[2].axes[0].get_legend().get_title().get_text()


# ---- runs as they may be ----

def test_an_edited_result_is_noticed(a_run):
    result = a_run.result
    a_run.write_result(a_run.config, {**result, "n_correct_test": result["n_correct_test"] + 1})
    values = a_run.evaluate().values
    assert values["as_in_result"] is False
    assert any("NOT AS MANY RIGHT AS IN result.json" in line for line in report(values))


def test_an_unfinished_run_is_scored_by_its_newest_weights_and_says_so(a_run):
    digest = a_run.result["weights"]
    (a_run.path / "result.json").unlink()
    values = a_run.evaluate().values
    assert (values["finished"], values["epochs"], values["weights"], values["as_in_result"]) == (False, 2, digest, None)
    assert "2 epochs, not finished" in next(report(values))


def test_what_cannot_be_scored_is_refused(a_run, tmp_path):
    assert "no run directory" in refusal(Run, tmp_path / "nowhere")
    assert "checkpoint" in refusal(make_run(tmp_path, "without").evaluate)
    assert "no such file or folder" in refusal(a_run.evaluate, data_dir=tmp_path / "nowhere")
    assert "leave out data_dir" in refusal(a_run.evaluate, data="synthetic", data_dir=tmp_path)
    assert "data must be one of auto, mnist, synthetic" in refusal(a_run.evaluate, data="cifar")


# ---- the command ----

@pytest.mark.slow
def test_the_command_prints_text_and_draws(a_run, evaluated):
    done = command(a_run, "--lang", "en")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:-3] == list(report({**evaluated.values, "run": a_run}))
    assert lines[-3:] == [f"written : {a_run.path / 'plots' / name}" for name in PICTURES]
    assert sorted(path.name for path in (a_run.path / "plots").iterdir()) == PICTURES


@pytest.mark.slow
def test_json_on_stdout_is_all_there_is_and_the_language_changes_nothing(a_run, evaluated, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(a_run), "--json", "--lang", "ko"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path("scripts/evaluate.py", run_name="__main__")
    out, err = capsys.readouterr()
    assert not ended.value.code and json.loads(out) == {**evaluated.values, "run": str(a_run)}
    assert [line.startswith("저장 : ") for line in err.splitlines() if "Korean font" not in line] == [True] * 3


def test_the_commands_refusals_are_one_line(tmp_path):
    done = command(tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


# ---- at the end of training ----

def test_pictures_at_the_end_of_training_change_nothing_else(trained, toy_data_dir, tmp_path, capsys):
    with_pictures = train(**MODELS["rnn"], **TOY, data_dir=toy_data_dir, run_name="rnn", runs_dir=tmp_path)
    drawn = [(folder / "rnn" / "plots" / "curves.png").exists() for folder in (tmp_path, trained)]
    assert drawn == [True, False]
    assert with_pictures.result["weights"] == Run(trained / "rnn").result["weights"]
    assert capsys.readouterr().err == ""


def test_a_picture_that_fails_does_not_lose_the_run(trained, toy_data_dir, tmp_path, monkeypatch, capsys):
    def fail(run):
        """Fail as matplotlib may."""
        raise RuntimeError("no such\nfont")

    monkeypatch.setattr(Run, "plot", fail)
    run = train(**MODELS["rnn"], **TOY, data_dir=toy_data_dir, run_name="a", runs_dir=tmp_path)
    assert run.result["weights"] == Run(trained / "rnn").result["weights"]
    assert capsys.readouterr().err == "note: the learning curves could not be drawn: no such font\n"
