"""Runs that others have sent, names and environments that somebody chose badly: one line, exit code 2, nothing lost."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys

import fork_server
import pytest
from fork_server import ROOT
from helpers import outcome, refusal, snapshot, user_environment, without_first_word
from made_runs import make_run
from PIL import Image
from tensorboard.summary.writer.record_writer import masked_crc32c

from rnn_mnist import checkpoint, files
from rnn_mnist.config import Config
from rnn_mnist.console import command
from rnn_mnist.console.forms import METRICS
from rnn_mnist.console.machine import describe
from rnn_mnist.console.settings import UserError
from rnn_mnist.run import Run, find_runs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]
FLAGS = ["--hidden-sizes", 6, "--batch-size", 125, "--n-valid", 100, "--replicas", 1, "--no-plots", "--offline",
         "--no-eval-train"]
ESCAPES = "x\x1b[31m\x9b2J\u202ey\nepoch : 000 acc_batch : 1.0000"  # what a terminal obeys, and a line of its own


@pytest.fixture(scope="module")
def sound(tmp_path_factory, toy_data_dir):
    """Return the directory of a finished run of 2 epochs, with pictures and an export."""
    folder = tmp_path_factory.mktemp("sound")
    flags = [*FLAGS, "--plots", "--epochs", 2, "--data-dir", toy_data_dir, "--run-name", "r"]
    assert fork_server.run(folder, "train_mlp.py", *flags)[::2] == (0, "")
    assert fork_server.run(folder, "export.py", "runs/r")[0] == 0
    return folder / "runs/r"


@pytest.fixture
def run(sound, tmp_path):
    """Return a copy of it that a test may spoil."""
    return shutil.copytree(sound, tmp_path / "r")


def refused(folder, *argv, **faults):
    """Return the one line with which a command must end, exit code 2."""
    code, _, err = fork_server.run(folder, *argv, **faults)
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, (code, err)
    return err


def as_user(folder, *argv, shell="", **variables):
    """Run a script in a process of its own, as typed, with something after it for the shell; return code, out, err."""
    command = f'exec "$0" "$@" {shell}'
    done = subprocess.run(["bash", "-c", command, sys.executable, ROOT / "scripts" / argv[0], *map(str, argv[1:])],
                          cwd=folder, capture_output=True, text=True, env=user_environment(**variables))
    return done.returncode, done.stdout, without_first_word(done.stderr)


# ---- files of a run that are none, or somebody else's ----

def symlink(path, outside):
    """Put a symbolic link to something outside in the place of a file or folder."""
    outside.parent.mkdir(exist_ok=True)
    shutil.move(path, outside) if path.exists() else outside.write_text("theirs\n")
    path.symlink_to(outside)


def endless(path, _):
    """Put a link to a device that never ends there."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def hard_link(path, outside):
    """Have a file's content named outside, too, as `cp -al` does."""
    outside.parent.mkdir(exist_ok=True)
    os.link(path, outside)


def pipe(path, _):
    """Put a pipe there, which nobody writes into."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def endless_file(path, _):
    """Let a file have a terabyte, of zeros that take no room."""
    os.truncate(path, 2**40)


INDEX = "checkpoints/step-00000008.index"
SPOILT = [*((symlink, name) for name in ("config.json", "log.txt", "checkpoints", "events", "plots", ".lock",
                                         ".config.json.tmp", "export/weights.npz", INDEX)),
          (endless, "log.txt"), (endless, "metrics.csv"), (pipe, "log.txt"), (pipe, INDEX), (pipe, "metrics.csv"),
          (hard_link, "log.txt"), (hard_link, "checkpoints/last.json"), (endless_file, INDEX),
          (endless_file, "metrics.csv")]


@pytest.mark.parametrize(("spoil", "name"), SPOILT, ids=lambda value: getattr(value, "__name__", value))
def test_every_file_of_a_run_is_one_of_its_own(run, tmp_path, spoil, name):
    spoil(run / name, tmp_path / "outside" / "file")
    outside, inside = snapshot(tmp_path / "outside"), sorted(run.rglob("*"))
    words = refusal(Run, run)
    assert str(run / name) in words and words.endswith("delete it")
    assert find_runs(run.parent) == []
    for argv in (["train_mlp.py", "--resume", run, "--epochs", 3], ["evaluate.py", run]):
        assert str(run / name) in refused(tmp_path, *argv)
    assert snapshot(tmp_path / "outside") == outside and sorted(run.rglob("*")) == inside


def test_one_bad_run_of_many_is_left_out_in_one_line(run, sound, tmp_path):
    shutil.copytree(sound, tmp_path / "other")
    pipe(run / "config.json", None)
    code, out, err = fork_server.run(tmp_path, "compare_runs.py", tmp_path)
    assert code == 0 and "other" in out
    assert err == f"left out: {run}/config.json: is no file, which the files of a run must not be: copy what it " \
                  "stands for in its place, or delete it\n"


def test_files_are_written_beside_under_names_that_nobody_can_foresee(run, tmp_path):
    """A file is there whole or not at all, and what a killed process left is taken away by the next one that trains."""
    left = []
    for _ in range(2):
        argv = ["train_mlp.py", "--resume", run, "--epochs", 3]
        assert fork_server.run(tmp_path, *argv, signal_at=["os.rename", 3, [signal.SIGKILL]])[0] == -signal.SIGKILL
        left += [path.name for path in run.rglob(".*.tmp")]
    assert len(left) == 2 and left[0] != left[1]
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", run, "--epochs", 3)[0] == 0
    assert not list(run.rglob(".*.tmp"))


def test_a_copy_by_hard_links_does_not_grow_when_the_original_was_made_whole(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, copy_function=os.link)
    before = snapshot(copy)
    assert "two names" in refused(tmp_path, "train_mlp.py", "--resume", run, "--epochs", 3)
    shutil.copytree(run, tmp_path / "whole")
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", "whole", "--epochs", 3)[0] == 0
    assert snapshot(copy) == before == snapshot(run)


# ---- states that lie, with a digest that fits ----

FORGED = [{"seconds": 0.0}, {"seconds": 1e300}, {"best_epoch": 999}, {"best_epoch": 2}, {"best_epoch": 0},
          {"best_step": -1}, {"best_acc_valid": 1.0}, {"epoch": 3}, {"epoch": 10**9}, {"epoch": 1}, {"n_steps": 4},
          {"n_steps": 3, "n_images": 375}, {"n_steps": 1, "n_images": 125, "n_correct": 126}, {"n_images": 5},
          {"step": -1}, {"step": 7}, {"step": 10**12}, {"metrics": ""}, {"metrics": ",".join(METRICS) + "\n"},
          {"metrics": "x" * 1000}, {"log": ESCAPES}, {"xentropy": 1e308}, {"epochs": 1}, {"epochs": 10**6},
          {"digest": "0"}, {"config": 10**400}, {"seconds": 10**400}, {"epoch": -10**400}, {"data": ""}]


@pytest.mark.parametrize("lie", FORGED, ids=lambda lie: str(lie)[:40])
def test_whatever_a_state_says_the_run_goes_on_or_ends_in_one_line(run, sound, tmp_path, lie):
    path = run / "checkpoints/last.json"
    state = json.loads(path.read_text()) | lie
    del state["digest_of_all"]
    path.write_text(json.dumps({**state, "digest_of_all": files.digest(state)}))
    (run / "checkpoints/previous.json").unlink()
    before = snapshot(run)
    code, _, err = fork_server.run(tmp_path, "train_mlp.py", "--resume", run, "--epochs", 3)
    if code == 0:
        rows = Run(run).metrics
        assert len(rows) == 3 and rows[:2] == Run(sound).metrics and err == ""
    else:
        assert code == 2 and err.startswith("error: ") and err.count("\n") == 1
        assert snapshot(run) == before


def events_of_no_length(run):
    """Have an event file's first record claim 2^60 bytes, with a check sum that fits."""
    [path] = (run / "events").iterdir()
    length = struct.pack("<Q", 2**60)
    path.write_bytes(length + struct.pack("<I", masked_crc32c(length)) + b"x" * 100)


def half_a_letter_in_the_log(run):
    """Have a state hold what can't be written as UTF-8."""
    for name in ("last.json", "previous.json"):
        state = json.loads((run / "checkpoints" / name).read_text()) | {"log": "\ud800"}
        del state["digest_of_all"]
        (run / "checkpoints" / name).write_text(json.dumps({**state, "digest_of_all": files.digest(state)}))


def a_path_that_is_not_text(run):
    """Give a run a name that is not UTF-8."""
    run.rename(run.parent / "r\udcff")


def a_network_that_is_larger(run):
    """Have config.json ask for more weights than the checkpoint has."""
    values = json.loads((run / "config.json").read_text()) | {"hidden_sizes": [16384] * 20}
    (run / "config.json").write_text(json.dumps(values))


@pytest.mark.parametrize(("spoil", "words"), [
    (events_of_no_length, None), (half_a_letter_in_the_log, "can't encode character"),
    (a_path_that_is_not_text, "not UTF-8"), (a_network_that_is_larger, "too small for the network")])
def test_what_is_refused_on_the_way_costs_nothing(run, sound, tmp_path, spoil, words):
    spoil(run)
    [path] = tmp_path.glob("r*")
    before = snapshot(path)
    code, _, err = fork_server.run(tmp_path, "train_mlp.py", "--resume", path, "--epochs", 3)
    if words:
        assert (code, err.count("\n")) == (2, 1) and words in err and snapshot(path) == before
    else:
        assert (code, err) == (0, "") and Run(path).metrics[:2] == Run(sound).metrics


@pytest.mark.parametrize("kind", ["a\ud800", "a\n" * 2000, "x" * 2**20, 7, None])
def test_data_of_a_kind_that_is_none_is_unknown(run, sound, tmp_path, kind):
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "data": kind}))
    for argv in (["plot_run.py", run], ["predict.py", run, "--test-index", 0]):
        code, _, err = fork_server.run(tmp_path, *argv)
        err = without_first_word(err)
        assert (code == 0 and err == "") or (code == 2 and err.count("\n") == 1), err
    code, _, err = fork_server.run(tmp_path, "compare_runs.py", run, sound)
    assert code == 0 and err.startswith(f"left out: {run}/environment.json") and err.count("\n") == 1


def test_a_picture_takes_no_other_files_place(run, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    os.mkfifo(tmp_path / "pipe.png")
    for name, words in (("thesis.txt", "must end in .png"), ("pipe.png", "is no file that could be replaced")):
        assert words in refused(tmp_path, "compare_runs.py", run, "--out", tmp_path / name)
    assert (tmp_path / "thesis.txt").read_text() == "mine" and (tmp_path / "pipe.png").is_fifo()


@pytest.mark.parametrize("number", ["9" * 401, "1e999", "9" * 5000, "-" + "9" * 401])
def test_numbers_of_any_length_are_refused(run, tmp_path, number):
    path = run / "config.json"
    config = json.loads(path.read_text())
    for key in ("seed", "learning_rate", "threads"):
        path.write_text(json.dumps({**config, key: "NUMBER"}).replace('"NUMBER"', number))
        assert str(path) in refused(tmp_path, "evaluate.py", run)


# ---- names ----

@pytest.mark.parametrize("name", [
    "", ".", "..", "a/b", "a\\b", "a\0b", ESCAPES, "a\tb", "\x7f", "a\udcffb", "a:b", "a?", "*", '"', "a|b", "<", "a.",
    "a ", "con", "NUL.txt", "Com1", "lpt9.a.b", "AUX "])
def test_a_name_that_not_every_system_has_is_refused_where_it_is_chosen(tmp_path, name, toy_data_dir, monkeypatch):
    from rnn_mnist.train import train
    monkeypatch.chdir(tmp_path)
    words = refusal(train, hidden_sizes=[6], model="mlp", data_dir=toy_data_dir, run_name=name)
    assert words.startswith("run_name ") and "plain folder name" in words
    assert "control characters" in refusal(train, data_dir=toy_data_dir, runs_dir=f"runs{ESCAPES}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a\\b", "a [1] *?", "-x/a$b/" + "한" * 80, "n" * 255 + "/'/COM10"])
def test_runs_in_folders_of_odd_names_train_go_on_and_open(tmp_path, name, toy_data_dir):
    """With a backslash in the path TensorFlow wrote checkpoints that it could not find again."""
    flags = [*FLAGS, "--plots", "--data-dir", toy_data_dir, f"--runs-dir={name}", "--run-name", "r"]
    assert fork_server.run(tmp_path, "train_mlp.py", *flags, "--epochs", 1)[::2] == (0, "")
    run = f"./{name}/r"
    assert fork_server.run(tmp_path, "train_mlp.py", "--resume", run, "--epochs", 2)[::2] == (0, "")
    code, out, err = fork_server.run(tmp_path, "evaluate.py", run)
    assert (code, err) == (0, "") and out.count("written") == 3
    assert fork_server.run(tmp_path, "export.py", run)[0] == 0


@pytest.mark.slow
def test_names_that_others_chose_are_escaped_where_they_are_printed(run, tmp_path):
    odd = run.rename(run.parent / ESCAPES)
    other = shutil.copytree(odd, tmp_path / "other")
    for argv in (["evaluate.py", odd], ["compare_runs.py", odd, other], ["compare_runs.py", odd, other, "--json"],
                 ["plot_run.py", odd], ["rerun.py", "--compare-only", odd, other], ["evaluate.py", odd / "absent"],
                 ["predict.py", odd, "--test-index", 0], ["train_mlp.py", "--resume", odd, "--epochs", 3]):
        code, out, err = fork_server.run(tmp_path, *argv)
        assert code == (2 if argv[1] == odd / "absent" else 0), err
        lines = (out + err).split("\n")
        assert not {"\x1b", "\x9b", "\u202e"} & set(out + err), argv
        trained = [line for line in lines if line.startswith("epoch :")]
        assert [line[:11] for line in trained] == ["epoch : 002"] * (argv[0] == "train_mlp.py"), argv
        assert argv[0] in ("predict.py", "rerun.py") or "x\\u001b[31m\\u009b2J\\u202ey\\n" in out + err, argv
    assert set((odd / "log.txt").read_text()) & {"\x1b", "\x9b", "\u202e"} == set()
    assert (odd / "log.txt").read_text().count("\nepoch :") == 3


def test_keys_that_others_chose_are_escaped_where_they_are_printed(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, ESCAPES: 1}))
    err = refused(tmp_path, "evaluate.py", run)
    assert "unknown key 'x\\u001b[31m\\u009b2J\\u202ey\\nepoch" in err and "\x1b" not in err


@pytest.mark.parametrize("name", ["n" * 241, "한" * 80, "a\nb\x1b[2J", "a:b<c>"])
def test_pictures_of_any_name_are_shown(run, tmp_path, name):
    picture = Image.new("L", (28, 28), 255)
    picture.paste(0, (12, 5, 16, 23))
    picture.save(tmp_path / f"{name}.png")
    code, out, err = fork_server.run(tmp_path, "predict.py", run, tmp_path / f"{name}.png", "--show")
    assert (code, err) == (0, "") and "\x1b" not in out
    [shown] = (run / "plots").glob("predict-*.png")
    assert len(os.fsencode(shown.name)) < 120 and not set(shown.name) & set("<>:\n\x1b\\")


# ---- settings ----

@pytest.mark.parametrize(("settings", "words"), [
    ({"hidden_sizes": [6] * 1001, "model": "mlp", "dropout": 0.5}, "hidden_sizes must be at most 100 numbers, got "),
    ({"epsilon": 0}, "epsilon must be at least 1e-30, got 0"), ({"epsilon": 1e-46}, "epsilon must be at least 1e-30"),
    ({"epochs": 100_001}, "epochs must be at most 100000, got 100001"),
    ({"batch_size": 1}, "replicas=2 is more than the 1 images of a minibatch: give at most replicas=1"),
    ({"bptt_steps": 29}, "bptt_steps=29 is more than the 28 time steps there are: give at most bptt_steps=28")])
def test_settings_that_cannot_work_are_refused(settings, words):
    assert refusal(Config, **settings).startswith(words)


@pytest.mark.slow
def test_the_longest_run_has_no_file_that_its_readers_refuse(tmp_path):
    """Every number as long as one can be, in as many epochs as there may be."""
    run = make_run(tmp_path, "r", finished=False, epochs=100_000)
    number = repr(-1.2345678901234567e-300)
    head = (run.path / "metrics.csv").read_text().split("\n")[0]
    rows = [f"{i}," + ",".join([number] * (len(METRICS) - 1)) for i in range(100_000)]
    (run.path / "metrics.csv").write_text("\n".join([head, *rows, ""]))
    assert len(run.metrics) == 100_000
    log = (fork_server.ROOT / "runs/example-seed42/log.txt").read_text().split("\n")[1]
    assert log.startswith("epoch")
    (run.path / "log.txt").write_text((log + "\n") * 100_000)
    state = checkpoint.State(checkpoint.settings_digest(run.config), epoch=100_000, epochs=100_000, step=5)
    checkpoint.save_state(run.path, state)
    assert "step-00000005" in refusal(checkpoint.find_state, run.path)  # read, and then missed


# ---- the environment ----

def test_git_variables_of_another_repository_do_not_count(monkeypatch, tmp_path):
    commit = describe()["git_commit"]
    for name, value in (("GIT_DIR", tmp_path), ("GIT_WORK_TREE", tmp_path), ("GIT_INDEX_FILE", tmp_path / "none")):
        monkeypatch.setenv(name, str(value))
        assert describe()["git_commit"] == commit


@pytest.mark.parametrize(("variables", "words"), [
    ({"PYTHONOPTIMIZE": "2"}, "tf_keras needs the texts that python -OO"),
    ({"TF_CPP_MIN_LOG_LEVEL": "quiet"}, "TF_CPP_MIN_LOG_LEVEL is 'quiet': set it to 0, 1, 2 or 3")])
def test_variables_with_which_tensorflow_does_not_work_are_refused(tmp_path, toy_data_dir, variables, words):
    code, out, err = as_user(tmp_path, "train_mlp.py", *FLAGS, "--data-dir", toy_data_dir, **variables)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"error: {words}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("rc", "variables", "words"), [
    ("", {"MPLBACKEND": "wrong"}, "error: matplotlib cannot be started (Key backend: 'wrong'"),
    ("\xff", {}, "error: matplotlib cannot be started ('utf-8' codec"),
    ("text.usetex: True\nfont.size: 40\nfigure.facecolor: red", {}, "")])
def test_a_matplotlib_that_is_set_up_otherwise(run, tmp_path, rc, variables, words):
    """What can be drawn is the same picture; else it is said in a line, and training is not the worse for it."""
    expected = (run / "plots/curves.png").read_bytes()
    (tmp_path / "matplotlibrc").write_text(rc, encoding="latin-1")
    code, _, err = as_user(tmp_path, "plot_run.py", "r", **variables)
    assert code == (2 if words else 0) and words in err and "Traceback" not in err
    assert (run / "plots/curves.png").read_bytes() == expected
    flags = ["--resume", "r", "--epochs", 3, "--plots"]
    code, _, err = as_user(tmp_path, "train_mlp.py", *flags, **variables)
    assert code == 0 and Run(run).result["epochs"] == 3
    assert ("note: the learning curves could not be drawn: matplotlib cannot be started" in err) == bool(words)


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_files_of_the_run(tmp_path, toy_data_dir, sound, shell):
    """The next file that is opened would get the number of a closed one, and then what is printed."""
    flags = [*FLAGS, "--plots", "--epochs", 2, "--data-dir", toy_data_dir, "--run-name", "r"]
    code, out, err = as_user(tmp_path, "train_mlp.py", *flags, shell=shell)
    assert (code, err) == (0, "") and bool(out) == (" >" not in f" {shell}")
    assert outcome(tmp_path / "runs/r") == outcome(sound)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize(("shell", "code", "lines"), [
    (">/dev/full", 2, ["error: standard output: No space left on device"]), ("2>/dev/full", 0, []),
    ("2>/dev/full | head -1", 0, [])])
def test_full_standard_streams(run, tmp_path, toy_data_dir, shell, code, lines):
    if "|" not in shell:  # or the exit code and what is said would be those of head
        found, _, err = as_user(tmp_path, "evaluate.py", run, shell=shell)
        assert (found, err.splitlines()) == (code, lines)
    flags = [*FLAGS, "--epochs", 2, "--data-dir", toy_data_dir, "--run-name", "s"]
    found, _, err = as_user(tmp_path, "train_mlp.py", *flags, shell=shell)
    assert found == code and [line[:31] for line in err.splitlines()] == [line[:31] for line in lines]
    assert ((tmp_path / "runs/s/result.json").exists()) == (code == 0)


def test_a_folder_that_is_gone(sound, tmp_path, toy_data_dir):
    gone = tmp_path / "gone"
    for argv in (["train_mlp.py", *FLAGS, "--data-dir", toy_data_dir], ["plot_run.py", "runs/r"]):
        gone.mkdir()
        done = subprocess.run(["bash", "-c", 'rmdir "$PWD"; exec "$@"', "", sys.executable, ROOT / "scripts" / argv[0],
                               *map(str, argv[1:])], cwd=gone, capture_output=True, text=True, env=user_environment())
        err = without_first_word(done.stderr)
        assert (done.returncode, done.stdout, err.count("\n")) == (2, "", 1), err
        assert err.startswith("error: ")


@pytest.mark.parametrize(("error", "line"), [
    (ImportError("tried\nlib.so: failed"), "a Python package cannot be loaded (lib.so: failed): is there enough "),
    (MemoryError("a tensor"), "out of memory (a tensor): end other programs, or ask for less"),
    (FileNotFoundError(2, "No such file or directory"), "the working directory: No such file or directory"),
    (OSError(28, "No space left on device"), "standard output: No space left on device"),
    (OSError(24, "Too many open files", "a/b"), "a/b: Too many open files"),
    (UserError("a name\n\x1b[31m of two lines"), "a name\\n\\u001b[31m of two lines")])
def test_what_a_machine_lacks_is_one_line(capsys, error, line):
    def main():
        """Fail."""
        raise error
    with pytest.raises(SystemExit) as end:
        command.run(main)
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"error: {line}")


# ---- limits ----

def limited(folder, limit, *argv):
    """Run a script within a limit of the shell's ulimit; return the finished process."""
    done = subprocess.run(["bash", "-c", f'ulimit {limit}; exec "$@"', "", sys.executable, ROOT / "scripts" / argv[0],
                           *map(str, argv[1:])], cwd=folder, capture_output=True, text=True, env=user_environment())
    done.stderr = without_first_word(done.stderr)
    return done


@pytest.mark.parametrize("limit", [600_000_000, 1_000_000_000, 2_000_000_000])
@pytest.mark.parametrize("argv", [["train_mlp.py", *FLAGS], ["evaluate.py", "r"]], ids=lambda argv: argv[0])
def test_too_little_memory_is_said_before_tensorflow_hangs_in_it(run, tmp_path, toy_data_dir, argv, limit):
    where = ["--data-dir", toy_data_dir] if "train" in argv[0] else []
    done = limited(tmp_path, f"-v {limit // 1000}", *argv, *where)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"error: this process may use {limit / 1e9:.1f} GB of memory addresses (ulimit -v)")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--n-neurons", 4000], ["--n-neurons", 500, "--batch-size", 4000]])
def test_a_network_that_does_not_fit_is_said_before_tensorflow_crashes(tmp_path, flags):
    """Within 3 GB TensorFlow ended by a segmentation fault, by errors of several kinds, or not at all."""
    done = limited(tmp_path, "-v 3000000", "train_rnn.py", "--data", "synthetic", *flags)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "GB of memory addresses (ulimit -v), and TensorFlow needs 4." in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("files_open", [6, 16])
def test_few_open_files_are_enough_or_it_is_said(tmp_path, toy_data_dir, files_open, sound):
    flags = [*FLAGS, "--epochs", 2, "--data-dir", toy_data_dir, "--run-name", "r"]
    done = limited(tmp_path, f"-n {files_open}", "train_mlp.py", *flags)
    assert done.returncode in (0, 2) and done.stderr.count("\n") <= (done.returncode == 2), done.stderr
    if done.returncode == 0:
        assert outcome(tmp_path / "runs/r") == outcome(sound)
    else:
        assert "Too many open files" in done.stderr
