"""Weight files: sound ones of every kind are read, all others refused in one line before anything runs."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from helpers import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

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
    assert (network.n_steps, network.activation, network.pixels) == (0, "sigmoid", "unit")
    assert len(network.layers) == len(arrays) // 2
    for i, layer in enumerate(network.layers, 1):
        for array, key in zip(layer, (f"W{i}", f"b{i}"), strict=True):
            assert array.dtype == np.float32
            assert np.array_equal(array, arrays[key])


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_pickles_are_read(tmp_path, protocol):
    assert_read(written(tmp_path, pickle.dumps(ARRAYS, protocol)))


def test_pickles_of_numpy_1_and_2_are_read(tmp_path):
    content = pickle.dumps(ARRAYS, 3).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in content
    assert_read(written(tmp_path, content))
    assert_read(written(tmp_path, content.replace(b"numpy.core", b"numpy._core")))


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


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
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
    ("numpy._core.multiarray", "fromfile"), ("_codecs", "encode"), ("copyreg", "_reconstructor"),
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
    assert "b1: type" in refusal(read_network, written(tmp_path, pickle.dumps(objects)))
    assert "allow_pickle" in refusal(read_network, written(tmp_path, npz(objects)))


def test_npz_with_other_members_is_refused(tmp_path):
    stream = io.BytesIO(npz(ARRAYS))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("notes.txt", "hello")
    assert "something else than NumPy arrays" in refusal(read_network, written(tmp_path, stream.getvalue()))


def test_npz_that_unpacks_without_end_is_refused(tmp_path):
    content = npz({"W1": np.zeros(20_000_000, np.float32)}, np.savez_compressed)
    assert len(content) < 200_000
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
FILES = [pickle.dumps(SMALL, 3), pickle.dumps(SMALL, 5), npz(SMALL), npz(SMALL, np.savez_compressed)]


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
