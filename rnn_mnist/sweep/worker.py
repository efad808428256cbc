"""What happens in a worker: it says what it is, loads TensorFlow and the data once, and trains run after run.

A worker is a long-lived process of Dask's. Nothing but plain values goes in and comes out, so that a scheduler needs
to import nothing heavy. Where the worker sees the sweep's own folder, a run is made in its place there, and goes on
from its checkpoints after the death of another worker; elsewhere it is made in the worker's scratch space and comes
back as files.
"""

import contextlib
import errno
import functools
import io
import os
import shutil
import signal
import threading
from dataclasses import asdict
from pathlib import Path

from rnn_mnist import files
from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console import guard, languages, machine, settings
from rnn_mnist.console.languages import text, why
from rnn_mnist.console.settings import Stopped, UserError
from rnn_mnist.run import Run

FINISHED, DIVERGED, FAILED, STOPPED, UNFIT = "finished", "diverged", "failed", "stopped", "unfit"
TOKEN = ".sweep"           # a file by which a worker sees that the folder it has by that path is the sweep's
LOCK_TIMEOUT = 60          # seconds for another worker, whose run nobody waits for any more, to finish its step
POLL = 0.2                 # seconds between looks at whether somebody still waits for the run
PACKAGES = ("rnn_mnist", "tensorflow", "tf_keras", "numpy")
DISK_ERRORS = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
MADE_FIRST = {"checkpoints", "environment.json", "log.txt", "metrics.csv", "validation.csv", "config.json", ".lock"}


def describe(isa, data, data_dir, offline):
    """Return {what: value} of all that has to be the same in the sweep's process and in every worker.

    isa: the instruction set to compute with, which only a worker needs to have; data, data_dir, offline: as for
    load_arrays. What can't be had is told under "problem".
    """
    try:
        arrays = load(data, data_dir, offline)
    except UserError as error:
        return {"problem": str(error)}
    found = machine.describe()
    return {"python": ".".join(found["python"].split(".")[:2]), **{name: found[name] for name in PACKAGES},
            "distributed": machine.version_of("distributed"), "code": code_digest(), "commit": found["git_commit"],
            "system": found["system"], "machine": found["machine"], "data": arrays[-1],
            "instruction sets": machine.available(), "isa": isa, "language": languages.current()}


@functools.cache
def load(data, data_dir, offline):
    """Return what load_arrays does; read once in a process."""
    from rnn_mnist.datasets.files import load_arrays
    return load_arrays(data, data_dir, offline)


@functools.cache
def code_digest():
    """Return the SHA-256 (hex) of the package's source: two copies of a commit may have been edited."""
    root = Path(files.__file__).parent
    content = {str(path.relative_to(root)): path.read_text().replace("\r\n", "\n") for path in root.rglob("*.py")}
    return files.digest(content)


def mismatch(found, here):
    """Return in words what of a worker's description is not as the sweep's own process has it, None if all is."""
    if "problem" in found:
        return found["problem"]
    if here["isa"] not in found["instruction sets"]:
        return text("its processor lacks the instruction set {isa} (it has {there})", isa=here["isa"],
                    there=", ".join(found["instruction sets"]))
    for name, mine in here.items():
        theirs = found.get(name)
        told = name in ("instruction sets", "isa", "language") or (name == "commit" and None in (mine, theirs))
        if told or theirs == mine:
            continue
        what = (text("another source code than here") if name == "code" else text("other data than here")
                if name == "data" else text("another {name}", name=name))
        return text("{what}: {theirs!s:.40}, here {mine!s:.40}", what=what, theirs=theirs, mine=mine)
    return None


def warm_up():
    """Import all that training needs, so that the first run does not pay for it."""
    settings.as_flags = True  # messages are for those who typed the sweep's command
    import rnn_mnist.train  # noqa: F401


def ignore_terminal():
    """Leave what a terminal sends to all its processes, on Ctrl-C or when it is closed, to the sweep's own."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def train_point(config, options, folder, token, here):
    """Train a run, or go on with it, and return {outcome, reason, files: {path in the run: bytes}, worker: address}.

    config, options: the settings, as dicts; folder: the sweep's, absolute, with `token` in its file TOKEN if this
    machine sees it, and then files is None; here: what the sweep's process says of itself.
    """
    from distributed import get_worker
    worker = get_worker()
    languages.use(here["language"])  # messages, again, are for those who typed the command
    config, options = Config(**config), RunOptions(**options)
    where = config.data, options.data_dir, options.offline
    if problem := mismatch(describe(config.isa, *where), here):
        return {"outcome": UNFIT, "reason": problem, "files": None, "worker": worker.address}
    warm_up()
    shared = _sees(folder, token)
    place = Path(folder) if shared else Path(worker.local_directory, "rnn_mnist")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        outcome, reason = _outcome(config, options, place, load(*where))
    path = place / options.run_name
    content = None if shared or outcome not in (FINISHED, DIVERGED) else _read(path)
    if not shared:
        shutil.rmtree(path, ignore_errors=True)
    return {"outcome": outcome, "reason": reason, "files": content, "worker": worker.address}


def _sees(folder, token):
    """Tell whether this machine has the sweep's own folder by that path, and may write to it."""
    try:
        return Path(folder, TOKEN).read_text() == token and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _outcome(config, options, place, loaded):
    """Train and return (outcome, reason): whatever goes wrong with one run must not stop the others."""
    try:
        _train(config, options, place, loaded)
        return FINISHED, ""
    except Stopped as stopped:
        if stopped.code != 3:
            return STOPPED, str(stopped)
        return DIVERGED, last_line(Run(place / options.run_name)).removeprefix("stopped : ")
    except Exception as error:
        fault = error.__context__ if isinstance(error, UserError) else error
        if _is_of_the_disk(fault):  # which is the machine's fault, and not that of the run
            return UNFIT, text("{path}: {reason}: make room or mend it", path=fault.filename or place,
                               reason=why(fault))
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        return FAILED, f"{kind}{' '.join(str(error).split())[:300]}"


def last_line(run):
    """Return the last line of a Run's log; of one whose loss was not finite it begins with "stopped : "."""
    return files.read_text(run.path / "log.txt").rstrip("\n").rpartition("\n")[2]


def _is_of_the_disk(fault):
    """Tell whether an error is that of a disk that can't be written; a file that is missing is its run's own fault.

    Network.save has no number to give; filelock's Timeout is an OSError, too.
    """
    return isinstance(fault, OSError) and not isinstance(fault, TimeoutError) and fault.errno in DISK_ERRORS


def _train(config, options, place, loaded):
    """Train a run in a folder, or go on with it if it has begun."""
    from rnn_mnist.train import resume, train
    path = place / options.run_name
    if path.is_dir():
        with guard.locked(path, LOCK_TIMEOUT):
            begun = _has_begun(path)
        if begun:
            changes = {name: value for name, value in asdict(options).items()
                       if name not in ("run_name", "runs_dir", "init_from")}
            return resume(Run(path, Path(options.runs_dir, path.name)), changes, until_unwanted(), loaded)
        shutil.rmtree(path)
    return train(config, options, signals=until_unwanted(), loaded=loaded, place=place)


def _has_begun(path):
    """Tell whether there is anything in a run to go on from; raise UserError if the folder is something else."""
    if any((path / "checkpoints" / name).is_file() for name in ("last.json", "previous.json")):
        return True
    if unknown := sorted(name for name in os.listdir(path) if name not in MADE_FIRST and not name.endswith(".tmp")):
        raise UserError("{path}: holds {name}, but no checkpoint to go on from: move it away", path=path,
                        name=unknown[0])
    return False


@contextlib.contextmanager
def until_unwanted():
    """Give the signals that stop a training: one comes when nobody waits for this run any more.

    That is so when the sweep was interrupted or killed, when the scheduler is gone, or when this worker is to close.
    """
    from distributed import Status, get_worker
    worker, signals, trained = get_worker(), [], threading.Event()
    key = worker.get_current_task()

    def watch():
        """Look, until the run is trained, whether its task is still one of the worker's."""
        while not trained.wait(POLL):
            task = worker.state.tasks.get(key)
            wanted = task is not None and task.state not in ("cancelled", "released", "forgotten")
            if not wanted or worker.status not in (Status.running, Status.paused):
                signals.append(signal.SIGTERM)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield signals
    finally:
        trained.set()
        watcher.join()


def _read(path):
    """Return {path: bytes} of all files in a run."""
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*"))
            if file.is_file() and file.name != ".lock" and file.suffix != files.BESIDE}
