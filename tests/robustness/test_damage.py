"""Damaged and random files in a run directory: a run goes on to the same bits or says which file is bad."""

import contextlib
import functools
import io
import json
import os
import random
import runpy
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers import outcome, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnn_mnist import checkpoint, files, session
from rnn_mnist.analysis.rerun import verdict
from rnn_mnist.console.settings import UserError
from rnn_mnist.run import Run
from rnn_mnist.train import resume
from rnn_mnist.tutorials.command import train_command

SCRIPTS_FOLDER = Path(__file__).resolve().parents[2] / "scripts"
SEED = int(os.environ.get("RNN_MNIST_DAMAGE_SEED", 1))
FLAGS = ["--hidden-sizes", "6", "--batch-size", "125", "--n-valid", "100", "--replicas", "1", "--no-plots", "--offline",
         "--no-eval-train", "--checkpoint-steps", "3"]
HYPOTHESIS = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
EACH = int(os.environ.get("RNN_MNIST_DAMAGES_EACH", 5))  # damages of every file; with patience and without


@pytest.fixture(scope="module", autouse=True)
def _spared_time():
    """Build each network's graph once and flush no file: a file damaged after it was written depends on neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "build_graph", functools.cache(session.build_graph))
        patch.setattr(os, "fsync", lambda _: None)
        yield


def command(*argv, experiment="mlp-relu"):
    """Run a training command in this process and return the folder of its run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", *map(str, argv)])
        return train_command("", experiment).path


@pytest.fixture(scope="module")
def made(tmp_path_factory, toy_data_dir):
    """Return {patience: (a run of 2 epochs, what it comes to after 3)}; the first epoch stays the best."""
    folder = tmp_path_factory.mktemp("made")
    found = {}
    for patience in (0, 9):
        flags = [*FLAGS, "--data-dir", toy_data_dir, "--runs-dir", folder, "--patience", patience]
        whole = command(*flags, "--epochs", 3, "--run-name", f"whole{patience}")
        assert Run(whole).result["best_epoch"] == 0
        found[patience] = command(*flags, "--epochs", 2, "--run-name", f"r{patience}"), outcome(whole)
    return found


def damages(path, rnd):
    """Yield (what is done, function that does it to a file of this content), EACH in all, more of the state."""
    content = path.read_bytes()
    ways = [("deleted", Path.unlink), ("a pipe", _pipe), ("a folder", _folder), ("a link", _link),
            ("a link to a device", _device), ("two names", _hard_link)]
    yield from rnd.sample(ways, 2) if EACH < 10 else ways
    for i in range((EACH - 2) * (3 if path.name == "last.json" else 1) if content else 0):
        position = rnd.randrange(len(content))
        if i % 2:
            yield f"cut at {position}", functools.partial(Path.write_bytes, data=content[:position])
        else:
            flipped = bytes([content[position] ^ 1 << rnd.randrange(8)])
            yield f"byte {position} is {flipped}", functools.partial(
                Path.write_bytes, data=content[:position] + flipped + content[position + 1:])


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _folder(path):
    path.unlink()
    path.mkdir()


def _link(path):
    shutil.move(path, path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def _hard_link(path):
    os.link(path, path.with_name(f"{path.name}.second"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and links")
@pytest.mark.parametrize("patience", [0, 9])
def test_every_file_damaged(made, tmp_path, patience, capsys):
    """With patience the best epoch's checkpoint is needed, too."""
    print(f"RNN_MNIST_DAMAGE_SEED={SEED}")
    rnd, count = random.Random(SEED + patience), Counter()
    source, expected = made[patience]
    run = tmp_path / "r"
    for file in sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file()):
        for what, damage in damages(source / file, rnd):
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(source, run)
            damage(run / file)
            before = snapshot(run)
            try:
                command("--resume", run, "--epochs", 3)
            except UserError as error:
                count["refused"] += 1
                assert Path(file).name.split(".")[0] in str(error) and "\n" not in str(error), (file, what, str(error))
                assert snapshot(run) == before, (file, what)
            else:
                count["resumed"] += 1
                assert outcome(run) == expected, (file, what)
    capsys.readouterr()
    print(f"{count.total()} damages: {dict(count)}")
    assert count.total() > 70 and min(count.values()) > 8


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8)
STATES = ("checkpoints/last.json", "checkpoints/previous.json")
FILES = ("config.json", "metrics.csv", "result.json", "environment.json", *STATES)
SCRIPTS = [["train_rnn.py", "--resume", "RUN"], ["rerun.py", "RUN"], ["rerun.py", "--compare-only", "RUN", "SOUND"],
           ["compare_runs.py", "RUN", "SOUND", "--json"], ["compare_runs.py", "--csv", "RUN"],
           ["evaluate.py", "RUN", "--json"], ["predict.py", "RUN", "--test-index", "0"], ["export.py", "RUN"],
           ["watch_digit.py", "RUN", "--test-index", "0"], ["gradient_through_time.py", "RUN"]]


@pytest.fixture(scope="module")
def sound(tmp_path_factory, toy_data_dir):
    """Return the directory of a finished run of a recurrent network."""
    folder = tmp_path_factory.mktemp("sound")
    flags = ["--n-neurons", 4, "--batch-size", 250, "--n-valid", 100, "--epochs", 2, "--no-plots", "--offline"]
    return command(*flags, "--data-dir", toy_data_dir, "--runs-dir", folder, "--run-name", "r", experiment="rnn-rows")


@st.composite
def contents(draw, whole):
    """Return what a file may hold instead of its whole content, bytes: noise, or nearly what it was."""
    kind = draw(st.sampled_from(["noise", "json", "edited", "cells"]))
    if kind == "noise":
        return draw(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
    if kind == "json" or (kind == "edited") != whole.startswith(b"{"):
        return json.dumps(draw(ANYTHING)).encode()
    if kind == "edited":
        values = json.loads(whole)
        for key in draw(st.lists(st.sampled_from(sorted(values)) | st.text(max_size=5), min_size=1, max_size=3)):
            values[key] = draw(ANYTHING)
        for name in ("digest_of_all", "digest"):  # of a state, of a result
            if name in values and draw(st.booleans()):  # one that fits: the values alone must be refused
                del values[name]
                values[name] = files.digest(values)
        return json.dumps(values).encode()
    rows = [line.split(",") for line in whole.decode().splitlines()]
    row = draw(st.sampled_from(rows))
    row[draw(st.integers(0, len(row) - 1))] = draw(st.text(max_size=8) | st.floats().map(str) | st.integers().map(str))
    return "\n".join(map(",".join, rows)).encode("utf-8", "replace")


def spoil(sound, data):
    """Return a copy of a sound run in which one file holds something else; and which."""
    name = data.draw(st.sampled_from(FILES))
    run = sound.parent / "spoilt"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(sound, run)
    (run / name).write_bytes(data.draw(contents((sound / name).read_bytes())))
    return run


def opened(run):
    """Open a run's network and close it."""
    with run.open_network():
        pass


@pytest.mark.slow
@settings(HYPOTHESIS, max_examples=250)
@given(data=st.data())
def test_random_files_are_read_or_refused_in_one_line(made, data):
    sound = made[0][0]
    path = spoil(sound, data)
    run = Run(path)
    for name, read in {
            "config.json": lambda: run.settings, "metrics.csv": lambda: run.metrics, "result.json": lambda: run.result,
            "environment.json": lambda: run.environment, "checkpoints": lambda: checkpoint.find_state(path),
            "": lambda: opened(run), "first": lambda: verdict(path, sound), "second": lambda: verdict(sound, path),
            "resumed": lambda: resume(run, {})}.items():
        try:
            read()
        except UserError as error:
            assert str(path) in str(error) and (name not in FILES or name in str(error))
            assert "\n" not in str(error)


@pytest.mark.slow
@settings(HYPOTHESIS, max_examples=40)
@given(data=st.data())
def test_random_files_never_give_a_script_a_traceback(sound, data):
    run = spoil(sound, data)
    script, *argv = data.draw(st.sampled_from(SCRIPTS))
    argv = [{"RUN": str(run), "SOUND": str(sound)}.get(word, word) for word in argv]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", [script, *argv])
        patch.chdir(sound.parent)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPTS_FOLDER / script), run_name="__main__")
    assert end.value.code in (None, 0, 1, 2, 3)
    assert end.value.code != 2 or err.getvalue().splitlines()[-1].startswith("error: ")
