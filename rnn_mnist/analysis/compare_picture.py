"""Which curves the picture of a comparison has, what they are called, and where it goes."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from rnn_mnist import files
from rnn_mnist.analysis.compare_report import data_mark, group_words, shared_by, shared_words, words
from rnn_mnist.console.guard import shortened
from rnn_mnist.run import Run

N_CURVES = 8  # unless more are asked for
NOTE_LETTERS = 30  # a longer note is left out of the legend


def draw(summaries, groups, path, n_curves=N_CURVES, only_groups=False):
    """Draw the validation curves of a comparison as a PNG and return its path.

    n_curves: how many at most, the first; 0: all. only_groups: runs that are in no group are left out.
    """
    from rnn_mnist.plots import style  # matplotlib takes half a second to import
    from rnn_mnist.plots.comparison import Line, draw_comparison
    shared = shared_by(summaries)
    by_run = {summary["run"]: summary for summary in summaries}
    members = [([by_run[run] for run in group["runs"]], group_words(group, shared)) for group in groups]
    if not only_groups:
        members = _in_order(summaries, members, shared)
    lines = [Line(**line) for line in _lines(members, shared, with_notes=not only_groups)]
    return draw_comparison(lines, path, n_curves=n_curves or len(lines),
                           n_left_out=len(summaries) - sum(line.n_runs for line in lines),
                           said=shared_words(shared, style.text, style.data_name), data=shared.data)


def has_validation(summary):
    """Tell whether a run was validated after every epoch: only such runs have a curve."""
    return bool(summary["metrics"]) and all(row["acc_valid"] is not None for row in summary["metrics"])


def _in_order(summaries, members, shared):
    """Return (runs, name) of each group, and of each run that is in none, in the table's order.

    A run is named by its settings, unless others have the same.
    """
    group_of = {summary["run"]: i for i, (runs, _) in enumerate(members) for summary in runs}
    alone = {summary["run"]: words(summary["model"], summary["settings"], shared) for summary in summaries
             if summary["run"] not in group_of}
    n_of = Counter(alone.values())
    n_named = Counter(summary["name"] for summary in summaries)
    entries = {}
    for summary in summaries:
        run = summary["run"]
        if run in group_of:
            entries.setdefault(group_of[run], members[group_of[run]])
        else:
            own = summary["name"] if n_named[summary["name"]] == 1 else run
            entries[run] = [summary], alone[run] if n_of[alone[run]] == 1 else own
    return [*entries.values()]


def _lines(members, shared, with_notes):
    """Return what plots.comparison.Line holds, as dicts; entries with the same figures are one line.

    members: (runs, name) of each entry. with_notes: a line of one run has its note. Of runs without validation
    the line is their acc_test and loss_test.
    """
    lines = {}
    for runs, name in members:
        curves = [run for run in runs if has_validation(run)]
        scored = [] if curves else [run for run in runs if run["finished"]]
        if not curves and not scored:
            continue
        figures = _figures(curves) if curves else {"accuracy": np.array([[run["acc_test"]] for run in scored]),
                                                   "loss": np.array([[run["loss_test"]] for run in scored])}
        first = runs[0]
        key = (first["data_digest"], first["finished"], bool(curves), *(each.tobytes() for each in figures.values()))
        if key in lines:
            lines[key]["names"].append(name)
            lines[key]["n_runs"] += len(runs)
            lines[key]["note"] = ""  # which is one run's
            continue
        own = with_notes and len(runs) == 1 and not shared.note and len(first["note"]) <= NOTE_LETTERS
        lines[key] = {"names": [name], "n_runs": len(runs), "data": None if shared.data else first["data"],
                      "data_mark": data_mark(first), "finished": first["finished"],
                      "note": first["note"] if own else "",
                      "is_test": not curves, **figures}
    return [*lines.values()]


def _figures(runs):
    """Return the validation figures [number of runs, number of epochs] as far as all runs go."""
    n_epochs = min(len(run["metrics"]) for run in runs)
    return {name: np.array([[row[column] for row in run["metrics"][:n_epochs]] for run in runs])
            for name, column in (("accuracy", "acc_valid"), ("loss", "loss_valid"))}


def picture_path(paths, summaries, selected=()):
    """Return where the picture of a comparison goes: every comparison has a file of its own.

    It is comparison.png in the folder, if paths name one and nothing else, or comparison_<names of the other runs>.png
    among the plots of the first run; selected: texts that say what was chosen of these, for the name.
    """
    first, *others = runs = [Run(summary["run"]) for summary in sorted(summaries, key=lambda each: each["place"])]
    in_folder = len(places := {Path(path).resolve() for path in paths}) == 1 and first.path.resolve() not in places
    stem = "_".join(["comparison", *(() if in_folder else (run.name for run in others)), *selected])
    short, full = shortened(stem), [run.path.absolute() for run in runs]
    # A name is a run's own within a folder only.
    if short != stem or (not in_folder and len({path.parent for path in full}) > 1):
        short += "_" + files.digest(b"\0".join(map(os.fsencode, [*full, *selected])))[:8]
    return (Path(paths[0]) if in_folder else first.path / "plots") / f"{short}.png"
