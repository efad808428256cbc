"""MNIST's four arrays from IDX files or an npz, or drawn; no file is trusted, and it is told what was found where."""

import gzip
import hashlib
import io
import math
import os
import struct
import warnings
import zipfile
import zlib
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

from rnn_mnist.console.guard import named_data
from rnn_mnist.console.languages import ORIGINAL, OTHER, SYNTHETIC, text, why
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import UserError, named
from rnn_mnist.datasets import download, synthetic
from rnn_mnist.files import digest, read_bytes

# The four files in the order used everywhere: name in a folder, key in an npz, dimensions, SHA-256 of the original's
# uncompressed IDX content (the files of Y. LeCun, C. Cortes and C. Burges).
PARTS = (
    ("train-images", "x_train", 3, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels", "y_train", 1, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images", "x_test", 3, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels", "y_test", 1, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)
MAX_IMAGES = 1_000_000  # per file
MAX_BYTES = 784 * MAX_IMAGES + 1000  # of a file, and of what it unpacks to: one made to unpack endlessly is cut off
MAX_MEMBERS = 1000  # of an npz: zipfile keeps half a kilobyte of each
CHUNK = 2**20
AGAIN = "fetch the file again"


class Split(NamedTuple):
    """Hold images, uint8 [n, 28, 28], and their labels, int32 [n]."""

    images: np.ndarray
    labels: np.ndarray


class Source(NamedTuple):
    """Say what the data is, where it was found, and its SHA-256 (over the digests of the four IDX contents)."""

    kind: str
    where: str
    digest: str


def load_arrays(data="auto", data_dir=None, offline=False):
    """Return (four arrays, what they are, where they were found, their digest), looking in the README's order.

    Training images uint8 [n, 28, 28] and labels int32 [n], then those for testing; the digest is SHA-256 over those of
    the four IDX contents. Arguments as the settings of these names. Raise UserError if there is no such data.
    """
    arrays, where = _find(data, data_dir, offline)
    digests = [idx_digest(array) for array in arrays]
    kind = ORIGINAL if digests == [part[3] for part in PARTS] else OTHER if where else SYNTHETIC
    arrays = [array if array.ndim == 3 else array.astype(np.int32) for array in arrays]
    return arrays, kind, where or "drawn from a seed", digest("".join(digests).encode())


def _find(data, data_dir, offline):
    """Return (four arrays, their path or None if drawn)."""
    if data == "synthetic":
        if data_dir is not None:
            raise UserError("{data} reads no files: leave out {data_dir}", data=named("data", "synthetic"),
                            data_dir=named("data_dir"))
        return synthetic.load_digits(download.cache_folder()), None
    if path := named_data(data_dir):
        return read_arrays(path), path
    path, reason = download.find_mnist(offline)
    if path is not None:
        return read_arrays(path), path
    if data == "mnist":
        raise UserError("no MNIST on this machine ({reason}): {cure}", reason=reason, cure=download.how_to_get())
    note(text("NOTE: NO MNIST ON THIS MACHINE ({reason}): USING SYNTHETIC DIGITS. These scores are not MNIST scores.",
              reason=reason))
    return synthetic.load_digits(download.cache_folder()), None


def idx_digest(array):
    """Return the SHA-256 (hex) of a uint8 array's IDX form: 0, 0, type 8, dimensions, sizes (big-endian), bytes."""
    found = hashlib.sha256(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape))
    found.update(array)
    return found.hexdigest()


def read_arrays(path):
    """Return (train images, train labels, test images, test labels), all uint8, from a folder or an npz.

    Images are [n, 28, 28], labels [n] in 0..9. Raise UserError, naming the file, if anything is amiss.
    """
    files = _idx_paths(path) if os.path.isdir(path) else None
    if files:
        arrays = [_read_idx(file, n_dims) for file, (_, _, n_dims, _) in zip(files, PARTS, strict=True)]
    else:
        npz = os.path.join(path, "mnist.npz") if os.path.isdir(path) else path
        files = [f"{npz}: {key}" for _, key, _, _ in PARTS]
        arrays = _read_npz(npz)
    for k in (0, 2):
        images, labels = arrays[k], arrays[k + 1]
        if len(images) != len(labels):
            raise UserError("{path}: {n} labels for the {n_images} images of {images}", path=files[k + 1],
                            n=len(labels), n_images=len(images), images=files[k])
        if labels.max() > 9:
            raise UserError("{path}: label {label} (at {place}), expected 0 to 9", path=files[k + 1],
                            label=labels.max(), place=np.argmax(labels > 9))
    return tuple(arrays)


def _idx_paths(folder):
    """Return the paths of the four IDX files in a folder, or None if it holds an mnist.npz instead."""
    try:
        os.listdir(folder)
    except OSError as error:
        raise UserError("{folder}: cannot be read ({reason})", folder=folder, reason=why(error)) from None
    found, missing = [], []
    for name, _, n_dims, _ in PARTS:
        names = [f"{name}{mark}idx{n_dims}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
        paths = [os.path.join(folder, name) for name in names]
        # A file before a folder of the same name: some unpackers leave both. A folder alone is refused when opened.
        here = [path for path in paths if os.path.isfile(path)] or [path for path in paths if os.path.lexists(path)]
        found += here[:1]
        missing += [] if here else [names[0] + "[.gz]"]
    if missing and not found and os.path.lexists(os.path.join(folder, "mnist.npz")):
        return None
    if missing:
        raise UserError("{folder}: no {names}: put the four MNIST files or an mnist.npz there", folder=folder,
                        names=text(" and no ").join([", ".join(missing), *([] if found else ["mnist.npz"])]))
    return found


def _read_idx(path, n_dims):
    """Return the uint8 array of an IDX file, gzip or raw."""
    stream = io.BytesIO(read_bytes(path, MAX_BYTES, text("put the data file itself there")))
    if stream.getvalue()[:2] == b"\x1f\x8b":
        stream = gzip.GzipFile(fileobj=stream)
    try:
        header = stream.read(4 + 4 * n_dims)
        if len(header) < 4 + 4 * n_dims:
            problem = text("too short for an IDX header" if header else "empty")
            raise UserError("{path}: {problem}: {again}", path=path, problem=problem, again=text(AGAIN))
        magic, *shape = struct.unpack(f">{1 + n_dims}I", header)
        if magic != 0x800 + n_dims:
            raise UserError("{path}: magic number {magic}, expected {wanted}: not an IDX file of {what}", path=path,
                            magic=magic, wanted=0x800 + n_dims, what=text("images" if n_dims == 3 else "labels"))
        _check_shape(shape, path)
        return np.frombuffer(_read_rest(stream, math.prod(shape), path), np.uint8).reshape(shape)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError("{path}: damaged or cut off ({error}): {again}", path=path, error=error,
                        again=text(AGAIN)) from None


def _read_npz(path):
    """Return the four arrays of an npz with Keras' keys."""
    content = read_bytes(path, MAX_BYTES, text("give a folder, or an mnist.npz"))
    try:
        archive = open_npz(content)
        missing = [key for _, key, _, _ in PARTS if f"{key}.npy" not in archive.namelist()]
        if missing:
            raise UserError("no array named {names}: add what is missing", names=", ".join(missing))
        return [_read_part(archive, key, n_dims) for _, key, n_dims, _ in PARTS]
    except UserError as error:
        raise UserError("{path}: {error}", path=path, error=error) from None
    except Exception as error:  # zipfile and NumPy raise a dozen kinds on damaged bytes; all mean the same
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError("{path}: not a sound npz ({reason}): give a folder, or a whole mnist.npz", path=path,
                        reason=reason) from None


def _read_part(archive, key, n_dims):
    """Return the uint8 array of images or labels under a key of an npz."""
    array = read_npy(archive, key, np.uint8, MAX_IMAGES * (784 if n_dims == 3 else 1))
    if array.ndim != n_dims or not array.flags.c_contiguous:
        expected = text("[n, 28, 28] in C order") if n_dims == 3 else "[n]"
        raise UserError("{key}: shape {shape!s:.60}, expected {expected}", key=key, shape=array.shape,
                        expected=expected)
    _check_shape(array.shape, key)
    return array


def open_npz(content):
    """Return the ZipFile of an npz's bytes."""
    if content.count(b"PK\1\2") > MAX_MEMBERS:
        raise UserError("holds more than {most} files: give an npz of a few arrays", most=MAX_MEMBERS)
    return zipfile.ZipFile(io.BytesIO(content))


def npz_readers(content, dtype, limit):
    """Return {key: function that returns its array, of a type and at most `limit` bytes} of the bytes of an npz."""
    archive = open_npz(content)
    if not all(name.endswith(".npy") for name in archive.namelist()):
        raise UserError("the npz holds something else than NumPy arrays")
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    return {key: partial(read_npy, archive, key, dtype, limit) for key in keys}


def read_npy(archive, key, dtype, limit):
    """Return the array of a type, at most `limit` bytes, under a key of an npz, a ZipFile; nothing pickled is loaded.

    numpy.load would allocate whatever a header claims, and zipfile whatever bzip2 and LZMA unpack to.
    """
    kind = np.dtype(dtype)
    info = archive.getinfo(f"{key}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError("{key}: packed otherwise than NumPy does: save it by numpy.savez_compressed", key=key)
    with archive.open(info) as stream, warnings.catch_warnings(action="ignore"):
        if np.lib.format.read_magic(stream) != (1, 0):  # numpy.save writes others only for records
            raise UserError("{key}: unusual type, expected {kind}: save it as {kind}", key=key, kind=kind)
        shape, column_order, found = np.lib.format.read_array_header_1_0(stream)
        if found != kind:
            raise UserError("{key}: type {found!s:.40}, expected {kind}: save it as {kind}", key=key, found=found,
                            kind=kind)
        n_bytes = kind.itemsize * math.prod(shape)
        if min(shape, default=0) < 0 or n_bytes > limit:
            raise UserError("{key}: says it holds {shape!s:.60} values, expected at most {n} MB: {again}", key=key,
                            shape=shape, n=limit // 10**6, again=text(AGAIN))
        content = _read_rest(stream, n_bytes, key)
    return np.frombuffer(content, kind).reshape(shape, order="F" if column_order else "C")


def _check_shape(shape, where):
    """Raise UserError unless a shape [n, 28, 28] or [n] is that of a reasonable number of items."""
    if tuple(shape[1:]) not in ((), (28, 28)):
        raise UserError("{where}: images of {height} x {width} pixels, expected 28 x 28", where=where,
                        height=shape[1], width=shape[2])
    if not 0 < shape[0] <= MAX_IMAGES:
        raise UserError("{where}: says it holds {n!s:.20} items, expected 1 to {most}", where=where, n=shape[0],
                        most=MAX_IMAGES)


def _read_rest(stream, n_bytes, where):
    """Return the rest of a stream, bytes, which must be that many; it takes no more memory than there are bytes."""
    n_chunks = n_bytes // CHUNK + 1  # so that a byte too many is seen, and a checksum at the end compared
    content = b"".join(islice(iter(lambda: stream.read(CHUNK), b""), n_chunks))
    if len(content) != n_bytes:
        if len(content) < n_bytes:
            raise UserError("{where}: cut off: too short for the {n} bytes it says it holds: {again}", where=where,
                            n=n_bytes, again=text(AGAIN))
        raise UserError("{where}: more bytes than the {n} bytes it says it holds: {again}", where=where, n=n_bytes,
                        again=text(AGAIN))
    return content
