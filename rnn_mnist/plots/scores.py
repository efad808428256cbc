"""The pictures of an Evaluation: confusion matrix, worst errors, reliability."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import StrMethodFormatter

from rnn_mnist.analysis import metrics as scores
from rnn_mnist.console.languages import text
from rnn_mnist.data import ORIGINAL
from rnn_mnist.plots import style as plots


def draw_confusion(evaluation, lang="en"):
    """Draw how many images of each digit were taken for which; return the path."""
    lang = plots.font_for(lang)
    figure = plots.new_figure(7, 6.6)
    axes = figure.subplots()
    matrix = np.array(evaluation.values["confusion"])
    # A logarithmic scale: beside a thousand right ones, ten wrong ones would be as pale as none.
    axes.imshow(np.maximum(matrix, 0.5), cmap="Blues", norm=LogNorm(0.5, max(matrix.max(), 1)))
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = np.log(2 * count) > 0.6 * np.log(2 * matrix.max())
            axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.set(xticks=range(10), yticks=range(10), xlabel=text(lang, "predicted digit"), ylabel=text(lang, "true digit"))
    _head(figure, evaluation, lang, "confusion matrix (images)")
    return plots.save(figure, evaluation.folder / "confusion.png")


def draw_errors(evaluation, lang="en"):
    """Draw the worst errors, each with the probability of the predicted and the true digit; return the path."""
    lang = plots.font_for(lang)
    figure = plots.new_figure(9.6, 7.6)
    for place, (i, error) in enumerate(zip(evaluation.worst, evaluation.values["worst"], strict=True), 1):
        axes = figure.add_subplot(4, 8, place)
        axes.set_axis_off()
        axes.imshow(evaluation.images[i], cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(text(lang, "true {true}: {p_true}\npredicted {predicted}: {p}\nimage {image}", **error,
                            p=_percent(error["probability"]), p_true=_percent(error["probability_true"])), fontsize=8)
    _head(figure, evaluation, lang, "worst errors" if len(evaluation.worst) else "no errors")
    return plots.save(figure, evaluation.folder / "errors.png")


def draw_reliability(evaluation, lang="en"):
    """Draw accuracy against confidence, and how many images have which confidence; return the path."""
    lang = plots.font_for(lang)
    figure = plots.new_figure(6.4, 7)
    top, bottom = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    confidence = evaluation.probabilities.max(axis=1)
    bins = scores.reliability(confidence, evaluation.predictions == evaluation.labels)
    middle = (np.arange(scores.N_BINS) + 0.5) / scores.N_BINS
    top.bar(middle, np.nan_to_num(bins.accuracy), 0.9 / scores.N_BINS, color=plots.COLORS[5],
            label=text(lang, "accuracy in the bin"))
    top.plot([0, 1], [0, 1], "--", color=plots.GREY, label=text(lang, "perfectly calibrated"))
    top.plot(bins.confidence, bins.accuracy, "o", color=plots.COLORS[0], label=text(lang, "at its mean confidence"))
    top.set(ylabel=text(lang, "accuracy"), xlim=(0, 1), ylim=(0, 1.02))
    top.legend(loc="upper left", title=text(lang, "expected calibration error: {value:.4f}",
                                            value=evaluation.values["calibration_error"]))
    bottom.bar(middle, bins.n_images, 0.9 / scores.N_BINS, color=plots.COLORS[0])
    bottom.set_yscale("log")
    bottom.set(xlabel=text(lang, "confidence (probability of the predicted digit)"), ylabel=text(lang, "images"),
               ylim=(0.7, None))
    bottom.yaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    _head(figure, evaluation, lang, "reliability")
    return plots.save(figure, evaluation.folder / "reliability.png")


def _head(figure, evaluation, lang, what):
    """Write what a picture shows, of which run, on which data; in colour unless that is the original MNIST."""
    name, values = plots.label(evaluation.run.absolute().name), evaluation.values
    figure.suptitle(f"{name}\n{text(lang, what)}, {text(lang, values['data'])}, acc_test {values['acc_test']:.4f}",
                    color="black" if values["data"] == ORIGINAL else plots.COLORS[1], linespacing=1.4)


def _percent(share):
    return f"{100 * share:.{3 if share >= 0.01 else 1}g} %"
