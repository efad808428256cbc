"""What guards a run: where it may be made, how resumed, a lock, a way to stop between steps, faults only noted."""

import contextlib
import itertools
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

from rnn_mnist.console import machine, output
from rnn_mnist.console.command import handling_signals, out_of_memory, script
from rnn_mnist.console.languages import text, why
from rnn_mnist.console.log import resume_command
from rnn_mnist.console.output import note, plain
from rnn_mnist.console.settings import UserError, differences, named, resume_hint, sort

# Names of files that every system takes: see "Naming Files, Paths, and Namespaces" in Microsoft's documentation.
_PLAIN_NAME = re.compile(r'[^<>:"/\\|?*]*[^<>:"/\\|?*. ]')
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])([. ].*)?", re.IGNORECASE)
_FILE = re.compile(r"step-|.*\.(json|txt|csv)$")  # what in a run is never a folder
MAX_BYTES = 2**34  # of any file in a run: five times the checkpoint of the largest layer


def check_plain(run):
    """Raise UserError unless all in the folder of a run are folders, and files that no other place shares.

    Whoever gets a run from others would, by a link in it, write to wherever that points, and by a pipe wait for ever.
    """
    for folder, folders, names in os.walk(run):  # does not follow links
        for name in folders + names:
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):  # one that is being trained replaces its files
                status = os.lstat(path)
                problem = ("is a symbolic link" if stat.S_ISLNK(status.st_mode) else
                           "is no file" if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode) else
                           "is a folder" if name in folders and _FILE.match(name) else
                           "is a file of two names (a hard link)" if name in names and status.st_nlink > 1 else
                           "is too large" if status.st_size > MAX_BYTES else None)
                if problem:
                    raise UserError("{path}: {problem}, which the files of a run must not be: copy what it stands for "
                                    "in its place, or delete it", path=path, problem=text(problem))


def shortened(name, n_bytes=100):
    """Return the beginning of a name in as many bytes at most, without what a system may refuse in a file's name."""
    return re.sub(r'[<>:"/\\|?*\s]', "-", plain(name).replace("\\u", "-")).encode()[:n_bytes].decode(errors="ignore")


def check_place(options, exists_ok=False):
    """Raise UserError unless a new run can be made where RunOptions say; nothing is made yet.

    exists_ok: the folder of the name may be there.
    """
    name, parent = options.run_name, Path(options.runs_dir)
    if not options.runs_dir or plain(options.runs_dir) != options.runs_dir:
        raise UserError("{runs_dir} '{folder}' must name a folder, in UTF-8 and without control characters",
                        runs_dir=named("runs_dir"), folder=options.runs_dir)
    check_utf8(parent)
    if name is not None and (plain(name) != name or not _PLAIN_NAME.fullmatch(name) or _RESERVED.fullmatch(name)):
        raise UserError("{run_name} '{name}' must be a plain folder name on every system: not empty, no separators, "
                        "none of <>:\"|?* or of the control characters, no dot or space at its end, not a device of "
                        "Windows such as CON", run_name=named("run_name"), name=name)
    if name is not None and not exists_ok and os.path.lexists(parent / name):
        raise UserError("{run_name}: {path} exists: choose another name, or go on with it by {how}",
                        run_name=named("run_name", name), path=parent / name, how=resume_hint(parent / name))
    existing = next(folder for folder in (parent, *parent.absolute().parents) if os.path.lexists(folder))
    if not existing.is_dir():
        raise UserError("{runs_dir} {parent}: {existing} is not a folder", runs_dir=named("runs_dir"), parent=parent,
                        existing=existing)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError("{runs_dir} {parent}: {existing} cannot be written to: choose another folder",
                        runs_dir=named("runs_dir"), parent=parent, existing=existing)


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
                raise UserError("{path} exists: choose another {run_name}", path=path,
                                run_name=named("run_name")) from None
        except OSError as error:
            other = [named("run_name")] * bool(name) + [named("runs_dir")]
            raise UserError("cannot make {path}: {reason}: choose another {other}", path=path, reason=why(error),
                            other=text(" or ").join(other)) from None


def put_back(run):
    """Return what to do about a file of a checkpoint that can't be read."""
    return text("put it back, or repeat the run by {command}", command=f"{script('rerun')} {run}")


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
        raise UserError("{name} would change the result of {run}: start a new run instead", name=named(changed[0]),
                        run=run)
    if moved := [name for name in differences(options_then, options) if name in ("run_name", "runs_dir")]:
        raise UserError("{name} has no effect on {run}: leave it out, or move the folder", name=named(moved[0]),
                        run=run)
    if options_then.init_from != options.init_from and (state.step >= 0 or not config.init_weights):
        raise UserError("{init_from} has no effect on {run}, which has begun already: leave it out",
                        init_from=named("init_from"), run=run)
    if "epochs" not in given and config.epochs != state.epochs:
        raise UserError("{run}/config.json asks for {epochs} epochs, its checkpoint for {others}: say which by {give}",
                        run=run, epochs=config.epochs, others=state.epochs, give=named("epochs", "N"))
    if target.epochs < state.epoch + bool(state.n_steps):
        raise UserError("{epochs}: {run} has gone further, to epoch {epoch:03d}: give more",
                        epochs=named("epochs", target.epochs), run=run, epoch=state.epoch)
    return target, options_then


def named_data(data_dir):
    """Return the path of the data that a setting or RNN_MNIST_DATA names, None if neither does.

    Raise UserError if it is not there.
    """
    given = data_dir, os.environ.get("RNN_MNIST_DATA") or None
    for origin, path in zip((named("data_dir"), "RNN_MNIST_DATA"), given, strict=True):
        if path is not None:
            path = os.path.expanduser(path)
            if not os.path.exists(path):
                raise UserError("{origin}: no such file or folder '{path}': give the folder that holds MNIST",
                                origin=origin, path=path)
            return path


def check_data_dir(run, options, changes):
    """Raise UserError if the folder of data that a Run had is no longer there and changes name no other."""
    if options.data_dir and "data_dir" not in changes and not os.path.exists(options.data_dir):
        raise UserError("{run}/config.json: its data_dir {folder:.200} is not there: say where by {data_dir}",
                        run=run, folder=options.data_dir, data_dir=named("data_dir"))


def check_data(run, digest, source):
    """Raise UserError unless the digest of a Run's data is that of a Source."""
    if digest != source.digest:
        raise UserError("{run} was trained on other data than that found ({kind}, {where}): give the folder of the "
                        "former by {data_dir}", run=run, kind=text(source.kind), where=text(source.where),
                        data_dir=named("data_dir"))


def check_size(n_weights, path):
    """Raise UserError if a checkpoint's file has less than so many weights: the network is built before it is read."""
    with contextlib.suppress(OSError):  # whoever reads it will say so
        if os.path.getsize(path) < 4 * n_weights:
            raise UserError("{path}: too small for the network of config.json: one of them was edited or damaged",
                            path=path)


def check_utf8(path):
    """Raise UserError if a path, made absolute, is not UTF-8, as TensorFlow wants those that it writes to."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError("{path}: its path is not UTF-8, as TensorFlow needs it: rename the folder", path=path) from None


@contextlib.contextmanager
def locked(run, timeout=0):
    """Keep every other process from training into a Run, or folder; raise UserError if one does, or if it is read-only.

    The lock is the system's own (flock), held by the open file: it ends with its process, however that ends. One that
    another process holds is waited for, at most timeout seconds.
    """
    folder = Path(run)
    check_utf8(folder)
    import filelock  # not for those who only read a run
    lock = filelock.FileLock(folder / ".lock", timeout=timeout)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError("{run}: another process is training into it: wait for it or stop it", run=run) from None
    except OSError as error:
        raise UserError("{run}: cannot be written to ({reason}): make it writable, or go on with a copy of it",
                        run=run, reason=why(error)) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def noting_signals():
    """Give a list in which signals to end are noted, so that the step in progress is finished; leave on the second.

    To be called in the main thread.
    """
    signals = []

    def keep(number, _):
        """Note the first signal, obey the second."""
        if signals:
            os._exit(128 + number)
        signals.append(number)

    with handling_signals(keep):
        yield signals


@contextlib.contextmanager
def telling_how_to_go_on(run, config):
    """Turn what a full disk or memory does to the training of a Run into a UserError with the command to go on by.

    If whoever reads standard output leaves, as `head` does, the training goes on; that is said, too.
    """
    command, output.goes_on_in = resume_command(run, config), f"{run}/log.txt"
    try:
        yield
    except OSError as error:
        where = error.filename or (text("standard output") if error.strerror else run)
        raise UserError("{where}: {reason}: make room or mend it, then go on by {command}", where=where,
                        reason=why(error), command=command) from None
    except MemoryError as error:
        raise UserError("{reason}; go on by {command}", reason=out_of_memory(error), command=command) from None
    finally:
        output.goes_on_in = None


@contextlib.contextmanager
def left_out():
    """Say on stderr what is wrong with one run of many, if the block finds it so, and go on."""
    try:
        yield
    except UserError as error:
        note(text("left out: {error}", error=error))


@contextlib.contextmanager
def only_noted(what):
    """Say on stderr what, in the language, could not be done, and why, if the block fails: the rest is worth more."""
    try:
        yield
    except Exception as error:  # matplotlib raises a dozen kinds, on a broken font or a full disk
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        note(text("note: {what}: {reason}", what=what, reason=reason))
