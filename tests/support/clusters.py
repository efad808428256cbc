"""A real scheduler and real workers on the loopback interface, with TLS, as processes that can be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds until something that must come counts as lost


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
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *flags, "--tls-ca-file", pem, "--tls-cert", pem,
                   "--tls-key", pem]
        if limit:
            command = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "worker", *command]
        paths = [environment.pop("PYTHONPATH", ""), str(ROOT), os.environ.get("PYTHONPATH", "")]
        with open(self.folder / f"{what}-{time.monotonic_ns()}.log", "w") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env={
                **os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))})

    def add_worker(self, address=None, **how):
        """Start a worker, and return its process; it has not joined yet."""
        scratch = self.folder / f"scratch-{len(self.workers)}"
        self.workers.append(self.start("worker", address or self.address, "--nthreads", "1", "--no-nanny",
                                       "--no-dashboard", "--local-directory", str(scratch), **how))
        return self.workers[-1]

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
