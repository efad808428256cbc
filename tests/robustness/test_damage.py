"""Damaged and random files in a run directory: a run goes on to the same bits or says which file is bad."""

import contextlib
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnn_mnist import checkpoint as checkpoints
from rnn_mnist import run as runs
from rnn_mnist.analysis.rerun import verdict
from rnn_mnist.analysis.trained import scored_state
from rnn_mnist.config import UserError
from rnn_mnist.console import command as cli
from rnn_mnist.train import resume

SCRIPTS_FOLDER = Path(__file__).resolve().parents[2] / "scripts"
SEED = int(os.environ.get("RNN_MNIST_DAMAGE_SEED", 1))
FLAGS = ["--hidden-sizes", "6", "--batch-size", "125", "--n-valid", "100", "--replicas", "1", "--no-plots", "--offline",
         "--no-eval-train", "--checkpoint-steps", "3"]
HYPOTHESIS = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
EACH = 7  # damages of every file; with patience and without


def command(*argv):
    """Run a training command in this process and return its Result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train_mlp.py", *map(str, argv)])
        return cli.train_command("", "mlp-relu")


@pytest.fixture(scope="module")
def made(tmp_path_factory, toy_data_dir):
    """Return {patience: (a run of 2 epochs, what it comes to after 3)}; the first epoch stays the best."""
    folder = tmp_path_factory.mktemp("made")
    found = {}
    for patience in (0, 9):
        flags = [*FLAGS, "--data-dir", toy_data_dir, "--runs-dir", folder, "--patience", patience]
        whole = command(*flags, "--epochs", 3, "--run-name", f"whole{patience}").run
        assert runs.read_result(whole)["best_epoch"] == 0
        found[patience] = command(*flags, "--epochs", 2, "--run-name", f"r{patience}").run, outcome(whole)
    return found


def outcome(run):
    """Return what must be the same however a run came about."""
    rows = [{name: value for name, value in row.items() if name not in runs.TIMES} for row in runs.read_metrics(run)]
    return rows, {name: value for name, value in runs.read_result(run).items() if name != "seconds"}


def snapshot(folder):
    """Return {path: content} of all files of a folder but its lock."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != ".lock"}


def damages(path, rnd):
    """Yield (what is done, the file's content after it, None: gone), EACH in all, more of the state."""
    content = path.read_bytes()
    yield "deleted", None
    for i in range((EACH - 1) * (3 if path.name == "last.json" else 1) if content else 0):
        position = rnd.randrange(len(content))
        if i % 2:
            yield f"cut at {position}", content[:position]
        else:
            flipped = content[position] ^ 1 << rnd.randrange(8)
            yield f"byte {position} is {flipped}", content[:position] + bytes([flipped]) + content[position + 1:]


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0, 9])
def test_every_file_damaged(made, tmp_path, patience, capsys):
    """With patience the best epoch's checkpoint is needed, too."""
    print(f"RNN_MNIST_DAMAGE_SEED={SEED}")
    rnd, count = random.Random(SEED + patience), Counter()
    source, expected = made[patience]
    run = tmp_path / "r"
    for file in sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file()):
        for what, content in damages(source / file, rnd):
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(source, run)
            (run / file).unlink() if content is None else (run / file).write_bytes(content)
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
    assert count.total() > 100 and min(count.values()) > 10


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train_rnn.py", *map(str, flags), "--data-dir", toy_data_dir,
                                    "--runs-dir", str(folder), "--run-name", "r"])
        return cli.train_command("", "rnn-rows").run


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
        if draw(st.booleans()) and "digest" in values:  # a digest that fits: the values alone must be refused
            del values["digest"]
            values["digest"] = runs.digest_of(values)
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


@pytest.mark.slow
@settings(HYPOTHESIS, max_examples=500)
@given(data=st.data())
def test_random_files_are_read_or_refused_in_one_line(made, data):
    sound = made[0][0]
    run = spoil(sound, data)
    for read in (runs.read_config, runs.read_metrics, runs.read_result, checkpoints.find_state, scored_state,
                 lambda run: verdict(run, sound), lambda run: verdict(sound, run), lambda run: resume(run, {})):
        try:
            read(run)
        except UserError as error:
            assert str(run) in str(error)
            assert read is not runs.read_config or "config.json" in str(error)


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
