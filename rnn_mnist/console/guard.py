"""What guards a run: where it may be made, how resumed, a lock, a way to stop between steps, faults only noted."""

import contextlib
import itertools
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from rnn_mnist.console import machine
from rnn_mnist.console.settings import UserError, differences, named, resume_hint, sort


def check_place(options):
    """Raise UserError unless a new run can be made where RunOptions say; nothing is made yet."""
    name, parent = options.run_name, Path(options.runs_dir)
    if not options.runs_dir or "\0" in options.runs_dir:
        raise UserError(f"{named('runs_dir')} must name a folder")
    if name is not None and (name in ("", ".", "..") or name != os.path.basename(name) or set(name) & set("\\\0")):
        raise UserError(f"{named('run_name')} '{name}' must be a plain folder name: no separators, no '..', not empty")
    if name is not None and os.path.lexists(parent / name):
        raise UserError(f"{named('run_name', name)}: {parent / name} exists: choose another name, or go on with it by "
                        f"{resume_hint(parent / name)}")
    existing = next(folder for folder in (parent, *parent.absolute().parents) if os.path.lexists(folder))
    if not existing.is_dir():
        raise UserError(f"{named('runs_dir')} {parent}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{named('runs_dir')} {parent}: {existing} cannot be written to: choose another folder")


def new_folder(parent, name, automatic):
    """Make a folder in parent and return its path: of the name, or of the automatic one, -2, -3, ... added if taken."""
    for n in itertools.count(1):
        path = Path(parent, name or (automatic if n == 1 else f"{automatic}-{n}"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            return path
        except FileExistsError:  # of two processes with one name, one is first
            if name:
                raise UserError(f"{path} exists: choose another {named('run_name')}") from None
        except OSError as error:
            other = f"{named('run_name')} or {named('runs_dir')}" if name else named("runs_dir")
            raise UserError(f"cannot make {path}: {error.strerror}: choose another {other}") from None


def settings_to_resume(run, state, changes):
    """Return the Config and RunOptions of a Run with the changes of a resume, a dict.

    State is that of its checkpoint. Raise UserError if a change would change the result or has no effect.
    """
    config, options = run.settings
    given, given_options = sort(changes, type(config), type(options))
    if "isa" in given:
        given["isa"] = machine.resolve(given["isa"])
    target, options_then = replace(config, **given), replace(options, **given_options)
    if changed := [name for name in differences(target, config) if name != "epochs"]:
        raise UserError(f"{named(changed[0])} would change the result of {run}: start a new run instead")
    if moved := [name for name in differences(options_then, options) if name in ("run_name", "runs_dir")]:
        raise UserError(f"{named(moved[0])} has no effect on {run}: leave it out, or move the folder")
    if "epochs" not in given and config.epochs != state.epochs:
        raise UserError(f"{run}/config.json asks for {config.epochs} epochs, its checkpoint for {state.epochs}: "
                        f"say which by {named('epochs', 'N')}")
    if target.epochs < state.epoch + bool(state.n_steps):
        raise UserError(f"{named('epochs', target.epochs)}: {run} has gone further, to epoch {state.epoch:03d}: "
                        "give more")
    return target, options_then


def check_data_dir(run, options, changes):
    """Raise UserError if the folder of data that a Run had is no longer there and changes name no other."""
    if options.data_dir and "data_dir" not in changes and not os.path.exists(options.data_dir):
        raise UserError(f"{run}/config.json: its data_dir {options.data_dir} is not there: say where by "
                        f"{named('data_dir')}")


def check_data(run, digest, source):
    """Raise UserError unless the digest of a Run's data is that of a Source."""
    if digest != source.digest:
        raise UserError(f"{run} was trained on other data than that found ({source.kind}, {source.where}): give the "
                        f"folder of the former by {named('data_dir')}")


@contextlib.contextmanager
def locked(run):
    """Keep every other process from training into a run; raise UserError if one does, or if it is read-only.

    The lock is the system's own (flock), held by the open file: it ends with its process, however that ends.
    """
    import filelock  # not for those who only read a run
    lock = filelock.FileLock(run.path / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"{run}: another process is training into it: wait for it or stop it") from None
    except OSError as error:
        raise UserError(f"{run}: cannot be written to ({error.strerror or error}): make it writable, "
                        "or go on with a copy of it") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def noting_signals():
    """Give a list in which Ctrl-C and SIGTERM are noted, so that the step in progress is finished; leave on the second.

    To be called in the main thread; the handlers that were there are put back.
    """
    signals = []

    def note(number, _):
        """Note the first signal, obey the second."""
        if signals:
            os._exit(128 + number)
        signals.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield signals
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def only_noted(what):
    """Say on stderr what could not be done, and why, if the block fails: the rest is worth more."""
    try:
        yield
    except Exception as error:  # matplotlib raises a dozen kinds, on a broken font or a full disk
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"note: {what}: {reason}", file=sys.stderr)
