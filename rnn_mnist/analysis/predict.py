"""Single digits, own pictures or test images, put before a trained network, and what it says of them."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rnn_mnist import run as runs
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.analysis import picture as images
from rnn_mnist.config import UserError
from rnn_mnist.console.languages import data_name, table, text

BAR = 40  # characters of a probability of 1
DRAWN = 400  # pixels of the longer side of a picture that is kept to be drawn


class Seen(NamedTuple):
    """Hold a digit: its source, the person's picture, uint8 [28, 28] pixels, and the label; None if there is none.

    The source is a path or "-", or the number of a test image.
    """

    source: str | int
    picture: Image.Image | None
    pixels: np.ndarray
    label: int | None = None


def read_pictures(names):
    """Return ([Seen], [complaint]) of picture files, folders, patterns and "-"; a bad file does not stop the others.

    Raise UserError as images.find_images does.
    """
    seen, complaints = [], []
    for path in images.find_images(names):
        try:
            picture = images.open_picture(path)
            pixels = images.to_mnist(picture, path)
            picture.thumbnail((DRAWN, DRAWN))  # a folder of a thousand must fit into the memory
            seen.append(Seen(path, picture, pixels))
        except UserError as error:
            complaints.append(" ".join(str(error).split()))
    return seen, complaints


def test_image(test, index):
    """Return the Seen of an image of a test Split; raise UserError if there is none of that number."""
    if not 0 <= index < len(test.labels):
        raise UserError(f"--test-index {index}: the test images have the numbers 0 to {len(test.labels) - 1}")
    return Seen(index, None, test.images[index], int(test.labels[index]))


def probabilities_of(trained, seen):
    """Return float64 probabilities [n, 10] of a list of Seen."""
    from rnn_mnist import session  # TensorFlow takes seconds to import: a bad picture is told before
    logits = session.predict(trained.session, trained.graph, np.stack([one.pixels for one in seen]))
    return np.exp(scores.log_softmax(logits))


def report(trained, seen, probabilities, lang):
    """Yield the lines that say what each digit is: with bars for one, a table for several."""
    data = runs.read_json(trained.run / "environment.json").get("data")
    state = "" if runs.read_result(trained.run) else text(lang, ", not finished")
    yield text(lang, "run : {run} ({model}, trained on {data}{state})", run=trained.run, model=trained.config.model,
               data=data_name(lang, str(data)), state=state)
    if len(seen) == 1:
        yield title(seen[0], probabilities[0].argmax(), lang)
        for digit, p in enumerate(probabilities[0]):
            yield f"  {digit} {100 * p:6.2f} % {'#' * round(BAR * p)}".rstrip()
        return
    order = np.argsort(-probabilities, axis=1, kind="stable")
    yield from table([[text(lang, word) for word in ("picture", "digit", "probability", "or", "probability")],
                      *([name(one, lang), str(k[0]), f"{100 * p[k[0]]:.2f} %", str(k[1]), f"{100 * p[k[1]]:.2f} %"]
                        for one, p, k in zip(seen, probabilities, order, strict=True))], "<>")


def as_json(seen, probabilities):
    """Return a list of plain dicts: image, digit, probability, probabilities, and label where it is known."""
    return [{"image": name(one, "en"), "digit": int(p.argmax()), "probability": float(p.max()),
             "probabilities": p.tolist()} | ({} if one.label is None else {"label": one.label})
            for one, p in zip(seen, probabilities, strict=True)]


def name(seen, lang):
    """Return what a Seen is called in a text."""
    if isinstance(seen.source, int):
        return text(lang, "test image {index}", index=seen.source)
    return text(lang, "standard input") if seen.source == "-" else seen.source


def title(seen, answer, lang, short=False):
    """Return a line with what a Seen was read as, and what it is if that is known; short: without folders."""
    called = os.path.basename(name(seen, lang))[-60:] if short else name(seen, lang)
    if seen.label is None:
        return text(lang, "{name} : read as {digit}", name=called, digit=answer)
    return text(lang, "{name} : read as {digit}, is {label}", name=called, digit=answer, label=seen.label)


def plot_path(run, what, seen, number=None):
    """Return the path in the run's plots/ for a picture of a Seen; a number tells those of one command apart."""
    stem = Path(seen.source).stem.replace(" ", "-")[:100] if isinstance(seen.source, str) else f"test-{seen.source}"
    parts = [what, *([] if number is None else [f"{number:03d}"]), "stdin" if seen.source == "-" else stem]
    return run / "plots" / ("-".join(parts) + ".png")


def draw(run, seen, probabilities, lang):
    """Draw each Seen beside what the network saw of it, into the run's plots/; yield the paths."""
    from rnn_mnist.plots import digits as digit_plots
    for number, (one, p) in enumerate(zip(seen, probabilities, strict=True), 1):
        path = plot_path(run, "predict", one, number if len(seen) > 1 else None)
        heading = title(one, p.argmax(), lang, short=True)
        yield digit_plots.draw_prediction(heading, one.picture, one.pixels, p, path, lang)
