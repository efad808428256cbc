"""The connected parts of the ink: which are dust, and which make a digit together.

The rules for the latter are told from MNIST's 60,000 training images, each of them one digit, of which 1,562 are of
several parts: 20 of them would be split.
"""

from typing import NamedTuple

import numpy as np

CELLS = 128 * 128  # in which connected parts are looked for, at most
MIN_SIZE = 1 / 40  # of the picture's longer side: what is smaller is dust, also where there is nothing else
MAX_DIGITS = 20  # more are no digits, but text, a scribble or a photograph
# Two parts are two digits by their heights and the gap between them, as shares of the tallest part's height, and by how
# much of the narrower one lies above or below the other.
TALL, MAX_OVERLAP = 0.6, 0.4
SMALL, FAR = 0.3, 0.3
BELOW = 0.2


class Box(NamedTuple):
    """Hold where a digit is, in pixels; the last row and column are not of it."""

    top: int
    left: int
    bottom: int
    right: int


def split(ink):
    """Return [(ink [height, width], Box)] of the digits in ink 0..1 [height, width], row by row, from left to right.

    Each ink is the whole picture's but for the other digits. One digit, or too many shapes to be digits, is one.
    """
    whole = _box(ink > 0)
    inside = ink[whole.top:whole.bottom, whole.left:whole.right]
    step = int(np.ceil((inside.size / CELLS) ** 0.5))
    blocks = _blocks(inside, step)
    labels = components(blocks > 0.1)
    groups = _grouped(_boxes(labels))
    if not 1 < len(groups) <= MAX_DIGITS:
        return [(ink, whole)]
    owners = np.zeros(labels.max() + 1, int)
    for number, (_, members) in enumerate(groups, 1):
        owners[members] = number
    return _in_order([_cut(ink, whole, owners[labels], number, step) for number in range(1, len(groups) + 1)])


def _box(mask):
    """Return the Box around what is true in a mask [height, width]."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(*map(int, (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)))


def _boxes(labels):
    """Return {label: Box} of the connected parts, in blocks."""
    y, x = np.nonzero(labels)
    found, part = np.unique(labels[y, x], return_inverse=True)
    low, high = np.full((len(found), 2), labels.size), np.zeros((len(found), 2), int)
    np.minimum.at(low, part, np.stack([y, x], 1))
    np.maximum.at(high, part, np.stack([y, x], 1) + 1)
    return {int(label): Box(*map(int, (*a, *b))) for label, a, b in zip(found, low, high, strict=True)}


def _grouped(boxes):
    """Return [(Box, labels)] of the digits that the parts {label: Box} make."""
    groups, tallest = [], max(box.bottom - box.top for box in boxes.values())
    for label, box in sorted(boxes.items(), key=lambda item: item[1].top - item[1].bottom):
        near = [group for group in groups if not _are_two(group[0], box, tallest)]
        if near:
            group = min(near, key=lambda group: sum(max(0, gap) for gap in _gaps(group[0], box)))
            groups.remove(group)
            groups.append((_around_both(group[0], box), [*group[1], label]))
        else:
            groups.append((box, [label]))
    return groups


def _are_two(one, other, tallest):
    """Tell whether two Boxes, the tallest being so high, hold two digits rather than two parts of one."""
    least = min(box.bottom - box.top for box in (one, other)) / tallest
    across, down = _gaps(one, other)
    narrower = min(box.right - box.left for box in (one, other))
    return ((least >= TALL and (-across <= MAX_OVERLAP * narrower or down >= BELOW * tallest))
            or (least >= SMALL and across >= FAR * tallest))


def _gaps(one, other):
    """Return how far two Boxes are from each other across and down; below 0: how much they share."""
    return (max(one.left, other.left) - min(one.right, other.right),
            max(one.top, other.top) - min(one.bottom, other.bottom))


def _around_both(one, other):
    """Return the Box around two."""
    return Box(min(one.top, other.top), min(one.left, other.left), max(one.bottom, other.bottom),
               max(one.right, other.right))


def _cut(ink, whole, owners, number, step):
    """Return (the ink of one digit, its Box), given the numbers of the digits, in blocks, within a Box of the ink."""
    own = owners == number
    blocks = np.logical_or.reduce(_around(own)) & ((owners == 0) | own)  # those around have the last of its edge
    height, width = whole.bottom - whole.top, whole.right - whole.left
    mask = np.zeros(ink.shape, bool)
    mask[whole.top:whole.bottom, whole.left:whole.right] = _pixels(blocks, step)[:height, :width]
    ink = ink * mask
    return ink, _box(ink > ink.max() / 2)


def _in_order(digits):
    """Return [(ink, Box)] row by row, from left to right; what shares half of its height with a digit is in its row."""
    rows = []
    for digit in sorted(digits, key=lambda digit: digit[1].top - digit[1].bottom):  # the tallest first
        box = digit[1]
        row = next((row for row in rows if -_gaps(row[0][1], box)[1] > (box.bottom - box.top) / 2), None)
        rows.append([digit]) if row is None else row.append(digit)
    return [digit for row in sorted(rows, key=lambda row: row[0][1].top)
            for digit in sorted(row, key=lambda digit: digit[1].left)]


def without_specks(ink):
    """Return the ink with only its large connected parts: no dust, and no shadow at the border beside a whole digit."""
    height, width = ink.shape
    ink = ink * (sum(_around(ink)) > 2.5)  # a dot of a pixel or two has less within reach, a line has more
    step = -(-max(height, width) // 128)
    blocks = _blocks(ink, step)
    labels = components(blocks > 0.1)
    mass = np.bincount(labels.ravel(), blocks.ravel())
    mass[0] = 0
    for label, box in _boxes(labels).items():
        if max(box.bottom - box.top, box.right - box.left) < max(labels.shape) * MIN_SIZE:
            mass[label] = 0
    inside = mass.copy()
    inside[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = 0
    if inside.max() > mass.max() / 4:
        mass = np.where(_beside_digits(labels, inside), mass, inside)
    keep = np.maximum.reduce(_around((mass > mass.max() / 20)[labels]))  # the blocks around have the last of its edge
    return ink * _pixels(keep, step)[:height, :width]


def _beside_digits(labels, inside):
    """Tell of each label whether it is a part that lies in a row with those inside: a digit that the border touches.

    labels: [h, w]; inside: the mass of each label, 0 where it is at the border. A digit is about as high as the others
    and hardly lies along the border; a shadow is not.
    """
    boxes, beside = _boxes(labels), np.zeros(len(inside), bool)
    whole = [boxes[label] for label in boxes if inside[label] > inside.max() / 4]
    top, bottom = min(box.top for box in whole), max(box.bottom for box in whole)
    for label, box in boxes.items():
        height = box.bottom - box.top
        along = max((labels[:, 0] == label).sum(), (labels[:, -1] == label).sum())
        beside[label] = (TALL <= height / (bottom - top) <= 1 / TALL and along <= height / 2
                         and min(bottom, box.bottom) - max(top, box.top) >= TALL * height)
    return beside


def _blocks(ink, step):
    """Return the mean ink of blocks of step x step pixels; beyond the border is none."""
    blocks = np.pad(ink, ((0, -ink.shape[0] % step), (0, -ink.shape[1] % step)))
    return blocks.reshape(blocks.shape[0] // step, step, -1, step).mean((1, 3))


def _pixels(blocks, step):
    """Return the pixels of blocks, each as its block."""
    return np.repeat(np.repeat(blocks, step, 0), step, 1)


def components(mask):
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


