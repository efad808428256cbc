"""The real command lines, as a user types them: what lands on stdout and stderr, exit codes, the published log."""

import json
import re
import subprocess
import sys

import fork_server
import pytest
from helpers import ISA, user_environment, without_first_word

FIRST_WORD = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path('scripts/' + sys.argv[0], run_name='__main__')"
# SHA-256 of the weights after the first epoch, as in test_machines.py. The one of `fused` was seen on an emulated Intel
# Haswell and AMD Milan, too, which have AVX2 and 32 KB of first-level cache.
DIGESTS = {
    "dynamic": "ce3693ee832fae505c3408b4da22380aa61d2dfd1cd5cf005a493d2a99681583",
    "static": "1a1e2371cb36d06c939d80bcd2309efa774f1cf2f0594fc537ec9075da17323a",
    "fused": "985295eb55454119866b83c1e46755dae868283ea287280a4c569556cc6119f1"}
TOY = ["--epochs", "1", "--batch-size", "50", "--n-valid", "100", "--n-neurons", "10", "--no-plots"]


def command(script, *flags, **environment):
    """Run a script of the project in a process of its own; return it with its output after the first word."""
    done = subprocess.run([sys.executable, f"scripts/{script}", *map(str, flags)], capture_output=True, text=True,
                          env=user_environment(**environment))
    done.stderr = without_first_word(done.stderr)
    return done


@pytest.mark.slow
@pytest.mark.machine
@pytest.mark.parametrize("unroll", DIGESTS)
def test_seed_42_replays_the_published_log_on_the_original_mnist_to_the_pinned_bits(mnist_dir, tmp_path, unroll):
    words = ["train_rnn.py", "--epochs", 2, "--data-dir", mnist_dir, "--runs-dir", tmp_path, "--unroll", unroll,
             "--run-name", "a", "--no-plots", "--isa", ISA]
    if unroll == "dynamic":  # once in a process that imports TensorFlow itself
        done = command(*words)
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        code, out, err = fork_server.run(tmp_path, *words)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "data : original MNIST (55000 training, 5000 validation, 10000 test)" in lines[0]
    assert lines[1].startswith("epoch : 000 acc_batch : 0.9533, acc_valid : 0.9322 loss_batch : 0.1928 ")
    assert lines[2].startswith("epoch : 001 acc_batch : 0.9600, acc_valid : 0.9530 loss_batch : 0.1873 ")
    # A published run of two epochs scored .9471 on the test set.
    assert json.loads((tmp_path / "a" / "result.json").read_text())["acc_test"] == pytest.approx(.9471, abs=.0005)
    assert len(lines) == 5
    if ISA == "avx2" and sys.platform == "linux":  # the digests are those of TensorFlow's wheels for it
        first = json.loads((tmp_path / "a/checkpoints/previous.json").read_text())
        assert (first["epoch"], first["weights"]) == (1, DIGESTS[unroll])


@pytest.mark.slow
def test_a_busy_machine_changes_nothing(toy_data_dir, tmp_path):
    flags = [*TOY, "--data-dir", toy_data_dir, "--runs-dir", tmp_path]
    done = command("train_rnn.py", *flags, "--run-name", "quiet")
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 5)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        assert fork_server.run(tmp_path, "train_rnn.py", *flags, "--run-name", "busy")[0] == 0
    finally:
        for process in busy:
            process.kill()
            process.wait()
    digests = [json.loads((tmp_path / name / "result.json").read_text())["weights"] for name in ("quiet", "busy")]
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_verbose_lets_tensorflow_speak(toy_data_dir, tmp_path):
    """That it is quiet otherwise is asserted by the test before."""
    done = command("train_rnn.py", *TOY, "--data-dir", toy_data_dir, "--runs-dir", tmp_path, "--verbose")
    assert done.returncode == 0 and "tensorflow" in done.stderr
    assert done.stdout.count("\n") == 5


@pytest.mark.slow
def test_data_mnist_never_falls_back(tmp_path):
    done = command("train_rnn.py", "--data", "mnist", "--runs-dir", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    for word in ("https://", "mnist.npz", "train-images-idx3-ubyte.gz", "--data-dir"):
        assert word in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_first_word_comes_before_the_wait_and_is_all_that_training_adds(toy_data_dir, tmp_path):
    words = ["train_rnn.py", *TOY, "--data-dir", toy_data_dir, "--runs-dir", tmp_path, "--run-name", "r",
             "--lang", "ko"]
    started = subprocess.Popen([sys.executable, "-u", "-X", "importtime", "-c", FIRST_WORD, *map(str, words)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=user_environment())
    out, err = started.communicate()
    before, after = err.split("TensorFlow 불러오는 중 ...\n")
    assert started.returncode == 0 and "rnn_mnist.tf1\n" in after  # while TensorFlow is imported nothing gets out
    assert not re.search(r"\| +rnn_mnist\.(train|tf1|plots)", before)
    assert [line for line in after.splitlines() if not line.startswith("import time:")] == []
    assert out == (tmp_path / "r/log.txt").read_text() and "acc_valid" in out  # English in every language


@pytest.mark.parametrize(("code", "words"), [
    ("import sys; sys.modules['tensorflow'] = sys; import rnn_mnist.tf1", "import rnn_mnist.tf1 first"),
    ("import importlib.metadata as m; old = m.version\n"
     "m.version = lambda name: '2.20.1' if name == 'tf_keras' else old(name)\n"
     "import rnn_mnist.tf1", "tf_keras 2.20.1 is installed: run 'pip install"),
    ("import importlib.metadata as m; old = m.version\n"
     "def version(name):\n"
     "    if name == 'tf_keras': raise m.PackageNotFoundError\n"
     "    return old(name)\n"
     "m.version = version\n"
     "import rnn_mnist.tf1", "tf_keras is not installed: run 'pip install"),
])
def test_the_door_to_tensorflow_says_what_is_in_its_way(code, words):
    indented = "\n".join("    " + line for line in code.splitlines())
    whole = f"from rnn_mnist.console.command import run\ndef main():\n{indented}\nrun(main)"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, env=user_environment())
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: ") and words in done.stderr
