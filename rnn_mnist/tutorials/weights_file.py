"""Readers of trained weights: pickles and npz files of the tutorials' kind, and our own runs. No file is trusted.

A file holds W1, b1, W2, b2, ... in float32, kernels [n_inputs, n_neurons], from 784 pixels to 10 digits: a perceptron
with sigmoid hidden layers, as the tutorials' published sample_weight.pkl is one.
"""

import io
import math
import os
import pickle
import pickletools
import zipfile

import numpy as np

from rnn_mnist import files
from rnn_mnist.config import N_OUTPUTS, N_PIXELS
from rnn_mnist.console.settings import UserError
from rnn_mnist.export.numpy_network import Network, network_of
from rnn_mnist.run import Run


def read_network(path):
    """Return the Network in a pickle, an npz or a run directory; raise UserError, naming the path, if it is unsound."""
    if os.path.isdir(path):
        with Run(path).open_network() as network:
            return network_of(network.config, network.weights())
    content = files.read_bytes(path, cure="give a weights file or a run directory")
    try:
        arrays = _read_npz(content) if content[:2] == b"PK" else _read_pickle(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # damaged bytes make pickle, zipfile and NumPy raise a dozen kinds; all mean the same
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(f"{path}: not a sound pickle or npz of weights ({reason}): fetch the file again") from None
    return Network(_checked_layers(arrays, path))


def _read_npz(content):
    """Return {key: array} of an npz; pickled objects in it are never loaded."""
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        if sum(info.file_size for info in members.infolist()) > files.MAX_BYTES:
            raise UserError(f"unpacks to more than {files.MAX_BYTES // 10**6} MB: this is no weights file")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise UserError("the npz holds something else than NumPy arrays")
    return arrays


def _read_pickle(content):
    """Return {key: array} of a pickled dict of NumPy arrays."""
    for opcode, argument, _ in pickletools.genops(content):  # runs nothing; finds lengths beyond the file's end
        if opcode.name in ("PUT", "LONG_BINPUT") and argument > len(content):  # unpickling would take that much memory
            raise UserError("the pickle is damaged: fetch the file again")
    arrays = _Unpickler(io.BytesIO(content)).load()
    if type(arrays) is not dict or any(not isinstance(value, _PickledArray) for value in arrays.values()):
        raise UserError("the pickle holds something else than a dict of NumPy arrays")
    return {key: value.array(key) for key, value in arrays.items()}


class _PickledArray:
    """Stand in for numpy.ndarray and its _reconstruct: note what the pickle says; array() checks it and makes one.

    NumPy itself is not called while unpickling: its own __setstate__ trusts its argument.
    """

    def __init__(self, *_):
        self.shape = self.dtype = self.columns_first = self.content = None

    def __setstate__(self, state):
        _, self.shape, self.dtype, self.columns_first, self.content = state

    def array(self, key):
        """Return the array, float32 in this machine's byte order; raise UserError if it is of another type."""
        if not isinstance(self.dtype, _PickledDtype) or self.dtype.text not in ("<f4", ">f4"):
            raise UserError(f"{key!s:.20}: type {getattr(self.dtype, 'text', None)!s:.20}, expected float32 (<f4): "
                            "convert it by .astype(numpy.float32)")
        if type(self.content) not in (bytes, bytearray) or type(self.shape) is not tuple:
            raise UserError(f"{key!s:.20}: the array is damaged: fetch the file again")
        if any(type(n) is not int or n < 0 for n in self.shape) or 4 * math.prod(self.shape) != len(self.content):
            raise UserError(f"{key!s:.20}: {len(self.content)} bytes do not fill the shape {self.shape!s:.40}")
        values = np.frombuffer(bytes(self.content), self.dtype.text).astype(np.float32)
        return np.ascontiguousarray(values.reshape(self.shape, order="F" if self.columns_first else "C"))


class _PickledBuffer(_PickledArray):
    """Stand in for NumPy's _frombuffer, which pickles of protocol 5 name."""

    def __init__(self, content, dtype, shape, order):
        self.__setstate__((None, shape, dtype, order == "F", content))


class _PickledDtype:
    """Stand in for numpy.dtype: note its letters and byte order as text, such as <f4."""

    def __init__(self, letters, *_):
        self.text = f"{letters!s:.9}"

    def __setstate__(self, state):
        self.text = f"{state[1]!s:.1}{self.text}"


# NumPy 1 calls its inner package numpy.core, NumPy 2 numpy._core; pickles of either name it.
_STAND_INS = {("numpy", "ndarray"): _PickledArray, ("numpy", "dtype"): _PickledDtype,
              **{(f"numpy.{core}.multiarray", "_reconstruct"): _PickledArray for core in ("core", "_core")},
              **{(f"numpy.{core}.numeric", "_frombuffer"): _PickledBuffer for core in ("core", "_core")}}


class _Unpickler(pickle.Unpickler):
    """Unpickle plain values and stand-ins for NumPy's arrays; refuse every other name before it is looked up."""

    def find_class(self, module, name):
        """Return the stand-in for one of NumPy's names; raise UserError for any other name."""
        if (module, name) not in _STAND_INS:
            raise UserError(f"the pickle names {module!s:.40}.{name!s:.40}, which could run code: refused; "
                            "only NumPy arrays are read")
        return _STAND_INS[module, name]


def _checked_layers(arrays, path):
    """Return ((kernel, bias), ...) of {key: array}; raise UserError unless they make a network from 784 to 10."""
    n_layers = max(1, (len(arrays) + 1) // 2)
    expected = [f"{letter}{i + 1}" for i in range(n_layers) for letter in "Wb"]
    missing, extra = set(expected) - set(arrays), set(arrays) - set(expected)
    for problem, keys in (("is missing", missing), ("is none of them", extra)):
        if keys:
            raise UserError(f"{path}: its keys must be W1, b1, W2, b2, ...: {min(map(str, keys)):.20} {problem} "
                            "(the weights of a run are read from its folder)")
    n_inputs = N_PIXELS
    for key in expected:
        array, is_kernel = arrays[key], key[0] == "W"
        if array.dtype != np.float32:
            raise UserError(f"{path}: {key}: type {array.dtype!s:.40}, expected float32: "
                            "convert it by .astype(numpy.float32)")
        last = N_OUTPUTS if key[1:] == str(n_layers) else "n"
        shape = (n_inputs, last) if is_kernel else (n_inputs,)
        if array.ndim != len(shape) or any(w != "n" and w != n for n, w in zip(array.shape, shape, strict=True)):
            raise UserError(f"{path}: {key}: shape {list(array.shape)}, expected [{', '.join(map(str, shape))}]")
        if not array.size or not np.isfinite(array).all():
            raise UserError(f"{path}: {key}: holds {'NaN or infinite values' if array.size else 'nothing'}")
        n_inputs = array.shape[-1]
    return tuple((arrays[f"W{i + 1}"], arrays[f"b{i + 1}"]) for i in range(n_layers))
