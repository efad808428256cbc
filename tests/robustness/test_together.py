"""Several at one run: those who read one that is being trained, who export or start at the same time, who leave."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fork_server
import pytest
from fork_server import ROOT
from helpers import outcome, snapshot, user_environment, without_first_word
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnn_mnist import session
from rnn_mnist.analysis import compare
from rnn_mnist.analysis.evaluate import evaluate_run
from rnn_mnist.run import Run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
N_READS = int(os.environ.get("RNN_MNIST_N_READS", 20))
FLAGS = ["--hidden-sizes", 6, "--batch-size", 50, "--n-valid", 100, "--replicas", 1, "--no-plots", "--offline",
         "--no-eval-train"]


@pytest.fixture
def train(tmp_path, toy_data_dir):
    """Return a function that starts a training by flags and returns the running Child."""
    def call(*flags, **how):
        return fork_server.start(tmp_path, "train_mlp.py", *FLAGS, "--data-dir", toy_data_dir, *flags, **how)
    return call


@pytest.fixture
def live(train, tmp_path):
    """Return the directory of a run that is being trained, a checkpoint after every step, until the test ends."""
    child = train("--epochs", 100_000, "--checkpoint-steps", 1, "--run-name", "live")
    run = tmp_path / "runs/live"
    while not (run / "checkpoints/previous.json").exists():
        assert child.process.is_alive()
        time.sleep(0.01)
    yield run
    assert child.process.is_alive()
    child.kill()
    child.wait()


@pytest.mark.slow
def test_a_run_is_read_while_it_is_trained(live, monkeypatch):
    """Its checkpoints vanish all the time; whoever reads gets one that is whole, and the figures that belong to it."""
    monkeypatch.setattr(session, "build_graph", functools.cache(session.build_graph))  # spares time
    images = evaluate_run(Run(live)).images[:3]
    events = EventAccumulator(str(live / "events"))
    seen = set()
    for _ in range(N_READS):
        values = evaluate_run(Run(live)).values
        seen.add(values["weights"])
        assert not values["finished"] and values["as_in_result"] is None and values["n_test"] == 200
        assert Run(live).predict(images).shape == (3, 10)
        [summary] = compare.summarise_all([live])
        assert not summary["finished"] and summary["epochs"] == len(summary["metrics"])
        events.Reload()
        assert all(event.step == i for i, event in enumerate(events.Scalars("acc_valid")))
    print(f"{N_READS} times read, {len(seen)} different weights, {summary['epochs']} epochs meanwhile")
    assert len(seen) > N_READS / 2


@pytest.mark.slow
def test_commands_read_a_run_while_it_is_trained(live, tmp_path):
    for argv in (["evaluate.py", live], ["predict.py", live, "--test-index", 0], ["compare_runs.py", live],
                 ["plot_run.py", live], ["export.py", live, "--out", tmp_path / "export"]):
        code, _, err = fork_server.run(tmp_path, *argv)
        assert (code, without_first_word(err)) == (0, ""), argv


@pytest.mark.slow
def test_two_exports_at_once(train, tmp_path):
    """One is first; the other is refused, or was late, and destroys nothing."""
    assert train("--epochs", 1, "--run-name", "r").wait()[0] == 0
    children = []
    for name in "ab":
        (tmp_path / name).mkdir()
        children.append(fork_server.start(tmp_path / name, "export.py", tmp_path / "runs/r"))
    ends = sorted(child.wait() for child in children)
    assert [code for code, _, _ in ends] == [0, 2] and "export exists" in ends[1][2] and ends[1][2].count("\n") == 1
    export = tmp_path / "runs/r/export"
    assert {"weights.npz", "saved_model/saved_model.pb"} <= set(map(str, snapshot(export)))
    assert not [path for path in export.parent.iterdir() if path.name.startswith(".export")]


@pytest.mark.slow
def test_ten_trainings_that_start_in_one_second_are_ten_runs(train, tmp_path):
    """All write into one cache and one folder of runs, with names that are made of the time."""
    children = [train("--epochs", 2) for _ in range(10)]
    assert [child.wait()[0] for child in children] == [0] * 10
    runs = list((tmp_path / "runs").iterdir())
    assert len(runs) == 10 and len({Run(run).result["weights"] for run in runs}) == 1


@pytest.mark.slow
def test_a_training_outlasts_whoever_reads_its_output(train, tmp_path, toy_data_dir):
    """`| head -1` takes a line and leaves; the log goes on, and that is said."""
    flags = [*FLAGS, "--epochs", 3, "--data-dir", toy_data_dir]
    command = [sys.executable, ROOT / "scripts/train_mlp.py", *map(str, flags), "--run-name", "r"]
    done = subprocess.run(["bash", "-c", 'set -o pipefail; "$@" | head -1', "", *command], cwd=tmp_path, text=True,
                          capture_output=True, env=user_environment())
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert without_first_word(done.stderr) == (
        "note: nobody reads this any more: the training goes on, see runs/r/log.txt\n")
    assert train("--epochs", 3, "--run-name", "whole").wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(tmp_path / "runs/whole")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signal")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_is_closed(train, tmp_path, ignored):
    """SIGHUP is what SIGTERM is, unless nohup has it ignored."""
    code, _, err = train("--epochs", 3, "--run-name", "r", signal_at=["rnn_mnist.step", 4, [signal.SIGHUP]],
                         ignore=[signal.SIGHUP] if ignored else []).wait()
    if ignored:
        assert (code, err) == (0, "")
    else:
        assert code == 128 + signal.SIGHUP and err.startswith("interrupted, saved; go on by: ")
        assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r")[0] == 0
    assert len(Run(tmp_path / "runs/r").metrics) == 3


@pytest.mark.slow
def test_a_terminal_that_is_gone_takes_nothing_with_it(tmp_path, toy_data_dir):
    """Writing to it fails from then on; the step in progress is finished, saved, and the run goes on elsewhere."""
    import pty
    flags = [*FLAGS, "--epochs", 100_000, "--data-dir", toy_data_dir, "--run-name", "r"]
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup has the tests ignore
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, str(ROOT / "scripts/train_mlp.py"), *map(str, flags)],
                  user_environment())
    seen = b""
    while b"epoch : 001" not in seen:
        seen += os.read(terminal, 4096)
    os.close(terminal)  # the kernel sends SIGHUP
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    done = len(Run(tmp_path / "runs/r").metrics)
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r", "--epochs", done + 1)[0] == 0
    assert len(Run(tmp_path / "runs/r").metrics) == done + 1


@pytest.mark.slow
def test_memory_that_runs_out_in_a_training_costs_the_epoch_only(train, tmp_path):
    code, _, err = train("--epochs", 3, "--run-name", "r", exhausted=["rnn_mnist.evaluate", 2]).wait()
    assert code == 2 and err.count("\n") == 1 and err.startswith("error: out of memory")
    assert err.endswith("go on by python scripts/train_mlp.py --resume runs/r\n")
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r")[0] == 0
    assert train("--epochs", 3, "--run-name", "whole").wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(tmp_path / "runs/whole")


@pytest.mark.parametrize("name", ["metrics.csv", "log.txt"])
def test_a_file_that_is_taken_away_in_a_training_is_put_back_by_a_resume(train, tmp_path, name):
    """Going on without it would save a state without what stood in it."""
    code, _, err = train("--epochs", 3, "--run-name", "r", removed=["rnn_mnist.checkpoint", 2, f"runs/r/{name}"]).wait()
    assert code == 2 and err.count("\n") == 1 and f"runs/r/{name}" in err
    if name == "metrics.csv":
        (tmp_path / "runs/r/metrics.csv").touch()
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "runs/r")[0] == 0
    assert train("--epochs", 3, "--run-name", "whole").wait()[0] == 0
    assert outcome(tmp_path / "runs/r") == outcome(tmp_path / "runs/whole")


def test_a_checkpoint_that_is_gone_says_what_to_do(train, tmp_path):
    assert train("--epochs", 1, "--run-name", "r").wait()[0] == 0
    path = Path("runs/r/checkpoints/step-00000010.index")
    (tmp_path / path).unlink()
    code, _, err = fork_server.run(tmp_path, "evaluate.py", "runs/r")
    assert (code, err) == (2, f"error: {path}: cannot be read (No such file or directory): put it back, or repeat the "
                              "run by python scripts/rerun.py runs/r\n")
