"""Run the scripts as processes that can be killed, without paying TensorFlow's import each time.

python tests/support/fork_server.py

One process imports TensorFlow, but never uses it: it has a single thread (checked) and no session, so a fork of it is
as good as a new process. It reads requests from stdin and answers on stdout, one JSON object per line each. A child
runs a script by its real entry point, with its own stdout and stderr.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ForkServer:
    """Start scripts as forks of a process that has TensorFlow imported."""

    def __init__(self):
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **ONE_THREAD, "PYTHONPATH": path})
        assert self._answer() == "ready"

    def start(self, folder, *argv, **how):
        """Start argv (script, flags) in a folder and return its Child; how: see _prepare."""
        out, err = folder / "stdout.txt", folder / "stderr.txt"
        request = {"argv": list(map(str, argv)), "cwd": str(folder), "out": str(out), "err": str(err), **how}
        return Child(self, self._ask(request), out, err)

    def run(self, folder, *argv, **how):
        """Start argv and wait for its end; return (exit code, stdout, stderr)."""
        return self.start(folder, *argv, **how).wait()

    def close(self):
        """End the server."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        return json.loads(self.process.stdout.readline())


class Child:
    """A running script."""

    def __init__(self, server, pid, out, err):
        self.server, self.pid, self.out, self.err = server, pid, out, err

    def kill(self, number=signal.SIGKILL):
        """Send a signal; nothing happens if the child has ended (the server keeps it unreaped until wait)."""
        os.kill(self.pid, number)

    def wait(self):
        """Return (exit code, negative if a signal killed it; stdout; stderr)."""
        code = self.server._ask({"wait": self.pid})
        return code, self.out.read_text(), self.err.read_text()


def _serve():
    import rnn_mnist.train  # noqa: F401 - brings TensorFlow and all that training needs
    _say("ready")
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _say(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]))
            continue
        assert not os.path.isdir("/proc/self/task") or len(os.listdir("/proc/self/task")) == 1
        pid = os.fork()
        if pid == 0:
            _child(request)
        _say(pid)


def _say(answer):
    print(json.dumps(answer), flush=True)


def _child(request):
    """Become the script that was asked for."""
    for number, path in ((1, request["out"]), (2, request["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        _prepare(request)
        sys.argv = request["argv"]
        runpy.run_path(str(ROOT / "scripts" / sys.argv[0]), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _prepare(request):
    """Arrange what is to happen to the child.

    die_at: SIGKILL at the n-th time that it opens, renames, removes or cuts a file. signal_at: [dotted name, n, signal
    numbers]: get these signals when that function is called for the n-th time. full: [end of a path, n]: when such a
    file is opened for writing for the n-th time ("checkpoint": written by TensorFlow), it can't grow by more than 10
    bytes. poison: a weight becomes NaN before the n-th evaluation. pause: seconds added to every step. user: become
    that user.
    """
    if "die_at" in request:
        left = iter(range(request["die_at"]))

        def watch(event, _):
            if event in ("open", "os.rename", "os.remove", "os.truncate") and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
    if "signal_at" in request:
        name, n, numbers = request["signal_at"]
        _wrap(name, n, lambda *_: [os.kill(os.getpid(), number) for number in numbers])
    if "full" in request:
        _fill_up(*request["full"])
    if "poison" in request:
        _wrap("rnn_mnist.session.evaluate", request["poison"], _poison)
    if "pause" in request:
        _wrap("rnn_mnist.session.run_epoch", None, lambda *_: time.sleep(request["pause"]))
    if "user" in request:
        os.setgid(request["user"])
        os.setuid(request["user"])


def _wrap(name, n, action):
    """Have action called before the n-th call (None: every call) of a function, given as package.module.function."""
    module, _, name = name.rpartition(".")
    function, calls = getattr(sys.modules[module], name), []

    def wrapped(*args, **kwargs):
        calls.append(None)
        if n is None or len(calls) == n:
            action(*args)
        return function(*args, **kwargs)
    setattr(sys.modules[module], name, wrapped)


def _fill_up(end, n):
    """Let the n-th file written whose path has this end not grow by more than 10 bytes; messages still get out."""
    import resource

    import rnn_mnist.console.command  # noqa: F401 - to be there for _wrap
    hard, left = resource.getrlimit(resource.RLIMIT_FSIZE)[1], iter(range(n - 1))

    def limit(path):
        if next(left, None) is None:
            size = os.path.getsize(path) if os.path.exists(path) else 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))

    def watch(event, args):
        if event == "open" and args[1] and set(args[1]) & set("wa+") and end in os.fspath(args[0]):
            limit(args[0])
    if end == "checkpoint":
        _wrap("rnn_mnist.session.save", None, lambda *_: limit(""))
    else:
        sys.addaudithook(watch)
    _wrap("rnn_mnist.console.command._complain", None,
          lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)))


def _poison(session, *_):
    from rnn_mnist.tf1 import tf
    weights = tf.trainable_variables()[0]
    session.run(tf.assign(weights, weights * float("nan")))


if __name__ == "__main__":
    _serve()
