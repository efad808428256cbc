"""What is unusual for a digit: the bounds are MNIST's, what lies outside of them is named, and digits do not."""

import numpy as np
import pytest
from scipy import ndimage

from rnn_mnist.analysis import unusual
from rnn_mnist.datasets.files import read_arrays


def of_all(images):
    """Return float [n, 3], the measures of images [n, 28, 28], by SciPy."""
    inside = images > 127
    width, height = (28 - lines.argmax(1) - lines[:, ::-1].argmax(1) for lines in (inside.any(1), inside.any(2)))
    in_plane = np.zeros([3, 3, 3])
    in_plane[1] = 1
    labels = ndimage.label(inside, in_plane)[0].reshape(len(images), -1)
    return np.stack([images.mean((1, 2)) / 255, width / height, np.diff(np.maximum.accumulate(labels.max(1)),
                                                                        prepend=0)], 1)


def test_the_bounds_are_the_marks_of_mnists_training_images(mnist_dir):
    images = read_arrays(mnist_dir)[0]
    found = of_all(images)
    low, high = np.percentile(found, (0.1, 99.9), axis=0)
    for bounds, *marks in zip((unusual.INK, unusual.ASPECT, unusual.PARTS), low, high, strict=True):
        assert bounds == pytest.approx(marks, abs=5e-5)
    for i in [*range(100), *found.argmax(0), *found.argmin(0)]:
        assert unusual.measures(images[i]) == pytest.approx(found[i])


def test_few_of_mnists_test_digits_are_unusual(mnist_dir):
    images = read_arrays(mnist_dir)[2][::5]
    assert sum(bool(unusual.warnings(pixels)) for pixels in images) < 0.01 * len(images)


def filled(*boxes):
    """Return uint8 [28, 28] with full ink in boxes: top, left, bottom, right."""
    pixels = np.zeros([28, 28], np.uint8)
    for top, left, bottom, right in boxes:
        pixels[top:bottom, left:right] = 255
    return pixels


@pytest.mark.parametrize(("pixels", "words"), [
    (filled((4, 12, 24, 15)), []), (filled((4, 13, 24, 14)), ["little ink", "narrow"]),
    (filled((4, 4, 24, 24)), ["much ink"]), (filled((9, 4, 18, 24)), ["wide"]),
    (filled((4, 4, 9, 9), (4, 19, 9, 24), (19, 4, 24, 9), (19, 19, 24, 24)), ["4 separate parts"]),
    (filled(), ["little ink", "0 separate parts"])], ids=["bar", "hair", "square", "band", "dots", "none"])
def test_what_is_unusual_is_named(pixels, words):
    found = unusual.warnings(pixels)
    assert len(found) == len(words) and all(map(str.startswith, found, words))
