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
from rnn_mnist.console.settings import UserError

# What Pillow opens on its own; left out are those that call other programs (EPS) or that nobody draws digits in.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 64_000_000  # 256 MB once decoded
MAX_BYTES = 256_000_000
STRIP = 2**20  # pixels that are converted at a time
MIN_SIDE, MAX_SIDE = 256, 1024  # the longer side, in pixels, of the picture that is worked on
MIN_CONTRAST = 0.04  # of full white: a picture with less is blank
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
        raise UserError(f"{name}: there is not enough memory for this picture: make it smaller") from None
    except UnidentifiedImageError:
        raise UserError(f"{name}: not a picture: give a PNG, JPEG, GIF, BMP, TIFF, WebP or PPM") from None
    except Image.DecompressionBombError:
        raise UserError(f"{name}: larger than {MAX_PIXELS // 1_000_000} megapixels: make it smaller") from None
    except Exception as error:  # Pillow's readers raise a dozen kinds on damaged bytes; all mean the same
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(f"{name}: damaged or cut off ({reason}): save the picture again") from None


def to_mnist(picture, name):
    """Return a Pillow image of a digit, as open_picture gives it, as uint8 [28, 28]: ink 255 on 0.

    A picture of 28 x 28 that has MNIST's form already, or its negative, keeps its pixels. Raise UserError, naming the
    picture, if it is blank.
    """
    if picture.size == (SIDE, SIDE) and picture.mode == "RGB":
        grey = np.asarray(picture.convert("L"))
        for pixels in (grey, 255 - grey):
            if _has_mnist_form(pixels):
                return pixels
    longer = max(picture.size)
    if longer < MIN_SIDE:
        picture = picture.resize([max(1, round(side * MIN_SIDE / longer)) for side in picture.size],
                                 Image.Resampling.BILINEAR)
    ink = _without_specks(_ink(_brightness(picture)))
    if not ink.any():
        raise UserError(f"{name}: blank: no digit stands out from the paper")
    return _fit(ink)


def _read_bytes(name):
    """Return the bytes of a file or of standard input; raise UserError if there are none or too many."""
    if name == "-":
        name = "standard input"
        try:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise UserError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
        if len(content) > MAX_BYTES:
            raise UserError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB: make the picture smaller")
    else:
        content = files.read_bytes(name, MAX_BYTES, "give a picture file, or - for standard input")
    if not content:
        raise UserError(f"{name}: empty: there is no picture in it")
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


def _brightness(picture):
    """Return float32 [height, width], 0..1: the colour channel in which the picture stands out most from its border.

    Where a shape is cut out by transparency, that shape itself is returned, whatever its colour.
    """
    pixels = np.atleast_3d(np.asarray(picture, np.float32)) / 255
    if pixels.shape[2] == 4:
        colour, alpha = pixels[:, :, :3], pixels[:, :, 3:]
        opaque = alpha[:, :, 0] > alpha.max() / 2
        if not _is_sheet(colour, opaque):
            return alpha[:, :, 0]
        paper = np.median(colour[opaque], axis=0)
        pixels = alpha * colour + (1 - alpha) * paper
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    contrast = np.square(pixels - np.median(border, axis=0)).mean((0, 1))
    return pixels[:, :, contrast.argmax()]


def _is_sheet(colour, opaque):
    """Tell whether the opaque part is a sheet with something on it, rather than the digit itself."""
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    if opaque.all() or not len(rows):
        return opaque.all()
    share = opaque.sum() / (np.ptp(rows) + 1) / (np.ptp(columns) + 1)
    low, high = np.percentile(colour[opaque].mean(1), (2, 98))
    return share > 0.75 and high - low > 0.25


def _ink(brightness):
    """Return how much ink lies where, float32 0..1; none anywhere if nothing stands out from the paper."""
    paper = _paper(brightness)
    ink = brightness - paper
    ink *= np.sign((ink**3).sum())  # the paper is the many small differences, the ink the few large ones
    noise = 1.4826 * np.median(np.abs(ink[ink <= ink.max() / 2]))  # standard deviation, were it normal
    if ink.max() < max(MIN_CONTRAST, 6 * noise):
        return np.zeros_like(ink)
    ink *= (paper.mean() + 0.05) / (np.maximum(paper, 0) + 0.05)  # ink in the shade counts as much
    full, floor = np.percentile(ink[ink > ink.max() / 2], 75), 4 * noise + 0.02
    return np.clip((ink - floor) / (full - floor), 0, 1)


def _paper(brightness):
    """Return the brightness of the paper under the digit, [height, width]: one value if the picture has just two.

    The paper is then the one that most of the edge has, even where a digit touches it on all sides.
    """
    edge = np.median(np.concatenate([brightness[0], brightness[-1], brightness[:, 0], brightness[:, -1]]))
    other = brightness[np.abs(brightness - edge) > 0.1]
    if other.size:
        distance = np.minimum(np.abs(brightness - edge), np.abs(brightness - np.median(other)))
        if (distance < 0.02).mean() > 0.8:
            return np.full_like(brightness, edge)
    return _lit_paper(brightness)


def _lit_paper(brightness):
    """Return the brightness of paper in uneven light, [height, width]: a cubic surface through most of the picture.

    Fitted by reweighted least squares, first to the border, then to all pixels; what is far from the surface hardly
    counts (Cauchy's weights).
    """
    down, across = (np.vander(np.linspace(-1, 1, size), 4, increasing=True) for size in brightness.shape)
    step = -(-max(brightness.shape) // 64)
    chosen = np.add.outer(np.arange(4), np.arange(4)).ravel() < 4  # of the products y^i x^j
    terms = np.einsum("yi,xj->yxij", down[::step], across[::step]).reshape(-1, 16)[:, chosen]
    border = np.maximum.outer(np.abs(down[::step, 1]), np.abs(across[::step, 1])).ravel() > 0.9
    values = brightness[::step, ::step].ravel()
    surface = np.full_like(values, np.median(values[border]))
    for considered in [border] * 10 + [np.ones_like(border)] * 10:
        distance = np.abs(values - surface)
        weights = 1 / (1 + (distance / max(2 * np.median(distance[border]), 0.01)) ** 2) * considered
        weighted = terms * weights[:, None]
        factors = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        surface = terms @ factors
    factors_of_all = np.zeros(16)
    factors_of_all[chosen] = factors
    return (down @ factors_of_all.reshape(4, 4) @ across.T).astype(np.float32)


def _without_specks(ink):
    """Return the ink with only its large connected parts: no dust, and no shadow at the border beside a whole digit."""
    height, width = ink.shape
    ink = ink * (sum(_around(ink)) > 2.5)  # a dot of a pixel or two has less within reach, a line has more
    step = -(-max(height, width) // 128)
    blocks = np.pad(ink, ((0, -height % step), (0, -width % step)))
    blocks = blocks.reshape(blocks.shape[0] // step, step, -1, step).mean((1, 3))
    labels = _components(blocks > 0.1)
    mass = np.bincount(labels.ravel(), blocks.ravel())
    mass[0] = 0
    inside = mass.copy()
    inside[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    if inside.max() > mass.max() / 4:
        mass = inside
    keep = np.maximum.reduce(_around((mass > mass.max() / 20)[labels]))  # the blocks around have the last of its edge
    return ink * np.repeat(np.repeat(keep, step, 0), step, 1)[:height, :width]


def _components(mask):
    """Return the connected parts of a mask [h, w], corners touching, as whole numbers [h, w]; 0 outside."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        highest = np.where(mask, np.maximum.reduce(_around(labels)), 0)
        highest = np.concatenate([[0], highest.ravel()])[highest]  # a shortcut: the label of the cell it names
        if np.array_equal(highest, labels):
            return labels
        labels = highest


def _around(values):
    """Return nine arrays: values [h, w] and their eight neighbours, 0 beyond the border."""
    height, width = values.shape
    padded = np.pad(values, 1)
    return [padded[i:i + height, j:j + width] for i in range(3) for j in range(3)]


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
