"""How much gradient reaches each state of trained runs: the figures, the lines and the picture that tell them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnn_mnist.analysis.evaluate import load_test
from rnn_mnist.analysis.hidden_states import gradient_norms, inspect, open_states
from rnn_mnist.analysis.steps import note_on_directions
from rnn_mnist.cells import activation_of, name_of
from rnn_mnist.config import Config
from rnn_mnist.console.languages import ORIGINAL, data_name, text
from rnn_mnist.console.settings import UserError
from rnn_mnist.console.tables import table
from rnn_mnist.run import Run
from rnn_mnist.session import Network
from rnn_mnist.train import begin_with

N_IMAGES = 1000    # test images that the mean is taken over
ABOUT_EQUAL = 1.2  # norms that differ by less than this factor
VANISHING = 10     # a gradient that falls by more than this factor vanishes


class Curve(NamedTuple):
    """Hold a run, its config, float64 [n_read] norms before and after training, of how many images of which kind."""

    run: Run
    config: Config
    data: str
    n_images: int
    start: np.ndarray
    end: np.ndarray


def gradient_curve(run, data_dir=None):
    """Return the Curve of a Run."""
    config, weights = open_states(run)
    test, source, _ = load_test(run, data_dir=data_dir)
    images, labels = test.images[:N_IMAGES], test.labels[:N_IMAGES]
    norms = []
    for each in (_first_weights(run, config), weights):
        with inspect(config, each) as inspection:
            norms.append(gradient_norms(inspection, images, labels))
    return Curve(run, config, source.kind, len(images), *norms)


def _first_weights(run, config):
    """Return {name: array}, what a Run began with; config: its own, with an instruction set that is to be had here."""
    # The run's seed gives the run's first weights, however the steps are unrolled; dynamic is built fastest.
    with Network(replace(config, unroll="dynamic")) as untrained:
        try:
            begin_with(untrained, *run.settings)
        except UserError as error:
            raise UserError("{run}: what it began with is not to be had: {error}", run=run, error=error) from None
        return untrained.weights()


def report(curves):
    """Yield a table: the norm at the first and the last step, the least one, and in words which way it goes.

    What the norms are of follows and, where there are two directions, what a step is.
    """
    head = ("run", "when", "first step", "last step", "least", "at step", "the gradient")
    rows = []
    for curve in curves:
        for when, norms in (("start of training", curve.start), ("end of training", curve.end)):
            step = least_at(norms)
            rows.append([_name(curve, data_name), text(when), f"{norms[0]:.3g}", f"{norms[-1]:.3g}",
                         f"{norms[step - 1]:.3g}", str(step), verdict(norms)])
    yield from table([[text(word) for word in head], *rows], "<<>>>><")
    for data, n in dict.fromkeys((curve.data, curve.n_images) for curve in curves):
        yield text("norms : of the gradient of an image's loss by the states after a step, mean over {n} test images "
                   "({data})", n=n, data=data_name(data))
    if any(map(_is_blocked, curves)):
        yield text("ReLU : where what goes into a unit is exactly 0, as before the first ink, no gradient passes it")
    yield from dict.fromkeys(filter(None, (note_on_directions(curve.config) for curve in curves)))


def _is_blocked(curve):
    """Tell whether ReLU lets no gradient pass at a step that is not cut off."""
    reached = np.minimum(curve.start, curve.end)[-curve.config.bptt_steps:]
    return activation_of(curve.config) == "relu" and not reached.all()


def least_at(norms):
    """Return the step, from 1, at which the norm is least: the last of several, which the gradient comes to first."""
    return len(norms) - int(np.argmin(norms[::-1]))


def verdict(norms):
    """Return what becomes of the gradient between the last state and the first, where it arrives last."""
    first, last, reached = norms[0], norms[-1], np.flatnonzero(norms)
    if not len(reached):
        return text("reaches no step")
    if reached[0]:
        return text("does not reach the first {n} steps", n=reached[0]) if reached[0] > 1 else text(
            "does not reach the first step")
    if not np.isfinite(norms).all():
        return text("grows beyond all numbers that float32 holds")
    if _vanishes(norms):
        return text("vanishes: 1/{times} of the last step's at step {step}", times=_times(last / norms.min()),
                    step=least_at(norms))
    times = _times(max(first, last) / min(first, last))
    if max(first, last) < ABOUT_EQUAL * min(first, last):
        return text("keeps its size on its way back to the first step")
    if first < last:
        return text("fades x{times} on its way back to the first step", times=times)
    return text("grows x{times} on its way back to the first step", times=times)


def _vanishes(norms):
    """Tell whether the gradient falls by more than the factor VANISHING from the last step to where it is least."""
    return np.isfinite(norms).all() and norms[-1] > VANISHING * norms.min()


def _times(ratio):
    return f"{ratio:.0f}" if 10 <= ratio < 1e6 else f"{ratio:.2g}"


def draw(curves):
    """Draw the Curves into the first one's plots/ and return the path."""
    from rnn_mnist.plots import gradients, style  # matplotlib takes half a second to import
    name = "gradient-through-time" + ("" if len(curves) == 1 else "-compared")
    lines = [gradients.Line(_name(curve, style.data_name), name_of(curve.config), (curve.start, curve.end),
                            tuple((least_at(norms), _least(norms, style.text)) for norms in (curve.start, curve.end)),
                            curve.data, curve.n_images) for curve in curves]
    return gradients.draw_gradients(lines, curves[0].run.path / "plots" / f"{name}.png")


def _least(norms, translate):
    """Return what a picture says of the least of norms, and whether the gradient has vanished there."""
    step = least_at(norms)
    low = f"{norms[step - 1]:.2g}"
    if norms[step - 1] == 0:
        return translate("nothing reaches step {step}", step=step)
    if _vanishes(norms):
        return translate("vanishes: {low} at step {step}, 1/{times} of the last step's", low=low, step=step,
                         times=_times(norms[-1] / norms.min()))
    return translate("does not vanish: least {low} at step {step}", low=low, step=step)


def _name(curve, data_name):
    """Return what a table or a picture calls a Curve; with the data, loud, unless it is the original MNIST."""
    notes = [name_of(curve.config)] + ([] if curve.data == ORIGINAL else [data_name(curve.data)])
    return f"{curve.run.name} ({', '.join(notes)})"
