"""TensorBoard's event files: every value is metrics.csv's, damage is repaired, the page that TensorBoard serves."""

import contextlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from rnn_mnist.export import tensorboard as events
from rnn_mnist.run import Run
from rnn_mnist.tf1 import tf
from rnn_mnist.train import resume, train
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.tutorials.weights_file import read_network

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.usefixtures("shared_graphs")
TOY = {"data": "mnist", "epochs": 2, "batch_size": 50, "n_valid": 100, "plots": False, "histograms": True}


@pytest.fixture(scope="session")
def toy_runs(tmp_path_factory, toy_data_dir):
    """Return a folder with two finished runs, rnn and mlp; the latter without validation images."""
    folder = tmp_path_factory.mktemp("toy_runs")
    settings = {**TOY, "data_dir": toy_data_dir, "runs_dir": folder}
    train(**settings, n_neurons=10, run_name="rnn")
    train(*PRESETS["mlp-relu"], **settings | {"n_valid": 0}, hidden_sizes=(12, 8), run_name="mlp")
    return folder


@pytest.fixture
def rnn(toy_runs, tmp_path):
    """Return a copy of the rnn run that a test may damage."""
    return Path(shutil.copytree(toy_runs / "rnn", tmp_path / "rnn"))


def event_file(run):
    """Return the one event file of a run."""
    [path] = (run / "events").iterdir()
    return path


def read_events(run):
    """Return all events of a run, as TensorFlow reads them."""
    return list(tf.train.summary_iterator(str(event_file(run))))


def scalars(run):
    """Return [(tag, step, float32 value)] of a run in the order of its file."""
    return [(value.tag, event.step, np.float32(value.simple_value)) for event in read_events(run)
            for value in event.summary.value if value.HasField("simple_value")]


def expected(run, with_result=True):
    """Return what scalars must give, from metrics.csv and result.json as text."""
    header, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    found = [(name, int(row[0]), np.float32(cell)) for row in rows
             for name, cell in zip(header[1:], row[1:], strict=True) if cell]
    result = json.loads((run / "result.json").read_text()) if with_result else {}
    return found + [(name, len(rows), np.float32(result[name]))
                    for name in ("acc_test", "loss_test", "acc_train", "loss_train") if name in result]


def begin_anew(run):
    """Begin a run's events as a resume does."""
    events.begin(run, Run(run).config, tf.Graph(), Run(run).metrics)


@pytest.mark.parametrize("name", ["rnn", "mlp"])
def test_every_value_is_that_of_metrics_csv(toy_runs, name):
    run = toy_runs / name
    assert scalars(run) == expected(run)
    tags = {tag for tag, _, _ in scalars(run)}
    assert {"acc_batch", "loss_batch", "acc_running", "loss_running", "acc_test", "loss_test"} <= tags
    assert ("acc_valid" in tags) == (name == "rnn")
    assert ("acc_train" in tags) == (name == "mlp")


def test_tensorboards_own_reader_finds_scalars_histograms_and_graph(toy_runs):
    reader = EventAccumulator(str(toy_runs / "mlp" / "events"), {"histograms": 0}).Reload()
    metrics = Run(toy_runs / "mlp").metrics
    assert [(item.step, item.value) for item in reader.Scalars("loss_running")] == [
        (row["epoch"], np.float32(row["loss_running"])) for row in metrics]
    layers = read_network(toy_runs / "mlp").layers
    assert len(reader.Tags()["histograms"]) == 6
    for name, (kernel, _) in zip(("hidden1", "hidden2", "dense"), layers, strict=True):
        assert [item.step for item in reader.Histograms(f"{name}/kernel")] == [0, 1]
        last = reader.Histograms(f"{name}/kernel")[-1].histogram_value
        assert (last.min, last.max, last.num) == (kernel.min(), kernel.max(), kernel.size)
        assert sum(last.bucket) == kernel.size
        below = [np.count_nonzero(kernel < limit) for limit in last.bucket_limit[:-1]]
        assert np.array_equal(np.cumsum(last.bucket)[:-1], below)
    nodes = {node.name for node in reader.Graph().node}
    assert {"X", "y", "hidden1/kernel", "dense/kernel/Adam"} <= nodes


def test_the_settings_are_in_hparams_form(toy_runs):
    found = [HParamsPluginData.FromString(value.metadata.plugin_data.content) for event in read_events(toy_runs / "mlp")
             for value in event.summary.value if value.metadata.plugin_data.plugin_name == "hparams"]
    start, end = found[0].session_start_info, found[1].session_end_info
    assert start.hparams["learning_rate"].number_value == .001
    assert start.hparams["hidden_sizes"].string_value == "(12, 8)"
    assert start.hparams["optimizer"].string_value == "adam"
    assert not {"n_neurons", "momentum", "runs_dir"} & set(start.hparams)  # these have no effect on it
    assert end.status == 1  # STATUS_SUCCESS in TensorBoard's api.proto


def test_histograms_are_written_on_request_only_and_change_no_weights(toy_runs, tmp_path):
    plain = train(*Run(toy_runs / "rnn").settings, histograms=False, runs_dir=tmp_path, run_name="plain")
    assert plain.result["weights"] == json.loads((toy_runs / "rnn" / "result.json").read_text())["weights"]
    values = [value for event in read_events(plain.path) for value in event.summary.value]
    assert not any(value.HasField("histo") for value in values)
    assert scalars(plain.path) == expected(plain.path)


def test_an_extended_run_has_every_epoch_once(rnn):
    before = {event.step: event for event in read_events(rnn)}
    resume(Run(rnn), {"epochs": 4})
    assert scalars(rnn) == expected(rnn)
    assert [step for tag, step, _ in scalars(rnn) if tag == "acc_valid"] == [0, 1, 2, 3]
    after = {event.step: event for event in read_events(rnn)}
    for step in (0, 1):  # the first epochs' weights are gone, their histograms must be taken over
        assert after[step] == before[step]
        assert sum(value.HasField("histo") for value in after[step].summary.value) == 4


def test_events_of_epochs_that_metrics_csv_lost_are_cut(rnn):
    lines = (rnn / "metrics.csv").read_text().splitlines(keepends=True)
    (rnn / "metrics.csv").write_text("".join(lines[:2]))
    begin_anew(rnn)
    assert scalars(rnn) == expected(rnn, with_result=False)
    assert {step for _, step, _ in scalars(rnn)} == {0}


def test_a_file_cut_anywhere_is_readable_and_repaired(rnn):
    whole = event_file(rnn).read_bytes()
    for length in [0, 1, 11, 12, *range(len(whole) - 2000, len(whole), 80), *range(0, len(whole), 9973)]:
        event_file(rnn).write_bytes(whole[:length])
        EventAccumulator(str(rnn / "events")).Reload()
        begin_anew(rnn)
        assert scalars(rnn) == expected(rnn, with_result=False), f"cut after {length} bytes"


def test_a_flipped_bit_anywhere_is_repaired(rnn):
    whole = event_file(rnn).read_bytes()
    places = np.random.RandomState(1).randint(len(whole), size=60)
    for place in places:
        event_file(rnn).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1:])
        begin_anew(rnn)
        assert scalars(rnn) == expected(rnn, with_result=False), f"byte {place} flipped"


def test_events_of_another_run_and_junk_are_replaced(rnn, toy_runs):
    shutil.copy(event_file(toy_runs / "mlp"), rnn / "events")
    (rnn / "events" / "events.out.tfevents.junk").write_bytes(b"no events" * 99)
    (rnn / "events" / ".events.out.tfevents.1.tmp").write_bytes(b"")  # of a process that was killed
    begin_anew(rnn)
    assert scalars(rnn) == expected(rnn, with_result=False)
    values = [value for event in read_events(rnn) for value in event.summary.value]
    assert "hidden1/kernel" not in {value.tag for value in values}


def test_a_folder_deleted_while_training_does_not_stop_it(rnn):
    row = Run(rnn).metrics[0]
    shutil.rmtree(rnn / "events")
    events.add_epoch(rnn, row, {})
    assert scalars(rnn) == expected(rnn, with_result=False)[:len(row) - 1]
    begin_anew(rnn)
    assert scalars(rnn) == expected(rnn, with_result=False)


@pytest.mark.slow
def test_the_page_of_tensorboard_shows_both_runs(toy_runs, tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs headless Chromium: apt-get install chromium")
    last = [[item for item in expected(toy_runs / name) if item[0] == tag][-1]
            for tag in ("acc_test", "loss_batch") for name in ("mlp", "rnn")]
    rows = [(f"{name}/events", step, pytest.approx(value, rel=1e-3))
            for name, (_, step, value) in zip(("mlp", "rnn") * 2, last, strict=True)]
    with tensorboard(toy_runs, tmp_path) as url:
        for i in range(20):  # a busy machine may not have drawn the page within the time that Chromium gives it
            shown = tables_on_page(f"{url}?tagFilter=acc_test|loss_batch#timeseries", tmp_path / f"profile{i}")
            if len(shown) == 4:
                break
            time.sleep(1)
    assert shown == rows


@contextlib.contextmanager
def tensorboard(logdir, tmp_path):
    """Give the address of a TensorBoard that has read both runs; stop it afterwards."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--host", "127.0.0.1", "--port", "0"]
    said = tmp_path / "tensorboard.log"
    with open(said, "w") as log:
        server = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT,
                                  env={**os.environ, "PYTHONUNBUFFERED": "1",
                                       "TF_USE_LEGACY_KERAS": "1"})  # Keras 3 takes seconds to import
        try:
            url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", said.read_text()))[0]
            wait_for(lambda: len(json.load(urllib.request.urlopen(f"{url}data/runs", timeout=60))) == 2)
            yield url
        finally:
            server.terminate()
            server.wait()


def wait_for(condition):
    """Return what condition() gives as soon as it is true, within two minutes."""
    for _ in range(600):
        if found := condition():
            return found
        time.sleep(.2)
    raise AssertionError("TensorBoard did not start")


def tables_on_page(url, profile):
    """Return [(run, step, value)] of the tables that the page shows under its curves, from top to bottom."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
             "--window-size=1600,1400", "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *flags, url], capture_output=True, text=True, timeout=300)
    texts = Texts(done.stdout).texts
    rows = [texts[i:i + 4] for i, text in enumerate(texts) if text.endswith("/events")]
    return [(run, int(step), float(value)) for run, _, value, step in rows if step.isdigit()]


class Texts(html.parser.HTMLParser):
    """Collect the texts of a page in order."""

    def __init__(self, page):
        super().__init__()
        self.texts = []
        self.feed(page)

    def handle_data(self, data):
        """Keep a text that is more than white space."""
        if data.strip():
            self.texts.append(data.strip())
