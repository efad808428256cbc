"""What goes wrong with a sweep, its cluster or one of its runs: told in one line, and nothing else is lost."""

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest
from clusters import (
    GRID,
    LONG,
    ROOT,
    TOY,
    Cluster,
    Command,
    certificate,
    digests,
    figures,
    in_progress,
    refused,
    sweep,
    wait_until,
    went_on,
)

from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console import guard
from rnn_mnist.run import find_runs
from rnn_mnist.sweep import worker

pytestmark = pytest.mark.slow


def test_a_scheduler_that_cannot_be_used_is_told_in_one_line(tmp_path, data, pem, cluster):
    grid = (*GRID, *data)
    for address, tls, line in (("tls://127.0.0.1:9", pem, "tls://127.0.0.1:9 cannot be reached"),
                               (cluster.address, "nowhere.pem", "nowhere.pem: cannot be read"),
                               (cluster.address, certificate(tmp_path / "other.pem"), "cannot be reached")):
        assert line in refused(tmp_path, *grid, "--scheduler", address, "--tls", tls)
    with Cluster(tmp_path / "old", pem, PYTHONPATH=fake_version(tmp_path / "fake", "distributed", "2020.1.0")) as old:
        line = refused(tmp_path, *grid, "--scheduler", old.address, "--tls", pem)
        assert "has distributed 2020.1.0" in line


def test_a_worker_without_the_certificate_gets_nowhere(tmp_path, data, cluster, on_cluster):
    from distributed import Client, Security
    intruder = cluster.add_worker(pem=certificate(tmp_path / "other.pem"))
    (log,) = cluster.folder.glob("scheduler-*.log")
    wait_until(lambda: log.read_text().count("TLS handshake failed") > 3, intruder)
    tls = {"tls_ca_file": cluster.pem, "tls_client_cert": cluster.pem, "tls_client_key": cluster.pem}
    with Client(cluster.address, security=Security(require_encryption=True, **tls), set_as_default=False) as client:
        pids = set(client.run(os.getpid).values())
    assert pids and intruder.pid not in pids
    intruder.kill()


def fake_version(folder, package, version):
    """Return a folder that, on the path, has a package pass for another version."""
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return str(folder)


def test_a_worker_that_differs_is_told_in_one_line_before_the_first_run(tmp_path, data, pem, folder):
    with Cluster(tmp_path / "cluster", pem) as cluster:
        grid = ("--n-valid", "5", "--batch-size", "5", "--data", "mnist", "--scheduler", cluster.address, "--tls", pem)
        cluster.add_worker(PYTHONPATH=fake_version(tmp_path / "fake", "tensorflow", "2.99.0"))
        assert "another tensorflow: 2.99.0, here" in refused(tmp_path, *grid, *data)
        cluster.workers[-1].kill()
        cluster.add_worker(RNN_MNIST_DATA=data[1])
        assert "other data than here" in refused(tmp_path, *grid, RNN_MNIST_DATA=str(folder))


def test_a_scheduler_that_goes_is_told_in_one_line(tmp_path, data, long, pem):
    with Cluster(tmp_path / "cluster", pem) as cluster:
        cluster.add_worker()
        command = (*LONG, *data, "--run-name", "s")
        running = Command(tmp_path, *command, "--scheduler", cluster.address, "--tls", pem)
        folder = tmp_path / "runs/s"
        before = wait_until(lambda: in_progress(folder, 1), running.process)
        cluster.scheduler.kill()
        code, _, err = running.end()
        assert code == 2 and len(err.splitlines()) == 1
        assert "the scheduler is gone: 0 of 4 runs are finished" in err
    code, _, err = sweep(tmp_path, *command)
    assert (code, err) == (0, "")
    assert digests(folder) == long and went_on(before, folder)


def test_a_full_disk_costs_a_worker_and_no_run(tmp_path, data, long, pem):
    with Cluster(tmp_path / "cluster", pem) as cluster:
        grid = (*LONG, *data, "--scheduler", cluster.address, "--tls", pem, "--run-name", "s")
        cluster.add_worker(limit=20)
        code, _, err = sweep(tmp_path, *grid)
        assert code == 2 and len(err.splitlines()) == 1
        assert "no worker is left" in err and "too large" in err
        cluster.add_worker()
        code, _, err = sweep(tmp_path, *grid)
        assert code == 0 and len(err.splitlines()) == 1, err
        assert "is left out" in err and "too large" in err
        assert digests(tmp_path / "runs/s") == long


def test_a_run_that_fails_is_recorded_and_stops_no_other(tmp_path, data, cluster, on_cluster):
    command = ("--optimizer", "sgd", "--learning-rate", "0.01,1e18", "--seeds", "0,1", "--epochs", "1", *TOY, *data,
               *on_cluster, "--run-name", "s", "--runs-dir", "/proc/self/cwd/runs")
    for already in ("", "there already : 2 finished, 2 failed"):
        code, out, err = sweep(tmp_path, *command)
        assert (code, err) == (1, "")
        assert "failed : 2 of 4 runs, see" in out and already in out
        with open(tmp_path / "runs/s/failed.csv") as file:
            rows = list(csv.DictReader(file))
        assert [(row["run"], row["outcome"]) for row in rows] == [
            (f"learning_rate-1e+18_s{seed}", "diverged") for seed in (0, 1)]
        assert all("not finite" in row["reason"] for row in rows)
        assert sum(run.result is not None for run in find_runs(tmp_path / "runs/s")) == 2


def test_a_run_that_cannot_go_on_costs_no_worker(tmp_path, data, on_cluster):
    command = ("--n-neurons", "8", "--epochs", "2", *TOY, *data, *on_cluster, "--run-name", "s", "--seeds")
    code, _, err = sweep(tmp_path, *command, "0,1")
    assert (code, err) == (0, "")
    (tmp_path / "runs/s/s0/result.json").unlink()
    for path in (tmp_path / "runs/s/s0/checkpoints").glob("step-*"):
        path.unlink()
    code, out, err = sweep(tmp_path, *command, "0-3")
    assert (code, err) == (1, "") and "failed : 1 of 4 runs" in out
    assert "s0,failed," in (tmp_path / "runs/s/failed.csv").read_text()
    assert sum(run.result is not None for run in find_runs(tmp_path / "runs/s")) == 3


def test_a_run_that_another_process_trains_costs_no_worker(tmp_path, toy_data_dir, monkeypatch, flag_words):
    from distributed import Client
    monkeypatch.setattr(worker, "LOCK_TIMEOUT", 0.1)
    config = Config(n_neurons=8, epochs=1, n_valid=100, batch_size=20, data="mnist")
    options = RunOptions(data_dir=toy_data_dir, run_name="run", runs_dir=str(tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / worker.TOKEN).write_text("t")
    here = worker.describe(config.isa, config.data, options.data_dir, options.offline)
    with (Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client,
          guard.locked(tmp_path / "run")):
        found = client.submit(worker.train_point, asdict(config), asdict(options), str(tmp_path), "t", here).result()
    assert found["outcome"] == "failed" and "another process is training into it" in found["reason"]


def test_a_run_that_kills_its_workers_is_recorded_and_stops_no_other(tmp_path, data, long, pem):
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}  # 3 by default
    with Cluster(tmp_path / "cluster", pem, **once) as cluster:
        command = (*LONG, *data, "--scheduler", cluster.address, "--tls", pem, "--run-name", "s")
        cluster.add_worker()
        running = Command(tmp_path, *command)
        folder, seen = tmp_path / "runs/s", None
        for _ in range(2):
            seen = wait_until(lambda before=seen: figures(folder) not in ({}, before) and figures(folder),
                              running.process)
            cluster.workers[-1].kill()
            cluster.add_worker()
        code, out, err = running.end()
        assert code == 1 and "failed : 1 of 4 runs" in out
        failed = (folder / "failed.csv").read_text()
        assert "every worker that trained it was killed, 2 of them" in failed
        code, _, err = sweep(tmp_path, *command)
    assert (code, err) == (0, "")
    assert digests(folder) == long and not (folder / "failed.csv").exists()


def test_what_is_there_is_known_by_its_settings_data_and_first_weights(tmp_path, data, toy_data_dir):
    """Each command runs nothing: all that it could do is done already, or refused."""
    point = ("--n-neurons", "8", "--epochs", "1", *TOY, *data, "--run-name", "s", "--seeds", "0")
    code, _, err = sweep(tmp_path, *point)
    assert (code, err) == (0, "")
    run = tmp_path / "runs/s/run"
    run.rename(run.with_name("renamed"))  # a run is known by what it is, and not by its name
    assert "to do : 1 runs" in sweep(tmp_path, *point, "--init-from", "runs/s/renamed", "--dry-run")[1]
    assert "to do : 1 runs" in sweep(tmp_path, *point[:-8], "--data", "synthetic", *point[-4:], "--dry-run")[1]
    other = tmp_path / "other"
    shutil.copytree(toy_data_dir, other)
    labels = other / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\0")
    code, _, err = sweep(tmp_path, *point, "--data-dir", str(other))
    assert code == 2 and "was trained on other data" in err
    code, out, err = sweep(tmp_path, *point)
    assert (code, err) == (0, "") and "there already : 1 finished, 0 failed" in out
    (run.with_name("renamed") / "result.json").write_text("{}")
    code, out, err = sweep(tmp_path, *point)
    assert (code, err) == (1, "") and "result.json: damaged" in (tmp_path / "runs/s/failed.csv").read_text()


@pytest.mark.parametrize("flags, line", [
    (("--scheduler", "nonsense"), "must be an address"), (("--scheduler", ""), "must be an address"),
    (("--workers", "0"), "--workers must be at least 1"), (("--random", "-3"), "--random must be at least 1"),
    (("--tls", "a.pem"), "no effect without --scheduler"), (("--run-name", ""), "plain folder name"),
    (("--run-name", ".."), "plain folder name"), (("--init-from", "nowhere"), "nowhere: no run directory")])
def test_flags_that_cannot_be_are_refused_and_nothing_is_made(tmp_path, flags, line):
    assert line in refused(tmp_path, "--seeds", "0", *flags)
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_makes_nothing(tmp_path, data):
    code, out, err = sweep(tmp_path, *GRID, *data, "--dry-run")
    assert (code, err, list(tmp_path.glob("runs"))) == (0, "", [])
    assert "8 runs" in out and "0, 1" in out


def test_without_the_engine_one_line_says_so(tmp_path):
    code = ("import importlib.metadata as metadata, runpy, sys\n"
            "installed = metadata.version\n"
            "def version(name):\n"
            "    if name == 'distributed': raise metadata.PackageNotFoundError(name)\n"
            "    return installed(name)\n"
            "metadata.version = version\n"
            "sys.modules.update(dask=None, distributed=None)\n"
            "sys.argv = ['sweep.py', '--seeds', '0-9']\n"
            f"runpy.run_path({str(ROOT / 'scripts/sweep.py')!r}, run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "pip install -e .[sweep]" in done.stderr
