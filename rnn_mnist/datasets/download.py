"""Verified MNIST files: in Keras' cache, in our own, or fetched from a mirror into our own.

No file is used before its SHA-256 was compared. pooch does the fetching; it is imported only when something is fetched.
"""

import concurrent.futures
import hashlib
import io
import os
import sys
import tempfile
import threading
import time

from rnn_mnist.console.languages import text, why
from rnn_mnist.console.settings import named
from rnn_mnist.files import MAX_BYTES, write

NPZ = {"mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}
GZIPS = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
# Folder on the web, folder in our cache, {name: SHA-256}; tried in this order.
MIRRORS = (
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/", "mnist-npz", NPZ),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "mnist-idx", GZIPS),
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", "mnist-idx", GZIPS),
)
_URLS = [url for url, *_ in MIRRORS]
TIMEOUT = 5  # seconds without an answer after which a mirror counts as dead
WHOLE_TIME = 600  # seconds after which a mirror is given up, whatever it has sent


def cache_folder():
    """Return the path of our cache: RNN_MNIST_CACHE, or the platform's usual place."""
    import platformdirs
    return os.environ.get("RNN_MNIST_CACHE") or platformdirs.user_cache_dir("rnn_mnist", appauthor=False)


def how_to_get():
    """Return the words that say where MNIST is to be had, and by what to name its folder."""
    return text("fetch {url}mnist.npz, or {names} from {mirror} or {other}, and give their folder by {data_dir}",
                url=_URLS[0], names=", ".join(GZIPS), mirror=_URLS[1], other=_URLS[2], data_dir=named("data_dir"))


def find_mnist(offline):
    """Return (path of a folder or npz with the verified MNIST, None), or (None, why there is none)."""
    keras = os.path.join(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "datasets")
    cache = cache_folder()
    places = [(keras, NPZ)] + [(os.path.join(cache, place), files) for _, place, files in MIRRORS]
    for folder, files in places:
        if all(_is_sound(os.path.join(folder, name), digest) for name, digest in files.items()):
            return _path(folder, files), None
    damaged = [os.path.join(folder, name) for folder, files in places for name, digest in files.items()
               if os.path.exists(os.path.join(folder, name)) and not _is_sound(os.path.join(folder, name), digest)]
    reasons = [text("{path} has the wrong SHA-256 and is not used", path=path) for path in damaged]
    hindrance = text("{offline} forbids the download", offline=named("offline")) if offline else _hindrance(cache)
    if hindrance:
        return None, "; ".join(dict.fromkeys([*reasons, hindrance]))
    for url, place, files in MIRRORS:
        folder = os.path.join(cache, place)
        reason = _fetch(url, folder, files)
        if reason is None:
            return _path(folder, files), None
        reasons.append(reason)
    return None, "; ".join(dict.fromkeys(reasons))


def _path(folder, files):
    return os.path.join(folder, "mnist.npz") if "mnist.npz" in files else folder


def _is_sound(path, digest):
    """Tell whether a file is there and has the SHA-256 it should have."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _hindrance(cache):
    """Return None if files can be written to the cache folder, or else what is the matter."""
    try:
        os.makedirs(cache, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError as error:
        return text("cannot write to the cache folder {cache} ({reason}), set RNN_MNIST_CACHE to another", cache=cache,
                    reason=why(error))
    return None


def _fetch(url, folder, files):
    """Fetch files into a folder, each whole and verified or not at all; return None, or why it failed."""
    host, end = url.split("/")[2], time.monotonic() + WHOLE_TIME
    if not _answers(url + next(iter(files))):
        return text("no answer from {host}", host=host)
    try:
        for name, digest in files.items():
            path = os.path.join(folder, name)
            if not _is_sound(path, digest):
                content = _within(end - time.monotonic(), _download, url + name, end)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise ValueError(text("{name} has the wrong SHA-256", name=name))
                os.makedirs(folder, exist_ok=True)
                write(path, content)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120] or text("not done in {n} seconds", n=WHOLE_TIME)
        return text("download from {host} failed: {reason}", host=host, reason=reason)
    return None


def _answers(url):
    """Tell whether a mirror answers within TIMEOUT seconds."""
    import pooch

    ask = pooch.HTTPDownloader(timeout=TIMEOUT)
    try:
        return _within(TIMEOUT, ask, url, None, None, True)
    except (OSError, ValueError):
        return False


def _download(url, end):
    """Return the bytes of a file on the web; raise OSError or ValueError if it can't be had, or is too large."""
    import pooch

    content = _Bounded(end)
    pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=2**16, progressbar=sys.stderr.isatty())(url, content, None)
    return content.getvalue()


class _Bounded(io.BytesIO):
    """Take up to MAX_BYTES, and nothing once the time is over: whoever writes then was left alone."""

    def __init__(self, end):
        super().__init__()
        self.end = end

    def write(self, content):
        """Append bytes."""
        if self.tell() + len(content) > MAX_BYTES:
            raise OSError(text("a file is larger than {n} MB", n=MAX_BYTES // 1_000_000))
        if time.monotonic() > self.end:
            raise TimeoutError
        return super().write(content)


def _within(seconds, function, *args):
    """Return what a function returns; raise what it raises, or TimeoutError if it takes longer.

    It runs in a thread that is left alone then: the time-out that requests is given bounds neither the look-up of a
    name, nor trying one address after another, nor an answer that comes in drops.
    """
    future = concurrent.futures.Future()

    def run():
        """Have the future end as the function does."""
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
