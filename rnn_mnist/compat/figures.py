"""A matplotlib backend for where nobody looks: plt.show() writes the open figures as PNG and closes them."""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas  # noqa: F401 - matplotlib asks for it here

from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note

_numbers = itertools.count(1)


def show(*, block=None):
    """Write SCRIPT-figure-1.png and so on; where a window would not have waited, the figure stays as it is.

    It is called on every plt.pause() of an animation, whose last picture is what is left.
    """
    if block or (block is None and not plt.isinteractive()):
        for number in plt.get_fignums():
            path = Path(f"{Path(sys.argv[0]).stem}-figure-{next(_numbers)}.png")
            plt.figure(number).savefig(path)
            note(text("figure : {path}", path=path))
        plt.close("all")
