"""The run directory: create, find and read it; every file in it appears whole or grows by whole lines.

runs/README.md states the contract. Checkpoints are checkpoints.py's business.
"""

import contextlib
import csv
import hashlib
import importlib.metadata
import io
import itertools
import json
import math
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from rnn_mnist import processor
from rnn_mnist.config import UserError, differences, from_json, parse_json_object, result_settings, to_json

COLUMNS = ("epoch", "acc_batch", "loss_batch", "acc_running", "loss_running", "acc_valid", "loss_valid", "penalty",
           "seconds", "images_per_second")
TIMES = ("seconds", "images_per_second")  # the columns that two runs of one config do not share
MAY_BE_EMPTY = ("acc_valid", "loss_valid")  # without validation images
FIGURES = ("acc_test", "loss_test", "n_test", "n_correct_test", "epochs", "seconds")  # that every result.json holds


def new_run_path(config, base):
    """Return the path for a new run, named by the config or by time, model, what differs from base, and seed.

    An automatic name that is taken gets "-2", "-3", ... Nothing is made yet. Raise UserError if the name is no plain
    folder name, exists, or the folder can't be written.
    """
    name = config.run_name if config.run_name is not None else _automatic_name(config, base)
    if not name or name in (".", "..") or name != os.path.basename(name) or "\\" in name or "\0" in name:
        raise UserError(f"--run-name '{name}' must be a plain folder name: no separators, no '..', not empty")
    if not config.runs_dir or "\0" in config.runs_dir:
        raise UserError("--runs-dir must name a folder")
    parent = Path(config.runs_dir)
    path = parent / name
    if config.run_name is None:  # two short runs may start within one second
        names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
        path = next(parent / name for name in names if not os.path.lexists(parent / name))
    elif os.path.lexists(path):
        raise UserError(f"--run-name {name}: {path} exists: choose another name, or go on with it by --resume {path}")
    existing = next(folder for folder in (parent, *parent.absolute().parents) if os.path.lexists(folder))
    if not existing.is_dir():
        raise UserError(f"--runs-dir {parent}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"--runs-dir {parent}: {existing} cannot be written to: choose another folder")
    return path


def _automatic_name(config, base):
    changed = differences(config, base)
    changed.pop("seed", None)
    words = [name + ("-".join(map(str, value)) if isinstance(value, tuple) else str(value))
             for name, value in changed.items()]
    return "_".join([time.strftime("%Y%m%d-%H%M%S"), config.model, *words, f"s{config.seed}"])[:200]


def create_run(path, config, environment):
    """Make the run directory with config.json, environment.json and the header of metrics.csv."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
    except FileExistsError:
        raise UserError(f"{path} exists: choose another --run-name") from None
    except OSError as error:
        raise UserError(f"cannot make {path}: {error.strerror}: choose another --run-name or --runs-dir") from None
    try:
        (path / "checkpoints").mkdir()
        write_whole(path / "config.json", to_json(config))
        write_whole(path / "environment.json", json.dumps(environment, indent=2) + "\n")
        write_whole(path / "log.txt", "")
        write_whole(path / "metrics.csv", ",".join(COLUMNS) + "\n")
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise


def find_runs(folder):
    """Return the run directories in a folder, at any depth, sorted; a folder that is a run is its only one."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: give a run directory, such as runs/NAME")
    if _is_run(folder):
        return [folder]
    found = [Path(root) for root, _, files in os.walk(folder) if {"config.json", "metrics.csv"} <= set(files)]
    return sorted(found)


def open_run(path):
    """Return the path of a run directory as a Path; raise UserError if it is none."""
    path = Path(path)
    with contextlib.suppress(OSError, ValueError):
        if _is_run(path):
            return path
        missing = [name for name in ("config.json", "metrics.csv") if not (path / name).is_file()]
        if path.is_dir() and len(missing) == 1:
            raise UserError(f"{path}: {missing[0]} is missing: the folder is no longer a whole run")
    raise UserError(f"{path}: no run directory (it would hold config.json and metrics.csv)")


def _is_run(path):
    return (path / "config.json").is_file() and (path / "metrics.csv").is_file()


def read_config(run):
    """Return the Config of a run; raise UserError if config.json is not what was written."""
    path = run / "config.json"
    return from_json(read_text(path), path)


def read_json(path):
    """Return the dict in a JSON file; raise UserError if it can't be read or holds something else."""
    return parse_json_object(read_text(path), path)


def read_text(path):
    """Return the text of a file of reasonable size; raise UserError if it can't be read as UTF-8."""
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise UserError(f"{path}: is not a file: restore or delete it")
        if path.stat().st_size > 64_000_000:
            raise UserError(f"{path}: larger than 64 MB: this is no file of a run")
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except ValueError:
        raise UserError(f"{path}: is not text: restore or delete the file") from None


def read_metrics(run):
    """Return metrics.csv as a list of {column: number, or None where empty}, one dict per epoch."""
    path = run / "metrics.csv"
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise UserError(f"{path}: its header is not {','.join(COLUMNS)}: the file is damaged")
    metrics = []
    for i, row in enumerate(rows[1:]):
        try:
            values = [None if cell == "" and name in MAY_BE_EMPTY else float(cell)
                      for name, cell in zip(COLUMNS, row, strict=True)]
            if values[0] != i or not all(math.isfinite(value) for value in values if value is not None):
                raise ValueError
        except ValueError:
            raise UserError(f"{path}: row {i + 2} is damaged: {','.join(row):.60}") from None
        metrics.append(dict(zip(COLUMNS, [i, *values[1:]], strict=True)))
    return metrics


def append_metrics(run, row):
    """Append one epoch's {column: number or None} to metrics.csv; floats are written so that they read back exact."""
    append(run / "metrics.csv", ",".join("" if row[name] is None else repr(row[name]) for name in COLUMNS) + "\n")


def say(run, line):
    """Print a line of the log and append it to log.txt."""
    append(run / "log.txt", line + "\n")
    print(line, flush=True)


def append(path, content):
    """Append text or bytes to a file and flush it to disk; if the disk refuses a part, nothing is appended."""
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        try:
            left = memoryview(content if isinstance(content, bytes) else content.encode())
            while left:
                left = left[file.write(left):]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(size)
            raise _naming(path, error) from None


def write_whole(path, content):
    """Write a file of text or bytes so that at every instant either the old or the new one is there, whole."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with open(beside, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _naming(path, error) from None
    sync_folder(path.parent)


def _naming(path, error):
    """Return an OSError with the name of its file: writing, unlike opening, leaves it out."""
    return OSError(error.errno, error.strerror, str(path))


def write_result(run, config, values):
    """Write result.json: the values, the digest of the settings they came from, and that of all of these."""
    values = {**values, "config": digest_of(result_settings(config))}
    write_whole(run / "result.json", json.dumps({**values, "digest": digest_of(values)}, indent=2) + "\n")


def read_result(run):
    """Return result.json as a dict, or None if the run is not finished; raise UserError if it is damaged."""
    path = run / "result.json"
    if not os.path.lexists(path):
        return None
    result = read_json(path)
    digest = result.pop("digest", None)
    if (any(type(result.get(name)) not in (int, float) for name in FIGURES) or digest != digest_of(result)
            or result.get("scored") not in ("last", "best")
            or not all(isinstance(result.get(name), str) for name in ("data", "weights", "config"))):
        raise UserError(f"{path}: damaged or edited: delete it and score the run again by --resume {run}")
    return result


def digest_of(values):
    """Return the SHA-256 (hex) of a dict of plain values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def sync_folder(folder):
    """Flush a folder's entries to disk, where the system can do that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_digest(path, n_bytes=None):
    """Return the SHA-256 (hex) of a file's first n_bytes, or all; raise OSError if it is shorter."""
    content = path.read_bytes()
    if n_bytes is not None and len(content) < n_bytes:
        raise OSError(f"{path} is shorter than {n_bytes} bytes")
    return hashlib.sha256(content[:n_bytes]).hexdigest()


def describe_machine():
    """Return what a result could depend on beside config and data: versions, system, processor, code."""
    packages = {name: _version(name) for name in ("tensorflow", "tf_keras", "numpy", "rnn_mnist")}
    return {"python": platform.python_version(), **packages, "platform": platform.platform(), **processor.describe(),
            "git_commit": _git_commit()}


def note_environment(run, environment):
    """Add to environment.json what is different where a run goes on; a lost or damaged one is left as it is."""
    with contextlib.suppress(UserError):
        before = read_json(run / "environment.json")
        changed = {name: value for name, value in environment.items() if before.get(name) != value}
        if changed:
            earlier = before.get("resumed_with")
            before["resumed_with"] = [*(earlier if isinstance(earlier, list) else []), changed]
            write_whole(run / "environment.json", json.dumps(before, indent=2) + "\n")


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit():
    """Return the commit of this source tree, '-dirty' added if it was changed; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
