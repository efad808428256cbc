"""Single digits, own pictures, test images or arrays, put before a trained network, and what it says of them."""

import glob
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rnn_mnist.analysis import picture as pictures
from rnn_mnist.analysis.metrics import log_softmax
from rnn_mnist.cells import n_weights
from rnn_mnist.config import N_PIXELS
from rnn_mnist.console.guard import shortened
from rnn_mnist.console.languages import data_name, kind_of, text
from rnn_mnist.console.settings import UserError, named
from rnn_mnist.console.tables import table
from rnn_mnist.export.numpy_network import exact_logits, network_of
from rnn_mnist.export.opened import scored_weights

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".pbm", ".pgm", ".ppm")
BAR = 40  # characters of a probability of 1
DRAWN = 400  # pixels of the longer side of a picture that is kept to be drawn
# How far a logit of the graph may be from NumPy's in float64: so many rounding bounds, and what TensorFlow's own tanh
# and exponential are off by, of which the bound knows nothing. On 500 test images for each of eleven kinds of networks
# it was 0.36 of that at most.
N_BOUNDS, OF_FUNCTIONS = 2, 2.0**-18
MOST_WORK = 10**9  # products of an answer for which NumPy is the faster way: more take longer than TensorFlow's import


class Digit(NamedTuple):
    """Hold a digit: its source, the person's picture, uint8 [28, 28] pixels, and the label; None if there is none.

    The source is a path or "-", or the number of a test image.
    """

    source: str | int
    picture: Image.Image | None
    pixels: np.ndarray
    label: int | None = None


def probabilities(run, images):
    """Return float64 probabilities [n, 10] of n images of 784 values, or of a single one, as a Run's network sees them.

    Values: uint8 or other whole numbers, 0..255, or floats, 0..1. Raise UserError if images are anything else.
    """
    images = _as_images(images)
    with run.open_network() as network:
        if images.dtype != np.uint8 and network.config.pixels == "raw":
            images = images * np.float32(255)
        return np.exp(log_softmax(network.predict(images)))


def _as_images(images):
    """Return an array or list of images as uint8 or float32 [n, 28, 28]."""
    try:
        images = np.asarray(images)
    except ValueError as error:  # lists of different lengths
        raise UserError(f"images must be an array, such as [n, 28, 28]: {str(error)[:80]}") from None
    if images.shape in ((28, 28), (N_PIXELS,)):
        images = images[None]
    if images.ndim < 2 or np.prod(images.shape[1:]) != N_PIXELS:
        raise UserError(f"images must be of 784 values each, such as [n, 28, 28] or [n, 784], got {list(images.shape)}")
    if images.dtype.kind not in "iuf":
        raise UserError(f"images must be uint8 0 to 255 or float 0 to 1, got the type {images.dtype}")
    largest, dtype = (1, np.float32) if images.dtype.kind == "f" else (255, np.uint8)
    if not ((images >= 0) & (images <= largest)).all():  # neither is true of nan
        raise UserError("images must be uint8 0 to 255 or float 0 to 1, "
                        f"got {images.dtype} from {images.min()} to {images.max()}")
    return images.astype(dtype).reshape(-1, 28, 28)


def answer(run, digits):
    """Return (float64 probabilities [n, 10], the lines of report) of Digits as a Run's network reads them.

    The lines are those that the graph's probabilities give. They come from NumPy's, without the wait for TensorFlow,
    where no figure in them could be another one by rounding. Raise UserError as Run.predict does.
    """
    pixels = np.array([digit.pixels for digit in digits])
    if (found := _numpy_logits(run, pixels)) is not None:
        p, low, high = _probabilities_between(*found)
        lines = [*report(run, digits, p)]
        if _same_order(low, high) and [*report(run, digits, low)] == [*report(run, digits, high)] == lines:
            return p, lines
    p = probabilities(run, pixels)
    return p, [*report(run, digits, p)]


def _numpy_logits(run, pixels):
    """Return (float64 logits [n, 10], how far the graph's may be from them) of uint8 [n, 28, 28]; None: ask the graph.

    That is done where there are no weights for NumPy, where they do not make the run's network or one so large that
    rounding decides, and for much work.
    """
    config = run.config
    n_products = len(pixels) * n_weights(config) * (config.n_read if config.model == "rnn" else 1)
    if n_products > MOST_WORK or (weights := scored_weights(run)) is None:
        return None
    X = pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(1 if config.pixels == "raw" else 255)
    try:
        network = network_of(config, weights)
    except ValueError:
        return None
    logits, bound = exact_logits(network, X)
    return (logits, N_BOUNDS * bound + OF_FUNCTIONS) if bound < 0.1 and np.isfinite(logits).all() else None


def _probabilities_between(logits, off):
    """Return float64 [n, 10] three times: the probabilities of logits, and the least and most with all logits off."""
    p = np.exp(log_softmax(logits))
    return p, *(p / (p + (1 - p) * np.exp(sign * 2 * off)) for sign in (1, -1))


def _same_order(low, high):
    """Tell whether probabilities [n, 10] between low and high have the same first and second digit for certain."""
    order = np.argsort(-low, axis=1)
    low, high = (np.take_along_axis(p, order, axis=1) for p in (low, high))
    return (low[:, :2] > high[:, 1:3]).all()


def read_pictures(names):
    """Return ([Digit], [complaint]) of picture files, folders, patterns and "-"; a bad file does not stop the others.

    Raise UserError as find_pictures does.
    """
    digits, complaints = [], []
    for path in find_pictures(names):
        try:
            picture = pictures.open_picture(path)
            pixels = pictures.to_mnist(picture, path)
            picture.thumbnail((DRAWN, DRAWN))  # a folder of a thousand must fit into the memory
            digits.append(Digit(path, picture, pixels))
        except UserError as error:
            complaints.append(str(error))
    return digits, complaints


def find_pictures(names):
    """Return the paths that the names stand for: files, "-", folders (their pictures, sorted) and patterns.

    Raise UserError if a folder holds no picture or a pattern matches nothing.
    """
    paths = []
    for name in names:
        if os.path.isdir(name):
            found = [os.path.join(name, file) for file in sorted(os.listdir(name)) if file.lower().endswith(ENDINGS)]
            if not found:
                raise UserError(f"{name}: holds no pictures ({', '.join(ENDINGS)}): give a picture or another folder")
        elif glob.has_magic(name) and not os.path.lexists(name):
            found = sorted(path for path in glob.glob(name) if not os.path.isdir(path))
            if not found:
                raise UserError(f"{name}: no file matches this pattern")
        else:
            found = [name]
        paths += found
    if paths.count("-") > 1:
        raise UserError("- stands for standard input, which can be read once only: give it once")
    return paths


def test_image(test, index):
    """Return the Digit of an image of a test Split; raise UserError if there is none of that number."""
    if not 0 <= index < len(test.labels):
        raise UserError(f"{named('test_index', index)}: the test images have the numbers 0 to {len(test.labels) - 1}")
    return Digit(index, None, test.images[index], int(test.labels[index]))


def report(run, digits, probabilities):
    """Yield the lines that say what each digit is: with bars for one, a table for several."""
    state = "" if run.result else text(", not finished")
    yield text("run : {run} ({model}, trained on {data}{state})", run=run, model=run.config.model,
               data=data_name(kind_of(run.environment)), state=state)
    if len(digits) == 1:
        yield title(digits[0], probabilities[0].argmax())
        for i, p in enumerate(probabilities[0]):
            yield f"  {i} {100 * p:6.2f} % {'#' * round(BAR * p)}".rstrip()
        return
    order = np.argsort(-probabilities, axis=1, kind="stable")
    yield from table([[text(word) for word in ("picture", "digit", "probability", "or", "probability")],
                      *([name(digit), str(k[0]), f"{100 * p[k[0]]:.2f} %", str(k[1]), f"{100 * p[k[1]]:.2f} %"]
                        for digit, p, k in zip(digits, probabilities, order, strict=True))], "<>")


def as_json(digits, probabilities):
    """Return a list of plain dicts: image, digit, probability, probabilities, and label where it is known."""
    english = partial(text, language="en")
    return [{"image": name(digit, english), "digit": int(p.argmax()), "probability": float(p.max()),
             "probabilities": p.tolist()} | ({} if digit.label is None else {"label": digit.label})
            for digit, p in zip(digits, probabilities, strict=True)]


def name(digit, translate=text):
    """Return what a Digit is called in a text."""
    if isinstance(digit.source, int):
        return translate("test image {index}", index=digit.source)
    return translate("standard input") if digit.source == "-" else digit.source


def title(digit, answer, short=False):
    """Return a line with what a Digit was read as, and what it is if that is known; short: as pictures can show it."""
    translate, called = text, name(digit)
    if short:
        from rnn_mnist.plots.style import text as translate
        called = os.path.basename(name(digit, translate))[-60:]
    if digit.label is None:
        return translate("{name} : read as {digit}", name=called, digit=answer)
    return translate("{name} : read as {digit}, is {label}", name=called, digit=answer, label=digit.label)


def plot_path(run, what, digit, number=None):
    """Return the path in a Run's plots/ for a picture of a Digit; a number tells those of one command apart."""
    stem = shortened(Path(digit.source).stem) if isinstance(digit.source, str) else f"test-{digit.source}"
    parts = [what, *([] if number is None else [f"{number:03d}"]), "stdin" if digit.source == "-" else stem]
    return run.path / "plots" / ("-".join(parts) + ".png")


def draw(run, digits, probabilities):
    """Draw each Digit beside what the network saw of it, into the run's plots/; yield the paths."""
    from rnn_mnist.plots.digits import draw_prediction  # matplotlib takes half a second to import
    for number, (digit, p) in enumerate(zip(digits, probabilities, strict=True), 1):
        path = plot_path(run, "predict", digit, number if len(digits) > 1 else None)
        yield draw_prediction(title(digit, p.argmax(), short=True), digit.picture, digit.pixels, p, path)
