"""A person's own picture of a digit, brought into the form of MNIST's images.

The way is that of MNIST's makers (http://yann.lecun.com/exdb/mnist): the digit fits a box of 20 x 20 pixels, its
proportions kept, and its centre of mass is in the middle of the 28 x 28. What comes before it finds the ink: the
paper's brightness is estimated and taken off, so that neither a shadow nor dark paper counts as ink.
Pillow and NumPy do the work; nothing is loaded from a file that has not been checked first.
"""

import io
import sys
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rnn_mnist import files
from rnn_mnist.analysis.paper import ink_of
from rnn_mnist.analysis.parts import split, without_specks
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError

# What Pillow opens on its own; left out are those that call other programs (EPS) or that nobody draws digits in.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 64_000_000  # 256 MB once decoded
MAX_BYTES = 256_000_000
STRIP = 2**20  # pixels that are converted at a time
MIN_SIDE, MAX_SIDE = 256, 1024  # the longer side, in pixels, of the picture that is worked on
BOX, SIDE = 20, 28


def open_picture(name):
    """Return a picture file's first frame, upright, as a Pillow image of at most MAX_SIDE pixels a side.

    Its mode is RGB, RGBA, or F with values 0..255. "-" is standard input. Raise UserError, naming the file, if it is
    missing, empty, no picture, damaged or too large.
    """
    try:
        content = _read_bytes(name)
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            picture.draft(None, (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at half the size or less if that is enough
            ImageOps.exif_transpose(picture, in_place=True)
            shrunk = _shrunk(picture)
            return _stretched(shrunk) if picture.mode in ("I", "F") else shrunk
    except UserError:
        raise
    except MemoryError:
        raise UserError("{name}: there is not enough memory for this picture: make it smaller", name=name) from None
    except UnidentifiedImageError:
        raise UserError("{name}: not a picture: give a PNG, JPEG, GIF, BMP, TIFF, WebP or PPM", name=name) from None
    except Image.DecompressionBombError:
        raise UserError("{name}: larger than {n} megapixels: make it smaller", name=name,
                        n=MAX_PIXELS // 1_000_000) from None
    except Exception as error:  # Pillow's readers raise a dozen kinds on damaged bytes; all mean the same
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError("{name}: damaged or cut off ({reason}): save the picture again", name=name,
                        reason=reason) from None


def to_mnist(picture, name):
    """Return a Pillow image of one digit, as open_picture gives it, as uint8 [28, 28]: ink 255 on 0.

    A picture of 28 x 28 that has MNIST's form already, or its negative, keeps its pixels. Raise UserError, naming the
    picture, if it is blank or holds several digits.
    """
    digits = to_digits(picture, name)
    if len(digits) > 1:
        raise UserError("{name}: holds {n} digits: cut out one", name=name, n=len(digits))
    return digits[0][0]


def to_digits(picture, name):
    """Return [(uint8 [28, 28], place)] of the digits in a Pillow image, each as to_mnist has it, from left to right.

    place: where it is, as shares 0..1 of the picture: left, top, right, bottom. Raise UserError, naming the picture, if
    it is blank.
    """
    if picture.size == (SIDE, SIDE) and picture.mode == "RGB":
        grey = np.asarray(picture.convert("L"))
        for pixels in (grey, 255 - grey):
            if _has_mnist_form(pixels):
                return [(pixels, (0.0, 0.0, 1.0, 1.0))]
    longer = max(picture.size)
    if longer < MIN_SIDE:
        picture = picture.resize([max(1, round(side * MIN_SIDE / longer)) for side in picture.size],
                                 Image.Resampling.BILINEAR)
    ink = without_specks(ink_of(picture))
    if not ink.any():
        raise UserError("{name}: blank: no digit stands out from the paper", name=name)
    height, width = ink.shape
    return [(_fit(part), (box.left / width, box.top / height, box.right / width, box.bottom / height))
            for part, box in split(ink)]


def _read_bytes(name):
    """Return the bytes of a file or of standard input; raise UserError if there are none or too many."""
    if name == "-":
        name = text("standard input")
        try:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise UserError("{name}: cannot be read ({reason})", name=name,
                            reason=getattr(error, "strerror", None) or error) from None
        if len(content) > MAX_BYTES:
            raise UserError("{name}: larger than {n} MB: make the picture smaller", name=name, n=MAX_BYTES // 1_000_000)
    else:
        content = files.read_bytes(name, MAX_BYTES, text("give a picture file, or - for standard input"))
    if not content:
        raise UserError("{name}: empty: there is no picture in it", name=name)
    return content


def _shrunk(picture):
    """Return a Pillow image of any mode as _plain does, with at most MAX_SIDE pixels a side.

    Of a large one, k x k pixels are made one first, in strips, because converting it whole takes its memory twice;
    not by Pillow's reduce(), which overflows in mode I.
    """
    k = max(picture.size) // (2 * MAX_SIDE)
    shrunk = _plain(picture) if k < 2 else Image.fromarray(np.concatenate(
        [np.asarray(strip.resize([-(-side // k) for side in strip.size], Image.Resampling.BOX))
         for strip in map(_plain, _strips(picture, k))]))
    shrunk.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return shrunk


def _strips(picture, k):
    """Yield a picture from top to bottom in parts of about STRIP pixels, a multiple of k rows each but the last."""
    width, height = picture.size
    n_rows = k * max(1, STRIP // (k * width))
    for top in range(0, height, n_rows):
        yield picture.crop((0, top, width, min(top + n_rows, height)))


def _plain(picture):
    """Return a Pillow image of any mode as F (16 bits), RGBA (transparent somewhere) or RGB; I stays I, and F F."""
    if picture.mode.startswith("I;16"):
        return picture.convert("F").point(lambda value: value * (1 / 257) + 0)
    if picture.mode == "F":
        return Image.fromarray(np.nan_to_num(np.asarray(picture), posinf=0, neginf=0))
    if picture.mode == "I":
        return picture.copy()
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _stretched(picture):
    """Return a Pillow image of mode I or F, which have no fixed range, as F with values 0..255."""
    values = np.asarray(picture, np.float64)
    return Image.fromarray(((values - values.min()) * (255 / max(np.ptp(values), 1e-30))).astype(np.float32))


def _has_mnist_form(pixels):
    """Tell whether uint8 [28, 28] is black but for a digit in a box of 20 x 20, its centre of mass at pixel 14, 14."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows) or max(np.ptp(rows), np.ptp(columns)) >= BOX:
        return False
    return all(abs(np.average(np.arange(SIDE), weights=pixels.sum(axis)) - SIDE / 2) < 0.51 for axis in (0, 1))


def _fit(ink):
    """Return uint8 [28, 28]: the ink's box scaled to 20 x 20, proportions kept, its centre of mass at pixel 14, 14."""
    inside = ink > ink.max() / 2
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    low, high = np.array([rows[0], columns[0]]), np.array([rows[-1], columns[-1]]) + 1
    window = SIDE / BOX * (high - low).max()
    centre = np.array([np.average(np.arange(size) + 0.5, weights=ink.sum(1 - axis))
                       for axis, size in enumerate(ink.shape)])
    start = centre - window * (SIDE / 2 + 0.5) / SIDE
    start = np.minimum(np.maximum(start, high - window), low)  # the whole box stays in sight
    margin = int(window) + 1
    top, left = start + margin
    fitted = Image.fromarray(np.pad(ink, margin)).resize((SIDE, SIDE), Image.Resampling.BOX,
                                                         (left, top, left + window, top + window))
    fitted = np.asarray(fitted)
    return np.rint(fitted * (255 / fitted.max())).astype(np.uint8)
