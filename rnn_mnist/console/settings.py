"""Settings as dataclass fields: declared with default, help and range on one spot, checked and converted when made.

What is wrong is told in Python's words, or in flags on the command line. Knows no setting.
"""

import dataclasses
import math
import os

from rnn_mnist.console.languages import text
from rnn_mnist.console.meant import meant
from rnn_mnist.console.output import plain

as_flags = False  # whether messages call settings by their flags: command.run turns it on


class UserError(Exception):
    """Say in one line what is wrong, where, and what to do; the scripts print it and exit with 2.

    sentence: English, with {fields} for the values; it is said in the language of the process.
    """

    def __init__(self, sentence, **values):
        super().__init__(plain(text(sentence, **values)))
        self.sentence, self.values = sentence, values  # to say it in the other language, too


class Stopped(Exception):
    """Say in one line why a run ended before its time, as UserError does; code is what the script exits with."""

    def __init__(self, sentence, code, **values):
        super().__init__(plain(text(sentence, **values)))
        self.code = code


def named(name, value=None):
    """Return what a message calls a setting, or a setting with a value: n_valid=0, on the command line --n-valid 0."""
    if not as_flags:
        return name if value is None else f"{name}={value!r}"
    shown = " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else value
    return f"{flag_name(name)} {shown}".rstrip()


def flag_name(name):
    """Return the command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def resume_hint(run):
    """Return what goes on with a run, in Python or as the flag of the training scripts."""
    return f"--resume {run}" if as_flags else f"open_run({str(run)!r}).resume()"


def setting(default, help, *, needs=None, flag=True, **limits):
    """Declare a field. needs: (other setting, the values with which this one has an effect; None: any but 0).

    limits: low and high; choices; longest, of how many numbers; at_most: (other attribute, what it counts); also, other
    types that a text may be made of; metavar, what the help calls a text; and group, the title it has in the help, or
    rare, the same for one that only --help-all shows.
    """
    return dataclasses.field(default=default, metadata={"help": help, "needs": needs, "flag": flag, **limits})


def convert(settings):
    """Give every field the type it is declared with, or raise UserError; numbers are checked against their limits."""
    for item in dataclasses.fields(settings):
        object.__setattr__(settings, item.name, _converted(item, getattr(settings, item.name)))
    for item in dataclasses.fields(settings):
        if "at_most" in item.metadata:
            other, counted = item.metadata["at_most"]
            value, most = getattr(settings, item.name), getattr(settings, other)
            if value > most:
                raise UserError("{name} is more than the {most} {counted}: give at most {give}",
                                name=named(item.name, value), most=most, counted=text(counted),
                                give=named(item.name, most))


def changed(settings, given):
    """Return settings with those given in a dict; others that no longer apply fall back to their default."""
    if not dataclasses.is_dataclass(settings):
        raise UserError("settings must be a Config, or named as in n_neurons=100, got {settings!r:.60}",
                        settings=settings)
    values = {**vars(settings), **given}
    stale = {item.name: item.default for item in dataclasses.fields(settings)
             if item.name not in given and not applies(values, item)}
    new = type(settings)(**{**values, **stale})
    for item in dataclasses.fields(new):
        if item.name in given:
            check_applies(new, item)
    return new


def sort(given, *kinds):
    """Return a dict of the settings of each kind, a class, in a dict; raise UserError if one is of none."""
    parts = [{item.name: given[item.name] for item in dataclasses.fields(kind) if item.name in given} for kind in kinds]
    if unknown := sorted(set(given).difference(*parts)):
        known = [item.name for kind in kinds for item in dataclasses.fields(kind)]
        if near := meant(unknown[0], known):
            raise UserError("no such setting: {name}: did you mean {near}?", name=unknown[0], near=near)
        raise UserError("no such setting: {name}: there are {known}", name=unknown[0], known=", ".join(known))
    return parts


def read(values, where, *kinds):
    """Return the settings of each kind, a class, of a dict that holds all; raise UserError, naming `where`, if not."""
    known = {item.name for kind in kinds for item in dataclasses.fields(kind)}
    for problem, keys in (("unknown key", set(values) - known), ("missing key", known - set(values))):
        if keys:
            raise UserError("{where}: {problem} '{key}': the file is not from this version or was edited", where=where,
                            problem=text(problem), key=sorted(keys)[0])
    try:
        return [kind(**part) for kind, part in zip(kinds, sort(values, *kinds), strict=True)]
    except UserError as error:
        raise UserError("{where}: {error}", where=where, error=error) from None


def differences(settings, base):
    """Return {name: value} of the settings that differ from those of another instance."""
    return {name: value for name, value in dataclasses.asdict(settings).items() if value != getattr(base, name)}


def _converted(item, value):
    """Return a value as a field holds it; raise UserError unless it is of its type and within its limits."""
    kind, limits = str if item.default is None else type(item.default), item.metadata
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        value = value.tolist()
    if value is None and item.default is None:
        return None
    if kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    numbers = value if kind is tuple and isinstance(value, list | tuple) else (value,)
    wanted = (int, float) if kind is float else (int,) if kind is tuple else (kind, *limits.get("also", ()))
    if wrong := [number for number in numbers if type(number) not in wanted]:
        raise UserError("{name} must be {what}, got {value!r:.60}", name=named(item.name), what=text(_TYPE_WORDS[kind]),
                        value=wrong[0])
    if len(numbers) > limits.get("longest", len(numbers)):
        raise UserError("{name} must be at most {longest} numbers, got {n}", name=named(item.name),
                        longest=limits["longest"], n=len(numbers))
    if "choices" in limits and value not in limits["choices"]:
        near = meant(value, limits["choices"])
        raise UserError("{name} must be one of {choices}, got {value!r:.60}{hint}", name=named(item.name),
                        choices=", ".join(limits["choices"]), value=value,
                        hint=text(": did you mean {near}?", near=near) if near else "")
    for number in numbers if kind in (int, float, tuple) else ():
        _check_range(item.name, number, limits)
    return tuple(numbers) if kind is tuple else kind(value)


_TYPE_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", tuple: "whole numbers"}


def _check_range(name, number, limits):
    """Raise UserError unless a number is finite and within [low, high]."""
    if not -(2**63) < number < 2**63 or not math.isfinite(number):
        raise UserError("{name} must be a finite number of reasonable size, got {number!r:.60}", name=named(name),
                        number=number)
    if "low" in limits and number < limits["low"]:
        raise UserError("{name} must be at least {low}, got {number}", name=named(name), low=limits["low"],
                        number=number)
    if "high" in limits and number > limits["high"]:
        raise UserError("{name} must be at most {high}, got {number}", name=named(name), high=limits["high"],
                        number=number)


def applies(values, item):
    """Tell whether a field has any effect, given the {name: value} of all."""
    if item.metadata["needs"] is None:
        return True
    other, wanted = item.metadata["needs"]
    return values[other] in wanted if wanted else bool(values[other])


def check_applies(settings, item):
    """Raise UserError if a field has no effect, given the others."""
    if not applies(vars(settings), item):
        other, values = item.metadata["needs"]
        if values is None:
            raise UserError("{name} has no effect without {other}: leave it out, or give both", name=named(item.name),
                            other=named(other))
        raise UserError("{name} has no effect with {other} {value}: leave it out (it is for {other} {values})",
                        name=named(item.name), other=other, value=getattr(settings, other),
                        values=text(" or ").join(values))
