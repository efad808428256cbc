"""A contact sheet: many digits on one picture, each as it was drawn, as the network saw it, and as what it was read."""

from typing import NamedTuple

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from rnn_mnist.plots import style
from rnn_mnist.plots.digits import on_checks
from rnn_mnist.plots.style import text

PER_SHEET = 300
CELL = 1.7, 1.4  # inches
WIDE, HIGH, GAP = 2.35, 1.9, 0.08  # of a cell and between its two images, an image being 1 wide and high
AROUND = 0.25  # of its height: how much of its surroundings is shown with a digit of several


class Cell(NamedTuple):
    """Hold the name, Pillow picture or None, box or None (shares 0..1), uint8 [28, 28], probabilities [10], unusual."""

    name: str
    picture: Image.Image | None
    box: tuple | None
    pixels: np.ndarray
    probabilities: np.ndarray
    unusual: bool


@style.as_shipped
def draw_sheet(cells, path):
    """Draw Cells in rows, about 4 : 3 as a whole, those that are unusual marked; return the path."""
    n_columns = min(len(cells), max(2, round((len(cells) * 4 / 3 * CELL[1] / CELL[0]) ** 0.5)))
    n_rows = -(-len(cells) // n_columns)
    figure = style.new_figure(n_columns * CELL[0], n_rows * CELL[1] + 0.6)
    ax = figure.subplots()
    for i, cell in enumerate(cells):
        _draw_cell(ax, cell, i % n_columns * WIDE, i // n_columns * HIGH)
    ax.set(xlim=(-0.1, n_columns * WIDE), ylim=(n_rows * HIGH - 0.3, -0.4), aspect="equal")
    ax.set_axis_off()
    figure.suptitle(text("left: the picture; right: what the network sees"), fontsize=8)
    if any(cell.unusual for cell in cells):
        figure.supxlabel(text("! unusual for a digit"), fontsize=8, color=style.COLORS[1])
    return style.save(figure, path)


def _draw_cell(ax, cell, x, y):
    """Draw a Cell with its upper left corner at a place."""
    if cell.picture:
        _show(ax, _cut_out(cell), x, y, cmap="gray")
    _show(ax, cell.pixels, x + 1 + GAP, y, **style.INK)
    ax.add_patch(Rectangle((x + 1 + GAP, y), 1, 1, fill=False, edgecolor=style.GREY, linewidth=0.5))
    name = cell.name if len(cell.name) <= 24 else f"{cell.name[:14]}…{cell.name[-9:]}"
    ax.text(x, y - 0.06, style.label(name), fontsize=6, color=style.GREY)
    first, second = np.argsort(-cell.probabilities, kind="stable")[:2]
    ax.text(x + 1 + GAP, y + 1.06, text("{digit}  {percent:.1f} %", digit=first,
                                        percent=100 * cell.probabilities[first]) + " !" * cell.unusual,
            fontsize=9, va="top", color=style.COLORS[cell.unusual])
    ax.text(x + 1 + GAP, y + 1.3, text("or {digit}  {percent:.1f} %", digit=second,
                                       percent=100 * cell.probabilities[second]),
            fontsize=6, va="top", color=style.GREY)


def _cut_out(cell):
    """Return a Cell's picture, or of several digits the one's surroundings, as an array to draw."""
    pixels = on_checks(cell.picture)
    if cell.box is None:
        return pixels
    height, width = pixels.shape[:2]
    left, top, right, bottom = np.array(cell.box) * (width, height, width, height)
    around = AROUND * (bottom - top)
    first, last = np.maximum((top - around, left - around), 0).astype(int), np.array((bottom, right)) + around + 1
    return pixels[first[0]:int(last[0]), first[1]:int(last[1])]


def _show(ax, pixels, x, y, **look):
    """Show an array within the square whose upper left corner is at a place, proportions kept."""
    height, width = np.array(pixels.shape[:2]) / max(pixels.shape[:2])
    x, y = x + (1 - width) / 2, y + (1 - height) / 2
    ax.imshow(pixels, extent=(x, x + width, y + height, y), **look)
