"""The scripts' help and errors: on one screen, in both languages, and what may have been meant."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from rnn_mnist.console import languages
from rnn_mnist.console.meant import meant
from rnn_mnist.console.tables import _width

ROOT = Path(languages.__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
IN_BOTH = [(name, "--help") for name in SCRIPTS]
IN_BOTH += [(name, "--help-all") for name in ("train_rnn", "train_mlp", "sweep")]
HANGUL = re.compile("[가-힣]")


@pytest.fixture
def spoken(capsys, monkeypatch):
    """Return a function that runs a script in this process with some flags; it gives (exit code, stdout, stderr)."""
    def call(script, *flags, columns=80):
        """Run it as its own program, on a terminal of so many columns."""
        languages.use(None)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *flags])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / f"scripts/{script}.py"), run_name="__main__")
        return end.value.code, *capsys.readouterr()

    return call


def n_rows(lines, columns):
    """Return how many rows of a terminal lines take: a longer one goes on in the next row."""
    return sum(max(1, -(-_width(line) // columns)) for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("lang", languages.LANGUAGES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_help_of_every_script_fits_on_a_screen(spoken, script, lang, columns):
    code, out, _ = spoken(script, "--lang", lang, "--help", columns=columns)
    assert code == 0 and n_rows(out.splitlines(), columns) < 40


@pytest.mark.parametrize(("script", "flag"), IN_BOTH)
def test_the_korean_help_leaves_nothing_in_english(spoken, script, flag):
    """Every paragraph but examples, every title, every flag's text has Hangul."""
    usage, *paragraphs = spoken(script, flag, "--lang", "ko", columns=500)[1].strip().split("\n\n")
    lines = [usage, *(line for part in paragraphs if not part.startswith("python scripts/")
                      for line in re.sub(r"\n {9,}", " ", part).splitlines())]  # texts that begin below their flags
    assert len(lines) > 4
    assert [line for line in lines if not HANGUL.search(line)] == []


def test_rare_flags_are_only_in_the_whole_help_and_of_the_own_model(spoken):
    short, whole = spoken("train_rnn", "--help")[1], spoken("train_rnn", "--help-all")[1]
    shown, all_shown = (re.findall(r"^  (--[a-z-]+)", part, re.MULTILINE) for part in (short, whole))
    assert {"--cell", "--epochs", "--n-valid", "--run-name"} <= set(shown) < set(all_shown)
    assert {"--peephole", "--isa", "--subset-seed", "--verbose"} <= set(all_shown) - set(shown)
    assert "--hidden-sizes" not in whole and "--n-neurons" not in spoken("train_mlp", "--help-all")[1]
    assert re.findall(r"^([a-z]+):$", short, re.MULTILINE) == ["options", "network", "training", "data", "output"]
    assert "--help-all" not in spoken("evaluate", "--help")[1] and "--bptt-steps" in spoken("sweep", "--help-all")[1]


@pytest.mark.parametrize(("script", "flags", "line"), [
    ("train_rnn", ["--lr", "0.1"], "--lr: no such flag: did you mean --learning-rate? (--help-all lists the flags)"),
    ("train_rnn", ["--neurons=3"], "--neurons: no such flag: did you mean --n-neurons? (--help-all lists the flags)"),
    ("train_rnn", ["--hidden", "3"], "--hidden: no such flag: did you mean --n-neurons? (--help-all lists the flags)"),
    ("train_mlp", ["--hidden", "3"],
     "--hidden: no such flag: did you mean --hidden-sizes? (--help-all lists the flags)"),
    ("train_rnn", ["--learning_rate", "3"],
     "--learning_rate: no such flag: did you mean --learning-rate? (--help-all lists the flags)"),
    ("train_rnn", ["--peepholes"], "--peepholes: no such flag: did you mean --peephole? (--help-all lists the flags)"),
    ("train_rnn", ["--colour"], "--colour: no such flag (--help-all lists the flags)"),
    ("train_rnn", ["extra"], "unrecognized arguments: extra (--help-all lists the flags)"),
    ("plot_run", ["r", "--langs", "ko"], "--langs: no such flag: did you mean --lang? (--help lists the flags)"),
    ("train_rnn", ["--cell", "LSTM"], "argument --cell: invalid choice: 'LSTM' (choose from basic, lstm, gru, irnn): "
     "did you mean lstm? (--help-all lists the flags)"),
    ("train_rnn", ["--lang", "kr"], "argument --lang: invalid choice: 'kr' (choose from en, ko) "
     "(--help-all lists the flags)")])
def test_what_is_mistyped_is_told_in_one_line_with_what_was_meant(spoken, script, flags, line):
    assert spoken(script, *flags) == (2, "", f"error: {line}\n")


@pytest.mark.parametrize(("flags", "variables"), [
    (["--lang", "ko", "--epochs"], {}), (["--epochs", "--lang", "ko"], {}), (["--lang=ko", "--lr", "3"], {}),
    (["--lr", "3", "--lang=ko"], {}), (["--cell", "LSTM", "--lang", "ko"], {}), (["x", "--lang", "ko"], {}),
    (["--epochs", "x"], {"LANG": "ko_KR.UTF-8"}), (["--lr", "3", "--lang", "en", "--lang", "ko"], {})])
def test_errors_are_in_the_language_wherever_it_is_asked_for(spoken, monkeypatch, flags, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, out, err = spoken("train_rnn", *flags)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith("오류: ")
    words = re.sub(r"'.*?'|\(.*?\)|--\S+", "", err)
    assert not re.search("[a-z]{2,} [a-z]{2,}", words) and HANGUL.search(words.removeprefix("오류: "))


def test_a_name_that_is_near_none_means_none():
    assert meant("--colour", ["--cell", "--epochs"]) is None and meant("", ["cell"]) is None
    assert meant("Epoch", ["epochs", "epsilon"]) == "epochs"
