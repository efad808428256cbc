"""The statistics of a classifier: NumPy in, numbers out; labels, predictions and logits of n images.

Checked against scikit-learn and SciPy in the tests.
"""

import math
from statistics import mean, variance
from typing import NamedTuple

import numpy as np

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point
N_BINS = 15  # of the calibration error, as in C. Guo et al., On Calibration of Modern Neural Networks, 2017


class ClassScores(NamedTuple):
    """Hold float64 [n_classes] precision, recall and F1, 0 where undefined, and int n_images."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    n_images: np.ndarray


class Reliability(NamedTuple):
    """Hold, per bin of the confidence, int n_images and float64 mean confidence and accuracy (nan if empty)."""

    n_images: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


class MeanDifference(NamedTuple):
    """Hold a difference of two means, its 95 % interval, and df and p-value of its t: None where nothing spreads."""

    first_minus_second: float
    low: float
    high: float
    df: float | None
    p_value: float | None


def log_softmax(logits):
    """Return the float64 log probabilities of logits [n, n_classes]."""
    shifted = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # nan of what is not finite
        shifted -= shifted.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def wilson(n_correct, n):
    """Return the (low, high) 95 % interval of a share n_correct / n (E. B. Wilson, 1927)."""
    share, extra = n_correct / n, Z_95**2 / n
    centre = share + extra / 2
    spread = Z_95 * math.sqrt(share * (1 - share) / n + extra / (4 * n))
    return max(0.0, (centre - spread) / (1 + extra)), min(1.0, (centre + spread) / (1 + extra))


def confusion(labels, predictions, n_classes=10):
    """Return int [n_classes, n_classes]: images by true digit (row) and predicted digit (column)."""
    return np.bincount(labels * n_classes + predictions, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_scores(matrix):
    """Return the ClassScores of a confusion matrix."""
    right, predicted, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return ClassScores(_ratio(right, predicted), _ratio(right, true), _ratio(2 * right, predicted + true), true)


def reliability(confidence, correct, n_bins=N_BINS):
    """Return the Reliability of n predictions, by their confidence (0..1) and whether they are correct (bool).

    The bins are equally wide, and closed at their upper end.
    """
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    count, confident, right = (np.bincount(bins, weights, n_bins) for weights in (None, confidence, correct))
    with np.errstate(invalid="ignore"):
        return Reliability(count.astype(int), confident / count, right / count)


def calibration_error(bins):
    """Return the expected calibration error of a Reliability: |accuracy - confidence|, weighted by images."""
    gap = np.nan_to_num(np.abs(bins.accuracy - bins.confidence))
    return float(np.sum(gap * bins.n_images) / bins.n_images.sum())


def mcnemar(only_first, only_second):
    """Return the exact two-sided p-value that two classifiers are equally good (Q. McNemar, 1947).

    only_first, only_second: on how many images only the one or the other is right. Were both equally good, each such
    image would be a fair coin's toss.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    ways = term = 1
    for i in range(fewer):
        term = term * (n - i) // (i + 1)
        ways += term
    return min(1.0, 2 * ways / 2**n)


def mean_interval(values):
    """Return the (low, high) 95 % interval of the mean of two numbers or more (Student, 1908)."""
    from scipy.special import stdtrit  # a tenth of a second to import
    spread = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(variance(values) / len(values))
    return mean(values) - spread, mean(values) + spread


def mean_difference(first, second, paired):
    """Return the MeanDifference of two samples, each of two numbers or more, by a two-sided t test.

    Paired: over the differences of the pairs (Student, The Probable Error of a Mean, 1908). Otherwise the samples may
    differ in variance and size (B. L. Welch, 1947). Fractions tell exactly whether anything spreads; floats may not.
    """
    from scipy.special import stdtr, stdtrit  # a tenth of a second to import
    samples = [[a - b for a, b in zip(first, second, strict=True)]] if paired else [first, second]
    difference = float(mean(first) - mean(second))
    parts = [variance(sample) / len(sample) for sample in samples]
    if not any(parts):
        return MeanDifference(difference, difference, difference, None, None)
    # Of a single sample, the paired one, this is its n - 1.
    df = float(sum(parts)**2 / sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, samples, strict=True)))
    error = math.sqrt(sum(parts))
    spread = error * float(stdtrit(df, 0.975))
    p_value = 2 * float(stdtr(df, -abs(difference) / error))
    return MeanDifference(difference, difference - spread, difference + spread, df, p_value)


def _ratio(part, whole):
    return part / np.maximum(whole, 1)
