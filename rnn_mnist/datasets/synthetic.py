"""Digits drawn from strokes by a seed: data of MNIST's form for machines that have no MNIST.

A digit is a few pen strokes (smooth curves through the points below), bent, slanted, scaled and moved at random, then
set down as a row of round dots of ink. The same seed gives the same bytes on every machine: the random numbers come
from NumPy's frozen legacy generator, coordinates need only + - * / (which IEEE 754 defines to the bit), and ink is
summed in whole numbers that float32 holds exactly, in whatever order a matrix product adds them up.
"""

import contextlib
import hashlib
import itertools
import os

import numpy as np

from rnn_mnist import files

N_TRAIN, N_TEST, SEED = 60_000, 10_000, 1998
DIGEST = "8e9fa34285327bf8255874caf2bd66477efc66a4f6d3454190a147745e86f2e3"  # SHA-256 of the images, then labels

# For each digit its ways of writing; each is a list of strokes, each a list of points (x to the right, y down, 0..1).
# A corner is where one stroke ends and the next begins.
SHAPES = (
    ([[(.5, 0), (.15, .2), (.08, .55), (.25, .92), (.5, 1), (.78, .88), (.92, .5), (.82, .15), (.5, 0)]],
     [[(.6, .04), (.3, .06), (.1, .4), (.15, .8), (.45, 1), (.8, .85), (.9, .45), (.7, .1), (.42, .08)]]),
    ([[(.5, 0), (.5, .35), (.5, .7), (.5, 1)]],
     [[(.25, .22), (.4, .12), (.52, 0)], [(.52, 0), (.52, .5), (.52, 1)]],
     [[(.25, .22), (.4, .12), (.52, 0)], [(.52, 0), (.52, .5), (.52, 1)], [(.25, 1), (.5, 1), (.78, 1)]]),
    ([[(.12, .25), (.25, .05), (.55, 0), (.82, .15), (.8, .4), (.5, .7), (.1, 1)], [(.1, 1), (.5, 1), (.92, .98)]],
     [[(.15, .2), (.4, 0), (.75, .08), (.8, .35), (.5, .75), (.2, .97), (.1, .85), (.3, .78), (.55, .92), (.92, .98)]]),
    ([[(.12, .12), (.45, 0), (.8, .1), (.8, .35), (.42, .47)],
      [(.42, .47), (.8, .55), (.9, .78), (.6, 1), (.3, 1), (.08, .86)]],
     [[(.1, 0), (.5, 0), (.88, 0)], [(.88, 0), (.65, .2), (.42, .42)],
      [(.42, .42), (.8, .5), (.9, .75), (.6, 1), (.1, .9)]]),
    ([[(.2, 0), (.12, .3), (.1, .55)], [(.1, .55), (.5, .55), (.95, .52)], [(.72, .05), (.7, .5), (.68, 1)]],
     [[(.65, 0), (.35, .3), (.05, .65)], [(.05, .65), (.5, .66), (.95, .64)], [(.65, 0), (.65, .5), (.65, 1)]]),
    ([[(.85, 0), (.5, 0), (.2, .02)], [(.2, .02), (.17, .2), (.15, .42)],
      [(.15, .42), (.5, .36), (.85, .5), (.88, .78), (.55, 1), (.1, .92)]],
     [[(.85, .03), (.4, .02), (.2, .2), (.3, .42), (.7, .52), (.85, .75), (.55, .99), (.12, .92)]]),
    ([[(.7, 0), (.35, .2), (.12, .55), (.18, .88), (.5, 1), (.82, .85), (.8, .6), (.5, .5), (.17, .68)]],
     [[(.5, 0), (.25, .35), (.1, .7), (.3, .98), (.65, .98), (.85, .75), (.6, .58), (.3, .65), (.13, .8)]]),
    ([[(.1, 0), (.5, 0), (.9, 0)], [(.9, 0), (.6, .45), (.4, 1)]],
     [[(.1, 0), (.5, 0), (.9, 0)], [(.9, 0), (.6, .45), (.4, 1)], [(.3, .5), (.55, .48), (.8, .48)]],
     [[(.1, .2), (.1, .1), (.12, 0)], [(.12, 0), (.5, .02), (.9, 0)], [(.9, 0), (.55, .4), (.45, 1)]]),
    ([[(.5, .46), (.2, .3), (.22, .08), (.5, 0), (.78, .08), (.8, .3), (.5, .46), (.15, .65), (.12, .88), (.5, 1),
       (.88, .88), (.85, .65), (.5, .46)]],
     [[(.8, .12), (.5, 0), (.2, .15), (.35, .4), (.7, .6), (.82, .85), (.5, 1), (.18, .85), (.35, .58), (.7, .35),
       (.8, .12)]]),
    ([[(.82, .3), (.7, .05), (.4, 0), (.15, .2), (.25, .48), (.6, .48), (.82, .3)], [(.82, .3), (.8, .65), (.75, 1)]],
     [[(.82, .25), (.6, 0), (.3, .03), (.15, .25), (.35, .48), (.65, .45), (.82, .25)],
      [(.82, .25), (.85, .6), (.7, .92), (.4, 1), (.2, .92)]]),
)
N_DOTS = 64  # per digit
N_SUBPIXELS, N_WIDTHS = 8, 16  # dots lie on a grid of 1/8 pixel and have one of 16 sizes
CHUNK = 2000  # images drawn at once; bounds the memory


def load_digits(cache):
    """Return (train images, train labels, test images, test labels), uint8, from the cache folder or drawn.

    60,000 and 10,000 digits, [n, 28, 28] and [n]. A damaged cache is drawn anew; one that cannot be written costs time
    only.
    """
    path = os.path.join(cache, "synthetic-digits.bin")
    content = _read_cache(path)
    if content is None:
        images, labels = draw(N_TRAIN + N_TEST, SEED)
        content = np.concatenate([images.ravel(), labels])
        with contextlib.suppress(OSError):
            os.makedirs(cache, exist_ok=True)
            files.write(path, content.tobytes())
    images, labels = content[:-(N_TRAIN + N_TEST)].reshape(-1, 28, 28), content[-(N_TRAIN + N_TEST):]
    return images[:N_TRAIN], labels[:N_TRAIN], images[N_TRAIN:], labels[N_TRAIN:]


def draw(n, seed):
    """Return (images, labels) of n digits, uint8 [n, 28, 28] and [n], the classes in random order."""
    rnd = np.random.RandomState(seed)
    images = np.empty((n, 28, 28), np.uint8)
    labels = np.empty(n, np.uint8)
    for start in range(0, n, CHUNK):
        chunk = slice(start, min(start + CHUNK, n))
        labels[chunk] = np.floor(_between(rnd, 0, 10, chunk.stop - start))
        x, y = _pen_paths(labels[chunk], rnd)
        images[chunk] = _ink(x, y, rnd)
    return images, labels


def _between(rnd, low, high, *shape):
    return low + (high - low) * rnd.random_sample(shape)


def _pen_paths(labels, rnd):
    """Return x and y of every dot in pixels, float64 [n, N_DOTS] each."""
    n = len(labels)
    choice = rnd.random_sample(n)
    x, y = np.empty((n, N_DOTS)), np.empty((n, N_DOTS))
    for digit, ways in enumerate(SHAPES):
        for k, strokes in enumerate(ways):
            rows = np.flatnonzero((labels == digit) & (np.floor(choice * len(ways)) == k))
            x[rows], y[rows] = _along(strokes, len(rows), rnd)
    slant, turn, bend, arch = (_between(rnd, -r, r, n, 1) for r in (0.45, 0.2, 0.35, 0.35))
    skew_x, skew_y = (_between(rnd, -0.35, 0.35, n, 1) for _ in "xy")
    wide, tall = _between(rnd, 9, 17, n, 1), _between(rnd, 14, 21, n, 1)
    right, down = (_between(rnd, -3, 3, n, 1) for _ in "xy")
    u, v = x - 0.5, y - 0.5
    x = 13.5 + right + wide * (u + bend * (v * v - 0.1) + skew_x * u * v) - tall * (slant * v)
    y = 13.5 + down + tall * (v + arch * (u * u - 0.1) + skew_y * u * v) + wide * (turn * u)
    return x, y


def _along(strokes, n, rnd):
    """Return x and y, [n, N_DOTS] each, of dots along smooth curves through the strokes' points, each shaken a little.

    The curves are uniform Catmull-Rom splines (E. Catmull and R. Rom, 1974), drawn n times.
    """
    points, before = np.array([point for stroke in strokes for point in stroke]), np.cumsum([0, *map(len, strokes)])
    ends = np.array([(max(k - 1, first), k, k + 1, min(k + 2, last - 1))
                for first, last in itertools.pairwise(before) for k in range(first, last - 1)])
    steps = points[ends[:, 2]] - points[ends[:, 1]]
    length = np.cumsum(np.sqrt((steps * steps).sum(axis=1)))
    # Dots at equal distances along the straight lines between the points: which segment, and where in it.
    where = (np.arange(N_DOTS) + 0.5) / N_DOTS * length[-1]
    k = np.searchsorted(length, where)
    start = np.concatenate([[0.0], length])[k]
    t = (where - start) / (length[k] - start)
    weights = ((-t + 2 * t * t - t * t * t) / 2, (2 - 5 * t * t + 3 * t * t * t) / 2,
               (t + 4 * t * t - 3 * t * t * t) / 2, (t * t * t - t * t) / 2)
    shaken = points + _between(rnd, -0.06, 0.06, n, *points.shape)
    x, y = (sum(w * shaken[:, ends[k, j], axis] for j, w in enumerate(weights)) for axis in (0, 1))
    return x, y


def _ink(x, y, rnd):
    """Return images, uint8 [n, 28, 28], of dots at x and y with random thickness, strength and grain."""
    n = len(x)
    width = np.floor(_between(rnd, 0, N_WIDTHS, n, 1)).astype(np.int64)
    profile = _profiles()
    column, row = (profile[width, _cell(place)] for place in (x, y))
    # Whole numbers, in sum at most 64 * 255 * 255 < 2**24: exact in float32, in whatever order they are added.
    ink = np.matmul(row.transpose(0, 2, 1), column)
    strength = _between(rnd, 160, 255, n, 1, 1).astype(np.float32)
    grain = np.frombuffer(rnd.bytes(n * 784), np.uint8).reshape(n, 28, 28).astype(np.float32)
    level = _between(rnd, 0.0, 0.3, n, 1, 1).astype(np.float32)
    image = np.minimum(ink / np.float32(40_000), np.float32(1)) * strength + (grain - np.float32(128)) * level
    return np.clip(image, 0, 255).astype(np.uint8)


def _cell(place):
    """Return the place on the grid of subpixels, kept within the image."""
    return np.clip(np.floor(place * N_SUBPIXELS), 0, 28 * N_SUBPIXELS - 1).astype(np.int64)


def _profiles():
    """Return the ink that a dot leaves on the 28 pixels of a line: float32 [N_WIDTHS, places, 28], whole numbers."""
    radius = 1.3 + 1.5 * np.arange(N_WIDTHS)[:, None, None] / N_WIDTHS
    place = (np.arange(28 * N_SUBPIXELS)[:, None] + 0.5) / N_SUBPIXELS
    far = (np.arange(28) - place) / radius
    near = np.maximum(0, 1 - far * far)
    return np.floor(255 * near * near).astype(np.float32)


def _read_cache(path):
    """Return the cached bytes, uint8, or None if they are not there or not the right ones."""
    try:
        if os.path.getsize(path) != (N_TRAIN + N_TEST) * 785:
            return None
        content = np.fromfile(path, np.uint8)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == DIGEST else None
