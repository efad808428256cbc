"""scripts/rerun.py repeats a run to the bit, or says where and why it came out otherwise."""

import json
import runpy
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import ISA

from rnn_mnist.console.forms import METRICS
from rnn_mnist.run import Run, find_runs
from rnn_mnist.train import train

ROOT = Path(__file__).resolve().parents[2]
TOY = {"model": "mlp", "hidden_sizes": (8,), "epochs": 3, "batch_size": 50, "n_valid": 100, "plots": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory, toy_data_dir):
    """Return {name: Run} of finished runs: one, another seed, one that patience ended."""
    folder = str(tmp_path_factory.mktemp("made"))
    changes = {"one": {}, "seed": {"seed": 1}, "patience": {"patience": 1, "epochs": 30, "learning_rate": 0.02}}
    return {name: train(**TOY | {"data_dir": toy_data_dir, "runs_dir": folder, "run_name": name} | changed)
            for name, changed in changes.items()}


@pytest.fixture
def kept(made, tmp_path):
    """Return a copy of a run as a repository keeps it: config, metrics, log, result and environment only."""
    (tmp_path / "kept").mkdir()
    for name in ("config.json", "metrics.csv", "log.txt", "result.json", "environment.json"):
        shutil.copy(made["one"].path / name, tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def rerun(monkeypatch, capsys, tmp_path):
    """Return a function that runs scripts/rerun.py in an empty folder; it gives (exit code, stdout, stderr)."""
    def call(*argv):
        """Run the script with these arguments."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["rerun.py", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / "scripts/rerun.py"), run_name="__main__")
        return end.value.code or 0, *capsys.readouterr()
    return call


def change_json(path, **values):
    """Set values in a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_run_without_checkpoints_is_repeated_to_the_bit(rerun, kept, tmp_path):
    code, out, err = rerun(kept)
    digest = Run(kept).result["weights"]
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("identical : 3 epochs") and out.count(digest) == 2  # the new run's log, too
    [new] = find_runs(tmp_path / "runs")
    assert (new.path / "checkpoints/last.json").exists() and sorted(path.name for path in kept.iterdir()) == [
        "config.json", "environment.json", "log.txt", "metrics.csv", "result.json"]


@pytest.mark.slow
def test_two_repetitions_in_one_second_have_names_of_their_own(rerun, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20261121-120000")
    assert [rerun(kept)[0] for _ in range(2)] == [0, 0]
    assert [run.name for run in find_runs(tmp_path / "runs")] == [
        "kept_rerun_20261121-120000", "kept_rerun_20261121-120000-2"]


def test_a_run_that_patience_ended_is_repeated(rerun, made):
    assert len(made["patience"].metrics) < 30
    code, out, _ = rerun(made["patience"], "--runs-dir", "elsewhere")
    assert code == 0 and "identical" in out


def test_two_seeds_differ_from_the_first_epoch_on(rerun, made):
    code, out, _ = rerun("--compare-only", made["one"], made["seed"])
    lines = out.splitlines()
    assert code == 1
    assert lines[0].startswith(f"same kind : instruction set {ISA}, tensorflow ") and "agree" not in out
    assert lines[1] == f"different : {made['one']} | {made['seed']}"
    assert lines[2] == "setting seed : 42 | 1"
    first = [made[name].metrics[0] for name in ("one", "seed")]
    column = lines[3].removeprefix("first difference : epoch 000 ").split(" : ")[0]
    assert lines[3] == f"first difference : epoch 000 {column} : {first[0][column]} | {first[1][column]}"
    earlier = METRICS[:METRICS.index(column)]
    assert all(first[0][name] == first[1][name] for name in earlier) and first[0][column] != first[1][column]
    assert lines[-1] == "environment : the same"


def test_the_first_difference_and_the_environments_are_named(rerun, made, kept):
    rows = (kept / "metrics.csv").read_text().splitlines()
    cells = rows[2].split(",")
    before, cells[2] = cells[2], "2.5"
    (kept / "metrics.csv").write_text("\n".join([*rows[:2], ",".join(cells), rows[3]]) + "\n")
    change_json(kept / "environment.json", cpu="Another", instruction_sets="SSE41 NEON")
    code, out, _ = rerun("--compare-only", made["one"], kept)
    assert code == 1
    assert f"first difference : epoch 001 loss_batch : {float(before)} | 2.5" in out.splitlines()
    here = json.loads((made["one"].path / "environment.json").read_text())
    assert f"environment cpu : {here['cpu']} | Another" in out
    [line] = [line for line in out.splitlines() if line.startswith("environment instruction_sets : ")]
    assert line.endswith(" | NEON") and " SSE41" not in line
    assert "environment tensorflow" not in out


def test_an_earlier_or_later_end_is_a_difference(rerun, made, kept):
    rows = (kept / "metrics.csv").read_text().splitlines()[:-1]
    (kept / "metrics.csv").write_text("\n".join(rows) + "\n")
    run = Run(kept)
    config = replace(run.config, epochs=2)
    run.write_settings(config, run.settings[1])
    run.write_result(config, run.result | {"epochs": 2})
    code, out, _ = rerun("--compare-only", kept, made["one"])
    assert code == 1 and "setting epochs : 2 | 3" in out and "epochs recorded : 2 | 3" in out


@pytest.mark.parametrize("change", [{"seed": 43}, {"epochs": 4}, {"activation": "relu"}])
def test_an_edited_config_is_noticed(rerun, kept, made, change):
    change_json(kept / "config.json", **change)
    for argv in ([kept], ["--compare-only", made["one"], kept]):
        code, out, err = rerun(*argv)
        assert (code, out) == (2, "") and "config.json: edited after the run" in err


def test_an_edited_result_is_noticed(rerun, kept, made):
    change_json(kept / "result.json", acc_test=0.99)
    code, out, err = rerun("--compare-only", made["one"], kept)
    assert (code, out) == (2, "") and "result.json: damaged or edited" in err


def test_a_setting_that_changes_no_result_may_be_edited(rerun, kept, made):
    change_json(kept / "config.json", threads=1, data_dir="/nowhere")
    assert rerun("--compare-only", made["one"], kept)[0] == 0


def test_data_that_moved_or_changed(rerun, kept, toy_data_dir, tmp_path):
    change_json(kept / "config.json", data_dir="/nowhere")
    assert rerun(kept, "--data-dir", toy_data_dir)[0] == 0
    shutil.copytree(toy_data_dir, tmp_path / "other")
    labels = bytearray((tmp_path / "other/train-labels-idx1-ubyte").read_bytes())
    labels[-1] = (labels[-1] + 1) % 10
    (tmp_path / "other/train-labels-idx1-ubyte").write_bytes(labels)
    code, out, err = rerun(kept, "--data-dir", tmp_path / "other")
    assert code == 2 and out.count("\n") == 1 and "trained on other data" in err


def test_what_cannot_be_compared_says_why(rerun, kept, made):
    (kept / "metrics.csv").write_text((made["one"].path / "metrics.csv").read_text().splitlines()[0] + "\n")
    assert "metrics.csv: has 0 epochs, result.json 3" in rerun(kept)[2]
    (kept / "result.json").unlink()
    assert "is not finished" in rerun(kept)[2]
    assert "no run directory" in rerun(kept.parent)[2]
    assert rerun()[0] == rerun(kept, "--compare-only", kept, kept)[0] == 2


def test_the_committed_example_belongs_together(rerun):
    example = ROOT / "runs/example-seed42"
    if not example.exists():
        pytest.skip(f"{example} is not there")
    code, out, _ = rerun("--compare-only", example, example)
    assert code == 0 and "identical" in out
    assert f"weights : {Run(example).result['weights']}" in (example / "log.txt").read_text()
