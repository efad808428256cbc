"""The pictures of single digits: what the network saw, and what it believed step by step."""

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.style import data_name, text


@style.as_shipped
def draw_prediction(title, picture, pixels, probabilities, path):
    """Draw a person's picture, what the network saw of it, and the probabilities [10]; return the path.

    picture is a Pillow image, or None if there is none; pixels is uint8 [28, 28].
    """
    figure = style.new_figure(10 if picture else 7, 3.6)
    axes = figure.subplots(1, 3 if picture else 2)
    if picture:
        axes[0].imshow(on_checks(picture), cmap="gray")
        axes[0].set_title(text("the picture"))
        axes[0].set_axis_off()
    axes[-2].imshow(pixels, **style.INK)
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
def draw_steps(title, pixels, steps, probabilities, accuracy, data, path):
    """Draw an image, its probabilities [n_read, 10] and the test accuracy [n_read] after each step; return the path.

    pixels is uint8 [28, 28]; steps: the analysis.steps.Steps; data says what the accuracy is on. Where the steps are
    rows, all three share their axis; where not, the image has its own.
    """
    figure, rows = style.new_figure(11, 5), steps.unit == "row"
    left, middle, right = figure.subplots(1, 3, width_ratios=(28, 22, 22))
    counting, *others = (left, middle, right) if rows else (middle, right)
    for ax in others:
        ax.sharey(counting)
        ax.tick_params(labelleft=False)
    _show_image(left, pixels, steps.rows)
    unit, after = text(steps.unit), steps.count[1:]
    figure.colorbar(_show_probabilities(middle, probabilities, steps.count), ax=middle, format=PercentFormatter(1))
    middle.set(title=text("probability after each {unit}", unit=unit), xlabel=text("digit"), xticks=range(10))
    right.plot(accuracy, after, ".-" if len(after) <= 60 else "-", color=style.COLORS[0])
    right.set(title=text("test images right after each {unit}", unit=unit), xlabel=text("accuracy"), xlim=(0, 1.02))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    right.grid(alpha=0.3)
    right.text(0.03, 0.03, data_name(data), transform=right.transAxes,
               color="black" if data == ORIGINAL else style.COLORS[1])
    counting.set_ylabel(unit)
    if rows:  # the whole image, also where a part is read
        left.set(ylim=(28, 0), aspect="auto")
    else:
        middle.yaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(style.label(title))
    return style.save(figure, path)


def _show_image(ax, pixels, rows):
    """Show an image, its rows but those from the first of the two given to before the second greyed."""
    ax.imshow(pixels, extent=(0, 28, 28, 0), **style.INK)
    unread = [part for part in ((0, rows[0]), (rows[1], 28)) if part[0] < part[1]]
    for part in unread:
        ax.axhspan(*part, color=style.GREY, alpha=0.5, linewidth=0)
    ax.set(title=text("the image (grey: not read)") if unread else text("the image"), xticks=range(0, 29, 7),
           yticks=range(0, 29, 4))


def _show_probabilities(ax, probabilities, count):
    """Show probabilities [n_read, 10] as shades and the largest as dots along an axis of counts; return the shades."""
    shades = ax.imshow(probabilities, extent=(-0.5, 9.5, count[-1], count[0]), aspect="auto", cmap="cividis", vmin=0,
                       vmax=1, interpolation="nearest")
    ax.plot(probabilities.argmax(axis=1), (count[:-1] + count[1:]) / 2, ".", color=style.COLORS[1],
            label=text("the answer so far"))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    return shades


def on_checks(picture):
    """Return a Pillow image as an array to draw; what is transparent shows a grey chequerboard."""
    if picture.mode != "RGBA":
        return np.asarray(picture)
    pixels = np.asarray(picture, np.float32)
    y, x = np.indices(pixels.shape[:2]) * 16 // max(pixels.shape[:2])
    checks = np.where((x + y) % 2, 205.0, 235.0)[:, :, None]
    alpha = pixels[:, :, 3:] / 255
    return (pixels[:, :, :3] * alpha + checks * (1 - alpha)).astype(np.uint8)
