"""What a sweep trains: the points of a grid of values, or draws from it, and the names of their folders.

Values come as texts, as the flags give them, or from a TOML file: `0-9` is a range, commas part the values of a list,
`128-84` is one value of a setting that takes several numbers, and `log:0.0001-0.01` is to be drawn from. Imports
nothing heavy.
"""

import itertools
import math
import random
import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

from rnn_mnist import files
from rnn_mnist.config import Config, with_settings
from rnn_mnist.console import log, machine
from rnn_mnist.console.guard import shortened
from rnn_mnist.console.languages import text as in_words
from rnn_mnist.console.settings import UserError, applies, flag_name, named

FIELDS = {item.name: item for item in fields(Config) if item.metadata["flag"]}
MAX_RUNS = 100_000
N_IN_VAIN = 1000  # draws in a row that give nothing new: there is nothing more then
_NUMBER = r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(f"(log:)?({_NUMBER})-({_NUMBER})")
_WORDS = {"on": True, "true": True, "off": False, "false": False}


class Draw(NamedTuple):
    """Hold an interval that a number is drawn from, evenly or, with log, evenly in its logarithm."""

    kind: type
    low: float
    high: float
    log: bool

    def __call__(self, share):
        """Return the number at a share 0..1 of the interval, in about three digits: enough, and short in names."""
        value = (math.exp(math.log(self.low) + share * math.log(self.high / self.low)) if self.log
                 else self.low + share * (self.high - self.low))
        if self.kind is int:
            return min(max(round(value), math.ceil(self.low)), math.floor(self.high))
        digits = 2 - math.floor(math.log10(value if self.log else self.high - self.low))
        return min(max(round(value, digits), self.low), self.high)


@dataclass(frozen=True)
class Point:
    """Hold one run of a sweep: the name of its folder and its Config."""

    name: str
    config: Config


@dataclass(frozen=True)
class Plan:
    """Hold the points of a sweep, the names of the settings they differ in, seed last, and how many were joined.

    n_joined: combinations that are others' once settings without effect are left out. folder: the default's name.
    """

    points: list
    varied: list
    n_joined: int
    folder: str


def make_plan(base, given, path=None, n_random=None, told=()):
    """Return the Plan of a sweep.

    base: the Config that all start from; given: {setting: text of its values}; path: a TOML file with more; n_random:
    how many draws, each with every seed, instead of the whole grid; told: what else the folder's name tells. Raise
    UserError, before anything is made, if a value or a combination cannot be.
    """
    shared, grids = ({}, [{}]) if path is None else _read(path)
    if both := sorted(set(given) & {name for grid in grids for name in grid}):
        raise UserError("{name} is also in a grid of {path}: give it once", name=flag_name(both[0]), path=path)
    grids = [_parsed({**shared, **given, **grid}, n_random) for grid in grids]
    _check_number(grids, n_random)
    combinations = list(_drawn(grids, base, n_random) if n_random else _all(grids))
    configs = list(dict.fromkeys(_config(base, combination) for combination in combinations))
    _check_effects(base, combinations)
    for name, what in (("isa", "instruction set"), ("data", "data set")):
        if len({getattr(config, name) for config in configs}) > 1:
            raise UserError("{name}: the workers of a sweep have one {what}: make a sweep of each", name=named(name),
                            what=in_words(what))
    names = sorted({name for grid in grids for name in grid}, key=_place)
    varied = [name for name in names if len({getattr(config, name) for config in configs}) > 1]
    points = [Point(_name(config, varied), config) for config in configs]
    return Plan(points, varied, len(combinations) - len(points), _folder({**shared, **given}, path, n_random, told))


def parse_values(name, given):
    """Return the values of a setting as a sequence, or a Draw; given: a text, or what TOML has in its place."""
    if name not in FIELDS:
        raise UserError("no such setting: {name:.60}: there are {names}", name=name, names=", ".join(FIELDS))
    values = given if isinstance(given, list) else [given]
    if len(values) == 1 and isinstance(values[0], str):
        return _parse_text(name, values[0])
    found = []
    for value in values:
        parts = _parse_text(name, value) if isinstance(value, str) else [tuple(value) if isinstance(value, list)
                                                                         else value]
        if isinstance(parts, Draw):
            raise UserError("{name}: '{value:.60}' is to be drawn from, and so can't be one of a list",
                            name=named(name), value=value)
        found += parts
    try:
        return list(dict.fromkeys(found))
    except TypeError:
        raise UserError("{name}: takes a value or a list of values, got {given!r:.60}", name=named(name),
                        given=given) from None


def _parse_text(name, text):
    kind = type(FIELDS[name].default)
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match and kind in (int, float) and (match[1] or kind is float):
        low, high = float(match[2]), float(match[3])
        if not (low < high < math.inf) or (match[1] and low == 0):
            raise UserError("{name}: a range goes up, and one of logarithms starts above 0", name=named(name, text))
        return Draw(kind, low, high, bool(match[1]))
    values = []
    for part in text.split(","):
        values += _parse_part(name, kind, part.strip())
        if len(values) > MAX_RUNS:
            raise UserError("{name}: more than {most} values: give fewer", name=named(name), most=MAX_RUNS)
    return list(dict.fromkeys(values))


def _parse_part(name, kind, part):
    """Return the values of one part of a list, between commas; a range of whole numbers has many."""
    try:
        if kind is int and re.fullmatch("[0-9]+-[0-9]+", part):
            low, high = map(int, part.split("-"))
            if low > high:
                raise UserError("{name}: a range goes up: give {high}-{low}", name=named(name, part), high=high,
                                low=low)
            return range(low, min(high, low + MAX_RUNS) + 1)
        if kind is bool:
            return [_WORDS[part]]
        if not part:
            raise ValueError
        return [tuple(map(int, part.split("-"))) if kind is tuple else kind(part)]
    except (ValueError, KeyError):
        wanted = {bool: "on or off", tuple: "whole numbers joined by -, such as 128-84", int: "a whole number",
                  float: "a number"}.get(kind, "a text")
        raise UserError("{name}: '{part:.60}' is not {wanted}; commas part the values of a list", name=named(name),
                        part=part, wanted=in_words(wanted)) from None


def _read(path):
    """Return (settings that all grids of a TOML file share, its grids); a value is as TOML or the flags have it."""
    try:
        values = tomllib.loads(files.read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError("{path}: not valid TOML ({reason}): see https://toml.io", path=path,
                        reason=str(error)[:80]) from None
    grids = values.pop("grid", [{}])
    if not isinstance(grids, list) or not grids or not all(isinstance(grid, dict) for grid in grids):
        raise UserError("{path}: grid must be tables: write [[grid]] above the settings of each", path=path)
    try:
        for name, value in [(name, value) for grid in [values, *grids] for name, value in grid.items()]:
            if isinstance(value, dict):
                raise UserError("{name}: is a table: only [[grid]] is one", name=name)
            parse_values(name, value)
    except UserError as error:
        raise UserError("{path}: {error}", path=path, error=error) from None
    return values, grids


def _parsed(grid, n_random):
    """Return {setting: values or Draw} in the order of Config; raise UserError if one can't be in this sweep."""
    found = {name: parse_values(name, grid[name]) for name in sorted(grid, key=_place)}
    for name, values in found.items():
        if isinstance(values, Draw) and (not n_random or name == "seed"):
            raise UserError("{name} is to be drawn from: add --random N, or list the values",
                            name=named(name, grid[name]))
        if not isinstance(values, Draw) and not values:
            raise UserError("{name}: an empty list: give at least one value, or leave it out", name=named(name))
    return found


def _check_number(grids, n_random):
    """Raise UserError if there are more runs than a sweep may have."""
    if n_random:
        n = n_random * max(len(grid.get("seed", [0])) for grid in grids)
    else:
        n = sum(math.prod(map(len, grid.values())) for grid in grids)
    if n > MAX_RUNS:
        raise UserError("more than {most} runs: make several sweeps", most=MAX_RUNS)


def _all(grids):
    """Yield every combination of each grid, as dicts."""
    for grid in grids:
        for values in itertools.product(*grid.values()):
            yield dict(zip(grid, values, strict=True))


def _drawn(grids, base, n_random):
    """Yield n different combinations, each with all seeds of its grid; those of a smaller n are the first of them.

    Python promises of its generator that random() will always give the same numbers for a seed.
    """
    rnd, seen, in_vain = random.Random(0), set(), 0
    while in_vain < N_IN_VAIN:
        grid = grids[int(rnd.random() * len(grids))]
        combination = {name: values(rnd.random()) if isinstance(values, Draw) else
                       values[int(rnd.random() * len(values))] for name, values in grid.items() if name != "seed"}
        config = _config(base, combination)
        in_vain += 1
        if config not in seen:
            seen.add(config)
            in_vain = 0
            yield from ({**combination, "seed": seed} for seed in grid.get("seed", [base.seed]))
        if len(seen) == n_random:
            return
    raise UserError("--random {n_random}: only {n} different combinations were drawn: give fewer, or leave it out to "
                    "train them all", n_random=n_random, n=len(seen))


def _config(base, combination):
    """Return the Config of a combination, without settings that have no effect in it."""
    values = {**vars(base), **combination}
    try:
        config = with_settings(base, **{name: value for name, value in combination.items()
                                        if applies(values, FIELDS[name])})
        return replace(config, isa=machine.resolve("native")) if config.isa == "native" else config
    except UserError as error:
        words = ", ".join(log.words(name, value) for name, value in combination.items())
        raise UserError("the combination {words}: {error}", words=words, error=error) from None


def _check_effects(base, combinations):
    """Raise UserError, as training would, if a setting has an effect in no combination."""
    without = {name: combination for combination in combinations for name in combination
               if not applies({**vars(base), **combination}, FIELDS[name])}
    for name, combination in without.items():
        if not any(name in other and applies({**vars(base), **other}, FIELDS[name]) for other in combinations):
            with_settings(base, **combination)


def _place(name):
    """Return the key that sorts settings as Config has them, the seed last; those unknown are told elsewhere."""
    return name == "seed", list(FIELDS).index(name) if name in FIELDS else 0


def _name(config, varied):
    """Return what a run's folder is called: the settings that the runs differ in, where they have an effect."""
    parts = [f"s{config.seed}" if name == "seed" else log.words(name, getattr(config, name), "-").replace(" ", "-")
             for name in varied if applies(vars(config), FIELDS[name])]
    return _short("_".join(parts) or "run")


def _folder(given, path, n_random, told):
    """Return what a sweep's folder is called: what was given but for the seeds, so that more of these can be added."""
    parts = ["sweep", *told, *([Path(path).stem] if path else []), *(["random"] if n_random else [])]
    parts += [f"{name}-{_text(given[name])}" for name in sorted(given, key=_place) if name != "seed"]
    return _short("_".join(parts))


def _text(given):
    """Return values, as a text or as TOML has them, as the name of a folder shows them."""
    if isinstance(given, list):
        return "-".join(map(_text, given))
    return {True: "on", False: "off"}[given] if isinstance(given, bool) else re.sub("[, ]+", "-", str(given))


def _short(name):
    """Return a name that every system takes; one that is too long ends in a digest of the whole."""
    short = shortened(name)
    return short if short == name else f"{short[:80]}_{files.digest(name.encode())[:8]}"
