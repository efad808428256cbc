"""Words: the language that is spoken, every sentence in both, and tables that Hangul does not shift."""

import argparse
import ast
import errno
import os
import re
import string
from pathlib import Path

import pytest

from rnn_mnist.console import languages
from rnn_mnist.console.tables import markdown, table
from rnn_mnist.export import web_page
from rnn_mnist.tutorials import user_script

SOURCES = [*Path("rnn_mnist").rglob("*.py"), *Path("scripts").rglob("*.py")]
KOREAN = languages.korean()


@pytest.mark.parametrize("variables, expected", [
    ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "C.UTF-8"}, "en"),
    ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, "ko"), ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
    ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"), ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko")])
def test_the_language_is_what_the_environment_says_unless_one_is_chosen(monkeypatch, variables, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert languages.current() == expected
    for chosen in languages.LANGUAGES:
        languages.use(chosen)
        assert languages.current() == chosen
        assert languages.text("accuracy") == {"en": "accuracy", "ko": "정확도"}[chosen]
    languages.use(None)
    assert languages.current() == expected


@pytest.mark.parametrize("system, expected", [("Korean_Korea", "ko"), ("ko_KR", "ko"), ("en_US", "en"), (None, "en")])
def test_without_these_variables_as_on_windows_the_system_decides(monkeypatch, system, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(languages.locale, "getlocale", lambda: (system, None))
    assert languages.current() == expected


SAY = {"text", "in_words", "UserError", "Stopped"}  # their first argument is a sentence
PRINT = {"note", "note_on_terminal", "error", "_complain"}  # theirs is a line as it is printed
PHRASE = re.compile("[a-z]{2,},? [a-z]{2,}")  # what is English without a doubt, however it comes to be said
NOT_SAID = {
    "outside lower center", "upper center", "upper left", "offset points",  # matplotlib's words
    "in batches", "instruction sets",  # keys of our own
    "pip install -r requirements.txt", "pip install -e .[sweep]", r"python scripts/(\w+)\.py",
    "python scripts/{}.py",  # commands
    "tf.concat(values, axis)", "tf.split(value, num_or_size_splits, axis)", "from pylab import *",  # code
    "model name", "<frozen importlib._bootstrap>", ".*deprecated and will be removed", "cannot import name '(\\w+)'",
    user_script._PYTHON_2.pattern}  # looked for in others' texts
ALWAYS_ENGLISH = {  # (file, function or constant): why
    ("__init__.py", "__getattr__"): "Python's form of an AttributeError",
    ("user_script.py", "__getattr__"): "Python's form of a NameError",
    ("log.py", "last_lines"): "the log of a training", ("log.py", "resumed_line"): "the log of a training",
    ("log.py", "diverged_line"): "the log of a training", ("driver.py", "_progress"): "the log of a sweep",
    ("published.py", "collect_figures"): "keys", ("checkpoint.py", "State"): "settings without a flag",
    ("rounds.py", "FORMS"): "names, also in results.csv"}


def has_words(sentence):
    """Tell whether a sentence has letters outside of its fields."""
    return any(letter.isalpha() for part, *_ in string.Formatter().parse(sentence) for letter in part)


def sentence_of(node):
    """Return the text of a constant or an f-string, with {} for each field; None of anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def without_documentation(tree, name):
    """Yield the nodes of a file's tree, but for docstrings, the pieces of f-strings, and what is always English."""
    for node in ast.iter_child_nodes(tree):
        documents = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        called = getattr(node, "name", "") or getattr(getattr(node, "targets", [None])[0], "id", "")
        if documents or (name, called) in ALWAYS_ENGLISH or getattr(node, "arg", "") == "doc":
            continue
        yield node
        yield from (without_documentation(node, name) if not isinstance(node, ast.JoinedStr) else
                    (inner for part in node.values for inner in ast.walk(part) if not isinstance(part, ast.Constant)))


def untranslated(path):
    """Yield (line, words) of what a file says in English only: words that have no Korean, or are put together."""
    for node in without_documentation(ast.parse(path.read_text()), path.name):
        words = sentence_of(node)
        if words and PHRASE.search(words) and words not in NOT_SAID and words not in KOREAN:
            yield node.lineno, words
        name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        for given in node.args[:1] if name in SAY | PRINT else []:
            for words in filter(None, map(sentence_of, (given.body, given.orelse) if isinstance(given, ast.IfExp)
                                          else [given])):
                if has_words(words) and (words not in KOREAN or name in PRINT):
                    yield node.lineno, words


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_every_message_is_a_sentence_with_its_korean(path):
    assert list(untranslated(path)) == []


@pytest.mark.parametrize("line", [
    'raise UserError(f"{path}: damaged")', 'raise UserError("{path}: as nobody says", path=path)',
    'note(f"note: {x}")', 'note("written : {path}")', 'text("none" if x else "such")', 'parser.error("wrong")',
    'add("--x", help="unheard of")', 'yield f"{n} right of {m}" + x', 'axes.set(title="quite new")',
    'def f(): return f"only {x} is new here"'])
def test_a_message_without_korean_is_found(tmp_path, line):
    (tmp_path / "x.py").write_text(line)
    assert [number for number, _ in untranslated(tmp_path / "x.py")][:1] == [1]


def test_every_sentence_of_a_page_has_its_korean():
    assert [sentence for sentence in web_page.sentences() if sentence not in KOREAN] == []
    assert len(web_page.sentences()) > 50


def test_every_korean_sentence_is_used():
    """In the sources or pages, as a script's paragraph, by argparse, or by the system, of a fault."""
    trees = [ast.parse(path.read_text()) for path in [*SOURCES, Path(argparse.__file__)]]
    constants = {node.value.lower() for tree in trees for node in ast.walk(tree)
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    constants |= {*map(str.lower, web_page.sentences())}
    paragraphs = {" ".join(part.split()).lower() for tree in trees
                  for part in (ast.get_docstring(tree) or "").split("\n\n")}
    known = constants | paragraphs | {os.strerror(number).lower() for number in errno.errorcode}
    assert [english for english in KOREAN if english.lower() not in known] == []


@pytest.mark.parametrize("english", KOREAN)
def test_korean_fills_in_the_same_fields(english):
    def fields(sentence):
        """Return the names and forms of a sentence's fields; one may stand twice."""
        return {field[1:] for field in string.Formatter().parse(sentence) if field[1] is not None}

    assert fields(english) == fields(KOREAN[english])
    assert any("가" <= letter <= "힣" for letter in KOREAN[english])


def test_a_sentence_without_korean_stays_english():
    languages.use("ko")
    assert languages.text("no such sentence: {n}", n=3) == "no such sentence: 3"
    assert languages.text("accuracy", "en") == "accuracy"


CONSONANT, VOWEL, RIEUL = "으로 은 이 을 과", "로 는 가 를 와", "로 은 이 을 과"


@pytest.mark.parametrize(("values", "forms"), [
    ((0, 3, 6, 10, 100, 1000, "실행", "rnn", "LSTM", "0.3"), CONSONANT),
    ((2, 4, 5, 9, "데이터", "gru", "irnn-2", "0.95"), VOWEL), ((1, 7, 8, 21, "서울", "l", "0.97"), RIEUL)])
def test_korean_particles_follow_the_last_sound(monkeypatch, values, forms):
    """So it is 3으로, 6으로, and 7로."""
    monkeypatch.setattr(languages, "korean", lambda: {"x": "{x}(으)로 {x}은(는) {x}이(가) {x}을(를) {x}과(와)"})
    for value in values:
        assert languages.text("x", "ko", x=value) == " ".join(f"{value}{form}" for form in forms.split())


@pytest.mark.parametrize("value", ["name", "adder", "basic", "90 %", "", "a은(는)", "{x}이(가)"])
def test_particles_stay_in_both_forms_where_the_sound_is_not_known_and_values_as_they_are(monkeypatch, value):
    monkeypatch.setattr(languages, "korean", lambda: {"{x} {y:.1f}": "'{x}'이(가) {y:.1f}과(와) {x} 은(는) 와(과)"})
    assert languages.text("{x} {y:.1f}", "ko", x=value, y=0.94) == f"'{value}'이(가) 0.9와 {value} 은(는) 와(과)"


def test_the_data_is_named_loudly_unless_it_is_the_original():
    assert languages.data_name(languages.ORIGINAL) == "original MNIST"
    assert languages.data_name(languages.SYNTHETIC) == "SYNTHETIC DIGITS, NOT MNIST"
    languages.use("ko")
    assert languages.data_name(languages.OTHER) == "※ 원본 MNIST 아님"


def test_tables_are_aligned_on_a_terminal_with_hangul():
    assert table([["이름", "n"], ["a", "10"]], "<>") == ["이름   n", "a     10"]
    assert table([["name", "n"], ["한글", "1"]], "><") == ["name  n", "한글  1"]


def test_markdown_tables():
    assert markdown([["a", "b"], ["1", "2"]], ">") == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
