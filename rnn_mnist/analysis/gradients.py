"""How much gradient reaches each state of trained runs: the figures, the lines and the picture that tell them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist.analysis import hidden_states as states
from rnn_mnist.analysis.evaluate import load_test
from rnn_mnist.analysis.trained import open_trained
from rnn_mnist.console.languages import data_name, table, text
from rnn_mnist.data import ORIGINAL

N_IMAGES = 1000    # test images that the mean is taken over
ABOUT_EQUAL = 1.2  # norms that differ by less than this factor


class Curve(NamedTuple):
    """Hold a run, its activation, what the data is, and float64 [n_steps] norms before and after training."""

    run: Path
    activation: str
    data: str
    start: np.ndarray
    end: np.ndarray


def gradient_curve(path, data_dir=None):
    """Return the Curve of a run directory."""
    with open_trained(path) as trained:
        steps = states.build_steps(trained)
        test, source, _ = load_test(trained.run, trained.config, data_dir=data_dir)
        norms = states.gradient_norms(trained, steps, test.images[:N_IMAGES], test.labels[:N_IMAGES])
    return Curve(trained.run, trained.config.activation, source.kind, *norms)


def report(curves, lang):
    """Yield a table: the norm at the first and the last state, their ratio, and in words which way it goes."""
    head = ("run", "when", "first state", "last state", "last / first", "the gradient")
    rows = []
    for curve in curves:
        for when, norms in (("start of training", curve.start), ("end of training", curve.end)):
            ratio = f"{norms[-1] / norms[0]:.3g}" if norms[0] else "-"
            rows.append([_name(curve, lang), text(lang, when), f"{norms[0]:.3g}", f"{norms[-1]:.3g}", ratio,
                         verdict(norms[0], norms[-1], lang)])
    yield from table([[text(lang, word) for word in head], *rows], "<<>>><")


def verdict(first, last, lang):
    """Return what becomes of the gradient between the last state and the first, where it arrives last."""
    if not first:
        return text(lang, "does not reach the first step")
    if max(first, last) < ABOUT_EQUAL * min(first, last):
        return text(lang, "keeps its size on its way back to the first step")
    ratio = max(first, last) / min(first, last)
    times = f"{ratio:.0f}" if 10 <= ratio < 1e6 else f"{ratio:.2g}"
    if first < last:
        return text(lang, "fades x{times} on its way back to the first step", times=times)
    return text(lang, "grows x{times} on its way back to the first step", times=times)


def draw(curves, lang):
    """Draw the Curves into the first one's plots/ and return the path."""
    from rnn_mnist.plots import digits as digit_plots
    name = "gradient-through-time" + ("" if len(curves) == 1 else "-compared")
    return digit_plots.draw_gradients([(_name(curve, lang), curve.start, curve.end) for curve in curves],
                                      curves[0].run / "plots" / f"{name}.png", lang)


def _name(curve, lang):
    """Return what a table calls a Curve; with the data, loud, unless it is the original MNIST."""
    notes = [curve.activation] + ([] if curve.data == ORIGINAL else [data_name(lang, curve.data)])
    return f"{curve.run.absolute().name} ({', '.join(notes)})"
