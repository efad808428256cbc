"""The same bits on every machine: pinned digests, emulated processors, other instruction sets, variables, refusals.

What needs another instruction set than this process has runs in a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ISA, refusal, user_environment

from rnn_mnist import processor, session
from rnn_mnist import run as runs
from rnn_mnist.analysis import compare as comparison
from rnn_mnist.analysis.evaluate import evaluate_run
from rnn_mnist.config import ARM, DEFAULT_ISA, Config, with_settings
from rnn_mnist.train import train
from rnn_mnist.tutorials.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
TOY = ["--epochs", 1, "--batch-size", 50, "--n-valid", 100, "--no-plots"]
x86 = pytest.mark.skipif(DEFAULT_ISA == ARM, reason="ARM processors have one instruction set, and bits of their own")

# SHA-256 of the weights after one epoch on the original MNIST with TensorFlow 2.21's Linux wheels for x86-64. Seen on
# an AVX-512 processor with 48 KB of first-level cache; the one of `fused` also on an emulated Intel Haswell and AMD
# Milan, which have AVX2 and 32 KB.
DIGESTS = {
    "dynamic": "2df2d805f2ad2040dc5ad39dcfdf0e8b7040494b52e5568d1e23353206368206",
    "static": "1a1e2371cb36d06c939d80bcd2309efa774f1cf2f0594fc537ec9075da17323a",
    "fused": "1757c282c26578382f182fc253928f230fce6285383bedf9d9e04599c3429224",
    "mlp-relu": "29c0f97bcb5c6a370aace19ab8860e6e35d35e3ce9d3c8a264c8fef854d7fa4a",
    "mlp-relu-l2": "8ef2c932f087ab88593e617a5fb9dbcae864ed02a87901e6313c2b50ffffe4d5",
    "mlp-sigmoid": "e04b500b7f5d3191552e4467ff80607d9cbf28cdc3c62a3a05fc883c2358c0b3",
    "mlp-sigmoid-32": "9460b4eb34ba51248162517b8abac051b200a7f1fec7d6826e87e0d48981fb24",
    "mlp-wide": "c67c229db49e09cacbba620d951122fdc64d223d2581bc22355c71aae972e144",
}


def command(script, *flags, folder=ROOT, **environment):
    """Run a script of the project as a user would; return it with its output."""
    return subprocess.run([sys.executable, ROOT / "scripts" / script, *map(str, flags)], cwd=folder,
                          capture_output=True, text=True, env=user_environment(**environment))


@pytest.fixture(scope="module")
def toy_run(tmp_path_factory, toy_data_dir):
    """Return a function that trains a toy run in a process of its own and returns its directory, made once for each."""
    folder, made = tmp_path_factory.mktemp("toy"), {}

    def call(name, *flags, **environment):
        if name not in made:
            done = command("train_rnn.py", *TOY, "--n-neurons", 150, "--data-dir", toy_data_dir, "--run-name", name,
                           *flags, folder=folder, **environment)
            assert (done.returncode, done.stderr) == (0, "")
            made[name] = folder / "runs" / name
        return made[name]
    return call


def weights(run):
    """Return the digest of a run's weights."""
    return runs.read_result(run)["weights"]


# ---- the same bits everywhere ----

@x86
@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.skipif(sys.platform != "linux", reason="the digests are those of TensorFlow's Linux wheels")
@pytest.mark.skipif(ISA != "avx2", reason="the digests are those of avx2")
@pytest.mark.parametrize("name", DIGESTS)
def test_the_digests_of_one_epoch_on_the_original_mnist_are_the_pinned_ones(mnist_dir, tmp_path, name):
    flags = ["--unroll", name] if name in ("dynamic", "static", "fused") else ["--experiment", name]
    done = command("train_mlp.py" if "mlp" in name else "train_rnn.py", *flags, "--epochs", 1, "--no-plots",
                   "--data-dir", mnist_dir, "--run-name", "r", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert weights(tmp_path / "runs/r") == DIGESTS[name]


# Sizes for which Eigen, were it to do the products, would cut its sums by the size of the first-level cache.
EMULATED = """
import sys
from rnn_mnist.config import Config, with_settings
from rnn_mnist.tutorials.presets import PRESETS
from rnn_mnist.train import train
for base, settings in ((Config(), {"unroll": "fused", "n_neurons": 24}), (PRESETS["mlp-relu"], {})):
    config = with_settings(base, **settings, batch_size=50, n_valid=100, n_subset=300, epochs=1, plots=False,
                           data="mnist", data_dir=sys.argv[1], runs_dir=sys.argv[2], eval_train=False)
    print("digest", train(config, Config()).values["weights"])
from rnn_mnist.datasets import synthetic
import hashlib
print("digest", hashlib.sha256(synthetic.draw(300, seed=5)[0]).hexdigest())
"""


@x86
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs qemu-x86_64 (Debian's qemu-user) to emulate others")
@pytest.mark.parametrize("cpu", ["Haswell", "EPYC-Milan"])
def test_an_emulated_processor_of_another_kind_gives_the_same_bits(toy_data_dir, tmp_path, cpu):
    """Neither has AVX-512 nor what makes TensorFlow turn oneDNN's operations on by itself."""
    emulator = ["qemu-x86_64", "-cpu", cpu, "-0", sys.executable, os.path.realpath(sys.executable)]
    found = []
    for python in ([sys.executable], emulator):
        folder = tmp_path / str(len(found))
        done = subprocess.run([*python, "-c", EMULATED, toy_data_dir, folder], cwd=ROOT, capture_output=True, text=True,
                              env=user_environment())
        assert done.returncode == 0, done.stderr[-2000:]
        found.append([line for line in done.stdout.splitlines() if line.startswith("digest")])
        environment = runs.read_json(next(folder.iterdir()) / "environment.json")
        assert ("AVX512F" in environment["instruction_sets"].split()) <= (python is not emulator)
    assert len(found[0]) == 3 and found[0] == found[1]


@pytest.mark.slow
@x86
def test_variables_from_outside_change_nothing(toy_run):
    plain = toy_run("plain")
    for name, variables in (("isa", {"ONEDNN_MAX_CPU_ISA": "SSE41", "DNNL_MAX_CPU_ISA": "SSE41"}),
                            ("off", {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_DETERMINISTIC_OPS": "1"}),
                            ("xla", {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"})):
        assert weights(toy_run(name, **variables)) == weights(plain)


# ---- other instruction sets ----

@pytest.mark.slow
@x86
def test_another_instruction_set_gives_other_bits_and_rerun_says_why(toy_run, tmp_path, toy_data_dir):
    plain, other = toy_run("plain"), toy_run("sse41", "--isa", "sse41")
    assert weights(plain) != weights(other)
    done = command("rerun.py", "--compare-only", plain, other)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith(f"two kinds : instruction set {DEFAULT_ISA} | sse41: ")
    assert lines[-1] == "environment : the same"
    assert f"setting isa : {DEFAULT_ISA} | sse41" in lines and "identical" not in done.stdout
    figures = [runs.read_metrics(run)[0] for run in (plain, other)]
    [line] = [line for line in lines if line.startswith("epoch 000, decimals that agree : ")]
    words = line.split(" : ")[1].split()
    agreeing = dict(zip(words[::2], words[1::2], strict=True))
    assert set(agreeing) == {name for name in runs.COLUMNS if name.startswith(("acc_", "loss_"))}
    assert set(agreeing.values()) > {"all"}  # accuracies, mostly
    for name, decimals in agreeing.items():
        apart = abs(figures[0][name] - figures[1][name])
        assert apart == 0 if decimals == "all" else .5 * 10 ** -(int(decimals) + 1) <= apart < .5 * 10 ** -int(decimals)
    done = command("rerun.py", other, "--runs-dir", tmp_path, "--data-dir", toy_data_dir)
    assert done.returncode == 0
    assert done.stdout.startswith("same kind : instruction set sse41, tensorflow 2.21.")
    assert done.stdout.splitlines()[-1].startswith("identical : ")


@pytest.mark.slow
@x86
def test_native_is_recorded_by_what_it_means_here(toy_run):
    native, named = toy_run("native", "--isa", "native"), toy_run("named", "--isa", processor.available()[-1])
    assert runs.read_config(native).isa == runs.read_config(named).isa == processor.available()[-1]
    assert weights(native) == weights(named)
    assert runs.read_json(native / "environment.json")["isa"] == processor.available()[-1]


@pytest.mark.slow
@x86
def test_a_run_of_another_instruction_set_can_be_looked_at_here(toy_run, capsys):
    plain, other = toy_run("plain"), toy_run("sse41", "--isa", "sse41")
    test = comparison.paired_test(*comparison.summarise_all([plain, other]))
    assert test["n_test"] == 200
    assert f"{other} was trained with sse41 and is computed with {ISA} here" in capsys.readouterr().err
    result = runs.read_result(other)
    assert evaluate_run(other).values["loss_test"] == pytest.approx(result["loss_test"], rel=1e-5)


@pytest.mark.slow
@x86
def test_what_is_computed_before_a_session_of_ours_does_not_choose_for_it(toy_run, toy_data_dir, tmp_path):
    """As in a notebook: the first product of a process has oneDNN settle its instruction set."""
    code = ("import sys\nfrom rnn_mnist.tf1 import tf\n"
            "tf.Session().run(tf.matmul(tf.ones([64, 64]), tf.ones([64, 64])))\n"
            "from rnn_mnist.config import Config, with_settings\nfrom rnn_mnist.train import train\n"
            "config = with_settings(Config(), epochs=1, batch_size=50, n_valid=100, n_neurons=150, plots=False,\n"
            "                       data_dir=sys.argv[1], runs_dir=sys.argv[2], run_name='r')\n"
            "train(config, Config())\n")
    done = subprocess.run([sys.executable, "-c", code, toy_data_dir, tmp_path], cwd=ROOT, capture_output=True,
                          text=True, env=user_environment())
    assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "r") == weights(toy_run("plain"))


@x86
def test_a_process_has_one(toy_data_dir, tmp_path):
    config = with_settings(Config(), n_neurons=8, batch_size=50, n_valid=100, epochs=1, plots=False,
                           data_dir=toy_data_dir, runs_dir=str(tmp_path), run_name="r")
    train(config, Config())
    other = "sse41" if ISA != "sse41" else "avx"
    second = with_settings(config, isa=other, run_name="s")
    assert f"--isa {other}: this process computes with {ISA} already" in refusal(train, second, Config())
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


# ---- what the processor has ----

@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo") or DEFAULT_ISA == ARM, reason="needs Linux on x86-64")
def test_the_environment_tells_what_the_processor_has(toy_run):
    environment = runs.read_json(toy_run("plain") / "environment.json")
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    for name, flag in (("AVX", "avx"), ("AVX2", "avx2"), ("AVX512F", "avx512f"), ("AVX512VNNI", "avx512_vnni"),
                       ("FMA3", "fma")):
        assert (name in environment["instruction_sets"].split()) == (flag in flags)
    assert environment["isa"] == DEFAULT_ISA and environment["system"] == "Linux"
    assert environment["variables"] == {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": DEFAULT_ISA.upper()}
    assert isinstance(environment["gpus"], list)


def test_what_the_processor_lacks_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(processor, "DEFAULT_ISA", "avx2")
    monkeypatch.setattr(processor, "features", lambda: ["AVX", "SSE41", "SSE42"])
    assert refusal(processor.resolve, "avx2") == (
        "--isa avx2: this processor has sse41, avx only: add --isa avx, whose bits are others")
    assert processor.resolve("native") == processor.resolve("avx") == "avx"
    monkeypatch.setattr(processor, "_in_use", None)
    assert processor.to_look_with("avx512_core") == "avx" and processor.to_look_with("sse41") == "sse41"
    # Of AVX-512's parts all four are needed.
    monkeypatch.setattr(processor, "features", lambda: ["AVX", "AVX2", "AVX512F", "AVX512BW", "AVX512VL", "SSE41"])
    assert processor.resolve("native") == "avx2"


def test_an_unknown_or_missing_instruction_set_is_refused_before_tensorflow_is_imported(tmp_path):
    lacking = "arm" if DEFAULT_ISA != ARM else "avx2"
    for isa, word in (("mmx", "invalid choice"), (lacking, "this processor has ")):
        done = command("train_rnn.py", "--isa", isa, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(("error: argument --isa: ", f"error: --isa {isa}: ")) and word in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_arm_is_a_kind_of_its_own(monkeypatch):
    monkeypatch.setattr(processor, "DEFAULT_ISA", ARM)
    assert processor.available() == [ARM] and processor.resolve("native") == processor.resolve(ARM) == ARM
    assert "this processor has arm only: add --isa arm" in refusal(processor.resolve, "avx2")
    monkeypatch.setattr(processor, "_in_use", None)
    assert processor.to_look_with("avx2") == ARM


def test_a_session_takes_no_gpu():
    """There is none here; so what is seen to is that TensorFlow is told to make none of those it finds a device."""
    assert session.on_cpu(inter_op_parallelism_threads=2).device_count == {"GPU": 0}
    sources = [path.read_text() for path in (ROOT / "rnn_mnist").rglob("*.py")]
    assert sum(text.count("tf.Session(config=") for text in sources) == sum(
        text.count("tf.Session(") for text in sources) >= 3


# ---- kinds ----

@pytest.fixture
def copies(toy_run, tmp_path):
    """Return two copies of one run that a test may change."""
    return [shutil.copytree(toy_run("plain"), tmp_path / name) for name in "ab"]


@pytest.mark.parametrize(("name", "value"), [("tensorflow", "2.22.0"), ("system", "Windows"), ("machine", "arm")])
def test_another_kind_is_said_first_and_nothing_is_excused_within_one(copies, name, value):
    first, second = copies
    environment = runs.read_json(second / "environment.json")
    (second / "environment.json").write_text(json.dumps(environment | {name: value}))
    done = command("rerun.py", "--compare-only", first, second)
    assert done.returncode == 0  # the bits are the same all the same
    assert done.stdout.startswith(f"two kinds : {name} {environment[name]} | {value}: ")
    (second / "environment.json").write_text(json.dumps(environment | {"resumed_with": [{name: value}]}))
    done = command("rerun.py", "--compare-only", first, second)
    assert done.stdout.startswith(f"two kinds : {name} {environment[name]} | {environment[name]} then {value}: ")


def test_a_kind_that_is_not_known_or_changed_on_the_way_is_promised_nothing(copies):
    environments = [runs.read_json(run / "environment.json") for run in copies]
    for run, environment in zip(copies, environments, strict=True):
        (run / "environment.json").write_text(json.dumps(environment | {"resumed_with": [{"tensorflow": "2\n22"}]}))
    done = command("rerun.py", "--compare-only", *copies)
    assert done.stdout.startswith("two kinds : tensorflow 2.21.0 then 2 22 | 2.21.0 then 2 22: ")
    (copies[0] / "environment.json").write_text("{}")
    (copies[1] / "environment.json").unlink()
    done = command("rerun.py", "--compare-only", *copies)
    assert done.returncode == 0 and done.stdout.startswith(
        "kind unknown : environment.json lacks tensorflow, system, machine: ")


@pytest.mark.parametrize(("name", "value"), [("system", "Windows"), ("machine", "arm")])
def test_nothing_is_promised_where_nothing_was_tried(copies, name, value):
    for run in copies:
        environment = runs.read_json(run / "environment.json")
        (run / "environment.json").write_text(json.dumps(environment | {name: value}))
    done = command("rerun.py", "--compare-only", *copies)
    first = done.stdout.splitlines()[0]
    assert first.startswith("same kind : ") and "not promised" in first and "must" not in first


def test_within_a_kind_a_difference_in_the_last_bit_is_a_difference(copies):
    first, second = copies
    rows = (second / "metrics.csv").read_text().splitlines()
    cells = rows[1].split(",")
    cells[2] = repr(float(cells[2]) * (1 + 2**-52))
    (second / "metrics.csv").write_text("\n".join([rows[0], ",".join(cells)]) + "\n")
    done = command("rerun.py", "--compare-only", first, second)
    assert done.returncode == 1 and "agree" not in done.stdout
    assert done.stdout.splitlines()[0].startswith("same kind : ")
    assert done.stdout.splitlines()[1].startswith("different : ")


def test_the_committed_example_is_of_the_default_kind():
    assert runs.read_config(ROOT / "runs/example-seed42").isa == "avx2"
    assert PRESETS["rnn-rows"].isa == ISA
