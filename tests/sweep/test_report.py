"""What a sweep tells at its end: table, CSV and picture, against NumPy and SciPy; the test set for the best only."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from made_runs import make_run
from scipy import stats

from rnn_mnist.console import languages
from rnn_mnist.console.languages import SYNTHETIC
from rnn_mnist.plots import style
from rnn_mnist.run import find_runs
from rnn_mnist.sweep import report

SCORES = {("basic", 50): (.90, .91, .95), ("gru", 50): (.96, .97, .95), ("gru", 100): (.99, .80, .93)}


@pytest.fixture
def groups(tmp_path):
    """Return the summary of three settings with three seeds each."""
    runs = [make_run(tmp_path, f"{cell}-{n}-{seed}", (.5, acc), cell=cell, n_neurons=n, seed=seed,
                     n_correct=int(acc * 10_000) - 100)
            for (cell, n), scores in SCORES.items() for seed, acc in enumerate(scores)]
    return report.summarise(runs[::-1], ["cell", "n_neurons", "seed"])


def test_statistics_are_those_of_numpy_and_scipy():
    values = [.9, .91, .95, .92]
    found = report.statistics(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert found == pytest.approx({"mean": np.mean(values), "sd": np.std(values, ddof=1), "low": low, "high": high})
    assert report.statistics([.9]) == {"mean": .9, "sd": None, "low": None, "high": None}
    assert report.statistics([None, None])["mean"] is None


def test_the_best_by_validation_comes_first_and_only_its_test_score_is_told(groups):
    assert [tuple(group["settings"].values()) for group in groups] == [("gru", 50), ("basic", 50), ("gru", 100)]
    assert groups[0]["seeds"] == [0, 1, 2] and groups[0]["acc_valid"] == [.96, .97, .95]
    lines = list(report.report(groups))
    assert lines[1].split()[:4] == ["cell=gru", "n_neurons=50", "3", "0.9600"]
    assert ("best by validation : cell=gru n_neurons=50; its acc_test : 0.9500 (95 % interval 0.9252 to 0.9748)"
            in lines[-1])
    rows = list(csv.DictReader(io.StringIO(report.as_csv(groups))))
    assert [(row["cell"], row["n_neurons"], row["n_seeds"]) for row in rows] == [
        ("gru", "50", "3"), ("basic", "50", "3"), ("gru", "100", "3")]
    assert [row["acc_test_mean"] != "" for row in rows] == [True, False, False]
    assert float(rows[1]["acc_valid_sd"]) == np.std([.90, .91, .95], ddof=1)
    assert rows[0]["runs"] == "gru-50-0 gru-50-1 gru-50-2"


def test_without_validation_nothing_is_the_best(tmp_path):
    runs = [make_run(tmp_path, cell, (None,), cell=cell, n_valid=0) for cell in ("lstm", "gru")]
    groups = report.summarise(runs, ["cell"])
    lines = list(report.report(groups))
    assert "no best one" in lines[-1] and "acc_test" not in "".join(lines)
    assert "acc_test_mean" in report.as_csv(groups) and [*report.write(groups, tmp_path)] == [tmp_path / "sweep.csv"]


def test_other_data_is_named_loudly_and_the_words_are_korean(tmp_path):
    runs = [make_run(tmp_path, f"s{seed}", (.9 + seed / 100,), kind=SYNTHETIC, seed=seed) for seed in range(2)]
    groups = report.summarise(runs, ["seed"])
    assert any("SYNTHETIC DIGITS, NOT MNIST" in line for line in report.report(groups))
    languages.use("ko")
    assert any("시드" in line for line in report.report(groups))


def test_the_documented_sweep_is_what_its_runs_say():
    folder = Path("runs/example-sweep")
    groups = report.summarise(find_runs(folder), ["cell", "n_neurons", "seed"])
    assert [len(group["seeds"]) for group in groups] == [5, 5, 5, 5]
    assert report.as_csv(groups) == (folder / "sweep.csv").read_text()
    assert all(line in Path(readme).read_text() for line in report.report(groups)
               for readme in (folder / "README.md", folder / "README.ko.md"))


def test_the_picture_shows_every_seed_best_first(groups, tmp_path, monkeypatch):
    figures, save = [], style.save
    monkeypatch.setattr(style, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    paths = list(report.write(groups, tmp_path))
    assert paths == [tmp_path / "sweep.csv", tmp_path / "sweep.png"]
    (axes,) = figures[0].axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [group["acc_valid"] for group in groups]
    assert [set(line.get_ydata()) for line in dots] == [{0}, {1}, {2}]
    assert next(label.get_text() for label in axes.get_yticklabels()) == "cell=gru n_neurons=50"
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")
