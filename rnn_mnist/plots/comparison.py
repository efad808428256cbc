"""The validation curves of several runs in one picture; runs that differ only in the seed as their mean and spread."""

import math
import os
from pathlib import Path

import numpy as np

from rnn_mnist.analysis.compare import data_words, settings_words
from rnn_mnist.console.languages import text
from rnn_mnist.data import ORIGINAL
from rnn_mnist.plots import style as plots
from rnn_mnist.plots.curves import style_axes

N_LINES = 14  # as many as can be told apart: colours times line styles
STYLES = ("-", "--")


def draw_comparison(summaries, groups, lang="en"):
    """Draw the runs' validation accuracy and loss into comparison.png, in the folder they share; return its path.

    Runs without validation figures are left out, and the title says how many. Equal curves are one line.
    """
    lang = plots.font_for(lang)
    drawn = _lines(summaries, groups, lang)
    n_columns = 2 if all(len(name) <= 60 for name, _, _ in drawn) else 1
    figure = plots.new_figure(11, 4.8 + 0.22 * math.ceil(min(len(drawn), N_LINES) / n_columns))
    for axes, (measure, label) in zip(figure.subplots(1, 2), (("acc", "accuracy"), ("loss", "loss (nats)")),
                                      strict=True):
        for i, (name, members, _) in enumerate(drawn[:N_LINES]):
            _draw_line(axes, members, measure, name, plots.COLORS[i % len(plots.COLORS)],
                       STYLES[i // len(plots.COLORS)])
        style_axes(axes, text(lang, "epoch"), text(lang, label))
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns, fontsize=9)
    figure.suptitle(_title(summaries, drawn, lang))
    folder = Path(os.path.commonpath([Path(summary["run"]).absolute().parent for summary in summaries]))
    return plots.save(figure, folder / "comparison.png")


def _title(summaries, drawn, lang):
    """Return a title with the number of runs that are drawn, and why others are not."""
    n_runs = sum(n for _, _, n in drawn[:N_LINES])
    title = text(lang, "validation of 1 run") if n_runs == 1 else text(lang, "validation of {n} runs", n=n_runs)
    if len(drawn) > N_LINES:
        title += text(lang, " (the first {n} lines of the table's order)", n=N_LINES)
    without = sum(not _has_validation(summary) for summary in summaries)
    return title + (text(lang, ", {n} without validation left out", n=without) if without else "")


def _has_validation(summary):
    return bool(summary["metrics"]) and all(row["acc_valid"] is not None for row in summary["metrics"])


def _lines(summaries, groups, lang):
    """Return [(label, summaries, number of runs)] of the lines to draw, in the table's order.

    A line is a group, a run that is in none, or the first of several such runs with the same figures.
    """
    group_of = {run: group for group in groups for run in group["runs"]}
    by_run = {summary["run"]: summary for summary in summaries}
    drawn = {}
    for summary in filter(_has_validation, summaries):
        group = group_of.get(summary["run"])
        members = group["runs"] if group else [summary["run"]]
        name = f"{group['model']} {settings_words(group['settings'])}".rstrip() if group else summary["name"]
        figures = [(row["acc_valid"], row["loss_valid"]) for row in summary["metrics"]]
        key = members[0] if group else (summary["data_digest"], summary["finished"], *figures)
        _, members, same = drawn.setdefault(key, (name, [by_run[run] for run in members], set()))
        same.add(summary["run"])
    return [(_label(name, members, len(same), lang), members, len(same)) for name, members, same in drawn.values()]


def _label(name, members, n_runs, lang):
    """Return a line's label: its name, how many runs it stands for, and what else must be known of it."""
    first, notes = members[0], []
    if first["data"] != ORIGINAL:
        notes.append(data_words(first, lang))
    if len(members) > 1:
        notes.append(text(lang, "mean and range of {n} seeds", n=len(members)))
    elif n_runs > 1:
        notes.append(text(lang, "{n} identical", n=n_runs))
    if not first["finished"]:
        notes.append(text(lang, "not finished"))
    return plots.label(name) + (f" ({', '.join(notes)})" if notes else "")


def _draw_line(axes, members, measure, name, color, style):
    """Draw one run, or the mean of several and the range between the lowest and the highest."""
    epochs = np.arange(min(len(member["metrics"]) for member in members))  # as far as all of them go
    values = np.array([[row[f"{measure}_valid"] for row in member["metrics"][:len(epochs)]] for member in members])
    axes.plot(epochs, values.mean(axis=0), style, color=color, label=name, marker="o", markersize=4,
              markevery=max(1, len(epochs) // 20))
    if len(members) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
