"""Learning curves: what is drawn of a run's metrics, whatever its length and name, and scripts/plot_run.py."""

import runpy
import sys
import warnings

import pytest
from helpers import refusal
from made_runs import make_run
from matplotlib.text import Text

from rnn_mnist.console import languages
from rnn_mnist.console.languages import ORIGINAL, SYNTHETIC
from rnn_mnist.plots import style
from rnn_mnist.plots.curves import draw_curves


@pytest.fixture
def drawn(monkeypatch):
    """Return the list of figures that are saved."""
    figures, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    return figures


def metrics(*acc_valid):
    """Return a run's metrics with these validation accuracies."""
    return [{"epoch": epoch, "acc_running": .75, "loss_running": .7, "acc_valid": acc,
             "loss_valid": None if acc is None else 1 - acc} for epoch, acc in enumerate(acc_valid)]


def texts(figure):
    """Return what is written in a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def lines(figure):
    """Return {label: (x, y)} of a figure's lines, axes by axes."""
    return [{line.get_label(): tuple(map(list, line.get_data())) for line in axes.lines} for axes in figure.axes]


def test_learning_curves_show_the_metrics_and_mark_the_best_epoch(tmp_path, drawn):
    path = tmp_path / "plots" / "a.png"
    assert draw_curves("a", metrics(.8, .95, .9), ORIGINAL, path) == path and path.is_file()
    accuracy, loss = lines(drawn[0])
    assert accuracy["training (mean over the epoch)"] == ([0, 1, 2], [.75] * 3)
    assert accuracy["validation (after the epoch)"] == ([0, 1, 2], [.8, .95, .9])
    assert loss["validation (after the epoch)"] == ([0, 1, 2], [1 - .8, 1 - .95, 1 - .9])
    assert accuracy["best by accuracy: epoch 1 (0.9500)"] == ([1], [.95])
    assert loss["best by accuracy: epoch 1 (0.0500)"] == ([1], [1 - .95])
    assert {"a\nlearning curves, original MNIST", "accuracy", "loss (nats)", "epoch"} <= set(texts(drawn[0]))


def test_the_best_validation_may_lie_within_an_epoch(tmp_path, drawn):
    within = [{"epochs": .5, "acc_valid": .7, "loss_valid": .6}, {"epochs": 1.25, "acc_valid": .95, "loss_valid": .1}]
    draw_curves("a", metrics(.8, .95), ORIGINAL, tmp_path / "a.png", within)
    accuracy, loss = lines(drawn[0])
    assert accuracy["validation (within an epoch)"] == ([-.5, .25], [.7, .95])
    assert accuracy["best by accuracy: epoch 1 (0.9500)"] == ([.25], [.95])
    assert loss["best by accuracy: epoch 1 (0.1000)"] == ([.25], [.1])
    assert {"0", "1"} <= set(texts(drawn[0])) and "-1" not in texts(drawn[0])


def test_learning_curves_of_synthetic_data_say_so(tmp_path, drawn):
    draw_curves("a", metrics(.8, .9), SYNTHETIC, tmp_path / "a.png")
    assert "a\nlearning curves, synthetic digits, not MNIST" in texts(drawn[0])


@pytest.mark.parametrize("acc_valid", [(), (0.5,), (None, None), (0.5,) * 300])
def test_learning_curves_of_any_length_with_or_without_validation(tmp_path, drawn, acc_valid):
    draw_curves("a", metrics(*acc_valid), ORIGINAL, tmp_path / "a.png")
    assert ("validation (after the epoch)" in lines(drawn[0])[0]) == (0.5 in acc_valid)
    assert any("best by accuracy" in label for label in lines(drawn[0])[0]) == (0.5 in acc_valid)
    assert all(float(tick).is_integer() for axes in drawn[0].axes for tick in axes.get_xticks())


@pytest.mark.parametrize("name", ["_hidden", "a$b$c", r"$\foo$", "실행", "走る", "100 %"])
def test_names_are_drawn_as_they_are(tmp_path, drawn, name):
    with warnings.catch_warnings(action="error"):
        draw_curves(name, metrics(.8, .9), ORIGINAL, tmp_path / "a.png")
    assert any(text.replace("\\$", "$").replace("\u200b", "").startswith(name) for text in texts(drawn[0]))


@pytest.mark.parametrize("lang", languages.LANGUAGES)
@pytest.mark.parametrize("name", ["a", "M" * 200])
def test_nothing_is_cut_off(tmp_path, drawn, lang, name):
    languages.use(lang)
    draw_curves(name, metrics(.98765, .91), SYNTHETIC, tmp_path / "a.png")
    outside = drawn[0].get_tightbbox()
    assert outside.x0 >= 0 and outside.y0 >= 0 and all(outside.max <= drawn[0].get_size_inches())


# ---- of a run ----

@pytest.fixture
def plot_run(monkeypatch, capsys):
    """Return a function that runs scripts/plot_run.py with some flags and gives (exit code, stdout, stderr)."""
    def call(*flags):
        """Run it."""
        monkeypatch.setattr(sys, "argv", ["plot_run.py", *map(str, flags)])
        with pytest.raises(SystemExit) as left:
            runpy.run_path("scripts/plot_run.py", run_name="__main__")
        return left.value.code or 0, *capsys.readouterr()
    return call


def test_a_runs_curves_are_drawn_into_its_plots(tmp_path, drawn):
    run = make_run(tmp_path, "a", (.8, .95, .9))
    assert run.plot() == run.path / "plots" / "curves.png"
    assert lines(drawn[0])[0]["validation (after the epoch)"] == ([0, 1, 2], [.8, .95, .9])
    assert "a\nlearning curves, original MNIST" in texts(drawn[0])


def test_an_accuracy_that_cannot_be_is_not_drawn(tmp_path):
    run = make_run(tmp_path, "a", valid_steps=5)
    run.append_validation({"epochs": .5, "step": 10, "acc_valid": 1.5, "loss_valid": .3})
    assert "validation.csv: damaged" in refusal(run.plot) and not (run.path / "plots").exists()


def test_the_command_draws_each_run_finished_or_not(tmp_path, plot_run):
    paths = [make_run(tmp_path, name, finished=name == "a").path for name in "ab"]
    pictures = [path / "plots" / "curves.png" for path in paths]
    assert plot_run(*paths) == (0, "".join(f"written : {path}\n" for path in pictures), "")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert plot_run(paths[0], "--lang", "ko")[1] == f"저장 : {pictures[0]}\n"


def test_the_command_refuses_in_one_line(tmp_path, plot_run):
    run = make_run(tmp_path, "a")
    for flags, word in (((), "RUN"), ((run.path, tmp_path / "none"), "no run directory")):
        code, out, err = plot_run(*flags)
        assert (code, out, err.count("\n")) == (2, "", 1) and word in err
    assert not (run.path / "plots").exists()


def test_damaged_metrics_are_refused_and_leave_no_picture(tmp_path, plot_run):
    run = make_run(tmp_path, "a")
    (run.path / "metrics.csv").write_text("epoch\n")
    code, _, err = plot_run(run.path)
    assert code == 2 and "header" in err and err.count("\n") == 1
    assert not (run.path / "plots").exists()
