"""The processor: which instruction sets it has, and which one this process multiplies matrices with.

oneDNN writes its products for an instruction set, and with that go the order of rounding and every later bit. So a run
names the one it uses, and this module has TensorFlow keep to it, by environment variables that TensorFlow and oneDNN
read once in a process. It never imports TensorFlow; what a processor has is asked of NumPy.
"""

import os
import platform

from rnn_mnist.config import ARM, DEFAULT_ISA, UserError

# Each of oneDNN's instruction sets that has float32 products of its own, slowest first, and what NumPy calls its parts.
NEEDS = {"sse41": ("SSE41",), "avx": ("AVX",), "avx2": ("AVX2",),
         "avx512_core": ("AVX512F", "AVX512BW", "AVX512VL", "AVX512DQ")}
ISA_VARIABLE = "ONEDNN_MAX_CPU_ISA"
# TensorFlow turns its oneDNN operations on by itself on some processors only. Without them Eigen cuts long sums into
# pieces as large as suits the first-level cache, which makes the cache's size part of the result; oneDNN does not.
PINNED = {} if DEFAULT_ISA == ARM else {"TF_ENABLE_ONEDNN_OPTS": "1", ISA_VARIABLE: DEFAULT_ISA.upper()}
# Others that were seen to change the result.
CLEARED = ("TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS")

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
        raise UserError(f"--isa {isa}: this processor has {', '.join(there)} only: add --isa {there[-1]}, "
                        "whose bits are others")
    return isa


def to_look_with(isa):
    """Return the instruction set to compute with where a run that used `isa` is only looked at.

    It is the run's own, unless this process computes with another already or this processor lacks it.
    """
    there = available()
    return _in_use or (isa if isa in there else there[-1])


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
        raise UserError(f"--isa {isa}: this process computes with {_in_use} already, and it can use one only: "
                        "start a process for each")
    _in_use = isa
    if isa != ARM:
        os.environ[ISA_VARIABLE] = isa.upper()


def describe():
    """Return what matters of this processor and its system to the bits of a result, as environment.json holds it."""
    return {"system": platform.system(), "machine": ARM if DEFAULT_ISA == ARM else platform.machine(), "cpu": _name(),
            "instruction_sets": " ".join(features()), "isa": _in_use, "cores": os.cpu_count(),
            "variables": {name: os.environ[name] for name in PINNED if name in os.environ}}


def _name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
