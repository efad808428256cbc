"""show_data.py: what it says and draws is what the data holds."""

import io
import subprocess
import sys

import numpy as np
import pytest
from helpers import refusal
from PIL import Image

from rnn_mnist.analysis import show_data as data_view
from rnn_mnist.console import languages
from rnn_mnist.data import Source, Split
from rnn_mnist.datasets.files import load_arrays, read_arrays
from rnn_mnist.plots import data as data_plots
from rnn_mnist.plots import style

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def toy(toy_data_dir):
    """Return the toy data as (training Split, test Split, Source)."""
    arrays, *source = load_arrays(data_dir=toy_data_dir)
    return Split(*arrays[:2]), Split(*arrays[2:]), Source(*source)


@pytest.fixture
def figures(toy_data_dir, tmp_path, monkeypatch):
    """Return the figures that show_data draws of the toy data and its image 3, by the names of their files."""
    drawn, save = {}, style.save
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.update({path.name: figure}) or save(figure, path))
    data_view.show_data(3, tmp_path, data_dir=toy_data_dir)
    return drawn


def test_description_counts_every_label(toy, toy_data_dir):
    lines = data_view.describe(*toy)
    assert toy_data_dir in lines[0] and "NOT THE ORIGINAL MNIST" in lines[0]
    assert lines[1].startswith("training : images uint8 [600, 28, 28], values 0 to 255, labels int32 [600]")
    assert lines[2].startswith("test : images uint8 [200, 28, 28]")
    train, test = (np.bincount(labels) for labels in read_arrays(toy_data_dir)[1::2])
    for digit, line in enumerate(lines[5:15]):
        cells = line.split()
        assert cells == [str(digit), str(train[digit]), f"{train[digit] / 600:.1%}", str(test[digit]),
                         f"{test[digit] / 200:.1%}"]
    assert lines[15].split() == ["all", "600", "100.0%", "200", "100.0%"]


def test_description_is_korean_throughout(toy):
    languages.use("ko")
    lines = data_view.describe(*toy[:2], toy[2]._replace(where="drawn from a seed"))
    assert "시드로 생성" in lines[0]
    assert lines[1] == "훈련 : 이미지 uint8 [600, 28, 28], 값 0 ~ 255, 레이블 int32 [600]"


def test_characters_show_the_image(toy):
    images, labels = toy[0]
    head, *lines = data_view.as_characters(toy[0], 3)
    assert head == f"training image 3: a {labels[3]}"
    assert len(lines) == 28
    for line, row in zip(lines, images[3], strict=True):
        pairs = line.ljust(56)
        assert all(pairs[2 * i] == pairs[2 * i + 1] for i in range(28))
        levels = [data_view.SHADES.index(pairs[2 * i]) for i in range(28)]
        assert levels == [int(pixel) * 10 // 256 for pixel in row]


def test_image_is_drawn_beside_its_784_pixel_values(toy, figures):
    left, right, bar = figures["image-3.png"].axes
    assert np.array_equal(left.images[0].get_array(), toy[0].images[3])
    assert np.array_equal(right.lines[0].get_ydata(), toy[0].images[3].ravel())
    assert (bar.get_ylabel(), bar.get_ylim()) == ("pixel value", (0, 255))
    assert f"a {toy[0].labels[3]}" in figures["image-3.png"].get_suptitle()


def test_balance_shows_the_share_of_each_digit(toy, figures):
    for bars, split in zip(figures["balance.png"].axes[0].containers, toy[:2], strict=True):
        assert np.allclose([bar.get_height() for bar in bars], 100 * np.bincount(split.labels) / len(split.labels))


def test_samples_are_the_first_of_each_digit(toy, figures):
    images, labels = toy[0]
    grid = figures["samples.png"].axes[0].images[0].get_array()
    assert grid.shape == (280, 28 * data_plots.N_SAMPLES)
    for digit in range(10):
        first = images[labels == digit][1]
        assert np.array_equal(grid[28 * digit:28 * digit + 28, 28:56], first)


def test_samples_of_a_digit_that_is_rare_or_absent_are_blank(toy, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.append(figure))
    few = Split(toy[0].images[:4], toy[0].labels[:4])
    data_plots.draw_samples(*few, "any", tmp_path / "a.png")
    grid = drawn[0].axes[0].images[0].get_array()
    assert (grid != 0).any(axis=1).reshape(10, 28).any(axis=1).sum() == len(set(few.labels))
    counts = np.bincount(few.labels, minlength=10)
    data_plots.draw_balance(counts, counts, "any", tmp_path / "a.png")
    assert len(drawn) == 2 and data_view.describe(few, few, toy[2])


def test_data_of_a_few_images_is_shown(folder, tmp_path):
    lines, paths = data_view.show_data(29, tmp_path / "out", data_dir=folder)
    assert "uint8 [30, 28, 28]" in lines[1] and all(path.is_file() for path in paths)


def test_pictures_do_not_depend_on_when_they_are_drawn(toy_data_dir, tmp_path):
    first, again = ([path.read_bytes() for path in data_view.show_data(0, tmp_path / name, data_dir=toy_data_dir)[1]]
                    for name in "ab")
    assert first == again


def test_image_out_of_range_is_refused_and_nothing_written(tmp_path, toy_data_dir, flag_words):
    for image in (-1, 600):
        message = refusal(data_view.show_data, image, tmp_path / "out", data_dir=toy_data_dir)
        assert f"--image {image}" in message and "0 to 599" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("lang", "word"), [("en", "digit"), ("ko", "숫자")])
def test_command_line(tmp_path, toy_data_dir, lang, word):
    done = subprocess.run([sys.executable, "scripts/show_data.py", "--data-dir", toy_data_dir, "--image", "4", "--out",
                           tmp_path / "out", "--lang", lang], capture_output=True, text=True)
    assert done.returncode == 0
    assert word in done.stdout
    names = {"samples.png", "balance.png", "image-4.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    for name in names:
        assert name in done.stdout
        assert Image.open(io.BytesIO((tmp_path / "out" / name).read_bytes())).size > (600, 400)


def test_command_line_refuses_in_one_line(tmp_path):
    done = subprocess.run([sys.executable, "scripts/show_data.py", "--data-dir", tmp_path / "none", "--out",
                           tmp_path / "out"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert not (tmp_path / "out").exists()
