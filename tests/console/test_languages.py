"""Words: the language that is spoken, every sentence in both, and tables that Hangul does not shift."""

import ast
import errno
import os
import string
from pathlib import Path

import pytest

from rnn_mnist.console import languages
from rnn_mnist.console.tables import markdown, table

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


# Names of functions whose first argument is an English sentence, which they say in the language.
SAY = {"text", "in_words", "UserError", "Stopped", "only_noted", "setting_help"}
# Those whose first argument is a line as it is printed: a sentence that was put through one of the others, or is given.
PRINT = {"note", "error", "_complain", "note_on_terminal"}


def name_of(node):
    """Return what is called."""
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def has_words(sentence):
    """Tell whether a sentence has letters outside of its fields."""
    return any(letter.isalpha() for part, *_ in string.Formatter().parse(sentence) for letter in part)


def untranslated(path):
    """Yield (line, what is wrong) of the messages of a file that are no constant sentence, or have no Korean."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not (node.args or node.keywords):
            continue
        name, arguments = name_of(node), node.args[:1] if name_of(node) in SAY | PRINT else []
        arguments = arguments + [given.value for given in node.keywords if given.arg in ("help", "cure")]
        for argument in arguments:
            if isinstance(argument, ast.IfExp):
                parts = [argument.body, argument.orelse]
            else:
                parts = [argument]
            for part in parts:
                if isinstance(part, ast.JoinedStr) and any(
                        isinstance(piece, ast.Constant) and has_words(piece.value) for piece in part.values):
                    yield node.lineno, ast.unparse(part)
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    if has_words(part.value) and part.value not in KOREAN:
                        yield node.lineno, part.value
                    elif name in PRINT and has_words(part.value):
                        yield node.lineno, f"printed as it stands: {part.value}"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_every_message_is_a_sentence_with_its_korean(path):
    assert list(untranslated(path)) == []


@pytest.mark.parametrize("line", [
    'raise UserError(f"{path}: damaged")', 'raise UserError("{path}: as nobody says", path=path)',
    'note(f"note: {x}")', 'note("written : {path}")', 'text("none" if x else "such")', 'parser.error("wrong")',
    'add("--x", help="unheard of")', 'files.read_bytes(path, cure="unheard of")'])
def test_a_message_without_korean_is_found(tmp_path, line):
    (tmp_path / "x.py").write_text(line)
    assert [number for number, _ in untranslated(tmp_path / "x.py")][:1] == [1]


def test_every_korean_sentence_is_used():
    """In the sources, as the first line of a script's documentation, or by the system, of a fault."""
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    constants = {node.value.lower() for tree in trees for node in ast.walk(tree)
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    first_lines = {ast.get_docstring(tree).splitlines()[0].lower() for tree in trees if ast.get_docstring(tree)}
    known = constants | first_lines | {os.strerror(number).lower() for number in errno.errorcode}
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


@pytest.mark.parametrize(("value", "forms"), [
    *zip(range(10), ("으로은이을과", "로은이을과", "로는가를와", "으로은이을과", "로는가를와", "로는가를와", "으로은이을과", "로은이을과",
                     "로은이을과", "로는가를와"), strict=True),
    (10, "으로은이을과"), (100, "으로은이을과"), (1000, "으로은이을과"), (21, "로은이을과"), ("0.97", "로은이을과"),
    ("실행", "으로은이을과"), ("데이터", "로는가를와"), ("서울", "로은이을과"), ("rnn", "으로은이을과"), ("LSTM", "으로은이을과"),
    ("l", "로은이을과"), ("gru", "로는가를와"), ("irnn-2", "로는가를와")])
def test_korean_particles_follow_the_last_sound(monkeypatch, value, forms):
    """Of 3, 6 and 7: 3으로, 6으로, 7로."""
    monkeypatch.setattr(languages, "korean", lambda: {"x": "{x}(으)로 {x}은(는) {x}이(가) {x}을(를) {x}과(와)"})
    expected = "으로" if forms.startswith("으로") else "로", *forms.removeprefix("으로").removeprefix("로")
    assert languages.text("x", "ko", x=value) == " ".join(f"{value}{form}" for form in expected)


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
