"""Several runs side by side: what they differ in, how they scored, mean and spread over seeds, a paired test of two."""

import math
import sys
from collections import Counter, defaultdict
from statistics import mean, stdev

from rnn_mnist import run as runs
from rnn_mnist.analysis import metrics as scores
from rnn_mnist.config import UserError, differences, result_settings
from rnn_mnist.console.languages import data_name, table, text
from rnn_mnist.data import ORIGINAL, SYNTHETIC
from rnn_mnist.tutorials.presets import preset

BASES = {"rnn": "rnn-rows", "mlp": "mlp-relu"}  # the presets of train_rnn.py and train_mlp.py
OWN_COLUMN = {"data", "epochs"}                 # settings that the table tells elsewhere
COLUMNS = ("name", "model", "settings", "data", "data_digest", "finished", "epochs", "epochs_asked", "best_epoch",
           "best_acc_valid", "acc_valid", "loss_valid", "acc_test", "acc_test_low", "acc_test_high", "loss_test",
           "seconds", "weights", "run")


def summarise_all(paths):
    """Return the summaries of all runs in the folders, the original MNIST's first, then by validation accuracy.

    A run that is damaged is left out, with one line on stderr. Raise UserError if none is left.
    """
    found = dict.fromkeys(run for path in paths for run in runs.find_runs(path))
    summaries = []
    for run in found:
        try:
            summaries.append(summarise(run))
        except UserError as error:
            print(f"left out: {' '.join(str(error).split())}", file=sys.stderr)
    if not summaries:
        raise UserError(f"{' '.join(map(str, paths))}: holds no run to compare: train one by scripts/train_rnn.py")
    return sorted(summaries, key=_rank)


def summarise(run):
    """Return what COLUMNS names for a run, and its config, seed and metrics; raise UserError if it is damaged."""
    config, metrics, result = runs.read_config(run), runs.read_metrics(run), runs.read_result(run)
    environment = runs.read_json(run / "environment.json")
    if not isinstance(environment.get("data"), str) or not isinstance(environment.get("data_digest"), str):
        raise UserError(f"{run / 'environment.json'}: damaged: it does not say which data the run has used")
    _check_metrics(run, metrics)
    if result and result["config"] != runs.digest_of(result_settings(config)):
        raise UserError(f"{run / 'config.json'}: edited: its settings are not those of result.json")
    best = max((row for row in metrics if row["acc_valid"] is not None), key=lambda row: row["acc_valid"], default={})
    last = metrics[-1] if metrics else {}
    settings = {name: value for name, value in differences(config, preset(BASES[config.model])).items()
                if name not in OWN_COLUMN}
    summary = {"name": run.absolute().name, "model": config.model, "settings": settings,
               "data": (result or environment)["data"], "data_digest": environment["data_digest"],
               "finished": result is not None, "epochs": len(metrics),
               "epochs_asked": config.epochs, "best_epoch": best.get("epoch"), "best_acc_valid": best.get("acc_valid"),
               "acc_valid": last.get("acc_valid"), "loss_valid": last.get("loss_valid"),
               "seconds": round(sum(row["seconds"] for row in metrics), 3), "run": str(run)}
    return {**dict.fromkeys(COLUMNS), **summary, **(_test_scores(run, result) if result else {}), "seed": config.seed,
            "config": result_settings(config), "metrics": metrics}


def _check_metrics(run, metrics):
    """Raise UserError unless the figures of metrics.csv can be what they are called."""
    for row in metrics:
        shares = [row[name] for name in ("acc_running", "acc_valid") if row[name] is not None]
        if any(not 0 <= share <= 1 for share in shares) or row["seconds"] < 0:
            raise UserError(f"{run / 'metrics.csv'}: epoch {row['epoch']}: damaged: an accuracy or a time cannot be")


def _test_scores(run, result):
    """Return the columns that result.json gives; raise UserError if the counts are none."""
    n, n_correct = result["n_test"], result["n_correct_test"]
    if type(n) is not int or type(n_correct) is not int or not 0 <= n_correct <= n or not 0 < n < 2**31:
        raise UserError(f"{run / 'result.json'}: damaged: {n_correct} of {n} test images right")
    low, high = scores.wilson(n_correct, n)
    return {"acc_test": n_correct / n, "acc_test_low": low, "acc_test_high": high, "loss_test": result["loss_test"],
            "weights": result["weights"], "scored": result["scored"]}


def scored_acc_valid(summary):
    """Return the validation accuracy of the weights that were scored: the best epoch's or the last one's, or None."""
    return summary["best_acc_valid" if summary.get("scored") == "best" else "acc_valid"]


def _rank(summary):
    acc_valid = scored_acc_valid(summary)
    return (summary["data"] != ORIGINAL, summary["data"], summary["data_digest"],
            math.inf if acc_valid is None else -acc_valid, summary["name"])


def group_over_seeds(summaries):
    """Return a dict (settings, data, seeds, runs, means, standard deviations) per set of finished runs.

    A set has two runs or more on the same data, and they differ in nothing but the seed.
    """
    groups = defaultdict(dict)
    for summary in summaries:
        if summary["finished"]:
            config = {name: value for name, value in summary["config"].items() if name != "seed"}
            key = (summary["data_digest"], repr(sorted(config.items())))
            groups[key].setdefault(summary["seed"], summary)  # a repetition of a seed adds nothing to the spread
    return [_group(list(members.values())) for members in groups.values() if len(members) > 1]


def _group(members):
    """Return the mean and the sample standard deviation of the members' scores."""
    first = members[0]
    group = {"model": first["model"], "settings": dict(_items(first["settings"])),
             "data": first["data"], "epochs": first["epochs_asked"],
             "seeds": sorted(member["seed"] for member in members), "runs": [member["run"] for member in members]}
    for name in ("best_acc_valid", "acc_valid", "acc_test"):
        values = [member[name] for member in members if member[name] is not None]
        complete = len(values) == len(members)
        group |= {f"{name}_mean": mean(values) if complete else None, f"{name}_sd": stdev(values) if complete else None}
    return group


def paired_test(first, second):
    """Return McNemar's test of two runs on the same test images; raise UserError if they can't be paired."""
    if first["data_digest"] != second["data_digest"]:
        raise UserError("the two runs have different data, so their test images can't be paired")
    from rnn_mnist.analysis.evaluate import evaluate_run  # TensorFlow takes seconds to import: only when it is needed
    evaluations = [evaluate_run(summary["run"]) for summary in (first, second)]
    if not all(evaluation.values["trained_with_this_data"] for evaluation in evaluations):
        raise UserError("the data that the runs were trained with is no longer where it was")
    same_answers = bool((evaluations[0].predictions == evaluations[1].predictions).all())
    one, two = (evaluation.predictions == evaluation.labels for evaluation in evaluations)
    only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
    return {"first": first["name"], "second": second["name"], "n_test": len(one), "both_right": int((one & two).sum()),
            "only_first_right": only_first, "only_second_right": only_second,
            "both_wrong": int((~one & ~two).sum()), "same_answers": same_answers,
            "p_value": scores.mcnemar(only_first, only_second)}


def report(summaries, groups, lang):
    """Yield the lines of the table of runs, and of that of the seeds if there are such groups."""
    items = [set(_items(summary["settings"])) for summary in summaries]
    common = set.intersection(*items) if len(items) > 1 else set()
    if common:
        yield text(lang, "all runs : {settings}", settings=settings_words(dict(sorted(common))))
    repeated = {name for name, n in Counter(summary["name"] for summary in summaries).items() if n > 1}
    words = ("run", "settings", "data", "epochs", "best acc_valid", "last acc_valid", "acc_test (95 % interval)",
             "seconds", "weights")
    yield from table([[text(lang, word) for word in words],
                      *(_row(summary, repeated, common, lang) for summary in summaries)], "<<<><<<><")
    if groups:
        words = ("mean over seeds", "data", "epochs", "seeds", "best acc_valid", "last acc_valid", "acc_test")
        yield from ("", *table([[text(lang, word) for word in words],
                                *(_group_row(group, lang) for group in groups)], "<<><<<<"))


def tell_paired(test, lang):
    """Return the line that tells a paired test."""
    if test["same_answers"]:
        return text(lang, "McNemar : {first} and {second} give the same answers on every image, {n_test} test images",
                    **test)
    return text(lang, "McNemar : only {first} right {only_first_right}, only {second} right {only_second_right}, of "
                "{n_test} test images; p = {p_value:.3g}: {verdict}", **test,
                verdict=text(lang, "the difference is more than chance" if test["p_value"] < 0.05
                             else "the difference may be chance"))


def csv_row(summary):
    """Return the row of a summary in a CSV file with the header COLUMNS; floats read back exactly."""
    return ["" if summary[name] is None else settings_words(summary[name]) if name == "settings"
            else repr(summary[name]) if isinstance(summary[name], float) else summary[name] for name in COLUMNS]


def plain(summary):
    """Return a summary as --json shows it."""
    return {name: summary[name] for name in COLUMNS}


def _row(summary, repeated, common, lang):
    """Return the cells of a run in the table."""
    name = summary["run"] if summary["name"] in repeated else summary["name"]
    settings = {key: value for key, value in summary["settings"].items() if (key, value) not in common}
    epochs, best = str(summary["epochs"]), _figure(summary["best_acc_valid"])
    if not summary["finished"]:
        epochs += "/" + str(summary["epochs_asked"])
    if summary["best_epoch"] is not None:
        best += text(lang, " (epoch {epoch})", epoch=summary["best_epoch"])
    test = text(lang, "not finished") if not summary["finished"] else (
        f"{summary['acc_test']:.4f} ({summary['acc_test_low']:.4f}-{summary['acc_test_high']:.4f})")
    return [" ".join(name.split()), f"{summary['model']} {settings_words(settings)}".rstrip(),
            data_words(summary, lang), epochs, best, _figure(summary["acc_valid"]), test, f"{summary['seconds']:.1f}",
            (summary["weights"] or "-")[:12]]


def _group_row(group, lang):
    """Return the cells of a group in its table."""
    figures = [f"{_figure(group[name + '_mean'])} ± {_figure(group[name + '_sd'])}"
               for name in ("best_acc_valid", "acc_valid", "acc_test")]
    return [f"{group['model']} {settings_words(group['settings'])}".rstrip(), data_name(lang, group["data"]),
            str(group["epochs"]), " ".join(map(str, group["seeds"])), *figures]


def data_words(summary, lang):
    """Return what the data is; of other people's data also the beginning of its digest."""
    known = summary["data"] in (ORIGINAL, SYNTHETIC)
    return data_name(lang, summary["data"]) + ("" if known else f" [{summary['data_digest'][:6]}]")


def _figure(value):
    return "-" if value is None else f"{value:.4f}"


def _items(settings):
    """Return the items of settings but for the seed."""
    return [item for item in settings.items() if item[0] != "seed"]


def settings_words(settings):
    """Return settings in a few words, as a run's automatic name has them."""
    return " ".join(f"{name}={'-'.join(map(str, value)) if isinstance(value, tuple) else value}"
                    for name, value in settings.items())
