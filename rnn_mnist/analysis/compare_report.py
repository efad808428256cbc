"""How a comparison of runs is shown: its table, CSV and JSON, and its picture."""

import csv
import io
import os
from collections import Counter
from pathlib import Path

import numpy as np

from rnn_mnist import files
from rnn_mnist.analysis.compare import TABLE_COLUMNS, without_seed
from rnn_mnist.console.guard import shortened
from rnn_mnist.console.languages import ORIGINAL, SYNTHETIC, data_name, text
from rnn_mnist.console.log import words as setting_words
from rnn_mnist.console.tables import table
from rnn_mnist.run import Run


def report(summaries, groups, difference=None):
    """Yield the lines of the table of runs, of that of the seeds if there are such groups, and of their difference."""
    items = [set(without_seed(summary["settings"]).items()) for summary in summaries]
    common = set.intersection(*items) if len(items) > 1 else set()
    if common:
        yield text("all runs : {settings}", settings=settings_words(dict(sorted(common))))
    repeated = {name for name, n in Counter(summary["name"] for summary in summaries).items() if n > 1}
    words = ("run", "settings", "data", "epochs", "best acc_valid", "last acc_valid", "acc_test (95 % interval)",
             "seconds", "weights")
    yield from table([[text(word) for word in words],
                      *(_row(summary, repeated, common) for summary in summaries)], "<<<><<<><")
    if groups:
        words = ("mean over seeds", "data", "epochs", "seeds", "best acc_valid", "last acc_valid", "acc_test")
        yield from ("", *table([[text(word) for word in words], *map(_group_row, groups)], "<<><<<<"))
    if difference:
        yield from ("", difference_line(difference, *_apart(groups)))


def paired_line(test):
    """Return the line that tells a paired test."""
    if test["same_answers"]:
        return text("McNemar : {first} and {second} give the same answers on every image, {n_test} test images", **test)
    return text("McNemar : only {first} right {only_first_right}, only {second} right {only_second_right}, of "
                "{n_test} test images; p = {p_value:.3g}: {verdict}", **test, verdict=_verdict(test["p_value"]))


def difference_line(test, first, second):
    """Return the line that tells what compare.group_difference has found of two groups, named in a few words each."""
    if test["p_value"] is None and test["first_minus_second"] == 0:
        return text("no difference : {first} and {second} have the same acc_test with every seed", first=first,
                    second=second)
    if test["p_value"] is None:
        return text("difference : acc_test of {first} minus that of {second} is {first_minus_second:+.4f} with every "
                    "seed: without a spread the interval has no width, and t cannot tell chance from more", **test,
                    first=first, second=second)
    method = text("Student's t, paired by seed" if test["paired"] else "Welch's t, not paired: the seeds differ")
    return text("difference : mean acc_test of {first} minus that of {second} is {first_minus_second:+.4f} (95 % "
                "interval {low:+.4f} to {high:+.4f}; {method}, df {df:.4g}); p = {p_value:.3g}: {verdict}", **test,
                first=first, second=second, method=method, verdict=_verdict(test["p_value"]))


def _apart(groups):
    """Return of each group its model and the settings that not all of them have, epochs included, in a few words."""
    settings = [{**group["settings"], "epochs": group["epochs"]} for group in groups]
    shared = set.intersection(*(set(each.items()) for each in settings))
    return [_model_words(group["model"], {name: value for name, value in each.items() if (name, value) not in shared})
            for group, each in zip(groups, settings, strict=True)]


def _verdict(p_value):
    return text("the difference is more than chance" if p_value < 0.05 else "the difference may be chance")


def as_csv(summaries):
    """Return a CSV text, one row per run, with the header TABLE_COLUMNS; floats read back exactly."""
    stream = io.StringIO()
    rows = ([_csv_cell(summary[name]) for name in TABLE_COLUMNS] for summary in summaries)
    csv.writer(stream, lineterminator="\n").writerows([TABLE_COLUMNS, *rows])
    return stream.getvalue()


def _csv_cell(value):
    if isinstance(value, dict):
        return settings_words(value)
    return "" if value is None else repr(value) if isinstance(value, float) else value


def as_json(summaries, groups, difference, paired):
    """Return a dict of plain values: runs, groups over seeds, and the tests of two groups and two runs or None."""
    found = [{name: summary[name] for name in TABLE_COLUMNS} for summary in summaries]
    return {"runs": found, "groups": groups, "group_difference": difference, "paired_test": paired}


def settings_words(settings):
    """Return settings in a few words, as a run's automatic name has them."""
    return " ".join(setting_words(name, value, "=") for name, value in settings.items())


def _row(summary, repeated, common):
    """Return the cells of a run in the table."""
    name = summary["run"] if summary["name"] in repeated else summary["name"]
    settings = {key: value for key, value in summary["settings"].items() if (key, value) not in common}
    epochs, best = str(summary["epochs"]), _figure(summary["best_acc_valid"])
    if not summary["finished"]:
        epochs += "/" + str(summary["epochs_asked"])
    if summary["best_epoch"] is not None:
        best += text(" (epoch {epoch})", epoch=summary["best_epoch"])
    test = text("not finished") if not summary["finished"] else (
        f"{summary['acc_test']:.4f} ({summary['acc_test_low']:.4f}-{summary['acc_test_high']:.4f})")
    return [name, _model_words(summary["model"], settings),
            data_name(summary["data"]) + _data_mark(summary), epochs, best, _figure(summary["acc_valid"]), test,
            f"{summary['seconds']:.1f}", (summary["weights"] or "-")[:12]]


def _seed_words(seeds):
    """Return seeds, sorted, in a few words: many that follow one another as 0-99."""
    if len(seeds) <= 10:
        return " ".join(map(str, seeds))
    there = set(seeds)
    starts, ends = ([seed for seed in seeds if seed + step not in there] for step in (-1, 1))
    return " ".join(f"{start}-{end}" if start < end else str(start) for start, end in zip(starts, ends, strict=True))


def _group_row(group):
    """Return the cells of a group in its table."""
    figures = [f"{_figure(group[name + '_mean'])} ± {_figure(group[name + '_sd'])}"
               for name in ("best_acc_valid", "acc_valid", "acc_test")]
    return [_model_words(group["model"], group["settings"]), data_name(group["data"]),
            str(group["epochs"]), _seed_words(group["seeds"]), *figures]


def _model_words(model, settings):
    return f"{model} {settings_words(settings)}".rstrip()


def _data_mark(summary):
    """Return, of other people's data, the beginning of its digest."""
    return "" if summary["data"] in (ORIGINAL, SYNTHETIC) else f" [{summary['data_digest'][:6]}]"


def _figure(value):
    return "-" if value is None else f"{value:.4f}"


# ---- the picture ----

def draw(summaries, groups, path):
    """Draw the validation curves of a comparison as a PNG and return its path."""
    from rnn_mnist.plots.comparison import Line, draw_comparison  # matplotlib takes half a second to import
    n_left_out = sum(not has_validation(summary) for summary in summaries)
    return draw_comparison([Line(**line) for line in _lines(summaries, groups)], n_left_out, path)


def picture_path(paths, summaries):
    """Return where the picture of a comparison goes: every comparison has a file of its own.

    It is comparison.png in the folder, if paths name one and nothing else, or comparison_<names of the other runs>.png
    among the plots of the first run.
    """
    first, *others = runs = [Run(summary["run"]) for summary in sorted(summaries, key=lambda each: each["place"])]
    if len(set(map(Path, paths))) == 1 and Path(paths[0]) != first.path:
        return Path(paths[0], "comparison.png")
    stem = "_".join(["comparison", *(run.name for run in others)])
    full = [run.path.absolute() for run in runs]
    short = shortened(stem)
    if short != stem or len({path.parent for path in full}) > 1:  # a name is a run's own within a folder only
        short += "_" + files.digest(b"\0".join(map(os.fsencode, full)))[:8]
    return first.path / "plots" / f"{short}.png"


def has_validation(summary):
    """Tell whether a run was validated after every epoch: only such runs are drawn."""
    return bool(summary["metrics"]) and all(row["acc_valid"] is not None for row in summary["metrics"])


def _lines(summaries, groups):
    """Return, in the table's order, what plots.comparison.Line holds, as dicts.

    A line is a group, a run that is in none, or the first of several such runs with the same figures.
    """
    group_of = {run: group for group in groups for run in group["runs"]}
    by_run = {summary["run"]: summary for summary in summaries}
    lines = {}
    for summary in filter(has_validation, summaries):
        group = group_of.get(summary["run"])
        figures = [(row["acc_valid"], row["loss_valid"]) for row in summary["metrics"]]
        key = group["runs"][0] if group else (summary["data_digest"], summary["finished"], *figures)
        if key in lines:
            lines[key]["n_runs"] += 1
            continue
        members = [by_run[run] for run in group["runs"]] if group else [summary]
        n_epochs = min(len(member["metrics"]) for member in members)  # as far as all of them go
        lines[key] = {
            "name": _model_words(group["model"], group["settings"]) if group else summary["name"], "n_runs": 1,
            "data": summary["data"], "data_mark": _data_mark(summary), "finished": summary["finished"],
            **{name: np.array([[row[name] for row in member["metrics"][:n_epochs]] for member in members])
               for name in ("acc_valid", "loss_valid")}}
    return [*lines.values()]
