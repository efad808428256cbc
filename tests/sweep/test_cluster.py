"""Sweeps by the real command on real clusters: the same bits as single commands, whatever is killed on the way."""

import os
import shlex
import signal
import subprocess
import sys

import pytest
from clusters import ROOT, Cluster, certificate, wait_until
from fork_server import run as run_script
from helpers import user_environment

from rnn_mnist.run import find_runs

pytestmark = pytest.mark.slow
TOY = ("--n-valid", "100", "--batch-size", "20", "--data", "mnist")
GRID = ("--cell", "basic,gru", "--n-neurons", "5,8", "--seeds", "0-2", "--epochs", "2", *TOY)
LONG = ("--epochs", "60", "--n-neurons", "40", "--seeds", "0-3", *TOY)


class Command:
    """A running sweep."""

    def __init__(self, folder, *argv, **environment):
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen([sys.executable, str(ROOT / "scripts/sweep.py"), *map(str, argv)], cwd=folder,
                                            stdout=out, stderr=err, env=user_environment(**environment), start_new_session=True)

    def end(self):
        """Wait for the end; return (exit code, stdout, stderr)."""
        code = self.process.wait(300)
        return code, self.out.read_text(), self.err.read_text()


def sweep(folder, *argv, **environment):
    return Command(folder, *argv, **environment).end()


def digests(folder):
    """Return {what makes a run: digest of its weights} of all finished runs in a folder."""
    return {(run.config.cell, run.config.n_neurons, run.config.seed): run.result["weights"] for run in find_runs(folder)
            if run.result}


@pytest.fixture(scope="module")
def data(toy_data_dir):
    return ("--data-dir", toy_data_dir)


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls") / "sweep.pem")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, pem):
    with Cluster(tmp_path_factory.mktemp("cluster"), pem) as cluster:
        cluster.add_worker()
        cluster.add_worker()
        yield cluster


@pytest.fixture(scope="module")
def on_cluster(cluster):
    return ("--scheduler", cluster.address, "--tls", cluster.pem)


@pytest.fixture(scope="module")
def single(tmp_path_factory, data):
    """Return the digests of the single commands."""
    folder = tmp_path_factory.mktemp("single")
    for cell in ("basic", "gru"):
        for n_neurons in (5, 8):
            for seed in range(3):
                code, _, err = run_script(folder, "train_rnn.py", "--cell", cell, "--n-neurons", n_neurons, "--seed", seed,
                                          "--epochs", 2, *TOY, *data, "--no-plots")
                assert code == 0, err
    found = digests(folder / "runs")
    assert len(found) == len(set(found.values())) == 12
    return found


@pytest.mark.parametrize("n_workers", [1, 2])
def test_on_this_machine(tmp_path, data, single, n_workers):
    code, out, err = sweep(tmp_path, *GRID, *data, "--workers", n_workers, "--run-name", "s")
    assert (code, err) == (0, "")
    assert digests(tmp_path / "runs/s") == single


def test_on_a_cluster_without_a_shared_folder_in_another_order(tmp_path, data, single, on_cluster):
    code, out, err = sweep(tmp_path, "--cell", "irnn", "--epochs", "1", *TOY, *data, *on_cluster)
    assert (code, err) == (0, "")
    reversed_grid = ("--seeds", "2,1,0", "--n-neurons", "8,5", "--cell", "gru,basic", "--epochs", "2", *TOY)
    # A path that means another folder in every process.
    code, out, err = sweep(tmp_path, *reversed_grid, *data, *on_cluster, "--runs-dir", "/proc/self/cwd/runs",
                           "--run-name", "s")
    assert (code, err) == (0, "")
    assert digests(tmp_path / "runs/s") == single


def figures(folder):
    """Return {run: lines of its metrics.csv, as far as it is written, times included} of the runs in a folder."""
    return {path.parent.name: path.read_text().splitlines()[1:] for path in folder.glob("*/metrics.csv")}


def in_progress(folder, n):
    """Return the figures of the runs in a folder once n of them are in progress, None before."""
    found = {name: lines for name, lines in figures(folder).items() if not (folder / name / "result.json").exists()}
    return found if len(found) == n and all(len(lines) > 3 for lines in found.values()) else None


def went_on(before, folder):
    """Tell whether the runs of a folder have gone on from these figures: a repetition would have other times."""
    return all(figures(folder)[name][:len(lines)] == lines for name, lines in before.items())


@pytest.fixture(scope="module")
def long(tmp_path_factory, data):
    """Return the digests of the runs of LONG, undisturbed."""
    folder = tmp_path_factory.mktemp("long")
    code, _, err = sweep(folder, *LONG, *data, "--run-name", "s")
    assert (code, err) == (0, "")
    return digests(folder / "runs/s")


def test_a_killed_worker_costs_no_run_and_no_bit(tmp_path, data, long, cluster, on_cluster):
    third = cluster.add_worker()
    running = Command(tmp_path, *LONG, *data, *on_cluster, "--run-name", "s")
    folder = tmp_path / "runs/s"
    before = wait_until(lambda: in_progress(folder, 3), running.process)
    third.kill()
    code, _, err = running.end()
    assert (code, err) == (0, "")
    assert digests(folder) == long and went_on(before, folder)


def test_a_killed_sweep_does_nothing_twice(tmp_path, data, long, on_cluster):
    command = (*LONG, *data, *on_cluster, "--run-name", "s")
    running = Command(tmp_path, *command)
    folder = tmp_path / "runs/s"
    wait_until(lambda: list(folder.glob("*/result.json")), running.process)
    before = wait_until(lambda: in_progress(folder, 2), running.process)
    running.process.kill()
    running.end()
    results = {path: path.stat().st_mtime_ns for path in folder.glob("*/result.json")}
    code, out, err = sweep(tmp_path, *command)
    assert (code, err) == (0, "")
    assert digests(folder) == long and went_on(before, folder)
    assert results and all(path.stat().st_mtime_ns == stamp for path, stamp in results.items())
    assert f"there already : {len(results)} finished, 0 failed" in out


def test_ctrl_c_leaves_everything_whole_and_says_how_to_go_on(tmp_path, data, long):
    command = (*LONG, *data, "--run-name", "s")
    running = Command(tmp_path, *command)
    folder = tmp_path / "runs/s"
    wait_until(lambda: in_progress(folder, 2), running.process)
    os.killpg(running.process.pid, signal.SIGINT)  # a terminal sends it to the workers, too
    code, _, err = running.end()
    assert code == 130
    stopping, interrupted = err.splitlines()
    assert stopping.startswith("stopping : ")
    assert interrupted.startswith("interrupted : ") and interrupted.endswith(f"go on by: python scripts/sweep.py {shlex.join(command)}")
    before = figures(folder)
    code, _, err = sweep(tmp_path, *command)
    assert (code, err) == (0, "")
    assert digests(folder) == long and went_on(before, folder)


def refused(folder, *argv, **environment):
    """Return the one line that a sweep refuses to do anything with."""
    code, out, err = sweep(folder, *argv, **environment)
    assert code == 2 and len(err.splitlines()) == 1, (code, out, err)
    assert not (folder / "runs").exists() or not find_runs(folder / "runs")
    return err


def test_a_scheduler_that_cannot_be_used_is_told_in_one_line(tmp_path, data, pem, cluster):
    grid = (*GRID, *data)
    assert "tls://127.0.0.1:9 cannot be reached" in refused(tmp_path, *grid, "--scheduler", "tls://127.0.0.1:9", "--tls", pem)
    assert "nowhere.pem: cannot be read" in refused(tmp_path, *grid, "--scheduler", cluster.address, "--tls", "nowhere.pem")
    other = certificate(tmp_path / "other.pem")
    assert f"{cluster.address} cannot be reached" in refused(tmp_path, *grid, "--scheduler", cluster.address, "--tls", other)
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
        code, out, err = sweep(tmp_path, *grid)
        assert code == 2 and len(err.splitlines()) == 1
        assert "no worker is left" in err and "too large" in err
        cluster.add_worker()
        code, out, err = sweep(tmp_path, *grid)
        assert code == 0 and len(err.splitlines()) == 1, err
        assert "is left out" in err and "too large" in err
        assert digests(tmp_path / "runs/s") == long
