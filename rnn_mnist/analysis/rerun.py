"""Repeat a finished run from its config.json and say whether it came out the same, to the bit.

Whether it must is a question of kind: runs of one kind, with the same config, are the same to the bit; between kinds
float32 rounds otherwise, and what can be said is to how many decimals their figures agree.
"""

import math
import os
import time
from dataclasses import replace
from pathlib import Path

from rnn_mnist import processor
from rnn_mnist import run as runs
from rnn_mnist.config import Config, UserError, result_settings

NOT_COMPARED = ("seconds", "config", "digest")  # of result.json: times, and what differing() says by name
MISSING = "-"
THEN = " then "  # between the values of a run that went on elsewhere
# What of environment.json makes a kind, beside the config's instruction set: by these, and by nothing else that is
# known, the bits of a run may differ.
KIND = ("tensorflow", "system", "machine")
TRIED = ("Linux", "x86_64")  # elsewhere it is not known what else the bits depend on
# Of environment.json, what the config's instruction set decides.
FOLLOWS_FROM_ISA = ("isa", "variables")


def rerun(path, runs_dir="runs", data_dir=None):
    """Train again what a finished run's config.json says, into a new directory of runs_dir; return the directory.

    Checkpoints are not needed. Where this processor lacks the run's instruction set, the best that it has takes its
    place. Raise UserError if the run is not finished, was edited, or its data are not to be had.
    """
    run = runs.open_run(path)
    config, _, _ = _finished(run)
    from rnn_mnist.analysis.trained import load_run_data
    from rnn_mnist.train import train  # TensorFlow takes seconds to import, and comparing needs none
    data_dir = data_dir or (config.data_dir if config.data_dir and os.path.exists(config.data_dir) else None)
    data, same = load_run_data(run, config, data_dir=data_dir)
    if not same:
        raise UserError(f"{run} was trained on other data than that found ({data.source.kind}, {data.source.where}): "
                        "give the folder of the former by --data-dir")
    name = f"{run.resolve().name}_rerun_{time.strftime('%Y%m%d-%H%M%S')}"
    isa = processor.to_look_with(config.isa)
    return train(replace(config, isa=isa, data_dir=data_dir, run_name=name, runs_dir=runs_dir), Config()).run


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
                yield f"first difference : epoch {i:03d} {name} : {row[name]} | {row_2[name]}"
                return
    if len(metrics) != len(metrics_2):
        yield f"epochs recorded : {len(metrics)} | {len(metrics_2)}"
        return
    for name in sorted((result.keys() & result_2.keys()) - set(NOT_COMPARED)):
        if result[name] != result_2[name]:
            yield f"result {name} : {result[name]} | {result_2[name]}"


def expectation(path, other=None):
    """Return (whether a run and another, or its repetition here, are of one kind; the line that says so).

    Raise UserError if one is not finished or was edited.
    """
    first, second = _kind(path), _kind_here(path) if other is None else _kind(other)
    unknown = [name for name in first if MISSING in (first[name], second[name])]
    if unknown:
        return False, f"kind unknown : environment.json lacks {', '.join(unknown)}: the bits need not be the same"
    differing = [f"{name} {first[name]} | {second[name]}" for name in first
                 if first[name] != second[name] or THEN in first[name]]
    if differing:
        return False, f"two kinds : {', '.join(differing)}: they round otherwise, so the bits need not be the same"
    tried = (first["system"], first["machine"]) == TRIED
    must = ("with the same settings and data they must be identical" if tried else
            "not tried on such machines, so identical bits are not promised")
    words = ", ".join(f"{name} {value}" for name, value in first.items())
    return True, f"same kind : {words}: {must}"


def _kind(path):
    """Return {name: value} of what the bits of a run depend on beside its other settings."""
    run = runs.open_run(path)
    config, _, _ = _finished(run)
    environment = _environment(run)
    resumed = environment.get("resumed_with")
    resumed = [stage for stage in resumed if isinstance(stage, dict)] if isinstance(resumed, list) else []
    stages = [environment, *resumed]
    return {"instruction set": config.isa, **{
        name: THEN.join(dict.fromkeys(_one_line(stage[name]) for stage in stages if name in stage)) or MISSING
        for name in KIND}}


def _environment(run):
    """Return environment.json as a dict, an empty one if it is lost or damaged."""
    try:
        return runs.read_json(Path(run) / "environment.json")
    except UserError:
        return {}


def _one_line(value):
    return " ".join(str(value).split())


def _kind_here(path):
    """Return what _kind will say of a repetition of a run by this machine."""
    here = runs.describe_machine()
    return {"instruction set": processor.to_look_with(runs.read_config(runs.open_run(path)).isa),
            **{name: str(here[name]) for name in KIND}}


def agreements(path, other):
    """Yield, for each epoch and the result, to how many decimals the figures of two finished runs agree."""
    (_, metrics, result), (_, metrics_2, result_2) = _finished(Path(path)), _finished(Path(other))
    for i, (row, row_2) in enumerate(zip(metrics, metrics_2, strict=False)):
        yield _agreement(f"epoch {i:03d}", row, row_2, [name for name in runs.COLUMNS if name[:4] in ("acc_", "loss")])
    yield _agreement("result", result, result_2, ("acc_test", "loss_test"))


def _agreement(where, figures, others, names):
    words = [f"{name} {_decimals(figures[name], others[name])}" for name in names if None not in (
        figures[name], others[name])]
    return f"{where}, decimals that agree : {' '.join(words)}"


def _decimals(a, b):
    """Return to how many decimals two numbers agree: they differ by less than half of the last one."""
    return "all" if a == b else max(0, math.floor(-math.log10(2 * abs(a - b))))


def environment_differences(path, other):
    """Yield what differs between the environments of two runs, as lines; of instruction sets only what one has.

    What follows from the setting isa is left out where that differs.
    """
    environment, environment_2 = map(_environment, (path, other))
    same_isa = environment.get("isa") == environment_2.get("isa")
    for name in [*environment, *(environment_2.keys() - environment.keys())]:
        if name in FOLLOWS_FROM_ISA and not same_isa:
            continue
        value, value_2 = (_one_line(each.get(name, MISSING)) for each in (environment, environment_2))
        if name == "instruction_sets":
            words, words_2 = value.split(), value_2.split()
            value, value_2 = (" ".join(word for word in mine if word not in theirs) or "no others"
                              for mine, theirs in ((words, words_2), (words_2, words)))
        if value != value_2:
            yield f"environment {name} : {value} | {value_2}"


def verdict(path, other):
    """Return (whether two finished runs are the same to the bit, the lines that say so or where they are not).

    Of two runs of one kind, agreeing figures excuse nothing; between kinds it is said how far they agree.
    """
    found = list(differences(path, other))
    result, result_2 = (runs.read_result(Path(run)) for run in (path, other))
    if not found:
        return True, [f"identical : {result['epochs']} epochs, acc_test : {result['acc_test']:.4f}, "
                      f"weights : {result['weights']}"]
    comparable = result["epochs"] == result_2["epochs"] and not expectation(path, other)[0]
    agreeing = agreements(path, other) if comparable else []
    elsewhere = list(environment_differences(path, other)) or ["environment : the same"]
    return False, [f"different : {path} | {other}", *found, *agreeing, *elsewhere]


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
