"""The pictures of single digits and of the states: what the network saw, row by row, gradient through time."""

from itertools import cycle, product

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.style import data_name, text

INK = {"cmap": "gray_r", "vmin": 0, "vmax": 255}


@style.as_shipped
def draw_prediction(title, picture, pixels, probabilities, path):
    """Draw a person's picture, what the network saw of it, and the probabilities [10]; return the path.

    picture is a Pillow image, or None if there is none; pixels is uint8 [28, 28].
    """
    figure = style.new_figure(10 if picture else 7, 3.6)
    axes = figure.subplots(1, 3 if picture else 2)
    if picture:
        axes[0].imshow(_on_checks(picture), cmap="gray")
        axes[0].set_title(text("the picture"))
        axes[0].set_axis_off()
    axes[-2].imshow(pixels, **INK)
    axes[-2].set(title=text("what the network sees"), xticks=(0, 14, 27), yticks=(0, 14, 27))
    bars = axes[-1].barh(range(10), probabilities, color=style.COLORS[5])
    bars[probabilities.argmax()].set_color(style.COLORS[0])
    axes[-1].bar_label(bars, [f"{100 * p:.1f} %" for p in probabilities], padding=3)
    axes[-1].set(title=text("probability"), ylabel=text("digit"), yticks=range(10), xlim=(0, 1.3))
    axes[-1].invert_yaxis()
    axes[-1].xaxis.set_visible(False)
    axes[-1].spines[["top", "right", "bottom"]].set_visible(False)
    figure.suptitle(style.label(title))
    return style.save(figure, path)


@style.as_shipped
def draw_steps(title, pixels, probabilities, accuracy, data, path):
    """Draw an image, its probabilities [n_steps, 10] and the test accuracy [n_steps] after each step; return the path.

    All three share the axis of rows read. pixels is uint8 [28, 28]; data says what the accuracy is on.
    """
    figure = style.new_figure(11, 5)
    left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=(28, 22, 22))
    rows = 28 * np.arange(1, len(accuracy) + 1) / len(accuracy)
    left.imshow(pixels, extent=(0, 28, 28, 0), aspect="auto", **INK)
    left.set(title=text("the image"), ylabel=text("rows read"), xticks=range(0, 29, 7),
             yticks=range(0, 29, 4))
    shades = middle.imshow(probabilities, extent=(-0.5, 9.5, 28, 0), aspect="auto", cmap="cividis", vmin=0, vmax=1,
                           interpolation="nearest")
    answers = probabilities.argmax(axis=1)
    middle.plot(answers, rows - 14 / len(rows), ".", color=style.COLORS[1], label=text("the answer so far"))
    middle.set(title=text("probability after each row"), xlabel=text("digit"), xticks=range(10))
    middle.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    figure.colorbar(shades, ax=middle, format=PercentFormatter(1))
    right.plot(accuracy, rows, ".-" if len(rows) <= 60 else "-", color=style.COLORS[0])
    right.set(title=text("test images right after each row"), xlabel=text("accuracy"), xlim=(0, 1.02))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.grid(alpha=0.3)
    right.text(0.03, 0.03, data_name(data), transform=right.transAxes,
               color="black" if data == ORIGINAL else style.COLORS[1])
    figure.suptitle(style.label(title))
    return style.save(figure, path)


@style.as_shipped
def draw_gradients(curves, path):
    """Draw the norm of the gradient at each state, on a logarithmic scale, before and after training; return the path.

    curves: (name, norms at the start [n_steps], norms at the end [n_steps]) of each run.
    """
    figure = style.new_figure(10, 4.8)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    styles = cycle(product(("-", "--", ":", "-."), style.COLORS))
    for (name, *norms), (line, color) in zip(curves, styles, strict=False):
        for ax, values in zip(axes, norms, strict=True):
            steps = np.arange(1, len(values) + 1)
            shown = np.where(values > 0, values, np.nan)  # zero has no place on a logarithmic scale
            ax.plot(steps, shown, linestyle=line, color=color, marker="." if len(values) <= 60 else "",
                    label=style.label(name))
    for ax, when in zip(axes, ("start of training", "end of training"), strict=True):
        ax.set(title=text(when), xlabel=text("time step"), yscale="log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter("{x:g}")  # as 10^-3 it would need mathematics, whose minus Korean fonts lack
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(text("norm of the loss gradient by the state\n(mean over test images)"))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(text("gradient through time"))
    return style.save(figure, path)


def _on_checks(picture):
    """Return a Pillow image as an array to draw; what is transparent shows a grey chequerboard."""
    if picture.mode != "RGBA":
        return np.asarray(picture)
    pixels = np.asarray(picture, np.float32)
    y, x = np.indices(pixels.shape[:2]) * 16 // max(pixels.shape[:2])
    checks = np.where((x + y) % 2, 205.0, 235.0)[:, :, None]
    alpha = pixels[:, :, 3:] / 255
    return (pixels[:, :, :3] * alpha + checks * (1 - alpha)).astype(np.uint8)
