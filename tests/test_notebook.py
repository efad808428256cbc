"""The Python that the README shows: its own text, run in a real Jupyter kernel."""

import re
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from helpers import user_environment

from rnn_mnist.datasets import synthetic

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


@pytest.mark.slow
def test_what_the_readme_shows_works_in_a_notebook(npz, tmp_path):
    train, reopen = README.split("\n\nrun = ")
    cells = [BEFORE, *train.split("\n\n"), "run = " + reopen.replace('"runs/NAME"', "run.path"), AFTER]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    environment = user_environment(RNN_MNIST_DATA=str(npz), PYTHONPATH=str(Path.cwd()))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    outputs = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    assert re.search(r"^epoch : 001 acc_batch : [\d.]+, acc_valid : [\d.]+", outputs[2], re.M)
    assert outputs[-1] == "True 3 3.\n"
