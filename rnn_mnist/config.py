"""Every setting of a run: its default, its help, its range, on one spot.

The command line, config.json and the run's name are all made from the one dataclass below. This module parses and
checks; it never opens a file and never imports TensorFlow.
"""

import dataclasses
import json
import math
import platform
from dataclasses import dataclass, field

N_PIXELS = 784
N_OUTPUTS = 10
ARM = "arm"  # processors of this kind have no instruction sets to choose from, and bits of their own
DEFAULT_ISA = ARM if platform.machine().lower() in ("arm64", "aarch64") else "avx2"


class UserError(Exception):
    """Say in one line what is wrong, where, and what to do; the scripts print it and exit with 2."""


class Stopped(Exception):
    """Say in one line why a run ended before its time; code is what the script exits with."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def _setting(default, help, *, result=True, flag=True, needs=None, **limits):
    """Declare a field. result: whether it can change a single bit of the result; needs: (other field, values)."""
    metadata = {"help": help, "result": result, "flag": flag, "needs": needs, **limits}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """Hold all settings of one run; check() says which one is out of range."""

    model: str = _setting("rnn", "kind of network", flag=False, choices=("rnn", "mlp"))
    epochs: int = _setting(5, "passes over the training set", low=1, high=1_000_000)
    batch_size: int = _setting(150, "images per minibatch; an epoch is cut into equal parts of about this size", low=1)
    learning_rate: float = _setting(0.001, "step size of the optimizer", low=0.0)
    n_neurons: int = _setting(
        150, "units of the recurrent layer", needs=("model", ("rnn",)), low=1, high=16_384)
    n_steps: int = _setting(28, "time steps an image is read in", needs=("model", ("rnn",)), low=1, high=N_PIXELS)
    n_inputs: int = _setting(28, "pixels per time step; n-steps x n-inputs is 784", needs=("model", ("rnn",)),
                             low=1, high=N_PIXELS)
    hidden_sizes: tuple[int, ...] = _setting(
        (), "units of each hidden layer of the multilayer perceptron", needs=("model", ("mlp",)), low=1, high=16_384)
    activation: str = _setting("tanh", "activation of the hidden units", choices=("tanh", "relu", "sigmoid"))
    pixels: str = _setting("unit", "pixel values 0-1 (unit) or 0-255 (raw)", choices=("unit", "raw"))
    optimizer: str = _setting("adam", "update rule", choices=("adam", "sgd", "momentum", "rmsprop"))
    momentum: float = _setting(0.9, "share of the last step that is kept", needs=("optimizer", ("momentum",)),
                               low=0.0, high=1.0)
    rho: float = _setting(0.9, "decay of the mean of squared gradients", needs=("optimizer", ("rmsprop",)),
                          low=0.0, high=1.0)
    epsilon: float = _setting(1e-8, "added to the denominator", needs=("optimizer", ("adam", "rmsprop")),
                              low=0.0, high=1.0)
    l2: float = _setting(0.0, "weight of the sum of squared kernel elements in the loss", low=0.0, high=1e6)
    l2_on: str = _setting("hidden", "kernels that l2 counts", choices=("hidden", "output", "all"))
    dropout: float = _setting(0.0, "share of hidden units (rnn: of the last state) dropped in training",
                              low=0.0, high=0.99)
    bptt_steps: int = _setting(0, "let the gradient flow through the last k steps only (0: all of them)",
                               needs=("model", ("rnn",)), low=0, high=N_PIXELS)
    unroll: str = _setting("dynamic", "how the recurrence is built: dynamic_rnn, static_rnn, by hand (often fastest)",
                           needs=("model", ("rnn",)), choices=("dynamic", "static", "fused"))
    replicas: int = _setting(2, "parts a minibatch is split into, computed side by side", low=1, high=64)
    isa: str = _setting(DEFAULT_ISA, "instruction set of the matrix products; only runs with the same one are the same "
                        "to the bit. avx2: nearly every x86-64 computer; avx512_core: faster, on newer ones; avx, "
                        "sse41: slower; native: the fastest here; arm: on ARM computers, nothing else there",
                        choices=("sse41", "avx", "avx2", "avx512_core", "native", ARM))
    seed: int = _setting(42, "seed of the weights and of the shuffling", low=0, high=2**31 - 2)
    n_valid: int = _setting(5000, "first training images kept for validation", low=0)
    valid_fraction: float = _setting(0.0, "last share of the training images kept for validation, instead of the first "
                                     "n-valid", low=0.0, high=0.99)
    n_subset: int = _setting(0, "train on this many images, the last of a random permutation (0: on all)", low=0)
    subset_seed: int = _setting(7, "seed of that permutation", low=0, high=2**32 - 1)
    data: str = _setting("auto", "mnist, synthetic (drawn here, no file needed), or auto: mnist if it can be had",
                         choices=("auto", "mnist", "synthetic"))
    data_dir: str | None = _setting(None, "folder with the four IDX files (gzip or raw) or an mnist.npz", result=False)
    offline: bool = _setting(False, "make no network call", result=False)
    eval_train: bool = _setting(False, "score the whole training set at the end, too", result=False)
    checkpoint_steps: int = _setting(0, "also save within an epoch, every N steps (0: only after each epoch)",
                                     result=False, low=0)
    patience: int = _setting(0, "stop when validation has not improved for N epochs, restore the best (0: never)",
                             low=0)
    plots: bool = _setting(True, "draw the learning curves at the end", result=False)
    histograms: bool = _setting(False, "write histograms of the weights for TensorBoard", result=False)
    threads: int = _setting(0, "threads that run operations (0: one per replica, at most one per core)",
                            result=False, low=0, high=1024)
    run_name: str | None = _setting(None, "name of the run's folder (default: time, model, what differs, seed)",
                                    result=False)
    runs_dir: str = _setting("runs", "folder that holds the runs", result=False)
    verbose: bool = _setting(False, "let TensorFlow's own messages through", result=False)

    def check(self):
        """Return self; raise UserError naming the first setting that is out of range or has no effect."""
        for item in dataclasses.fields(self):
            _check_value(item, getattr(self, item.name))
            if getattr(self, item.name) != item.default:
                _check_applies(self, item)
        _check_together(self)
        return self


def flag_name(item):
    """Return the command-line flag of a field."""
    return "--" + item.name.replace("_", "-")


def applies(config, item):
    """Tell whether a field has any effect, given the others."""
    needs = item.metadata["needs"]
    return needs is None or getattr(config, needs[0]) in needs[1]


def with_settings(config, **given):
    """Return config with the given settings, checked; settings that no longer apply fall back to their default."""
    if given.get("valid_fraction"):
        given = {"n_valid": 0, **given}
    changed = dataclasses.replace(config, **given)
    for item in dataclasses.fields(changed):
        if item.name in given:
            _check_applies(changed, item)
    stale = {item.name: item.default for item in dataclasses.fields(changed)
             if item.name not in given and not applies(changed, item)}
    return dataclasses.replace(changed, **stale).check()


def result_settings(config):
    """Return {name: value} of the settings that can change the result."""
    return {item.name: getattr(config, item.name) for item in dataclasses.fields(config) if item.metadata["result"]}


def _check_applies(config, item):
    """Raise UserError if a field has no effect, given the others."""
    if not applies(config, item):
        other, values = item.metadata["needs"]
        raise UserError(f"{flag_name(item)} has no effect with {other} {getattr(config, other)}: "
                        f"leave it out (it is for {other} {' or '.join(values)})")


def differences(config, base):
    """Return {name: value} of the settings that can change the result and differ from base."""
    return {name: value for name, value in result_settings(config).items() if value != getattr(base, name)}


def to_json(config):
    """Return the config as the text of config.json."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(text, where):
    """Return the Config that to_json wrote; raise UserError, naming `where`, on anything else."""
    values = parse_json_object(text, where)
    names = {item.name for item in dataclasses.fields(Config)}
    for problem, keys in (("unknown key", set(values) - names), ("missing key", names - set(values))):
        if keys:
            raise UserError(f"{where}: {problem} '{sorted(keys)[0]}': the file is not from this version or was edited")
    if isinstance(values["hidden_sizes"], list):
        values["hidden_sizes"] = tuple(values["hidden_sizes"])
    for item in dataclasses.fields(Config):
        if isinstance(item.default, float) and type(values[item.name]) is int:
            values[item.name] = float(values[item.name])
    try:
        return Config(**values).check()
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def parse_json_object(text, where):
    """Return the dict that a JSON text holds; raise UserError, naming `where`, if it holds anything else."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not valid JSON ({str(error)[:80]}): restore or delete the file") from None
    if not isinstance(values, dict):
        raise UserError(f"{where}: holds no JSON object: restore or delete the file")
    return values


def _check_value(item, value):
    """Raise UserError unless value is of the field's type and within its limits."""
    flag, limits = flag_name(item), item.metadata
    if value is None and item.default is None:
        return
    expected = str if item.default is None else type(item.default)
    if type(value) is not expected:
        raise UserError(f"{flag} must be {_type_word(expected)}, got {value!r:.60}")
    if "choices" in limits and value not in limits["choices"]:
        raise UserError(f"{flag} must be one of {', '.join(limits['choices'])}, got {value!r:.60}")
    for number in value if expected is tuple else (value,):
        if expected is tuple and type(number) is not int:
            raise UserError(f"{flag} must be whole numbers, got {number!r:.60}")
        _check_range(flag, number, limits)


def _check_range(flag, number, limits):
    """Raise UserError unless a number is finite and within [low, high]."""
    if isinstance(number, (str, bool)):
        return
    if not -(2**63) < number < 2**63 or not math.isfinite(number):
        raise UserError(f"{flag} must be a finite number of reasonable size, got {number!r:.60}")
    if "low" in limits and number < limits["low"]:
        raise UserError(f"{flag} must be at least {limits['low']}, got {number}")
    if "high" in limits and number > limits["high"]:
        raise UserError(f"{flag} must be at most {limits['high']}, got {number}")


def _type_word(kind):
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text",
            tuple: "a list of whole numbers"}[kind]


def _check_together(config):
    """Raise UserError for settings that are fine alone but not together."""
    if config.n_steps * config.n_inputs != N_PIXELS:
        cure = f", so give --n-inputs {N_PIXELS // config.n_steps}" if N_PIXELS % config.n_steps == 0 else ""
        raise UserError(f"--n-steps {config.n_steps} times --n-inputs {config.n_inputs} is "
                        f"{config.n_steps * config.n_inputs}: it must be {N_PIXELS}, the pixels of an image{cure}")
    if config.model == "mlp" and not config.hidden_sizes:
        raise UserError("--hidden-sizes needs at least one number, such as --hidden-sizes 128 84")
    if config.bptt_steps > config.n_steps:
        raise UserError(f"--bptt-steps {config.bptt_steps} is more than the {config.n_steps} time steps there are: "
                        f"give at most --bptt-steps {config.n_steps}")
    if config.valid_fraction and config.n_valid:
        raise UserError("--valid-fraction takes the place of --n-valid: add --n-valid 0")
    if config.patience and not (config.valid_fraction or config.n_valid):
        raise UserError("--patience watches the validation accuracy: keep some images with --n-valid")
    if config.replicas > config.batch_size:
        raise UserError(f"--replicas {config.replicas} is more than the {config.batch_size} images of a minibatch: "
                        f"give at most --replicas {config.batch_size}")
