"""A matplotlib backend for where nobody looks on: plt.show() writes the open figures as PNG and closes them."""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas  # noqa: F401 - matplotlib looks for it

from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note

_numbers = itertools.count(1)


def show(*, block=None):
    """Write SCRIPT-figure-1.png and so on; nothing where a window would not wait, as at each plt.pause()."""
    if block or (block is None and not plt.isinteractive()):
        for number in plt.get_fignums():
            path = f"{Path(sys.argv[0]).stem}-figure-{next(_numbers)}.png"
            plt.figure(number).savefig(path, bbox_inches="tight")  # as notebooks do: no label is cut off
            note(text("written : {path}", path=path))
        plt.close("all")
