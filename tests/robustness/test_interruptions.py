"""A run survives kills, signals, full disks and divergence, and comes out the same; as real processes."""

import functools
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import fork_server
import pytest
from helpers import outcome, snapshot

from rnn_mnist import checkpoint
from rnn_mnist.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
FLAGS = ["--epochs", 5, "--batch-size", 50, "--n-valid", 100, "--dropout", 0.2, "--no-plots", "--offline"]
MODELS = {"rnn": ["train_rnn.py", "--n-neurons", 8, *FLAGS], "mlp": ["train_mlp.py", "--hidden-sizes", 8, *FLAGS]}
SEED = int(os.environ.get("RNN_MNIST_KILL_SEED") or 1)
N_KILLS = int(os.environ.get("RNN_MNIST_N_KILLS") or 20)


@pytest.fixture
def model():
    """Return which of MODELS is trained: mlp, the faster one, but where a test says otherwise."""
    return "mlp"


@pytest.fixture(scope="module")
def wholes():
    """Return {model: path of its run}."""
    return {}


@pytest.fixture
def whole(model, wholes, tmp_path_factory, toy_data_dir):
    """Return the path of a run of 5 epochs that nothing disturbed."""
    if model not in wholes:
        folder = tmp_path_factory.mktemp("whole")
        code, _, err = fork_server.run(folder, *MODELS[model], "--data-dir", toy_data_dir, "--run-name", "r")
        assert (code, err) == (0, "")
        wholes[model] = folder / "runs" / "r"
    return wholes[model]


@pytest.fixture
def train(model, tmp_path, toy_data_dir):
    """Return a function that starts a training of runs/r by flags and returns the running Child."""
    def call(*flags, **how):
        return fork_server.start(tmp_path, *MODELS[model], "--data-dir", toy_data_dir, "--run-name", "r", *flags, **how)
    return call


@pytest.fixture
def resume(model, tmp_path):
    """Return a function that starts to resume runs/r, or another run, by flags and returns the running Child."""
    def call(*flags, run="runs/r", **how):
        return fork_server.start(tmp_path, MODELS[model][0], "--resume", run, *flags, **how)
    return call


def one_line(err):
    """Return the line that is all of stderr."""
    assert err.endswith("\n") and err.count("\n") == 1, err
    return err


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_three_epochs_and_two_more_are_five(train, resume, whole, tmp_path):
    assert train("--epochs", 3).wait()[0] == 0
    code, out, err = resume("--epochs", 5).wait()
    assert (code, err) == (0, "")
    assert outcome(tmp_path / "runs/r") == outcome(whole)
    assert [line[:11] for line in out.splitlines()[1:3]] == ["epoch : 003", "epoch : 004"]
    step = checkpoint.find_state(tmp_path / "runs/r").step * 3 // 5
    assert out.splitlines()[0] == f"resumed : at epoch 003, step 00000, from the checkpoint of step {step}"
    assert (tmp_path / "runs/r/log.txt").read_text().endswith(out)


def of_interruptions(run):
    """Return the lines of a run's log.txt on its interruptions and where it went on."""
    return [line for line in (run / "log.txt").read_text().splitlines() if line.startswith(("interrupted", "resumed"))]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp"])
def test_the_log_tells_of_every_interruption_and_where_it_went_on(train, resume, whole, tmp_path):
    """By a signal within an epoch, by one at the end of an epoch, and by a kill, which cannot say so itself."""
    run = tmp_path / "runs/r"
    steps = ["--checkpoint-steps", 2]
    assert train(*steps, signal_at=["rnn_mnist.step", 3, [signal.SIGTERM]]).wait()[0] == 143
    told = ["interrupted : SIGTERM at epoch 000, step 00003"]
    assert of_interruptions(run) == told
    assert resume(signal_at=["rnn_mnist.evaluate", 1, [signal.SIGINT]]).wait()[0] == 130
    last = checkpoint.find_state(run).step
    told += ["resumed : at epoch 000, step 00003, from the checkpoint of step 3",
             "interrupted : SIGINT at epoch 001, step 00000"]
    assert of_interruptions(run) == told
    assert resume(signal_at=["rnn_mnist.step", 5, [signal.SIGKILL]]).wait()[0] == -signal.SIGKILL
    code, out, _ = resume().wait()
    told += [f"resumed : at epoch 001, step 00000, from the checkpoint of step {last}",
             f"resumed : at epoch 001, step 00004, from the checkpoint of step {last + 4}"]
    assert code == 0 and of_interruptions(run) == told and out.startswith(told[-1] + "\n")
    assert outcome(run) == outcome(whole)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["rnn"])
def test_kills_change_nothing(train, resume, whole, tmp_path):
    """SIGKILL at random moments, half of them in the middle of writing files; a finished run is begun again.

    In turn dynamic and fused, with and without checkpoints within an epoch, so long as RNN_MNIST_N_KILLS says.
    """
    print(f"RNN_MNIST_KILL_SEED={SEED}")
    rnd, run, count = random.Random(SEED), tmp_path / "runs/r", Counter()
    wholes = {"dynamic": outcome(whole)}
    kinds = itertools.cycle(itertools.product(("dynamic", "fused"), ([], ["--checkpoint-steps", 2])))
    started = time.monotonic()
    assert train("--unroll", "fused").wait()[0] == 0
    life = time.monotonic() - started
    wholes["fused"] = outcome(run)
    shutil.rmtree(run)
    unroll, steps = next(kinds)
    while count["kills"] < N_KILLS or not count["finished"]:
        begin = resume if (run / "checkpoints/last.json").exists() else functools.partial(train, "--unroll", unroll)
        if begin is not resume:
            shutil.rmtree(run, ignore_errors=True)
        if count["kills"] >= N_KILLS:
            code = begin(*steps).wait()[0]
        elif count["kills"] % 2:
            code = begin(*steps, die_at=rnd.randrange(250)).wait()[0]
        else:
            child = begin(*steps)
            time.sleep(rnd.uniform(0, life))
            child.kill()
            code = child.wait()[0]
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            count["finished"] += 1
            assert outcome(run) == wholes[unroll]
            assert not list(run.rglob(".*.tmp"))
            shutil.rmtree(run)
            unroll, steps = next(kinds)
            continue
        count["kills"] += 1
        if (run / "checkpoints/last.json").exists():
            state = checkpoint.find_state(run)
            assert state.step < 0 or checkpoint.read_weights(run, state)
            count["within an epoch"] += state.n_steps > 0
            named = {f"step-{step:08d}" for step in (state.step, state.best_step)}
            count["with files half written or not yet removed"] += any(
                (path.stem not in named and path.suffix != ".json") or path.name.startswith(".")
                for path in (run / "checkpoints").iterdir())
    print(f"{dict(count)}: all the same")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("place", "run_is_made"), [
    ("<train-images", False), ("rnn_mnist.graph", False), ("os.mkdir", False), (">/log.txt", True),
    (">.last.json.", True), ("rnn_mnist.step", True), ("rnn_mnist.evaluate", True), ("rnn_mnist.checkpoint", True),
    (">.data-00000", True), ("rnn_mnist.result", True)])
def test_a_signal_in_any_phase_leaves_a_run_that_goes_on(train, resume, whole, tmp_path, place, run_is_made, number):
    """Until the run is made there is none to go on with, and the command leaves at once."""
    code, _, err = train(signal_at=[place, 1, [number]]).wait()
    assert code == 128 + number
    assert "interrupted" in one_line(err)
    run = tmp_path / "runs/r"
    assert run.exists() == run_is_made
    if run_is_made:
        assert resume().wait()[0] == 0
        assert outcome(run) == outcome(whole)


def test_a_second_signal_leaves_at_once(train, resume, whole, tmp_path):
    numbers = [signal.SIGINT, signal.SIGINT]
    code, out, _ = train(signal_at=["rnn_mnist.evaluate", 2, numbers]).wait()
    assert code == 130 and out.count("epoch :") == 1
    assert resume().wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(whole)


def test_a_signal_while_python_starts(tmp_path, toy_data_dir):
    child = subprocess.Popen([sys.executable, fork_server.ROOT / "scripts/train_rnn.py", "--data-dir", toy_data_dir],
                             cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)  # within the import of TensorFlow, on most machines
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate()
    assert child.returncode in (143, -signal.SIGTERM) and b"Traceback" not in err
    assert not (tmp_path / "runs").exists()


def test_a_run_that_never_began_says_so(train, resume, tmp_path):
    assert train(die_at=0).wait()[0] == -signal.SIGKILL
    assert "no run directory" in one_line(resume().wait()[2])
    (tmp_path / "runs/r/checkpoints").mkdir(parents=True)
    (tmp_path / "runs/r/config.json").write_text("{}")
    assert "metrics.csv is missing" in one_line(resume().wait()[2])


def test_two_trainings_into_one_run(train, resume, tmp_path):
    first = train("--epochs", 50, "--checkpoint-steps", 1, pause=0.05)
    while not (tmp_path / "runs/r/checkpoints/last.json").exists():
        assert first.process.is_alive()
        time.sleep(0.01)
    assert "another process is training into it" in one_line(resume().wait()[2])
    assert "exists" in one_line(train().wait()[2])
    first.kill()
    assert first.wait()[0] == -signal.SIGKILL
    second = resume(signal_at=["rnn_mnist.step", 1, [signal.SIGTERM]])  # the lock died with its owner
    assert second.wait()[0] == 143


def test_two_new_runs_of_one_name(tmp_path, toy_data_dir):
    children = []
    for name in "ab":
        (tmp_path / name).mkdir()
        children.append(fork_server.start(tmp_path / name, *MODELS["mlp"], "--epochs", 1, "--data-dir", toy_data_dir,
                                     "--runs-dir", tmp_path / "runs", "--run-name", "r"))
    ends = sorted(child.wait() for child in children)
    assert [code for code, _, _ in ends] == [0, 2]
    assert "exists" in one_line(ends[1][2])


@pytest.mark.slow
def test_moved_and_copied(train, resume, whole, tmp_path):
    assert train("--epochs", 3).wait()[0] == 0
    (tmp_path / "else where").mkdir()
    (tmp_path / "runs/r").rename(tmp_path / "else where/moved")
    shutil.copytree(tmp_path / "else where/moved", tmp_path / "copy")
    for place in ("else where/moved", "copy"):
        assert resume("--epochs", 5, run=place).wait()[0] == 0
        assert outcome(tmp_path / place) == outcome(whole)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to become another user")
def test_read_only(whole):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users
        folder = Path(folder)
        folder.chmod(0o777)
        shutil.copytree(whole, folder / "r")
        before = snapshot(folder / "r")
        code, _, err = fork_server.run(folder, "train_rnn.py", "--resume", "r", "--epochs", 6, user=65534)
        assert code == 2 and "r: cannot be written to" in one_line(err)
        assert snapshot(folder / "r") == before


@pytest.mark.parametrize("model", ["rnn"])
@pytest.mark.parametrize("epochs", [0, 1])
def test_divergence_stops_the_run(train, tmp_path, epochs):
    """The loss overflows at once, or a weight becomes NaN in the second epoch."""
    code, out, err = (train(poison=2) if epochs else train("--activation", "relu", "--learning-rate", 1e9)).wait()
    assert code == 3
    assert f"diverged: epoch {epochs:03d}, step " in one_line(err)
    run = tmp_path / "runs/r"
    assert f"stopped : epoch {epochs:03d}, step " in (run / "log.txt").read_text() == out
    assert checkpoint.find_state(run).epoch == epochs == len(Run(run).metrics)
    assert Run(run).result is None


@pytest.mark.slow
def test_patience_survives_a_resume(train, resume, tmp_path):
    flags = ["--patience", 2, "--epochs", 40, "--learning-rate", 0.02]
    assert train(*flags).wait()[0] == 0
    run, straight = tmp_path / "runs/r", tmp_path / "straight"
    run.rename(straight)
    rows, result, _ = outcome(straight)
    best = max(range(len(rows)), key=lambda i: (rows[i]["acc_valid"], -i))
    assert result["best_epoch"] == best == len(rows) - 3 and len(rows) < 40 and result["scored"] == "best"
    assert result["acc_valid"] == rows[best]["acc_valid"]
    kill = ["rnn_mnist.checkpoint", best + 2, [signal.SIGKILL]]  # one bad epoch has been counted
    assert train(*flags, signal_at=kill).wait()[0] == -signal.SIGKILL
    assert resume().wait()[0] == 0
    assert outcome(run) == outcome(straight)
    assert "--patience 2 ended it" in one_line(resume("--epochs", 50).wait()[2])
    shutil.rmtree(run)
    assert train("--learning-rate", 0.02, "--epochs", best + 1).wait()[0] == 0
    assert Run(run).result["weights"] == result["weights"]


@pytest.mark.parametrize("flags", [["--hidden-sizes", 9], ["--seed", 1], ["--learning-rate", 0.1], ["--dropout", 0],
                                   ["--replicas", 2], ["--batch-size", 51], ["--n-valid", 99], ["--patience", 3],
                                   ["--data", "synthetic"], ["--run-name", "s"], ["--epochs", 4],
                                   ["--experiment", "mlp-relu"]])
def test_what_would_change_the_result_is_refused(resume, whole, tmp_path, flags):
    before = snapshot(whole)
    code, out, err = resume(*flags, run=whole).wait()
    assert (code, out) == (2, "")
    assert flags[0] in one_line(err)
    assert snapshot(whole) == before


@pytest.mark.parametrize("flags", [[], ["--epochs", 5]])
def test_a_finished_run_has_nothing_to_go_on_with_and_that_is_no_error(resume, whole, flags):
    """A loop that resumes until the command succeeds ends, also if a kill came after result.json."""
    before = snapshot(whole)
    code, out, err = resume(*flags, run=whole).wait()
    assert (code, out) == (0, "") and "is finished: it has its 5 epochs" in one_line(err)
    assert snapshot(whole) == before


def test_a_finished_run_needs_no_data(tmp_path, toy_data_dir):
    shutil.copytree(toy_data_dir, tmp_path / "data")
    flags = [*MODELS["mlp"], "--epochs", 1, "--data-dir", tmp_path / "data", "--run-name", "r"]
    assert fork_server.run(tmp_path, *flags)[0] == 0
    shutil.rmtree(tmp_path / "data")
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r")[0] == 0
    assert "its data_dir" in one_line(fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r", "--epochs", 2)[2])


@pytest.mark.slow
def test_result_json_comes_last(train, resume, whole, tmp_path):
    """A kill at any moment before it leaves an unfinished run; after it nothing is missing."""
    run = tmp_path / "runs/r"
    for event in ("rnn_mnist.plots", "rnn_mnist.result"):
        assert train("--plots", signal_at=[event, 1, [signal.SIGKILL]]).wait()[0] == -signal.SIGKILL
        assert Run(run).result is None
        assert resume("--plots").wait()[0] == 0
        assert outcome(run) == outcome(whole) and (run / "plots/curves.png").exists()
        shutil.rmtree(run)


def test_fewer_epochs_than_begun_are_refused(train, resume, whole, tmp_path):
    in_the_second = ["rnn_mnist.checkpoint", 4, [signal.SIGTERM]]
    assert train("--checkpoint-steps", 4, signal_at=in_the_second).wait()[0] == 143
    state = checkpoint.find_state(tmp_path / "runs/r")
    assert (state.epoch, state.n_steps) == (1, 4)
    assert "--epochs 1: runs/r has gone further" in one_line(resume("--epochs", 1).wait()[2])
    assert resume().wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(whole)


def test_what_does_not_is_accepted(train, resume, whole, tmp_path):
    assert train("--epochs", 3).wait()[0] == 0
    flags = ["--epochs", 5, "--threads", 1, "--checkpoint-steps", 3, "--plots", "--histograms", "--offline"]
    assert resume(*flags).wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(whole)


def test_other_data_is_refused(resume, whole, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(Run(whole).settings[1].data_dir, other)
    labels = bytearray((other / "train-labels-idx1-ubyte").read_bytes())
    labels[-1] = (labels[-1] + 1) % 10
    (other / "train-labels-idx1-ubyte").write_bytes(labels)
    assert "other data" in one_line(resume("--epochs", 6, "--data-dir", other, run=whole).wait()[2])


@pytest.mark.slow
@pytest.mark.parametrize(("place", "n"), [(">/log.txt", 3), (">/metrics.csv", 2), (">.last.json.", 3),
                                          ("rnn_mnist.checkpoint", 2), (">.previous.json.", 2),
                                          (">.result.json.", 1), (">tfevents", 3)])
def test_disk_full(train, resume, whole, tmp_path, place, n):
    """In the second epoch, or at the end, the system lets a file grow by 10 bytes only (RLIMIT_FSIZE)."""
    code, _, err = train(full=[place, n]).wait()
    assert code == 2 and "File too large" in one_line(err) and "--resume runs/r" in err
    run = tmp_path / "runs/r"
    state = checkpoint.find_state(run)
    assert state.epoch == (5 if "result" in place else 1)
    assert (run / "metrics.csv").read_text().endswith("\n") and (run / "log.txt").read_text().endswith("\n")
    assert resume().wait()[0] == 0
    assert outcome(run) == outcome(whole)


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a tmpfs with these options at runs/ and returns its path."""
    disk, mounted = tmp_path / "runs", []

    def mount(options):
        """Mount it, or skip the test."""
        disk.mkdir()
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk],
                                          capture_output=True).returncode:
            pytest.skip("no tmpfs can be mounted here: that needs root")
        mounted.append(disk)
        return disk
    yield mount
    for disk in mounted:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("options", "filler"), [("size=8m", 200_000), ("nr_inodes=40", 0)])
def test_a_small_disk(train, resume, small_disk, options, filler):
    """Its room, or the number of files that it can have, is used up in the middle of a training."""
    disk = small_disk(options)
    assert train("--epochs", 1).wait()[0] == 0
    for i in range(3):  # inodes
        (disk / f"filler{i}").touch()
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    if filler:
        (disk / "filler0").write_bytes(bytes(free - filler))
    else:
        for i in range(3, os.statvfs(disk).f_favail + 2):
            (disk / f"filler{i}").touch()
    code, _, err = resume("--epochs", 1000).wait()
    assert code == 2 and "No space left" in one_line(err)
    done = checkpoint.find_state(disk / "r").epoch
    for path in disk.glob("filler*"):
        path.unlink()
    assert resume("--epochs", done + 1).wait()[0] == 0
    assert len(Run(disk / "r").metrics) == done + 1 > 1


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=4k", "nr_inodes=3"])
def test_a_disk_without_room_for_a_run(train, small_disk, options):
    """Nothing of the run is left that would take its name."""
    disk = small_disk(options)
    assert "No space left" in one_line(train().wait()[2])
    assert list(disk.iterdir()) == [] or (disk / "r/log.txt").exists()
