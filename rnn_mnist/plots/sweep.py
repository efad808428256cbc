"""The settings of a sweep by validation accuracy: every seed a dot, their mean, and its 95 % interval."""

from statistics import mean

from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.plots import style
from rnn_mnist.plots.style import text

N_ROWS = 40  # settings that are drawn, the best


@style.as_shipped
def draw_sweep(lines, data, path):
    """Draw (words, acc_valid of each seed, (low, high) or (None, None)) of each setting, best first, as a PNG.

    data: what it is, for the title. Return the path.
    """
    shown = lines[:N_ROWS]
    figure = style.new_figure(9, 1.6 + 0.28 * len(shown))
    axes = figure.subplots()
    for row, (_, values, (low, high)) in enumerate(shown):
        if low is not None:
            axes.plot([low, high], [row, row], color=style.COLORS[0], linewidth=5, alpha=0.25, solid_capstyle="butt",
                      label=text("95 % interval of the mean"))
        axes.plot(values, [row] * len(values), "o", color=style.COLORS[0], markersize=4, alpha=0.6,
                  label=text("a seed"))
        axes.plot(mean(values), row, "|", color=style.COLORS[1], markersize=14, markeredgewidth=2, label=text("mean"))
    axes.set_yticks(range(len(shown)), [style.label(words) for words, *_ in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel(text("acc_valid, each run's last or best epoch, as it was scored"))
    axes.grid(axis="x", alpha=0.3)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))  # one of each label
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=9)
    figure.suptitle(_title(len(lines), data))
    return style.save(figure, path)


def _title(n_settings, data):
    """Return a title that says how many settings there are, if not all are shown, and which data it was."""
    title = text("a sweep of {n} settings, best first by validation", n=n_settings)
    if n_settings > N_ROWS:
        title += text(" (the first {n})", n=N_ROWS)
    return title if data == ORIGINAL else f"{title} ({style.data_name(data)})"
