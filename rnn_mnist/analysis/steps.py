"""What the steps are called and counted by that a recurrent network reads an image in: rows, or else plain steps."""

from typing import NamedTuple

import numpy as np

from rnn_mnist.config import N_PIXELS, N_ROWS
from rnn_mnist.console.languages import text


class Steps(NamedTuple):
    """Hold what is counted, "row" or "step", and float64 [n_read + 1] how many before the first step and after each.

    Rows are counted from the top of the image, those that are passed over included. rows: the first that is read and
    the one that reading ends before.
    """

    unit: str
    count: np.ndarray
    rows: tuple


def steps_of(config):
    """Return the Steps of a Config: rows where they are read, whole or in parts, one after the other from the top."""
    done, rows = np.arange(config.n_read + 1.0), (config.rows_from, config.rows_to)
    if config.order == "rows" and not config.bidirectional:
        return Steps("row", config.rows_from + done * config.n_inputs / (N_PIXELS // N_ROWS), rows)
    return Steps("step", done, rows)


def note_on_directions(config):
    """Return the line that says what has been read after a step where there are two directions, or None."""
    if not config.bidirectional:
        return None
    if config.layers == 1:
        return text("both directions : after step t each of them has read t steps, from its own end")
    return text("both directions : after step t each of them has read t steps, from its own end; of the layers above "
                "the first, the first step already holds the whole image")
