"""What the data looks like: shapes, counts, one image as characters, and three pictures."""

from pathlib import Path

import numpy as np

from rnn_mnist.config import N_OUTPUTS, Config, UserError, with_settings
from rnn_mnist.console.languages import data_name, table, text
from rnn_mnist.data import ORIGINAL, load_data
from rnn_mnist.plots import style as plots

SHADES = " .:-=+*#%@"  # ten characters, the more ink the darker
N_SAMPLES = 12         # of each digit


def show_data(image, folder, lang="en", **settings):
    """Return (lines that describe the data, paths of the PNGs drawn into folder).

    image: number of the training image that is looked at closely; settings: data, data_dir, offline, as in Config.
    Raise UserError if there is no such data or image.
    """
    data = load_data(with_settings(Config(n_valid=0), **settings))
    if not 0 <= image < len(data.train.labels):
        raise UserError(f"--image {image}: the training images are numbered 0 to {len(data.train.labels) - 1}")
    lines = [*describe(data, lang), "", *as_characters(data.train, image, lang)]
    folder, drawn = Path(folder), plots.font_for(lang)
    draw = {"samples.png": draw_samples, "balance.png": draw_balance}
    paths = [plots.save(function(data, drawn), folder / name) for name, function in draw.items()]
    return lines, [*paths, plots.save(draw_image(data, image, drawn), folder / f"image-{image}.png")]


def describe(data, lang="en"):
    """Return lines with the source, the shapes, and how many images there are of each digit."""
    lines = [text(lang, "data : {data} ({where})", data=data_name(lang, data.source.kind),
                  where=text(lang, data.source.where))]
    for name, (images, labels) in (("training", data.train), ("test", data.test)):
        lines.append(text(lang, "{name} : images {images}, values {low} to {high}, labels {labels}",
                          name=text(lang, name), images=f"{images.dtype} {list(images.shape)}",
                          low=images.min(), high=images.max(), labels=f"{labels.dtype} {list(labels.shape)}"))
    counts = _counts(data)
    rows = [[text(lang, name) for name in ("digit", "training", "share", "test", "share")]]
    for digit in range(N_OUTPUTS):
        rows.append([str(digit), *(cell for n in counts for cell in (f"{n[digit]:,}", f"{n[digit] / n.sum():.1%}"))])
    rows.append([text(lang, "all"), *(cell for n in counts for cell in (f"{n.sum():,}", "100.0%"))])
    return [*lines, "", *table(rows, ">")]


def as_characters(split, image, lang="en"):
    """Return lines that show an image on a terminal, two characters per pixel."""
    levels = split.images[image].astype(int) * len(SHADES) // 256
    head = text(lang, "training image {image}: a {label}", image=image, label=split.labels[image])
    return [head, *("".join(SHADES[level] * 2 for level in row).rstrip() for row in levels)]


def draw_samples(data, lang="en"):
    """Return a figure with a grid of training images, one row per digit: the first of each."""
    rows = []
    for digit in range(N_OUTPUTS):
        images = data.train.images[np.flatnonzero(data.train.labels == digit)[:N_SAMPLES]]
        blank = np.zeros([N_SAMPLES - len(images), 28, 28], np.uint8)
        rows.append(np.concatenate([*images, *blank], axis=1))
    figure = plots.new_figure(7.2, 6.4)
    axes = figure.subplots()
    axes.imshow(np.concatenate(rows), cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=np.arange(N_OUTPUTS) * 28 + 14, ylabel=text(lang, "digit"),
             title=text(lang, "first training images of each digit\n{data}", data=data_name(lang, data.source.kind)))
    axes.set_yticklabels(range(N_OUTPUTS))
    axes.tick_params(length=0)
    return figure


def draw_image(data, image, lang="en"):
    """Return a figure of a training image with a grey colour bar, beside its 784 pixel values as a line."""
    pixels = data.train.images[image]
    figure = plots.new_figure(12, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.9))
    shown = left.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    figure.colorbar(shown, ax=left, label=text(lang, "pixel value"), shrink=0.9)
    left.set(xticks=range(0, 28, 7), yticks=range(0, 28, 7), xlabel=text(lang, "column"), ylabel=text(lang, "row"))
    right.plot(pixels.ravel(), color=plots.COLORS[0], linewidth=0.9)
    right.set(xlim=(0, 784), ylim=(-5, 260), xticks=range(0, 785, 112), yticks=(0, 64, 128, 192, 255),
              xlabel=text(lang, "pixel (28 per row, row after row)"), ylabel=text(lang, "pixel value"))
    right.spines[["top", "right"]].set_visible(False)
    right.grid(alpha=0.3)
    figure.suptitle(text(lang, "training image {image}: a {label}", image=image, label=data.train.labels[image])
                    + ("" if data.source.kind == ORIGINAL else f" ({data_name(lang, data.source.kind)})"))
    return figure


def draw_balance(data, lang="en"):
    """Return a figure with the share of each digit in the training and test images."""
    figure = plots.new_figure(7.2, 4.2)
    axes = figure.subplots()
    for i, (name, counts) in enumerate(zip(("training", "test"), _counts(data), strict=True)):
        label = text(lang, "{name} ({n} images)", name=text(lang, name), n=f"{counts.sum():,}")
        axes.bar(np.arange(N_OUTPUTS) + (i - 0.5) * 0.4, 100 * counts / counts.sum(), 0.4, label=label,
                 color=plots.COLORS[i])
    axes.axhline(100 / N_OUTPUTS, color=plots.GREY, linestyle=":", label=text(lang, "equal shares"))
    axes.set(xticks=range(N_OUTPUTS), xlabel=text(lang, "digit"), ylabel=text(lang, "share of the images (%)"),
             title=text(lang, "label balance\n{data}", data=data_name(lang, data.source.kind)))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)  # room for the legend
    axes.legend(loc="upper center", ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _counts(data):
    """Return how many images of each digit there are, int [10], in training and test."""
    return [np.bincount(split.labels, minlength=N_OUTPUTS) for split in (data.train, data.test)]
