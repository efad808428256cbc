"""Remove runs that are not finished: listed, asked for, and nothing but what a training has made."""

import contextlib
import os
import re
import sys
from pathlib import Path

from rnn_mnist.checkpoint import find_state
from rnn_mnist.console import guard
from rnn_mnist.console.languages import text, why
from rnn_mnist.console.output import note, say
from rnn_mnist.console.settings import UserError, resume_hint
from rnn_mnist.run import NEEDED, Run

# Every file that the project makes in a run that is not finished, but for export/, which somebody has asked for. The
# last is one that was being written when its process was killed. A run with any other file is left alone.
MADE = re.compile("|".join((
    r"(config|environment)\.json|(log|note)\.txt|(metrics|validation)\.csv|report\.html|\.lock",
    r"checkpoints/(last|previous)\.json",
    r"checkpoints/step-\d+\.(npz|(index|data-\d+-of-\d+)(\.tempstate\d+)?)",
    r"events/events\.out\.tfevents\.[^/]+",
    r"plots/((data|rows)-[^/]+/){0,2}[^/]+\.png",
    r"((checkpoints|events|plots(/(data|rows)-[^/]+){0,2})/)?\.[^/]{1,40}\.[0-9a-f]{16}\.tmp")))

LAST = ("environment.json", *NEEDED)  # of a run whose removal was interrupted, the rest can be removed, too


def remove_unfinished(summaries, paths, yes):
    """Remove the runs of summaries that are not finished, having listed them and asked; yes: without asking.

    paths: the folders that the runs were found in. A run that is being trained and a folder that holds something else
    are left, with a line on stderr each; so is one that has only to be scored. Raise UserError if a path is a symbolic
    link, or if there is nobody to ask.
    """
    if links := [path for path in map(Path, paths) if path.is_symlink()]:
        raise UserError("{path}: is a symbolic link: name the folder itself, {target}", path=links[0],
                        target=links[0].resolve())
    unfinished = [summary for summary in summaries if not summary["finished"]]
    if not unfinished:
        say(text("not finished : none of {n} runs", n=len(summaries)))
        return
    say(text("not finished : {n} of {n_all} runs", n=len(unfinished), n_all=len(summaries)))
    say(*(text("{run} : {epochs} of {asked} epochs", run=summary["run"], epochs=summary["epochs"],
               asked=summary["epochs_asked"]) for summary in unfinished))
    if not yes and not _agreed(len(unfinished)):
        say(text("nothing removed"))
        return
    n_removed = 0
    # Resolved before the first goes: the current folder may be one of them.
    for path, name in [(Path(summary["run"]).resolve(), summary["run"]) for summary in unfinished]:
        with guard.left_out():
            _remove(Run(path, name))
            n_removed += 1
    say(text("removed : {n} of {n_all} runs that are not finished", n=n_removed, n_all=len(unfinished)))


def _agreed(n):
    """Ask whether so many runs are to be removed; no is what anything but y or yes means."""
    if not sys.stdin.isatty():
        raise UserError("--remove-unfinished: there is no terminal to ask on: add --yes")
    note(text("remove for good : {n}? [y/N]", n=n))
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(run):
    """Remove a Run that is not finished; raise UserError, having removed nothing, unless it is such a run alone.

    It is raised, too, if the system refuses.
    """
    try:
        with guard.locked(run):
            _check(run)
            names, folders = _content(run)
            for name in sorted(names + folders, key=lambda name: (-name.count("/"), name in LAST)):
                path = run.path / name
                if name in folders:
                    path.rmdir()
                elif name != ".lock":  # which Windows does not remove while it is open
                    path.unlink()
        (run.path / ".lock").unlink(missing_ok=True)
        run.path.rmdir()
    except OSError as error:
        raise UserError("{run}: cannot be removed whole ({reason})", run=run,
                        reason=f"{error.filename or run}: {why(error)}") from None


def _check(run):
    """Raise UserError unless a Run is to be trained further and holds nothing but what a training has made."""
    if os.path.lexists(run.path / "result.json"):
        raise UserError("{run}: has been finished meanwhile", run=run)
    if _is_trained(run):
        raise UserError("{run}: is trained and has only to be scored: finish it by {how}", run=run,
                        how=resume_hint(run))
    guard.check_plain(run.path)
    if strange := [name for name in _content(run)[0] if not MADE.fullmatch(name)]:
        raise UserError("{run}: holds {name}, which no training has made: remove it yourself", run=run,
                        name=strange[0])


def _is_trained(run):
    """Tell whether all epochs of a Run are trained, or patience has ended it."""
    if len(run.metrics) >= run.config.epochs:
        return True
    with contextlib.suppress(UserError):  # without a whole checkpoint nothing has ended it
        return 0 < run.config.patience <= find_state(run.path).n_worse
    return False


def _content(run):
    """Return (files, folders) of a Run, at any depth, as paths in it with /; raise OSError if one is unreadable."""
    def fail(error):
        """Raise what os.walk would pass over."""
        raise error

    names, folders = [], []
    for root, below, files in os.walk(run.path, onerror=fail):
        place = Path(root).relative_to(run.path)
        names += [(place / name).as_posix() for name in files]
        folders += [(place / name).as_posix() for name in below]
    return sorted(names), folders
