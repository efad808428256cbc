"""Several runs side by side: what they differ in, how they scored, mean and spread over seeds, tests of two."""

import math
from collections import defaultdict
from dataclasses import asdict
from fractions import Fraction
from statistics import mean, stdev

from rnn_mnist import files
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.analysis.selection import SETTINGS, TABLE_COLUMNS, data_rank, find_all, group_by, setting
from rnn_mnist.config import Config
from rnn_mnist.console.forms import best_validation
from rnn_mnist.console.guard import left_out
from rnn_mnist.console.languages import KINDS
from rnn_mnist.console.settings import UserError, differences
from rnn_mnist.run import Run

OWN_COLUMN = {"data", "epochs"}  # settings that the table tells elsewhere


def summarise_all(paths, bases=None):
    """Return the summaries of all runs in the folders; see summarise_each. Raise UserError if there is none."""
    return summarise_each(find_all(paths), bases)


def summarise_each(runs, bases=None):
    """Return the summaries of Runs, the original MNIST's first, then by validation accuracy.

    Each has in "place" its number in the order given. bases: {model: Config}, as for summarise. A run that is damaged
    is left out, with one line on stderr. Raise UserError if none is left.
    """
    summaries = []
    for run in runs:
        with left_out():
            summaries.append({**summarise(run, bases), "place": len(summaries)})
    if not summaries:
        raise UserError("nothing to compare: of {n} runs none can be read", n=len(runs))
    return sorted(_with_all_that_differs(summaries), key=_rank)


def _with_all_that_differs(summaries):
    """Return the summaries, each with the settings, too, that go without saying but that others of its model lack."""
    named = defaultdict(set)
    for summary in summaries:
        named[summary["model"]] |= summary["settings"].keys()
    return [summary | {"settings": {
        name: setting(summary, name) for name in summary["config"]
        if name in summary["settings"] or (name in named[summary["model"]] and setting(summary, name) is not None)}}
        for summary in summaries]


def summarise(run, bases=None):
    """Return what TABLE_COLUMNS names for a Run, and its config, seed and metrics; raise UserError if it is damaged.

    bases: {model: Config} with the settings that go without saying; the defaults where there is none.
    """
    config, metrics, result, environment = run.config, run.metrics, run.result, run.environment
    if environment.get("data") not in KINDS or not isinstance(environment.get("data_digest"), str):
        raise UserError("{path}: damaged: it does not say which data the run has used",
                        path=run.path / "environment.json")
    _check_metrics(run, metrics)
    if result and result["config"] != files.digest(asdict(config)):
        raise UserError("{path}: edited: its settings are not those of result.json", path=run.path / "config.json")
    best = best_validation(metrics, run.validation)
    last = metrics[-1] if metrics else {}
    base = (bases or {}).get(config.model, Config())
    settings = {name: value for name, value in differences(config, base).items() if name not in OWN_COLUMN}
    summary = {"name": run.name, "model": config.model, "settings": settings,
               "data": (result or environment)["data"], "data_digest": environment["data_digest"],
               "finished": result is not None, "epochs": len(metrics),
               "epochs_asked": config.epochs, "best_epoch": best.get("epoch"), "best_acc_valid": best.get("acc_valid"),
               "acc_valid": last.get("acc_valid"), "loss_valid": last.get("loss_valid"),
               "seconds": round(sum(row["seconds"] for row in metrics), 3), "run": str(run),
               "note": run.note}
    return {**dict.fromkeys(TABLE_COLUMNS), **summary, **(_test_scores(result) if result else {}),
            "seed": config.seed, "config": asdict(config), "metrics": metrics}


def _check_metrics(run, metrics):
    """Raise UserError unless the figures of metrics.csv can be what they are called."""
    for row in metrics:
        shares = [row[name] for name in ("acc_running", "acc_valid") if row[name] is not None]
        if any(not 0 <= share <= 1 for share in shares) or row["seconds"] < 0:
            raise UserError("{path}: epoch {epoch}: damaged: an accuracy or a time cannot be",
                            path=run.path / "metrics.csv", epoch=row["epoch"])


def _test_scores(result):
    """Return the columns that result.json gives."""
    n, n_correct = result["n_test"], result["n_correct_test"]
    low, high = scores.wilson(n_correct, n)
    return {"acc_test": n_correct / n, "acc_test_low": low, "acc_test_high": high, "loss_test": result["loss_test"],
            "weights": result["weights"], "scored": result["scored"], "n_test": n, "n_correct_test": n_correct}


def _rank(summary):
    """Return the key that sorts summaries; of validation accuracies, that of the weights that were scored counts."""
    acc_valid = summary["best_acc_valid" if summary.get("scored") == "best" else "acc_valid"]
    return *data_rank(summary), math.inf if acc_valid is None else -acc_valid, summary["name"]


def group_over_seeds(summaries):
    """Return a dict (settings, data, seeds, runs, means, standard deviations) per set of finished runs.

    A set has two runs or more on the same data, and they differ in nothing but the seed.
    """
    names = [name for name in SETTINGS if name != "seed"]
    # A repetition of a seed adds nothing to the spread.
    return [_group(members, without_seed(members[0]["settings"]))
            for _, members in group_by(summaries, names) if len(members) > 1]


def group_by_settings(summaries, names):
    """Return such dicts for each set of finished runs on the same data with the same values of the settings named.

    A set may be of one run, and its runs may differ in other settings. Raise UserError if no run is finished.
    """
    groups = [_group(members, {name: each for name, each in settings.items() if each is not None})
              for settings, members in group_by(summaries, names)]
    if not groups:
        raise UserError("--group-by {names}: none of the {n} runs is finished", names=",".join(names),
                        n=len(summaries))
    return groups


def _group(members, settings):
    """Return the mean and the sample standard deviation of the members' scores; of what they don't share, None."""
    first = members[0]
    only_seeds = len({repr(without_seed(member["config"])) for member in members}) == 1
    shared = {name: first[name] if len({member[name] for member in members}) == 1 else None
              for name in ("model", "epochs_asked")}
    group = {"model": shared["model"], "settings": settings, "data": first["data"],
             "data_digest": first["data_digest"], "epochs": shared["epochs_asked"], "only_seeds": only_seeds,
             "seeds": sorted(member["seed"] for member in members), "runs": [member["run"] for member in members]}
    for name in ("best_acc_valid", "acc_valid", "acc_test"):
        values = [member[name] for member in members if member[name] is not None]
        complete = len(values) == len(members)
        group |= {f"{name}_mean": mean(values) if complete else None,
                  f"{name}_sd": stdev(values) if complete and len(values) > 1 else None}
    return group


def group_difference(summaries, groups):
    """Return by how much the mean acc_test of the first group exceeds the second's, as a dict with how sure that is.

    It is paired if both groups have the same seeds. None unless the groups are two, of seeds and nothing else, and
    scored on the same test set.
    """
    if len(groups) != 2 or not all(group["only_seeds"] and len(group["seeds"]) > 1 for group in groups):
        return None
    by_run = {summary["run"]: summary for summary in summaries}
    members = [sorted((by_run[run] for run in group["runs"]), key=lambda member: member["seed"]) for group in groups]
    tested_on = {(member["data_digest"], member["n_test"]) for group in members for member in group}
    if len(tested_on) > 1:
        return None
    # Not acc_test: as floats, equal differences of accuracies need not be equal.
    first, second = ([Fraction(member["n_correct_test"], member["n_test"]) for member in group] for group in members)
    paired = groups[0]["seeds"] == groups[1]["seeds"]
    return {"score": "acc_test", "paired": paired, **scores.mean_difference(first, second, paired)._asdict()}


def without_seed(settings):
    """Return settings but for the seed."""
    return {name: value for name, value in settings.items() if name != "seed"}


def paired_test(first, second):
    """Return McNemar's test of two runs on the same test images; raise UserError if they can't be paired."""
    if first["data_digest"] != second["data_digest"]:
        raise UserError("the two runs have different data, so their test images can't be paired")
    from rnn_mnist.analysis.evaluate import evaluate_run
    evaluations = [evaluate_run(Run(summary["run"])) for summary in (first, second)]
    if not all(evaluation.values["trained_with_this_data"] for evaluation in evaluations):
        raise UserError("the data that the runs were trained with is no longer where it was")
    same_answers = bool((evaluations[0].predictions == evaluations[1].predictions).all())
    one, two = (evaluation.predictions == evaluation.labels for evaluation in evaluations)
    only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
    return {"first": first["name"], "second": second["name"], "n_test": len(one), "both_right": int((one & two).sum()),
            "only_first_right": only_first, "only_second_right": only_second,
            "both_wrong": int((~one & ~two).sum()), "same_answers": same_answers,
            "p_value": scores.mcnemar(only_first, only_second)}
