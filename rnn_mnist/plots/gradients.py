"""Gradient through time: its norm at the state after each step, before and after training, of several runs."""

from collections import Counter, defaultdict
from itertools import cycle, product
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

from rnn_mnist.plots import style
from rnn_mnist.plots.style import text

VANISHED = 1e-12  # share of a curve's largest norm


class Line(NamedTuple):
    """Hold what is drawn of a run: float64 [n_read] norms before and after training, words about each, and the data."""

    name: str
    kind: str       # of the cell: the same kind looks the same in each row of panels
    norms: tuple    # before and after
    least: tuple    # (step, words) of the least of each, step from 1
    data: str       # kind of data
    n_images: int   # that the norms are the mean of


@style.as_shipped
def draw_gradients(lines, path):
    """Draw the norm of the gradient at each state, on a logarithmic scale, before and after training; return the path.

    Lines with as many steps share a row of panels.
    """
    lengths = sorted({len(line.norms[0]) for line in lines})
    rows = [[line for line in lines if len(line.norms[0]) == n] for n in lengths]
    figure = style.new_figure(10, sum(4.4 + 0.45 * len(row) for row in rows))
    patterns = cycle(product(("-", "--", ":", "-."), style.COLORS))
    looks = defaultdict(lambda: next(patterns))  # {(kind, how many of its kind are above it): (pattern, color)}
    parts = figure.subfigures(len(lengths), 1, squeeze=False, height_ratios=[4.4 + 0.45 * len(row) for row in rows])
    for part, n, row in zip(parts[:, 0], lengths, rows, strict=True):
        if len(lengths) > 1:
            part.suptitle(text("{n} time steps", n=n))
        _draw_norms(part, row, looks)
    _write_heading(figure, lines)
    return style.save(figure, path)


def _write_heading(figure, lines):
    """Write what it is and, once if it is the same for all, of which images; in colour unless all are of MNIST."""
    images = dict.fromkeys((line.data, line.n_images) for line in lines)
    said = [text("mean over {n} test images, {data}", n=n, data=style.data_name(data)) for data, n in images]
    figure.suptitle("\n".join([text("gradient through time"), *said]), linespacing=1.4,
                    color=style.data_color(*(line.data for line in lines)))


def _draw_norms(part, lines, looks):
    """Draw Lines with as many steps into a part of a figure; below each panel stands what its least norms are."""
    axes, seen = part.subplots(1, 2, sharex=True, sharey=True), Counter()
    axes[0].set_yscale("log", nonpositive="clip")  # to zero a curve falls straight down
    left_out = _set_limits(axes[0], np.array([norms for line in lines for norms in line.norms]))
    for line in lines:
        pattern, color = looks[line.kind, seen[line.kind]]
        seen[line.kind] += 1
        for ax, norms, (least_at, words) in zip(axes, line.norms, line.least, strict=True):
            ax.plot(np.arange(1, len(norms) + 1), norms, linestyle=pattern, color=color,
                    marker="." if len(norms) <= 60 else "", label=f"{style.label(line.name)}\n{words}")
            ax.plot(least_at, max(norms[least_at - 1], ax.get_ylim()[0]), "v", color=color, markersize=8,
                    clip_on=False)
    for ax, when in zip(axes, ("start of training", "end of training"), strict=True):
        ax.set(title=text(when), xlabel=text("time step"), xticks=_step_ticks(len(lines[0].norms[0])))
        ax.yaxis.set_major_formatter("{x:g}")  # as 10^-3 it would need mathematics, whose minus Korean fonts lack
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False, fontsize=9, title=left_out)
        for words in legend.texts:
            words.set_linespacing(1.4)
    axes[0].set_ylabel(text("norm of the loss gradient by the state"))


def _step_ticks(n):
    """Return the numbers of steps, from 1 to n, that an axis names: both ends, and round ones between."""
    between = MaxNLocator(8, integer=True).tick_values(1, n)
    margin = (between[1] - between[0]) / 2
    return [1, *(step for step in between if 1 + margin < step < n - margin), *([n] if n > 1 else [])]


def _set_limits(ax, norms):
    """Let the axis of norms [n_curves, n_steps] end where all of them have vanished; return a text on what is left out.

    Hundreds of steps back they go down to where float32 ends, 1e-45: there is nothing to be compared.
    """
    norms = np.where(np.isfinite(norms), norms, 0)
    peaks = norms.max(axis=1)
    floor = 10.0 ** np.floor(np.log10(VANISHED * peaks[peaks > 0].min(initial=1)))
    low = max(floor, norms[norms > 0].min(initial=1))
    high = max(low, peaks.max())
    margin = max(1.1 * (high / low) ** 0.05, (120 * low / high) ** 0.5)  # two decades: two labels or more are in sight
    low, high = max(floor, low / margin), high * margin
    ax.set_ylim(low, high)
    return text("not drawn: less than {low:.2g}", low=low) if (norms < low).any() else None
