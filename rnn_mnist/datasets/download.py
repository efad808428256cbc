"""Verified MNIST files: in Keras' cache, in our own, or fetched from a mirror into our own.

No file is used before its SHA-256 was compared. pooch does the fetching; it is imported only when something is fetched.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import threading

from rnn_mnist.console.settings import named

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
HOW_TO_GET = (f"fetch {MIRRORS[0][0]}mnist.npz, or {', '.join(GZIPS)} from {MIRRORS[1][0]} or {MIRRORS[2][0]}, "
              "and give their folder by")
TIMEOUT = 5  # seconds without an answer after which a mirror counts as dead


def cache_folder():
    """Return the path of our cache: RNN_MNIST_CACHE, or the platform's usual place."""
    import platformdirs
    return os.environ.get("RNN_MNIST_CACHE") or platformdirs.user_cache_dir("rnn_mnist", appauthor=False)


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
    reasons = [f"{path} has the wrong SHA-256 and is not used" for path in damaged]
    hindrance = f"{named('offline')} forbids the download" if offline else _hindrance(cache)
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
        return f"cannot write to the cache folder {cache} ({error.strerror}), set RNN_MNIST_CACHE to another"
    return None


def _fetch(url, folder, files):
    """Fetch files into a folder, each whole and verified or not at all; return None, or why it failed."""
    import pooch

    host = url.split("/")[2]
    pooch.get_logger().setLevel("CRITICAL")
    if not _answers(url + next(iter(files))):
        return f"no answer from {host}"
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=2**16, progressbar=sys.stderr.isatty())
    try:
        for name, digest in files.items():
            pooch.retrieve(url + name, known_hash=f"sha256:{digest}", fname=name, path=folder, downloader=downloader)
    except (OSError, ValueError) as error:
        return f"download from {host} failed: {' '.join(str(error).split())[:120]}"
    return None


def _answers(url):
    """Tell whether a mirror answers within TIMEOUT seconds.

    Asked in a thread of its own, because neither the look-up of a name nor trying one address after another keeps to
    the time-out that requests is given.
    """
    import pooch

    answers = []

    def ask():
        """Note that the mirror answers."""
        with contextlib.suppress(OSError, ValueError):
            answers.append(pooch.HTTPDownloader(timeout=TIMEOUT)(url, None, None, check_only=True))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return answers == [True]
