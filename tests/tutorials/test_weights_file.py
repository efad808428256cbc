"""Weight files: sound ones of every kind are read, all others refused in one line before anything runs."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_mnist import files
from rnn_mnist.console.settings import UserError
from rnn_mnist.tutorials.weights_file import read_network

RNG = np.random.RandomState(5)
SIZES = (784, 3, 4, 10)
ARRAYS = {}
for i, (n_inputs, n_neurons) in enumerate(pairwise(SIZES), 1):
    ARRAYS |= {f"W{i}": RNG.randn(n_inputs, n_neurons).astype(np.float32), f"b{i}": RNG.randn(n_neurons).astype("f4")}
ARRAYS["W1"] = np.asfortranarray(ARRAYS["W1"])


def npz(arrays, save=np.savez):
    """Return the bytes of an npz."""
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def written(folder, content):
    """Return the path of a file with that content."""
    path = folder / "weights"
    path.write_bytes(content)
    return path


def assert_read(path, arrays=ARRAYS):
    """Assert that a file is read as those arrays, float32, layer by layer."""
    network = read_network(path)
    assert (network.config, network.activation, network.pixels) == (None, "sigmoid", "unit")
    assert len(network.layers) == len(arrays) // 2
    for i, layer in enumerate(network.layers, 1):
        for array, key in zip(layer, (f"W{i}", f"b{i}"), strict=True):
            assert array.dtype == np.float32 and array.flags.c_contiguous
            assert np.array_equal(array, arrays[key])


@pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning")
@pytest.mark.parametrize("core", ["core", "_core"], ids=["NumPy 1", "NumPy 2"])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_read_as_python_reads_them(tmp_path, monkeypatch, protocol, order, core):
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer")):
        function = getattr(pytest.importorskip(f"numpy.{core}.{module}"), name)
        monkeypatch.setattr(function, "__module__", f"numpy.{core}.{module}")
    content = pickle.dumps({key: np.asarray(array, order=order) for key, array in ARRAYS.items()}, protocol)
    assert f"numpy.{core}.".encode() in content
    assert_read(written(tmp_path, content), pickle.loads(content))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_array_under_two_keys_is_read_twice(tmp_path, protocol):
    square, bias = RNG.randn(4, 4).astype("f4"), RNG.randn(4).astype("f4")
    arrays = {"W1": RNG.randn(784, 4).astype("f4"), "b1": bias, "W2": square, "b2": bias, "W3": square, "b3": bias,
              "W4": RNG.randn(4, 10).astype("f4"), "b4": RNG.randn(10).astype("f4")}
    content = pickle.dumps(arrays, protocol)
    assert len(content) < len(pickle.dumps(arrays | {"W3": square.copy(), "b3": bias.copy()}, protocol))
    assert_read(written(tmp_path, content), arrays)


def test_pickles_of_a_big_endian_machine_are_read(tmp_path):
    assert_read(written(tmp_path, pickle.dumps({key: array.astype(">f4") for key, array in ARRAYS.items()})))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files_are_read(tmp_path, save):
    assert_read(written(tmp_path, npz(ARRAYS, save)))


def test_published_pickle_is_read(mnist_dir):
    path = os.path.join(mnist_dir, "sample_weight.pkl")
    if not os.path.exists(path):
        pytest.skip("no sample_weight.pkl beside the original MNIST")
    with open(path, "rb") as file:
        arrays = pickle.load(file)
    assert sum(array.size for array in arrays.values()) == 45_360
    assert_read(path, arrays)


class Call:
    """Pickle as a call of function(*args)."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"W1": evil}, lambda evil: {**ARRAYS, evil: 1},
                                  lambda evil: [np.array([evil], object)]])
def test_pickle_that_would_create_a_file_is_refused_before_it_does(tmp_path, protocol, wrap):
    target = tmp_path / "created"
    content = pickle.dumps(wrap(Call(os.mkdir, str(target))), protocol)
    message = refusal(read_network, written(tmp_path, content))
    assert "refused" in message and str(tmp_path) in message
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()  # the attack was a real one


@pytest.mark.parametrize(("module", "name"), [
    ("builtins", "eval"), ("builtins", "getattr"), ("os", "system"), ("posix", "system"), ("numpy", "fromfile"),
    ("numpy", "load"), ("numpy", "ndarray.tofile"), ("numpy.core.multiarray", "scalar"), ("numpy", "core"),
    ("numpy._core.multiarray", "fromfile"), ("_codecs", "decode"), ("copyreg", "_reconstructor"),
    ("rnn_mnist.weights", "os.system"), ("functools", "partial"), ("pickle", "loads"), ("numpy.f2py", "compile")])
def test_pickle_that_names_anything_else_is_refused(tmp_path, module, name):
    names = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    for content in (f"c{module}\n{name}\n.".encode(), b"\x80\x04" + names + b"\x93."):
        assert f"{module}.{name}" in refusal(read_network, written(tmp_path, content))


@pytest.mark.parametrize("content", [
    b"", b"\x80", b"\x80\x04.", b"\x80\x04}.", b"not a pickle", b"\x80\x04N.", b"\x80\x04]\x94}a.", b"PK",
    b"PK\x03\x04", b"\x80\x02N\x52.",
    b"\x80\x02}r\xff\xff\xff\x7f.", b"}p2000000000\n.",  # a memo of billions of places
    b"\x80\x05\x96" + struct.pack("<Q", 2**35) + b".", b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
    b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b".", b"\x82\x01.", b"\x80\x04P1\n.", b"I" + b"9" * 9999 + b"\n.",
    b"cnumpy\nndarray\n}b.", b"cnumpy\nndarray\n(Nb.", b"cnumpy\ndtype\n)R(K\x01tb.",
    pickle.dumps(1), pickle.dumps([ARRAYS]), pickle.dumps(ARRAYS["W1"]), pickle.dumps({"W1": [1.0]})])
def test_damaged_and_odd_files_are_refused(tmp_path, content):
    assert str(tmp_path) in refusal(read_network, written(tmp_path, content))


TWICE = b")" + b"q\0h\0\x86" * 60  # a tuple of a tuple twice, of a tuple twice, ...: looking into it takes for ever
DEEP = b")" + b"\x85" * 10**6  # looking into it overflows the stack


def array_pickle(shape=b"K\1\x85", letters=b"X\2\0\0\0f4", byte_order=b"X\1\0\0\0<", by_column=b"\x89",
                 content=b"C\4abcd"):
    """Return a pickle of an array under the key W1, and of None under b1, parts of it in the pickle's own words."""
    dtype = b"cnumpy\ndtype\n(" + letters + b"tR(K\3" + byte_order + b"NNNtb"
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\1btR"
    return b"}X\2\0\0\0W1" + made + b"(K\1" + shape + dtype + by_column + content + b"tbsX\2\0\0\0b1Ns."


HOSTILE = {
    "twice a key": (b"}" + TWICE + b"Ns.", "no text"),
    "twice a shape": (array_pickle(shape=TWICE), "do not fill"),
    "twice the letters": (array_pickle(letters=TWICE), "W1: type unknown"),
    "twice the byte order": (array_pickle(byte_order=TWICE), "W1: type unknown"),
    "twice the order": (array_pickle(by_column=TWICE), "W1: the array is damaged"),
    "twice the content": (array_pickle(content=TWICE), "W1: the array is damaged"),
    "twice a name": (b"\x80\x04" + TWICE + TWICE + b"\x93.", "name is no text"),
    "twice a text": (array_pickle(content=b"c_codecs\nencode\n(" + TWICE + TWICE + b"tR"), "W1: the array is damaged"),
    "deep": (DEEP + b".", "more than 10000 opcodes"), "marks": (b"(" * 10**6 + b".", "more than 10000 opcodes"),
    "deep shape": (array_pickle(shape=DEEP), "more than 10000 opcodes"),
    "deep within the bound": (array_pickle(shape=b")" + b"\x85" * 9000), "do not fill"),
    "a size of 255 bytes": (array_pickle(shape=b"\x8a\xff" + b"\xff" * 254 + b"\x7f\x85"), "do not fill"),
    "a size of a million bytes": (array_pickle(shape=b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b"\x85"),
                                  "do not fill"),
    "sizes below 0": (array_pickle(shape=b"J\xff\xff\xff\xff" * 2 + b"\x86"), "do not fill"),
    "a size that is true": (array_pickle(shape=b"\x88\x85"), "do not fill"),
    "a number of 4000 digits": (b"I" + b"9" * 4000 + b"\n.", "something else than a dict"),
    "a number of 9999 digits": (b"L" + b"9" * 9999 + b"L\n.", "not a sound pickle"),
    "a memo place of 4000 digits": (b"}p" + b"9" * 4000 + b"\n.", "W1 is missing"),
    "nothing there": (b"g" + b"9" * 4000 + b"\n.", "not a sound pickle"),
    "nothing in the memo": (b"h\5.", "not a sound pickle"),
    "state of a dict": (b"}}b.", "not a sound pickle"), "state of a tuple": (b")}b.", "not a sound pickle"),
    "call of a text": (b"X\1\0\0\0a)R.", "not a sound pickle"), "call of nothing": (b")R.", "not a sound pickle"),
    "nothing to return": (b".", "not a sound pickle"), "a tuple of nothing": (b"\x85.", "not a sound pickle"),
    "no dict": (b")X\1\0\0\0aNs.", "not a sound pickle"), "half an item": (b"}Ns.", "not a sound pickle"),
    "a key without a value": (b"}(X\1\0\0\0au.", "not a sound pickle"),
    "no mark": (b"}X\1\0\0\0aNu.", "not a sound pickle"), "no mark for a tuple": (b"t.", "not a sound pickle"),
    "a dict in itself": (b"}q\0X\2\0\0\0W1h\0sX\2\0\0\0b1h\0s.", "W1: the array is damaged"),
    "a dict as its own key": (b"}q\0h\0h\0s.", "no text"),
    "a name in two lines": (b"\x80\x04\x8c\x04a\nb\x1b\x8c\1c\x93.", "refused"),
}


@pytest.mark.parametrize(("content", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_pickles_made_to_hang_crash_or_confuse_are_refused(tmp_path, content, expected):
    message = refusal(read_network, written(tmp_path, content))
    assert str(tmp_path) in message and expected in message
    assert message.isprintable() and len(message) < len(str(tmp_path)) + 200


def test_the_hostile_pickles_would_be_sound_if_it_were_not_for_their_one_fault(tmp_path):
    assert "W1: shape [1], expected [784, 10]" in refusal(read_network, written(tmp_path, array_pickle()))


def changed(**arrays):
    """Return ARRAYS with some changed, or left out if None."""
    return {key: array for key, array in (ARRAYS | arrays).items() if array is not None}


BAD = {
    "no keys": ({}, "W1 is missing"),
    "a bias is missing": (changed(b2=None), "b2 is missing"),
    "the last kernel is missing": (changed(W3=None), "W3 is missing"),
    "one key too many": (changed(extra=ARRAYS["b1"], more=ARRAYS["b1"]), "W4 is missing|none of them|b4 is missing"),
    "first kernel of another size": (changed(W1=ARRAYS["W1"][1:]), r"W1: shape \[783, 3\], expected \[784, n\]"),
    "kernels do not fit": (changed(W2=ARRAYS["W2"].T), r"W2: shape \[4, 3\], expected \[3, n\]"),
    "not ten outputs": (changed(W3=ARRAYS["W3"][:, :9]), r"W3: shape \[4, 9\], expected \[4, 10\]"),
    "bias of another size": (changed(b1=ARRAYS["b1"][:2]), r"b1: shape \[2\], expected \[3\]"),
    "bias with two dimensions": (changed(b1=ARRAYS["b1"][None]), r"b1: shape \[1, 3\]"),
    "no dimensions": (changed(W1=np.array(1, np.float32)), r"W1: shape \[1?\], expected"),
    "no neurons": (changed(W1=np.zeros([784, 0], "f4")), "W1: holds nothing"),
    "float64": (changed(W1=ARRAYS["W1"].astype(float)), "W1: type .*f(8|loat64), expected float32"),
    "whole numbers": (changed(b3=np.arange(10)), "b3: type .*i(8|nt64), expected float32"),
    "four letters": (changed(b3=np.array(["abcd"] * 10, "S4")), "b3: type .*S4, expected float32"),
    "a record": (changed(b3=np.zeros(10, [("a", "f4")])), "b3: type .*, expected float32"),
    "NaN": (changed(W2=np.full([3, 4], np.nan, "f4")), "W2: holds NaN"),
    "infinity": (changed(b3=np.full(10, np.inf, "f4")), "b3: holds NaN or inf"),
}


@pytest.mark.parametrize("dump", [pickle.dumps, npz], ids=["pickle", "npz"])
@pytest.mark.parametrize(("arrays", "message"), BAD.values(), ids=BAD)
def test_wrong_keys_shapes_types_and_values_are_refused(tmp_path, arrays, message, dump):
    path = written(tmp_path, dump(arrays))
    with pytest.raises(UserError, match=message) as caught:
        read_network(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_keys_of_other_types_are_refused(tmp_path):
    for keys in [(1, 2), (b"W1", b"b1"), (("W1",), "b1"), ("W\n1", "b1")]:
        refusal(read_network, written(tmp_path, pickle.dumps(dict.fromkeys(keys, ARRAYS["W1"]))))


def test_arrays_of_objects_are_refused(tmp_path):
    objects = changed(b1=np.array([1.0, None, 2.0], object))
    assert "arrays of numbers" in refusal(read_network, written(tmp_path, pickle.dumps(objects)))
    assert "b1: type object, expected float32" in refusal(read_network, written(tmp_path, npz(objects)))


def test_npz_with_other_members_is_refused(tmp_path):
    stream = io.BytesIO(npz(ARRAYS))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("notes.txt", "hello")
    assert "something else than NumPy arrays" in refusal(read_network, written(tmp_path, stream.getvalue()))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_npz_that_unpacks_without_end_is_refused(tmp_path, version):
    """Of version 2 and 3 the header itself may be that long, and is there."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (784, 25_000)})
    header = stream.getvalue() if version == 1 else b"\x93NUMPY" + struct.pack("<BBI", version, 0, 80_000_000)
    path = tmp_path / "weights"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("W1.npy", header + bytes(80_000_000))
        archive.writestr("b1.npy", header)
    message, peak = refusal_and_peak(path)
    assert ("at most 64 MB" if version == 1 else "unusual type") in message and peak < 5_000_000


def refusal_and_peak(path):
    """Return (message of the refusal, bytes allocated at most)."""
    tracemalloc.start()
    try:
        return refusal(read_network, path), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dump", [pickle.dumps, npz])
def test_many_arrays_that_fill_the_memory_only_together_are_refused(tmp_path, monkeypatch, dump):
    monkeypatch.setattr(files, "MAX_BYTES", 400_000)
    square = np.zeros([100, 100], np.float32)  # a pickle holds it once
    arrays = {f"W{i}": square for i in range(2, 9)} | {f"b{i}": square[0] for i in range(1, 9)}
    content = dump(arrays | {"W1": np.zeros([784, 100], "f4"), "b9": square[0, :10], "W9": square[:, :10].copy()})
    assert "unpacks to more than" in refusal(read_network, written(tmp_path, content))


def test_paths_that_are_no_weights_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(65_000_000)
    assert "larger than 64 MB" in refusal(read_network, tmp_path / "large")
    assert "not a file" in refusal(read_network, tmp_path / "pipe")
    assert "No such file" in refusal(read_network, tmp_path / "absent")
    refusal(read_network, "null\0byte")


def test_a_weights_file_is_read_without_tensorflow(tmp_path):
    code = ("import sys; from rnn_mnist.tutorials.weights_file import read_network; read_network(sys.argv[1]); "
            "print({'tensorflow', 'matplotlib'} & set(sys.modules))")
    done = subprocess.run([sys.executable, "-c", code, written(tmp_path, npz(ARRAYS))], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


SMALL = {"W1": RNG.randn(784, 10).astype(np.float32), "b1": np.zeros(10, np.float32)}
FILES = [*(pickle.dumps(SMALL, protocol) for protocol in (0, 2, 3, 5)), npz(SMALL), npz(SMALL, np.savez_compressed)]


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # pickletools'
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.sampled_from(FILES), st.data())
def test_damaged_bytes_are_refused_or_read_as_finite_weights(tmp_path_factory, content, draw):
    # Most bytes are the arrays' own; what matters is at either end.
    place = draw.draw(st.one_of(st.integers(0, 300), st.integers(len(content) - 400, len(content) - 1)))
    cut = draw.draw(st.booleans())
    damage = b"" if cut else draw.draw(st.binary(min_size=1, max_size=8))
    damaged = content[:place] + damage + (b"" if cut else content[place + len(damage):])
    path = written(tmp_path_factory.getbasetemp(), damaged)
    try:
        network = read_network(path)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(array).all() for layer in network.layers for array in layer)
