"""What is unusual about an image for a digit: its measures held against those of MNIST's training images."""

import numpy as np

from rnn_mnist.analysis.parts import components
from rnn_mnist.console.languages import text

# The 0.1 and 99.9 % marks of each measure over the 60,000 training images as they are; tests/analysis/test_unusual.py
# takes them again. An image of two measures at most is outside of one by chance in 500.
INK = (0.0361, 0.2912)  # mean of the pixels, 1 being full ink
ASPECT = (0.1, 1.8182)  # width by height of the box around the pixels above half
PARTS = (1, 3)  # connected parts of these pixels, corners touching


def measures(pixels):
    """Return (ink, aspect, parts) of uint8 [28, 28], as the bounds have them; an image without ink has none of each."""
    inside = pixels > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return float(pixels.mean() / 255), 1.0, 0
    labels = components(inside)
    return (float(pixels.mean() / 255), float((np.ptp(columns) + 1) / (np.ptp(rows) + 1)),
            len(np.unique(labels[labels > 0])))


def warnings(pixels, translate=text):
    """Return what is unusual about uint8 [28, 28] for a digit, a text each."""
    ink, aspect, parts = measures(pixels)
    found = []
    if ink < INK[0] - 5e-5:
        found.append(translate("little ink ({share:.1f} % of the image, a digit has at least {bound:.1f} %)",
                               share=100 * ink, bound=100 * INK[0]))
    if ink > INK[1] + 5e-5:
        found.append(translate("much ink ({share:.1f} % of the image, a digit has at most {bound:.1f} %)",
                               share=100 * ink, bound=100 * INK[1]))
    if aspect < ASPECT[0] - 5e-5:
        found.append(translate("narrow (width / height {aspect:.2f}, a digit has at least {bound:.2f})", aspect=aspect,
                               bound=ASPECT[0]))
    if aspect > ASPECT[1] + 5e-5:
        found.append(translate("wide (width / height {aspect:.2f}, a digit has at most {bound:.2f}): perhaps several "
                               "digits that touch", aspect=aspect, bound=ASPECT[1]))
    if not PARTS[0] <= parts <= PARTS[1]:
        found.append(translate("{parts} separate parts (a digit has {least} to {most})", parts=parts, least=PARTS[0],
                               most=PARTS[1]))
    return found
