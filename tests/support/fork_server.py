"""Run the scripts as processes that can be killed, without paying TensorFlow's import each time.

multiprocessing's fork server imports TensorFlow, but never uses it: it has a single thread (checked) and no session, so
a fork of it is as good as a new process. A child runs a script by its real entry point, with its own stdout and stderr;
what is to go wrong in it is arranged by audit hooks, at Python's own events and at those that rnn_mnist raises.
"""

import itertools
import multiprocessing
import os
import runpy
import signal
import sys
import time
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PRELOADED = ["rnn_mnist.train", "rnn_mnist.export.tensorboard", "rnn_mnist.plots.curves", "filelock", "fork_server"]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOADED)


class Child:
    """A running script."""

    def __init__(self, process, folder):
        self.process, self.folder = process, folder

    def kill(self):
        """Send SIGKILL; nothing happens if the child has ended."""
        self.process.kill()

    def wait(self):
        """Return (exit code, negative if a signal killed it; stdout; stderr)."""
        self.process.join()
        return self.process.exitcode, *((self.folder / name).read_text() for name in ("stdout.txt", "stderr.txt"))


def start(folder, *argv, **faults):
    """Start argv (script, flags) in a folder and return its Child; faults: see _arrange."""
    process = CONTEXT.Process(target=_become, args=(folder, list(map(str, argv)), faults), daemon=True)
    environment = {**ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)}  # the server's, from the first start on
    main = mock.patch.object(sys.modules["__main__"], "__file__", None, create=True)  # not to be run again in the child
    with mock.patch.dict(os.environ, environment), main:
        process.start()
    return Child(process, folder)


def run(folder, *argv, **faults):
    """Start argv and wait for its end; return (exit code, stdout, stderr)."""
    return start(folder, *argv, **faults).wait()


def _become(folder, argv, faults):
    """Become the script that was asked for."""
    assert set(PRELOADED) <= set(sys.modules)
    assert not os.path.isdir("/proc/self/task") or len(os.listdir(f"/proc/{os.getppid()}/task")) == 1
    for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.fsync = lambda _: None  # spares time; only a loss of power, which no test can bring about, would tell
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):  # which nohup has the tests ignore
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _arrange(**faults)
    sys.argv = argv
    runpy.run_path(str(ROOT / "scripts" / argv[0]), run_name="__main__")


def _arrange(die_at=None, signal_at=None, full=None, poison=None, pause=None, product=False, user=None, ignore=(),
             exhausted=None, removed=None):
    """Arrange what is to happen to this process.

    die_at: SIGKILL at the n-th time that it opens, renames, removes or cuts a file. signal_at: (place, n, signal
    numbers): get these signals when it is at a place for the n-th time. full: (place, n): from then on no file grows,
    that one by 10 bytes at most; messages still get out. poison: a weight becomes NaN before the n-th evaluation.
    pause: seconds added to every step. product: multiply matrices by TensorFlow first. user: become that user. ignore:
    signals, as nohup does. exhausted: (place, n): there is no more memory. removed: (place, n, file to remove).
    """
    for number in ignore:
        signal.signal(number, signal.SIG_IGN)
    if removed:
        _at(*removed[:2], lambda *_: os.unlink(removed[2]))
    if exhausted:
        _at(*exhausted, _exhaust)
    if die_at is not None:
        left = itertools.count(die_at, -1)
        sys.addaudithook(lambda event, _: event in ("open", "os.rename", "os.remove", "os.truncate")
                         and next(left) == 0 and os.kill(os.getpid(), signal.SIGKILL))
    if signal_at:
        place, n, numbers = signal_at
        _at(place, n, lambda *_: [os.kill(os.getpid(), number) for number in numbers])
    if full:
        _at(*full, _fill_up)
        _at("rnn_mnist.complaint", 1, lambda *_: _limit(None))
    if poison:
        _at("rnn_mnist.evaluate", poison, _poison)
    if pause:
        _at("rnn_mnist.step", None, lambda *_: time.sleep(pause))
    if product:
        _multiply()
    if user:
        os.setgid(user)
        os.setuid(user)


def _at(place, n, action):
    """Have action called with the arguments of the n-th audit event (None: every one) at a place.

    A place is the name of an event, or a part of the path of a file that is opened: "<part" to read, ">part" to write.
    """
    count = itertools.count(1)

    def hook(event, args):
        """See to one event."""
        if event == "open":
            event = (">" if set(args[1] or "") & set("wax+") else "<") + str(args[0])
        here = event == place or (place[0] in "<>" and event[0] == place[0] and place[1:] in event)
        if here and n in (None, next(count)):
            action(*args)
    sys.addaudithook(hook)


def _fill_up(path, *_):
    """Let no file grow beyond the size of this one, if it is a file, and 10 bytes."""
    _limit((os.path.getsize(path) if os.path.exists(str(path)) else 0) + 10)


def _limit(size):
    """Limit the size of every file written; None: no more."""
    import resource
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size is None else size, hard))


def _exhaust(network):
    """Have TensorFlow ask for more memory than there is."""
    from rnn_mnist.tf1 import tf
    with network.graph.tf_graph.as_default():
        row = tf.random.uniform([1, 2**21])
        product = tf.matmul(row, row, transpose_a=True)
    network.run(product)


def _poison(network):
    """Make a weight NaN."""
    variable = next(iter(network.graph.weights.values()))
    value = variable.initializer.inputs[1]
    network.run(variable.initializer, [value], [network.weights()[variable.op.name] * float("nan")])


def _multiply():
    """Multiply matrices: the first product of a process has oneDNN settle its instruction set."""
    from rnn_mnist.tf1 import tf
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.matmul(tf.ones([64, 64]), tf.ones([64, 64])))
