"""Checkpoints with the full state of a run, so that it goes on to the same bits after any interruption.

A checkpoint, a pair of files that tf.train.Saver writes, counts once a state file names it with its digest: last.json
(the newest) or previous.json, which name the best epoch's as well. A state file is replaced in one rename after the
files it names are on disk, and checkpoints are removed only when no state file names them any more: at every instant a
whole one is there. Beside each lie its weights in a plain npz, for those who would not wait for TensorFlow; training
does without. A run begins with a state that names none. Where the order of the images goes on follows from seed and
epoch. `run` is the path of a run directory, but for check_settings.
"""

import contextlib
import hashlib
import io
import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from rnn_mnist import files
from rnn_mnist.cells import n_weights
from rnn_mnist.console import guard
from rnn_mnist.console.forms import check_state, read_validation
from rnn_mnist.console.languages import why
from rnn_mnist.console.settings import UserError, convert, read, setting
from rnn_mnist.datasets.files import npz_readers

STATE_FILES = ("last.json", "previous.json")
NPZ_EXTRA = 2**20  # bytes that an npz may have beyond its arrays: some 400 for each


@dataclass(frozen=True)
class State:
    """Hold everything beside the variables that training needs to go on; raise UserError if it can't be such."""

    config: str = setting("", "digest of the settings, epochs aside")
    data: str = setting("", "digest of the data")
    epochs: int = setting(1, "how many are to be trained in all", low=1)
    epoch: int = setting(0, "the one in progress", low=0)
    n_steps: int = setting(0, "minibatches of it that are done", low=0)
    n_images: int = setting(0, "images in them", low=0)
    n_correct: int = setting(0, "those classified right", low=0)
    xentropy: float = setting(0.0, "their cross-entropy, summed", low=0)
    seconds: float = setting(0.0, "of training in the epoch in progress", low=0, high=1e9)
    best_epoch: int = setting(-1, "that of the best validation; -1: none yet", low=-1)
    best_acc_valid: float = setting(-1.0, "its accuracy", low=-1, high=1)
    n_worse: int = setting(0, "validations since the best", low=0)
    step: int = setting(-1, "global step of the checkpoint; -1: none, before the first step", low=-1)
    digest: str = setting("", "of the checkpoint's files")
    weights: str = setting("", "weights_digest of the npz beside it; empty: none, the run is of an earlier version")
    best_step: int = setting(-1, "the same of the best validation's checkpoint", low=-1)
    best_digest: str = setting("", "the same of the best validation's checkpoint")
    best_weights: str = setting("", "the same of the best validation's checkpoint")
    log: str = setting("", "log.txt as it was")
    metrics: str = setting("", "metrics.csv as it was")
    validation: str = setting("", "validation.csv as it was; empty: there is none")

    def __post_init__(self):
        convert(self)


def settings_digest(config):
    """Return the digest of a Config, epochs aside: a run may be extended."""
    return files.digest({**asdict(config), "epochs": None})


def check_settings(run, state):
    """Raise UserError unless the settings of a Run are those that a State was saved with."""
    guard.check_size(n_weights(run.config), _paths(run.path, state.step)[0])
    if state.config != settings_digest(run.config):
        raise UserError("{run}/config.json: edited or damaged: its settings are not those of the checkpoint", run=run)


def save_checkpoint(run, state, step, write_variables, weights, best=False):
    """Save a checkpoint of global step `step` and make it the last one, and the best one if asked; return the State.

    write_variables(prefix) writes the variables; weights: {name: float32 array} of those that are trained. Raise
    OSError if the disk refuses; older checkpoints stay whole.
    """
    sys.audit("rnn_mnist.checkpoint", step)
    folder = run / "checkpoints"
    write_variables(_prefix(run, step))
    for path in _paths(run, step):
        with open(path, "r+b") as file:  # Windows flushes only what is open for writing
            os.fsync(file.fileno())
    npz = io.BytesIO()
    np.savez(npz, **weights)
    files.write(_npz_path(run, step), npz.getvalue())  # flushes the folder, too
    state = replace(state, step=step, digest=_digest(_paths(run, step)), weights=weights_digest(weights))
    if best:
        state = replace(state, best_step=step, best_digest=state.digest, best_weights=state.weights)
    if (folder / "last.json").is_file():  # it may have been deleted meanwhile
        files.write(folder / "previous.json", files.read_bytes(folder / "last.json"))
    state = save_state(run, state)
    _remove_unnamed(run)
    return state


def save_state(run, state):
    """Write last.json: a State, the log and the figures as they are, and a digest of all this; return the State."""
    state = replace(state, log=files.read_text(run / "log.txt"), metrics=files.read_text(run / "metrics.csv"))
    if (path := run / "validation.csv").is_file():
        state = replace(state, validation=files.read_text(path))
        read_validation(state.validation, path)  # what is damaged must not take the place of what is not
    body = asdict(state)
    files.write(run / "checkpoints" / "last.json", {**body, "digest_of_all": files.digest(body)})
    return state


def read_state(run, name, best=False):
    """Return the State in a state file; raise UserError, naming the bad file, unless it and all it names are whole.

    The best validation's checkpoint is looked at only if `best` is set.
    """
    path = run / "checkpoints" / name
    state = _parse_state(path)
    check_state(state, path)
    for step, digest in [(state.step, state.digest)] + [(state.best_step, state.best_digest)] * best:
        if step >= 0 and _digest(_paths(run, step)) != digest:
            raise UserError("{prefix}.*: damaged: not what {name} knows them by", prefix=_prefix(run, step), name=name)
    return state


def read_weights(run, state):
    """Return the {variable name: float32 array} beside the checkpoint of a State; None if they are not there, whole."""
    path, (variables, _) = _npz_path(run, state.step), _paths(run, state.step)
    with contextlib.suppress(Exception):  # of a dozen kinds, from zipfile and NumPy: it is damaged, or another's
        left, weights = os.path.getsize(variables), {}  # the checkpoint holds them, too
        for name, read_array in npz_readers(files.read_bytes(path, left + NPZ_EXTRA), np.float32, left).items():
            weights[name] = read_array()
            if (left := left - weights[name].nbytes) < 0:
                return None
        return weights if weights_digest(weights) == state.weights else None


def weights_digest(weights):
    """Return the SHA-256 (hex) over names, shapes and little-endian bytes of {name: array}."""
    digest = hashlib.sha256()
    for name, array in sorted(weights.items()):
        digest.update(f"{name} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def stamp(run):
    """Return what is another after every save; None if last.json is not there."""
    with contextlib.suppress(OSError):
        status = os.lstat(run / "checkpoints" / "last.json")
        return status.st_ino, status.st_mtime_ns


@contextlib.contextmanager
def copied(run, step, digest):
    """Give the prefix of a copy of a checkpoint in a temporary folder; raise UserError unless it has this digest.

    TensorFlow takes "[" in a path for a pattern, and a run that is being trained removes its checkpoints.
    """
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder, path.name) for path in _paths(run, step)]
        for path, copy in zip(_paths(run, step), copies, strict=True):
            try:
                shutil.copyfile(path, copy)
            except FileNotFoundError as error:
                cure = guard.put_back(run)
                raise UserError("{path}: cannot be read ({e}): {cure}", path=path, e=why(error), cure=cure) from None
            except OSError as error:
                error.filename = folder
                raise
        if _digest(copies) != digest:
            raise UserError("{prefix}.*: damaged: {cure}", prefix=_prefix(run, step), cure=guard.put_back(run))
        yield str(copies[1].with_suffix(""))


def find_state(run, best=False):
    """Return the newest State that is whole; raise UserError, naming the first bad file, if there is none."""
    folder, complaints = run / "checkpoints", []
    for name in STATE_FILES:
        if os.path.lexists(folder / name):
            try:
                return read_state(run, name, best)
            except UserError as error:
                complaints.append(error)
    raise complaints[0] if complaints else UserError(
        "{folder}: last.json is missing: the run was stopped before its first step, or its checkpoints were taken "
        "away: start it anew", folder=folder)


def restore_files(run, state):
    """Put the log and the figures back to what they were; remove a result, and what a killed process was writing."""
    files.write(run / "log.txt", state.log)
    files.write(run / "metrics.csv", state.metrics)
    if state.validation:
        files.write(run / "validation.csv", state.validation)
    else:
        (run / "validation.csv").unlink(missing_ok=True)
    (run / "result.json").unlink(missing_ok=True)  # last: what has failed before costs nothing
    for folder in (run, run / "checkpoints"):
        for path in folder.glob(f".*{files.BESIDE}"):
            path.unlink()


def _prefix(run, step):
    """Return the path that tf.train.Saver knows a checkpoint by."""
    return str(run / "checkpoints" / f"step-{step:08d}")


def _paths(run, step):
    return [Path(f"{_prefix(run, step)}.{ending}") for ending in ("data-00000-of-00001", "index")]


def _npz_path(run, step):
    return Path(f"{_prefix(run, step)}.npz")


def _digest(paths):
    """Return the SHA-256 (hex) of files, one after the other; raise UserError, naming it, if one can't be read."""
    found = hashlib.sha256()
    for path in paths:
        with files.opened(path, guard.MAX_BYTES, guard.put_back(path.parents[1])) as file:
            hashlib.file_digest(file, lambda: found)
    return found.hexdigest()


def _parse_state(path):
    """Return the State in a file, whether or not the files that it names are whole."""
    body = files.read_json(path)
    if body.pop("digest_of_all", None) != files.digest(body):
        raise UserError("{path}: damaged, or from another version: its content does not match its digest", path=path)
    return read({"weights": "", "best_weights": "", **body}, path, State)[0]  # earlier versions had neither


def _remove_unnamed(run):
    """Remove checkpoint files that no state file names; none at all if a state file is damaged."""
    folder = run / "checkpoints"
    try:
        states = [_parse_state(folder / name) for name in STATE_FILES if (folder / name).is_file()]
    except UserError:
        return
    named = {path for state in states for step in (state.step, state.best_step)
             for path in (*_paths(run, step), _npz_path(run, step))}
    for path in folder.glob("step-*"):
        if path not in named and path.is_file():
            path.unlink()
