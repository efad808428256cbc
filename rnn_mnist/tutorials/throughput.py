"""Why batches are faster: images per second of the NumPy network against the batch size, as a table and a picture."""

import time

from matplotlib.ticker import LogLocator

from rnn_mnist.console.languages import table, text
from rnn_mnist.plots import style as plots
from rnn_mnist.tutorials.numpy_inference import predict

BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
N_IMAGES, SECONDS = 2000, 0.2


def measure(network, X):
    """Return [(batch size, images per second)] over the first images of X [n, 784].

    It is that of the best of the passes over them that fit into SECONDS: what else the machine does only slows it down.
    """
    X, found = X[:N_IMAGES], []
    for batch_size in BATCH_SIZES:
        seconds = []
        while sum(seconds) < SECONDS:
            started = time.perf_counter()
            predict(network, X, batch_size)
            seconds.append(time.perf_counter() - started)
        found.append((batch_size, len(X) / min(seconds)))
    return found


def report(speeds, lang="en"):
    """Return the lines of a table of measure's figures."""
    rows = [[text(lang, name) for name in ("batch size", "images per second", "against one by one")]]
    rows += [[str(size), f"{speed:,.0f}", f"{speed / speeds[0][1]:.1f}"] for size, speed in speeds]
    return table(rows, ">")


def draw(speeds, path, title, lang="en"):
    """Draw measure's figures as a PNG and return its path."""
    lang = plots.font_for(lang)
    figure = plots.new_figure(6.4, 4.2)
    axes = figure.subplots()
    sizes, rates = zip(*speeds, strict=True)
    axes.loglog(sizes, rates, "o-", color=plots.COLORS[0])
    axes.set_xticks(sizes, map(str, sizes), rotation=45)
    axes.set_ylim(min(rates) * 0.7, max(rates) * 1.5)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    best = max(range(len(rates)), key=rates.__getitem__)
    axes.annotate(f"x {rates[best] / rates[0]:.1f}", (sizes[best], rates[best]), (0, 8), textcoords="offset points",
                  ha="center")
    axes.set(xlabel=text(lang, "images per batch"), ylabel=text(lang, "images per second"),
             title=text(lang, "NumPy inference: {name}", name=plots.label(title)))
    return plots.save(figure, path)
