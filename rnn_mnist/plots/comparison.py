"""The validation curves of several runs in one picture; runs that differ only in the seed as their mean and spread."""

import math
from typing import NamedTuple

import numpy as np

from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.curves import style_axes
from rnn_mnist.plots.style import text

N_LINES = 14  # as many as can be told apart: colours times line styles
STYLES = ("-", "--")


class Line(NamedTuple):
    """Hold one line: of a run, of n_runs with the same figures, or of the mean over n_runs with a seed each."""

    name: str
    data: str               # what the data is
    data_mark: str          # what follows that, to tell other people's data sets from each other
    finished: bool
    n_runs: int
    acc_valid: np.ndarray   # [number of seeds, number of epochs]
    loss_valid: np.ndarray  # the same


@style.as_shipped
def draw_comparison(lines, n_left_out, path):
    """Draw the validation accuracy and loss of a list of Lines as a PNG and return its path.

    n_left_out: the number of runs without validation figures, for the title.
    """
    labels = [_label(line) for line in lines]
    n_columns = 2 if all(len(label) <= 60 for label in labels) else 1
    figure = style.new_figure(11, 4.8 + 0.22 * math.ceil(min(len(lines), N_LINES) / n_columns))
    for axes, (measure, y_label) in zip(figure.subplots(1, 2), (("acc_valid", "accuracy"),
                                                                ("loss_valid", "loss (nats)")), strict=True):
        for i, (line, label) in enumerate(zip(lines[:N_LINES], labels, strict=False)):
            _draw_line(axes, getattr(line, measure), label, style.COLORS[i % len(style.COLORS)],
                       STYLES[i // len(style.COLORS)])
        style_axes(axes, text("epoch"), text(y_label))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=n_columns, fontsize=9)
    figure.suptitle(_title(lines, n_left_out))
    return style.save(figure, path)


def _title(lines, n_left_out):
    """Return a title with the number of runs that are drawn, and why others are not."""
    n_runs = sum(line.n_runs for line in lines[:N_LINES])
    title = text("validation of 1 run") if n_runs == 1 else text("validation of {n} runs", n=n_runs)
    if len(lines) > N_LINES:
        title += text(" (the first {n} lines of the table's order)", n=N_LINES)
    return title + (text(", {n} without validation left out", n=n_left_out) if n_left_out else "")


def _label(line):
    """Return a line's label: its name, how many runs it stands for, and what else must be known of it."""
    notes, n_seeds = [], len(line.acc_valid)
    if line.data != ORIGINAL:
        notes.append(style.data_name(line.data) + line.data_mark)
    if n_seeds > 1:
        notes.append(text("mean and range of {n} seeds", n=n_seeds))
    elif line.n_runs > 1:
        notes.append(text("{n} identical", n=line.n_runs))
    if not line.finished:
        notes.append(text("not finished"))
    return style.label(line.name) + (f" ({', '.join(notes)})" if notes else "")


def _draw_line(axes, values, label, color, line_style):
    """Draw one run, or the mean of several and the range between the lowest and the highest."""
    epochs = np.arange(values.shape[1])
    axes.plot(epochs, values.mean(axis=0), line_style, color=color, label=label, marker="o", markersize=4,
              markevery=max(1, len(epochs) // 20))
    if len(values) > 1:
        axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
