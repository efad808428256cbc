"""The validation curves of several runs in one picture; of several runs that belong together, their mean and range."""

import math
import textwrap
from typing import NamedTuple

import numpy as np

from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.curves import style_axes
from rnn_mnist.plots.style import text

STYLES = ("-", "--", ":", "-.")
N_APART = len(STYLES) * len(style.COLORS)  # curves that can be told apart: further ones are grey
N_NAMES = 3  # of curves with the same figures that the legend lists
N_LETTERS = 60  # of a label, if the legend has two columns
TITLE_LETTERS = 90  # of a line; matplotlib breaks one of wider letters once more


class Line(NamedTuple):
    """Hold one line: of a run, of several that are the mean's, or of what has the same figures."""

    names: list             # one, or those of all that have these figures
    data: str | None        # what the data is; None: the title says it
    data_mark: str          # what follows that, to tell other people's data sets from each other
    finished: bool
    note: str
    n_runs: int
    is_test: bool           # whether there was no validation: then the figures are those of the test set
    accuracy: np.ndarray    # [number of runs that the mean is of, number of epochs]
    loss: np.ndarray        # the same


@style.as_shipped
def draw_comparison(lines, path, n_curves, n_left_out=0, said="", data=ORIGINAL):
    """Draw the first n_curves of a list of Lines, accuracy and loss, as a PNG and return its path.

    n_left_out: the number of runs without figures; said: what all runs share; data: what it is, None: the lines say it.
    """
    shown = lines[:n_curves]
    labels = [_label(line) for line in shown]
    n_columns = 2 if len(labels) > 1 and max(map(len, labels[:N_APART])) <= N_LETTERS else 1
    means = [line for line in shown if len(line.accuracy) > 1]
    figure = style.new_figure(11, 5 + 0.22 * math.ceil(min(len(shown), N_APART + 1) / n_columns))
    for axes, (measure, y_label) in zip(figure.subplots(1, 2), (("accuracy", "accuracy"), ("loss", "loss (nats)")),
                                        strict=True):
        for i, (line, label) in enumerate(zip(shown, labels, strict=True)):
            _draw_line(axes, line, getattr(line, measure), 0.4 / max(2, len(means)), _looks(i, label, len(shown)))
        low, high, cut = _limits([getattr(line, measure) for line in shown])
        style_axes(axes, text("epoch"), text("{measure}, the first epochs cut off", measure=text(y_label)) if cut
                   else text(y_label))
        axes.set_ylim(low, high)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=n_columns, fontsize=9,
                  title=text("line : mean of the runs, band : their range") if means else None, title_fontsize=9)
    figure.suptitle("\n".join(filter(None, [_title(lines, shown, n_left_out), _shared(said)])), wrap=True,
                    color="black" if data in (ORIGINAL, None) else style.COLORS[1], linespacing=1.4, fontsize=11)
    return style.save(figure, path)


def _looks(i, label, n):
    """Return the matplotlib keywords of the ith of n lines: later ones are thinner, so that what they cover shows."""
    if i < N_APART:
        width = 3 - 2 * i / max(n, 4)
        return {"color": style.COLORS[i % len(style.COLORS)], "linestyle": STYLES[i // len(style.COLORS)],
                "label": label, "linewidth": width, "markersize": 3 + width}
    others = text("{n} others", n=n - N_APART) if i == N_APART else ""
    return {"color": style.GREY, "linewidth": 0.5, "markersize": 0, "label": others, "zorder": 1}


def _limits(values):
    """Return (lowest, highest, whether something lies outside) of an axis for arrays [number of runs, of epochs].

    What networks do in the first quarter of their epochs may press together what they differ in at the end: where what
    follows has less than a fifth of the height, the first is cut off.
    """
    every, later = (np.concatenate([each[:, n * each.shape[1] // 4:].ravel() for each in values]) for n in (0, 1))
    if np.ptp(later) > np.ptp(every) / 5:
        later = every
    margin = 0.05 * (later.max() - later.min()) or 0.05
    low, high = later.min() - margin, later.max() + margin
    return low, high, any(each.min() < low or each.max() > high for each in values)


def _title(lines, shown, n_left_out):
    """Return a title with the number of runs that are drawn, and why others are not."""
    n_runs, n_all = (sum(line.n_runs for line in part) for part in (shown, lines))
    if len(shown) < len(lines):
        title = text("validation of {n} of {n_all} runs (the table's first {n_curves} of {n_lines} curves)", n=n_runs,
                     n_all=n_all, n_curves=len(shown), n_lines=len(lines))
    else:
        title = text("validation of 1 run") if n_runs == 1 else text("validation of {n} runs", n=n_runs)
    return title + (text(", {n} without figures left out", n=n_left_out) if n_left_out else "")


def _shared(said):
    """Return what all runs share as a title shows it: whole words, in five lines at most."""
    return "\n".join(textwrap.wrap(" ".join(map(style.label, said.split())), TITLE_LETTERS, max_lines=5,
                                   placeholder=" …", break_long_words=False, break_on_hyphens=False))


def _label(line):
    """Return a line's label: its name, how many runs it stands for, and what else must be known of it."""
    notes, n_members = [], len(line.accuracy)
    if line.data not in (ORIGINAL, None):
        notes.append(style.data_name(line.data) + line.data_mark)
    if line.is_test:
        notes.append(text("no validation: acc_test {acc:.4f}", acc=line.accuracy.mean()))
    if n_members > 1:
        notes.append(text("{n} runs", n=n_members))
    if len(line.names) > 1:
        notes.append(text("{n} identical", n=len(line.names)))
    if not line.finished:
        notes.append(text("not finished"))
    if line.note:
        notes.append(style.label(line.note))
    name = " = ".join(style.label(name) for name in line.names[:N_NAMES]) + " = …" * (len(line.names) > N_NAMES)
    return name + (f" ({', '.join(notes)})" if notes else "")


def _draw_line(axes, line, values, alpha, looks):
    """Draw one run, or the mean of several and the range between the lowest and the highest; a test score as a rule."""
    low, high, band = values.min(axis=0), values.max(axis=0), {"color": looks["color"], "alpha": alpha}
    if line.is_test:
        axes.axhline(values.mean(), **looks)
        if len(values) > 1:
            axes.axhspan(low[0], high[0], linewidth=0, **band)
        return
    epochs = np.arange(values.shape[1])
    axes.plot(epochs, values.mean(axis=0), marker="o", markevery=max(1, len(epochs) // 20), **looks)
    if len(values) > 1 and len(epochs) > 1:
        axes.fill_between(epochs, low, high, linewidth=0, **band)
    elif len(values) > 1:
        axes.vlines(epochs, low, high, linewidth=8, **band)
