"""Images per second against the batch size, on logarithmic axes."""

from matplotlib.ticker import LogLocator

from rnn_mnist.plots import style
from rnn_mnist.plots.style import text


@style.as_shipped
def draw_throughput(speeds, name, path):
    """Draw [(batch size, images per second)] as a PNG and return its path; name: of whose they are."""
    figure = style.new_figure(6.4, 4.2)
    axes = figure.subplots()
    sizes, rates = zip(*speeds, strict=True)
    axes.loglog(sizes, rates, "o-", color=style.COLORS[0])
    axes.set_xticks(sizes, map(str, sizes), rotation=45)
    axes.set_ylim(min(rates) * 0.7, max(rates) * 1.5)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    best_size, best_rate = max(speeds, key=lambda speed: speed[1])
    axes.annotate(f"x {best_rate / rates[0]:.1f}", (best_size, best_rate), (0, 8), textcoords="offset points",
                  ha="center")
    axes.set(xlabel=text("images per batch"), ylabel=text("images per second"),
             title=text("NumPy inference: {name}", name=style.label(name)))
    return style.save(figure, path)
