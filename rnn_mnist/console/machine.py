"""The machine: which instruction sets its processor has, which one this process uses, what is installed.

oneDNN writes its products for an instruction set, and with that go the order of rounding and every later bit. So a run
names the one it uses, and this module has TensorFlow keep to it, by environment variables that TensorFlow and oneDNN
read once in a process. It never imports TensorFlow; what a processor has is asked of NumPy.
"""

import contextlib
import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import UserError, named

ARM = "arm"  # processors of this kind have no instruction sets to choose from, and bits of their own
DEFAULT_ISA = ARM if platform.machine().lower() in ("arm64", "aarch64") else "avx2"
# Each of oneDNN's instruction sets that has float32 products of its own, slowest first, and what NumPy calls its parts.
NEEDS = {"sse41": ("SSE41",), "avx": ("AVX",), "avx2": ("AVX2",),
         "avx512_core": ("AVX512F", "AVX512BW", "AVX512VL", "AVX512DQ")}
ISA_VARIABLE = "ONEDNN_MAX_CPU_ISA"
# TensorFlow turns its oneDNN operations on by itself on some processors only. Without them Eigen cuts long sums into
# pieces as large as suits the first-level cache, which makes the cache's size part of the result; oneDNN does not.
PINNED = {} if DEFAULT_ISA == ARM else {"TF_ENABLE_ONEDNN_OPTS": "1", ISA_VARIABLE: DEFAULT_ISA.upper()}
# Others that were seen to change the result, or by which oneDNN may, on processors that can, compute in 16 bits.
CLEARED = ("TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "TF_SET_ONEDNN_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE",
           "DNNL_DEFAULT_FPMATH_MODE")

# Measured on two cores with TensorFlow 2.21: 1.8 GB once it is imported, 2.3 GB in the default training. With less it
# may hang in its threads.
MIN_MEMORY = 2_500_000_000
CURE = "pip install -r requirements.txt"

_in_use = None


def features():
    """Return the names of the instruction sets that this processor has, sorted, as NumPy knows them."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as found
    except ImportError:  # NumPy 1
        from numpy.core._multiarray_umath import __cpu_features__ as found
    return sorted(name for name, there in found.items() if there)


def available():
    """Return the names that --isa takes on this processor, the fastest last."""
    if DEFAULT_ISA == ARM:
        return [ARM]
    there = set(features())
    return [isa for isa, needs in NEEDS.items() if there.issuperset(needs)]


def resolve(isa):
    """Return the instruction set that a name means here; raise UserError if this processor lacks it."""
    there = available()
    if isa == "native":
        return there[-1]
    if isa not in there:
        raise UserError("{isa}: this processor has {there} only: add {give}, whose bits are others",
                        isa=named("isa", isa), there=", ".join(there), give=named("isa", there[-1]))
    return isa


def to_look_with(isa, run=None):
    """Return the instruction set to compute with where a run that used `isa` is only looked at.

    It is the run's own, unless this process computes with another already or this processor lacks it; a run's name is
    to be given where nobody else says so.
    """
    there = available()
    here = _in_use or (isa if isa in there else there[-1])
    if run and here != isa:
        note(text("note: {run} was trained with {isa} and is computed with {here} here: figures agree within rounding",
                  run=run, isa=isa, here=here))
    return here


def pin_variables():
    """Set and clear the variables that change results; to be called before TensorFlow is first imported.

    Whatever is computed before use() says otherwise is computed with the default instruction set.
    """
    for name in CLEARED:
        os.environ.pop(name, None)
    os.environ.update(PINNED)


def use(isa):
    """Have this process compute with an instruction set; to be called before its first product.

    Raise UserError if it computes with another already: oneDNN asks once in a process.
    """
    global _in_use
    isa = resolve(isa)
    if _in_use not in (None, isa):
        raise UserError("{isa}: this process computes with {in_use} already, and it can use one only: start a process "
                        "for each", isa=named("isa", isa), in_use=_in_use)
    _in_use = isa
    if isa != ARM:
        os.environ[ISA_VARIABLE] = isa.upper()


def keep_memory():
    """Have this process keep the memory that a minibatch has used for the next one, where its C library can.

    GNU's gives large pieces back to the system each time and has each page of them cleared on the way: measured with
    minibatches of 600, dynamic takes 1.2 times as long so.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # other systems have no mallopt, or no need of it
        mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3  # as malloc.h numbers them
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_threshold, 2**25)  # bytes; more is refused by older versions


def check_process():
    """Raise UserError if TensorFlow can't be imported into this process, or would not work as it must."""
    check_installed()
    if "tensorflow" in sys.modules:  # it may have chosen its matrix products already, and with them other bits
        raise UserError("tensorflow was imported before rnn_mnist.tf1, which has to set it up: in a new process (in a "
                        "notebook: after a restart of the kernel), import rnn_mnist.tf1 first")
    if sys.flags.optimize > 1:
        raise UserError("tf_keras needs the texts that python -OO and PYTHONOPTIMIZE=2 leave out: start without")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") not in set("0123"):
        raise UserError("TF_CPP_MIN_LOG_LEVEL is '{level}': set it to 0, 1, 2 or 3, or unset it",
                        level=os.environ["TF_CPP_MIN_LOG_LEVEL"])
    _check_limit(MIN_MEMORY)


def check_memory(n_weights, n_states):
    """Raise UserError if this process may not use as much memory as training takes at most.

    n_weights: of the network; n_states: of a minibatch, over all layers and steps. TensorFlow crashes as often as it
    says so. Measured, as MIN_MEMORY, for networks of 500 to 4,000 units, minibatches of 150 to 5,000, all forms: up to
    6 times the variables with Adam's slots, and 8 times the states of a minibatch.
    """
    _check_limit(MIN_MEMORY + 4 * (6 * 3 * n_weights + 8 * n_states))


def _check_limit(needed):
    """Raise UserError if the address space of this process is limited to less than so many bytes."""
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if 0 <= limit < needed:
            raise UserError("this process may use {limit:.1f} GB of memory addresses (ulimit -v), and TensorFlow needs "
                            "{needed:.1f} for this: raise the limit", limit=limit / 1e9, needed=needed / 1e9)


def check_installed():
    """Raise UserError unless tensorflow and tf_keras are installed in the same minor version."""
    found = {package: version_of(package) for package in ("tensorflow", "tf_keras")}
    for package, version in found.items():
        if version is None:
            raise UserError("{package} is not installed: run '{command}'", package=package, command=CURE)
    minor = ".".join(found["tensorflow"].split(".")[:2])
    if minor != ".".join(found["tf_keras"].split(".")[:2]):
        raise UserError("tensorflow {tensorflow} needs tf_keras {minor}, but tf_keras {tf_keras} is installed: run "
                        "'{command}'", tensorflow=found["tensorflow"], minor=minor, tf_keras=found["tf_keras"],
                        command=CURE)


@contextlib.contextmanager
def environment(**variables):
    """Set environment variables for the length of the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            os.environ.update({} if value is None else {name: value})


def n_cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(**more):
    """Return what a result could depend on beside config and data, and more, as environment.json holds it."""
    packages = {name: version_of(name) for name in ("tensorflow", "tf_keras", "numpy", "rnn_mnist")}
    return {"python": platform.python_version(), **packages, "platform": platform.platform(),
            "system": platform.system(), "machine": ARM if DEFAULT_ISA == ARM else platform.machine(),
            "cpu": _cpu(), "instruction_sets": " ".join(features()), "isa": _in_use, "cores": os.cpu_count(),
            "variables": {name: os.environ[name] for name in PINNED if name in os.environ},
            "git_commit": _git_commit(), **more}


def _cpu():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def version_of(package):
    """Return the version of an installed package, None if there is none."""
    import importlib.metadata  # 15 ms, which predict.py would wait for in vain
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit():
    """Return the commit of this source tree, '-dirty' added if it was changed; None outside a checkout of it."""
    here, found = Path(__file__).resolve(), []
    plain_git = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # GIT_DIR: elsewhere
    for words in (["ls-files", "--full-name", "--error-unmatch", str(here)],
                  ["describe", "--always", "--dirty", "--abbrev=40"]):
        try:
            done = subprocess.run(["git", "-C", str(here.parent), *words], capture_output=True, text=True, timeout=5,
                                  env=plain_git)
        except (OSError, subprocess.TimeoutExpired):
            return None
        found.append(done.stdout.strip())
    # A copy may be installed within a repository of something else, which knows this file by another name or by none.
    return (found[1] or None) if found[0] == "rnn_mnist/console/machine.py" else None
