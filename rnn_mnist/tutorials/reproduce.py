"""Published experiments again: each trained as a normal run, and one table of the published figures beside ours.

published.py holds the figures; a run of this module has a folder of its own, with the runs and the table in it.
"""

import csv
import hashlib
import io
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from rnn_mnist import files
from rnn_mnist.config import with_settings
from rnn_mnist.console import tables
from rnn_mnist.console.guard import new_folder, noting_signals
from rnn_mnist.console.languages import ORIGINAL, SYNTHETIC, current, text
from rnn_mnist.console.output import say
from rnn_mnist.console.settings import UserError, named, resume_hint
from rnn_mnist.data import Source, Split
from rnn_mnist.datasets.files import load_arrays
from rnn_mnist.datasets.mnist import inputs
from rnn_mnist.export.numpy_network import predicted_classes
from rnn_mnist.run import Run, find_runs
from rnn_mnist.train import resume, train
from rnn_mnist.tutorials import throughput
from rnn_mnist.tutorials.experiments import expected_time
from rnn_mnist.tutorials.numpy_inference import logits_in_batches
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.tutorials.published import PUBLISHED, Row, collect_figures, of_our_run, rows, skipped
from rnn_mnist.tutorials.weights_file import read_network

HEAD = ("experiment", "figure", "published", "measured", "band", "in band", "remark")  # of a table of Rows
SEEDS = {"mlp-sigmoid-32": (42, 43, 44)}  # elsewhere the preset's alone; this one depends on it most
N_SCORED = {"rnn-rows-100": 50}  # last epochs after each of which the test set is scored, as was published
# SHA-256 of the arrays in the published sample_weight.pkl, in whatever file they come.
PUBLISHED_WEIGHTS = "8006188391de678d997d81ed45b4e3b8b9f596ee56ee753c9ebcb42359718b50"


def reproduce(names, *, runs_dir="runs", epochs=None, weights=None, data="auto", data_dir=None, offline=False):
    """Run the named experiments and return (their folder, the table's Rows in the language of the process).

    The table is written after each, in English.

    epochs: at most that many each; weights: weights file or run directory for numpy-inference. To be called in the
    main thread: a signal stops a training after the step in progress. Raise UserError, before anything is trained, if
    the weights are unsound or an experiment does not fit the data.
    """
    network = read_network(weights) if weights and "numpy-inference" in names else None
    (_, y_train, *test), *source = load_arrays(data, data_dir, offline)
    test, source = Split(*test), Source(*source)
    if source.kind == SYNTHETIC:
        data = "synthetic"  # the note that there is no MNIST has been given
    planned = {name: _configs(name, epochs, data) for name in names if name in PRESETS}
    _check_fits(planned, len(y_train))
    say(text("expected : about {time} on two cores", time=expected_time(names, epochs)))
    folder = new_folder(runs_dir, None, time.strftime("reproduce-%Y%m%d-%H%M%S"))
    parts, made = [], []  # parts: functions of a language that return Rows, since the files are always English
    for name in names:
        for label, config in planned.get(name, {}).items():
            run, acc_test = _train(name, label, config, data_dir=data_dir, offline=offline, runs_dir=folder)
            made.append(run)
            parts.append(partial(_rows_of_experiment, name, run, acc_test))
        if name == "numpy-inference":
            parts += _infer(network, weights, made or find_finished(runs_dir), folder, test, source)
        write_table([row for part in parts for row in part(language="en")], folder)
    return folder, [row for part in parts for row in part(language=current())]


def _configs(name, epochs, data):
    """Return {label in the table: Config} of an experiment, one per seed."""
    config = PRESETS[name].config
    epochs = config.epochs if epochs is None else min(epochs, config.epochs)
    labels = {_label(name, seed): seed for seed in SEEDS.get(name, [config.seed])}
    return {label: with_settings(config, seed=seed, epochs=epochs, data=data) for label, seed in labels.items()}


def _label(name, seed, language="en"):
    """Return what the table calls one of the runs of an experiment."""
    return text("{name}, seed {seed}", language, name=name, seed=seed) if name in SEEDS else name


def _check_fits(planned, n_images):
    """Raise UserError if there are too few training images for the subset or the first minibatch of an experiment."""
    needed = {name: max(config.n_subset, config.n_valid + config.batch_size)
              for name, configs in planned.items() for config in configs.values()}
    if unfit := [text("{name} (it needs {n:,})", name=name, n=n) for name, n in needed.items() if n > n_images]:
        raise UserError("data with {n:,} training images does not fit {names}: leave that out, or give other data by "
                        "{data_dir}", n=n_images, names=", ".join(unfit), data_dir=named("data_dir"))


def _train(name, label, config, **options):
    """Train one of the runs of an experiment; return it and its test accuracies after each of the last epochs.

    There is one of these, but for experiments in N_SCORED: such a run is stopped and goes on, to the same bits.
    """
    say("", label)
    options = replace(PRESETS[name].options, run_name=label.replace(", seed ", "-seed"), **options)
    whole = config.epochs == PRESETS[name].config.epochs
    first = config.epochs - N_SCORED[name] + 1 if name in N_SCORED and whole else config.epochs
    run = train(replace(config, epochs=first), replace(options, plots=first == config.epochs), signals=noting_signals())
    acc_test = [run.result["acc_test"]]
    for epochs in range(first + 1, config.epochs + 1):
        run = resume(run, {"epochs": epochs, "plots": epochs == config.epochs}, noting_signals())
        acc_test.append(run.result["acc_test"])
    return run, acc_test


def _rows_of_experiment(name, run, acc_test, language):
    """Return the Rows of a run, beside the published figures of its experiment."""
    epochs, published, result = run.config.epochs, PRESETS[name].config.epochs, run.result
    shorter = ""
    if epochs < published:
        shorter = text("{n} of {published} epochs", language, n=epochs, published=published)
    figures = collect_figures(run.metrics, result, acc_test)
    if figures["rises"] is None:
        figures["rises"] = text("none of {n}", language, n=len(run.metrics))
    return rows(PUBLISHED[name], _label(name, run.config.seed, language), figures, shorter, _other(result["data"]),
                language)


def _other(kind):
    return "" if kind == ORIGINAL else kind


def find_finished(runs_dir):
    """Return the finished Runs in a folder, the newest first."""
    finished = [run for run in find_runs(runs_dir) if (run.path / "result.json").is_file()]
    return sorted(finished, key=lambda run: (run.path / "result.json").stat().st_mtime, reverse=True)


def write_table(found, folder):
    """Write the table's Rows as reproduce.csv and reproduce.md."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([Row._fields, *found])
    files.write(folder / "reproduce.csv", stream.getvalue())
    files.write(folder / "reproduce.md", "\n".join(tables.markdown([HEAD, *found])) + "\n")


def terminal_table(found):
    """Return the lines of the table's Rows for a terminal."""
    return tables.table([[text(head) for head in HEAD], *found], "<")


def _infer(network, weights, candidates, folder, test, source):
    """Classify the test set in NumPy with the weights given, or else with those of a run; return the table's parts."""
    from rnn_mnist.plots.throughput import draw_throughput
    found = []
    if network is None:
        found.append(partial(_skipped, "numpy-inference", "no weights: give them by --weights FILE"))
        if not candidates:
            return [*found, partial(_skipped, "numpy-inference, our run",
                                    "no finished run yet: train another experiment first")]
        weights = candidates[0].path
        network = read_network(weights)
    say("", text("numpy-inference, weights : {path}", path=weights))
    ours, speeds = classify(network, test)
    say(*throughput.report(speeds))
    path = draw_throughput(speeds, Path(weights).name, folder / "numpy-inference.png")
    say(text("written : {path}", path=path))
    if Path(weights).is_dir():
        return [*found, _of_run(Run(weights), ours, source)]
    other = "" if published_digest(network) == PUBLISHED_WEIGHTS else "not the published weights"
    return [partial(rows, PUBLISHED["numpy-inference"], "numpy-inference", ours, other=_other(source.kind) or other)]


def _skipped(label, reason, language):
    return [skipped(label, reason, language)]


def _of_run(run, ours, source):
    """Return the table's part on NumPy inference with a run's weights, beside what the graph made of them."""
    result = run.result
    if result is None:
        raise UserError("{run}: is not finished: go on with it by {how}", run=run, how=resume_hint(run))
    same = run.environment.get("data_digest") == source.digest
    return partial(rows, of_our_run(result["n_correct_test"], result["n_test"]), f"numpy-inference, {run.path.name}",
                   ours, other="" if same else "not the run's data")


def classify(network, test):
    """Return ({key: value} of what NumPy made of a Split, throughput.measure's figures)."""
    X = inputs(test.images, normalize=network.pixels == "unit").astype(np.float32)
    singly, in_batches, raw = (
        predicted_classes(np.concatenate([*logits_in_batches(network, some, size)]), test.labels)
        for some, size in ((X, 1), (X, 100), (inputs(test.images, normalize=False).astype(np.float32), 100)))
    speeds = throughput.measure(network, X)
    return {"singly": int((singly == test.labels).sum()), "in batches": int((in_batches == test.labels).sum()),
            "differ": int((singly != in_batches).sum()), "raw": float((raw == test.labels).mean()),
            "speedup": dict(speeds)[100] / speeds[0][1]}, speeds


def published_digest(network):
    """Return the SHA-256 (hex) of all arrays' bytes, as PUBLISHED_WEIGHTS has it."""
    return hashlib.sha256(b"".join(array.astype("<f4").tobytes() for layer in network.layers for array in layer)
                          ).hexdigest()
