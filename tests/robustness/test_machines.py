"""The same bits on every machine: pinned digests, emulated processors, other instruction sets, variables, refusals.

A process can use one instruction set only, so what is trained here is trained in a process of its own: a fork, or where
the variables of the environment matter a new one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fork_server
import pytest
from fork_server import ROOT
from helpers import ISA, refusal, user_environment, without_first_word

from rnn_mnist import session
from rnn_mnist.analysis import compare
from rnn_mnist.console import machine
from rnn_mnist.console.forms import METRICS
from rnn_mnist.console.machine import ARM, DEFAULT_ISA
from rnn_mnist.run import Run
from rnn_mnist.train import train
from rnn_mnist.tutorials.presets import PRESETS

TOY = ["--epochs", 1, "--batch-size", 50, "--n-valid", 100, "--no-plots"]
x86 = pytest.mark.skipif(DEFAULT_ISA == ARM, reason="ARM processors have one instruction set, and bits of their own")

# SHA-256 of the weights after one epoch on the original MNIST with TensorFlow 2.21's Linux wheels for x86-64. Seen on
# an AVX-512 processor with 48 KB of first-level cache. Those of the recurrent network are in test_scripts.py.
DIGESTS = {
    "mlp-relu": "29c0f97bcb5c6a370aace19ab8860e6e35d35e3ce9d3c8a264c8fef854d7fa4a",
    "mlp-relu-l2": "8ef2c932f087ab88593e617a5fb9dbcae864ed02a87901e6313c2b50ffffe4d5",
    "mlp-sigmoid": "e04b500b7f5d3191552e4467ff80607d9cbf28cdc3c62a3a05fc883c2358c0b3",
    "mlp-sigmoid-32": "9460b4eb34ba51248162517b8abac051b200a7f1fec7d6826e87e0d48981fb24",
    "mlp-wide": "c67c229db49e09cacbba620d951122fdc64d223d2581bc22355c71aae972e144",
}


@pytest.fixture(scope="module")
def toy_run(tmp_path_factory, toy_data_dir):
    """Return a function that trains a toy run in a process of its own and returns its directory, made once for each.

    With variables it is a new process, as a user's that has these in the environment; else a fork.
    """
    folder, made = tmp_path_factory.mktemp("toy"), {}

    def call(name, *flags, faults=None, **variables):
        """Train, unless there is a run of this name."""
        if name not in made:
            argv = ["train_rnn.py", *TOY, "--data-dir", toy_data_dir, "--run-name", name, *flags]
            code, _, err = new_process(folder, *argv, **variables) if variables else fork_server.run(
                folder, *argv, **(faults or {}))
            assert (code, err) == (0, "")
            made[name] = folder / "runs" / name
        return made[name]
    return call


def new_process(folder, script, *flags, **variables):
    """Run a script of the project as a user would; return (exit code, stdout, stderr)."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, *map(str, flags)], cwd=folder,
                          capture_output=True, text=True, env=user_environment(**variables))
    return done.returncode, done.stdout, without_first_word(done.stderr)


def weights(run):
    """Return the digest of a run's weights."""
    return Run(run).result["weights"]


# ---- the same bits everywhere ----

@x86
@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.skipif(sys.platform != "linux", reason="the digests are those of TensorFlow's Linux wheels")
@pytest.mark.skipif(ISA != "avx2", reason="the digests are those of avx2")
@pytest.mark.parametrize("name", DIGESTS)
def test_the_digests_of_one_epoch_on_the_original_mnist_are_the_pinned_ones(mnist_dir, tmp_path, name):
    code, _, err = fork_server.run(tmp_path, "train_mlp.py", "--experiment", name, "--epochs", 1, "--no-plots",
                                   "--data-dir", mnist_dir, "--run-name", "r")
    assert (code, err) == (0, "")
    assert weights(tmp_path / "runs/r") == DIGESTS[name]


# Sizes for which Eigen, were it to do the products, would cut its sums by the size of the first-level cache.
EMULATED = """
import hashlib
import sys
from rnn_mnist.config import with_settings
from rnn_mnist.datasets import synthetic
from rnn_mnist.train import train
from rnn_mnist.tutorials.presets import PRESETS
for name, settings in (("rnn-rows", {"unroll": "fused", "n_neurons": 24}), ("mlp-relu", {})):
    config = with_settings(PRESETS[name].config, **settings, batch_size=50, n_valid=100, n_subset=300, epochs=1)
    run = train(config, plots=False, data_dir=sys.argv[1], runs_dir=sys.argv[2])
    print("digest", run.result["weights"])
print("digest", hashlib.sha256(synthetic.draw(300, seed=5)[0]).hexdigest())
"""


@x86
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs qemu-x86_64 (Debian's qemu-user) to emulate others")
def test_an_emulated_processor_of_the_other_maker_gives_the_same_bits(toy_data_dir, tmp_path):
    """It has no AVX-512 nor what makes TensorFlow turn oneDNN's operations on by itself. Both run at the same time."""
    other = "Haswell" if "AMD" in machine.describe()["cpu"] else "EPYC-Milan"
    pythons = {"here": [sys.executable], other: [
        "qemu-x86_64", "-cpu", other, "-0", sys.executable, os.path.realpath(sys.executable)]}
    processes = {cpu: subprocess.Popen([*python, "-c", EMULATED, toy_data_dir, tmp_path / cpu], cwd=ROOT, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=user_environment())
                 for cpu, python in pythons.items()}
    found = {}
    for cpu, (out, err) in {cpu: process.communicate() for cpu, process in processes.items()}.items():
        assert processes[cpu].returncode == 0, err[-2000:]
        found[cpu] = [line for line in out.splitlines() if line.startswith("digest")]
        environment = Run(next((tmp_path / cpu).iterdir())).environment
        assert ("AVX512F" in environment["instruction_sets"].split()) <= (cpu == "here")
    assert len(found["here"]) == 3 and found[other] == found["here"]


@pytest.mark.slow
@x86
def test_variables_from_outside_change_nothing(toy_run):
    """Let through alone, SSE41, TF_DETERMINISTIC_OPS and TF_XLA_FLAGS each gave other bits."""
    variables = {"ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "SSE41", "TF_ENABLE_ONEDNN_OPTS": "0",
                 "TF_SET_ONEDNN_FPMATH_MODE": "BF16", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
                 "DNNL_DEFAULT_FPMATH_MODE": "ANY", "TF_DETERMINISTIC_OPS": "1",
                 "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"}
    assert weights(toy_run("variables", **variables)) == weights(toy_run("plain"))


# ---- other instruction sets ----

@pytest.mark.slow
@x86
def test_another_instruction_set_gives_other_bits_and_rerun_says_why(toy_run, tmp_path, toy_data_dir):
    plain, other = toy_run("plain"), toy_run("sse41", "--isa", "sse41")
    assert weights(plain) != weights(other)
    code, out, _ = compared(plain, other)
    lines = out.splitlines()
    assert code == 1
    assert lines[0].startswith(f"two kinds : instruction set {DEFAULT_ISA} | sse41: ")
    assert lines[-1] == "environment : the same"
    assert f"setting isa : {DEFAULT_ISA} | sse41" in lines and "identical" not in out
    figures = [Run(run).metrics[0] for run in (plain, other)]
    [line] = [line for line in lines if line.startswith("epoch 000, decimals that agree : ")]
    words = line.split(" : ")[1].split()
    agreeing = dict(zip(words[::2], words[1::2], strict=True))
    assert set(agreeing) == {name for name in METRICS if name.startswith(("acc_", "loss_"))}
    assert set(agreeing.values()) > {"all"}  # accuracies, mostly
    for name, decimals in agreeing.items():
        apart = abs(figures[0][name] - figures[1][name])
        assert apart == 0 if decimals == "all" else .5 * 10 ** -(int(decimals) + 1) <= apart < .5 * 10 ** -int(decimals)
    code, out, _ = fork_server.run(tmp_path, "rerun.py", other, "--runs-dir", tmp_path, "--data-dir", toy_data_dir)
    assert code == 0
    assert out.startswith("same kind : instruction set sse41, tensorflow 2.21.")
    assert out.splitlines()[-1].startswith("identical : ")


@pytest.mark.slow
@x86
def test_native_is_recorded_by_what_it_means_here(toy_run):
    native, named = toy_run("native", "--isa", "native"), toy_run("named", "--isa", machine.available()[-1])
    assert Run(native).config.isa == Run(named).config.isa == machine.available()[-1]
    assert weights(native) == weights(named)
    assert Run(native).environment["isa"] == machine.available()[-1]


@pytest.mark.slow
@x86
def test_a_run_of_another_instruction_set_can_be_looked_at_here(toy_run, capsys):
    plain, other = toy_run("plain"), toy_run("sse41", "--isa", "sse41")
    test = compare.paired_test(*compare.summarise_all([plain, other]))
    assert test["n_test"] == 200
    assert f"{other} was trained with sse41 and is computed with {ISA} here" in capsys.readouterr().err
    run = Run(other)
    assert run.evaluate().values["loss_test"] == pytest.approx(run.result["loss_test"], rel=1e-5)


@pytest.mark.slow
@x86
def test_what_is_computed_before_a_session_of_ours_does_not_choose_for_it(toy_run):
    """As in a notebook: the first product of a process has oneDNN settle its instruction set."""
    assert weights(toy_run("product", faults={"product": True})) == weights(toy_run("plain"))


@x86
def test_a_process_has_one(toy_data_dir, tmp_path, flag_words):
    settings = {"n_neurons": 8, "batch_size": 50, "n_valid": 100, "epochs": 1, "plots": False,
                "data_dir": toy_data_dir, "runs_dir": str(tmp_path)}
    train(**settings, run_name="r")
    other = "sse41" if ISA != "sse41" else "avx"
    message = refusal(train, **settings, isa=other, run_name="s")
    assert f"--isa {other}: this process computes with {ISA} already" in message
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


# ---- what the processor has ----

@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo") or DEFAULT_ISA == ARM, reason="needs Linux on x86-64")
def test_the_environment_tells_what_the_processor_has(toy_run):
    environment = Run(toy_run("plain")).environment
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    for name, flag in (("AVX", "avx"), ("AVX2", "avx2"), ("AVX512F", "avx512f"), ("AVX512VNNI", "avx512_vnni"),
                       ("FMA3", "fma")):
        assert (name in environment["instruction_sets"].split()) == (flag in flags)
    assert environment["isa"] == DEFAULT_ISA and environment["system"] == "Linux"
    assert environment["variables"] == {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": DEFAULT_ISA.upper()}
    assert isinstance(environment["gpus"], list)


def test_what_the_processor_lacks_is_refused_in_one_line(monkeypatch, flag_words):
    monkeypatch.setattr(machine, "DEFAULT_ISA", "avx2")
    monkeypatch.setattr(machine, "features", lambda: ["AVX", "SSE41", "SSE42"])
    assert refusal(machine.resolve, "avx2") == (
        "--isa avx2: this processor has sse41, avx only: add --isa avx, whose bits are others")
    assert machine.resolve("native") == machine.resolve("avx") == "avx"
    monkeypatch.setattr(machine, "_in_use", None)
    assert machine.to_look_with("avx512_core") == "avx" and machine.to_look_with("sse41") == "sse41"
    # Of AVX-512's parts all four are needed.
    monkeypatch.setattr(machine, "features", lambda: ["AVX", "AVX2", "AVX512F", "AVX512BW", "AVX512VL", "SSE41"])
    assert machine.resolve("native") == "avx2"


def test_an_unknown_or_missing_instruction_set_is_refused_before_tensorflow_is_imported(tmp_path):
    lacking = "arm" if DEFAULT_ISA != ARM else "avx2"
    for isa, word in (("mmx", "invalid choice"), (lacking, "this processor has ")):
        code, out, err = new_process(tmp_path, "train_rnn.py", "--isa", isa)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(("error: argument --isa: ", f"error: --isa {isa}: ")) and word in err
    assert list(tmp_path.iterdir()) == []


def test_arm_is_a_kind_of_its_own(monkeypatch, flag_words):
    monkeypatch.setattr(machine, "DEFAULT_ISA", ARM)
    assert machine.available() == [ARM] and machine.resolve("native") == machine.resolve(ARM) == ARM
    assert "this processor has arm only: add --isa arm" in refusal(machine.resolve, "avx2")
    monkeypatch.setattr(machine, "_in_use", None)
    assert machine.to_look_with("avx2") == ARM


def test_a_session_takes_no_gpu():
    """There is none here; so what is seen to is that TensorFlow is told to make none of those it finds a device."""
    assert session.on_cpu(inter_op_parallelism_threads=2).device_count == {"GPU": 0}
    sources = "".join(path.read_text() for path in (ROOT / "rnn_mnist").rglob("*.py"))
    sessions = re.findall(r"tf\.Session\((.*)\)", sources)
    assert len(sessions) >= 3 and all("config=" in arguments for arguments in sessions)


# ---- kinds ----

@pytest.fixture
def copies(toy_run, tmp_path):
    """Return two copies of one run that a test may change."""
    return [shutil.copytree(toy_run("plain"), tmp_path / name) for name in "ab"]


def compared(first, second):
    """Compare two runs by the command; return (exit code, stdout, stderr)."""
    return fork_server.run(first.parent, "rerun.py", "--compare-only", first, second)


@pytest.mark.parametrize(("name", "value"), [("tensorflow", "2.22.0"), ("system", "Windows"), ("machine", "arm")])
def test_another_kind_is_said_first_and_nothing_is_excused_within_one(copies, name, value):
    first, second = copies
    environment = Run(second).environment
    (second / "environment.json").write_text(json.dumps(environment | {name: value}))
    code, out, _ = compared(first, second)
    assert code == 0  # the bits are the same all the same
    assert out.startswith(f"two kinds : {name} {environment[name]} | {value}: ")
    (second / "environment.json").write_text(json.dumps(environment | {"resumed_with": [{name: value}]}))
    code, out, _ = compared(first, second)
    assert out.startswith(f"two kinds : {name} {environment[name]} | {environment[name]} then {value}: ")


def test_a_kind_that_is_not_known_or_changed_on_the_way_is_promised_nothing(copies):
    environments = [Run(run).environment for run in copies]
    for run, environment in zip(copies, environments, strict=True):
        (run / "environment.json").write_text(json.dumps(environment | {"resumed_with": [{"tensorflow": "2\n22"}]}))
    code, out, _ = compared(*copies)
    assert out.startswith("two kinds : tensorflow 2.21.0 then 2 22 | 2.21.0 then 2 22: ")
    (copies[0] / "environment.json").write_text("{}")
    (copies[1] / "environment.json").unlink()
    code, out, _ = compared(*copies)
    assert code == 0 and out.startswith(
        "kind unknown : environment.json lacks tensorflow, system, machine: ")


@pytest.mark.parametrize(("name", "value"), [("system", "Windows"), ("machine", "arm")])
def test_nothing_is_promised_where_nothing_was_tried(copies, name, value):
    for run in copies:
        environment = Run(run).environment
        (run / "environment.json").write_text(json.dumps(environment | {name: value}))
    first = compared(*copies)[1].splitlines()[0]
    assert first.startswith("same kind : ") and "not promised" in first and "must" not in first


def test_within_a_kind_a_difference_in_the_last_bit_is_a_difference(copies):
    first, second = copies
    rows = (second / "metrics.csv").read_text().splitlines()
    cells = rows[1].split(",")
    cells[2] = repr(float(cells[2]) * (1 + 2**-52))
    (second / "metrics.csv").write_text("\n".join([rows[0], ",".join(cells)]) + "\n")
    code, out, _ = compared(first, second)
    assert code == 1 and "agree" not in out
    assert out.splitlines()[0].startswith("same kind : ")
    assert out.splitlines()[1].startswith("different : ")


def test_the_committed_example_is_of_the_default_kind():
    assert Run(ROOT / "runs/example-seed42").config.isa == "avx2"
    assert PRESETS["rnn-rows"].config.isa == ISA
