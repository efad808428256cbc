"""One digit watched while a recurrent network reads it, and the whole test set beside it."""

from typing import NamedTuple

import numpy as np

from rnn_mnist.analysis import predict
from rnn_mnist.analysis.evaluate import load_test
from rnn_mnist.analysis.hidden_states import logits_by_step, open_unrolled, predictions_by_step, settled_after
from rnn_mnist.analysis.metrics import log_softmax
from rnn_mnist.analysis.picture import open_picture, to_mnist
from rnn_mnist.analysis.show_data import shaded
from rnn_mnist.console.languages import data_name, text
from rnn_mnist.console.tables import table
from rnn_mnist.run import Run

N_LINES = 28  # of the table; runs with more steps show every so many


class Reading(NamedTuple):
    """Hold a Digit, float64 [n_steps, 10] probabilities, and of the test set accuracy [n_steps] and settled int [n].

    settled: the number of steps after which the answer to an image does not change any more.
    """

    run: Run
    digit: predict.Digit
    probabilities: np.ndarray
    accuracy: np.ndarray
    settled: np.ndarray
    data: str
    same_data: bool
    finished: bool


def watch(run, picture=None, test_index=None, data_dir=None):
    """Return the Reading of a picture file or a test image by a Run."""
    if picture is not None:
        own = open_picture(picture)
        digit = predict.Digit(picture, own, to_mnist(own, picture))
    with open_unrolled(run) as network:
        test, source, same = load_test(run, data_dir=data_dir)
        if picture is None:
            digit = predict.test_image(test, test_index)
        logits = logits_by_step(network, digit.pixels[None])[:, 0]
        answers = predictions_by_step(network, test.images, test.labels)
    return Reading(run, digit, np.exp(log_softmax(logits)), (answers == test.labels).mean(1), settled_after(answers),
                   source.kind, same, run.result is not None)


def report(reading):
    """Yield the lines that tell a Reading: a table of the rows, then how many rows it takes."""
    answers, n_steps = reading.probabilities.argmax(1), len(reading.accuracy)
    state = "" if reading.finished else text(" (run not finished)")
    yield predict.title(reading.digit, answers[-1]) + state
    if not reading.same_data:
        yield text("NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")
    every = -(-n_steps // N_LINES)
    shown = range(every - 1, n_steps, every)
    yield from table([[text(word) for word in ("row", "image", "digit", "probability", "test images right")],
                      *([f"{_rows(t + 1, n_steps):g}", _ink(reading.digit.pixels, _rows(t + 1, n_steps)),
                         str(answers[t]), f"{100 * reading.probabilities[t, answers[t]]:.1f} %",
                         f"{100 * reading.accuracy[t]:.2f} %"] for t in shown)], "><>")
    settled = settled_after(answers[:, None])[0]
    yield text("the answer is {digit} from row {row:g} on", digit=answers[-1], row=_rows(settled, n_steps))
    half, most = (_rows(np.percentile(reading.settled, share, method="inverted_cdf"), n_steps) for share in (50, 90))
    yield text("{n} test images ({data}): half of the answers are final after row {half:g}, 90 % after row {most:g}",
               n=len(reading.settled), half=half, most=most, data=data_name(reading.data))


def draw(reading):
    """Draw a Reading into the run's plots/ and return the path."""
    from rnn_mnist.plots.digits import draw_steps  # matplotlib takes half a second to import
    return draw_steps(predict.title(reading.digit, reading.probabilities[-1].argmax(), short=True),
                      reading.digit.pixels, reading.probabilities, reading.accuracy, reading.data,
                      predict.plot_path(reading.run, "watch", reading.digit))


def _rows(n_read, n_steps):
    """Return how many of the 28 rows have been read after so many steps, to a tenth."""
    return round(float(28 * n_read / n_steps), 1)


def _ink(pixels, rows):
    """Return the last row that has been read whole, in characters."""
    return shaded(pixels[int(rows) - 1]) if rows >= 1 else ""
