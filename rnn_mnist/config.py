"""Every setting of a run: its default, its help, its range, on one spot.

Config holds what can change a bit of the result, RunOptions where and how a run is made. The command line, config.json
and the run's name are all made from these two. Both are checked and converted when they are made. Nothing here opens a
file or imports TensorFlow.
"""

import os
import re
from dataclasses import dataclass, fields

from rnn_mnist.console.forms import MAX_EPOCHS
from rnn_mnist.console.languages import text
from rnn_mnist.console.machine import ARM, DEFAULT_ISA
from rnn_mnist.console.settings import UserError, changed, check_applies, convert, named, setting

N_PIXELS, N_OUTPUTS, N_ROWS = 784, 10, 28
RNN, MLP = ("model", ("rnn",)), ("model", ("mlp",))
PIXELWISE = ("pixels", "permuted")  # orders that are read in 784 steps of one pixel unless it is said otherwise
BIT_REVERSAL = "bit-reversal"
SHARE = {"low": 0.0, "high": 1.0}


@dataclass(frozen=True)
class Config:
    """Hold the settings that can change a bit of the result; raise UserError naming the first that is out of range."""

    model: str = setting("rnn", "kind of network", flag=False, choices=("rnn", "mlp"))
    epochs: int = setting(5, "passes over the training set", group="training", low=1, high=MAX_EPOCHS)
    batch_size: int = setting(150, "images per minibatch", group="training", low=1)
    learning_rate: float = setting(0.001, "step size of the optimizer", group="training", low=0.0)
    lr_decay: float = setting(1.0, "factor of the step size from one epoch to the next", rare="training", low=1e-6,
                              high=1.0)
    clip_norm: float = setting(0.0, "scale gradients down to this global norm; 0: never", rare="training", low=0.0)
    cell: str = setting("basic", "cell", group="network", needs=RNN, choices=("basic", "lstm", "gru", "irnn"))
    peephole: bool = setting(False, "let the gates see the cell's memory", rare="network", needs=("cell", ("lstm",)))
    layers: int = setting(1, "recurrent layers, one upon the other", group="network", needs=RNN, low=1, high=64)
    bidirectional: bool = setting(False, "read in both directions, with weights for each", rare="network", needs=RNN)
    read: str = setting("last", "what the output layer sees: the top layer's last state, all layers', or the mean over "
                        "the steps", rare="network", needs=RNN, choices=("last", "all", "mean"))
    n_neurons: int = setting(150, "units of each recurrent layer", group="network", needs=RNN, low=1, high=16_384)
    order: str = setting("rows", "order", group="network", needs=RNN,
                         choices=("rows", "columns", "reversed", "pixels", "permuted"))
    permutation: str = setting("92916", "seed of the permutation, drawn by NumPy's legacy generator, or bit-reversal",
                               rare="network", needs=("order", ("permuted",)), metavar="SEED", also=(int,))
    rows_from: int = setting(0, "first row of the image that is read", rare="network", needs=RNN, low=0,
                             high=N_ROWS - 1)
    rows_to: int = setting(N_ROWS, "row that reading ends before", rare="network", needs=RNN, low=1, high=N_ROWS)
    n_steps: int = setting(28, "time steps an image is read in", rare="network", needs=RNN, low=1, high=N_PIXELS)
    n_inputs: int = setting(28, "pixels per time step; n-steps x n-inputs is 784", rare="network", needs=RNN, low=1,
                            high=N_PIXELS)
    hidden_sizes: tuple[int, ...] = setting((), "units of each hidden layer", group="network", needs=MLP, low=1,
                                            high=16_384, longest=100)
    activation: str = setting("tanh", "activation", group="network", needs=("cell", ("basic",)),
                              choices=("tanh", "relu", "sigmoid"))
    pixels: str = setting("unit", "pixel values 0-1 or 0-255", rare="data", choices=("unit", "raw"))
    optimizer: str = setting("adam", "update rule", group="training", choices=("adam", "sgd", "momentum", "rmsprop"))
    momentum: float = setting(0.9, "share of the last step that is kept", rare="training",
                              needs=("optimizer", ("momentum",)), **SHARE)
    rho: float = setting(0.9, "decay of the mean of squared gradients", rare="training",
                         needs=("optimizer", ("rmsprop",)), **SHARE)
    epsilon: float = setting(1e-8, "added to the denominator", rare="training",
                             needs=("optimizer", ("adam", "rmsprop")), low=1e-30, high=1.0)
    l2: float = setting(0.0, "weight of the squared kernel elements in the loss", rare="training", low=0.0, high=1e6)
    l2_on: str = setting("hidden", "kernels that l2 counts", rare="training", needs=("l2", None),
                         choices=("hidden", "output", "all"))
    dropout: float = setting(0.0, "share of hidden units dropped in training", group="training", low=0.0, high=0.99)
    bptt_steps: int = setting(0, "let the gradient flow through the last N steps; 0: all", rare="training", needs=RNN,
                              low=0, at_most=("n_read", "time steps there are"))
    unroll: str = setting("dynamic", "how the recurrence is built, fused: by hand, the fastest", rare="training",
                          needs=RNN, choices=("dynamic", "static", "fused"))
    replicas: int = setting(2, "parts a minibatch is split into, computed side by side", rare="training", low=1,
                            high=64, at_most=("batch_size", "images of a minibatch"))
    isa: str = setting(DEFAULT_ISA, "instruction set of the matrix products; bits are the same only with the same one",
                       rare="training", choices=("sse41", "avx", "avx2", "avx512_core", "native", ARM))
    seed: int = setting(42, "seed of weights and shuffling", group="training", low=0, high=2**31 - 2)
    n_valid: int = setting(5000, "training images kept for validation", group="data", low=0)
    valid_fraction: float = setting(0.0, "last share kept for validation instead of n-valid", rare="data", low=0.0,
                                    high=0.99)
    n_subset: int = setting(0, "train on this many images, drawn at random; 0: on all", rare="data", low=0)
    subset_seed: int = setting(7, "seed of that draw", rare="data", needs=("n_subset", None), low=0, high=2**32 - 1)
    data: str = setting("auto", "what to train on", group="data", choices=("auto", "mnist", "synthetic"))
    valid_steps: int = setting(0, "also validate within an epoch, every N steps; 0: never", rare="training", low=0)
    patience: int = setting(0, "stop N validations after the best; 0: never", group="training", low=0)
    init_weights: str = setting("", "digest of the weights of another run that training begins with", flag=False)

    n_read = property(lambda self: N_ROWS * max(0, self.rows_to - self.rows_from) // self.n_inputs,
                      doc="The time steps that are read: n_steps, or those of the rows from rows_from to rows_to.")

    def __post_init__(self):
        convert(self)
        for item in fields(self):
            if getattr(self, item.name) != item.default:
                check_applies(self, item)
        _check_together(self)


@dataclass(frozen=True)
class RunOptions:
    """Hold where and how a run is made, which changes no bit of it; raise UserError as Config does."""

    data_dir: str | None = setting(None, "folder of IDX files, or an mnist.npz", group="data")
    init_from: str | None = setting(None, "run whose weights training begins with", rare="training", metavar="RUN")
    offline: bool = setting(False, "make no network call", rare="data")
    eval_train: bool = setting(False, "score the whole training set at the end, too", rare="output")
    checkpoint_steps: int = setting(0, "also save within an epoch, every N steps; 0: never", rare="output", low=0)
    plots: bool = setting(True, "draw the learning curves at the end", rare="output")
    histograms: bool = setting(False, "write histograms of the weights for TensorBoard", rare="output")
    threads: int = setting(0, "threads that compute; 0: one per replica and core", rare="training", low=0, high=1024)
    run_name: str | None = setting(None, "name of the run's folder", group="output", metavar="NAME")
    runs_dir: str = setting("runs", "folder that holds the runs", rare="output")
    verbose: bool = setting(False, "let TensorFlow's messages through", rare="output")

    def __post_init__(self):
        convert(self)
        for name in ("data_dir", "init_from"):
            if folder := getattr(self, name):  # absolute: a run may be resumed from elsewhere
                object.__setattr__(self, name, os.path.abspath(os.path.expanduser(folder)))


def with_settings(config, **given):
    """Return a Config with the given settings; those that no longer apply fall back to their default."""
    if given.get("valid_fraction"):
        given = {"n_valid": 0, **given}
    if given.get("order", config.order) != config.order:
        pixelwise = given["order"] in PIXELWISE
        if pixelwise or config.order in PIXELWISE:
            given = {"n_steps": N_PIXELS if pixelwise else 28, "n_inputs": 1 if pixelwise else 28, **given}
    return changed(config, given)


def _check_together(config):
    """Raise UserError for settings that are fine alone but not together."""
    n_steps, n_inputs = config.n_steps, config.n_inputs
    if n_steps * n_inputs != N_PIXELS:
        cure = text(", so give {n_inputs}", n_inputs=named("n_inputs", N_PIXELS // n_steps)) * (N_PIXELS % n_steps == 0)
        raise UserError("{a} times {b} is {n}: it must be 784, the pixels of an image{cure}", n=n_steps * n_inputs,
                        a=named("n_steps", n_steps), b=named("n_inputs", n_inputs), cure=cure)
    if config.order == "pixels" and n_inputs != 1:
        raise UserError("{order} reads one pixel after the other: leave out {n_steps} and {n_inputs}, or read in rows",
                        order=named("order", "pixels"), n_steps=named("n_steps"), n_inputs=named("n_inputs"))
    _check_reading(config)
    if config.model == "mlp" and not config.hidden_sizes:
        raise UserError("{hidden_sizes} needs at least one number, such as {example}",
                        hidden_sizes=named("hidden_sizes"), example=named("hidden_sizes", [128, 84]))
    if config.valid_fraction and config.n_valid:
        raise UserError("{name} takes the place of {n_valid}: add {none}", name=named("valid_fraction"),
                        n_valid=named("n_valid"), none=named("n_valid", 0))
    for name in ("patience", "valid_steps"):
        if getattr(config, name) and not (config.valid_fraction or config.n_valid):
            raise UserError("{a} needs validation images: keep some images with {b}", a=named(name), b=named("n_valid"))


def _check_reading(config):
    """Raise UserError if an image can't be read as the settings say, or a cell can't be trained so."""
    n_rows, seed = config.rows_to - config.rows_from, config.permutation
    if n_rows < 1:
        raise UserError("{rows_from} and {rows_to} leave no row: the first must be less",
                        rows_from=named("rows_from", config.rows_from), rows_to=named("rows_to", config.rows_to))
    if n_rows < N_ROWS and config.order == "columns":
        raise UserError("{order} reads parts of all rows at each step: leave out {rows_from} and {rows_to}",
                        order=named("order", "columns"), rows_from=named("rows_from"), rows_to=named("rows_to"))
    if N_ROWS * n_rows % config.n_inputs:
        raise UserError("the pixels of {n_rows} rows do not fill steps of {n_inputs}: read more or fewer rows",
                        n_rows=n_rows, n_inputs=named("n_inputs", config.n_inputs))
    if seed != BIT_REVERSAL and not (re.fullmatch("0|[1-9][0-9]{0,9}", seed) and int(seed) < 2**32):
        raise UserError("{permutation} must be a whole number from 0 to {most}, or {word}, got {seed!r:.60}",
                        permutation=named("permutation"), most=2**32 - 1, word=BIT_REVERSAL, seed=seed)
    if config.bidirectional and config.bptt_steps:
        raise UserError("{a} cuts the gradient before the last steps, and the last steps of one direction are the "
                        "first of the other: leave it out with {b}", a=named("bptt_steps"), b=named("bidirectional"))
