"""Sweeps by the real command, on real clusters: the same bits as single commands, whatever is killed on the way."""

import os
import shlex
import signal

import psutil
import pytest
from clusters import GRID, LONG, TOY, Command, digests, figures, in_progress, sweep, wait_until, went_on
from fork_server import run as run_script

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def single(tmp_path_factory, data):
    """Return the digests of the single commands."""
    folder = tmp_path_factory.mktemp("single")
    for cell in ("basic", "gru"):
        for n_neurons in (5, 8):
            for seed in range(2):
                code, _, err = run_script(folder, "train_rnn.py", "--cell", cell, "--n-neurons", n_neurons, "--seed",
                                          seed, "--epochs", 2, *TOY, *data, "--no-plots")
                assert code == 0, err
    found = digests(folder / "runs")
    assert len(found) == len(set(found.values())) == 8
    return found


@pytest.mark.parametrize("n_workers", [1, 2])
def test_on_this_machine(tmp_path, data, single, n_workers):
    code, _, err = sweep(tmp_path, *GRID, *data, "--workers", n_workers, "--run-name", "s")
    assert (code, err) == (0, "")
    assert digests(tmp_path / "runs/s") == single


def test_on_a_cluster_without_a_shared_folder_in_another_order(tmp_path, data, single, on_cluster):
    code, _, err = sweep(tmp_path, "--cell", "irnn", "--epochs", "1", *TOY, *data, *on_cluster)
    assert (code, err) == (0, "")
    reversed_grid = ("--seeds", "1,0", "--n-neurons", "8,5", "--cell", "gru,basic", "--epochs", "2", *TOY)
    # A path that means another folder in every process.
    code, _, err = sweep(tmp_path, *reversed_grid, *data, *on_cluster, "--runs-dir", "/proc/self/cwd/runs",
                         "--run-name", "s")
    assert (code, err) == (0, "")
    assert digests(tmp_path / "runs/s") == single


def test_a_killed_worker_costs_no_run_and_no_bit(tmp_path, data, long, cluster, on_cluster):
    third = cluster.add_worker()
    cluster.wait_for_workers()
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


def listens_on(process):
    """Return the addresses that a process and its children listen on."""
    parent = psutil.Process(process.pid)
    return {connection.laddr.ip for each in (parent, *parent.children(recursive=True))
            for connection in each.net_connections("inet") if connection.status == psutil.CONN_LISTEN}


def test_ctrl_c_leaves_everything_whole_and_says_how_to_go_on(tmp_path, data, long):
    command = (*LONG, *data, "--run-name", "s")
    running = Command(tmp_path, *command)
    folder = tmp_path / "runs/s"
    wait_until(lambda: in_progress(folder, 2), running.process)
    assert listens_on(running.process) == {"127.0.0.1"}
    os.killpg(running.process.pid, signal.SIGINT)  # a terminal sends it to the workers, too
    code, _, err = running.end()
    assert code == 130
    stopping, interrupted = err.splitlines()
    assert stopping.startswith("stopping : ")
    assert interrupted.startswith("interrupted : ")
    assert interrupted.endswith(f"go on by: python scripts/sweep.py {shlex.join(command)}")
    before = figures(folder)
    code, _, err = sweep(tmp_path, *command)
    assert (code, err) == (0, "")
    assert digests(folder) == long and went_on(before, folder)
