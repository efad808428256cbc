"""The learning curves of a run: accuracy and loss, training and validation, epoch by epoch."""

from matplotlib.ticker import MaxNLocator

from rnn_mnist import run as runs
from rnn_mnist.console.languages import pick_language, text
from rnn_mnist.data import ORIGINAL
from rnn_mnist.plots import style as plots


def draw_curves(run, lang=None):
    """Draw a run's metrics.csv as plots/curves.png and return its path; lang: "en", "ko", None for what LANG says.

    Raise UserError if the run's files are damaged.
    """
    run = runs.open_run(run)
    metrics, source = runs.read_metrics(run), str(runs.read_json(run / "environment.json").get("data"))
    lang = plots.font_for(pick_language(lang))
    figure = plots.new_figure(10, 4.2)
    best = max((row for row in metrics if row["acc_valid"] is not None), key=lambda row: row["acc_valid"], default=None)
    for axes, (measure, label) in zip(figure.subplots(1, 2), (("acc", "accuracy"), ("loss", "loss (nats)")),
                                      strict=True):
        _draw_line(axes, metrics, f"{measure}_running", text(lang, "training (mean over the epoch)"), 1, "s--")
        _draw_line(axes, metrics, f"{measure}_valid", text(lang, "validation (after the epoch)"), 0, "o-")
        if best:
            axes.axvline(best["epoch"], color=plots.GREY, linestyle=":", zorder=0,
                         label=text(lang, "best epoch: {epoch} ({value:.4f})", epoch=best["epoch"],
                                    value=best[f"{measure}_valid"]))
        style_axes(axes, text(lang, "epoch"), text(lang, label))
        if axes.lines:
            axes.legend()
    figure.suptitle(text(lang, "{name}\nlearning curves, {data}", name=plots.label(run.absolute().name),
                         data=text(lang, source)), color="black" if source == ORIGINAL else plots.COLORS[1],
                    linespacing=1.4)
    return plots.save(figure, run / "plots" / "curves.png")


def style_axes(axes, x_label, y_label):
    """Label the axes of a curve over epochs: whole numbers below, a light grid."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_line(axes, metrics, column, label, color, style):
    """Draw a column over the epochs, where it has values; markers as long as there is room for them."""
    points = [(row["epoch"], row[column]) for row in metrics if row[column] is not None]
    if points:
        axes.plot(*zip(*points, strict=True), style, label=label, color=plots.COLORS[color], markersize=5,
                  markevery=max(1, len(points) // 20))
