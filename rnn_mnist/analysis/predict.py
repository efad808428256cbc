"""Digits put before a trained network, and what it says of them, in text, JSON and pictures."""

from functools import partial

import numpy as np

from rnn_mnist.analysis import unusual
from rnn_mnist.analysis.digits import name, plot_path, short_name, title
from rnn_mnist.analysis.metrics import log_softmax
from rnn_mnist.cells import n_weights
from rnn_mnist.config import N_PIXELS
from rnn_mnist.console.command import loading
from rnn_mnist.console.languages import data_name, kind_of, text
from rnn_mnist.console.settings import UserError
from rnn_mnist.console.tables import table
from rnn_mnist.export.numpy_network import exact_logits, network_of
from rnn_mnist.export.opened import scored_weights

BAR = 40  # characters of a probability of 1
# How far a logit of the graph may be from NumPy's in float64: so many rounding bounds, and what TensorFlow's own tanh
# and exponential are off by, of which the bound knows nothing. On 500 test images for each of eleven kinds of networks
# it was 0.36 of that at most.
N_BOUNDS, OF_FUNCTIONS = 2, 2.0**-18
MOST_WORK = 10**9  # products of an answer for which NumPy is the faster way: more take longer than TensorFlow's import


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
        raise UserError("images must be an array, such as [n, 28, 28]: {reason}", reason=str(error)[:80]) from None
    if images.shape in ((28, 28), (N_PIXELS,)):
        images = images[None]
    if images.ndim < 2 or np.prod(images.shape[1:]) != N_PIXELS:
        raise UserError("images must be of 784 values each, such as [n, 28, 28] or [n, 784], got {shape}",
                        shape=list(images.shape))
    if images.dtype.kind not in "iuf":
        raise UserError("images must be uint8 0 to 255 or float 0 to 1, got the type {dtype}", dtype=images.dtype)
    largest, dtype = (1, np.float32) if images.dtype.kind == "f" else (255, np.uint8)
    if not ((images >= 0) & (images <= largest)).all():  # neither is true of nan
        raise UserError("images must be uint8 0 to 255 or float 0 to 1, got {dtype} from {least} to {most}",
                        dtype=images.dtype, least=images.min(), most=images.max())
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
    loading("TensorFlow")
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
    yield from _table(digits, probabilities)
    yield from _in_a_row(digits, probabilities)


def _table(digits, probabilities):
    """Return the lines of a table of Digits, with their places where a picture has several."""
    several = any(digit.place for digit in digits)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    head = ["picture", *(["place"] if several else []), "digit", "probability", "or", "probability"]
    return table([[text(word) for word in head],
                  *([name(digit), *([_place(digit)] if several else []), str(k[0]), f"{100 * p[k[0]]:.2f} %", str(k[1]),
                     f"{100 * p[k[1]]:.2f} %"] for digit, p, k in zip(digits, probabilities, order, strict=True))],
                 "<<>" if several else "<>")


def _place(digit):
    """Return where a Digit is in its picture, in words; none if it is the only one."""
    if digit.place is None:
        return ""
    left, top, right, bottom = (round(100 * share) for share in digit.place[2:])
    return text("{number} of {count}: {left}-{right} % across, {top}-{bottom} % down", number=digit.place.number,
                count=digit.place.count, left=left, right=right, top=top, bottom=bottom)


def _in_a_row(digits, probabilities):
    """Yield a line for each picture of several Digits that says what they are, in a row."""
    answers = probabilities.argmax(axis=1)
    for end, digit in enumerate(digits, 1):
        if digit.place and digit.place.number == digit.place.count:
            first = end - digit.place.count
            yield text("{name} : {count} digits, read as {digits}", name=name(digit), count=digit.place.count,
                       digits=_row([one.place.left for one in digits[first:end]], answers[first:end]))


def _row(lefts, answers):
    """Return answers as one text, with a space where one lies to the left of the one before: a new row."""
    return "".join(" " * (k > 0 and lefts[k] < lefts[k - 1]) + str(answer) for k, answer in enumerate(answers))


def _caption(digit):
    """Return what a sheet calls a Digit: its picture and, if there are several, which of them it is."""
    return short_name(digit) + (f" {digit.place.number}/{digit.place.count}" if digit.place else "")


def warnings(digits):
    """Yield a line for each Digit that is unlike MNIST's training images, naming what is unusual."""
    for digit in digits:
        if found := unusual.warnings(digit.pixels):
            called = name(digit) if digit.place is None else text(
                "{name}, {number} of {count}", name=name(digit), number=digit.place.number, count=digit.place.count)
            yield text("warning: {name}: unusual for a digit: {what}", name=called, what=", ".join(found))


def as_json(digits, probabilities):
    """Return a list of plain dicts: image, digit, probability, probabilities, warnings; label and place if known."""
    english = partial(text, language="en")
    return [{"image": name(digit, english), "digit": int(p.argmax()), "probability": float(p.max()),
             "probabilities": p.tolist(), "warnings": unusual.warnings(digit.pixels, english)}
            | ({} if digit.label is None else {"label": digit.label})
            | ({} if digit.place is None else {"place": digit.place._asdict()})
            for digit, p in zip(digits, probabilities, strict=True)]


def draw(run, digits, probabilities):
    """Draw each Digit beside what the network saw of it, into the run's plots/; yield the paths.

    Several are on one sheet, or on a few: predict-sheet.png, or that of their picture if they are all of one.
    """
    if len(digits) == 1:
        from rnn_mnist.plots.digits import draw_prediction  # matplotlib takes half a second to import
        [digit], [p] = digits, probabilities
        yield draw_prediction(title(digit, p.argmax(), short=True), digit.picture, digit.pixels, p,
                              plot_path(run, "predict", digit))
        return
    from rnn_mnist.plots.sheet import PER_SHEET, Cell, draw_sheet
    of_one = len({digit.source for digit in digits}) == 1
    path = plot_path(run, "predict", digits[0]) if of_one else run.path / "plots" / "predict-sheet.png"
    cells = [Cell(_caption(digit), digit.picture, digit.place and digit.place[2:], digit.pixels, p,
                  bool(unusual.warnings(digit.pixels))) for digit, p in zip(digits, probabilities, strict=True)]
    for first in range(0, len(cells), PER_SHEET):
        page = path if not first else path.with_stem(f"{path.stem}-{first // PER_SHEET + 1}")
        yield draw_sheet(cells[first:first + PER_SHEET], page)
