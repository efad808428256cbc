"""Training, validation and test images as uint8 arrays, and where they came from.

Finds the data, reads IDX files and npz archives without trusting them, recognises the original MNIST by its content,
splits off the validation images and cuts minibatches. It stops at NumPy: scaling to 0..1 is the graph's business.
"""

import gzip
import hashlib
import math
import os
import stat
import struct
import sys
import warnings
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from rnn_mnist.config import UserError
from rnn_mnist.datasets import download, synthetic

# The four files in the order used everywhere: name in a folder, key in an npz, dimensions, SHA-256 of the original's
# uncompressed IDX content (the files of Y. LeCun, C. Cortes and C. Burges).
PARTS = (
    ("train-images", "x_train", 3, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels", "y_train", 1, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images", "x_test", 3, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels", "y_test", 1, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)
ORIGINAL, OTHER, SYNTHETIC = "original MNIST", "not the original MNIST", "synthetic digits, not MNIST"
MAX_IMAGES = 1_000_000  # per file; keeps a file made to unpack endlessly from filling the memory
MAX_DEFLATE_RATIO = 1032  # zlib's technical notes: no deflate stream grows by more than that


class Split(NamedTuple):
    """Hold images, uint8 [n, 28, 28], and their labels, int32 [n]."""

    images: np.ndarray
    labels: np.ndarray


class Source(NamedTuple):
    """Say what the data is, where it was found, and its SHA-256 (over the digests of the four IDX contents)."""

    kind: str
    where: str
    digest: str


class Data(NamedTuple):
    """Hold the three splits and their source."""

    train: Split
    valid: Split
    test: Split
    source: Source


def load_data(config):
    """Return the Data that a config asks for; raise UserError if it cannot be had or does not fit the config."""
    arrays, where = _find(config)
    digests = [idx_digest(array) for array in arrays]
    kind = ORIGINAL if digests == [part[3] for part in PARTS] else OTHER if where else SYNTHETIC
    source = Source(kind, where or "drawn from a seed", hashlib.sha256("".join(digests).encode()).hexdigest())
    train_images, train_labels, test_images, test_labels = arrays
    train, valid = _split(Split(train_images, train_labels.astype(np.int32)), config)
    return Data(train, valid, Split(test_images, test_labels.astype(np.int32)), source)


def shuffle_batch(X, y, batch_size, rnd):
    """Yield (X, y) in minibatches: one permutation of all indices, cut into len(X) // batch_size nearly equal parts.

    X is [n, ...], y is [n], rnd a RandomState; the scheme is that of A. Geron's handson-ml, chapter 14.
    """
    for part in np.array_split(rnd.permutation(len(X)), len(X) // batch_size):
        yield X.take(part, axis=0), y.take(part)


def in_order(X, y, batch_size):
    """Yield (X, y) in slices of batch_size, in order, the shorter rest included; for evaluation."""
    for start in range(0, len(X), batch_size):
        yield X[start:start + batch_size], y[start:start + batch_size]


def idx_digest(array):
    """Return the SHA-256 (hex) of a uint8 array's IDX form: 0, 0, type 8, dimensions, sizes (big-endian), bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(array)
    return digest.hexdigest()


def read_data(path):
    """Return (train images, train labels, test images, test labels), all uint8, from a folder or an npz.

    Images are [n, 28, 28], labels [n] in 0..9. Raise UserError, naming the file, if anything is amiss.
    """
    if os.path.isdir(path):
        paths = _idx_paths(path)
        arrays = [_read_idx(file, part[2]) for file, part in zip(paths, PARTS, strict=True)] if paths else None
        if not paths:
            paths = [os.path.join(path, "mnist.npz")] * 4
    else:
        paths, arrays = [path] * 4, None
    if arrays is None:
        arrays = _read_npz(paths[0])
        paths = [f"{path}, {part[1]}" for path, part in zip(paths, PARTS, strict=True)]
    _check_labels(arrays, paths)
    return tuple(arrays)


def _find(config):
    """Return (four arrays, their path or None if drawn), looking in the order of the README."""
    if config.data == "synthetic":
        if config.data_dir is not None:
            raise UserError(f"--data synthetic reads no files: leave out --data-dir {config.data_dir}")
        return synthetic.load_digits(download.cache_folder()), None
    given = config.data_dir, os.environ.get("RNN_MNIST_DATA") or None
    for origin, path in zip(("--data-dir", "RNN_MNIST_DATA"), given, strict=True):
        if path is not None:
            path = os.path.expanduser(path)
            if not os.path.exists(path):
                raise UserError(f"{origin}: no such file or folder '{path}': give the folder that holds MNIST")
            return read_data(path), path
    path, why = download.find_mnist(config.offline)
    if path is not None:
        return read_data(path), path
    if config.data == "mnist":
        raise UserError(f"no MNIST on this machine ({why}): {download.HOW_TO_GET}")
    print(f"NOTE: NO MNIST ON THIS MACHINE ({why}): USING SYNTHETIC DIGITS. These scores are not MNIST scores.",
          file=sys.stderr, flush=True)
    return synthetic.load_digits(download.cache_folder()), None


def _split(split, config):
    """Return (train, valid): the subset if one is asked for, then the validation images cut off (views)."""
    images, labels = split
    n = len(images)
    if config.n_subset > n:
        raise UserError(f"--n-subset {config.n_subset} is more than the {n} training images there are")
    if config.n_subset:
        chosen = np.random.RandomState(config.subset_seed).permutation(n)[-config.n_subset:]
        images, labels, n = images[chosen], labels[chosen], config.n_subset
    flag = f"--valid-fraction {config.valid_fraction}" if config.valid_fraction else f"--n-valid {config.n_valid}"
    n_valid = round(n * config.valid_fraction) if config.valid_fraction else config.n_valid
    if n_valid >= n:
        raise UserError(f"{flag} leaves none of the {n} training images for training: give less")
    if config.valid_fraction and not n_valid:
        raise UserError(f"{flag} of {n} training images is not even one: give more")
    if config.batch_size > n - n_valid:
        raise UserError(f"--batch-size {config.batch_size} is more than the {n - n_valid} images left for training: "
                        f"give at most --batch-size {n - n_valid}")
    first, last = slice(0, n_valid), slice(n_valid, n)
    if config.valid_fraction:
        first, last = slice(n - n_valid, n), slice(0, n - n_valid)
    return Split(images[last], labels[last]), Split(images[first], labels[first])


def _idx_paths(folder):
    """Return the paths of the four IDX files in a folder, or None if it holds an mnist.npz instead."""
    try:
        os.listdir(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
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
        other = "" if found else " and no mnist.npz"
        raise UserError(f"{folder}: no {', '.join(missing)}{other}: put the four MNIST files or an mnist.npz there")
    return found


def _open(path):
    """Return (file, its size) for a regular file; raise UserError for anything else."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise UserError(f"{path}: not a file: put the data file itself there")
        return open(path, "rb"), status.st_size
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _read_idx(path, n_dims):
    """Return the uint8 array, [n, 28, 28] or [n], of an IDX file, gzip or raw."""
    file, size = _open(path)
    with file:
        try:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            header = stream.read(4 + 4 * n_dims)
            if len(header) < 4 + 4 * n_dims:
                raise UserError(f"{path}: {'too short for an IDX header' if header else 'empty'}: fetch the file again")
            magic, *shape = struct.unpack(f">{1 + n_dims}I", header)
            if magic != 0x800 + n_dims:
                raise UserError(f"{path}: magic number {magic}, expected {0x800 + n_dims}: not an IDX file of "
                                f"{'images' if n_dims == 3 else 'labels'}")
            return _read_array(stream, shape, size * (MAX_DEFLATE_RATIO if packed else 1), path)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path}: damaged or cut off ({error}): fetch the file again") from None


def _read_npz(path):
    """Return the four uint8 arrays of an npz with Keras' keys; pickled objects are never loaded."""
    file, size = _open(path)
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = {info.filename: info for info in archive.infolist()}
                missing = [part[1] for part in PARTS if part[1] + ".npy" not in names]
                if missing:
                    raise UserError(f"{path}: no array named {', '.join(missing)}: add what is missing")
                return [_read_npy(archive, names[key + ".npy"], n_dims, size, f"{path}, {key}")
                        for _, key, n_dims, _ in PARTS]
        except UserError:
            raise
        except Exception as error:  # zipfile and NumPy raise a dozen kinds on damaged bytes; all mean the same
            reason = " ".join(str(error).split())[:80] or type(error).__name__
            raise UserError(f"{path}: not a sound npz ({reason}): give a folder, or a whole mnist.npz") from None


def _read_npy(archive, info, n_dims, size, where):
    """Return the uint8 array of one member of an npz archive of `size` bytes."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{where}: packed in an unusual way: write it with numpy.savez or savez_compressed")
    with archive.open(info) as stream, warnings.catch_warnings(action="ignore"):
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, columns_first, dtype = read_header[version](stream)
        if dtype != np.uint8:
            raise UserError(f"{where}: type {dtype!s:.60}, expected uint8")
        if len(shape) != n_dims or (columns_first and n_dims > 1):
            expected = "[n, 28, 28] in C order" if n_dims == 3 else "[n]"
            raise UserError(f"{where}: shape {shape!s:.60}, expected {expected}")
        return _read_array(stream, shape, size * MAX_DEFLATE_RATIO, where)


def _read_array(stream, shape, limit, where):
    """Return the rest of a stream as a uint8 array of the given shape; it must fill it, to the byte."""
    if tuple(shape[1:]) not in ((), (28, 28)):
        raise UserError(f"{where}: images of {shape[1]} x {shape[2]} pixels, expected 28 x 28")
    if not 0 < shape[0] <= MAX_IMAGES:
        raise UserError(f"{where}: says it holds {shape[0]!s:.20} items, expected 1 to {MAX_IMAGES}")
    size = math.prod(shape)
    cut_off = UserError(f"{where}: cut off: too short for the {shape[0]} items it says it holds: fetch the file again")
    if size > limit:
        raise cut_off
    array = np.empty(size, np.uint8)
    buffer, done = memoryview(array), 0
    while done < size:
        n_read = stream.readinto(buffer[done:done + 2**22])
        if not n_read:
            raise cut_off
        done += n_read
    if stream.read(1):  # at the very end this also has the checksum compared
        raise UserError(f"{where}: more bytes than the {shape[0]} items it says it holds: fetch the file again")
    return array.reshape(shape)


def _check_labels(arrays, paths):
    """Raise UserError unless labels are 0..9 and as many as images."""
    for k in (0, 2):
        images, labels = arrays[k], arrays[k + 1]
        if len(images) != len(labels):
            raise UserError(f"{paths[k + 1]}: {len(labels)} labels for the {len(images)} images of {paths[k]}")
        if labels.max() > 9:
            raise UserError(f"{paths[k + 1]}: label {labels.max()} (at {np.argmax(labels > 9)}), expected 0 to 9")
