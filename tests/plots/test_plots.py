"""Pictures and words: learning curves, whole files, fonts, and every sentence in both languages."""

import ast
import io
import string
import warnings
from pathlib import Path

import matplotlib
import pytest
from helpers import refusal
from made_runs import make_run
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.text import Text
from PIL import Image

from rnn_mnist.console import languages as words
from rnn_mnist.plots import style as plots
from rnn_mnist.plots.curves import draw_curves

SOURCES = [*Path("rnn_mnist").rglob("*.py"), *Path("scripts").glob("*.py")]


@pytest.fixture(autouse=True)
def _fonts(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["DejaVu Sans"])
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    for cached in (plots._korean_font, plots._note_missing_font):
        cached.cache_clear()
    yield
    for cached in (plots._korean_font, plots._note_missing_font):
        cached.cache_clear()


@pytest.fixture
def drawn(monkeypatch):
    """Return the list of figures that are saved."""
    figures, save = [], plots.save
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure) or save(figure, path))
    return figures


def texts(figure):
    """Return what is written in a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def lines(figure):
    """Return {label: (x, y)} of a figure's lines, axes by axes."""
    return [{line.get_label(): tuple(map(list, line.get_data())) for line in axes.lines} for axes in figure.axes]


def without_korean_font(monkeypatch):
    """Let no font with Hangul be found, as on a bare Debian."""
    monkeypatch.setattr(plots, "KOREAN_FONTS", ("No Such Font",))
    monkeypatch.setattr(plots.font_manager, "findSystemFonts", lambda: [])


# ---- learning curves ----

def test_learning_curves_show_metrics_csv_and_mark_the_best_epoch(tmp_path, drawn):
    run = make_run(tmp_path, "a", (0.8, 0.95, 0.9))
    assert draw_curves(run, "en") == run / "plots" / "curves.png"
    accuracy, loss = lines(drawn[0])
    assert accuracy["training (mean over the epoch)"] == ([0, 1, 2], [.75] * 3)
    assert accuracy["validation (after the epoch)"] == ([0, 1, 2], [.8, .95, .9])
    assert loss["validation (after the epoch)"] == ([0, 1, 2], [1 - .8, 1 - .95, 1 - .9])
    assert accuracy["best epoch: 1 (0.9500)"][0] == loss["best epoch: 1 (0.0500)"][0] == [1, 1]
    assert {"a\nlearning curves, original MNIST", "accuracy", "loss (nats)", "epoch"} <= set(texts(drawn[0]))


def test_learning_curves_of_synthetic_data_say_so(tmp_path, drawn):
    draw_curves(make_run(tmp_path, "a", kind="synthetic digits, not MNIST"), "en")
    assert "a\nlearning curves, synthetic digits, not MNIST" in texts(drawn[0])


@pytest.mark.parametrize("acc_valid", [(), (0.5,), (None, None), (0.5,) * 300])
def test_learning_curves_of_any_length_with_or_without_validation(tmp_path, drawn, acc_valid):
    draw_curves(make_run(tmp_path, "a", acc_valid, finished=False, epochs=300), "en")
    assert ("validation (after the epoch)" in lines(drawn[0])[0]) == (0.5 in acc_valid)
    assert all(float(tick).is_integer() for axes in drawn[0].axes for tick in axes.get_xticks())


@pytest.mark.parametrize("name", ["_hidden", "a$b$c", r"$\foo$", "실행", "走る", "100 %"])
def test_names_are_drawn_as_they_are(tmp_path, drawn, name):
    with warnings.catch_warnings(action="error"):
        draw_curves(make_run(tmp_path, name), "en")
    assert any(text.replace("\\$", "$").replace("\u200b", "").startswith(name) for text in texts(drawn[0]))


def test_damaged_metrics_are_refused_and_leave_no_picture(tmp_path):
    run = make_run(tmp_path, "a")
    (run / "metrics.csv").write_text("epoch\n")
    assert "header" in refusal(draw_curves, run, "en")
    assert not (run / "plots").exists()


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("name", ["a", "M" * 200])
def test_nothing_is_cut_off(tmp_path, drawn, lang, name):
    draw_curves(make_run(tmp_path, name, (0.98765, 0.91), kind="synthetic digits, not MNIST"), lang)
    outside = drawn[0].get_tightbbox()
    assert outside.x0 >= 0 and outside.y0 >= 0 and all(outside.max <= drawn[0].get_size_inches())


# ---- files ----

def test_a_picture_is_the_same_bytes_each_time_and_holds_no_date(tmp_path):
    run = make_run(tmp_path, "a")
    first = draw_curves(run, "en").read_bytes()
    assert draw_curves(run, "en").read_bytes() == first
    with Image.open(io.BytesIO(first)) as image:
        assert image.format == "PNG" and set(image.info) <= {"dpi"}


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    run = make_run(tmp_path, "a")
    old = draw_curves(run, "en").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        draw_curves(run, "ko")
    assert [path.name for path in (run / "plots").iterdir()] == ["curves.png"]
    assert (run / "plots" / "curves.png").read_bytes() == old


# ---- fonts ----

def test_without_a_korean_font_one_line_says_what_to_install_and_labels_are_english(
        tmp_path, monkeypatch, drawn, capsys):
    without_korean_font(monkeypatch)
    for name in "ab":
        draw_curves(make_run(tmp_path, name), "ko")
    assert "a\nlearning curves, original MNIST" in texts(drawn[0])
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "apt install fonts-nanum" in err


def test_korean_labels_have_a_glyph_for_every_letter(tmp_path, drawn):
    if plots.font_for("ko") != "ko":
        pytest.skip("no Korean font is installed: apt install fonts-nanum")
    draw_curves(make_run(tmp_path, "a", kind="synthetic digits, not MNIST"), "ko")
    assert "a\n학습 곡선, 합성 숫자, MNIST 아님" in texts(drawn[0])
    paths = fontManager._find_fonts_by_props(FontProperties(family=matplotlib.rcParams["font.family"]))
    fonts = [get_font(path) for path in paths]
    written = set("".join([*words.KOREAN, *words.KOREAN.values(), *texts(drawn[0])])) - {"\n"}
    assert [letter for letter in written if not any(font.get_char_index(ord(letter)) for font in fonts)] == []


def test_english_pictures_have_hangul_for_names(monkeypatch, capsys):
    if plots.font_for("ko") != "ko":
        pytest.skip("no Korean font is installed: apt install fonts-nanum")
    assert plots.font_for("en") == "en"
    first, *others = fontManager._find_fonts_by_props(FontProperties(family=matplotlib.rcParams["font.family"]))
    assert "DejaVuSans" in first and any(get_font(path).get_char_index(ord("한")) for path in others)
    without_korean_font(monkeypatch)
    plots._korean_font.cache_clear()
    assert plots.font_for("en") == "en" and capsys.readouterr().err == ""


def test_a_font_installed_after_matplotlib_made_its_list_is_found(monkeypatch):
    if plots.font_for("ko") != "ko":
        pytest.skip("no Korean font is installed: apt install fonts-nanum")
    plots._korean_font.cache_clear()
    fontManager.ttflist[:] = [font for font in fontManager.ttflist if font.name not in plots.KOREAN_FONTS]
    assert plots.font_for("ko") == "ko"


def test_a_listed_font_whose_file_is_gone_is_passed_over(monkeypatch, tmp_path, capsys):
    without_korean_font(monkeypatch)
    gone = type(fontManager.ttflist[0])(fname=str(tmp_path / "gone.ttf"), name="No Such Font")
    fontManager.ttflist.append(gone)
    assert plots.font_for("ko") == "en"
    assert capsys.readouterr().err.count("\n") == 1


def test_english_after_korean_is_drawn_as_english_alone(tmp_path):
    english = draw_curves(make_run(tmp_path, "a"), "en").read_bytes()
    draw_curves(tmp_path / "a", "ko")
    assert draw_curves(tmp_path / "a", "en").read_bytes() == english


# ---- words ----

@pytest.mark.parametrize("variables, expected", [
    ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "C.UTF-8"}, "en"),
    ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, "ko"), ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
    ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"), ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko")])
def test_the_language_is_what_the_environment_says_unless_a_flag_does(monkeypatch, variables, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert words.pick_language() == expected
    assert [words.pick_language(lang) for lang in words.LANGUAGES] == ["en", "ko"]


@pytest.mark.parametrize("system, expected", [("Korean_Korea", "ko"), ("ko_KR", "ko"), ("en_US", "en"), (None, "en")])
def test_without_these_variables_as_on_windows_the_system_decides(monkeypatch, system, expected):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(words.locale, "getlocale", lambda: (system, None))
    assert words.pick_language() == expected


def sentences():
    """Yield (file, English) for each sentence that the sources pass to text() as it stands."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "text":
                for argument in node.args[1:2]:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield path.name, argument.value


def test_every_sentence_has_its_korean():
    found = list(sentences())
    assert len(found) > 20
    assert [pair for pair in found if pair[1] not in words.KOREAN] == []


def test_every_korean_sentence_is_used():
    constants = {node.value.lower() for path in SOURCES if path.name != "words.py"
                 for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert [english for english in words.KOREAN if english.lower() not in constants] == []


@pytest.mark.parametrize("english", words.KOREAN)
def test_korean_fills_in_the_same_fields(english):
    def fields(sentence):
        return sorted((name, form) for _, name, form, _ in string.Formatter().parse(sentence) if name is not None)

    assert fields(english) == fields(words.KOREAN[english])
    assert any("가" <= letter <= "힣" for letter in words.KOREAN[english])


def test_a_sentence_without_korean_stays_english():
    assert words.text("ko", "no such sentence: {n}", n=3) == "no such sentence: 3"


def test_tables_are_aligned_on_a_terminal_with_hangul():
    assert words.table([["이름", "n"], ["a", "10"]], "<>") == ["이름   n", "a     10"]
    assert words.table([["name", "n"], ["한글", "1"]], "><") == ["name  n", "한글  1"]
