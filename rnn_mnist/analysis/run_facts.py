"""What the files of a run tell a web page, before anything is computed; what is said comes in English and Korean."""

import contextlib
import json
import re
import shlex
from dataclasses import fields

from rnn_mnist.analysis.metrics import wilson
from rnn_mnist.cells import name_of
from rnn_mnist.console.command import script
from rnn_mnist.console.forms import best_validation
from rnn_mnist.console.languages import ORIGINAL, data_name, in_each, kind_of, text
from rnn_mnist.console.log import resume_command
from rnn_mnist.console.output import plain
from rnn_mnist.console.settings import UserError, applies, differences, flag_name
from rnn_mnist.files import read_text
from rnn_mnist.tutorials.experiments import listing
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.tutorials.published import PUBLISHED, collect_figures, rows

BASES = {"rnn": PRESETS["rnn-rows"], "mlp": PRESETS["mlp-relu"]}  # those of train_rnn.py, train_mlp.py
N_POINTS = 400  # of a curve
N_ENTRIES = 60  # of environment.json
N_LETTERS = 800  # of a value in a file that anybody may have written
N_COMMAND = 8000  # letters: two paths as long as Linux lets them be
# Settings that two runs of one experiment may differ in: they change the bits, or when it ends, but not what it is.
_FREE = {"seed", "epochs", "isa", "unroll", "replicas", "data", "n_valid", "valid_steps"}
_COUNTS = re.compile(r"\((\d{1,9}) training, (\d{1,9}) validation, (\d{1,9}) test\)$")
_PLACE = ("run_name", "runs_dir")


def facts(run):
    """Return {part of the page: plain values} of a Run; raise UserError if a file that it needs is damaged."""
    config, options = run.settings
    environment, result, metrics = _environment(run), run.result, run.metrics
    kind = kind_of(result or environment)
    return {
        "name": plain(run.name), "note": run.note, "summary": in_each(lambda: cut(_summary(config, metrics))),
        "data": {"kind": in_each(lambda: data_name(kind)), "original": kind == ORIGINAL, "counts": _counts(run),
                 "digest": cut(environment.get("data_digest", "-"))},
        "result": _result(run, config, result), "curves": _curves(metrics, run.validation),
        "settings": _settings(config, options), "published": _published(config, metrics, result),
        "commands": _commands(run, config, options, result),
        "environment": {"rows": [[cut(name), cut(value)] for name, value in [*environment.items()][:N_ENTRIES]]}
        if environment else {"missing": in_each(lambda: text("environment.json is missing or damaged"))}}


def missing_for(error):
    """Return what a part of the page is that a UserError has kept from being made."""
    return {"missing": in_each(lambda: plain(cut(_retold(error))))}


def _retold(error):
    """Return the message of a UserError, and of those in it, in the language of the process."""
    return text(error.sentence, **{name: _retold(value) if isinstance(value, UserError) else value
                                   for name, value in error.values.items()})


def train_command(config, options):
    """Return the command that trains a run of this Config and RunOptions anew, under another name."""
    base, words = BASES[config.model], [script(f"train_{config.model}")]
    for settings, of_base in ((config, base.config), (options, base.options)):
        given = differences(settings, of_base)
        if "order" in given:  # with which others of these would go
            given |= {name: getattr(config, name) for name in ("n_steps", "n_inputs")}
        for item in fields(settings):
            if item.name in given and item.metadata["flag"] and item.name not in _PLACE and applies(
                    vars(settings), item):
                words += _flag(item.name, given[item.name])
    return " ".join(words)


def _flag(name, value):
    """Return the words that set a setting on the command line."""
    if isinstance(value, bool):
        return [flag_name(name) if value else flag_name(f"no_{name}")]
    return [flag_name(name), *(shlex.quote(str(word)) for word in (value if isinstance(value, tuple) else [value]))]


def _commands(run, config, options, result):
    """Return [[what it is for, in both languages], command] of the commands that begin where a Run is."""
    quoted = shlex.quote(str(run))
    found = [(in_each(lambda: text("train a run of the same settings")), train_command(config, options))]
    if result:
        found.append((in_each(lambda: text("repeat it and compare, to the bit")), f"{script('rerun')} {quoted}"))
    more = f" --epochs {2 * config.epochs}" if result else ""
    found.append((in_each(lambda: text("go on with it, where its checkpoints are")),
                  resume_command(run, config) + more))
    found.append((in_each(lambda: text("make this page again")), f"{script('report')} {quoted}"))
    return [(what, plain(cut(command, N_COMMAND))) for what, command in found]


def _summary(config, metrics):
    """Return in a line what network it is, and how long it was trained."""
    if config.model == "mlp":
        network = text("perceptron {sizes}, {activation}", activation=config.activation,
                       sizes="-".join(map(str, (784, *config.hidden_sizes, 10))))
    else:
        network = text("recurrent network, {cell}, {steps} steps of {inputs} pixels, layers: {layers}, units: {units}",
                       cell=name_of(config), steps=config.n_read, inputs=config.n_inputs, layers=config.layers,
                       units=config.n_neurons)
    return text("{network}; epochs: {epochs}, seed: {seed}", network=network, epochs=len(metrics), seed=config.seed)


def _environment(run):
    with contextlib.suppress(UserError):
        return run.environment
    return {}


def _counts(run):
    """Return {train, valid, test: images} as the first line of a Run's log says, or None."""
    with contextlib.suppress(UserError):
        if found := _COUNTS.search(read_text(run.path / "log.txt").partition("\n")[0]):
            return dict(zip(("train", "valid", "test"), map(int, found.groups()), strict=True))


def _result(run, config, result):
    """Return the test score of a result with its interval."""
    if result is None:
        command = plain(cut(resume_command(run, config), N_COMMAND))
        return {"missing": in_each(lambda: text("not finished: go on with it by {command}", command=command))}
    low, high = wilson(result["n_correct_test"], result["n_test"])
    return {"acc_test": result["acc_test"], "low": low, "high": high, "loss_test": result["loss_test"]}


def _curves(metrics, within):
    """Return what the learning curves are drawn from, at most N_POINTS of each with the last one."""
    names = ("epoch", "acc_running", "loss_running", "acc_valid", "loss_valid")
    epochs = [{name: row[name] for name in names} for row in _thinned(metrics)]
    return {"epochs": epochs, "within": _thinned(within), "best": best_validation(metrics, within) or None}


def _thinned(values):
    every = -(-len(values) // N_POINTS) or 1
    return values[(len(values) - 1) % every::every]


def _settings(config, options):
    """Return the settings that differ from the defaults of training, and those that do not, but for the run's place."""
    found = {True: [], False: []}
    for settings, base in ((config, BASES[config.model].config), (options, BASES[config.model].options)):
        for item in fields(settings):
            if item.name not in _PLACE and applies(vars(settings), item):
                value, default = getattr(settings, item.name), getattr(base, item.name)
                found[value != default].append({
                    "name": item.name, "value": _shown(value), "default": _shown(default),
                    "help": in_each(lambda item=item: text(item.metadata["help"]))})
    return {"differing": found[True], "rest": found[False]}


def _shown(value):
    if isinstance(value, bool):
        return in_each(lambda: text("yes" if value else "no"))
    return [cut("-" if value in (None, "", ()) else value)] * 2


def cut(value, most=N_LETTERS):
    """Return a value of a file as a text of bounded length."""
    if isinstance(value, list | tuple):
        shown = " ".join(map(str, value))
    else:
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return shown if len(shown) <= most else shown[:most] + "…"


def experiment_of(config):
    """Return the name of the published experiment that a Config is of, the one nearest in epochs; None if of none."""
    alike = [name for name, (of_preset, _) in PRESETS.items() if not differences(config, of_preset).keys() - _FREE]
    return min(alike, key=lambda name: abs(PRESETS[name].config.epochs - config.epochs), default=None)


def _published(config, metrics, result):
    """Return the table of the published figures of a Config's experiment beside ours."""
    name = experiment_of(config)
    if name is None:
        return {"missing": in_each(lambda: text("nothing was published for these settings"))}
    if result is None:
        return {"missing": in_each(lambda: text("there are none of this run before its end"))}
    tables = in_each(lambda: _rows(name, config, metrics, result))
    what = in_each(lambda: next(line[-1] for line in listing() if line[0] == name))
    return {"experiment": name, "what": what, "rows": [[*map(list, zip(*pair, strict=True))]
                                                       for pair in zip(*tables, strict=True)]}


def _rows(name, config, metrics, result):
    """Return [figure, published, ours, band, in band, remark] of each published figure, in the process's language."""
    preset, kind = PRESETS[name].config, result["data"]
    ours = collect_figures(metrics, {"penalty": 0.0, **result})
    shorter = "" if config.epochs == preset.epochs else text(
        "{epochs} epochs instead of {published}", epochs=config.epochs, published=preset.epochs)
    found = []
    for item in PUBLISHED[name]:
        other_seed = item.exact and config.seed != preset.seed
        other = data_name(kind) if kind != ORIGINAL else text("another seed") if other_seed else ""
        found += rows([item], name, ours, shorter, other)
    return [list(row[1:]) for row in found]
