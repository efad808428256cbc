"""What the pictures, tables and messages say, in English and Korean; one language for the process, set once.

The English sentence is the key; korean.json holds what it is in Korean. A Korean particle that depends on the sound
before it is written in both forms after a field, as in {name}은(는), and chosen when the field has its value.
"""

import functools
import json
import locale
import os
import re
from pathlib import Path

LANGUAGES = ("en", "ko")
ORIGINAL, OTHER, SYNTHETIC = "original MNIST", "not the original MNIST", "synthetic digits, not MNIST"
KINDS = (ORIGINAL, OTHER, SYNTHETIC)  # of data
# Each with its form after a final consonant, and its form after a vowel.
PARTICLES = {"(으)로": ("으로", "로"), "은(는)": ("은", "는"), "이(가)": ("이", "가"), "을(를)": ("을", "를"),
             "과(와)": ("과", "와")}
_WITH_PARTICLE = re.compile(r"(\{[^{}]+\})('?)(" + "|".join(map(re.escape, PARTICLES)) + ")")
# A syllable that ends as the digit is read, or the letter, be it at the end of a word or by itself. Of other letters
# that is not known: "name" ends in a consonant, the letter e in a vowel.
_ENDS_AS = str.maketrans("0123456789lmnaiouwy", "영일이삼사오육칠팔구엘엠엔아이오우우이")

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


def in_each(call):
    """Return what call() gives in English and what it gives in Korean, the process speaking the one and the other."""
    global _chosen
    before, found = _chosen, []
    try:
        for language in LANGUAGES:
            use(language)
            found.append(call())
    finally:
        _chosen = before
    return found


def text(english, language=None, **values):
    """Return a sentence in the language, with its {fields} filled in; English if there is no Korean for it."""
    sentence = korean().get(english, english) if (language or current()) == "ko" else english
    if not values:
        return sentence
    return _WITH_PARTICLE.sub(lambda found: found[1] + found[2] + _particle(found[1].format(**values), found[3]),
                              sentence).format(**values)


def why(error):
    """Return in words why an OSError or ValueError came; of the system's own words those for usual faults are known."""
    return text(getattr(error, "strerror", None) or str(error))


def _particle(word, forms):
    """Return a particle as it follows a word; both of its forms where the word's last sound is not known."""
    last = word[-1:].lower().translate(_ENDS_AS)
    if not "가" <= last <= "힣":
        return forms
    final = (ord(last) - ord("가")) % 28  # number of the final consonant, 0: none
    return PARTICLES[forms][final == 0 or (forms == "(으)로" and final == 8)]  # after ㄹ it is 로


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
