"""A run as one web page with a pad to draw on, and an index of the pages of a folder of runs.

What the files of a run tell is run_facts.py's; here is what its network and its test set tell. Where one of them cannot
be had, the page says so in its place.
"""

import base64
import os
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np

from rnn_mnist.analysis import metrics, unusual
from rnn_mnist.analysis.evaluate import evaluate_run, load_test
from rnn_mnist.analysis.run_facts import BASES, cut, facts, missing_for
from rnn_mnist.analysis.steps import note_on_directions, steps_of
from rnn_mnist.console.guard import left_out
from rnn_mnist.console.languages import data_name, in_each, text
from rnn_mnist.console.log import words
from rnn_mnist.console.output import plain
from rnn_mnist.console.settings import UserError, differences, flag_name
from rnn_mnist.data import pixel_order
from rnn_mnist.export import web_page
from rnn_mnist.export.numpy_network import network_of
from rnn_mnist.export.opened import scored_weights

MOST_WEIGHTS = 490_000  # in a page: 2.6 MB in base64; three layers of 150 LSTM units have 470,110
N_SHOWN = 112  # steps of a reading
N_READ = 1_000_000  # steps of test images that are read to tell how many are right after each
NAME, INDEX = "report.html", "index.html"


def write_report(run, path=None, data_dir=None):
    """Write the web page of a Run, without a path as its report.html, and return the path.

    data_dir: where the data is that its test digits are taken from, if not where it was. Raise UserError if a file of
    the run is damaged or the page can't be written, as where there is a file that is no page of ours.
    """
    return _write(run, facts(run), run.path / NAME if path is None else Path(path), data_dir)


def _write(run, found, path, data_dir=None):
    """Write the page of a Run with what facts() has found, and return its path."""
    web_page.check_place(path)
    return web_page.write(path, web_page.build("page.html", found["name"], {**found, **_measured(run, data_dir)}))


def write_all(runs, folder):
    """Write a page for each of the Runs in a folder, anew if it has one, and the folder's index.html.

    Yield the paths written. A run of which no page can be made is left out, with a line on stderr. Raise UserError
    before anything is written if something that is no page of ours is where index.html is to be.
    """
    path, entries = Path(folder, INDEX), []
    web_page.check_place(path)
    for run in runs:
        with left_out():
            found = facts(run)
            yield _write(run, found, run.path / NAME)
            entries.append(_entry(run, found, folder))
    name = plain(Path(folder).absolute().name)
    yield web_page.write(path, web_page.build("index.html", name, {"name": name, "runs": entries}))


def _entry(run, found, folder):
    """Return what an index says of a Run, of which facts() has found this."""
    config = run.config
    given = differences(config, BASES[config.model].config)
    best = found["curves"]["best"]
    place = Path(os.path.relpath(run.path, folder))
    # The bytes of a name need not be UTF-8.
    return {"name": plain(place), "link": quote(os.fsencode((place / NAME).as_posix())), "model": config.model,
            "data": found["data"]["kind"], "original": found["data"]["original"], "note": found["note"],
            "differing": cut(", ".join(words(name, value) for name, value in given.items()
                                       if name not in ("epochs", "data"))),
            "epochs": len(run.metrics), "acc_test": found["result"].get("acc_test"),
            "best_acc_valid": best and best["acc_valid"]}


def _measured(run, data_dir):
    """Return {part of the page: plain values} of what a Run's network and test set tell."""
    config = run.config
    steps = _steps(config) if config.model == "rnn" else None
    try:
        weights = _weights(run)
    except UserError as error:
        return {"steps": steps, **dict.fromkeys(("pad", "scores", "reading"), missing_for(error))}
    test = _or_missing(lambda: _test_set(run, data_dir))
    if isinstance(test, dict):
        return {"steps": steps, "pad": network_spec(config, weights), "scores": test, "reading": test}
    return {"steps": steps, "pad": network_spec(config, weights), "scores": _or_missing(lambda: _scores(run, data_dir)),
            "reading": _or_missing(lambda: _reading(run, config, weights, steps, test))}


def _or_missing(make):
    try:
        return make()
    except UserError as error:
        return missing_for(error)


def _weights(run):
    """Return the {variable name: array} of a Run's scored weights; TensorFlow reads them where nothing else can."""
    weights = scored_weights(run)
    if weights is None:
        with run.open_network() as network:
            weights = network.weights()
    return weights


def _test_set(run, data_dir):
    """Return the test Split of the data that a Run was trained with, or of that in data_dir."""
    test, _, same = load_test(run, data_dir=data_dir)
    if not same and not data_dir:
        raise UserError("the data that the run was trained with is not here: say where by {flag}",
                        flag=flag_name("data_dir"))
    return test


def network_spec(config, weights):
    """Return what page/network.js computes with: the weights of each layer, one after the other, and how they are."""
    network = network_of(config, weights)
    layers = network.layers
    n_weights = sum(array.size for arrays in layers for array in arrays)
    if n_weights > MOST_WEIGHTS:
        return {"missing": in_each(lambda: text(
            "no pad: the network's {n:,} weights are too many for a page, which takes {most:,}: give predict.py a "
            "picture instead", n=n_weights, most=MOST_WEIGHTS))}
    found = {"model": config.model, "activation": network.activation, "raw": config.pixels == "raw",
             "sizes": [[array.size for array in arrays] for arrays in layers],
             "weights": _base64(np.concatenate([array.ravel() for arrays in layers for array in arrays]), "<f4")}
    found["bounds"] = {"ink": unusual.INK, "aspect": unusual.ASPECT, "parts": unusual.PARTS}
    if config.model == "mlp":
        return found
    return {**found, "cell": config.cell, "directions": 1 + config.bidirectional,
            "read": config.read, "n_neurons": config.n_neurons, "n_inputs": config.n_inputs, "n_steps": config.n_read,
            "order": pixel_order(config).tolist()}


def _steps(config):
    """Return what is counted in a reading: {unit, rows, shown: the numbers of steps, count: before and after each}."""
    steps = steps_of(config)
    every = -(-config.n_read // N_SHOWN)
    shown = [*range((config.n_read - 1) % every, config.n_read, every)]
    return {"unit": steps.unit, "rows": steps.rows, "shown": shown,
            "count": [steps.count[0], *(steps.count[t + 1] for t in shown)]}


def _scores(run, data_dir):
    """Return the figures of a Run's test set that the page draws, its worst errors with their images."""
    evaluation = evaluate_run(run, data_dir=data_dir)
    values, notes = evaluation.values, []
    if not values["trained_with_this_data"]:
        notes += [in_each(lambda: text("NOTE: NOT THE DATA THAT THE RUN WAS TRAINED WITH")),
                  in_each(lambda: data_name(values["data"]))]
    if values["as_in_result"] is False:
        notes.append(in_each(lambda: text(
            "NOTE: NOT AS MANY RIGHT AS IN result.json: another machine, or an edited file")))
    bins = metrics.reliability(evaluation.probabilities.max(axis=1), evaluation.predictions == evaluation.labels)
    return {**{name: values[name] for name in ("confusion", "classes", "worst", "calibration_error")}, "notes": notes,
            "images": _base64(evaluation.images[evaluation.worst], np.uint8),
            "bins": {name: np.nan_to_num(part).tolist() for name, part in bins._asdict().items()}}


def _reading(run, config, weights, steps, test):
    """Return a test digit of each class as it is read, step by step, and how many of the test set are right by then."""
    if steps is None:
        return {"missing": in_each(lambda: text("a perceptron reads an image all at once: it has no steps"))}
    from rnn_mnist.analysis.hidden_states import inspect, logits_by_step, predictions_by_step  # takes TensorFlow
    chosen = [int(np.argmax(test.labels == digit)) for digit in np.unique(test.labels)]
    images, labels = (part[:N_READ // config.n_read] for part in test)
    with inspect(config, weights) as inspection:
        logits = logits_by_step(inspection, test.images[chosen])[steps["shown"]]
        right = (predictions_by_step(inspection, images, labels) == labels).mean(axis=1)[steps["shown"]]
    p = np.exp(metrics.log_softmax(logits.reshape(-1, logits.shape[2]))).reshape(logits.shape).transpose(1, 0, 2)
    note = in_each(partial(note_on_directions, config)) if config.bidirectional else None
    return {"digits": [{"image": i} for i in chosen], "images": _base64(test.images[chosen], np.uint8),
            "probabilities": _base64(np.rint(255 * p), np.uint8), "steps": steps, "accuracy": right.tolist(),
            "n_images": len(labels), "note": note}


def _base64(array, dtype):
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()
