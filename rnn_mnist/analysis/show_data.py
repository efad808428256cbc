"""What the data looks like: shapes, counts, one image as characters, and three pictures."""

from pathlib import Path

import numpy as np

from rnn_mnist.config import N_OUTPUTS
from rnn_mnist.console.languages import data_name, text
from rnn_mnist.console.settings import UserError, named
from rnn_mnist.console.tables import table
from rnn_mnist.data import Source, Split
from rnn_mnist.datasets.files import load_arrays

SHADES = " .:-=+*#%@"  # ten characters, the more ink the darker


def show_data(image, folder, data="auto", data_dir=None, offline=False):
    """Return (lines that describe the data, paths of the PNGs drawn into folder).

    image: number of the training image that is looked at closely; the others as the settings of these names. Raise
    UserError if there is no such data or image.
    """
    arrays, *source = load_arrays(data, data_dir, offline)
    train, test, source = Split(*arrays[:2]), Split(*arrays[2:]), Source(*source)
    if not 0 <= image < len(train.labels):
        raise UserError("{image}: the training images are numbered 0 to {n}", image=named("image", image),
                        n=len(train.labels) - 1)
    from rnn_mnist.plots import data as plots  # matplotlib takes half a second to import
    lines, folder = [*describe(train, test, source), "", *as_characters(train, image)], Path(folder)
    return lines, [plots.draw_samples(*train, source.kind, folder / "samples.png"),
                   plots.draw_balance(*_counts(train, test), source.kind, folder / "balance.png"),
                   plots.draw_image(image, train.images[image], train.labels[image], source.kind,
                                    folder / f"image-{image}.png")]


def describe(train, test, source):
    """Return lines with the Source, the shapes of two Splits, and how many images there are of each digit."""
    lines = [text("data : {data} ({where})", data=data_name(source.kind), where=text(source.where))]
    for name, (images, labels) in (("training", train), ("test", test)):
        lines.append(text("{name} : images {images}, values {low} to {high}, labels {labels}", name=text(name),
                          images=f"{images.dtype} {list(images.shape)}", low=images.min(), high=images.max(),
                          labels=f"{labels.dtype} {list(labels.shape)}"))
    counts = _counts(train, test)
    rows = [[text(name) for name in ("digit", "training", "share", "test", "share")]]
    for digit in range(N_OUTPUTS):
        rows.append([str(digit), *(cell for n in counts for cell in (f"{n[digit]:,}", f"{n[digit] / n.sum():.1%}"))])
    rows.append([text("all"), *(cell for n in counts for cell in (f"{n.sum():,}", "100.0%"))])
    return [*lines, "", *table(rows, ">")]


def as_characters(split, image):
    """Return lines that show an image on a terminal, two characters per pixel."""
    head = text("training image {image}: a {label}", image=image, label=split.labels[image])
    return [head, *(shaded(row, width=2).rstrip() for row in split.images[image])]


def shaded(row, width=1):
    """Return a row of uint8 pixels as so many characters each."""
    return "".join(SHADES[pixel * len(SHADES) // 256] * width for pixel in row.tolist())


def _counts(*splits):
    """Return how many images of each digit there are, int [10], in each Split."""
    return [np.bincount(split.labels, minlength=N_OUTPUTS) for split in splits]
