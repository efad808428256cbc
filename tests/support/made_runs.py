"""Run directories written without training, for the tests of what only reads them."""

from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.console.settings import sort
from rnn_mnist.run import create_run

DIGEST = "0123456789abcdef" * 4


def make_run(folder, name, acc_valid=(0.8, 0.9), *, finished=True, kind=ORIGINAL, n_correct=9000, weights=DIGEST,
             **settings):
    """Return a new Run with these validation accuracies; loss and training accuracy follow from them."""
    given, given_options = sort({"epochs": len(acc_valid), "data": "mnist", "runs_dir": str(folder), "run_name": name,
                                 **settings}, Config, RunOptions)
    config = Config(**given)
    run = create_run(config, RunOptions(**given_options), None,
                     {"data": kind, "data_digest": weights[:4] + kind})
    for epoch, acc in enumerate(acc_valid):
        run.append_metrics({
            "epoch": epoch, "acc_batch": 0.5, "loss_batch": 1.0, "acc_running": 0.75, "loss_running": 0.7,
            "acc_valid": acc, "loss_valid": None if acc is None else 1 - acc, "penalty": 0.0, "seconds": 1.5,
            "images_per_second": 100})
    if finished:
        scored = max(acc_valid) if config.patience else acc_valid[-1]
        run.write_result(config, {
            "data": kind, "acc_test": n_correct / 10_000, "loss_test": 0.25, "n_test": 10_000,
            "n_correct_test": n_correct, "epochs": len(acc_valid), "seconds": 3.0, "weights": weights,
            "acc_valid": scored, "loss_valid": None if scored is None else 1 - scored,
            "scored": "best" if config.patience else "last"})
    return run
