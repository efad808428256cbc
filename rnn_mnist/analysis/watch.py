"""One digit watched while a recurrent network reads it, and the whole test set beside it."""

from typing import NamedTuple

import numpy as np

from rnn_mnist.analysis.digits import Digit, plot_path, test_image, title
from rnn_mnist.analysis.evaluate import load_test
from rnn_mnist.analysis.hidden_states import inspect, logits_by_step, open_states, predictions_by_step, settled_after
from rnn_mnist.analysis.metrics import log_softmax
from rnn_mnist.analysis.picture import open_picture, to_mnist
from rnn_mnist.analysis.show_data import shaded
from rnn_mnist.analysis.steps import note_on_directions, steps_of
from rnn_mnist.config import Config
from rnn_mnist.console.languages import data_name, text
from rnn_mnist.console.tables import table
from rnn_mnist.run import Run

N_LINES = 28  # of the table at most; runs with more steps show every so many


class Reading(NamedTuple):
    """Hold a Digit, float64 [n_read, 10] probabilities, and of the test set accuracy [n_read] and settled int [n].

    settled: the number of steps after which the answer to an image does not change any more.
    """

    run: Run
    config: Config
    digit: Digit
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
        digit = Digit(picture, own, to_mnist(own, picture))
    config, weights = open_states(run)
    test, source, same = load_test(run, data_dir=data_dir)
    if picture is None:
        digit = test_image(test, test_index)
    with inspect(config, weights) as inspection:
        logits = logits_by_step(inspection, digit.pixels[None])[:, 0]
        answers = predictions_by_step(inspection, test.images, test.labels)
    return Reading(run, config, digit, np.exp(log_softmax(logits)), (answers == test.labels).mean(1),
                   settled_after(answers), source.kind, same, run.result is not None)


def report(reading):
    """Yield the lines that tell a Reading: a table of the rows or steps, then how many of them it takes."""
    answers, steps = reading.probabilities.argmax(1), steps_of(reading.config)
    state = "" if reading.finished else text(" (run not finished)")
    yield title(reading.digit, answers[-1]) + state
    if not reading.same_data:
        yield text("NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")
    if note := note_on_directions(reading.config):
        yield note
    yield from _table(reading, answers, steps)
    unit, count = text(steps.unit), np.round(steps.count, 1)
    yield text("the answer is {digit} from {unit} {first:g} on", digit=answers[-1], unit=unit,
               first=count[settled_after(answers[:, None])[0]])
    half, most = count[np.percentile(reading.settled, (50, 90), method="inverted_cdf")]
    yield text("{n} test images ({data}): half of the answers are final after {unit} {half:g}, 90 % after {unit} "
               "{most:g}", n=len(reading.settled), unit=unit, half=half, most=most, data=data_name(reading.data))


def _table(reading, answers, steps):
    """Return the lines of the table, the last step in the last one; an image's row stands where rows are read."""
    n_steps, inked = len(answers), steps.unit == "row"
    every = -(-n_steps // N_LINES)
    shown = range((n_steps - 1) % every, n_steps, every)
    columns = {steps.unit: [f"{round(steps.count[t + 1], 1):g}" for t in shown],
               **({"image": [_ink(reading.digit.pixels, steps, t) for t in shown]} if inked else {}),
               "digit": [str(answers[t]) for t in shown],
               "probability": [f"{100 * reading.probabilities[t, answers[t]]:.1f} %" for t in shown],
               "test images right": [f"{100 * reading.accuracy[t]:.2f} %" for t in shown]}
    return table([[text(word) for word in columns], *zip(*columns.values(), strict=True)], "><>" if inked else ">")


def _ink(pixels, steps, t):
    """Return the last row that has been read whole after step t, in characters."""
    n_rows = int(steps.count[t + 1])
    return shaded(pixels[n_rows - 1]) if n_rows > steps.rows[0] else ""


def draw(reading):
    """Draw a Reading into the run's plots/ and return the path."""
    from rnn_mnist.plots.digits import draw_steps  # matplotlib takes half a second to import
    return draw_steps(title(reading.digit, reading.probabilities[-1].argmax(), short=True),
                      reading.digit.pixels, steps_of(reading.config), reading.probabilities, reading.accuracy,
                      reading.data, plot_path(reading.run, "watch", reading.digit))
