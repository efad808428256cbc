"""The verified download, against mirrors on this machine: sound ones, damaged ones, dead ones."""

import contextlib
import hashlib
import http.server
import itertools
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest

from rnn_mnist.console.settings import UserError
from rnn_mnist.datasets import download
from rnn_mnist.datasets.files import load_arrays

CONTENT = {"mnist.npz": b"an archive" * 1000, "images.gz": b"images" * 500, "labels.gz": b"labels" * 50}
DIGESTS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
NPZ = {"mnist.npz": DIGESTS["mnist.npz"]}
GZIPS = {name: DIGESTS[name] for name in ("images.gz", "labels.gz")}


class Mirror:
    """Hold what a server on this machine gives out, by path, and the paths it was asked for; and its Fault in /npz/."""

    def __init__(self, url):
        self.url = url
        self.files = {}
        self.fault = None
        self.asked = []


class Fault(NamedTuple):
    """Hold how a mirror answers: the parts it sends instead of a header and content, and the pause after each."""

    parts: Callable
    said: str  # of it in the end
    pause: float = 0
    command: str = "GET"


@pytest.fixture
def mirror():
    """Return a Mirror that serves /npz/ and /gz/."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            here.asked.append(self.path)
            content = here.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            if here.fault and here.fault.command == self.command and self.path.startswith("/npz/"):
                with contextlib.suppress(OSError):  # nobody listens any more
                    for part in here.fault.parts(b"".join(self._headers_buffer) + b"\r\n", content):
                        self.wfile.write(part)
                        if ended.wait(here.fault.pause):
                            break
                return
            self.end_headers()
            if content and self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *args):
            pass

    ended = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Mirror(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield here
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def cache(tmp_path, mirror, monkeypatch):
    """Point the module at the mirror, with empty caches; return our cache folder."""
    monkeypatch.setattr(download, "NPZ", NPZ)
    monkeypatch.setattr(download, "MIRRORS", ((mirror.url + "/npz/", "mnist-npz", NPZ),
                                              (mirror.url + "/gz/", "mnist-idx", GZIPS)))
    monkeypatch.setenv("RNN_MNIST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "cache"


def files_in(folder):
    """Return {path below folder: bytes} of every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def offer(mirror, folder, names, **changed):
    mirror.files |= {f"/{folder}/{name}": changed.get("content", CONTENT[name]) for name in names}


def test_fetched_once_then_taken_from_the_cache(cache, mirror, capfd):
    offer(mirror, "npz", NPZ)
    path, why = download.find_mnist(offline=False)
    assert (path, why) == (str(cache / "mnist-npz" / "mnist.npz"), None)
    assert files_in(cache) == {"mnist-npz/mnist.npz": CONTENT["mnist.npz"]}
    mirror.asked.clear()
    assert download.find_mnist(offline=False) == download.find_mnist(offline=True) == (path, None)
    assert mirror.asked == []
    assert capfd.readouterr() == ("", "")  # no terminal here: no progress, no log


def on_and_on(part, first=b"HTTP/1.0 200 OK\r\n"):
    """Return a function of header and content that yields the first part, then the same part for ever."""
    return lambda header, content: itertools.chain([first or header], itertools.repeat(part))


FAULTS = {
    "wrong content": Fault(lambda header, content: [header, content[::-1]], "wrong SHA-256"),
    "cut off": Fault(lambda header, content: [header, content[:len(content) // 2]], "failed"),
    "a length that is none": Fault(lambda header, content: [b"HTTP/1.0 200 OK\r\nContent-Length: x\r\n\r\n"], "failed"),
    "another protocol": Fault(lambda header, content: [b"220 ready\r\n"], "failed"),
    "no word": Fault(lambda header, content: [], "failed"),
    "endless": Fault(on_and_on(bytes(2**17), b"HTTP/1.0 200 OK\r\n\r\n"), "larger than 1 MB"),
    "endless, slowly": Fault(on_and_on(bytes(2**17), b"HTTP/1.0 200 OK\r\n\r\n"), "", pause=0.05),
    "endless header": Fault(on_and_on(bytes(2**17)), "failed"),
    "dripping": Fault(on_and_on(b"x", None), "not done in 0.3 seconds", pause=0.05),
    "dripping, of no length": Fault(on_and_on(b"x", b"HTTP/1.0 200 OK\r\n\r\n"), "not done", pause=0.05),
    "dripping header": Fault(on_and_on(b"x"), "not done", pause=0.05),
    "dripping answer": Fault(on_and_on(b"x"), "no answer", pause=0.05, command="HEAD"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_mirror_that_fails_leaves_nothing_behind(cache, mirror, monkeypatch, fault):
    monkeypatch.setattr(download, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(download, "TIMEOUT", 0.3 if fault.command == "HEAD" else download.TIMEOUT)
    monkeypatch.setattr(download, "WHOLE_TIME", 0.3 if fault.pause else download.WHOLE_TIME)
    offer(mirror, "npz", NPZ)
    mirror.fault = fault
    path, why = download.find_mnist(offline=False)
    assert path is None and fault.said in why and "\n" not in why
    assert list(cache.iterdir()) == []


def test_a_fetch_left_alone_ends_though_the_mirror_goes_on_sending(cache, mirror, monkeypatch):
    monkeypatch.setattr(download, "WHOLE_TIME", 0.3)
    offer(mirror, "npz", NPZ)
    mirror.fault = FAULTS["endless, slowly"]
    before = set(threading.enumerate())
    assert download.find_mnist(offline=False)[0] is None
    for thread in set(threading.enumerate()) - before:
        if "process_request" not in thread.name:  # the server's, which would send 64 MB for half a minute
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["not there", "wrong content", "cut off", "endless", "dripping"])
def test_second_mirror_stands_in_for_the_first(cache, mirror, monkeypatch, fault):
    monkeypatch.setattr(download, "WHOLE_TIME", 2 if fault == "dripping" else download.WHOLE_TIME)
    if fault != "not there":
        offer(mirror, "npz", NPZ)
        mirror.fault = FAULTS[fault]
    offer(mirror, "gz", GZIPS)
    assert download.find_mnist(offline=False) == (str(cache / "mnist-idx"), None)
    assert files_in(cache) == {f"mnist-idx/{name}": CONTENT[name] for name in GZIPS}
    assert [path.name for path in cache.iterdir()] == ["mnist-idx"]
    assert all(path.is_file() for path in (cache / "mnist-idx").iterdir())


def test_a_download_that_stops_half_way_is_taken_up_again(cache, mirror):
    offer(mirror, "gz", ["images.gz"])
    path, why = download.find_mnist(offline=False)
    assert path is None and "404" in why
    assert files_in(cache) == {"mnist-idx/images.gz": CONTENT["images.gz"]}
    offer(mirror, "gz", ["labels.gz"])
    mirror.asked.clear()
    assert download.find_mnist(offline=False) == (str(cache / "mnist-idx"), None)
    assert mirror.asked.count("/gz/images.gz") == 1  # whether the mirror answers; the file itself is there


def test_damaged_cached_file_is_fetched_anew(cache, mirror):
    (cache / "mnist-npz").mkdir(parents=True)
    (cache / "mnist-npz" / "mnist.npz").write_bytes(b"not what it was")
    offer(mirror, "npz", NPZ)
    path, _ = download.find_mnist(offline=False)
    assert path == str(cache / "mnist-npz" / "mnist.npz")
    assert files_in(cache) == {"mnist-npz/mnist.npz": CONTENT["mnist.npz"]}


@pytest.mark.parametrize("offline", [True, False])
def test_damaged_cached_file_is_refused_if_it_cannot_be_fetched(cache, offline):
    damaged = cache / "mnist-npz" / "mnist.npz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"not what it was")
    path, why = download.find_mnist(offline)
    assert path is None and f"{damaged} has the wrong SHA-256" in why


def test_a_pipe_in_the_cache_is_not_waited_for(cache):
    (cache / "mnist-npz").mkdir(parents=True)
    os.mkfifo(cache / "mnist-npz" / "mnist.npz")
    assert download.find_mnist(offline=True)[0] is None


def test_offline_asks_nobody(cache, mirror):
    offer(mirror, "npz", NPZ)
    assert download.find_mnist(offline=True) == (None, "offline forbids the download")
    assert mirror.asked == [] and not cache.exists()


def test_keras_own_cache_is_used_if_its_hash_is_right(cache, mirror, tmp_path):
    keras = tmp_path / "keras" / "datasets" / "mnist.npz"
    keras.parent.mkdir(parents=True)
    keras.write_bytes(CONTENT["mnist.npz"])
    assert download.find_mnist(offline=False) == (str(keras), None)
    assert mirror.asked == []
    keras.write_bytes(CONTENT["mnist.npz"][:-1])
    path, why = download.find_mnist(offline=True)
    assert path is None and str(keras) in why
    offer(mirror, "npz", NPZ)
    assert download.find_mnist(offline=False)[0] == str(cache / "mnist-npz" / "mnist.npz")
    assert keras.read_bytes() == CONTENT["mnist.npz"][:-1]  # not ours to mend


def test_cache_that_cannot_be_written_is_named(cache, mirror):
    cache.write_text("in the way")
    offer(mirror, "npz", NPZ)
    path, why = download.find_mnist(offline=False)
    assert path is None and f"cannot write to the cache folder {cache}" in why and "RNN_MNIST_CACHE" in why
    with pytest.raises(UserError, match="cannot write to the cache folder"):
        load_arrays(data="mnist")


def test_dead_mirrors_are_given_up(cache, monkeypatch, capfd):
    """One port where nobody listens, and one where the connection is taken but nothing is ever said."""
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with contextlib.closing(socket.socket()) as closed, contextlib.closing(socket.create_server(("", 0))) as silent:
        closed.bind(("127.0.0.1", 0))
        ports = closed.getsockname()[1], silent.getsockname()[1]
        monkeypatch.setattr(download, "MIRRORS", tuple(
            (f"http://127.0.0.1:{port}/", f"folder{k}", NPZ) for k, port in enumerate(ports)))
        path, why = download.find_mnist(offline=False)
    assert path is None and "\n" not in why
    assert all(f"no answer from 127.0.0.1:{port}" in why for port in ports)
    assert files_in(cache) == {} and capfd.readouterr() == ("", "")


def test_a_name_that_is_looked_up_for_ever_is_given_up(cache, monkeypatch):
    """The system's look-up of names keeps to no time-out of ours."""
    ended = threading.Event()
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: ended.wait() and [])
    path, why = download.find_mnist(offline=False)
    ended.set()
    assert path is None and "no answer" in why


def test_mirrors_are_at_two_hosts_and_spare_the_one_that_is_asked_not_to_be_used():
    hosts = {url.split("/")[2] for url, _, _ in download.MIRRORS}
    assert len(hosts) >= 2 and all(url.startswith("https://") for url, _, _ in download.MIRRORS)
    assert not any("lecun" in host for host in hosts)


def test_known_hashes_are_those_of_the_real_files(mnist_dir):
    """The training images there were packed without the original's time stamp, so their archive differs."""
    for name in list(download.GZIPS)[1:]:
        with open(os.path.join(mnist_dir, name), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == download.GZIPS[name]


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="elsewhere no variable says where it is")
def test_default_cache_is_the_platforms(monkeypatch):
    monkeypatch.delenv("RNN_MNIST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setenv("HOME", "/home/of/someone")
    usual = {"linux": "/somewhere/rnn_mnist", "darwin": "/home/of/someone/Library/Caches/rnn_mnist"}
    assert download.cache_folder() == usual[sys.platform]
