"""What a sweep has found: its table, CSV and picture, best first by validation; the test set is told for that only."""

import csv
import io
from collections import defaultdict
from statistics import mean, stdev

from rnn_mnist import files
from rnn_mnist.analysis import metrics
from rnn_mnist.console import log
from rnn_mnist.console.languages import ORIGINAL, data_name, text
from rnn_mnist.console.settings import applies
from rnn_mnist.console.tables import table
from rnn_mnist.sweep.plan import FIELDS

STATISTICS = ("mean", "sd", "low", "high")  # low, high: the 95 % interval of the mean
TABLE, PICTURE = "sweep.csv", "sweep.png"
N_SHOWN = 40  # settings in the table on the terminal, the best


def summarise(runs, varied):
    """Return a dict for each setting of finished Runs, best first by the mean acc_valid of the weights scored.

    varied: the settings that the runs differ in. Each has settings {name: value, None where it has no effect}, names,
    seeds, and values by seed of acc_valid, loss_valid, acc_test and seconds; acc_valid is None where nothing was kept
    for validation. Where that is so, the order is that of the names: the test set does not choose.
    """
    groups = defaultdict(list)
    for run in runs:
        config = run.config
        groups[tuple((name, getattr(config, name) if applies(vars(config), FIELDS[name]) else None)
                     for name in varied if name != "seed")].append((config.seed, run))
    found = []
    for settings, members in groups.items():
        members.sort(key=lambda member: member[0])
        results = [run.result for _, run in members]
        found.append({"settings": dict(settings), "names": [run.name for _, run in members],
                      "seeds": [seed for seed, _ in members], "data": results[0]["data"],
                      **{name: [result[name] for result in results]
                         for name in ("acc_valid", "loss_valid", "acc_test", "seconds")}})
    return sorted(found, key=lambda group: (-mean(group["acc_valid"]) if None not in group["acc_valid"] else 0,
                                            group["names"]))


def statistics(values):
    """Return {mean, sd, low, high} of values over seeds; what can't be had of a single one, or of None, is None."""
    if None in values:
        return dict.fromkeys(STATISTICS)
    if len(values) == 1:
        return {**dict.fromkeys(STATISTICS), "mean": values[0]}
    low, high = metrics.mean_interval(values)
    return {"mean": mean(values), "sd": stdev(values), "low": low, "high": high}


def words(settings):
    """Return settings in a few words."""
    return " ".join(log.words(name, value, "=") for name, value in settings.items() if value is not None
                    ) or text("all runs")


def report(groups):
    """Yield the lines of the table, and of the best by validation with its test score."""
    rows = [[words(group["settings"]), str(len(group["seeds"])), *_cells(statistics(group["acc_valid"])),
             _figure(statistics(group["loss_valid"])["mean"]), f"{mean(group['seconds']):.1f}"]
            for group in groups[:N_SHOWN]]
    heads = ("settings", "seeds", "mean acc_valid", "sd", "95 % interval", "loss_valid", "seconds")
    yield from table([[text(head) for head in heads], *rows], "<>>>>>>")
    if len(groups) > N_SHOWN:
        yield text("and {n} more, all in {table}", n=len(groups) - N_SHOWN, table=TABLE)
    yield text("95 % interval : of the mean over seeds, by Student's t; acc_valid, loss_valid : of the weights that "
               "were scored")
    if (kind := groups[0]["data"]) != ORIGINAL:
        yield text("data : {data}", data=data_name(kind))
    best = groups[0]
    score, interval = statistics(best["acc_test"]), ""
    if score["low"] is not None:
        interval = text(" (95 % interval {low:.4f} to {high:.4f})", low=score["low"], high=score["high"])
    if len(groups) == 1:
        yield text("acc_test : {acc:.4f}{interval}, seeds : {n}", acc=score["mean"], interval=interval,
                   n=len(best["seeds"]))
        return
    if None in best["acc_valid"]:
        yield text("no best one : nothing was kept for validation (--n-valid), and the test set must not choose")
        return
    yield text("best by validation : {settings}; its acc_test : {acc:.4f}{interval}, seeds : {n}; the test set is told "
               "for this one only, since whoever chooses by it scores too high", settings=words(best["settings"]),
               acc=score["mean"], interval=interval, n=len(best["seeds"]))


def _cells(score):
    return [_figure(score["mean"]), _figure(score["sd"]),
            "-" if score["low"] is None else f"{score['low']:.4f} - {score['high']:.4f}"]


def _figure(value):
    return "-" if value is None else f"{value:.4f}"


def as_csv(groups):
    """Return a CSV text: a column per setting, then the figures; those of the test set in the first row only."""
    columns = [f"{measure}_{name}" for measure in ("acc_valid", "loss_valid", "acc_test") for name in STATISTICS]
    rows = [[*groups[0]["settings"], "n_seeds", *columns, "seconds_mean", "runs"]]
    for i, group in enumerate(groups):
        told = {"acc_test": i == 0 and None not in group["acc_valid"]}
        scores = [statistics(group[measure])[name] if told.get(measure, True) else None
                  for measure in ("acc_valid", "loss_valid", "acc_test") for name in STATISTICS]
        rows.append([*map(_csv_cell, group["settings"].values()), len(group["seeds"]), *map(_csv_cell, scores),
                     mean(group["seconds"]), " ".join(group["names"])])
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _csv_cell(value):
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return "" if value is None else repr(value) if isinstance(value, float) else value


def write(groups, folder):
    """Write the table as CSV and the picture into a sweep's folder; yield the paths."""
    files.write(folder / TABLE, as_csv(groups))
    yield folder / TABLE
    drawn = [(words(group["settings"]), group["acc_valid"]) for group in groups if None not in group["acc_valid"]]
    if drawn:
        from rnn_mnist.plots.sweep import draw_sweep
        intervals = [(statistics(values)["low"], statistics(values)["high"]) for _, values in drawn]
        yield draw_sweep([(*line, interval) for line, interval in zip(drawn, intervals, strict=True)],
                         groups[0]["data"], folder / PICTURE)
