"""Ink told from the paper: its brightness is estimated and taken off, neither shadow nor dark paper is ink."""

import numpy as np

from rnn_mnist.analysis.ruling import without_lines

MIN_CONTRAST = 0.04  # of full white: a picture with less is blank
MIN_WRITTEN = 3e-4  # share of a picture of ruled paper that is ink, besides the lines: one with less is blank


def ink_of(picture):
    """Return how much ink lies where on a Pillow image, float32 [height, width] 0..1; none anywhere if it is blank.

    The lines of ruled and squared paper are no ink.
    """
    return _ink(_brightness(picture))


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
    ink, line = without_lines(ink)
    if line and (ink[9:-9, 9:-9] > max(MIN_CONTRAST, 6 * noise, line / 3)).sum() < MIN_WRITTEN * ink.size:
        return np.zeros_like(ink)  # there are but lines, and what is left of them where they cross and at the border
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


