"""import rnn_mnist as rm: it imports nothing heavy, and whatever else runs in the process stays as it was."""

import contextlib
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from helpers import user_environment

import rnn_mnist as rm
from rnn_mnist.config import Config
from rnn_mnist.session import Network
from rnn_mnist.tf1 import tf

TOY = {"n_neurons": 10, "epochs": 1, "batch_size": 50, "n_valid": 100, "plots": False}
IMAGES = np.random.RandomState(4).randint(256, size=(20, 28, 28)).astype(np.uint8)
LABELS = np.arange(20, dtype=np.int32) % 10


def python(code, *args, quiet=True, **environment):
    """Run Python code in a process of its own and return what it has printed: nothing on stderr if quiet."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True,
                          env=user_environment(**environment))
    assert done.returncode == 0 and not (quiet and done.stderr), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def train(tmp_path_factory, toy_data_dir):
    """Return a function that trains a small run."""
    folder = tmp_path_factory.mktemp("runs")
    return lambda **settings: rm.train(**{**TOY, "data_dir": toy_data_dir, "runs_dir": folder, **settings})


@pytest.fixture(scope="module")
def run(train):
    """Return a run that was trained in the main thread."""
    return train()


# ---- the import ----

def test_import_imports_nothing_heavy_and_changes_nothing():
    code = """
import os, signal, sys, warnings
def world():
    return dict(os.environ), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), warnings.filters[:]
before, modules = world(), set(sys.modules)
import rnn_mnist as rm
assert set(sys.modules) - modules == {"rnn_mnist"}, set(sys.modules) - modules
rm.Config(n_neurons=3), rm.RunOptions(), rm.UserError
heavy = {"numpy", "tensorflow", "keras", "tf_keras", "matplotlib"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert world() == before
rm.open_run, rm.find_runs, rm.load_mnist
assert not (heavy - {"numpy"}) & set(sys.modules), heavy & set(sys.modules)
assert world()[:3] == before[:3]  # NumPy has filters of its own
"""
    assert python(code) == ""


def test_every_public_name_is_there():
    for name in ("Config", "RunOptions", "UserError", "Stopped", "load_mnist", "train", "Run", "open_run", "find_runs"):
        assert name in rm.__all__ and callable(getattr(rm, name))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = rm.trian


def test_train_is_callable_also_where_its_module_was_imported(train, run, monkeypatch):
    """`import rnn_mnist.train` puts the module where the function was, or would be."""
    module = sys.modules["rnn_mnist.train"]
    assert rm.train in (module, module.train)
    monkeypatch.setattr(rm, "train", module)
    assert train().result["weights"] == run.result["weights"]


@pytest.mark.slow
def test_tensorflow_imported_before_is_refused_in_one_line_that_says_what_to_do(tmp_path):
    code = """
import sys, tensorflow
import rnn_mnist as rm
try:
    rm.train(runs_dir=sys.argv[1], data="synthetic")
except rm.UserError as error:
    print(error)
"""
    message = python(code, tmp_path, quiet=False)  # whoever imports TensorFlow alone gets its notes
    assert message.count("\n") == 1 and "in a new process" in message and "import rnn_mnist.tf1 first" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_tensorflow_2_and_keras_3_work_in_the_same_process(tmp_path, toy_data_dir, run):
    code = """
import os, sys
import rnn_mnist.train
import tensorflow as tf
import rnn_mnist as rm
assert rm.train is sys.modules["rnn_mnist.train"]  # and callable all the same

def use_tensorflow_2():
    assert "TF_USE_LEGACY_KERAS" not in os.environ
    assert tf.executing_eagerly() and tf.constant(1).numpy() == 1
    assert tf.compat.v1.control_flow_v2_enabled() and tf.compat.v1.resource_variables_enabled()
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 4.0
    @tf.function
    def count(n):
        return tf.while_loop(lambda total: total < n, lambda total: [total + 2], [0])[0]
    assert count(tf.constant(5)).numpy() == 6
    assert tf.keras.__version__.startswith("3.")
    model = tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(tf.zeros([8, 4]), tf.zeros([8, 2]), verbose=0)

settings = dict(n_neurons=10, epochs=1, batch_size=50, n_valid=100, plots=False, data_dir=sys.argv[2])
use_tensorflow_2()
first = rm.train(**settings, runs_dir=sys.argv[1])
use_tensorflow_2()
second = rm.train(**settings, runs_dir=sys.argv[1])
print(first.result["weights"], second.result["weights"])
"""
    assert python(code, tmp_path, toy_data_dir).split()[-2:] == [run.result["weights"]] * 2


@pytest.mark.slow
def test_the_users_choice_of_keras_stays():
    code = """
import os
from rnn_mnist.tf1 import tf
tf.nn.rnn_cell.BasicRNNCell(3), tf.layers.dense
print(os.environ["TF_USE_LEGACY_KERAS"])
"""
    assert python(code, TF_USE_LEGACY_KERAS="0") == "0\n"


# ---- what else runs in the process ----

def test_training_leaves_the_callers_process_as_it_was(train, run):
    numbers = signal.SIGINT, signal.SIGTERM
    np.random.seed(5)
    outer = tf.get_default_graph()
    n_operations = len(outer.get_operations())

    def world():
        """Return what training could disturb."""
        name, words, *rest = np.random.get_state()
        return (name, words.tolist(), rest, [signal.getsignal(number) for number in numbers], tf.executing_eagerly(),
                tf.control_flow_v2_enabled(), tf.resource_variables_enabled(), threading.active_count(), np.geterr())

    before = world()
    assert train().result["weights"] == run.result["weights"]
    assert world() == before and outer is tf.get_default_graph() and len(outer.get_operations()) == n_operations
    assert tf.executing_eagerly() and tf.constant(1).numpy() == 1


def test_training_within_a_graph_of_the_callers_adds_nothing_to_it(train, run):
    with tf.Graph().as_default() as mine, tf.name_scope("mine"), tf.variable_scope("mine"):
        tf.set_random_seed(9)
        three = tf.constant(3)
        assert train().result["weights"] == run.result["weights"]
        assert tf.get_default_graph() is mine and mine.seed == 9
        assert [op.name for op in mine.get_operations()] == ["mine/mine/Const"]
        with tf.Session() as session:
            assert session.run(three) == 3


def test_training_works_outside_the_main_thread(train, run):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(train()))
    thread.start()
    thread.join()
    assert runs[0].result["weights"] == run.result["weights"]


def test_numpys_global_generator_changes_nothing(train, run):
    np.random.seed(77)
    assert train().result["weights"] == run.result["weights"]


@pytest.mark.slow
@pytest.mark.machine
def test_two_networks_are_open_side_by_side():
    """Their steps alternate, and each comes out as it does alone."""
    configs = [Config(n_neurons=7, replicas=1), Config(model="mlp", hidden_sizes=(9,), optimizer="sgd", seed=3),
               Config(n_neurons=7, replicas=1, unroll="fused", seed=4)]

    def step(network):
        """Train a step and return the logits after it."""
        network.run_epoch([(IMAGES, LABELS)], dropout=0.0)
        return network.predict(IMAGES)

    alone = []
    for config in configs:
        with Network(config) as network:
            alone.append([step(network) for _ in range(3)])
    with contextlib.ExitStack() as stack:
        networks = [stack.enter_context(Network(config)) for config in configs]
        together = [[step(network) for network in networks] for _ in range(3)]
    assert np.array_equal(np.swapaxes(together, 0, 1), alone)


@pytest.mark.slow
@pytest.mark.machine
def test_two_runs_are_open_side_by_side(train, run):
    other = train(seed=5, n_neurons=11)
    with run.open_network() as one, other.open_network(unroll="static", replicas=1) as two:
        found = [network.predict(IMAGES) for network in (one, two, one)]
        assert one.config.n_neurons == 10 and two.config.n_neurons == 11
    assert np.array_equal(found[0], found[2]) and not np.array_equal(found[0], found[1])
    with other.open_network(unroll="static", replicas=1) as network:
        assert np.array_equal(network.predict(IMAGES), found[1])
