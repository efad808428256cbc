"""The benchmark: every column filled, a wrong form caught, missing and failing forms left out with a word."""

import csv
import io
import subprocess
import sys

import pytest
from benchmarking import report as benchmark_report
from benchmarking import rounds as benchmark
from benchmarking.rounds import Form, Plan, Turns
from benchmarking.task import Case
from helpers import user_environment

from rnn_mnist import processor
from rnn_mnist.config import DEFAULT_ISA, Config
from rnn_mnist.data import Split, load_data

# A form in NumPy, which goes wrong as its option says.
NUMPY_FORM = """
import os, sys
from benchmarking.task import trained

def start(task):
    wrong, n_done, now, queue = task.options.get("wrong"), 0, [task.weights], []
    steps = trained(task, (queue.pop() for _ in iter(int, 1)))

    def train(batches):
        nonlocal n_done
        for rows in batches:
            n_done += 1
            if wrong == "dies" and n_done == 15:
                sys.stderr.write("out of ideas")
                sys.stderr.flush()
                os._exit(1)
            if wrong == "skips an update" and n_done == 3 or wrong == "stops after the warm-up" and n_done > 10:
                continue
            queue.append({"half the batch": rows[::2], "an image less": rows[1:]}.get(wrong, rows))
            now[0] = next(steps)

    def weights():
        if wrong == "not a number":
            return [w * float("nan") for w in now[0]]
        return [w.astype("float16") for w in now[0]] if wrong == "coarse" else now[0]

    return train, weights
"""
WRONG = ("half the batch", "an image less", "skips an update", "stops after the warm-up", "not a number", "coarse")
TURNS = Turns(warm_up=10, rounds=2, block=8)


def quiet(line):
    """Take a note of the benchmark's progress."""


@pytest.fixture(scope="module")
def toy_config(toy_data_dir):
    """Return the Config of the toy data."""
    return Config(data_dir=toy_data_dir, n_valid=100)


@pytest.mark.slow
def test_quick_fills_every_column_and_all_forms_learn_what_numpy_does(tmp_path):
    done = subprocess.run([sys.executable, "scripts/benchmark.py", "--quick", "--data", "synthetic", "--out", tmp_path],
                          capture_output=True, text=True, env=user_environment())
    assert done.returncode == 0, done.stderr[-2000:]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    assert all(list(row) == list(benchmark_report.COLUMNS) for row in rows)
    first = {row["form"]: row for row in rows[::-1]}  # of each form the first row, that of the main case
    native = ", native" if processor.available()[-1] != DEFAULT_ISA else ""  # beside the default where it is another
    ours = [f"ours, {unroll}{isa}" for isa in {"", native} for unroll in ("dynamic", "static", "fused")]
    assert {name for name in first if name.startswith("ours")} == set(ours)
    for form in ("tutorial's script", *ours):
        assert all(first[form].values())
        assert float(first[form]["loss"]) == pytest.approx(float(first[form]["loss_wanted"]), rel=1e-3)
    assert float(first["tutorial's script"]["times_tutorial"]) == 1
    assert {name for name, value in first["matrix products alone"].items() if not value} == {
        "loss", "loss_wanted", "process_seconds", "process_times_tutorial", "process_mb", "process_acc_test"}
    assert {row["form"] for row in rows[len(first):]} == {"tutorial's script", *(
        name for name in ours if "static" not in name)}
    assert all(row["times_tutorial"] for row in rows[len(first):])
    assert "best peer" in done.stdout and "not MNIST" in done.stdout
    markdown = (tmp_path / "results.md").read_text()
    assert "| ours, fused |" in markdown and "| 50 neurons, batch 150, 28 steps |" in markdown
    assert (tmp_path / "results.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_a_form_whose_framework_is_missing_is_left_out_with_a_word(toy_config, tmp_path):
    forms = [Form("another framework", "jax_scan.py", packages=("no_such_package",))]
    lines, right = benchmark.run(forms, Plan(TURNS, scaling=(), epochs=1, processes=1), toy_config, tmp_path, quiet)
    assert right and any("another framework" in line and "no_such_package not installed" in line for line in lines)


@pytest.fixture(scope="module")
def measured(toy_config, tmp_path_factory):
    """Return what measure returns for a right form in NumPy, the wrong ones, and one that dies in its second turn."""
    folder = tmp_path_factory.mktemp("forms")
    (folder / "form.py").write_text(NUMPY_FORM)
    forms = [Form("right", folder / "form.py", role="tutorial"), Form("also right", folder / "form.py", role="ours")]
    forms += [Form(wrong, folder / "form.py", {"wrong": wrong}) for wrong in (*WRONG, "dies")]
    train = load_data(toy_config).train
    return benchmark.measure(forms, Case(n_neurons=20, batch_size=50), TURNS, Split(*train), folder / "task", quiet)


def test_a_wrong_form_gets_no_ratio(measured):
    found = {one.form.name: one for one in measured[0]}
    rows = {row["form"]: row for row in benchmark_report.to_rows(measured[0], {})}
    assert found["right"].right and rows["right"]["times_tutorial"] == 1 and rows["also right"]["times_tutorial"] > 0
    for wrong in WRONG:
        assert not found[wrong].right
        assert {rows[wrong][name] for name in ("times_tutorial", "share_of_floor", "images_per_second")} == {None}
    table = benchmark_report.cells(list(rows.values()), epochs=1)
    assert [row[0] for row in table if "WRONG" in row[6]] == list(WRONG)
    assert all(row[3] == "-" for row in table if row[0] in WRONG)


def test_where_rounding_alone_moves_the_loss_a_right_form_is_not_called_wrong(measured):
    right = next(one for one in measured[0] if one.form.name == "right")
    start, _, last = right.reference
    off = right._replace(losses=[right.losses[0], last + 0.01 * (start - last)])
    shaken = [*right.reference[:2], last + 1e-3 * (start - last)]
    assert not off.right and off._replace(rounded=shaken).right
    assert not off._replace(rounded=shaken, losses=[right.losses[0], start]).right  # but it must have learnt


def test_a_wrong_tutorial_leaves_no_ratios_at_all(measured):
    forms = [one._replace(losses=[9.0, 9.0]) if one.form.role == "tutorial" else one for one in measured[0]]
    assert all(row["times_tutorial"] is None for row in benchmark_report.to_rows(forms, {}))


def test_a_form_that_dies_is_left_out_with_its_last_words(measured):
    assert measured[1] == {"dies": "out of ideas"}


def test_results_are_written_even_if_every_form_is_left_out(tmp_path):
    environment = dict.fromkeys(("python", "tensorflow", "numpy", "cpu", "cores", "data", "git_commit"), "?")
    lines = benchmark_report.write([], {}, {"ours, fused": "no such file"}, 1, environment, tmp_path)
    assert "left out: ours, fused: no such file" in lines
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "results.md", "results.png"}


def test_out_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run([sys.executable, "scripts/benchmark.py", "--quick", "--out", tmp_path / "file"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "choose another folder" in done.stderr
