"""The Python that the README shows and the lesson, in both languages: run in a real Jupyter kernel."""

import ast
import re
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from helpers import user_environment

from rnn_mnist.datasets import synthetic
from rnn_mnist.run import find_runs

README = re.search(r"```python\n(.*?)```", Path("README.md").read_text(), re.S)[1]
BEFORE = "import numpy; state = numpy.random.get_state()"
AFTER = """
assert X_train.shape == (5300, 784) and X_train.dtype == "float32" and 0.9 < X_train.max() <= 1 == y_test.ndim
assert isinstance(run.metrics[1]["acc_valid"], float) and run.result["epochs"] == 4 and run.config.n_neurons == 100
assert run.result["n_correct_test"] == run.evaluate().values["n_correct_test"]
probabilities = run.predict(X_test)
assert probabilities.shape == (len(y_test), 10) and numpy.allclose(probabilities.sum(axis=1), 1)
assert (probabilities.argmax(axis=1) == y_test).sum() == run.result["n_correct_test"]
assert run.plot().read_bytes()[:4] == b"\\x89PNG" and [each.name for each in rm.find_runs("runs")] == [run.name]
assert (numpy.random.get_state()[1] == state[1]).all()
import tensorflow as tf
print(tf.executing_eagerly(), tf.constant(3).numpy(), tf.keras.__version__[:2])
"""


@pytest.fixture
def npz(tmp_path):
    """Return an mnist.npz of 5,300 training and 100 test images: the defaults keep 5,000 for validation."""
    images, labels = synthetic.draw(5400, seed=3)
    np.savez(tmp_path / "mnist.npz", x_train=images[:5300], y_train=labels[:5300], x_test=images[5300:],
             y_test=labels[5300:])
    return tmp_path / "mnist.npz"


def execute(notebook, npz):
    """Run a notebook from top to bottom in the folder of the data."""
    environment = user_environment(RNN_MNIST_DATA=str(npz), PYTHONPATH=str(Path.cwd()))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(npz.parent)}})
    client.execute(env=environment)


@pytest.mark.slow
def test_what_the_readme_shows_works_in_a_notebook(npz, tmp_path):
    train, reopen = README.split("\n\nrun = ")
    cells = [BEFORE, *train.split("\n\n"), "run = " + reopen.replace('"runs/NAME"', "run.path"), AFTER]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    execute(notebook, npz)
    outputs = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    assert re.search(r"^epoch : 001 acc_batch : [\d.]+, acc_valid : [\d.]+", outputs[2], re.M)
    assert outputs[-1] == "True 3 3.\n"


# ---- the lesson ----

LESSONS = ("scripts/lesson.ipynb", "scripts/lesson.ko.ipynb")
PICTURES = {"left-behind": 1, "errors": 2, "bptt": 1, "activation": 1, "cells": 1, "orders": 1, "seeds": 1, "own": 1}


def read(path):
    """Return a committed notebook."""
    return nbformat.reads(Path(path).read_text(encoding="utf-8"), as_version=4)


def wordless(source):
    """Return the code of a cell without comments and with all texts empty."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.unparse(tree)


def links(cell):
    """Return where the links of a cell lead."""
    return re.findall(r"\]\((.*?)\)", cell.source)


def test_both_lessons_have_the_same_code_and_neither_has_outputs():
    english, korean = map(read, LESSONS)
    assert [(cell.id, cell.cell_type) for cell in english.cells] == [(cell.id, cell.cell_type) for cell in korean.cells]
    for cell, other in zip(english.cells, korean.cells, strict=True):
        if cell.cell_type == "code":
            assert wordless(cell.source) == wordless(other.source)
            assert not cell.outputs + other.outputs and cell.execution_count is other.execution_count is None
        else:
            assert links(cell) == [link.replace(".ko.", ".") for link in links(other)]
            assert re.search("[가-힣]", other.source) and not re.search("[가-힣]", cell.source)


@pytest.mark.parametrize("path", LESSONS)
def test_a_lesson_is_a_sound_notebook_whose_links_lead_somewhere(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5) and Path(path).stat().st_size < 50_000
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    found = [link for cell in prose for link in links(cell)]
    assert len(found) > 5 and all((Path("scripts") / link).exists() for link in found)
    assert len([cell for cell in prose if re.search(r"^## (Exercise|연습) \d", cell.source, re.M)]) == 6


@pytest.mark.slow
def test_the_lesson_runs_from_top_to_bottom_and_shows_what_it_says(npz):
    """The Korean one; the other has the same code, and says and draws it with fewer letters."""
    notebook = read(LESSONS[1])
    execute(notebook, npz)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    said = {name: "".join(each.get("text", "") for each in found) for name, found in outputs.items()}
    drawn = {name: sum("image/png" in each.get("data", {}) for each in found) for name, found in outputs.items()}
    assert {name: n for name, n in drawn.items() if n} == PICTURES
    noted = [each.text for found in outputs.values() for each in found if each.get("name") == "stderr"]
    assert all("fonts-nanum" in line for line in noted)  # which a machine may lack
    for name, old in (("placeholder", r"\+"), ("contrib.rnn", "-")):
        assert re.search(rf"^tf\.{name} +- +{old}", said["gone"], re.M)
    # The script's epoch is the project's, figure by figure; of each of its lines ours is found.
    _, first, second, test, _ = said["train"].splitlines()
    assert first.startswith(said["script"].strip()) and second.startswith("epoch : 001 acc_batch")
    assert test.startswith("acc_test : ") and len(re.findall(r"^    \w+\.py:\d+  .", said["beside"], re.M)) == 18
    assert {"config.json", "checkpoints/", "metrics.csv", "result.json"} <= {*said["left-behind"].split()}
    trained = re.findall(r"^(\S+) +acc_valid \d\.\d{4}  acc_test", "".join(said.values()), re.M)
    assert sorted([*trained, "main"]) == sorted(run.name for run in find_runs(npz.parent / "lesson-runs"))
    assert all("훈련 후" in said[name] for name in ("bptt", "activation", "orders"))
    assert said["bptt"].count("처음 21단계") == 2
    assert "마지막 acc_valid" in said["cells"] and "cell=lstm" in said["cells"]
    assert len(re.findall(r"95 %: [-+]?0\.\d{4} - [-+]?0\.\d{4}$", said["seeds"], re.M)) == 3
    assert len(re.findall(r"^\d +\d+\.\d\d%", said["own"], re.M)) == 10 and "drawn.png : " in said["own"]
    assert {each.name for each in npz.parent.iterdir()} == {"mnist.npz", "lesson-runs"}
