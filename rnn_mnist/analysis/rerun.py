"""Repeat a finished run from its config.json and say whether it came out the same, to the bit.

Whether it must is a question of kind: runs of one kind, with the same config, are the same to the bit; between kinds
float32 rounds otherwise, and what can be said is to how many decimals their figures agree.
"""

import math
import os
import time
from dataclasses import asdict, replace
from typing import NamedTuple

from rnn_mnist import files
from rnn_mnist.config import Config
from rnn_mnist.console import machine
from rnn_mnist.console.forms import METRICS, TIMES
from rnn_mnist.console.guard import check_data
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError, resume_hint
from rnn_mnist.datasets.files import Source, load_arrays
from rnn_mnist.run import Run

NOT_COMPARED = ("seconds", "config", "digest")  # of result.json: times, and what run_differences says by name
MISSING = "-"
THEN = " then "  # between the values of a run that went on elsewhere
# What of environment.json makes a kind, beside the config's instruction set: by these, and by nothing else that is
# known, the bits of a run may differ.
KIND = ("tensorflow", "system", "machine")
TRIED = ("Linux", "x86_64")  # elsewhere it is not known what else the bits depend on
# Of environment.json, what the config's instruction set decides.
FOLLOWS_FROM_ISA = ("isa", "variables")


class FinishedRun(NamedTuple):
    """Hold the files of a finished run; the environment is empty if it is lost or damaged."""

    run: Run
    config: Config
    metrics: list
    result: dict
    environment: dict


def read_finished(path):
    """Return the FinishedRun of a path or Run; raise UserError unless it is finished and its files belong together."""
    run = Run(str(path))
    result = run.result
    if result is None:
        raise UserError("{run} is not finished: go on with it by {how}", run=run, how=resume_hint(run))
    config, metrics = run.config, run.metrics
    if result["config"] != files.digest(asdict(config)):
        raise UserError("{run}/config.json: edited after the run: its result came from other settings", run=run)
    if len(metrics) != result["epochs"]:
        raise UserError("{run}/metrics.csv: has {n} epochs, result.json {epochs}: restore the file", run=run,
                        n=len(metrics), epochs=result["epochs"])
    try:
        environment = run.environment
    except UserError:
        environment = {}
    return FinishedRun(run, config, metrics, result, environment)


def rerun(path, runs_dir="runs", data_dir=None, init_from=None, **more):
    """Train again what a finished run's config.json says, into a new directory of runs_dir; return the new Run.

    Checkpoints are not needed. Where this processor lacks the run's instruction set, the best that it has takes its
    place. init_from: where the run is now whose weights it began with, if it has moved; more: what else train takes.
    Raise UserError if the run is not finished, was edited, or its data are not to be had.
    """
    run, config, *_ = read_finished(path)
    options = run.settings[1]
    from rnn_mnist.train import train  # TensorFlow takes seconds to import, and comparing needs none
    data_dir = data_dir or (options.data_dir if options.data_dir and os.path.exists(options.data_dir) else None)
    source = Source(*load_arrays("mnist" if data_dir else config.data, data_dir, options.offline)[1:])
    check_data(run, run.environment.get("data_digest"), source)
    name = f"{run.path.resolve().name}_rerun_{time.strftime('%Y%m%d-%H%M%S')}"
    return train(replace(config, isa=machine.to_look_with(config.isa)),
                 replace(options, data_dir=data_dir, init_from=init_from or options.init_from, run_name=None,
                         runs_dir=runs_dir), name=name, **more)


def run_differences(first, second):
    """Yield where two FinishedRuns differ, as lines: settings, the first epoch and column, else the result.

    Nothing is yielded if they are the same to the bit, times aside.
    """
    for name, value in asdict(first.config).items():
        if value != getattr(second.config, name):
            yield text("setting {name} : {value} | {other}", name=name, value=value, other=getattr(second.config, name))
    for i, (row, row_2) in enumerate(zip(first.metrics, second.metrics, strict=False)):
        for name in METRICS:
            if name not in TIMES and row[name] != row_2[name]:
                yield text("first difference : epoch {i:03d} {name} : {value} | {other}", i=i, name=name,
                           value=row[name], other=row_2[name])
                return
    if len(first.metrics) != len(second.metrics):
        yield text("epochs recorded : {n} | {other}", n=len(first.metrics), other=len(second.metrics))
        return
    for name in sorted((first.result.keys() & second.result.keys()) - set(NOT_COMPARED)):
        if first.result[name] != second.result[name]:
            yield text("result {name} : {value} | {other}", name=name, value=first.result[name],
                       other=second.result[name])


def expectation(path, other=None):
    """Return (whether a run and another, or its repetition here, are of one kind; the line that says so).

    Raise UserError if one is not finished or was edited.
    """
    run = read_finished(path)
    first, second = _kind(run), _kind_here(run.config) if other is None else _kind(read_finished(other))
    unknown = [name for name in first if MISSING in (first[name], second[name])]
    if unknown:
        return False, text("kind unknown : environment.json lacks {names}: the bits need not be the same",
                           names=", ".join(map(text, unknown)))
    differing = [f"{text(name)} {first[name]} | {second[name]}" for name in first
                 if first[name] != second[name] or THEN in first[name]]
    if differing:
        return False, text("two kinds : {names}: they round otherwise, so the bits need not be the same",
                           names=", ".join(differing))
    tried = (first["system"], first["machine"]) == TRIED
    must = text("with the same settings and data they must be identical" if tried else
                "not tried on such machines, so identical bits are not promised")
    words = ", ".join(f"{text(name)} {value}" for name, value in first.items())
    return True, text("same kind : {words}: {must}", words=words, must=must)


def _kind(run):
    """Return {name: value} of what the bits of a FinishedRun depend on beside its other settings."""
    resumed = run.environment.get("resumed_with")
    resumed = [stage for stage in resumed if isinstance(stage, dict)] if isinstance(resumed, list) else []
    stages = [run.environment, *resumed]
    return {"instruction set": run.config.isa, **{
        name: THEN.join(dict.fromkeys(_one_line(stage[name]) for stage in stages if name in stage)) or MISSING
        for name in KIND}}


def _kind_here(config):
    """Return what _kind will say of a repetition by this machine."""
    here = machine.describe()
    return {"instruction set": machine.to_look_with(config.isa), **{name: str(here[name]) for name in KIND}}


def _one_line(value):
    return " ".join(str(value).split())


def agreements(first, second):
    """Yield, for each epoch and the result, to how many decimals the figures of two FinishedRuns agree."""
    for i, (row, row_2) in enumerate(zip(first.metrics, second.metrics, strict=False)):
        figures = [name for name in METRICS if name[:4] in ("acc_", "loss")]
        yield _agreement(text("epoch {i:03d}", i=i), row, row_2, figures)
    yield _agreement(text("result"), first.result, second.result, ("acc_test", "loss_test"))


def _agreement(where, figures, others, names):
    words = [f"{name} {_decimals(figures[name], others[name])}" for name in names if None not in (
        figures[name], others[name])]
    return text("{where}, decimals that agree : {figures}", where=where, figures=" ".join(words))


def _decimals(a, b):
    """Return to how many decimals two numbers agree: they differ by less than half of the last one."""
    return text("all") if a == b else max(0, math.floor(-math.log10(2 * abs(a - b))))


def environment_differences(first, second):
    """Yield what differs between two environments, as lines; of instruction sets only what one has.

    What follows from the setting isa is left out where that differs.
    """
    same_isa = first.get("isa") == second.get("isa")
    for name in [*first, *(second.keys() - first.keys())]:
        if name in FOLLOWS_FROM_ISA and not same_isa:
            continue
        value, value_2 = (_one_line(each.get(name, MISSING)) for each in (first, second))
        if name == "instruction_sets":
            words, words_2 = value.split(), value_2.split()
            value, value_2 = (" ".join(word for word in mine if word not in theirs) or text("no others")
                              for mine, theirs in ((words, words_2), (words_2, words)))
        if value != value_2:
            yield text("environment {name} : {value} | {other}", name=name, value=value, other=value_2)


def verdict(path, other):
    """Return (whether two finished runs are the same to the bit, the lines that say so or where they are not).

    Of two runs of one kind, agreeing figures excuse nothing; between kinds it is said how far they agree.
    """
    first, second = read_finished(path), read_finished(other)
    result, found = first.result, list(run_differences(first, second))
    if not found:
        return True, [text("identical : {epochs} epochs, acc_test : {acc:.4f}, weights : {digest}",
                           epochs=result["epochs"], acc=result["acc_test"], digest=result["weights"])]
    comparable = result["epochs"] == second.result["epochs"] and not expectation(path, other)[0]
    agreeing = agreements(first, second) if comparable else []
    elsewhere = list(environment_differences(first.environment, second.environment)) or [text("environment : the same")]
    return False, [text("different : {run} | {other}", run=path, other=other), *found, *agreeing, *elsewhere]
