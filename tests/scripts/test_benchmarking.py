"""The benchmark: every column filled, a wrong form caught, missing and failing forms left out with a word."""

import csv
import io
import subprocess
import sys
import types

import numpy as np
import pytest
from benchmarking import report, rounds
from benchmarking.rounds import FORMS, Form, Schedule
from benchmarking.task import Case
from helpers import user_environment

from rnn_mnist.cells import CELLS
from rnn_mnist.console import machine
from rnn_mnist.console.machine import DEFAULT_ISA
from rnn_mnist.data import Split
from rnn_mnist.datasets import synthetic

# A form in NumPy, which goes wrong as its option says.
NUMPY_FORM = """
import os, sys
from benchmarking.in_numpy import train_in_numpy

def start(task):
    wrong, n_done, now, queue = task.options.get("wrong"), 0, [task.weights], []
    steps = train_in_numpy(task, (queue.pop() for _ in iter(int, 1)))

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
SCHEDULE = Schedule(warm_up=4, rounds=2, block=3)
N_VALID, N_TRAIN = 5000, 605  # minibatches of two sizes

# The whole command, with a plan that is a fraction of --quick's, the forms named, and one that no machine has.
SMALL_BENCHMARK = """
import runpy, sys
sys.path.insert(0, "scripts")
from benchmarking import rounds
from benchmarking.rounds import Case, Form, Plan, Schedule

names = sys.argv.pop(1).split("; ")
rounds.FORMS = [form for form in rounds.FORMS if form.name in names]
rounds.FORMS.append(Form("another framework", "jax_scan.py", packages=("no_such_package",)))
rounds.QUICK = Plan(Schedule(4, 2, 3), scaling=((Case(n_neurons=50), Schedule(2, 1, 2)),), epochs=1, processes=1)
runpy.run_path("scripts/benchmark.py", run_name="__main__")
"""
NATIVE = [", native"] if machine.available()[-1] != DEFAULT_ISA else []  # beside the default where it is another
IN_SMALL = ("tutorial's script", "ours, fused", "Keras on TensorFlow", "matrix products alone")


def log(line):
    """Take a note of the benchmark's progress."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Let NumPy and PyTorch start no threads, which on a busy machine would wait for one another at full speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def digits():
    """Return a Split of as many digits as a benchmark needs at least."""
    images, labels = synthetic.draw(N_VALID + N_TRAIN, seed=7)
    return Split(images, labels.astype(np.int32))


@pytest.mark.slow
def test_the_command_fills_every_column_and_leaves_missing_forms_out_with_a_word(digits, tmp_path):
    images, labels = digits.images, digits.labels.astype(np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:100], y_test=labels[:100])
    done = subprocess.run([sys.executable, "-c", SMALL_BENCHMARK, "; ".join(IN_SMALL), "--quick", "--data-dir",
                           tmp_path / "mnist.npz", "--out", tmp_path / "out"],
                          capture_output=True, text=True, env=user_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/results.csv").read_text())))
    assert all(list(row) == list(report.RESULT_COLUMNS) for row in rows)
    first = {row["form"]: row for row in rows[::-1]}  # of each form the first row, that of the main case
    assert set(first) == set(IN_SMALL)
    for form in IN_SMALL[:2]:
        assert all(first[form].values())
        assert float(first[form]["loss"]) == pytest.approx(float(first[form]["loss_wanted"]), rel=1e-3)
    assert float(first["tutorial's script"]["times_tutorial"]) == 1
    assert {name for name, value in first["matrix products alone"].items() if not value} == {
        "loss", "loss_wanted", "process_seconds", "process_times_tutorial", "process_mb", "process_acc_test"}
    assert {row["form"] for row in rows[len(first):]} == {*IN_SMALL[:2], IN_SMALL[3]}
    assert all(row["times_tutorial"] and row["share_of_floor"] for row in rows[len(first):])
    assert "best peer" in done.stdout and "data : not the original MNIST" in done.stdout
    assert "left out: another framework: no_such_package not installed" in done.stdout
    markdown = (tmp_path / "out/results.md").read_text()
    assert "| ours, fused |" in markdown and "| basic, 50 neurons, batch 150, 28 steps |" in markdown
    assert (tmp_path / "out/results.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_all_other_forms_that_are_installed_learn_what_numpy_does(digits, tmp_path):
    forms = [form for form in FORMS if form.name not in IN_SMALL and not rounds.missing_packages(form)]
    train = Split(digits.images[N_VALID:], digits.labels[N_VALID:])
    case = Case(n_steps=7, n_inputs=112)  # few steps: some frameworks compile each of them
    measured, failed = rounds.measure_case(forms, case, SCHEDULE, train, tmp_path / "task", log)
    assert failed == {} and [one.form for one in measured if not one.right] == []
    for one in measured:
        assert one.losses == pytest.approx(one.reference[1:], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])  # irnn is the basic one with ReLU
def test_all_forms_of_the_other_cells_learn_what_numpy_does(digits, tmp_path, cell):
    forms = [form for form in FORMS if form.scaled and cell in form.cells and not rounds.missing_packages(form)
             and form.options.get("isa") != "native"]  # which is tested above, and nothing to a cell
    train = Split(digits.images[N_VALID:], digits.labels[N_VALID:])
    case = Case(n_neurons=20, n_steps=4, n_inputs=196, cell=cell)
    measured, failed = rounds.measure_case(forms, case, SCHEDULE, train, tmp_path / "task", log)
    assert failed == {} and [one.form.name for one in measured if not one.right] == []


def test_an_interrupted_benchmark_leaves_the_cases_that_are_done(monkeypatch, digits, tmp_path):
    def measure_case(forms, case, *_):
        """Measure a case in no time; be interrupted in the second one."""
        if case != Case():
            raise KeyboardInterrupt
        return [rounds.Measurement(form, case, [1.0], 600, None, [2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0])
                for form in forms], {}

    lines, said = [], []
    monkeypatch.setattr(rounds, "measure_case", measure_case)
    monkeypatch.setattr(rounds, "measure_processes", lambda *_: ({}, {}))
    forms = [Form("one", "ours.py", role="tutorial", scaled=True), Form("two", "ours.py", role="ours", scaled=True)]
    data = types.SimpleNamespace(train=digits, source=types.SimpleNamespace(kind="toy"))
    with pytest.raises(KeyboardInterrupt):
        rounds.measure_all(forms, rounds.QUICK, data, tmp_path, lines.append, said.append)
    assert [line for line in lines if line.endswith(" left")] and "two" in "".join(said[0])
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert [row["form"] for row in rows] == ["one", "two"] and all(row["times_tutorial"] == "1.0" for row in rows)
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "results.md", "results.png"}


def test_ours_is_measured_in_every_form_and_with_the_best_instruction_set():
    ours = [form for form in FORMS if form.role == "ours"]
    unrolled = "dynamic", "static", "fused"
    assert {form.name for form in ours} == {f"ours, {unroll}{mark}" for unroll in unrolled for mark in ("", *NATIVE)}
    scaled = [form for form in FORMS if form.scaled]
    assert {form.name for form in scaled if form.role == "ours"} == {
        form.name for form in ours if "static" not in form.name}
    assert {form.role for form in scaled} == {"tutorial", "ours", "peer", "split", "floor"}
    for cell in CELLS:  # each in a row of its own, and with a peer
        assert cell in {case.cell for case, _ in ((Case(), None), *rounds.FULL.scaling)}
        assert any(cell in form.cells for form in scaled if form.role == "peer")


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    """Return what measure_case does for right forms in NumPy, the wrong ones, and one that dies in its first block."""
    folder = tmp_path_factory.mktemp("forms")
    (folder / "form.py").write_text(NUMPY_FORM)
    forms = [Form("right", folder / "form.py", role="tutorial"), Form("also right", folder / "form.py", role="ours")]
    forms += [Form(wrong, folder / "form.py", {"wrong": wrong}) for wrong in (*WRONG, "dies")]
    schedule, train = Schedule(warm_up=10, rounds=2, block=8), Split(digits.images[:1000], digits.labels[:1000])
    return rounds.measure_case(forms, Case(n_neurons=20, batch_size=50), schedule, train, folder / "task", log)


def test_a_wrong_form_gets_no_ratio(measured):
    found = {one.form.name: one for one in measured[0]}
    rows = {row["form"]: row for row in report.to_rows(measured[0], {})}
    assert found["right"].right and rows["right"]["times_tutorial"] == 1 and rows["also right"]["times_tutorial"] > 0
    for wrong in WRONG:
        assert not found[wrong].right
        assert {rows[wrong][name] for name in ("times_tutorial", "share_of_floor", "images_per_second")} == {None}
    table = report.main_table(list(rows.values()), epochs=1)
    assert [row[0] for row in table if "WRONG" in row[6]] == list(WRONG)
    assert all(row[3] == "-" for row in table if row[0] in WRONG)


def test_where_rounding_alone_moves_the_loss_a_right_form_is_not_called_wrong(measured):
    right = next(one for one in measured[0] if one.form.name == "right")
    start, _, last = right.reference
    off = right._replace(losses=[right.losses[0], last + 0.01 * (start - last)])
    perturbed = [*right.reference[:2], last + 1e-3 * (start - last)]
    assert not off.right and off._replace(perturbed=perturbed).right
    assert not off._replace(perturbed=perturbed, losses=[right.losses[0], start]).right  # but it must have learnt


def test_a_wrong_tutorial_leaves_no_ratios_at_all(measured):
    forms = [one._replace(losses=[9.0, 9.0]) if one.form.role == "tutorial" else one for one in measured[0]]
    assert all(row["times_tutorial"] is None for row in report.to_rows(forms, {}))


def test_a_form_that_dies_is_left_out_with_its_last_words(measured):
    assert measured[1] == {"dies": "out of ideas"}


def test_results_are_written_even_if_every_form_is_left_out(tmp_path):
    environment = dict.fromkeys(("python", "tensorflow", "numpy", "cpu", "cores", "data", "git_commit"), "?")
    lines = report.write([], {}, {"ours, fused": "no such file"}, 1, environment, tmp_path)
    assert "left out: ours, fused: no such file" in lines
    assert {path.name for path in tmp_path.iterdir()} == {"results.csv", "results.md", "results.png"}


def test_out_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run([sys.executable, "scripts/benchmark.py", "--quick", "--out", tmp_path / "file"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "choose another folder" in done.stderr
