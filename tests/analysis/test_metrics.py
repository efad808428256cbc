"""Statistics of a classifier against scikit-learn, SciPy and published values."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind, ttest_rel
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from rnn_mnist.analysis import metrics as scores
from rnn_mnist.export.numpy_network import predicted_classes
from rnn_mnist.tf1 import tf

RNG = np.random.RandomState(5)
LABELS = RNG.randint(10, size=3000)
LOGITS = (RNG.normal(size=(3000, 10)) * 2 + 3 * np.eye(10)[LABELS]).astype(np.float32)
PREDICTIONS = LOGITS.argmax(axis=1)


def test_confusion_and_class_scores_equal_scikit_learns():
    matrix = scores.confusion(LABELS, PREDICTIONS)
    assert np.array_equal(matrix, confusion_matrix(LABELS, PREDICTIONS))
    for found, expected in zip(scores.class_scores(matrix), precision_recall_fscore_support(LABELS, PREDICTIONS),
                               strict=True):
        assert found == pytest.approx(expected, abs=1e-15)


def test_a_digit_that_never_occurs_and_one_that_is_never_predicted_score_0():
    labels, predictions = np.array([0, 0, 1, 1, 3]), np.array([0, 2, 1, 1, 1])
    found = scores.class_scores(scores.confusion(labels, predictions))
    expected = precision_recall_fscore_support(labels, predictions, labels=range(10), zero_division=0)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-15)


def test_log_softmax_gives_scikit_learns_loss_and_survives_large_logits():
    log_p = scores.log_softmax(LOGITS)
    assert np.exp(log_p).sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert -log_p[np.arange(3000), LABELS].mean() == pytest.approx(log_loss(LABELS, np.exp(log_p)), abs=1e-12)
    assert scores.log_softmax(np.array([[1e30, 0, -1e30]], np.float32)).tolist()[0][0] == 0


def test_predicted_classes_are_right_as_often_as_in_top_k_says():
    rnd = np.random.RandomState(6)
    logits, labels = rnd.randint(3, size=(4000, 4)).astype(np.float32), rnd.randint(4, size=4000).astype(np.int32)
    logits[rnd.rand(4000, 4) < .05] = np.nan
    logits[rnd.rand(4000, 4) < .05] = np.inf
    logits[rnd.rand(4000, 4) < .05] = -np.inf
    logits[0] = -np.inf
    with tf.Graph().as_default(), tf.Session() as session:
        right = session.run(tf.nn.in_top_k(logits, labels, 1))
    found, finite = predicted_classes(logits, labels), np.isfinite(logits).all(axis=1)
    assert np.array_equal(found == labels, right) and 0 < right.sum() < finite.sum() < 4000
    assert not right[0] and np.array_equal(np.unique(found), range(4))
    others = finite & ~right
    assert np.array_equal(found[others], logits[others].argmax(axis=1))
    assert np.array_equal(predicted_classes(LOGITS, LABELS), PREDICTIONS)


# Newcombe 1998, Statistics in Medicine 17, table I, method 3.
@pytest.mark.parametrize("n_correct, n, interval", [
    (81, 263, (.2553, .3662)), (15, 148, (.0624, .1605)), (0, 20, (0, .1611)), (1, 29, (.0061, .1718))])
def test_wilson_interval_has_the_published_values(n_correct, n, interval):
    assert scores.wilson(n_correct, n) == pytest.approx(interval, abs=.00005)


@pytest.mark.parametrize("n_correct, n", [(9659, 10_000), (1, 1), (0, 1), (7, 7), (500, 1000)])
def test_wilson_interval_equals_scipys(n_correct, n):
    expected = binomtest(n_correct, n).proportion_ci(method="wilson")
    assert scores.wilson(n_correct, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_reliability_equals_scikit_learns():
    probabilities = np.exp(scores.log_softmax(LOGITS))
    confidence, correct = probabilities.max(axis=1), PREDICTIONS == LABELS
    bins = scores.reliability(confidence, correct)
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=scores.N_BINS)
    filled = bins.n_images > 0
    assert bins.n_images.sum() == 3000 and not filled.all()
    assert bins.accuracy[filled] == pytest.approx(accuracy, abs=1e-12)
    assert bins.confidence[filled] == pytest.approx(mean_confidence, abs=1e-12)
    assert np.isnan(bins.accuracy[~filled]).all()


def test_calibration_error_by_hand():
    # Ten images at 0.95 of which eight are right, ten at 0.55 of which five are: (0.15 + 0.05) / 2.
    confidence, correct = np.repeat([.95, .55], 10), np.array([1] * 8 + [0] * 2 + [1, 0] * 5, bool)
    assert scores.calibration_error(scores.reliability(confidence, correct)) == pytest.approx(.1)
    assert scores.calibration_error(scores.reliability(np.ones(4), np.ones(4, bool))) == 0


@pytest.mark.parametrize("only_first, only_second", [(0, 0), (1, 0), (1, 9), (9, 1), (5, 5), (121, 59), (3100, 2900)])
def test_mcnemar_equals_scipys_binomial_test(only_first, only_second):
    n = only_first + only_second
    expected = binomtest(only_first, n).pvalue if n else 1
    assert scores.mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_by_hand_and_where_floats_would_overflow():
    assert scores.mcnemar(1, 9) == 22 / 1024
    assert scores.mcnemar(10_000, 0) == 0


# Student 1908: hours of sleep that ten patients gained by two drugs. The figures are those of R's t.test(sleep).
SLEEP = ([.7, -1.6, -.2, -1.2, -.1, 3.4, 3.7, .8, 0, 2], [1.9, .8, 1.1, .1, -.1, 4.4, 5.5, 1.6, 4.6, 3.4])


@pytest.mark.parametrize("paired, low, high, df, p_value", [
    (True, -2.4598858, -.7001142, 9, .002833), (False, -3.3654832, .2054832, 17.776, .07939)])
def test_mean_difference_of_students_sleep_data(paired, low, high, df, p_value):
    found = scores.mean_difference(*SLEEP, paired)
    assert found.first_minus_second == pytest.approx(-1.58)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-8)
    assert (found.df, found.p_value) == (pytest.approx(df, abs=5e-4), pytest.approx(p_value, abs=5e-6))
    other = scores.mean_difference(*reversed(SLEEP), paired)
    assert (other.low, other.high, other.p_value) == pytest.approx((-found.high, -found.low, found.p_value))


# Pairs that differ by -1, 0, .. or +1: the interval's half-width is t's table value times the standard error.
@pytest.mark.parametrize("differences, error, table_value", [
    ([-1, 1], 1, 12.706), ([-1, 0, 1], 3**-.5, 4.303), ([-1, -1, 0, 1, 1], 5**-.5, 2.776)])
def test_the_interval_of_a_mean_difference_has_the_tables_width(differences, error, table_value):
    found = scores.mean_difference(differences, [0] * len(differences), paired=True)
    assert (found.first_minus_second, found.df, found.p_value) == (0, len(differences) - 1, 1)
    assert (-found.low / error, found.high / error) == pytest.approx((table_value, table_value), abs=.0005)


@pytest.mark.parametrize("n, m", [(2, 2), (3, 3), (5, 2), (2, 40)])
def test_mean_difference_equals_scipys(n, m):
    first, second = RNG.normal(.97, .001, n), RNG.normal(.968, .004, m)
    for paired in (False, True)[:1 + (n == m)]:
        expected = ttest_rel(first, second) if paired else ttest_ind(first, second, equal_var=False)
        found, interval = scores.mean_difference(first, second, paired), expected.confidence_interval()
        assert found == pytest.approx((first.mean() - second.mean(), interval.low, interval.high, expected.df,
                                       expected.pvalue), rel=1e-7)


def test_a_mean_difference_without_a_spread_has_no_t():
    first, second = ([Fraction(n, 100) for n in counts] for counts in ((95, 96, 91), (93, 94, 89)))
    assert scores.mean_difference(first, second, paired=True) == (.02, .02, .02, None, None)
    assert scores.mean_difference(first, second, paired=False).df == pytest.approx(4)
    assert scores.mean_difference([3, 3], [1, 1, 1], paired=False) == (2, 2, 2, None, None)
    assert scores.mean_difference([3, 3], [3, 3], paired=True) == (0, 0, 0, None, None)
    # One of the two spreads: t has the degrees of freedom of that one.
    assert scores.mean_difference([1, 3], [2, 2, 2], paired=False).df == 1
