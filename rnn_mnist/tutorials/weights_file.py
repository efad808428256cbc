"""Readers of trained weights: pickles and npz files of the tutorials' kind, and our own runs. No file is trusted.

A file holds W1, b1, W2, b2, ... in float32, kernels [n_inputs, n_neurons], from 784 pixels to 10 digits: a perceptron
with sigmoid hidden layers, as the tutorials' published sample_weight.pkl is one.
"""

import math
import os
import pickletools
from dataclasses import dataclass
from functools import partial

import numpy as np

from rnn_mnist import files
from rnn_mnist.config import N_OUTPUTS, N_PIXELS
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets.files import npz_readers
from rnn_mnist.export.numpy_network import Network, network_of
from rnn_mnist.run import Run

MAX_OPCODES = 10_000  # of a pickle: Python writes some 60 for each array


def read_network(path):
    """Return the Network in a pickle, an npz or a run directory; raise UserError, naming the path, if it is unsound."""
    if os.path.isdir(path):
        with Run(path).open_network() as network:
            return network_of(network.config, network.weights())
    content = files.read_bytes(path, cure=text("give a weights file or a run directory"))
    try:
        return Network(_layers(npz_readers(content, np.float32, files.MAX_BYTES) if content[:2] == b"PK"
                               else _pickle(content)))
    except UserError as error:
        raise UserError("{path}: {error}", path=path, error=error) from None
    except Exception as error:  # of a dozen kinds, from pickletools, zipfile and NumPy: the bytes are damaged
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError("{path}: not a sound pickle or npz of weights ({reason}): fetch the file again", path=path,
                        reason=reason) from None


def _layers(readers):
    """Return ((kernel, bias), ...) in C order of {key: function that returns its array}.

    Raise UserError unless they are finite and make a network from 784 to 10.
    """
    n_layers = max(1, (len(readers) + 1) // 2)
    keys = [f"{letter}{i + 1}" for i in range(n_layers) for letter in "Wb"]
    if missing := set(keys) - set(readers):
        raise UserError("its keys must be W1, b1, W2, b2, ...: {name} is missing (the weights of a run are read from "
                        "its folder)", name=min(missing))
    arrays, n_inputs = [], N_PIXELS
    for key in keys:
        array = readers[key]()
        last = N_OUTPUTS if key[1:] == str(n_layers) else "n"
        shape = (n_inputs, last) if key[0] == "W" else (n_inputs,)
        if array.ndim != len(shape) or any(w != "n" and w != n for n, w in zip(array.shape, shape, strict=True)):
            raise UserError("{key}: shape {shape!s:.60}, expected {wanted}", key=key, shape=list(array.shape),
                            wanted=f"[{', '.join(map(str, shape))}]")
        if not array.size or not np.isfinite(array).all():
            what = text("NaN or infinite values" if array.size else "nothing")
            raise UserError("{key}: holds {what}", key=key, what=what)
        n_inputs = array.shape[-1]
        arrays.append(np.ascontiguousarray(array))
        if sum(array.nbytes for array in arrays) > files.MAX_BYTES:
            raise UserError("unpacks to more than {n} MB: this is no weights file", n=files.MAX_BYTES // 10**6)
    return tuple(zip(arrays[::2], arrays[1::2], strict=True))


# ---- pickles: programs, of which those that Python writes for arrays are followed, and nothing is called ----


@dataclass(eq=False, repr=False, slots=True)
class _Named:
    """Stand for what a pickle names, and for what it would make of it: by calling it, then by setting its state."""

    name: str
    arguments: object = None
    state: object = None


def _pickle(content):
    """Return {key: function that returns its array} of a pickled dict of NumPy arrays."""
    values = _unpickled(content)
    if type(values) is not dict:
        raise UserError("the pickle holds something else than a dict of NumPy arrays")
    return {key: partial(_array, key, value) for key, value in values.items()}


def _unpickled(content):
    """Return what a pickle holds: str, int, bytes, bool, None, _Named, and tuples and dicts of these.

    However deep or often doubled they are, no harm is done: they are not hashed, compared or printed, nor looked into.
    """
    stack, memo = [], {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):  # splits them, and runs nothing
        if count == MAX_OPCODES:
            raise UserError("the pickle has more than {most} opcodes: this is no weights file",
                            most=MAX_OPCODES)
        match opcode.name:
            case "STOP":
                return stack.pop()
            case "PROTO" | "FRAME":
                pass
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case name if name in _MAKERS:
                stack.append(_MAKERS[name](stack, argument))
            case name:
                raise UserError("the pickle holds something else than a dict of NumPy arrays of numbers ({name}): "
                                "refused", name=name)


def _taken(stack, n):
    """Return the last n values of a stack, taken off."""
    if len(stack) < n:
        raise IndexError(text("a value is missing"))
    values = stack[-n:]
    del stack[-n:]
    return values


def _taken_to_mark(stack):
    """Return the values of a stack after the last mark, taken off, and the mark with them."""
    return [*iter(stack.pop, _MARK)][::-1]


def _with_items(items, target):
    """Return a dict with items put into it, key and value in turn; raise UserError if a key is no text."""
    if any(type(key) is not str for key in items[::2]):
        raise UserError("its keys must be W1, b1, W2, b2, ...: one is no text")
    target.update(zip(items[::2], items[1::2], strict=True))
    return target


def _named(module, name):
    """Return what stands for one of NumPy's names; raise UserError for any other name."""
    if type(module) is not str or type(name) is not str:
        raise TypeError(text("a name is no text"))
    if (module, name) not in _NAMES:
        raise UserError("the pickle names {module:.40}.{name:.40}, which could run code: refused; only NumPy arrays "
                        "are read", module=module, name=name)
    return _Named(name)


def _called(named, arguments):
    """Return what stands for a call."""
    return _Named(named.name, arguments)


def _built(made, state):
    """Return what was made, with its state."""
    made.state = state
    return made


# NumPy 1 calls its inner package numpy.core, NumPy 2 numpy._core; protocols 0 to 2 write bytes as an encoded text.
_NAMES = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
          *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
          *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core"))}
_MARK = object()
# Opcode: function of the stack, from which it may take, and of the opcode's argument; returns what is put there.
_MAKERS = {
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "BINBYTES", "SHORT_BINBYTES",
                     "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
                    lambda _, argument: argument),
    "NONE": lambda *_: None,
    "NEWTRUE": lambda *_: True,
    "NEWFALSE": lambda *_: False,
    "MARK": lambda *_: _MARK,
    "EMPTY_TUPLE": lambda *_: (),
    "EMPTY_DICT": lambda *_: {},
    "TUPLE1": lambda stack, _: tuple(_taken(stack, 1)),
    "TUPLE2": lambda stack, _: tuple(_taken(stack, 2)),
    "TUPLE3": lambda stack, _: tuple(_taken(stack, 3)),
    "TUPLE": lambda stack, _: tuple(_taken_to_mark(stack)),
    "DICT": lambda stack, _: _with_items(_taken_to_mark(stack), {}),
    "SETITEM": lambda stack, _: _with_items(_taken(stack, 2), stack.pop()),
    "SETITEMS": lambda stack, _: _with_items(_taken_to_mark(stack), stack.pop()),
    "GLOBAL": lambda _, argument: _named(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda stack, _: _named(*_taken(stack, 2)),
    "REDUCE": lambda stack, _: _called(*_taken(stack, 2)),
    "BUILD": lambda stack, _: _built(*_taken(stack, 2)),
}


def _array(key, value):
    """Return the float32 array [...] that a value of a pickle stands for; raise UserError if it is of another type."""
    match value:
        case _Named("_reconstruct", state=(_, tuple() as shape, dtype, bool() as column_order, content)):
            order = "F" if column_order else "C"
        case _Named("_frombuffer", arguments=(content, dtype, tuple() as shape, "C" | "F" as order)):
            pass
        case _:
            raise UserError("{key}: the array is damaged, or is none: fetch the file again", key=key)
    match dtype:
        case _Named("dtype", arguments=(str() as letters, *_), state=(_, str() as byte_order, *_)):
            found = byte_order + letters
        case _:
            found = "unknown"
    if found not in ("<f4", ">f4"):
        raise UserError("{key}: type {found:.40}, expected float32 (<f4): save it as float32", key=key, found=found)
    match content:
        case _Named("encode", arguments=(str() as letters, "latin1")):
            content = letters.encode("latin1")
        case bytes() | bytearray():
            pass
        case _:
            raise UserError("{key}: the array is damaged: fetch the file again", key=key)
    sizes_are_sound = all(type(n) is int and 0 <= n <= files.MAX_BYTES for n in shape)
    if not sizes_are_sound or 4 * math.prod(shape) != len(content):
        raise UserError("{key}: {n} bytes do not fill the shape it says it has: fetch the file again", key=key,
                        n=len(content))
    return np.frombuffer(content, found).astype(np.float32, copy=False).reshape(shape, order=order)
