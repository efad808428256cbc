"""The lines of ruled and squared paper, found and taken off a picture, and the strokes that cross them left whole.

A line is thin, straight or slightly bent, and goes through nearly the whole picture; in a photograph it may slope a
little. It is looked for in a few strips of the picture side by side, in which only its height changes.
"""

import numpy as np

STRIP = 20  # pixels: how wide a strip is
MAX_SLOPE = 0.1  # pixels up or down for each to the side: 6 degrees
MAX_SHARE = 64  # a line is at most the longer side / 64 thick, or MIN_THICK pixels
MIN_THICK = 6
SEEN = 0.65  # share of the strips in which a line must be seen
MIN_INSIDE = 0.25  # share of the strips that a line goes through
MIN_LEVEL = 0.012  # ink, of full white, that a line has at least more than the paper around it


def without_lines(ink):
    """Return (ink [height, width] without the lines through the picture, the ink of the strongest line or 0)."""
    thick = max(MIN_THICK, max(ink.shape) // MAX_SHARE)
    found = [find_lines(ink, thick), find_lines(ink.T, thick)]
    rest, strongest = _without(ink, found, thick)
    if any(len(lines) == 1 for lines in found):  # a stroke of a digit that is cut out closely goes through it, too
        found = [lines if len(lines) != 1 or _is_clear(side) else [] for lines, side in zip(found, (rest, rest.T),
                                                                                            strict=True)]
        rest, strongest = _without(ink, found, thick)
    return rest, strongest


def find_lines(ink, thick):
    """Return the lines from left to right of ink [height, width], at most so thick, each as its heights [width]."""
    height, width = ink.shape
    n = width // STRIP
    if n < 8 or height < 4 * thick:
        return []
    edges = np.linspace(0, width, n + 1).astype(int)
    strips = np.add.reduceat(np.maximum(ink, 0), edges[:-1], axis=1).T / np.diff(edges)[:, None]
    thin = strips - _opened(strips, 2 * thick + 1)
    middles = (edges[:-1] + edges[1:] - width) / 2
    slopes = np.linspace(-MAX_SLOPE, MAX_SLOPE, 2 * int(MAX_SLOPE * width / 4) + 1)
    starts = np.arange(-int(MAX_SLOPE * width / 2), height + int(MAX_SLOPE * width / 2))
    scores = np.array([_seen_along(thin, starts, middles * slope) for slope in slopes])
    best, slope = scores.max(0), slopes[scores.argmax(0)]
    found = _peaks(best, max(MIN_LEVEL, 4 * np.median(best)), thick)
    if len(found):  # the lines of a page are about parallel
        found = found[np.abs(slope[found] - np.median(slope[found])) < MAX_SLOPE / 3]
    lines = [_traced(thin, middles, starts[i] + middles * slope[i], np.arange(width) - (width - 1) / 2) for i in found]
    return [line for line in lines if _reaches_both_sides(ink, line)]


def _reaches_both_sides(ink, heights):
    """Tell whether a line begins and ends at the border, as digits side by side that look like one hardly do."""
    rows = np.rint(heights).astype(int)
    inside = np.flatnonzero((rows >= 0) & (rows < len(ink)))
    rows = (rows[inside] + np.arange(-2, 3)[:, None]).clip(0, len(ink) - 1)
    along, end = ink[rows, inside].max(axis=0), max(4, len(inside) // 32)
    return min(np.median(along[:end]), np.median(along[-end:])) > np.median(along) / 4


def _opened(strips, size):
    """Return strips [n, height] without what is thinner than an odd number of pixels: the least, then the most."""
    for pad, choose in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        padded = np.pad(strips, ((0, 0), (size // 2, size // 2)), constant_values=pad)
        strips = padded[:, :strips.shape[1]]
        for shift in range(1, size):
            strips = choose(strips, padded[:, shift:shift + strips.shape[1]])
    return strips


def _seen_along(thin, starts, shifts):
    """Return what most strips have along a line through each start, its height in the middle; 0 if it is hardly inside.

    A line that leaves the picture through its corner is looked for in the strips before.
    """
    n, height = thin.shape
    padded = np.pad(thin, ((0, 0), (1, 1)))
    wide = np.maximum(np.maximum(padded[:, :-2], padded[:, 2:]), thin)
    rows = starts + np.rint(shifts).astype(int)[:, None]
    inside = (rows >= 0) & (rows < height)
    values = np.sort(np.where(inside, wide[np.arange(n)[:, None], rows.clip(0, height - 1)], np.inf), axis=0)
    n_inside = inside.sum(0)
    least = np.take_along_axis(values, np.rint((1 - SEEN) * n_inside).astype(int)[None], axis=0)[0]
    return np.where(n_inside > n * MIN_INSIDE, least, 0)


def _peaks(values, least, distance):
    """Return the places of the largest values of at least so much, each so far from a larger one."""
    places = []
    for place in np.argsort(-values, kind="stable"):
        if values[place] < least:
            break
        if all(abs(place - other) > distance for other in places):
            places.append(place)
    return np.sort(np.array(places, int))


def _traced(thin, middles, heights, columns):
    """Return the heights [width] of a line near straight heights [n]: a parabola through what the strips show."""
    reach = np.arange(-4, 5)
    rows = (np.rint(heights).astype(int)[:, None] + reach).clip(0, thin.shape[1] - 1)
    near = thin[np.arange(len(thin))[:, None], rows]
    weights = near.max(1) * ((heights >= 0) & (heights < thin.shape[1]))
    weights = np.minimum(weights, np.median(weights[weights > 0]))
    seen = (near * rows).sum(1) / np.maximum(near.sum(1), 1e-9)
    for _ in range(3):
        factors = np.polyfit(middles, seen, 2, w=weights + 1e-9)
        weights = weights / (1 + (seen - np.polyval(factors, middles)) ** 2)
    return np.polyval(factors, columns)


def _without(ink, found, thick):
    """Return (ink without two lists of lines, from left to right and from top to bottom, the ink of the strongest)."""
    ink, (across, down), strongest = ink.copy(), found, 0.0
    # Where two cross, the one coming down looks like a stroke at first, and what it leaves is taken off at last.
    for view, lines in ((ink, across), (ink.T, down), (ink, across if down else [])):
        for heights in lines:
            strongest = max(strongest, _erase(view, heights, thick))
        if lines:
            _erase_at_border(view, thick)
    return ink, strongest


def _erase(ink, heights, thick):
    """Take a line off ink, in place, but where a stroke comes in above or below; return the line's own ink.

    A stroke that runs along the line is kept if it is stronger or thicker than the line.
    """
    rows = np.rint(heights).astype(int)
    columns, reach = np.arange(ink.shape[1]), np.arange(-thick, thick + 1)
    around = ink[(rows + reach[:, None]).clip(0, len(ink) - 1), columns]
    profile = np.median(around, axis=1)
    level = profile[thick - 1:thick + 2].max()
    faint = profile < 0.15 * level
    above, below = np.flatnonzero(faint[:thick]), np.flatnonzero(faint[thick:])
    up, down = thick - above[-1] if len(above) else thick, below[0] if len(below) else thick
    band = (rows + np.arange(-up, down + 1)[:, None]).clip(0, len(ink) - 1)
    reach = (up + down) // 2 + 1
    sides = np.maximum(*[_least(ink, rows, side) for side in (-np.arange(up + 1, up + reach + 3),
                                                              np.arange(down + 1, down + reach + 3))])
    padded = np.pad(sides, reach, mode="edge")  # a stroke that crosses may slant
    sides = np.maximum.reduce([padded[i:i + len(sides)] for i in range(2 * reach + 1)])
    line = ink[band, columns]
    ink[band, columns] = np.maximum(np.minimum(line, sides), line - 1.5 * level)
    return level


def _erase_at_border(ink, thick):
    """Take what is left of lines that leave a picture through its corners off its first and last rows, in place."""
    for edge in (ink[:thick + 3], ink[::-1][:thick + 3]):
        np.minimum(edge[:thick], edge[thick:].min(axis=0), out=edge[:thick])


def _least(ink, rows, distances):
    """Return the least ink, [width], at some distances from the rows [width]; a stroke goes on, an end does not."""
    return ink[(rows + distances[:, None]).clip(0, len(ink) - 1), np.arange(ink.shape[1])].min(axis=0)


def _is_clear(ink):
    """Tell whether the ink leaves a margin on the left and on the right."""
    columns = np.flatnonzero((ink > ink.max() / 2).any(0))
    margin = 0.03 * ink.shape[1]
    return len(columns) > 0 and columns[0] > margin and columns[-1] < ink.shape[1] - 1 - margin
