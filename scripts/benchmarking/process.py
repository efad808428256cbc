"""The processes of the benchmark: a form that trains block by block, and a whole command with its time and memory."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarking.in_numpy import checked_loss
from benchmarking.task import read_weights
from rnn_mnist.console.languages import text

FOLDER = Path(__file__).resolve().parent
PEERS, TRAIN_RNN = FOLDER / "peers", FOLDER.parent / "train_rnn.py"


class WorkerFailed(Exception):
    """Say that a process has failed, and what it wrote last."""


class Worker:
    """Run one form in a process of its own, as a context; collect what it answers.

    It trains the first minibatches at once, untimed, while others start.
    """

    def __init__(self, form, folder, n_warm_up):
        self.form, self.failure = form, ""
        self.seconds = []   # per image, one for each block
        self.losses = []    # after the warm-up and at the end
        self.memory = None  # peak, MB
        self._saved = folder / f"{re.sub(r'[^a-z]+', '-', form.name.lower())}.npz"
        self._errors = self._saved.with_suffix(".err")
        command = [sys.executable, "-m", "benchmarking.worker", PEERS / form.file, folder, json.dumps(form.options)]
        path = os.pathsep.join([str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                             text=True, env={**os.environ, "PYTHONPATH": path})
        self._send(f"train {n_warm_up}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def end_warm_up(self, task):
        """Wait until the first minibatches are trained, and check what was learnt."""
        self._answer()
        self.check(task)

    def time_block(self, n_minibatches):
        """Train the next minibatches and keep the time per image."""
        seconds, n_images = self._ask(f"train {n_minibatches}")
        self.seconds.append(seconds / n_images)

    def check(self, task):
        """Keep the loss of the weights as they are, computed here from them, and the peak memory."""
        self.memory = self._ask(f"save {self._saved}")
        self.losses.append(checked_loss(task, read_weights(self._saved)))

    def _ask(self, line):
        self._send(line)
        return self._answer()

    def _send(self, line):
        with contextlib.suppress(OSError):  # if nobody reads it, nobody answers
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(_last_line(self._errors))
        return json.loads(line)


def time_command(command, folder):
    """Run a Python script; return its seconds, peak MB and the test accuracy it printed, or raise WorkerFailed."""
    errors = folder / "command.err"
    with open(errors, "wb") as stderr:
        done = subprocess.run([sys.executable, FOLDER / "timed.py", *map(str, command)], stdout=subprocess.PIPE,
                              stderr=stderr, text=True)
    accuracy = re.search(r"acc_test : ([\d.]+)", done.stdout)
    if done.returncode or not accuracy:
        raise WorkerFailed(text("exit code {number}: {line}", number=done.returncode, line=_last_line(errors)))
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory, float(accuracy[1])


def _last_line(path):
    """Return the last line of what a process wrote to stderr."""
    line = path.read_text(errors="replace").strip().split("\n")[-1]
    return " ".join(line.split())[:160] or text("ended without a word")
