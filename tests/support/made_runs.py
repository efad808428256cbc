"""Run directories written without training, for the tests of what only reads them."""

from dataclasses import replace

from rnn_mnist import run as runs
from rnn_mnist.config import Config
from rnn_mnist.data import ORIGINAL

DIGEST = "0123456789abcdef" * 4


def make_run(folder, name, acc_valid=(0.8, 0.9), *, finished=True, kind=ORIGINAL, n_correct=9000, weights=DIGEST,
             **settings):
    """Return a new run directory with these validation accuracies; loss and training accuracy follow from them."""
    settings = {"epochs": len(acc_valid), **settings}
    config = replace(Config(), runs_dir=str(folder), run_name=name, data="mnist", **settings).check()
    run = folder / name
    runs.create_run(run, config, {"data": kind, "data_digest": weights[:4] + kind})
    for epoch, acc in enumerate(acc_valid):
        row = {"epoch": epoch, "acc_batch": 0.5, "loss_batch": 1.0, "acc_running": 0.75, "loss_running": 0.7,
               "acc_valid": acc, "loss_valid": None if acc is None else 1 - acc, "penalty": 0.0, "seconds": 1.5,
               "images_per_second": 100}
        runs.append_metrics(run, row)
    if finished:
        runs.write_result(run, config, {
            "data": kind, "acc_test": n_correct / 10_000, "loss_test": 0.25, "n_test": 10_000,
            "n_correct_test": n_correct, "epochs": len(acc_valid), "seconds": 3.0, "weights": weights,
            "scored": "best" if config.patience else "last"})
    return run
