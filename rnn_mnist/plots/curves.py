"""The learning curves of a run: accuracy and loss, training and validation, epoch by epoch."""

from matplotlib.ticker import MaxNLocator

from rnn_mnist.console.forms import best_validation
from rnn_mnist.plots import style
from rnn_mnist.plots.style import text


@style.as_shipped
def draw_curves(name, metrics, data, path, within=()):
    """Draw a run's metrics, a list of {column: number or None}, as a PNG and return its path; data: what it is.

    within: what was validated within epochs, a list of {column: number}.
    """
    figure = style.new_figure(10, 5)
    best = best_validation(metrics, within)
    for axes, (measure, label) in zip(figure.subplots(1, 2), (("acc", "accuracy"), ("loss", "loss (nats)")),
                                      strict=True):
        _draw_line(axes, metrics, f"{measure}_running", text("training (mean over the epoch)"), 1, "s--")
        _draw_line(axes, metrics, f"{measure}_valid", text("validation (after the epoch)"), 0, "o-")
        if within:
            axes.plot([row["epochs"] - 1 for row in within], [row[f"{measure}_valid"] for row in within], ".",
                      color=style.COLORS[5], label=text("validation (within an epoch)"), zorder=0)
        if best:
            _mark_best(axes, best, best[f"{measure}_valid"])
        style_axes(axes, text("epoch"), text(label))
        if axes.lines:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)  # it would hide short curves
    figure.suptitle(text("{name}\nlearning curves, {data}", name=style.label(name), data=text(data)),
                    color=style.data_color(data), linespacing=1.4)
    return style.save(figure, path)


def style_axes(axes, x_label, y_label):
    """Label the axes of a curve over epochs: whole numbers below, a light grid."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}" if x >= 0 else "")  # before epoch 0's end there is room
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _mark_best(axes, best, value):
    """Mark the validation with the best accuracy, of forms.best_validation, and its value, which the label names."""
    axes.axvline(best["trained"] - 1, color=style.GREY, linestyle=":", zorder=0)
    axes.plot(best["trained"] - 1, value, "*", color=style.COLORS[6], markersize=13, markeredgecolor="white", zorder=3,
              label=text("best by accuracy: epoch {epoch} ({value:.4f})", epoch=best["epoch"], value=value))


def _draw_line(axes, metrics, column, label, color, line):
    """Draw a column over the epochs, where it has values; markers as long as there is room for them."""
    points = [(row["epoch"], row[column]) for row in metrics if row[column] is not None]
    if points:
        axes.plot(*zip(*points, strict=True), line, label=label, color=style.COLORS[color], markersize=5,
                  markevery=max(1, len(points) // 20))
