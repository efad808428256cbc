"""The one way to read a file, to write one so that it appears whole, and to take a digest. Nothing read is trusted."""

import contextlib
import hashlib
import json
import os
import secrets
import stat
from pathlib import Path

from rnn_mnist.console.languages import text, why
from rnn_mnist.console.settings import UserError

MAX_BYTES = 64_000_000
CURE = "restore or delete it"
BESIDE = ".tmp"  # ending of the hidden files that are being written, or were when their process was killed


@contextlib.contextmanager
def opened(path, limit=MAX_BYTES, cure=None):
    """Give a regular file, open for reading bytes; raise UserError if it, or it within the block, can't be read.

    One of more than `limit` bytes is refused. cure: what to do then, in the language; CURE if nothing is said.
    """
    cure = cure or text(CURE)
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise UserError("{path}: not a file: {cure}", path=path, cure=cure)
        if status.st_size > limit:
            raise UserError("{path}: larger than {n} MB: {cure}", path=path, n=limit // 1_000_000, cure=cure)
        with open(path, "rb") as file:
            yield file
    except (OSError, ValueError) as error:
        raise UserError("{path}: cannot be read ({reason}): {cure}", path=path, reason=why(error), cure=cure) from None


def read_bytes(path, limit=MAX_BYTES, cure=None):
    """Return the content of a file; raise UserError as opened does."""
    with opened(path, limit, cure) as file:
        return file.read()


def read_text(path):
    """Return the text of a file; raise UserError if it can't be read as UTF-8."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        raise UserError("{path}: is not text: {cure}", path=path, cure=text(CURE)) from None


def read_json(path):
    """Return the dict in a JSON file; raise UserError if it can't be read or holds something else."""
    try:
        values = json.loads(read_text(path))
        json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair would fail where it is written
    except (ValueError, RecursionError) as error:
        raise UserError("{path}: not valid JSON ({e!s:.80}): {cure}", path=path, e=error, cure=text(CURE)) from None
    if not isinstance(values, dict):
        raise UserError("{path}: holds no JSON object: {cure}", path=path, cure=text(CURE))
    return values


def write(path, content):
    """Write text, bytes or, as JSON, a dict so that at every instant the old file or the new one is there, whole."""
    path = Path(path)
    if isinstance(content, dict):
        content = json.dumps(content, indent=2) + "\n"
    # Nobody can have put a link of that name there, and it is never too long.
    beside = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}{BESIDE}")
    try:
        with open(beside, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        error.filename = str(path)  # writing, unlike opening, leaves it out
        raise
    sync_folder(path.parent)


def append(path, content):
    """Append text or bytes to a file that is there and flush it to disk; if it refuses a part, nothing is appended."""
    with open(path, "ab", buffering=0, opener=lambda path, flags: os.open(path, flags & ~os.O_CREAT)) as file:
        size = file.tell()
        try:
            left = memoryview(content.encode() if isinstance(content, str) else content)
            while left:
                left = left[file.write(left):]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(size)
            error.filename = str(path)
            raise


def sync_folder(folder):
    """Flush a folder's entries to disk, where the system can do that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def digest(content):
    """Return the SHA-256 (hex) of bytes, or of a dict of plain values."""
    if isinstance(content, dict):
        content = json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()
