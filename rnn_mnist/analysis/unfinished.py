"""Remove runs that are not finished: listed, asked for, and nothing but what a training has made."""

import os
import shutil
import sys
from pathlib import Path

from rnn_mnist.console import guard
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note, say
from rnn_mnist.console.settings import UserError
from rnn_mnist.files import BESIDE
from rnn_mnist.run import NEEDED, Run

# All that the project ever puts into the folder of a run, but result.json. A folder with anything else is left alone.
CONTENT = {"config.json", "environment.json", "log.txt", "metrics.csv", "validation.csv", "note.txt", "checkpoints",
           "events", "plots", "export", "report.html", ".lock"}


def remove_unfinished(summaries, paths, yes):
    """Remove the runs of summaries that are not finished, having listed them and asked; yes: without asking.

    paths: the folders that the runs were found in. A run that is being trained and a folder that holds something else
    are left, with a line on stderr each. Raise UserError if a path is a symbolic link, or if there is nobody to ask.
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
    for summary in unfinished:
        with guard.left_out():
            _remove(Run(summary["run"]))
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

    What makes the folder a run goes last: of a run whose removal was interrupted, the rest can be removed, too.
    """
    with guard.locked(run):
        if os.path.lexists(run.path / "result.json"):
            raise UserError("{run}: has been finished meanwhile", run=run)
        guard.check_plain(run.path)
        names = sorted(os.listdir(run.path), key=lambda name: name in NEEDED)
        if strange := [name for name in names if name not in CONTENT and not name.endswith(BESIDE)]:
            raise UserError("{run}: holds {name}, which no training has made: remove it yourself", run=run,
                            name=strange[0])
        for name in names:
            path = run.path / name
            if path.is_dir():
                shutil.rmtree(path)
            elif name != ".lock":  # which Windows does not remove while it is open
                path.unlink()
    (run.path / ".lock").unlink(missing_ok=True)
    run.path.rmdir()
