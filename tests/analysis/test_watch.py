"""Watching a digit and gradient through time: rows or steps in words and pictures, and the two scripts around them."""

import importlib.util
import sys
from types import SimpleNamespace

import fork_server
import numpy as np
import pytest
from helpers import ISA, refusal, without_first_word
from PIL import Image

from rnn_mnist.analysis import gradients
from rnn_mnist.analysis import watch as watching
from rnn_mnist.analysis.digits import Digit
from rnn_mnist.analysis.gradients import Curve
from rnn_mnist.analysis.show_data import shaded
from rnn_mnist.analysis.steps import note_on_directions, steps_of
from rnn_mnist.config import Config, with_settings
from rnn_mnist.console import languages
from rnn_mnist.datasets import synthetic
from rnn_mnist.plots import digits
from rnn_mnist.train import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_graphs")]
TOY = {"epochs": 1, "batch_size": 50, "n_valid": 100, "replicas": 1, "plots": False}
IMAGES, LABELS = synthetic.draw(30, seed=5)
NOT_IN_ROWS = [{"order": "columns"}, {"order": "reversed"}, {"order": "pixels"}, {"order": "permuted"},
               {"bidirectional": True}, {"order": "reversed", "rows_from": 7},
               {"order": "permuted", "n_steps": 28, "n_inputs": 28}, {"bidirectional": True, "layers": 2}]
IN_ROWS = [{}, {"rows_from": 7, "rows_to": 21}, {"n_steps": 14, "n_inputs": 56, "rows_to": 20},
           {"n_steps": 98, "n_inputs": 8}, {"n_steps": 784, "n_inputs": 1, "rows_from": 20},
           {"cell": "lstm", "layers": 3, "read": "mean"}]


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


@pytest.fixture
def drawn(monkeypatch):
    """Return a list that the figures that are saved are appended to; they are written, too."""
    figures, save = [], digits.style.save

    def keep(figure, path):
        """Write a figure and remember it."""
        figures.append(figure)
        return save(figure, path)
    monkeypatch.setattr(digits.style, "save", keep)
    return figures


def reading_of(tmp_path, **settings):
    """Return a Reading of settings, without a network: probabilities and accuracy that grow step by step."""
    config = with_settings(Config(), **settings)
    share = np.linspace(0, 1, config.n_read)
    p = (1 - share[:, None]) * np.eye(10)[3] + share[:, None] * np.eye(10)[LABELS[0]]
    settled = np.array([1, config.n_read, config.n_read // 2])
    return watching.Reading(SimpleNamespace(path=tmp_path), config, Digit(0, None, IMAGES[0], int(LABELS[0])), p, share,
                            settled, "original MNIST", True, True)


def counts(lines, unit):
    """Return the first column of the table in lines, as numbers."""
    first = next(i for i, line in enumerate(lines) if line.split()[0] == unit)
    return [float(line.split()[0]) for line in lines[first + 1:-2]]


# ---- rows or steps ----

@pytest.mark.parametrize("settings", NOT_IN_ROWS, ids=str)
def test_where_a_step_is_no_rows_nothing_says_row(settings, tmp_path, drawn):
    reading = reading_of(tmp_path, **settings)
    steps = steps_of(reading.config)
    assert steps.unit == "step" and steps.count.tolist() == list(range(reading.config.n_read + 1))
    lines = list(watching.report(reading))
    assert "row" not in " ".join(lines) and "image " not in lines[-4]
    assert counts(lines, "step")[-1] == reading.config.n_read
    assert f"the answer is {LABELS[0]} from step " in lines[-2]
    assert lines[-1].endswith(f"after step {reading.config.n_read // 2}, 90 % after step {reading.config.n_read}")
    assert ("both directions" in lines[1]) == reading.config.bidirectional
    watching.draw(reading)
    image, probabilities, accuracy, _ = drawn[0].axes
    words = " ".join(each.get_text() for ax in drawn[0].axes for each in (ax.title, ax.xaxis.label, ax.yaxis.label))
    assert "row" not in words and words.count("step") == 3
    assert image.get_ylim() == (28, 0) and image.get_ylabel() == ""
    assert probabilities.get_ylim() == accuracy.get_ylim() == (reading.config.n_read, 0)
    assert all(tick == int(tick) for tick in probabilities.get_yticks())


@pytest.mark.parametrize("settings", IN_ROWS, ids=str)
def test_rows_are_counted_from_the_top_of_the_image(settings, tmp_path, drawn):
    reading = reading_of(tmp_path, **settings)
    config, steps = reading.config, steps_of(reading.config)
    assert steps.unit == "row" and (steps.count[0], steps.count[-1]) == (config.rows_from, config.rows_to)
    assert np.allclose(np.diff(steps.count), config.n_inputs / 28)
    lines = list(watching.report(reading))
    assert "step" not in " ".join(lines) and lines[1].split()[:2] == ["row", "image"]
    found = counts(lines, "row")
    assert len(found) <= 28 and set(found) <= set(np.round(steps.count[1:], 1)) and found[-1] == config.rows_to
    for line, count in zip(lines[2:-2], found, strict=True):
        read_whole = [row for row in range(config.rows_from, 28) if row + 1 <= count]
        assert shaded(IMAGES[0][read_whole[-1]]).strip() in line if read_whole else line.count(" %") == 2
    assert lines[-1].endswith(f"90 % after row {config.rows_to}")
    watching.draw(reading)
    image, probabilities, accuracy, _ = drawn[0].axes
    assert image.get_ylim() == probabilities.get_ylim() == accuracy.get_ylim() == (28, 0)
    assert image.get_ylabel() == "row" and probabilities.get_title() == "probability after each row"
    assert probabilities.images[0].get_extent() == [-0.5, 9.5, config.rows_to, config.rows_from]
    assert ("not read" in image.get_title()) == (config.n_read < config.n_steps)


def test_784_steps_of_one_pixel_are_watched_in_28_lines(tmp_path):
    digit = Digit(0, None, IMAGES[0], int(LABELS[0]))
    p = np.eye(10)[np.repeat([3, int(LABELS[0])], 392)]
    for settings, first, half, most in (({}, "row 14", "row 1.5", "row 28"),
                                        ({"order": "pixels"}, "step 393", "step 42", "step 784")):
        config = Config(n_steps=784, n_inputs=1, **settings)
        lines = list(watching.report(watching.Reading(None, config, digit, p, np.linspace(0, 1, 784),
                                                      np.array([7, 784, 42]), "original MNIST", True, True)))
        assert len(lines) == 1 + 1 + 28 + 2
        assert lines[-2] == f"the answer is {LABELS[0]} from {first} on"
        assert lines[-1].endswith(f"half of the answers are final after {half}, 90 % after {most}")


def test_both_are_said_in_korean(tmp_path, drawn):
    languages.use("ko")
    for settings, unit, other in (({}, "행", "단계"), ({"bidirectional": True}, "단계", "행")):
        reading = reading_of(tmp_path, **settings)
        lines = list(watching.report(reading))
        assert unit in lines[-1] and other not in " ".join(lines)
        watching.draw(reading)
    assert "양방향" in lines[1]


def test_with_two_directions_it_is_said_what_a_step_is():
    assert note_on_directions(Config()) is None
    one, two = (note_on_directions(Config(bidirectional=True, layers=layers)) for layers in (1, 2))
    assert "from its own end" in one and two.startswith(one) and "whole image" in two


# ---- gradient through time ----

def curve(name, start, end, **settings):
    """Return the Curve of a run that is not there."""
    data, path = settings.pop("data", "original MNIST"), settings.pop("path", None)
    return Curve(SimpleNamespace(name=name, path=path), with_settings(Config(), **settings), data, 1000,
                 np.asarray(start, float), np.asarray(end, float))


def legend(ax):
    """Return the words of each entry of a panel's legend: a run and what is said of it."""
    return [each.get_text() for each in ax.get_legend().texts]


def test_each_number_of_steps_has_its_row_of_panels_and_each_cell_its_colour(tmp_path, drawn):
    cells = ("basic", "irnn", "lstm", "gru")
    curves = [curve(f"{order}-{cell}", fading, fading, cell=cell, order=order, path=tmp_path)
              for order, length in (("rows", 28), ("pixels", 784)) for cell in cells
              for fading in [0.5 ** np.arange(length)[::-1]]]
    path = gradients.draw([curves[5], *curves])  # the IRNN comes first, and twice
    assert path == tmp_path / "plots" / "gradient-through-time-compared.png" and path.stat().st_size > 10_000
    rows = drawn[0].subfigs
    assert [each._suptitle.get_text() for each in rows] == ["28 time steps", "784 time steps"]
    looks = []
    for part, order, n_runs in zip(rows, ("rows", "pixels"), (4, 5), strict=True):
        assert len(part.axes) == 2
        entries = legend(part.axes[0])
        assert len(entries) == n_runs and all(entry.startswith(order) for entry in entries)
        lines = [line for line in part.axes[0].lines if line.get_marker() != "v"]
        looks.append({line.get_label().split()[0].split("-")[1]: line.get_color() for line in reversed(lines)})
        assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == n_runs
    assert looks[0] == looks[1] and len(set(looks[0].values())) == 4


def test_one_number_of_steps_has_no_heading_of_its_own(tmp_path, drawn):
    assert gradients.draw([curve("a", [.5, 1], [.5, 1], path=tmp_path)]).name == "gradient-through-time.png"
    (part,) = drawn[0].subfigs
    assert part._suptitle is None
    assert drawn[0]._suptitle.get_text() == "gradient through time\nmean over 1000 test images, original MNIST"
    assert part.axes[0].get_legend().get_title().get_text() == ""


def test_the_picture_counts_steps_from_1_names_the_least_and_is_loud_about_other_data(tmp_path, drawn):
    start, end = ([1] * (step - 1) + [least] + [1] * (28 - step) for step, least in ((15, .05), (18, .2)))
    drawn_curve = curve("a", start, end, path=tmp_path, data=languages.SYNTHETIC)
    gradients.draw([drawn_curve])
    start, end = drawn[0].subfigs[0].axes
    assert [start.get_xticks()[i] for i in (0, -1)] == [1, 28]
    assert legend(start)[0].endswith("\nvanishes: 0.05 at step 15, 1/20 of the last step's")
    assert legend(end)[0].endswith("\ndoes not vanish: least 0.2 at step 18")
    assert [line.get_xdata() for line in start.lines if line.get_marker() == "v"] == [[15]]
    assert "1000 test images, SYNTHETIC DIGITS" in drawn[0]._suptitle.get_text()
    assert drawn[0]._suptitle.get_color() != "black"
    _, first, *_ = gradients.report([drawn_curve])
    assert first.endswith(" 15  vanishes: 1/20 of the last step's at step 15")


@pytest.mark.parametrize(("faint", "bottom"), [(1e-9, None), (0, None), (1e-30, 1e-12), (1e-300, 1e-12)])
def test_the_picture_ends_where_the_gradient_has_vanished(tmp_path, drawn, faint, bottom):
    fading, exploding = np.linspace(.01, 1, 20), np.geomspace(1e30, 1, 20)
    gradients.draw([curve("a", [faint] * 5 + [*fading[5:]], fading, path=tmp_path), curve("b", fading, exploding)])
    (part,) = drawn[0].subfigs
    low, high = part.axes[1].get_ylim()
    assert 1e30 < high < 1e33
    # Zero has no place on the scale; what is smallest besides it is in the picture.
    assert low == bottom if bottom else (faint or .01) / 1e3 < low < (faint or .01)
    said = part.axes[0].get_legend().get_title().get_text()
    assert said == (f"not drawn: less than {low:.2g}" if faint < low else "")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0., np.inf, np.nan, 1e39, 1e-300])
def test_odd_numbers_are_drawn_without_a_warning(tmp_path, value):
    for start in ([value] * 3, [value, 1, 1]):
        assert gradients.draw([curve("a", start, start, path=tmp_path)]).exists()


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


@pytest.mark.slow
def test_gradient_through_time_compares_runs(toy_runs, call):
    compared = [toy_runs("rnn", n_neurons=10),
                toy_runs("relu", n_neurons=10, activation="relu", n_steps=14, n_inputs=56)]
    code, out, err = call("gradient_through_time", *compared, "--lang", "en")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 7 and lines[1].startswith("rnn (tanh, NOT THE ORIGINAL MNIST) ")
    assert "start of training" in lines[1] and "end of training" in lines[2]
    curve = gradients.gradient_curve(compared[1])
    assert curve.start.shape == curve.end.shape == (14,)
    told = gradients.verdict(curve.end)
    figures = [f"{value:.3g}" for value in (curve.end[0], curve.end[-1], curve.end.min(), curve.end.argmin() + 1)]
    assert lines[4].endswith(told) and lines[4].removesuffix(told).split()[-4:] == figures
    assert lines[5].endswith("mean over 200 test images (NOT THE ORIGINAL MNIST)")
    assert lines[6] == f"written : {compared[0].path / 'plots' / 'gradient-through-time-compared.png'}"
    assert call("gradient_through_time", compared[0])[1].rstrip().endswith("gradient-through-time.png")


@pytest.mark.slow
def test_gradient_through_time_of_a_run_that_began_with_anothers_weights(toy_runs, call, tmp_path):
    begun = toy_runs("lstm", cell="lstm", n_neurons=6)
    run = toy_runs("warm", cell="lstm", n_neurons=6, init_from=str(begun.path))
    first, second = gradients.gradient_curve(begun), gradients.gradient_curve(run)
    assert np.array_equal(first.end, second.start) and not np.array_equal(first.start, second.start)
    begun.path.rename(tmp_path / "away")
    try:
        code, out, err = call("gradient_through_time", run)
    finally:
        (tmp_path / "away").rename(begun.path)
    assert (code, out, err.count("\n")) == (2, "", 1) and "what it began with is not to be had" in err


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "unit"), [
    (("--cell", "lstm", "--layers", 2, "--rows-from", 7), "row"),
    (("--cell", "gru", "--bidirectional", "--read", "mean"), "step")], ids=str)
def test_the_real_command_lines(toy_data_dir, tmp_path, flags, unit):
    def command(script, *words):
        """Return the lines that a script prints in a process of its own; it must succeed and say nothing else."""
        code, out, err = fork_server.run(tmp_path, f"{script}.py", *words)
        assert (code, without_first_word(err)) == (0, "")
        return out.splitlines()

    command("train_rnn", *flags, "--data-dir", toy_data_dir, "--runs-dir", tmp_path, "--run-name", "a", "--epochs", 1,
            "--n-valid", 100, "--n-neurons", 4, "--no-plots", "--isa", ISA)
    watched = command("watch_digit", tmp_path / "a", "--test-index", 0, "--lang", "en")
    assert any(line.split()[0] == unit for line in watched) and f"final after {unit} " in watched[-2]
    traced = command("gradient_through_time", tmp_path / "a", "--lang", "en")
    assert traced[1].startswith(f"a ({flags[1]}, NOT THE ORIGINAL MNIST)  start of training")
    for lines in (watched, traced):
        assert any("both directions" in line for line in lines) == ("--bidirectional" in flags)
        assert (tmp_path / "a" / "plots" / lines[-1].rpartition("/")[2]).stat().st_size > 10_000


@pytest.mark.parametrize(("first", "last", "words"), [
    (.01, .17, "vanishes: 1/17 of the last step's at step 1"), (.001, .17, "vanishes: 1/170 of"),
    (.01, .1, "fades x10 on"), (.01, .1001, "vanishes: 1/10 of"), (1.14, .136, "grows x8.4 on"),
    (1., 1.1, "keeps its size"), (0., 1., "does not reach the first step"), (0., 0., "reaches no step"),
    (1e-300, .5, "vanishes: 1/5e+299 of"),
    (np.inf, 1., "grows beyond"), (np.nan, 1., "grows beyond")])
def test_the_way_the_gradient_goes_is_said(first, last, words):
    assert gradients.verdict(np.array([first, last])).startswith(words)


@pytest.mark.parametrize(("settings", "end", "said"), [
    ({"cell": "irnn"}, [0., .1, .2], True), ({"cell": "irnn"}, [.1, .1, .2], False), ({}, [0., .1, .2], False),
    ({"activation": "relu", "bptt_steps": 2}, [0., .1, .2], False),
    ({"activation": "relu", "bptt_steps": 2}, [0., 0., .2], True)])
def test_that_relu_lets_no_gradient_pass_is_said(settings, end, said):
    lines = list(gradients.report([curve("a", [0. if "bptt_steps" in settings else .1, .1, .2], end, **settings)]))
    assert any(line.startswith("ReLU : ") for line in lines) == said


def test_how_far_the_gradient_goes_is_said():
    assert gradients.verdict(np.array([0., 0., 0., 1e-30, .5])) == "does not reach the first 3 steps"


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
