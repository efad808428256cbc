"""One digit watched while a recurrent network reads it, and the whole test set beside it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import run as runs
from rnn_mnist.analysis import hidden_states as states
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.analysis import picture as images
from rnn_mnist.analysis import predict as prediction
from rnn_mnist.analysis.evaluate import load_test
from rnn_mnist.analysis.trained import open_trained
from rnn_mnist.console.languages import data_name, table, text

N_LINES = 28  # of the table; runs with more steps show every so many
SHADES = " .:-=+*#%@"


class Watched(NamedTuple):
    """Hold the Seen, float64 [n_steps, 10] probabilities, and of the test set accuracy [n_steps] and settled int [n].

    settled: the number of steps after which the answer to an image does not change any more.
    """

    run: Path
    seen: prediction.Seen
    probabilities: np.ndarray
    accuracy: np.ndarray
    settled: np.ndarray
    data: str
    same_data: bool
    finished: bool


def watch(path, picture=None, test_index=None, data_dir=None):
    """Return the Watched of a run directory for a picture file or a test image."""
    if picture is not None:
        own = images.open_picture(picture)
        seen = prediction.Seen(picture, own, images.to_mnist(own, picture))
    with open_trained(path) as trained:
        steps = states.build_steps(trained)
        test, source, same = load_test(trained.run, trained.config, data_dir=data_dir)
        if picture is None:
            seen = prediction.test_image(test, test_index)
        logits = states.logits_by_step(trained, steps, seen.pixels[None])[:, 0]
        answers = states.predictions_by_step(trained, steps, test.images)
    return Watched(trained.run, seen, np.exp(scores.log_softmax(logits)), (answers == test.labels).mean(1),
                   states.settled_after(answers), source.kind, same,
                   runs.read_result(trained.run) is not None)


def report(watched, lang):
    """Yield the lines that tell a Watched: a table of the rows, then how many rows it takes."""
    answers, n_steps = watched.probabilities.argmax(1), len(watched.accuracy)
    state = "" if watched.finished else text(lang, " (run not finished)")
    yield prediction.title(watched.seen, answers[-1], lang) + state
    if not watched.same_data:
        yield text(lang, "NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")
    every = -(-n_steps // N_LINES)
    shown = range(every - 1, n_steps, every)
    yield from table([[text(lang, word) for word in ("row", "image", "digit", "probability", "test images right")],
                      *([f"{_rows(t + 1, n_steps):g}", _ink(watched.seen.pixels, _rows(t + 1, n_steps)),
                         str(answers[t]), f"{100 * watched.probabilities[t, answers[t]]:.1f} %",
                         f"{100 * watched.accuracy[t]:.2f} %"] for t in shown)], "><>")
    settled = states.settled_after(answers[:, None])[0]
    yield text(lang, "the answer is {digit} from row {row:g} on", digit=answers[-1], row=_rows(settled, n_steps))
    half, most = (_rows(np.percentile(watched.settled, share, method="inverted_cdf"), n_steps) for share in (50, 90))
    yield text(lang, "{n} test images ({data}): half of the answers are final after row {half:g}, "
               "90 % after row {most:g}", n=len(watched.settled), half=half, most=most,
               data=data_name(lang, watched.data))


def draw(watched, lang):
    """Draw a Watched into the run's plots/ and return the path."""
    from rnn_mnist.plots import digits as digit_plots
    return digit_plots.draw_steps(prediction.title(watched.seen, watched.probabilities[-1].argmax(), lang, short=True),
                                  watched.seen.pixels, watched.probabilities, watched.accuracy, watched.data,
                                  prediction.plot_path(watched.run, "watch", watched.seen), lang)


def _rows(n_read, n_steps):
    """Return how many of the 28 rows have been read after so many steps, to a tenth."""
    return round(float(28 * n_read / n_steps), 1)


def _ink(pixels, rows):
    """Return the last row that has been read whole, in characters."""
    return "".join(SHADES[value * len(SHADES) // 256] for value in pixels[int(rows) - 1].tolist()) if rows >= 1 else ""
