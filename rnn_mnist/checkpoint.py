"""Checkpoints with the full state of a run, so that it goes on to the same bits after any interruption.

A checkpoint is a pair of files `step-<global step>.index` and `.data-...` written by tf.train.Saver, and it counts only
once a state file names it with its digests. There are two state files, last.json (the newest) and previous.json (the
one before); each names its own checkpoint and that of the best epoch so far. A state file is replaced in one rename
after the files it names are on disk, and checkpoints are removed only when no state file names them any more: at every
instant a whole one is there. A run begins with a state before the first step, which names no checkpoint.
"""

import dataclasses
import json
import math
import os
import re
from dataclasses import dataclass

import numpy as np

from rnn_mnist.config import UserError, parse_json_object, result_settings
from rnn_mnist.run import digest_of, file_digest, read_text, sync_folder, write_whole

STATE_FILES = ("last.json", "previous.json")
GROWN = ("log.txt", "metrics.csv")


@dataclass(frozen=True)
class State:
    """Hold everything beside the variables that training needs to go on."""

    config: str                 # digest of the settings that change the result, epochs aside
    data: str                   # digest of the data
    epochs: int                 # how many are to be trained in all
    rng: tuple                  # generator at the start of the epoch: its 624 words (hex) and position
    epoch: int = 0              # the one in progress
    totals: tuple = (0, 0, 0, 0.0)  # session.Totals of the epoch in progress: n_steps is the position in it
    seconds: float = 0.0        # of training in the epoch in progress
    best_epoch: int = -1        # -1: none yet
    best_acc_valid: float = -1.0
    files: tuple = ()           # (name, SHA-256) of the checkpoint's files; none before the first step
    best_files: tuple = ()      # those of the best epoch's checkpoint
    grown: tuple = ()           # (name, bytes, SHA-256 of them) of log.txt and metrics.csv


# What a state file may hold, by field: a type, a tuple of such, or a list for any number of the same.
SHAPES = {"config": str, "data": str, "epochs": int, "rng": (str, int), "epoch": int, "totals": (int, int, int, float),
          "seconds": float, "best_epoch": int, "best_acc_valid": float, "files": [(str, str)],
          "best_files": [(str, str)], "grown": [(str, int, str)]}


def settings_digest(config):
    """Return the digest of the settings that change the result, epochs aside: a run may be extended."""
    return digest_of({**result_settings(config), "epochs": None})


def rng_words(rnd):
    """Return a RandomState's state as (hex of its words, position)."""
    _, words, position, _, _ = rnd.get_state()
    return words.astype("<u4").tobytes().hex(), int(position)


def rng_from(words):
    """Return the RandomState that rng_words described."""
    rnd = np.random.RandomState()
    rnd.set_state(("MT19937", np.frombuffer(bytes.fromhex(words[0]), "<u4"), words[1]))
    return rnd


def save_start(run, state):
    """Save the State before the first step, and return it."""
    state = dataclasses.replace(state, grown=_grown(run))
    write_state(run, "last.json", state)
    return state


def save_checkpoint(run, state, step, write_variables, best=False):
    """Save a checkpoint of global step `step` and make it the last one, and the best one if asked; return the State.

    write_variables(prefix) writes the variables. Raise OSError if the disk refuses; older checkpoints stay whole.
    """
    folder = run / "checkpoints"
    write_variables(str(folder / f"step-{step:08d}"))
    paths = [folder / f"step-{step:08d}.{ending}" for ending in ("data-00000-of-00001", "index")]
    for path in paths:
        _sync_file(path)
    sync_folder(folder)
    files = tuple((path.name, file_digest(path)) for path in paths)
    state = dataclasses.replace(state, files=files, best_files=files if best else state.best_files, grown=_grown(run))
    if (folder / "last.json").is_file():
        write_whole(folder / "previous.json", read_text(folder / "last.json"))
    write_state(run, "last.json", state)
    _remove_unnamed(run)
    return state


def write_state(run, name, state):
    """Write a state file, with a digest of its own content."""
    body = dataclasses.asdict(state)
    write_whole(run / "checkpoints" / name, json.dumps({**body, "digest": digest_of(body)}) + "\n")


def read_state(run, name, with_best=False):
    """Return the State in a state file; raise UserError, naming the bad file, unless it and all it names are whole.

    The best epoch's checkpoint is looked at only if with_best is set.
    """
    state = _parse_state(run / "checkpoints" / name)
    for file, digest in state.files + (state.best_files if with_best else ()):
        _check_digest(run / "checkpoints" / file, None, digest)
    for file, size, digest in state.grown:
        _check_digest(run / file, size, digest)
    return state


def find_state(run, with_best=False):
    """Return the newest State that is whole; raise UserError, naming the first bad file, if there is none."""
    folder = run / "checkpoints"
    complaints = []
    for name in STATE_FILES:
        if os.path.lexists(folder / name):
            try:
                return read_state(run, name, with_best)
            except UserError as error:
                complaints.append(str(error))
    if complaints:
        raise UserError(complaints[0])
    raise UserError(f"{folder}: last.json is missing: the run was stopped before its first step, or its checkpoints "
                    "were taken away: start it anew")


def prefix(run, files):
    """Return the path that tf.train.Saver knows a checkpoint by, from State.files or State.best_files."""
    return str(run / "checkpoints" / files[0][0].split(".")[0])


def cut_back(run, state):
    """Cut log.txt and metrics.csv back to what they were when the state was saved."""
    for name, size, _ in state.grown:
        with open(run / name, "r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def _grown(run):
    return tuple((name, (run / name).stat().st_size, file_digest(run / name)) for name in GROWN)


def _parse_state(path):
    """Return the State in a file, whether or not the files that it names are whole."""
    values = parse_json_object(read_text(path), path)
    digest = values.pop("digest", None)
    values = {key: _tuples(value) for key, value in values.items()}
    if values.keys() != SHAPES.keys() or not all(_has_shape(values[key], shape) for key, shape in SHAPES.items()):
        raise UserError(f"{path}: damaged: it is not the state of a checkpoint")
    state = State(**values)
    if digest != digest_of(dataclasses.asdict(state)):
        raise UserError(f"{path}: damaged: its content does not match its digest")
    names = [name for name, _ in state.files + state.best_files]
    if (not re.fullmatch(r"[0-9a-f]{4992}", state.rng[0]) or state.rng[1] > 624
            or not all(re.fullmatch(r"step-\d{8,18}\.[\w.-]+", name) for name in names)
            or tuple(name for name, _, _ in state.grown) != GROWN or state.totals[0] > state.totals[1]
            or min(state.epoch, state.seconds, state.rng[1], *state.totals, *(size for _, size, _ in state.grown)) < 0):
        raise UserError(f"{path}: damaged: it is not the state of a checkpoint")
    return state


def _tuples(value):
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _has_shape(value, shape):
    """Tell whether a value is of a shape in SHAPES; numbers must be finite and, but for "none yet", not negative."""
    if isinstance(shape, list):
        return isinstance(value, tuple) and all(_has_shape(part, shape[0]) for part in value)
    if isinstance(shape, tuple):
        return isinstance(value, tuple) and len(value) == len(shape) and all(map(_has_shape, value, shape))
    return type(value) is shape and (shape is str or (-1 <= value < 2**53 and math.isfinite(value)))


def _check_digest(path, size, digest):
    try:
        found = file_digest(path, size)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'damaged: it is shorter than it was'}") from None
    if found != digest:
        raise UserError(f"{path}: damaged: its content does not match the digest in the checkpoint's state")


def _remove_unnamed(run):
    """Remove checkpoint files that no state file names; none at all if a state file is damaged."""
    folder = run / "checkpoints"
    try:
        states = [_parse_state(folder / name) for name in STATE_FILES if (folder / name).is_file()]
    except UserError:
        return
    named = {file for state in states for file, _ in state.files + state.best_files}
    for path in folder.glob("step-*"):
        if path.name not in named and path.is_file():
            path.unlink()


def _sync_file(path):
    with open(path, "r+b") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())
