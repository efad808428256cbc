"""Why batches are faster: images per second of the NumPy network against the batch size."""

import time

from rnn_mnist.console.languages import text
from rnn_mnist.console.tables import table
from rnn_mnist.tutorials.numpy_inference import predict

BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
N_IMAGES, SECONDS = 2000, 0.2


def measure(network, X):
    """Return [(batch size, images per second)] over the first images of X [n, 784].

    It is that of the best of the passes over them that fit into SECONDS: what else the machine does only slows it down.
    """
    X, speeds = X[:N_IMAGES], []
    for batch_size in BATCH_SIZES:
        seconds = []
        while sum(seconds) < SECONDS:
            started = time.perf_counter()
            predict(network, X, batch_size)
            seconds.append(time.perf_counter() - started)
        speeds.append((batch_size, len(X) / min(seconds)))
    return speeds


def report(speeds):
    """Return the lines of a table of measure's figures."""
    rows = [[text(name) for name in ("batch size", "images per second", "against one by one")]]
    rows += [[str(size), f"{speed:,.0f}", f"{speed / speeds[0][1]:.1f}"] for size, speed in speeds]
    return table(rows, ">")
