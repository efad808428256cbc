"""The tutorials' experiments again: each trained as a normal run, and one table of their figures beside ours.

published.py holds the figures; a run of this module has a folder of its own, with the runs and the table in it.
"""

import csv
import hashlib
import io
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnn_mnist import run as runs
from rnn_mnist.config import Config, UserError, with_settings
from rnn_mnist.console.languages import table, text
from rnn_mnist.data import ORIGINAL, SYNTHETIC, load_data
from rnn_mnist.mnist import inputs
from rnn_mnist.train import train
from rnn_mnist.tutorials import throughput
from rnn_mnist.tutorials.numpy_inference import predict
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.tutorials.published import PUBLISHED, Row, of_our_run, rows, skipped
from rnn_mnist.tutorials.weights_file import read_network

SEEDS = {"mlp-sigmoid-32": (42, 43, 44)}  # elsewhere the preset's alone; this one depends on it most
# SHA-256 of the arrays in the published sample_weight.pkl, in whatever file they come.
PUBLISHED_WEIGHTS = "8006188391de678d997d81ed45b4e3b8b9f596ee56ee753c9ebcb42359718b50"


def reproduce(names, *, runs_dir="runs", epochs=None, weights=None, lang="en", **settings):
    """Run the named experiments and return (their folder, the table's Rows); the table is written after each.

    epochs: at most that many each; weights: weights file or run directory for numpy-inference; settings: of Config.
    Raise UserError if the weights are unsound, before anything is trained.
    """
    network = read_network(weights) if weights and "numpy-inference" in names else None
    data = load_data(with_settings(Config(n_valid=0), **settings))
    if data.source.kind == SYNTHETIC:
        settings["data"] = "synthetic"  # the note that there is no MNIST has been given
    planned = {name: _configs(name, epochs, settings) for name in names if name in PRESETS}
    folder = new_folder(runs_dir)
    found, made = [], []
    for name in names:
        for label, config in planned.get(name, {}).items():
            print(f"\n{label}", flush=True)
            run, values = train(replace(config, runs_dir=str(folder)), PRESETS[name])
            found += rows(PUBLISHED[name], label, measured(runs.read_metrics(run), values), _shorter(config, name),
                          _other(values["data"]))
            made.append(run)
        if name == "numpy-inference":
            found += _infer(network, weights, made or finished_runs(runs_dir), folder, lang, data)
        write_table(found, folder)
    return folder, found


def _configs(name, epochs, settings):
    """Return {label in the table: Config} of an experiment, one per seed."""
    preset = PRESETS[name]
    epochs = preset.epochs if epochs is None else min(epochs, preset.epochs)
    labels = {f"{name}, seed {seed}": seed for seed in SEEDS[name]} if name in SEEDS else {name: preset.seed}
    return {label: with_settings(preset, seed=seed, epochs=epochs, run_name=label.replace(", seed ", "-seed"),
                                 **settings) for label, seed in labels.items()}


def _shorter(config, name):
    published = PRESETS[name].epochs
    return f"{config.epochs} of {published} epochs" if config.epochs < published else ""


def _other(kind):
    return "" if kind == ORIGINAL else kind


def new_folder(runs_dir):
    """Make and return a folder for the experiments' runs, named by the time."""
    folder = Path(runs_dir) / time.strftime("reproduce-%Y%m%d-%H%M%S")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"--runs-dir: cannot make {folder}: {error.strerror}: choose another folder") from None
    return folder


def finished_runs(runs_dir):
    """Return the finished runs in a folder, the newest first."""
    results = [run / "result.json" for run in runs.find_runs(runs_dir) if (run / "result.json").is_file()]
    return [path.parent for path in sorted(results, key=lambda path: path.stat().st_mtime, reverse=True)]


def measured(metrics, values):
    """Return {key: value} of all that a run measured, from its metrics and result; published.py uses the keys."""
    found = {f"{column} {row['epoch']}": value for row in metrics for column, value in row.items()} | values
    found["rises"] = next((row["epoch"] for row in metrics if row["acc_running"] > .12), f"none of {len(metrics)}")
    found["loss_test with penalty"] = values["loss_test"] + values["penalty"]
    if "acc_train" in values:
        found["gap"] = values["acc_train"] - values["acc_test"]
    return found


def write_table(found, folder):
    """Write the table's Rows as reproduce.csv and reproduce.md."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([Row._fields, *found])
    runs.write_whole(folder / "reproduce.csv", stream.getvalue())
    runs.write_whole(folder / "reproduce.md", "\n".join(markdown(found)) + "\n")


def markdown(found):
    """Return the lines of the table's Rows in Markdown."""
    head = [name.replace("_", " ") for name in Row._fields]
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *found)]


def terminal_table(found, lang="en"):
    """Return the lines of the table's Rows for a terminal, in the language as far as there are words for it."""
    head = ("experiment", "figure", "published", "measured", "band", "in band", "remark")
    cells = [["; ".join(text(lang, part) for part in cell.split("; ")) for cell in row] for row in found]
    return table([[text(lang, word) for word in head], *cells], "<")


def _infer(network, weights, candidates, folder, lang, data):
    """Classify the test set in NumPy with the weights given, or else with those of a run; return the Rows."""
    found = []
    if network is None:
        found.append(skipped("numpy-inference", "no weights: give them by --weights FILE"))
        if not candidates:
            return [*found, skipped("numpy-inference, our run", "no finished run yet: train another experiment first")]
        weights = candidates[0]
        network = read_network(weights)
    print(f"\nnumpy-inference, weights : {weights}", flush=True)
    ours, speeds = classify(network, data.test)
    title = Path(weights).name
    print(*throughput.report(speeds, lang), sep="\n")
    path = throughput.draw(speeds, folder / "numpy-inference.png", title, lang)
    print(text(lang, "written : {path}", path=path), flush=True)
    if Path(weights).is_dir():
        return found + _rows_of_run(Path(weights), ours, data.source)
    other = "" if weights_digest(network) == PUBLISHED_WEIGHTS else "not the published weights"
    return rows(PUBLISHED["numpy-inference"], "numpy-inference", ours, other=_other(data.source.kind) or other)


def _rows_of_run(run, ours, source):
    """Return the Rows of NumPy inference with a run's weights, beside what the graph made of them."""
    result = runs.read_result(run)
    if result is None:
        raise UserError(f"{run}: is not finished: go on with it by --resume {run}")
    same = runs.read_json(run / "environment.json").get("data_digest") == source.digest
    return rows(of_our_run(result["n_correct_test"], result["n_test"]), f"numpy-inference, {run.name}", ours,
                other="" if same else "not the run's data")


def classify(network, test):
    """Return ({key: value} of what NumPy made of a Split, throughput.measure's figures)."""
    X = inputs(test.images, normalize=network.pixels == "unit").astype(np.float32)
    singly, in_batches = predict(network, X, 1), predict(network, X, 100)
    raw = predict(network, inputs(test.images, normalize=False).astype(np.float32))
    speeds = throughput.measure(network, X)
    return {"singly": int((singly == test.labels).sum()), "in batches": int((in_batches == test.labels).sum()),
            "differ": int((singly != in_batches).sum()), "raw": float((raw == test.labels).mean()),
            "speedup": dict(speeds)[100] / speeds[0][1]}, speeds


def weights_digest(network):
    """Return the SHA-256 (hex) of all arrays' bytes."""
    return hashlib.sha256(b"".join(array.astype("<f4").tobytes() for layer in network.layers for array in layer)
                          ).hexdigest()
