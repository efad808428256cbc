"""Reading data files: every packing gives the same arrays; damaged bytes give one clear line, and take no memory."""

import contextlib
import gzip
import io
import os
import struct
import tempfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from helpers import KEYS, SMALL, idx_bytes, npz_bytes, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets.files import open_npz, read_arrays, read_npy


@pytest.mark.parametrize("packing", ["raw", "dots", "gzip", "dots gzip", "npz", "npz stored", "npz by its own name"])
def test_every_packing_gives_the_same_arrays(tmp_path, packing):
    path = tmp_path
    if "npz" in packing:
        path = tmp_path / "other.npz" if "own" in packing else tmp_path
        file = path if "own" in packing else tmp_path / "mnist.npz"
        file.write_bytes(npz_bytes(np.savez if "stored" in packing else np.savez_compressed))
    else:
        for name, array in SMALL.items():
            name = name.replace("-idx", ".idx") if "dots" in packing else name
            content = gzip.compress(idx_bytes(array)) if "gzip" in packing else idx_bytes(array)
            (tmp_path / (name + ".gz" * ("gzip" in packing))).write_bytes(content)
    for array, expected in zip(read_arrays(str(path)), SMALL.values(), strict=True):
        assert array.dtype == np.uint8 and np.array_equal(array, expected)


def test_gzip_is_known_by_its_content_and_may_have_two_members(folder):
    name, array = next(iter(SMALL.items()))
    content = idx_bytes(array)
    (folder / name).write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    assert np.array_equal(read_arrays(str(folder))[0], array)


def test_a_folder_of_the_same_name_does_not_hide_the_file(folder):
    os.rename(folder / "train-images-idx3-ubyte", folder / "train-images.idx3-ubyte")
    (folder / "train-images-idx3-ubyte").mkdir()
    assert len(read_arrays(str(folder))[0]) == 30


# ---- bad files: what is wrong, and a part of the line that says so ----

def _labels(*values):
    return idx_bytes(values)


BAD_IDX = {
    "empty": ("train-images-idx3-ubyte", b"", "empty"),
    "header cut off": ("train-images-idx3-ubyte", idx_bytes(SMALL["train-images-idx3-ubyte"])[:15], "too short"),
    "wrong magic": ("train-images-idx3-ubyte", b"\0\0\x0c\3" + bytes(12), "magic number 3075, expected 2051"),
    "labels as images": ("train-images-idx3-ubyte", bytes([0, 0, 8, 1]) + bytes(16), "magic number 2049"),
    "cut off": ("t10k-images-idx3-ubyte", idx_bytes(SMALL["t10k-images-idx3-ubyte"])[:-1], "cut off"),
    "trailing byte": ("t10k-images-idx3-ubyte", idx_bytes(SMALL["t10k-images-idx3-ubyte"]) + b"\0", "more bytes"),
    "27 rows": ("t10k-images-idx3-ubyte", idx_bytes(np.zeros((20, 27, 28))), "27 x 28 pixels, expected 28 x 28"),
    "huge sides": ("t10k-images-idx3-ubyte", struct.pack(">4I", 0x803, 20, 2**31, 2**31), "pixels, expected 28"),
    "no images": ("t10k-images-idx3-ubyte", idx_bytes(np.zeros((0, 28, 28))), "says it holds 0 items"),
    "one label less": ("t10k-labels-idx1-ubyte", _labels(*range(10)), "10 labels for the 20 images"),
    "label 10": ("train-labels-idx1-ubyte", _labels(*[0] * 29, 10), "label 10 (at 29), expected 0 to 9"),
    "gzip cut off": ("train-images-idx3-ubyte", gzip.compress(idx_bytes(SMALL["train-images-idx3-ubyte"]))[:-900],
                     "cut off"),
    "gzip without its end": ("train-labels-idx1-ubyte", gzip.compress(_labels(*range(10), *range(10), *range(10)))[:-1],
                             "cut off"),
    "gzip wrong checksum": ("train-labels-idx1-ubyte",
                            gzip.compress(_labels(*range(10), *range(10), *range(10)))[:-8] + bytes(8), "CRC"),
    "gzip trailing byte": ("train-labels-idx1-ubyte", gzip.compress(_labels(*[1] * 30) + b"\1"), "more bytes"),
    "gzip then rubbish": ("train-labels-idx1-ubyte", gzip.compress(_labels(*[1] * 30)) + b"rubbish", "damaged"),
    "gzip of nothing": ("train-labels-idx1-ubyte", gzip.compress(b""), "empty"),
    "gzip header only": ("train-labels-idx1-ubyte", b"\x1f\x8b", "damaged"),
}


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx_file_is_refused_in_one_line_naming_it(folder, case):
    name, content, expected = BAD_IDX[case]
    (folder / name).write_bytes(content)
    message = refusal(read_arrays, str(folder))
    assert str(folder / name) in message and expected in message


BAD_NPZ = {
    "missing key": (npz_bytes(y_test=None), "no array named y_test"),
    "wide images": (npz_bytes(x_test=np.zeros((20, 28, 29), np.uint8)), "28 x 29 pixels"),
    "flat images": (npz_bytes(x_test=np.zeros((20, 784), np.uint8)), "shape (20, 784), expected [n, 28, 28]"),
    "column order": (npz_bytes(x_test=np.zeros((20, 28, 28), np.uint8, order="F")), "in C order"),
    "float images": (npz_bytes(x_train=np.zeros((30, 28, 28), np.float32)), "type float32, expected uint8"),
    "long labels": (npz_bytes(y_train=np.zeros(30, np.int64)), "type int64, expected uint8"),
    "no images": (npz_bytes(x_test=np.zeros((0, 28, 28), np.uint8)), "says it holds 0 items"),
    "counts differ": (npz_bytes(y_train=np.zeros(31, np.uint8)), "31 labels for the 30 images"),
    "label 255": (npz_bytes(y_test=np.full(20, 255, np.uint8)), "label 255"),
    "single number": (npz_bytes(y_test=np.uint8(3)), "shape ()"),
    "structured": (npz_bytes(y_test=np.zeros(20, [("é", "u1")])), "expected uint8"),
    "long npy header": (npz_bytes(y_test=np.zeros(20, [("n" * 12_000, "u1")])), "not a sound npz"),
    "many dimensions": (npz_bytes(y_test=np.zeros((1,) * 60, np.uint8)), "expected [n]"),
    "cut off": (npz_bytes()[:-30], "not a sound npz"),
    "empty": (b"", "not a sound npz"),
    "a text": (b"x_train,y_train\n" * 100, "not a sound npz"),
    "a bare npy": (b"\x93NUMPY\1\0", "not a sound npz"),
}


@pytest.mark.parametrize("case", BAD_NPZ)
def test_bad_npz_is_refused_in_one_line_naming_it(tmp_path, case):
    content, expected = BAD_NPZ[case]
    (tmp_path / "mnist.npz").write_bytes(content)
    message = refusal(read_arrays, str(tmp_path))
    assert str(tmp_path / "mnist.npz") in message and expected in message and len(message) < 400


class Trap:
    """Make a folder when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_pickled_objects_are_never_loaded(tmp_path):
    labels = np.array([Trap(str(tmp_path / "sprung"))] * 20, dtype=object)
    (tmp_path / "mnist.npz").write_bytes(npz_bytes(y_test=labels))
    assert "type object, expected uint8" in refusal(read_arrays, str(tmp_path))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", SMALL)
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()
    assert f"no {name}" in refusal(read_arrays, str(folder))


def test_missing_file_is_not_made_up_for_by_an_npz(folder):
    (folder / "mnist.npz").write_bytes(npz_bytes())
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert "no t10k-labels-idx1-ubyte" in refusal(read_arrays, str(folder))


def test_what_is_no_file_is_refused(folder):
    path = folder / "t10k-labels-idx1-ubyte"
    path.unlink()
    path.mkdir()
    assert f"{path}: not a file" in refusal(read_arrays, str(folder))
    path.rmdir()
    os.mkfifo(path)  # opening it would wait for ever
    assert f"{path}: not a file" in refusal(read_arrays, str(folder))
    path.unlink()
    path.symlink_to(path)
    assert f"{path}: cannot be read" in refusal(read_arrays, str(folder))
    (folder / "empty").mkdir()
    assert "and no mnist.npz" in refusal(read_arrays, str(folder / "empty"))


def _peak(call, *args):
    """Return (message of the refusal, bytes allocated at most)."""
    tracemalloc.start()
    try:
        return refusal(call, *args), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("n", [1_000_000, 2**31, 2**32 - 1])
def test_counts_that_lie_allocate_nothing(folder, n, packed):
    content = struct.pack(">4I", 0x803, n, 28, 28) + bytes(784)
    (folder / "train-images-idx3-ubyte").write_bytes(gzip.compress(content) if packed else content)
    message, peak = _peak(read_arrays, str(folder))
    assert "says it holds" in message and peak < 2_000_000


@pytest.mark.parametrize("n", [1_000_000, 10**15, -1, 10**400])
def test_npz_shapes_that_lie_allocate_nothing(tmp_path, n):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (n, 28, 28)})
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w") as archive:
        for key in KEYS:
            archive.writestr(key + ".npy", header.getvalue())
    message, peak = _peak(read_arrays, str(tmp_path))
    assert "says it holds" in message and peak < 2_000_000


def _npy(shape=(20,), version=(1, 0), length=None, text=None):
    """Return the header of a .npy file of uint8, of one that says it is of some length, or of one with that text."""
    text = text or repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text


BOMB = bytes(60_000_000)
HOSTILE_MEMBERS = {
    "header 2.0 of 3 GB": (_npy(version=(2, 0), length=3 * 10**9) + BOMB, zipfile.ZIP_DEFLATED, "unusual type"),
    "header 3.0 of 3 GB": (_npy(version=(3, 0), length=3 * 10**9) + BOMB, zipfile.ZIP_DEFLATED, "unusual type"),
    "header longer than the file": (_npy(length=65_535), zipfile.ZIP_STORED, "not a sound npz"),
    "nonsense": (_npy(text=b"nonsense"), zipfile.ZIP_STORED, "not a sound npz"),
    "deep nonsense": (_npy(text=b"[" * 9000), zipfile.ZIP_STORED, "not a sound npz"),
    "hexadecimal size": (_npy(text=b"{'descr': '|u1', 'fortran_order': False, 'shape': (0x" + b"f" * 9000 + b",)}"),
                         zipfile.ZIP_STORED, "not a sound npz"),
    "sizes below 0": (_npy(shape=(-4, -5)) + bytes(20), zipfile.ZIP_STORED, "says it holds (-4, -5)"),
    "endless": (_npy() + BOMB, zipfile.ZIP_DEFLATED, "more bytes"),
    "endless, by bzip2": (_npy() + BOMB, zipfile.ZIP_BZIP2, "otherwise than NumPy"),
    "endless, by LZMA": (_npy() + BOMB, zipfile.ZIP_LZMA, "otherwise than NumPy"),
}


@pytest.mark.parametrize("case", HOSTILE_MEMBERS)
def test_hostile_members_are_refused_and_take_no_memory(tmp_path, case):
    member, method, expected = HOSTILE_MEMBERS[case]
    path = tmp_path / "mnist.npz"
    path.write_bytes(npz_bytes(np.savez, y_test=None))
    with zipfile.ZipFile(path, "a", method, compresslevel=1) as archive:
        archive.writestr("y_test.npy", member)
    message, peak = _peak(read_arrays, str(path))
    assert str(path) in message and expected in message and peak < 8_000_000


@pytest.mark.parametrize("place", [20, 24], ids=["packed", "unpacked"])
def test_a_zip_that_lies_about_its_sizes_takes_no_memory(tmp_path, place):
    content = bytearray(npz_bytes(np.savez))
    at = content.rindex(b"PK\1\2") + place  # in the directory at its end
    content[at:at + 4] = struct.pack("<I", 2**32 - 2)
    (tmp_path / "mnist.npz").write_bytes(content)
    tracemalloc.start()
    try:
        with contextlib.suppress(UserError):  # or read: what is there may be sound nevertheless
            assert np.array_equal(read_arrays(str(tmp_path))[3], SMALL["t10k-labels-idx1-ubyte"])
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_of_very_many_members_is_refused_before_they_are_listed(tmp_path):
    n = 200_000
    directory = (b"PK\1\2" + bytes(42)) * n
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, n % 2**16, n % 2**16, len(directory), 0, 0)
    (tmp_path / "mnist.npz").write_bytes(directory + end)
    message, peak = _peak(read_arrays, str(tmp_path))
    assert "more than 1000 files" in message and peak < 2 * len(directory)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("array", [np.arange(12, dtype=np.float32).reshape(3, 4), np.float32(3), np.zeros([0, 4], "f4"),
                                   np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))],
                         ids=["rows", "one number", "none", "columns"])
def test_arrays_of_an_npz_are_read_as_numpy_reads_them(tmp_path, array, save):
    save(tmp_path / "a.npz", a=array)
    archive, expected = open_npz((tmp_path / "a.npz").read_bytes()), np.load(tmp_path / "a.npz")["a"]
    found = read_npy(archive, "a", np.float32, expected.nbytes)
    assert found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected)
    if expected.nbytes:
        assert "says it holds" in refusal(read_npy, archive, "a", np.float32, expected.nbytes - 1)


@pytest.mark.parametrize("form", ["gzip", "npz"])
def test_a_file_that_unpacks_endlessly_is_stopped(folder, form):
    bomb, sound = bytes(200_000_000), idx_bytes(SMALL["train-images-idx3-ubyte"])
    path = folder / ("mnist.npz" if form == "npz" else "train-images-idx3-ubyte")
    if form == "gzip":
        path.write_bytes(gzip.compress(sound + bomb, 1))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for key, array in zip(KEYS, SMALL.values(), strict=True):
                member = io.BytesIO()
                np.save(member, array.astype(np.uint8))
                archive.writestr(key + ".npy", member.getvalue() + (bomb if key == "x_train" else b""))
    del bomb
    message, peak = _peak(read_arrays, str(path if form == "npz" else folder))
    assert "more bytes" in message and peak < 30_000_000


# ---- hypothesis: any damage at all ----

def _damaged(draw, content):
    """Return content with a few bytes changed, cut out or put in."""
    content = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)) | st.integers(0, min(60, len(content))))
        length = draw(st.integers(0, 8) | st.integers(0, len(content)))
        content[at:at + length] = draw(st.binary(max_size=8) | st.just(bytes(length)))
    return bytes(content)


@st.composite
def _damaged_files(draw):
    """Return {name: bytes} of a folder of IDX files, or of one npz, damaged."""
    if draw(st.booleans()):
        content = npz_bytes(draw(st.sampled_from([np.savez, np.savez_compressed])),
                            x_train=np.zeros((3, 28, 28), np.uint8), y_train=np.zeros(3, np.uint8))
        if draw(st.booleans()):  # damage in the end, where a zip file keeps its directory
            return {"mnist.npz": content[:-300] + _damaged(draw, content[-300:])}
        return {"mnist.npz": _damaged(draw, content)}
    files = {name: idx_bytes(array[:3]) for name, array in SMALL.items()}
    name = draw(st.sampled_from(sorted(files)))
    files[name] = _damaged(draw, files[name])
    if draw(st.booleans()):
        files[name] = _damaged(draw, gzip.compress(files[name]))
    return files


@pytest.mark.slow
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(_damaged_files())
def test_damaged_bytes_give_a_refusal_or_sound_arrays(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        try:
            arrays = read_arrays(folder)
        except UserError as error:
            assert "\n" not in str(error) and folder in str(error)
            return
    for images, labels in (arrays[:2], arrays[2:]):
        assert images.dtype == labels.dtype == np.uint8 and images.shape == (len(labels), 28, 28)
        assert len(labels) > 0 and labels.max() <= 9


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=200))
def test_any_npy_header_gives_a_refusal(rubbish):
    """The members of the archive are sound to the zip, whatever their .npy header says."""
    stream = io.BytesIO()
    header = b"\x93NUMPY\1\0" + struct.pack("<H", len(rubbish)) + rubbish
    with zipfile.ZipFile(stream, "w") as archive:
        for key in KEYS:
            archive.writestr(key + ".npy", header)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "mnist.npz"), "wb") as file:
            file.write(stream.getvalue())
        refusal(read_arrays, folder)
