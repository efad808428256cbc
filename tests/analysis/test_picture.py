"""Own pictures in MNIST's form: one digit drawn in many ways gives one array; what is no digit is refused in a line."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers import refusal
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps
from scipy import ndimage

from rnn_mnist.analysis import picture as pictures
from rnn_mnist.analysis.parts import split
from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets.files import read_arrays

pytestmark = pytest.mark.slow

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def drawn(digit=5, size=(400, 400), height=300, ink=BLACK, paper=WHITE, mode="RGB", font="DejaVuSans.ttf", at=None):
    """Return a Pillow image of a digit, its middle in the picture's middle or at a place."""
    picture = Image.new(mode, size, paper)
    ImageDraw.Draw(picture).text(at or (size[0] / 2, size[1] / 2), str(digit), fill=ink, anchor="mm",
                                 font=ImageFont.truetype(str(FONTS / font), height))
    return picture


def expected(digit=5, font="DejaVuSans.ttf"):
    """Return the digit in the form that MNIST's makers describe, float [28, 28] 0..255, drawn 20 times as large."""
    ink = 255 - np.asarray(drawn(digit, (1200, 1200), 550, font=font).convert("L"), np.float64)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    assert max(ink.shape) > 360
    large = Image.fromarray(ink.astype(np.uint8))
    large = np.asarray(large.resize([round(side * 400 / max(ink.shape)) for side in large.size]), np.float64)
    y, x = (min(round(14.5 * 20 - np.average(np.arange(n) + 0.5, weights=large.sum(1 - axis))), 560 - n)
            for axis, n in enumerate(large.shape))
    canvas = np.zeros((560, 560))
    canvas[y:y + large.shape[0], x:x + large.shape[1]] = large
    small = canvas.reshape(28, 20, 28, 20).mean((1, 3))
    return small * 255 / small.max()


def lit(picture):
    """Return a picture as a photograph in the light of a lamp at its upper left, with noise."""
    height, width = picture.height, picture.width
    y, x = np.mgrid[0:1:height * 1j, 0:1:width * 1j]
    light = 0.3 + 0.7 * np.exp(-1.5 * ((x - 0.1) ** 2 + (y - 0.2) ** 2))
    noise = np.random.RandomState(1).normal(0, 4, (height, width))
    pixels = np.asarray(picture, np.float64) * light[:, :, None] + noise[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def noisy(picture, strength):
    pixels = np.asarray(picture, np.float64)
    pixels = pixels + np.random.RandomState(2).normal(0, strength, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def specked(picture, share):
    pixels, chance = np.array(picture), np.random.RandomState(3).random_sample(picture.size[::-1])
    pixels[chance < share], pixels[chance > 1 - share] = 0, 255
    return Image.fromarray(pixels)


def deep(dtype):
    """Return the digit with 16 bits or in floating point."""
    grey = np.asarray(drawn().convert("L"))
    return Image.fromarray(grey.astype(np.uint16) * 257 if dtype == "16" else grey.astype(np.float32) / 255)


def transparent(ink, paper=(0, 0, 0, 0)):
    return drawn(ink=ink, paper=paper, mode="RGBA")


def sheet():
    """Return a round sheet of paper with the digit, transparent around it."""
    picture, mask = drawn(ink=(20, 20, 120), paper=(250, 240, 200)), Image.new("L", (400, 400))
    ImageDraw.Draw(mask).ellipse((2, 2, 397, 397), fill=255)
    picture.putalpha(mask)
    return picture


def stencil():
    """Return a sheet that the digit is cut out of."""
    return drawn(ink=(200, 30, 30, 0), paper=(200, 30, 30, 255), mode="RGBA")


def saved(picture, path, **settings):
    picture.save(path, **settings)
    return str(path)


def rotated_exif(orientation):
    """Return (how a camera stores the upright digit, its EXIF) for an orientation; the EXIF standard names eight."""
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    return drawn(size=(300, 400), height=250).transpose(undo[orientation]), exif


def huge(mode, size=(4100, 4300)):
    """Return the digit in a mode, so large that it is brought down strip by strip."""
    picture = drawn(size=size, height=size[0] * 3 // 4)
    if mode == "RGBA":
        picture.putalpha(255)
    if mode not in ("I", "F", "I;16"):
        return picture.convert(mode, dither=Image.Dither.NONE)
    grey = np.asarray(picture.convert("L"))
    if mode == "I":
        return Image.fromarray(grey.astype(np.int32) * 16_000_000 - 2_000_000_000)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    values = grey.astype(np.float32)
    values.flat[::10_007], values.flat[5::10_009] = np.nan, np.inf
    return Image.fromarray(values)


def palette_with_transparency(size=(400, 400)):
    """Return the digit as colour 1 of a palette whose colour 0 is transparent; both are black."""
    picture = drawn(size=size, height=size[0] * 3 // 4, ink=1, paper=0, mode="P")
    picture.putpalette([0] * 768)
    return picture


def on_lines(picture, squared, colour, pitch=45, width=2, slope=0.03):
    """Return a picture as if drawn on ruled or squared paper whose lines are not quite level."""
    lines, (w, h) = Image.new("L", picture.size), picture.size
    draw = ImageDraw.Draw(lines)
    for start in range(-h, 2 * h, pitch):
        draw.line((0, start, w, start + slope * w), fill=255, width=width)
    for start in range(-w, 2 * w, pitch) if squared else ():
        draw.line((start, 0, start - slope * h, h), fill=255, width=width)
    paper = picture.copy()
    paper.paste(Image.new("RGB", picture.size, colour), mask=lines)
    return ImageChops.darker(picture, paper)


def written(digits="407", pitch=160, size=(600, 400), height=200, **look):
    """Return a picture of several digits in a row."""
    picture = Image.new("RGB", size, WHITE)
    for k, digit in enumerate(digits):
        at = (size[0] / 2 + (k - (len(digits) - 1) / 2) * pitch, size[1] / 2)
        picture = ImageChops.darker(picture, drawn(digit, size, height, at=at, **look))
    return picture


# Name of the file, a function that gives the picture, settings of save().
WAYS = {
    "black on white": ("a.png", drawn, {}),
    "white on black": ("a.png", lambda: drawn(ink=WHITE, paper=BLACK), {}),
    "blue on cream": ("a.png", lambda: drawn(ink=(30, 40, 160), paper=(250, 240, 210)), {}),
    "yellow on white": ("a.png", lambda: drawn(ink=(255, 255, 0)), {}),
    "red on a green as bright": ("a.png", lambda: drawn(ink=(255, 0, 0), paper=(0, 130, 0)), {}),
    "pale": ("a.png", lambda: drawn(ink=(215, 215, 215)), {}),
    "large": ("a.png", lambda: drawn(size=(2400, 2000), height=1500), {}),
    "small": ("a.png", lambda: drawn(size=(100, 100), height=80), {}),
    "small in a large picture": ("a.png", lambda: drawn(size=(2000, 1500), height=250, at=(1700, 300)), {}),
    "in a corner": ("a.png", lambda: drawn(height=200, at=(70, 90)), {}),
    "cut close": ("a.png", lambda: drawn().crop(ImageOps.invert(drawn()).getbbox()), {}),
    "noisy": ("a.png", lambda: noisy(drawn(size=(800, 800), height=600), 30), {}),
    "specked": ("a.png", lambda: specked(drawn(size=(800, 800), height=600), 0.02), {}),
    "bad JPEG": ("a.jpg", drawn, {"quality": 15}),
    "unevenly lit": ("a.jpg", lambda: lit(drawn(size=(900, 700), ink=(40, 40, 40))), {}),
    "unevenly lit blackboard": ("a.jpg", lambda: lit(drawn(size=(900, 700), ink=(230, 230, 230), paper=(70, 80, 70))),
                                {}),
    "on faint squared paper": ("a.jpg", lambda: on_lines(drawn(), True, (170, 190, 230)), {}),
    "on dark squared paper": ("a.png", lambda: on_lines(drawn(size=(800, 800), height=600), True, (70, 70, 70)), {}),
    "on ruled paper": ("a.jpg", lambda: on_lines(drawn(ink=(30, 40, 160)), False, (20, 20, 60), 70, 3, -0.05), {}),
    "in pencil on darker lines": ("a.png", lambda: on_lines(drawn(ink=(150, 150, 150)), False, BLACK, 90), {}),
    "on ruled paper, unevenly lit": ("a.jpg", lambda: lit(on_lines(drawn(size=(900, 700), height=450), False,
                                                                   (60, 60, 90), 80, 3)), {}),
    "on one line": ("a.png", lambda: on_lines(drawn(), False, BLACK, 250), {}),
    "grey": ("a.png", lambda: drawn().convert("L"), {}),
    "black, transparent around": ("a.png", lambda: transparent((0, 0, 0, 255)), {}),
    "white, transparent around": ("a.png", lambda: transparent((255, 255, 255, 255)), {}),
    "half transparent ink": ("a.webp", lambda: transparent((200, 0, 0, 120)), {"lossless": True}),
    "opaque RGBA": ("a.png", lambda: transparent((0, 0, 90, 255), (240, 240, 255, 255)), {}),
    "grey and alpha": ("a.png", lambda: transparent((0, 0, 0, 255)).convert("LA"), {}),
    "transparent palette": ("a.gif", palette_with_transparency, {"transparency": 0}),
    "sheet cut out": ("a.png", sheet, {}),
    "stencil": ("a.png", stencil, {}),
    "1 bit": ("a.png", lambda: drawn().convert("1", dither=Image.Dither.NONE), {}),
    "1 bit PBM": ("a.pbm", lambda: drawn().convert("1", dither=Image.Dither.NONE), {}),
    "16 bits": ("a.png", lambda: deep("16"), {}),
    "16 bits TIFF": ("a.tif", lambda: deep("16"), {}),
    "floating point": ("a.tif", lambda: deep("float"), {}),
    "CMYK JPEG": ("a.jpg", lambda: drawn().convert("CMYK"), {"quality": 90}),
    "CMYK TIFF": ("a.tif", lambda: drawn().convert("CMYK"), {}),
    "BMP": ("a.bmp", drawn, {}),
    "animated GIF": ("a.gif", drawn, {"save_all": True, "append_images": [drawn(8), drawn(1)]}),
    "animated PNG": ("a.png", drawn, {"save_all": True, "append_images": [drawn(8), drawn(1)]}),
    **{f"huge, {mode}": ("a.tif", lambda mode=mode: huge(mode), {"compression": "packbits"})
       for mode in ("I", "F", "I;16", "1", "L", "RGBA", "CMYK")},
    "huge transparent palette": ("a.png", lambda: palette_with_transparency((4100, 4300)),
                                 {"transparency": 0, "compress_level": 1}),
    "wrong ending": ("a.txt", drawn, {"format": "PNG"}),
}


def mnist_form(path):
    return pictures.to_mnist(pictures.open_picture(path), path)


def close(found, wanted):
    """Tell whether two images show the same: pixels differ little on the whole, none by half of full ink."""
    difference = np.abs(found.astype(np.float64) - wanted)
    return difference.mean() < 5 and difference.max() < 128


@pytest.mark.parametrize("way", WAYS)
def test_one_digit_in_many_ways_gives_one_array(tmp_path, way):
    name, picture, settings = WAYS[way]
    found = mnist_form(saved(picture(), tmp_path / name, **settings))
    assert found.dtype == np.uint8 and found.shape == (28, 28) and found.max() == 255
    assert close(found, expected())


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_picture_is_turned_as_its_exif_says(tmp_path, orientation, ending):
    picture, exif = rotated_exif(orientation)
    assert close(mnist_form(saved(picture, tmp_path / f"a.{ending}", exif=exif)), expected())
    assert not close(mnist_form(saved(picture, tmp_path / f"b.{ending}")), expected())


@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf",
                                  "STIXGeneral.ttf", "cmr10.ttf"])
def test_each_font_and_digit_has_mnists_form(tmp_path, font):
    for digit in range(10):
        found = mnist_form(saved(drawn(digit, font=font, at=(170, 210)), tmp_path / "a.png"))
        assert close(found, expected(digit, font))
        rows, columns = np.flatnonzero((found > 127).any(1)), np.flatnonzero((found > 127).any(0))
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        for axis in (0, 1):
            assert abs(np.average(np.arange(28), weights=found.sum(axis)) - 14) < 0.6


@pytest.mark.parametrize("inverted", [False, True])
def test_bold_digits_that_fill_their_picture_are_told_from_the_paper(tmp_path, inverted):
    for digit in range(10):
        picture = drawn(digit, font="DejaVuSerif-Bold.ttf")
        picture = picture.crop(ImageOps.invert(picture).getbbox())
        found = mnist_form(saved(ImageOps.invert(picture) if inverted else picture, tmp_path / "a.png"))
        assert close(found, expected(digit, "DejaVuSerif-Bold.ttf"))


def test_different_digits_are_not_taken_for_close():
    arrays = [expected(digit) for digit in range(10)]
    assert all(close(a, b) == (a is b) for a in arrays for b in arrays)


@pytest.mark.slow
def test_mnists_own_test_images_keep_every_pixel(mnist_dir, tmp_path):
    path = str(tmp_path / "a.png")
    for pixels in read_arrays(mnist_dir)[2][::4]:
        assert np.array_equal(mnist_form(saved(Image.fromarray(pixels), path, compress_level=1)), pixels)


def test_mnists_negative_is_turned_back_and_its_enlargement_brought_down(mnist_dir, tmp_path):
    path, differences = str(tmp_path / "a.png"), []
    for pixels in read_arrays(mnist_dir)[2][:40]:
        assert np.array_equal(mnist_form(saved(Image.fromarray(255 - pixels), path)), pixels)
        large = Image.fromarray(pixels).resize((280, 280), Image.Resampling.BICUBIC)
        differences.append(np.abs(mnist_form(saved(large, path)).astype(float) - pixels).mean())
    assert np.mean(differences) < 10  # of 255; two images of one digit differ by 50 or so


def test_a_28_x_28_picture_that_is_not_in_mnists_form_is_brought_into_it(tmp_path):
    picture = drawn(size=(28, 28), height=14, at=(9, 9))
    found = mnist_form(saved(picture, tmp_path / "a.png"))
    assert np.abs(found - expected()).mean() < 15  # ten pixels high, it has no more detail


def test_dust_a_shadow_at_the_edge_and_thin_strokes_do_no_harm(tmp_path):
    picture = drawn()
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 30, 40, 40), fill=BLACK)
    draw.polygon([(400, 400), (400, 250), (330, 400)], fill=(60, 60, 60))
    assert close(mnist_form(saved(picture, tmp_path / "a.png")), expected())
    line = Image.new("L", (600, 600), 255)
    ImageDraw.Draw(line).line((300, 80, 280, 520), fill=0, width=3)
    assert (mnist_form(saved(line, tmp_path / "b.png")).max(1) > 127).sum() in (19, 20, 21)


# ---- several digits ----

def found_in(picture, path):
    """Return what to_digits gives for a picture once it has been saved."""
    return pictures.to_digits(pictures.open_picture(saved(picture, path)), str(path))


@pytest.mark.parametrize("picture", [
    lambda: written(), lambda: written().crop(ImageOps.invert(written()).getbbox()),
    lambda: on_lines(written(), True, (150, 170, 220)), lambda: lit(on_lines(written(), False, (60, 60, 90), 70))],
    ids=["plain", "cut close", "squared", "ruled and unevenly lit"])
def test_digits_side_by_side_are_found_from_left_to_right(tmp_path, picture):
    found = found_in(picture(), tmp_path / "a.png")
    assert [close(pixels, expected(digit)) for digit, (pixels, _) in zip("407", found, strict=True)] == [True] * 3


def test_the_places_are_shares_of_the_picture_and_rows_come_one_after_the_other(tmp_path):
    picture = Image.new("RGB", (600, 800), WHITE)
    picture.paste(written("12"), (0, 0))
    picture.paste(written("3"), (0, 400))
    found = found_in(picture, tmp_path / "a.png")
    assert [close(pixels, expected(digit)) for digit, (pixels, _) in zip("123", found, strict=True)] == [True] * 3
    for _, (left, top, right, bottom) in found:
        assert 0 < left < right < 1 and 0 < top < bottom < 1
    (one, two, three) = (np.array(place) for _, place in found)
    assert one[2] < two[0] and max(one[3], two[3]) < three[1]
    assert (three[0] + three[2]) / 2 == pytest.approx(0.5, abs=0.02) and three[3] - three[1] < 0.25


def test_a_digit_of_several_parts_is_one(tmp_path):
    broken = drawn(5)
    ImageDraw.Draw(broken).rectangle((0, 135, 400, 142), fill=WHITE)  # its bar is off
    open_4 = Image.new("RGB", (400, 400), WHITE)
    ImageDraw.Draw(open_4).line((150, 100, 130, 220, 220, 220), fill=BLACK, width=20)
    ImageDraw.Draw(open_4).line((245, 90, 240, 330), fill=BLACK, width=20)  # does not touch the rest
    dotted = drawn(1)
    ImageDraw.Draw(dotted).ellipse((250, 260, 285, 295), fill=BLACK)
    for picture in (broken, open_4, dotted):
        assert len(found_in(picture, tmp_path / "a.png")) == 1


@pytest.mark.slow
def test_hardly_any_of_mnists_digits_is_split(mnist_dir):
    eight, images = np.ones([3, 3]), read_arrays(mnist_dir)[0]
    several = [pixels for pixels in images[:20_000] if ndimage.label(pixels > 25, eight)[1] > 1]
    assert len(several) > 300
    assert sum(len(split(np.kron(pixels / 255, np.ones((4, 4))))) > 1 for pixels in several) <= 20


def test_a_picture_of_several_is_refused_where_one_is_wanted_and_a_page_of_text_is_one(tmp_path):
    assert "holds 3 digits" in refusal(mnist_form, saved(written(), tmp_path / "a.png"))
    page = Image.new("RGB", (600, 800), WHITE)
    for y in range(40, 760, 30):
        ImageDraw.Draw(page).text((40, y), "a page of text, and no digit", fill=BLACK, font_size=24)
    assert len(found_in(page, tmp_path / "b.png")) == 1


# ---- refusals ----

def png_of_size(width, height):
    """Return a PNG that says it has that size, with next to no pixels."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))


def content_of(picture, ending="png", **settings):
    stream = io.BytesIO()
    picture.save(stream, {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "tif": "TIFF", "bmp": "BMP"}[ending], **settings)
    return stream.getvalue()


@pytest.mark.parametrize(("content", "word"), [
    (b"", "empty"), (b"hello, this is a letter", "not a picture"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture"),
    (content_of(drawn())[:600], "damaged"), (content_of(drawn(), "jpg")[:2000], "damaged"),
    (content_of(drawn(), "gif")[:1000], "damaged"), (content_of(drawn(), "bmp")[:3000], "damaged"),
    (content_of(drawn())[:10], "not a picture"),
    (png_of_size(0, 0), "not a picture"), (png_of_size(0, 28), "not a picture"), (png_of_size(28, 28), "damaged"),
    (png_of_size(60_000, 60_000), "megapixels"), (png_of_size(9_000, 9_000), "megapixels"),
    (png_of_size(2**31 - 1, 2**31 - 1), "megapixels"),
    (content_of(Image.new("L", (300, 200), 255)), "blank"), (content_of(Image.new("L", (300, 200))), "blank"),
    (content_of(Image.new("L", (28, 28))), "blank"), (content_of(Image.new("RGB", (1, 1), WHITE)), "blank"),
    (content_of(Image.new("RGBA", (50, 50))), "blank"), (content_of(Image.new("RGBA", (50, 50), WHITE)), "blank"),
    (content_of(noisy(Image.new("RGB", (400, 300), (200, 200, 200)), 6)), "blank"),
    (content_of(lit(Image.new("RGB", (400, 300), (220, 220, 220))), "jpg"), "blank"),
    (content_of(on_lines(Image.new("RGB", (400, 300), WHITE), True, (120, 140, 220)), "jpg"), "blank"),
    (content_of(lit(on_lines(Image.new("RGB", (500, 400), WHITE), False, (40, 40, 90))), "jpg"), "blank"),
    (content_of(Image.fromarray(np.full((50, 60), np.nan, np.float32)), "tif"), "blank"),
    (content_of(Image.fromarray(np.resize(np.float32([0, np.inf, -np.inf, np.nan]), (50, 60))), "tif"), "blank"),
])
def test_what_is_no_digit_is_refused(tmp_path, content, word):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    message = refusal(mnist_form, str(path))
    assert word in message and message.startswith(str(path))


def test_missing_files_folders_and_pipes_are_refused(tmp_path):
    assert "No such file" in refusal(mnist_form, str(tmp_path / "none.png"))
    assert "null" in refusal(mnist_form, "a\0b")
    assert "not a file" in refusal(mnist_form, str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "not a file" in refusal(mnist_form, str(tmp_path / "pipe"))


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "tif", "bmp"])
def test_damaged_bytes_give_an_image_or_one_line(tmp_path, ending):
    content, rnd = content_of(drawn(size=(60, 60), height=50), ending), np.random.RandomState(4)
    path = tmp_path / "a"
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = rnd.randint(len(damaged), size=3)
        damaged[places if rnd.randint(2) else places % 200] = rnd.randint(256, size=3)
        path.write_bytes(damaged.tobytes()[:rnd.randint(1, len(damaged)) if rnd.randint(2) else None])
        try:
            assert mnist_form(str(path)).shape == (28, 28)
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (2, 2), (3, 700)])
def test_odd_shapes_are_no_trouble(tmp_path, size):
    pixels = np.full(size, 255, np.uint8)
    pixels[size[0] // 2:, size[1] // 2:] = 0
    path = saved(Image.fromarray(pixels), tmp_path / "a.png")
    try:
        assert mnist_form(path).max() == 255
    except UserError as error:
        assert "blank" in str(error)


def test_standard_input_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content_of(drawn()))))
    assert close(mnist_form("-"), expected())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "standard input: empty" in refusal(mnist_form, "-")
    with open(os.devnull, "w") as unreadable:
        monkeypatch.setattr(sys, "stdin", unreadable)
        assert "standard input: cannot be read" in refusal(mnist_form, "-")


# A process of its own that opens a picture, with at most so many MB more than before, and says how many it took.
OPEN = """
import re, resource, sys
from rnn_mnist.analysis.picture import open_picture
from rnn_mnist.console.settings import UserError
def megabytes(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1000
size = (megabytes("VmSize") + int(sys.argv[2])) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (size, size))
before = megabytes("VmHWM")
try:
    open_picture(sys.argv[1])
    print(megabytes("VmHWM") - before)
except UserError as error:
    print(error)
"""


def opened(path, megabytes):
    """Return what OPEN prints."""
    return subprocess.run([sys.executable, "-c", OPEN, path, str(megabytes)], check=True, capture_output=True,
                          text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_picture_for_which_there_is_no_memory_is_named(tmp_path):
    path = saved(Image.new("L", (8000, 8000)), tmp_path / "a.png", compress_level=1)
    assert opened(path, 30) == f"{path}: there is not enough memory for this picture: make it smaller\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("mode", "size"), [("F", 256), ("I", 256), ("RGB", 256), ("RGBA", 256), ("I;16", 128),
                                            ("L", 64), ("1", 64)])
def test_the_largest_pictures_take_little_more_memory_than_their_pixels(tmp_path, mode, size):
    path = saved(huge(mode, (8000, 8000)), tmp_path / "a.tif", compression="tiff_adobe_deflate")
    assert int(opened(path, 2000)) < size + os.path.getsize(path) / 10**6 + 90


def test_a_file_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 2_000_000)
    (tmp_path / "a.png").write_bytes(bytes(2_000_001))
    assert "larger than 2 MB" in refusal(mnist_form, str(tmp_path / "a.png"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(2_000_001))))
    assert "standard input: larger than 2 MB" in refusal(mnist_form, "-")
