"""What all pictures share: colours, fonts, language, a figure without global state, and a PNG that appears whole.

Import it only where something is drawn: matplotlib takes half a second. What is drawn is in the modules that own it.
"""

import contextlib
import errno
import functools
import io
import warnings
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.style import context
from matplotlib.text import Text

from rnn_mnist import files
from rnn_mnist.console import languages
from rnn_mnist.console.output import note, plain

# Colours that colour-blind people tell apart (M. Okabe and K. Ito, 2008), without the yellow that vanishes on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#707070"
INK = {"cmap": "gray_r", "vmin": 0, "vmax": 255}  # what every image of a digit is shown with: black on white

# Fonts with Hangul, best first: Windows, macOS, Linux. The last is the face of Noto's collection file that an older
# matplotlib sees; it holds Hangul, too.
KOREAN_FONTS = ("Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic", "NanumGothic", "NanumBarunGothic",
                "Noto Sans CJK KR", "Noto Sans KR", "Pretendard", "Spoqa Han Sans Neo", "UnDotum", "Baekmuk Gulim",
                "Noto Sans CJK JP")
KOREAN_FILES = ("malgun", "applesdgothic", "applegothic", "nanum", "notosanscjk", "notosanskr")

# For the functions that draw: what somebody's matplotlibrc asks for, such as LaTeX, is for their own pictures.
as_shipped = context("default")


def new_figure(width, height):
    """Return an empty Figure of that size in inches, laid out so that nothing is cut off."""
    return Figure((width, height), layout="constrained")


def text(english, **values):
    """Return a sentence in the language that pictures can show: English if no font holds Hangul."""
    return languages.text(english, _language(), **values)


def data_name(kind):
    """Return what a picture calls the data: loud unless it is the original MNIST."""
    return text(languages.loud(kind))


def data_color(*kinds):
    """Return the colour of words about data of some kinds: black only if all is the original MNIST."""
    return "black" if {*kinds} == {languages.ORIGINAL} else COLORS[1]


def _language():
    """Return the language of the process, or English, having said why, if it is Korean and no font holds Hangul."""
    if languages.current() == "ko" and _korean_font() is None:
        _note_missing_font()
        return "en"
    return languages.current()


def label(name, longest=56):
    """Return a run's name as matplotlib shows it unchanged, the middle left out if it is long.

    matplotlib would read $ as mathematics and leave labels that begin with _ out of the legend.
    """
    name = plain(name)
    if len(name) > longest:
        name = f"{name[:longest - 20]}…{name[-19:]}"
    return ("\u200b" if name.startswith("_") else "") + name.replace("$", r"\$")


def fonts():
    """Return the names of the language's font and, for letters that it lacks, of the other: run names may hold any."""
    family = _korean_font()
    return [family, "DejaVu Sans"] if _language() == "ko" else ["DejaVu Sans", *([family] if family else [])]


def save(figure, path):
    """Write a figure as a PNG, whole or not at all, with no date in it; return the path as a Path."""
    path, image = Path(path), io.BytesIO()
    for words in figure.findobj(Text):
        words.set_fontfamily(fonts())
    with warnings.catch_warnings(), matplotlib.rc_context({"font.family": fonts()}):
        warnings.filterwarnings("ignore", "Glyph")  # a letter in a run's name that no font has is drawn as a box
        figure.savefig(image, format="png", dpi=120, metadata={"Software": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a pipe or a device, which writing would put a file in the place of
        raise FileExistsError(errno.EEXIST, languages.text("is no file that could be replaced"), str(path))
    files.write(path, image.getvalue())
    return path


@functools.cache
def _note_missing_font():
    """Say what to install, once."""
    note(languages.text("note: no Korean font found, so pictures are labelled in English: install one, such as 'sudo "
                        "apt install fonts-nanum'"))


@functools.cache
def _korean_font():
    """Return the name of an installed font with Hangul, or None."""
    family = _known_font()
    if family is None:  # matplotlib's list of fonts may be older than the font
        for path in font_manager.findSystemFonts():
            if Path(path).name.lower().startswith(KOREAN_FILES):
                with contextlib.suppress(OSError, RuntimeError):
                    font_manager.fontManager.addfont(path)
        family = _known_font()
    return family


def _known_font():
    """Return the first of KOREAN_FONTS in matplotlib's list whose file is there and holds Hangul, or None."""
    paths = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    for family in KOREAN_FONTS:
        with contextlib.suppress(KeyError, OSError, RuntimeError):
            if font_manager.get_font(paths[family]).get_char_index(ord("한")):
                return family
    return None
