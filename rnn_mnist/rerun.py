"""Repeat a finished run from its config.json and say whether it came out the same, to the bit."""

import os
import time
from dataclasses import replace
from pathlib import Path

from rnn_mnist import runs
from rnn_mnist.config import Config, UserError, result_settings

NOT_COMPARED = ("seconds", "config", "digest")  # of result.json: times, and what differing() says by name
MISSING = "-"


def rerun(path, runs_dir="runs", data_dir=None):
    """Train again what a finished run's config.json says, into a new directory of runs_dir; return the directory.

    Checkpoints are not needed. Raise UserError if the run is not finished, was edited, or its data are not to be had.
    """
    run = runs.open_run(path)
    config, _, _ = _finished(run)
    from rnn_mnist.train import train  # TensorFlow takes seconds to import, and comparing needs none
    from rnn_mnist.trained import load_run_data
    data_dir = data_dir or (config.data_dir if config.data_dir and os.path.exists(config.data_dir) else None)
    data, same = load_run_data(run, config, data_dir=data_dir)
    if not same:
        raise UserError(f"{run} was trained on other data than that found ({data.source.kind}, {data.source.where}): "
                        "give the folder of the former by --data-dir")
    name = f"{run.resolve().name}_rerun_{time.strftime('%Y%m%d-%H%M%S')}"
    return train(replace(config, data_dir=data_dir, run_name=name, runs_dir=runs_dir), Config()).run


def differences(path, other):
    """Yield where two finished runs differ, as lines: settings, the first epoch and column, else the result.

    Nothing is yielded if they are the same to the bit, times aside. Raise UserError if one is not finished or was
    edited.
    """
    (config, metrics, result), (config_2, metrics_2, result_2) = map(_finished, (runs.open_run(path),
                                                                                runs.open_run(other)))
    for name, value in result_settings(config).items():
        if value != getattr(config_2, name):
            yield f"setting {name} : {value} | {getattr(config_2, name)}"
    for i, (row, row_2) in enumerate(zip(metrics, metrics_2, strict=False)):
        for name in runs.COLUMNS:
            if name not in runs.TIMES and row[name] != row_2[name]:
                yield f"epoch {i:03d} {name} : {row[name]} | {row_2[name]}"
                return
    if len(metrics) != len(metrics_2):
        yield f"epochs recorded : {len(metrics)} | {len(metrics_2)}"
        return
    for name in sorted((result.keys() & result_2.keys()) - set(NOT_COMPARED)):
        if result[name] != result_2[name]:
            yield f"result {name} : {result[name]} | {result_2[name]}"


def environment_differences(path, other):
    """Yield what differs between the environments of two runs, as lines."""
    environment, environment_2 = (runs.read_json(Path(run) / "environment.json") for run in (path, other))
    for name in [*environment, *(environment_2.keys() - environment.keys())]:
        if environment.get(name, MISSING) != environment_2.get(name, MISSING):
            yield f"environment {name} : {environment.get(name, MISSING)} | {environment_2.get(name, MISSING)}"


def verdict(path, other):
    """Return (whether two finished runs are the same to the bit, the lines that say so)."""
    found = list(differences(path, other))
    if not found:
        result = runs.read_result(Path(path))
        return True, [f"identical : {result['epochs']} epochs, acc_test : {result['acc_test']:.4f}, "
                      f"weights : {result['weights']}"]
    elsewhere = list(environment_differences(path, other)) or ["environment : the same"]
    return False, [f"different : {path} | {other}", *found, *elsewhere]


def _finished(run):
    """Return (config, metrics, result) of a run; raise UserError unless it is finished and they belong together."""
    result = runs.read_result(run)
    if result is None:
        raise UserError(f"{run} is not finished: go on with it by --resume {run}")
    config, metrics = runs.read_config(run), runs.read_metrics(run)
    if result["config"] != runs.digest_of(result_settings(config)):
        raise UserError(f"{run}/config.json: edited after the run: its result came from other settings")
    if len(metrics) != result["epochs"]:
        raise UserError(f"{run}/metrics.csv: has {len(metrics)} epochs, result.json {result['epochs']}: "
                        "restore the file")
    return config, metrics, result
