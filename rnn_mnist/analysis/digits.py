"""Digits to be read: found in a person's own pictures, or taken from a test set; and what they are called."""

import glob
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rnn_mnist.analysis import picture as pictures
from rnn_mnist.console.guard import shortened
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError, named

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm")
DRAWN = 400  # pixels of the longer side of a picture that is kept to be drawn


class Place(NamedTuple):
    """Hold where a digit is in a picture of several: number (from 1) of how many, and shares 0..1 of it."""

    number: int
    count: int
    left: float
    top: float
    right: float
    bottom: float


class Digit(NamedTuple):
    """Hold a digit: source, the person's picture, uint8 [28, 28] pixels, label and Place; None if there is none.

    The source is a path or "-", or the number of a test image.
    """

    source: str | int
    picture: Image.Image | None
    pixels: np.ndarray
    label: int | None = None
    place: Place | None = None


def read_pictures(names):
    """Return ([Digit], [complaint]) of picture files, folders, patterns and "-"; a bad file does not stop the others.

    A picture of several digits gives one for each, from left to right.

    Raise UserError as find_pictures does.
    """
    digits, complaints = [], []
    for path in find_pictures(names):
        try:
            picture = pictures.open_picture(path)
            found = pictures.to_digits(picture, path)
            picture.thumbnail((DRAWN, DRAWN))  # a folder of a thousand must fit into the memory
            digits += [Digit(path, picture, pixels, place=Place(k, len(found), *box) if len(found) > 1 else None)
                       for k, (pixels, box) in enumerate(found, 1)]
        except UserError as error:
            complaints.append(str(error))
    return digits, complaints


def find_pictures(names):
    """Return the paths that the names stand for: files, "-", folders (their pictures, sorted) and patterns.

    Raise UserError if a folder holds no picture or a pattern matches nothing.
    """
    paths = []
    for name in names:
        if os.path.isdir(name):
            found = [os.path.join(name, file) for file in sorted(os.listdir(name)) if file.lower().endswith(ENDINGS)]
            if not found:
                raise UserError("{name}: holds no pictures ({endings}): give a picture or another folder", name=name,
                                endings=", ".join(ENDINGS))
        elif glob.has_magic(name) and not os.path.lexists(name):
            found = sorted(path for path in glob.glob(name) if not os.path.isdir(path))
            if not found:
                raise UserError("{name}: no file matches this pattern", name=name)
        else:
            found = [name]
        paths += found
    if paths.count("-") > 1:
        raise UserError("- stands for standard input, which can be read once only: give it once")
    return paths


def test_image(test, index):
    """Return the Digit of an image of a test Split; raise UserError if there is none of that number."""
    if not 0 <= index < len(test.labels):
        raise UserError("{setting}: the test images have the numbers 0 to {last}", setting=named("test_index", index),
                        last=len(test.labels) - 1)
    return Digit(index, None, test.images[index], int(test.labels[index]))


def name(digit, translate=text):
    """Return what a Digit is called in a text."""
    if isinstance(digit.source, int):
        return translate("test image {index}", index=digit.source)
    return translate("standard input") if digit.source == "-" else digit.source


def title(digit, answer, short=False):
    """Return a line with what a Digit was read as, and what it is if that is known; short: as pictures can show it."""
    translate, called = text, name(digit)
    if short:
        from rnn_mnist.plots.style import text as translate
        called = short_name(digit, translate)[-60:]
    if digit.label is None:
        return translate("{name} : read as {digit}", name=called, digit=answer)
    return translate("{name} : read as {digit}, is {label}", name=called, digit=answer, label=digit.label)


def short_name(digit, translate=text):
    """Return what a picture calls a Digit: without its folder."""
    return os.path.basename(name(digit, translate))


def plot_path(run, what, digit):
    """Return the path in a Run's plots/ for a picture of a Digit."""
    stem = shortened(Path(digit.source).stem) if isinstance(digit.source, str) else f"test-{digit.source}"
    return run.path / "plots" / f"{what}-{'stdin' if digit.source == '-' else stem}.png"
