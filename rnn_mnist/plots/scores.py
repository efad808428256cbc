"""The pictures of a scored test set: confusion matrix, worst errors, reliability."""

from typing import NamedTuple

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import StrMethodFormatter

from rnn_mnist.plots import style
from rnn_mnist.plots.style import text

LEAST_PERCENT = 0.05  # where the scale of the confusion matrix ends: as pale as nothing


class Heading(NamedTuple):
    """Hold what each picture says above: the name of the run, the kind of data, and the test accuracy on it."""

    name: str
    data: str
    acc_test: float


@style.as_shipped
def draw_confusion(heading, matrix, path):
    """Draw how many images of each digit (row) were taken for which (column), int [10, 10]; return the path.

    Below each number stands what share of the row it is, by which the field is coloured, too.
    """
    figure = style.new_figure(9, 8)
    axes = figure.subplots()
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # A logarithmic scale: beside a thousand right ones, ten wrong ones would be as pale as none.
    shades = axes.imshow(np.maximum(percent, LEAST_PERCENT), cmap="Blues", norm=LogNorm(LEAST_PERCENT, 100))
    for row, column in np.argwhere(matrix):
        color, x_y = "white" if percent[row, column] > 5 else "black", (column, row)
        axes.annotate(f"{matrix[row, column]}", x_y, (0, 1), textcoords="offset points", ha="center", fontsize=11,
                      color=color)
        axes.annotate(f"{percent[row, column]:.1f} %", x_y, (0, -2), textcoords="offset points", ha="center", va="top",
                      fontsize=9, color=color)
    scale = figure.colorbar(shades, ax=axes, shrink=0.8, format="{x:g} %")
    scale.set_label(text("share of the images of the true digit"))
    scale.ax.minorticks_off()
    axes.set(xticks=range(10), yticks=range(10), xlabel=text("predicted digit"), ylabel=text("true digit"))
    _write_heading(figure, heading, "confusion matrix (images, share of the row)")
    return style.save(figure, path)


@style.as_shipped
def draw_errors(heading, images, errors, path):
    """Draw at most 32 images, uint8 [n, 28, 28], with what was wrong about each; return the path.

    errors: n dicts with image (its number), true, predicted, probability (of that) and probability_true.
    """
    figure = style.new_figure(9.6, 7.6)
    for place, (image, error) in enumerate(zip(images, errors, strict=True), 1):
        axes = figure.add_subplot(4, 8, place)
        axes.set_axis_off()
        axes.imshow(image, **style.INK)
        axes.set_title(text("true {true}: {p_true}\npredicted {predicted}: {p}\nimage {image}", **error,
                            p=_percent(error["probability"]), p_true=_percent(error["probability_true"])),
                       fontsize=8, linespacing=1.3)
    _write_heading(figure, heading, "worst errors" if errors else "no errors")
    return style.save(figure, path)


@style.as_shipped
def draw_reliability(heading, bins, calibration_error, path):
    """Draw accuracy against confidence, and how many images have which confidence; return the path.

    bins: (images, mean confidence, accuracy) of equal parts of the confidence 0..1, each [n_bins].
    """
    figure = style.new_figure(6.4, 7)
    top, bottom = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    n_images, confidence, accuracy = bins
    n_bins = len(n_images)
    middle = (np.arange(n_bins) + 0.5) / n_bins
    top.bar(middle, np.nan_to_num(accuracy), 0.9 / n_bins, color=style.COLORS[5], label=text("accuracy in the bin"))
    top.plot([0, 1], [0, 1], "--", color=style.GREY, label=text("perfectly calibrated"))
    top.plot(confidence, accuracy, "o", color=style.COLORS[0], label=text("at its mean confidence"))
    top.set(ylabel=text("accuracy"), xlim=(0, 1), ylim=(0, 1.02))
    top.legend(loc="upper left", title=text("expected calibration error: {value:.4f}", value=calibration_error))
    bottom.bar(middle, n_images, 0.9 / n_bins, color=style.COLORS[0])
    bottom.set_yscale("log")
    bottom.set(xlabel=text("confidence (probability of the predicted digit)"), ylabel=text("images"), ylim=(0.7, None))
    bottom.yaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    _write_heading(figure, heading, "reliability")
    return style.save(figure, path)


def _write_heading(figure, heading, what):
    """Write what a picture shows, of which run, on which data; in colour unless that is the original MNIST."""
    figure.suptitle(f"{style.label(heading.name)}\n{text(what)}, {text(heading.data)}, acc_test {heading.acc_test:.4f}",
                    color=style.data_color(heading.data), linespacing=1.4)


def _percent(share):
    return f"{100 * share:.{3 if share >= 0.01 else 1}g} %"
