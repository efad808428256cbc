"""A run's test set scored in full: the figures, the lines that tell them, and what the pictures need."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist.analysis import metrics
from rnn_mnist.checkpoint import weights_digest
from rnn_mnist.config import Config, with_settings
from rnn_mnist.console.guard import check_data_dir
from rnn_mnist.console.languages import data_name, text
from rnn_mnist.console.tables import table
from rnn_mnist.data import Source, Split
from rnn_mnist.datasets.files import load_arrays
from rnn_mnist.export.numpy_network import predicted_classes
from rnn_mnist.run import Run

N_WORST = 32  # errors shown


class Evaluation(NamedTuple):
    """Hold the figures (plain values, as --json shows them) and the test set that they are about.

    images uint8 [n, 28, 28], labels and predictions int [n], probabilities float64 [n, 10], worst int [k]: the errors
    with the least probability for the true digit, worst first. folder: where the pictures belong.
    """

    run: Run
    values: dict
    images: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    worst: np.ndarray
    folder: Path


def load_test(run, data=None, data_dir=None):
    """Return (test Split, Source, whether the Run was trained with that data); data, data_dir: look elsewhere."""
    config, options = run.settings
    if data or data_dir:
        where = Config(data=data or "mnist").data, data_dir
    else:
        check_data_dir(run, options, {})
        where = config.data, options.data_dir
    (_, _, images, labels), *source = load_arrays(*where, options.offline)
    source = Source(*source)
    return Split(images, labels), source, source.digest == run.environment.get("data_digest")


def evaluate_run(run, data=None, data_dir=None, rows_from=None, rows_to=None):
    """Return the Evaluation of a Run on its test set, or on that of other data, or with other rows read."""
    from rnn_mnist.export.opened import open_scored  # TensorFlow takes seconds to import
    config = run.config
    rows = {name: row for name, row in (("rows_from", rows_from), ("rows_to", rows_to))
            if row not in (None, getattr(config, name))}
    with_settings(config, **rows)  # refused before anything is opened
    with open_scored(run, **rows) as (network, state, result):
        test, source, same = load_test(run, data, data_dir)
        logits, digest = network.predict(test.images), weights_digest(network.weights())
    log_p, predictions = metrics.log_softmax(logits), predicted_classes(logits, test.labels)
    figures, worst = _figures(log_p, predictions, test.labels)
    values = {"run": str(run), "model": network.config.model, "epochs": state.epoch, "finished": result is not None,
              "weights": digest, "data": source.kind, "data_digest": source.digest, "trained_with_this_data": same,
              "rows_from": network.config.rows_from, "rows_to": network.config.rows_to,
              "trained_with_these_rows": not rows,
              "as_in_result": (figures["n_correct_test"] == result["n_correct_test"]
                               if result and same and not rows else None), **figures}
    folder = run.path / "plots"
    if not same:
        folder /= f"data-{source.digest[:8]}"
    if rows:
        folder /= f"rows-{network.config.rows_from}-to-{network.config.rows_to}"
    return Evaluation(run, values, test.images, test.labels, predictions, np.exp(log_p), worst, folder)


def _figures(log_p, predictions, labels):
    """Return the figures of float64 log probabilities [n, 10], and the worst errors' indices, worst first."""
    rows = np.arange(len(labels))
    correct, log_p_true, confidence = predictions == labels, log_p[rows, labels], np.exp(log_p[rows, predictions])
    n, n_correct, matrix = len(labels), int(correct.sum()), metrics.confusion(labels, predictions)
    low, high = metrics.wilson(n_correct, n)
    worst = np.argsort(np.where(correct, np.inf, log_p_true), kind="stable")[:min(N_WORST, n - n_correct)]
    return {"n_test": n, "n_correct_test": n_correct, "acc_test": n_correct / n, "acc_test_low": low,
            "acc_test_high": high, "loss_test": -float(log_p_true.mean()),
            "calibration_error": metrics.calibration_error(metrics.reliability(confidence, correct)),
            "classes": _classes(matrix), "confusion": matrix.tolist(),
            "worst": [{"image": int(i), "true": int(labels[i]), "predicted": int(predictions[i]),
                       "probability": float(confidence[i]), "probability_true": float(np.exp(log_p_true[i]))}
                      for i in worst]}, worst


def _classes(matrix):
    """Return, per digit, {digit, images, precision, recall, f1}."""
    found = metrics.class_scores(matrix)
    return [{"digit": digit, "images": int(found.n_images[digit]), "precision": float(found.precision[digit]),
             "recall": float(found.recall[digit]), "f1": float(found.f1[digit])} for digit in range(len(matrix))]


def report(values):
    """Yield the lines that tell the figures of an Evaluation."""
    state = "" if values["finished"] else text(", not finished")
    yield text("run : {run} ({model}, {epochs} epochs{state}) weights : {digest}", run=values["run"],
               model=values["model"], epochs=values["epochs"], state=state, digest=values["weights"][:12])
    yield text("data : {data} ({n} test images)", data=data_name(values["data"]), n=values["n_test"])
    if not values["trained_with_this_data"]:
        yield text("NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")
    if not values["trained_with_these_rows"]:
        yield text("read : {rows} of 28, others than in training", rows=_rows_read(values))
    if values["as_in_result"] is False:
        yield text("NOTE: NOT AS MANY RIGHT AS IN result.json: another machine, or an edited file")
    yield text("acc_test : {acc:.4f} (95 % interval {low:.4f} to {high:.4f}) loss_test : {loss:.4f}",
               acc=values["acc_test"], low=values["acc_test_low"], high=values["acc_test_high"],
               loss=values["loss_test"])
    yield text("errors : {wrong} of {n}, expected calibration error : {ece:.4f}",
               wrong=values["n_test"] - values["n_correct_test"], n=values["n_test"], ece=values["calibration_error"])
    yield from ("", *_class_table(values["classes"]))
    yield from ("", text("confusion matrix (row: true digit, column: predicted digit)"))
    yield from table([["", *map(str, range(10))],
                      *([str(i), *map(str, row)] for i, row in enumerate(values["confusion"]))], ">")
    if values["worst"]:
        yield from ("", text("worst errors (least probability for the true digit)"))
        yield from table([[text(word) for word in ("test image", "true", "predicted", "probability", "of true")],
                          *([str(error["image"]), str(error["true"]), str(error["predicted"]),
                             f"{error['probability']:.4f}", f"{error['probability_true']:.2g}"]
                            for error in values["worst"][:10])], ">")


def _rows_read(values):
    """Return the words for the rows of an image that were read, counted from 1."""
    return text("rows {first} to {last}", first=values["rows_from"] + 1, last=values["rows_to"])


def _class_table(classes):
    """Return the lines of the table of classes, their plain mean last."""
    measures = ("precision", "recall", "f1")
    return table([[text(word) for word in ("digit", "images", "precision", "recall", "F1")],
                  *([str(row["digit"]), str(row["images"]), *(f"{row[name]:.4f}" for name in measures)]
                    for row in classes),
                  [text("mean"), "", *(f"{np.mean([row[name] for row in classes]):.4f}" for name in measures)]], ">")


def draw_evaluation(evaluation):
    """Draw confusion matrix, worst errors and reliability into the Evaluation's folder; yield the paths."""
    from rnn_mnist.plots import scores  # matplotlib takes half a second to import
    values, folder = evaluation.values, evaluation.folder
    name = evaluation.run.name
    if not values["trained_with_these_rows"]:
        name += f", {_rows_read(values)}"
    heading = scores.Heading(name, values["data"], values["acc_test"])
    yield scores.draw_confusion(heading, np.array(values["confusion"]), folder / "confusion.png")
    yield scores.draw_errors(heading, evaluation.images[evaluation.worst], values["worst"], folder / "errors.png")
    bins = metrics.reliability(evaluation.probabilities.max(axis=1), evaluation.predictions == evaluation.labels)
    yield scores.draw_reliability(heading, bins, values["calibration_error"], folder / "reliability.png")
