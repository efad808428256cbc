"""The pictures of the data: samples of each digit, the balance of the labels, one image and its pixel values."""

import numpy as np

from rnn_mnist.config import N_OUTPUTS, N_PIXELS
from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.style import data_name, text

N_SAMPLES = 12  # of each digit


@style.as_shipped
def draw_samples(images, labels, data, path):
    """Draw the first training images of each digit, a row per digit; return the path. data: what kind of it this is."""
    rows = []
    for digit in range(N_OUTPUTS):
        first = images[np.flatnonzero(labels == digit)[:N_SAMPLES]]
        blank = np.zeros([N_SAMPLES - len(first), 28, 28], np.uint8)
        rows.append(np.concatenate([*first, *blank], axis=1))
    figure = style.new_figure(7.2, 6.4)
    axes = figure.subplots()
    axes.imshow(np.concatenate(rows), **style.INK)
    axes.set(xticks=[], yticks=np.arange(N_OUTPUTS) * 28 + 14, ylabel=text("digit"),
             title=text("first training images of each digit\n{data}", data=data_name(data)))
    axes.set_yticklabels(range(N_OUTPUTS))
    axes.tick_params(length=0)
    return style.save(figure, path)


@style.as_shipped
def draw_image(number, pixels, label, data, path):
    """Draw a training image with a grey colour bar, beside its 784 pixel values as a line; return the path."""
    figure = style.new_figure(12, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.9))
    shown = left.imshow(pixels, **style.INK)
    figure.colorbar(shown, ax=left, label=text("pixel value"), shrink=0.9)
    left.set(xticks=range(0, 28, 7), yticks=range(0, 28, 7), xlabel=text("column"), ylabel=text("row"))
    right.plot(pixels.ravel(), color=style.COLORS[0], linewidth=0.9)
    right.set(xlim=(0, N_PIXELS), ylim=(-5, 260), xticks=range(0, 785, 112), yticks=(0, 64, 128, 192, 255),
              xlabel=text("pixel (28 per row, row after row)"), ylabel=text("pixel value"))
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.3)
    figure.suptitle(text("training image {image}: a {label}", image=number, label=label)
                    + ("" if data == ORIGINAL else f" ({data_name(data)})"))
    return style.save(figure, path)


@style.as_shipped
def draw_balance(n_training, n_test, data, path):
    """Draw the share of each digit in the training and test images, of which there are so many each, int [10]."""
    figure = style.new_figure(7.2, 4.2)
    axes = figure.subplots()
    for i, (name, counts) in enumerate((("training", n_training), ("test", n_test))):
        label = text("{name} ({n} images)", name=text(name), n=f"{counts.sum():,}")
        axes.bar(np.arange(N_OUTPUTS) + (i - 0.5) * 0.4, 100 * counts / counts.sum(), 0.4, label=label,
                 color=style.COLORS[i])
    axes.axhline(100 / N_OUTPUTS, color=style.GREY, linestyle=":", label=text("equal shares"))
    axes.set(xticks=range(N_OUTPUTS), xlabel=text("digit"), ylabel=text("share of the images (%)"),
             title=text("label balance\n{data}", data=data_name(data)))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)  # room for the legend
    axes.legend(loc="upper center", ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    return style.save(figure, path)
