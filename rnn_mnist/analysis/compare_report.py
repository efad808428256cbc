"""How a comparison of runs is shown: its tables, CSV and JSON. What all runs share is said once, above the table."""

import csv
import io
from collections import Counter
from typing import NamedTuple

from rnn_mnist.analysis.selection import TABLE_COLUMNS
from rnn_mnist.console.languages import ORIGINAL, SYNTHETIC, data_name, text
from rnn_mnist.console.log import words as setting_words
from rnn_mnist.console.tables import table

SHAREABLE = ("settings", "data", "epochs", "note")  # columns that are left out where all their cells are the same
NOTE_LETTERS = 60  # of a note in the table
FIGURES = ("best_acc_valid", "acc_valid", "acc_test")  # of a group


class Shared(NamedTuple):
    """Hold what all of several runs share: the model or "", settings, kind of data or None, epochs and note or ""."""

    model: str
    settings: dict
    data: str | None
    data_mark: str
    epochs: str
    note: str


NOTHING = Shared("", {}, None, "", "", "")


def shared_by(summaries):
    """Return the Shared of runs; of a single one, nothing: its row says it."""
    if len(summaries) == 1:
        return NOTHING
    first = summaries[0]
    same = {name: len({get(each) for each in summaries}) == 1 for name, get in (
        ("model", lambda each: each["model"]), ("data", lambda each: each["data_digest"]), ("epochs", _epochs),
        ("note", lambda each: each["note"]))}
    settings = set.intersection(*(set(each["settings"].items()) for each in summaries))
    return Shared(first["model"] if same["model"] else "", dict(sorted(settings)),
                  first["data"] if same["data"] else None, data_mark(first) if same["data"] else "",
                  _epochs(first) if same["epochs"] else "", first["note"] if same["note"] else "")


def shared_words(shared, text=text, data_name=data_name):
    """Return in a few words what runs share; text, data_name: those of languages, or those of pictures."""
    parts = [words(shared.model, shared.settings, NOTHING)]
    if shared.data:
        parts.append(data_name(shared.data) + shared.data_mark)
    if shared.epochs:
        parts.append(text("{epochs} epochs", epochs=shared.epochs))
    if shared.note:
        parts.append(_short(shared.note))
    return ", ".join(part for part in parts if part)


def words(model, settings, shared):
    """Return what a run is beside what it shares with the others, in a few words; at least its model."""
    own = {name: value for name, value in settings.items() if (name, value) not in shared.settings.items()}
    return f"{model if model and (not shared.model or not own) else ''} {settings_words(own)}".strip()


def settings_words(settings):
    """Return settings in a few words, as a run's automatic name has them."""
    return " ".join(setting_words(name, value, "=") for name, value in settings.items())


def report(summaries, groups, difference=None, only_groups=False):
    """Yield the lines of the table of runs, unless only_groups, of that of groups if there are, and of a difference."""
    shared = shared_by(summaries)
    if said := shared_words(shared):
        yield text("all runs : {settings}", settings=said)
    if not only_groups:
        yield from _run_table(summaries, shared)
    if groups:
        yield from ([] if only_groups else [""])
        yield from _group_table(groups, shared)
    if difference:
        yield from ("", difference_line(difference, *_apart(groups)))


def _run_table(summaries, shared):
    repeated = {name for name, n in Counter(summary["name"] for summary in summaries).items() if n > 1}
    heads = ("run", "settings", "data", "epochs", "best acc_valid", "last acc_valid", "acc_test (95 % interval)",
             "seconds", "weights", "note")
    cells = [_cells(summary, repeated, shared) for summary in summaries]
    names = [name for name in cells[0] if len(cells) == 1 or name not in SHAREABLE
             or len({row[name] for row in cells}) > 1]
    names = [name for name in names if name != "note" or any(row["note"] for row in cells)]
    rows = [dict(zip(cells[0], map(text, heads), strict=True)), *cells]
    aligned = "".join(">" if name in ("epochs", "seconds") else "<" for name in names)
    return table([[row[name] for name in names] for row in rows], aligned)


def _cells(summary, repeated, shared):
    """Return {column: cell} of a run in the table."""
    best = _figure(summary["best_acc_valid"])
    if summary["best_epoch"] is not None:
        best += text(" (epoch {epoch})", epoch=summary["best_epoch"])
    test = text("not finished") if not summary["finished"] else (
        f"{summary['acc_test']:.4f} ({summary['acc_test_low']:.4f}-{summary['acc_test_high']:.4f})")
    return {"name": summary["run"] if summary["name"] in repeated else summary["name"],
            "settings": words(summary["model"], summary["settings"], shared),
            "data": data_name(summary["data"]) + data_mark(summary), "epochs": _epochs(summary), "best": best,
            "last": _figure(summary["acc_valid"]), "test": test, "seconds": f"{summary['seconds']:.1f}",
            "weights": (summary["weights"] or "-")[:12], "note": _short(summary["note"])}


def _epochs(summary):
    return f"{summary['epochs']}" if summary["finished"] else f"{summary['epochs']}/{summary['epochs_asked']}"


def _short(note):
    return note if len(note) <= NOTE_LETTERS else note[:NOTE_LETTERS - 1] + "…"


def _group_table(groups, shared):
    """Yield the lines of the table of groups; shared: the Shared that is said above."""
    by_seeds = all(group["only_seeds"] and len(group["seeds"]) > 1 for group in groups)
    rows = [[text(head) for head in ("mean over seeds" if by_seeds else "mean over runs", "data", "epochs",
                                     "seeds" if by_seeds else "runs", "best acc_valid", "last acc_valid", "acc_test")]]
    for group in groups:
        rows.append([group_words(group, shared), data_name(group["data"]) + data_mark(group),
                     str(group["epochs"] or "-"), _seed_words(group["seeds"]) if by_seeds else str(len(group["runs"])),
                     *(_mean_words(group, name) for name in FIGURES)])
    said = {1: shared.data, 2: shared.epochs}
    yield from table([[cell for i, cell in enumerate(row) if not said.get(i)] for row in rows], "<")


def group_words(group, shared):
    """Return what the runs of a group are beside what it shares with the others."""
    return words(group["model"] or "rnn+mlp", group["settings"], shared)


def _mean_words(group, name):
    mean, spread = group[f"{name}_mean"], group[f"{name}_sd"]
    return _figure(mean) if spread is None else f"{_figure(mean)} ± {_figure(spread)}"


def _seed_words(seeds):
    """Return seeds, sorted, in a few words: many that follow one another as 0-99."""
    if len(seeds) <= 10:
        return " ".join(map(str, seeds))
    there = set(seeds)
    starts, ends = ([seed for seed in seeds if seed + step not in there] for step in (-1, 1))
    return " ".join(f"{start}-{end}" if start < end else str(start) for start, end in zip(starts, ends, strict=True))


def data_mark(summary):
    """Return, of other people's data, the beginning of its digest."""
    return "" if summary["data"] in (ORIGINAL, SYNTHETIC) else f" [{summary['data_digest'][:6]}]"


def _figure(value):
    return "-" if value is None else f"{value:.4f}"


# ---- what is found of two ----

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
    own = [{name: value for name, value in each.items() if (name, value) not in shared} for each in settings]
    return [f"{group['model']} {settings_words(each)}".rstrip() for group, each in zip(groups, own, strict=True)]


def _verdict(p_value):
    return text("the difference is more than chance" if p_value < 0.05 else "the difference may be chance")


# ---- for other programs ----

def as_csv(summaries):
    """Return a CSV text, one row per run, with the header TABLE_COLUMNS; floats read back exactly."""
    return _csv([TABLE_COLUMNS, *([summary[name] for name in TABLE_COLUMNS] for summary in summaries)])


def groups_as_csv(groups):
    """Return a CSV text, one row per group: what it is, its size, means and standard deviations, its runs."""
    figures = [f"{name}_{part}" for name in FIGURES for part in ("mean", "sd")]
    rows = [[group["model"], group["settings"], group["data"], group["data_digest"], group["epochs"],
             len(group["runs"]), *(group[name] for name in figures), " ".join(group["runs"])] for group in groups]
    return _csv([["model", "settings", "data", "data_digest", "epochs", "n_runs", *figures, "runs"], *rows])


def _csv(rows):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([map(_csv_cell, row) for row in rows])
    return stream.getvalue()


def _csv_cell(value):
    if isinstance(value, dict):
        return settings_words(value)
    return "" if value is None else repr(value) if isinstance(value, float) else value


def as_json(summaries, groups, difference, paired):
    """Return a dict of plain values: runs, groups, and the tests of two groups and two runs or None."""
    found = [{name: summary[name] for name in TABLE_COLUMNS} for summary in summaries]
    return {"runs": found, "groups": groups, "group_difference": difference, "paired_test": paired}
