"""What the pictures, tables and messages say, in English and Korean; one language for the process, set once.

The English sentence is the key; korean.json holds what it is in Korean.
"""

import functools
import json
import locale
import os
from pathlib import Path

LANGUAGES = ("en", "ko")
ORIGINAL, OTHER, SYNTHETIC = "original MNIST", "not the original MNIST", "synthetic digits, not MNIST"
KINDS = (ORIGINAL, OTHER, SYNTHETIC)  # of data

_chosen = None


def kind_of(environment):
    """Return what environment.json, a dict, says of the data: one of the three kinds, or that it does not."""
    return environment["data"] if environment.get("data") in KINDS else "unknown data"


def use(language):
    """Set the language of the process; None: what LC_ALL, LC_MESSAGES or LANG says, or else the system."""
    global _chosen
    _chosen = language


def chosen():
    """Return what use() was called with last."""
    return _chosen


def current():
    """Return "ko" or "en"."""
    if _chosen:
        return _chosen
    # Windows sets none of the three.
    said = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), None)
    return "ko" if (said or locale.getlocale()[0] or "").lower().startswith("ko") else "en"


def text(english, language=None, **values):
    """Return a sentence in the language, with its {fields} filled in; English if there is no Korean for it."""
    sentence = korean().get(english, english) if (language or current()) == "ko" else english
    return sentence.format(**values) if values else sentence


def data_name(kind):
    """Return what a table calls the data: loud unless it is the original MNIST."""
    return text(loud(kind))


def loud(kind):
    """Return what the data is, in capitals unless it is the original MNIST: its scores must not pass for MNIST's."""
    return kind if kind == ORIGINAL else kind.upper()


@functools.cache
def korean():
    """Return {English sentence: Korean sentence}."""
    return json.loads(Path(__file__).with_name("korean.json").read_text(encoding="utf-8"))
