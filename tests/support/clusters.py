"""Sweeps by the real command; a real scheduler and real workers on loopback, with TLS, that can be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpers import user_environment, without_first_word

from rnn_mnist.run import find_runs

ROOT = Path(__file__).resolve().parents[2]
PACED = str(Path(__file__).with_name("paced"))  # in front of the path of all that train here
PATIENCE = 120  # seconds until something that must come counts as lost
TOY = ("--n-valid", "100", "--batch-size", "20", "--data", "mnist")
GRID = ("--cell", "basic,gru", "--n-neurons", "5,8", "--seeds", "0,1", "--epochs", "2", *TOY)
EACH_LONG = ("--epochs", "24", "--n-neurons", "40", "--n-valid", "100", "--batch-size", "100", "--data", "mnist",
             "--unroll", "fused", "--replicas", "1")
LONG = (*EACH_LONG, "--seeds", "0-3")


def wait_until(what, *processes):
    """Return what a function returns, once that is true; fail when it takes too long, or one of the processes ends."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        assert all(process.poll() is None for process in processes), "a process has ended"
        time.sleep(0.02)
    return found


def certificate(path):
    """Write a new certificate and its key into a file, and return its path."""
    from distributed import Security
    given = Security.temporary().get_tls_config_for_role("client")
    path.write_text(given["key"] + given["cert"])
    return str(path)


class Cluster:
    """A scheduler and its workers; a context that ends them all."""

    def __init__(self, folder, pem, **environment):
        self.folder, self.pem, self.workers = folder, pem, []
        folder.mkdir(exist_ok=True)
        note = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0",
                                    "--scheduler-file", str(note), **environment)
        wait_until(note.exists, self.scheduler)
        self.address = wait_until(lambda: _address(note), self.scheduler)

    def start(self, what, *flags, pem=None, limit=None, **environment):
        """Start `dask scheduler` or `dask worker` and return its process.

        limit: kilobytes that no file may grow beyond, as on a full disk.
        """
        pem = pem or self.pem
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *flags, "--tls-ca-file", pem, "--tls-cert",
                   pem, "--tls-key", pem]
        if limit:
            command = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "worker", *command]
        paths = [PACED, environment.pop("PYTHONPATH", ""), str(ROOT), os.environ.get("PYTHONPATH", "")]
        with open(self.folder / f"{what}-{time.monotonic_ns()}.log", "w") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env={
                **os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))})

    def add_worker(self, address=None, **how):
        """Start a worker, and return its process; it has not joined yet."""
        scratch = self.folder / f"scratch-{len(self.workers)}"
        self.workers.append(self.start("worker", address or self.address, "--nthreads", "1", "--no-nanny",
                                       "--no-dashboard", "--local-directory", str(scratch), **how))
        return self.workers[-1]

    def wait_for_workers(self):
        """Wait until the scheduler has heard of every worker that was started."""
        (log,) = self.folder.glob("scheduler-*.log")
        wait_until(lambda: log.read_text().count("Register worker addr") >= len(self.workers), self.scheduler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (*self.workers, self.scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


def _address(note):
    with contextlib.suppress(ValueError):  # being written
        return json.loads(note.read_text())["address"]


def _hear_signals():
    """Hear the signals that nohup, or a shell's &, has the tests ignore."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Command:
    """A running sweep."""

    def __init__(self, folder, *argv, **environment):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [PACED, os.environ.get("PYTHONPATH", "")]))
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "scripts/sweep.py"), *map(str, argv)], cwd=folder, stdout=out, stderr=err,
                env=user_environment(**environment), start_new_session=True, preexec_fn=_hear_signals)

    def end(self):
        """Wait for the end; return (exit code, stdout, stderr after the first word)."""
        code = self.process.wait(300)
        return code, self.out.read_text(), without_first_word(self.err.read_text())


def sweep(folder, *argv, **environment):
    return Command(folder, *argv, **environment).end()


def digests(folder):
    """Return {what makes a run: digest of its weights} of all finished runs in a folder."""
    return {(run.config.cell, run.config.n_neurons, run.config.seed): run.result["weights"] for run in find_runs(folder)
            if run.result}


def figures(folder):
    """Return {run: lines of its metrics.csv, as far as it is written, times included} of the runs in a folder."""
    return {path.parent.name: path.read_text().splitlines()[1:] for path in folder.glob("*/metrics.csv")}


def in_progress(folder, n):
    """Return the figures of the runs in a folder once n of them are in progress, None before."""
    found = {name: lines for name, lines in figures(folder).items() if not (folder / name / "result.json").exists()}
    return found if len(found) == n and all(len(lines) > 3 for lines in found.values()) else None


def went_on(before, folder):
    """Tell whether the runs of a folder have gone on from these figures: a repetition would have other times.

    The last line may have been written just before its checkpoint was.
    """
    return all(figures(folder)[name][:len(lines) - 1] == lines[:-1] for name, lines in before.items())


def refused(folder, *argv, **environment):
    """Return the one line that a sweep refuses to do anything with."""
    code, out, err = sweep(folder, *argv, **environment)
    assert code == 2 and len(err.splitlines()) == 1, (code, out, err)
    assert not (folder / "runs").exists() or not find_runs(folder / "runs")
    return err
