"""Which runs are compared and in what order: found in folders, filtered, sorted by a key. Imports nothing heavy.

A key is a column of the table or a setting. Summaries are what compare.summarise returns.
"""

import difflib
import operator
import re
from collections import defaultdict
from dataclasses import fields
from fnmatch import fnmatchcase
from statistics import mean

from rnn_mnist.config import Config
from rnn_mnist.console.command import script
from rnn_mnist.console.languages import ORIGINAL
from rnn_mnist.console.settings import UserError, applies
from rnn_mnist.run import find_runs

TABLE_COLUMNS = ("name", "model", "settings", "data", "data_digest", "finished", "epochs", "epochs_asked",
                 "best_epoch", "best_acc_valid", "acc_valid", "loss_valid", "acc_test", "acc_test_low",
                 "acc_test_high", "loss_test", "seconds", "weights", "run", "note")
SETTINGS = {item.name: item for item in fields(Config)}
KEYS = tuple(dict.fromkeys([*SETTINGS, *(name for name in TABLE_COLUMNS if name != "settings")]))
HIGHEST_FIRST = ("acc_test", "acc_test_low", "acc_test_high", "acc_valid", "best_acc_valid", "finished")
N_VALUES = 8  # that a refused filter lists
_FILTER = re.compile(r"\s*([\w-]+)\s*(==?|!=|<=?|>=?)\s*(.*)", re.DOTALL)
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_WORDS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def find_all(paths):
    """Return the Runs in the folders, at any depth, each once, however it is spelled; raise UserError if there is none.

    Each has the path that it was found by first.
    """
    check_named(paths)
    found = {}
    for path in paths:
        for run in find_runs(path):
            found.setdefault(run.path.resolve(), run)
    if not found:
        raise UserError("{paths}: holds no run to compare: train one by {command}", paths=" ".join(map(str, paths)),
                        command=script("train_rnn"))
    return list(found.values())


def check_named(paths):
    """Raise UserError if a path is empty, as that of a variable that is not set: it would mean the current folder."""
    if any(not str(path) for path in paths):
        raise UserError("RUN is empty: name a run directory or a folder, . for the current one")


def parse_filter(given):
    """Return (key, operator, wanted) of a text such as cell=lstm or acc_test>0.97; raise UserError if it is none."""
    if not (match := _FILTER.fullmatch(given)):
        raise UserError("--filter '{given}' must be KEY=VALUE, or with !=, <, <=, > or >=", given=given[:60])
    key, sign, wanted = known_key("--filter", match[1], KEYS), match[2].replace("==", "="), match[3].strip()
    if sign in _ORDERS:
        try:
            wanted = float(wanted)
        except ValueError:
            raise UserError("--filter '{given}': {sign} needs a number", given=given[:60], sign=sign) from None
    return key, sign, wanted


def known_key(flag, key, keys):
    """Return a key as the keys have it; raise UserError, with the closest or all, if it is none of them."""
    name = key.strip().replace("-", "_")
    if name in keys:
        return name
    if close := difflib.get_close_matches(name.lower(), keys, 1):
        raise UserError("{flag}: there is no {key}: did you mean {close}?", flag=flag, key=key[:60], close=close[0])
    raise UserError("{flag}: there is no {key}: there are {keys}", flag=flag, key=key[:60], keys=", ".join(keys))


def parse_names(given):
    """Return the settings that a text names, parted by commas; none of None. Raise UserError if one is unknown."""
    return [known_key("--group-by", name, [*SETTINGS]) for name in given.split(",")] if given is not None else []


def filtered(summaries, filters):
    """Return the summaries that pass all filters, texts; raise UserError, with what there is, if one leaves none."""
    for given in filters:
        key, *condition = parse_filter(given)
        kept = [summary for summary in summaries if _passes(summary, key, *condition)]
        if not kept:
            raise UserError("--filter '{given}' leaves none of {n} runs: there, {key} is {values}", given=given[:60],
                            n=len(summaries), key=key, values=_listed(value(summary, key) for summary in summaries))
        summaries = kept
    return summaries


def _passes(summary, key, sign, wanted):
    found = value(summary, key)
    if sign in _ORDERS:
        return type(found) in (int, float) and _ORDERS[sign](found, wanted)
    found = [found, summary["config"]["data"]] if key == "data" else [found]  # "original MNIST" is also "mnist"
    return any(_equals(each, wanted) for each in found) == (sign == "=")


def _equals(found, wanted):
    """Tell whether a value is what a text says: * in it stands for any letters, and capitals do not count."""
    if isinstance(found, bool):
        return _WORDS.get(wanted.lower()) is found
    if isinstance(found, int | float):
        try:
            return found == float(wanted)
        except ValueError:
            return False
    return fnmatchcase(_words(found).lower(), wanted.lower())


def _words(found):
    """Return a value as --filter takes it."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    return "-".join(map(str, found)) if isinstance(found, tuple) else "" if found is None else str(found)


def _listed(values):
    """Return different values, sorted, in a few words."""
    values = sorted(set(values), key=lambda each: (each is None, 0 if each is None else each))
    words = [_words(each) or "-" for each in values]
    return ", ".join(words if len(words) <= N_VALUES else [*words[:N_VALUES - 1], "...", words[-1]])


def setting(summary, name):
    """Return a setting of a run, None if it has no effect there."""
    return summary["config"][name] if applies(summary["config"], SETTINGS[name]) else None


def value(summary, key):
    """Return what a run has under a key, None if nothing."""
    return summary[key] if key in TABLE_COLUMNS else setting(summary, key)


def data_rank(summary):
    """Return what keeps runs on the same data together, the original MNIST's first."""
    return summary["data"] != ORIGINAL, summary["data"], summary["data_digest"]


def ordered(summaries, key):
    """Return summaries, on the same data, by a key: the highest accuracy first, of all else the lowest."""
    return sorted(summaries, key=lambda summary: (data_rank(summary), *_place(key, value(summary, key))))


def ordered_groups(groups, summaries, key):
    """Return groups by the mean of a key over their runs, or by its value if it is no number and all share it."""
    by_run = {summary["run"]: summary for summary in summaries}

    def place(group):
        """Return the key that sorts groups."""
        members = [by_run[run] for run in group["runs"]]
        found = [value(member, key) for member in members]
        if all(isinstance(each, int | float) for each in found):
            shared = mean(found)
        else:
            shared = found[0] if len(set(found)) == 1 else None
        return data_rank(members[0]), *_place(key, shared)

    return sorted(groups, key=place)


def _place(key, found):
    """Return what sorts values: those that there are first."""
    if found is None:
        return True, 0
    return False, -found if key in HIGHEST_FIRST else found


def group_by(summaries, names):
    """Return ({setting: value}, summaries) for each set of finished runs on the same data with the same such values.

    Of runs with the same config, which have the same figures, the first counts.
    """
    groups = defaultdict(dict)
    for summary in summaries:
        if summary["finished"]:
            settings = tuple((name, setting(summary, name)) for name in names)
            groups[summary["data_digest"], settings].setdefault(repr(summary["config"]), summary)
    return [(dict(settings), list(members.values())) for (_, settings), members in groups.items()]
