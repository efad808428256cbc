"""scripts/run_tf1.py itself: a script runs as by Python, a notebook cell by cell, and no other process is touched."""

import json
import re
import subprocess
import sys
from pathlib import Path

import fork_server
import pytest
from helpers import ISA, user_environment, without_first_word
from user_scripts import run_tf1

from rnn_mnist.run import Run

START = "import tensorflow as tf\n"


def notebook(*sources, **cell):
    """Return the text of a notebook of code cells."""
    cells = [{"cell_type": "code", "source": source, "outputs": [], "metadata": {}, **cell} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# %time"]}, *cells], "metadata": {},
                       "nbformat": 4, "nbformat_minor": 2})


def test_a_script_is_the_main_module_with_its_own_arguments_and_folder(tmp_path):
    (tmp_path / "course").mkdir()
    (tmp_path / "course/reader.py").write_text("def read(path):\n    return open(path).read()\n")
    (tmp_path / "here.txt").write_text("read from the working folder")
    out, err = run_tf1(tmp_path, """
import argparse, sys
import reader
parser = argparse.ArgumentParser()
parser.add_argument("--seeds")
parser.add_argument("--lang")
print(parser.parse_args(), sys.argv[0], __name__, __file__, reader.read("here.txt"))
if __name__ == "__main__":
    sys.exit(7)
""", "--seeds", "5", "--lang", "ko", code=7, name="course/theirs.py")
    assert out == (f"Namespace(seeds='5', lang='ko') course/theirs.py __main__ {tmp_path}/course/theirs.py "
                   "read from the working folder\n")
    assert not err


@pytest.mark.parametrize("source, last, kind", [
    ("def f():\n    return 1 / 0\n\nf()", 2, "ZeroDivisionError: division by zero"),
    ("import json\njson.loads('{')", 2, "json.decoder.JSONDecodeError: "),
    (START + "tf.zeros([2]) + tf.zeros([3])", 2, "ValueError: "),
    (START + "x = tf.placeholder(tf.float32, [2])\nwith tf.Session() as s:\n    s.run(x, {x: [1]})", 4, "ValueError: "),
    ("x = 1\nx.append(2)", 2, "AttributeError: 'int' object has no attribute 'append'"),
    ("x = (1,\ny = 2", 1, "SyntaxError: "),
    ("raise KeyError('a')", 1, "KeyError: 'a'")])
def test_the_scripts_own_errors_come_out_as_they_are(tmp_path, source, last, kind):
    _, err = run_tf1(tmp_path, source, code=1)
    frames, found, _ = err.partition(f"\n{kind}")
    places = re.findall(r'File "([^"]*)", line (\d+)', frames)
    assert found and places[0][0] == "theirs.py" and ("theirs.py", str(last)) in places and "rnn_mnist" not in frames


@pytest.mark.parametrize("name, content, problem", [
    ("absent.py", None, "absent.py: cannot be read (No such file or directory): give the path"),
    ("theirs.txt", "", "theirs.txt: must be a .py or .ipynb file"),
    ("theirs.ipynb", "{", "theirs.ipynb: is not a notebook"), ("theirs.ipynb", "{}", "theirs.ipynb: is not a notebook"),
    ("theirs.ipynb", '{"cells": [{"cell_type": "code", "source": 1}]}', "theirs.ipynb: is not a notebook"),
    ("theirs.ipynb", notebook("x = 1", "print x"), "theirs.ipynb, cell 2, line 1: this is Python 2")])
def test_a_file_that_is_no_script_is_told_in_one_line(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_text(content)
    code, out, err = fork_server.run(tmp_path, "run_tf1.py", name)
    assert code == 2 and not out and err.count("\n") == 1 and err.startswith(f"error: {problem}")


def test_a_notebook_runs_cell_by_cell(tmp_path):
    out, err = run_tf1(tmp_path, notebook(
        "%pylab inline\n%matplotlib inline\nimport tensorflow as tf\n!pip install keras\nx = int(np.abs(-3))\nx",
        ["y = x + 1\n", "y;"],
        "try:\n    %tensorflow_version 1.x\nexcept Exception:\n    pass\n%time z = y * 2\n'{}'.format(z)",
        "%%bash\nls\n", "    # indented\n    w = 1\n", "%%time\nprint(z"), code=1, name="theirs.ipynb")
    assert out == "3\n'8'\n"
    lines = [line for line in err.splitlines() if line.startswith("passed over: ")]
    assert lines == ["passed over: theirs.ipynb, cell 1: %matplotlib inline",
                     "passed over: theirs.ipynb, cell 1: !pip install keras",
                     "passed over: theirs.ipynb, cell 3: %tensorflow_version 1.x",
                     "passed over: theirs.ipynb, cell 4: %%bash"]
    assert 'File "theirs.ipynb, cell 6", line 2' in err and "SyntaxError" in err


def test_an_error_in_a_cell_shows_the_cells_lines(tmp_path):
    _, err = run_tf1(tmp_path, notebook("1", "def f():\n    return missing\n", "f()"), code=1, name="theirs.ipynb")
    assert 'File "theirs.ipynb, cell 3", line 1' in err
    assert 'File "theirs.ipynb, cell 2", line 2, in f\n    return missing' in err


def test_a_script_that_was_a_notebook(tmp_path):
    out, err = run_tf1(tmp_path, "get_ipython().magic('matplotlib inline')\n"
                                 "get_ipython().run_line_magic('matplotlib', 'inline')\nprint(1)")
    assert (out, err) == ("1\n", "passed over: magic: matplotlib inline\n"
                                 "passed over: run_line_magic: matplotlib inline\n")


def test_a_notebook_of_the_old_format(tmp_path):
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["print('old')"], "language": "python"}]}]}
    assert run_tf1(tmp_path, json.dumps(old), name="theirs.ipynb") == ("old\n", "")


@pytest.mark.slow
def test_figures_are_saved_where_no_window_opens(tmp_path):
    """Each that a window would have shown, the last of an animation, and what a cell of a notebook leaves."""
    (tmp_path / "theirs.ipynb").write_text(notebook(
        "import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt",
        "for i in range(2):\n    plt.plot([1, 2]); plt.show()",
        "plt.figure(); plt.figure();", "1",
        "plt.ion()\nfor i in range(3):\n    plt.plot([i, 2]); plt.draw(); plt.pause(0.001)",
        "plt.switch_backend('agg')\nplt.plot([1])\nplt.show()"))
    done = subprocess.run([sys.executable, Path("scripts/run_tf1.py").resolve(), "theirs.ipynb"], cwd=tmp_path,
                          env=user_environment(), capture_output=True, text=True)
    names = [f"theirs-figure-{n}.png" for n in range(1, 7)]
    assert without_first_word(done.stderr).splitlines() == [f"written : {name}" for name in names]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_one_cell_for_several_layers_is_warned_of_with_the_line(tmp_path):
    out, err = run_tf1(tmp_path, START + """
from tensorflow.contrib import rnn
cell = rnn.BasicRNNCell(3)
rnn.MultiRNNCell([rnn.BasicRNNCell(3), rnn.BasicRNNCell(3)])
rnn.MultiRNNCell([cell] * 2)
tf.nn.rnn_cell.MultiRNNCell([cell, cell])
""")
    assert not out
    places = re.findall(r"^warning: theirs.py, line (\d): MultiRNNCell gets one cell .*", err, re.M)
    assert places == ["6", "7"] and err.count("\n") == 2


def test_one_cell_whose_layers_can_not_share_weights_has_them_apart_as_in_tensorflow_1_0(tmp_path):
    out, err = run_tf1(tmp_path, START + """
cell = tf.contrib.rnn.DropoutWrapper(tf.contrib.rnn.GRUCell(5), output_keep_prob=0.5)
cells = tf.contrib.rnn.MultiRNNCell([cell] * 2)
tf.nn.dynamic_rnn(cells, tf.zeros([1, 4, 3]), dtype=tf.float32)
print([variable.shape.as_list() for variable in tf.trainable_variables() if "gates/kernel" in variable.name])
""")
    assert out == "[[8, 10], [10, 10]]\n"
    assert re.findall(r"^warning: theirs.py, line (\d): ", err, re.M) == ["4", "5"] and err.count("\n") == 2


SEEDS = START + """
tf.set_random_seed(42)
tf.constant(1.0)
drawn = tf.random_normal([2]), tf.Variable(tf.truncated_normal([2])), tf.random_shuffle(tf.range(3))
dropped = tf.nn.dropout(tf.ones([4]), keep_prob=0.5)
tf.get_variable("w", [2, 3])
tf.random_uniform([2], seed=5)
operations = tf.get_default_graph().get_operations()
found = [(i, op.get_attr("seed"), op.get_attr("seed2")) for i, op in enumerate(operations)
         if "seed2" in op.node_def.attr]
print(len(found), {seed for _, seed, _ in found}, [own for _, _, own in found if own == 5],
      all(i == own for i, _, own in found if own != 5), [own for _, _, own in found][:3])
"""


CHANGED = "TensorFlow has changed what rnn_mnist/compat/seeds.py patches: read there what it must come to"


def test_operations_without_a_seed_take_their_number_as_in_tensorflow_1(tmp_path):
    out, _ = run_tf1(tmp_path, SEEDS)
    assert out.startswith("6 {42} [5] True "), CHANGED
    out, _ = run_tf1(tmp_path, SEEDS, flags=["--seeds", "tf2"])
    assert out.startswith("6 {42} [5] False [0, 1, 2]")


def test_what_the_seeds_patch_is_as_it_was(tmp_path):
    """The two private functions, and what TensorFlow 1.15 had in an LSTM's step and after its last."""
    out, _ = run_tf1(tmp_path, START + """
import inspect
from tensorflow.python.framework import random_seed
from tensorflow.python.ops import tensor_array_ops
array = getattr(tensor_array_ops, "_GraphTensorArray", None)
for function in (getattr(random_seed, "get_seed", None), getattr(array, "size", None)):
    print([*inspect.signature(function).parameters] if function else "gone")
""", flags=["--seeds", "tf2"])
    assert out == "['op_seed']\n['self', 'name']\n", CHANGED
    out, _ = run_tf1(tmp_path, START + """
tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(1), tf.zeros([1, 1, 1]), dtype=tf.float32)
kinds = [operation.type for operation in tf.get_default_graph().get_operations()]
split = kinds.index("Split")
print(*kinds[split - 1:split + 1], "TensorArraySizeV3" in kinds)
""")
    assert out == "Const Split True\n", CHANGED


def test_our_own_network_has_the_same_bits_in_the_same_process(tmp_path, toy_data_dir):
    settings = dict(epochs=1, n_neurons=5, batch_size=50, n_valid=100, cell="lstm", dropout=0.2, isa=ISA,
                    data_dir=toy_data_dir)
    run_tf1(tmp_path, START + f"""
import rnn_mnist as rm
tf.set_random_seed(1)
tf.random_normal([3])
rm.train(run_name="beside", **{settings})
""")
    flags = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert fork_server.run(tmp_path, "train_rnn.py", "--run-name", "alone", *flags)[0] == 0
    alone, beside = (Run(tmp_path / "runs" / name).result["weights"] for name in ("alone", "beside"))
    assert alone == beside


@pytest.mark.slow
def test_nothing_is_changed_where_the_wing_is_not_imported(tmp_path):
    """Every other module of ours, imported; TensorFlow is as it was, and the wing comes when it is asked for."""
    source = """
import importlib, pathlib, sys
import rnn_mnist, rnn_mnist.tf1
from tensorflow.python.framework import random_seed
from tensorflow.python.ops import tensor_array_ops
import tensorflow as tf
before = random_seed.get_seed, tensor_array_ops._GraphTensorArray.size, tf.nn.softmax_cross_entropy_with_logits
root = pathlib.Path(rnn_mnist.__file__).parent
for path in root.rglob("*.py"):
    name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
    if not name.startswith(("rnn_mnist.compat", "rnn_mnist.__main__", "rnn_mnist.sweep", "rnn_mnist.plots.headless")):
        importlib.import_module(name)
import tensorflow as again
assert before == (random_seed.get_seed, tensor_array_ops._GraphTensorArray.size,
                  tf.nn.softmax_cross_entropy_with_logits)
assert again is tf and not hasattr(tf, "placeholder") and not hasattr(tf, "contrib") and tf.executing_eagerly()
assert "rnn_mnist.compat" not in sys.modules
import rnn_mnist.compat
import tensorflow as tf
assert tf.placeholder and tf.contrib.rnn and not tf.executing_eagerly()
assert random_seed.get_seed is before[0], "TensorFlow 1's seeds come by use_tf1_seeds()"
"""
    done = subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env=user_environment(), capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
