"""A run's test set scored in full: the figures, the lines that tell them, and what the pictures need."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import run as runs
from rnn_mnist import session
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.analysis.trained import load_run_data, open_trained, scored_state
from rnn_mnist.console.languages import data_name, table, text

N_WORST = 32  # errors shown
# Only the test set is scored: how training cut and batched its own images must not rule out other data.
TEST_ONLY = {"n_valid": 0, "valid_fraction": 0.0, "n_subset": 0, "patience": 0, "batch_size": 1, "replicas": 1}


class Evaluation(NamedTuple):
    """Hold the figures (plain values, as --json shows them) and the test set that they are about.

    images uint8 [n, 28, 28], labels and predictions int [n], probabilities float64 [n, 10], worst int [k]: the errors
    with the least probability for the true digit, worst first. folder: where the pictures belong.
    """

    run: Path
    values: dict
    images: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    worst: np.ndarray
    folder: Path


def load_test(run, config, data=None, data_dir=None):
    """Return (test Split, Source, whether the run was trained with that data); data, data_dir: look elsewhere."""
    where = dict(TEST_ONLY)
    if data or data_dir:
        where |= {"data": data or "mnist", "data_dir": data_dir}
    loaded, same = load_run_data(run, config, **where)
    return loaded.test, loaded.source, same


def evaluate_run(path, data=None, data_dir=None):
    """Return the Evaluation of a run directory on its test set, or on that of other data."""
    with open_trained(path) as trained:
        test, source, same = load_test(trained.run, trained.config, data, data_dir)
        logits = session.predict(trained.session, trained.graph, test.images)
        digest = session.weights_digest(session.weights(trained.session))
    run, state, result = trained.run, scored_state(trained.run), runs.read_result(trained.run)
    log_p, predictions = scores.log_softmax(logits), logits.argmax(axis=1)
    figures, worst = _figures(log_p, predictions, test.labels)
    values = {"run": str(run), "model": trained.config.model, "epochs": state.epoch, "finished": result is not None,
              "weights": digest, "data": source.kind, "data_digest": source.digest, "trained_with_this_data": same,
              "as_in_result": figures["n_correct_test"] == result["n_correct_test"] if result and same else None,
              **figures}
    folder = run / "plots" if same else run / "plots" / f"data-{source.digest[:8]}"
    return Evaluation(run, values, test.images, test.labels, predictions, np.exp(log_p), worst, folder)


def _figures(log_p, predictions, labels):
    """Return the figures of float64 log probabilities [n, 10], and the worst errors' indices, worst first."""
    rows = np.arange(len(labels))
    correct, log_p_true, confidence = predictions == labels, log_p[rows, labels], np.exp(log_p[rows, predictions])
    n, n_correct, matrix = len(labels), int(correct.sum()), scores.confusion(labels, predictions)
    low, high = scores.wilson(n_correct, n)
    worst = np.argsort(np.where(correct, np.inf, log_p_true), kind="stable")[:min(N_WORST, n - n_correct)]
    return {"n_test": n, "n_correct_test": n_correct, "acc_test": n_correct / n, "acc_test_low": low,
            "acc_test_high": high, "loss_test": -float(log_p_true.mean()),
            "calibration_error": scores.calibration_error(scores.reliability(confidence, correct)),
            "classes": _classes(matrix), "confusion": matrix.tolist(),
            "worst": [{"image": int(i), "true": int(labels[i]), "predicted": int(predictions[i]),
                       "probability": float(confidence[i]), "probability_true": float(np.exp(log_p_true[i]))}
                      for i in worst]}, worst


def report(values, lang):
    """Yield the lines that tell the figures of an Evaluation."""
    state = "" if values["finished"] else text(lang, ", not finished")
    yield text(lang, "run : {run} ({model}, {epochs} epochs{state}) weights : {digest}", run=values["run"],
               model=values["model"], epochs=values["epochs"], state=state, digest=values["weights"][:12])
    yield text(lang, "data : {data} ({n} test images)", data=data_name(lang, values["data"]), n=values["n_test"])
    if not values["trained_with_this_data"]:
        yield text(lang, "NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")
    if values["as_in_result"] is False:
        yield text(lang, "NOTE: NOT AS MANY RIGHT AS IN result.json: another machine, or an edited file")
    yield text(lang, "acc_test : {acc:.4f} (95 % interval {low:.4f} to {high:.4f}) loss_test : {loss:.4f}",
               acc=values["acc_test"], low=values["acc_test_low"], high=values["acc_test_high"],
               loss=values["loss_test"])
    yield text(lang, "errors : {wrong} of {n}, expected calibration error : {ece:.4f}",
               wrong=values["n_test"] - values["n_correct_test"], n=values["n_test"], ece=values["calibration_error"])
    yield from ("", *_class_table(values["classes"], lang))
    yield from ("", text(lang, "confusion matrix (row: true digit, column: predicted digit)"))
    yield from table([["", *map(str, range(10))],
                      *([str(i), *map(str, row)] for i, row in enumerate(values["confusion"]))], ">")
    if values["worst"]:
        yield from ("", text(lang, "worst errors (least probability for the true digit)"))
        yield from table([[text(lang, word) for word in ("test image", "true", "predicted", "probability", "of true")],
                          *([str(error["image"]), str(error["true"]), str(error["predicted"]),
                             f"{error['probability']:.4f}", f"{error['probability_true']:.2g}"]
                            for error in values["worst"][:10])], ">")


def draw_evaluation(evaluation, lang):
    """Draw confusion matrix, worst errors and reliability into the Evaluation's folder; yield the paths."""
    from rnn_mnist.plots import scores as score_plots
    for draw in (score_plots.draw_confusion, score_plots.draw_errors, score_plots.draw_reliability):
        yield draw(evaluation, lang)


def _classes(matrix):
    """Return, per digit, {digit, images, precision, recall, f1}."""
    found = scores.class_scores(matrix)
    return [{"digit": digit, "images": int(found.n_images[digit]), "precision": float(found.precision[digit]),
             "recall": float(found.recall[digit]), "f1": float(found.f1[digit])} for digit in range(len(matrix))]


def _class_table(classes, lang):
    """Return the lines of the table of classes, their plain mean last."""
    measures = ("precision", "recall", "f1")
    yield from table([[text(lang, word) for word in ("digit", "images", "precision", "recall", "F1")],
                      *([str(row["digit"]), str(row["images"]), *(f"{row[name]:.4f}" for name in measures)]
                        for row in classes),
                      [text(lang, "mean"), "", *(f"{np.mean([row[name] for row in classes]):.4f}"
                                                 for name in measures)]], ">")

