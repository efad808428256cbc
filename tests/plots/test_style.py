"""What all pictures share: whole files without a date, fonts, and the language that a font can show."""

import io

import matplotlib
import pytest
from matplotlib.font_manager import FontProperties, fontManager, get_font
from PIL import Image

from rnn_mnist.console import languages
from rnn_mnist.plots import style


@pytest.fixture(autouse=True)
def _fonts(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["DejaVu Sans"])
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    forget_fonts()
    yield
    forget_fonts()


def forget_fonts():
    """Have style look for fonts anew."""
    for cached in (style._korean_font, style._note_missing_font):
        cached.cache_clear()


@pytest.fixture
def korean():
    """Choose Korean; skip if no font holds Hangul."""
    languages.use("ko")
    if style.text("accuracy") == "accuracy":
        pytest.skip("no Korean font is installed: apt install fonts-nanum")


@pytest.fixture
def no_korean_font(monkeypatch):
    """Let no font with Hangul be found, as on a bare Debian."""
    monkeypatch.setattr(style, "KOREAN_FONTS", ("No Such Font",))
    monkeypatch.setattr(style.font_manager, "findSystemFonts", lambda: [])


def draw(path, *sentences):
    """Write the sentences in the language of pictures as a PNG, and return its bytes."""
    figure = style.new_figure(4, 3)
    figure.suptitle("\n".join(style.text(sentence) for sentence in sentences))
    return style.save(figure, path).read_bytes()


# ---- files ----

def test_a_picture_is_the_same_bytes_each_time_and_holds_no_date(tmp_path):
    first, second = (draw(tmp_path / "new" / name, "accuracy", "loss") for name in ("a.png", "b.png"))
    assert first == second
    with Image.open(io.BytesIO(first)) as image:
        assert image.format == "PNG" and set(image.info) <= {"dpi"}


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    old = draw(tmp_path / "a.png", "accuracy")

    def full(_):
        """Refuse as a full disk does."""
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        draw(tmp_path / "a.png", "loss")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == old


# ---- fonts ----

def test_without_a_korean_font_one_line_says_what_to_install_and_labels_are_english(no_korean_font, tmp_path, capsys):
    languages.use("ko")
    for name in "ab":
        draw(tmp_path / name, "accuracy")
    assert style.text("accuracy") == "accuracy" and languages.text("accuracy") == "정확도"
    assert style.data_name(languages.ORIGINAL) == "original MNIST"
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "apt install fonts-nanum" in err


def test_drawing_leaves_the_callers_own_settings_of_matplotlib(korean, tmp_path):
    before = dict(matplotlib.rcParams)
    figure = style.new_figure(4, 3)
    figure.subplots().set(title=style.text("accuracy"), xlabel="x")
    style.save(figure, tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before
    assert {words.get_fontfamily()[0] for words in figure.axes[0].get_xticklabels()} == {style.fonts()[0]}


def test_korean_labels_have_a_glyph_for_every_letter(korean):
    style.new_figure(4, 3)
    assert style.text("accuracy") == "정확도" and style.data_name(languages.SYNTHETIC) == "※ 합성 숫자, MNIST 아님"
    paths = fontManager._find_fonts_by_props(FontProperties(family=style.fonts()))
    fonts = [get_font(path) for path in paths]
    written = set("".join([*languages.korean(), *languages.korean().values()])) - {"\n"}
    assert [letter for letter in written if not any(font.get_char_index(ord(letter)) for font in fonts)] == []


def test_english_pictures_have_hangul_for_names(korean, request, capsys):
    languages.use("en")
    style.new_figure(4, 3)
    first, *others = fontManager._find_fonts_by_props(FontProperties(family=style.fonts()))
    assert "DejaVuSans" in first and any(get_font(path).get_char_index(ord("한")) for path in others)
    request.getfixturevalue("no_korean_font")
    forget_fonts()
    style.new_figure(4, 3)
    assert style.text("accuracy") == "accuracy" and capsys.readouterr().err == ""


def test_a_font_installed_after_matplotlib_made_its_list_is_found(korean):
    forget_fonts()
    fontManager.ttflist[:] = [font for font in fontManager.ttflist if font.name not in style.KOREAN_FONTS]
    assert style.text("accuracy") == "정확도"


def test_a_listed_font_whose_file_is_gone_is_passed_over(no_korean_font, tmp_path, capsys):
    gone = type(fontManager.ttflist[0])(fname=str(tmp_path / "gone.ttf"), name="No Such Font")
    fontManager.ttflist.append(gone)
    languages.use("ko")
    assert style.text("accuracy") == "accuracy"
    assert capsys.readouterr().err.count("\n") == 1


def test_english_after_korean_is_drawn_as_english_alone(tmp_path):
    drawn = []
    for lang in ("en", "ko", "en"):
        languages.use(lang)
        drawn.append(draw(tmp_path / "a.png", "accuracy", "loss"))
    assert drawn[0] == drawn[2]
