"""What the files of a run must hold to be believed: metrics.csv, result.json, the state of a checkpoint."""

import math

from rnn_mnist.console.command import script
from rnn_mnist.console.languages import KINDS
from rnn_mnist.console.settings import UserError

METRICS = ("epoch", "acc_batch", "loss_batch", "acc_running", "loss_running", "acc_valid", "loss_valid", "penalty",
           "seconds", "images_per_second")  # the columns of metrics.csv
TIMES = ("seconds", "images_per_second")  # those that two runs of one config do not share
MAY_BE_EMPTY = ("acc_valid", "loss_valid")  # without validation images
MAX_EPOCHS = 100_000  # with more, files would be larger than those who read them accept: see files.MAX_BYTES
N_STAGES = 100  # of the machines that a run was on
METRICS_HEAD = ",".join(METRICS)
# What every result.json holds beside its digest: numbers, then texts.
FIGURES = ("acc_test", "loss_test", "n_test", "n_correct_test", "epochs", "seconds")
TEXTS = ("data", "weights", "config", "scored")


def metrics_line(row):
    """Return the line of metrics.csv of an epoch's {column: number or None}; floats read back exact."""
    return ",".join("" if row[name] is None else repr(row[name]) for name in METRICS) + "\n"


def read_metrics(content, path):
    """Return the text of metrics.csv as a list of {column: number, or None where empty}, one dict per epoch.

    A last line without its end is being written just now and is left out. Raise UserError, naming `path`, if the text
    is damaged.
    """
    if content.count("\n") > MAX_EPOCHS + 1:
        raise UserError(f"{path}: more rows than the {MAX_EPOCHS} epochs a run may have: the file is damaged")
    head, *lines = content.split("\n")
    if head.rstrip() != METRICS_HEAD:
        raise UserError(f"{path}: its header is not {METRICS_HEAD}: the file is damaged")
    return [_read_row(path, i, line) for i, line in enumerate(lines[:-1])]


def _read_row(path, i, line):
    """Return the i-th epoch's {column: number, or None where empty} of a line of metrics.csv."""
    try:
        values = [None if cell == "" and name in MAY_BE_EMPTY else float(cell)
                  for name, cell in zip(METRICS, line.split(","), strict=True)]
        if values[0] != i or not all(math.isfinite(value) for value in values if value is not None):
            raise ValueError
    except ValueError:
        raise UserError(f"{path}: row {i + 2} is damaged: {line:.60}") from None
    return dict(zip(METRICS, [i, *values[1:]], strict=True))


def with_stage(before, environment):
    """Return environment.json, a dict, with what is different where the run goes on; N_STAGES at most."""
    changed = {name: value for name, value in environment.items() if before.get(name) != value}
    earlier = before.get("resumed_with")
    stages = [*(earlier if isinstance(earlier, list) else []), changed][-N_STAGES:]
    return {**before, "resumed_with": stages} if changed else before


def is_result(values):
    """Tell whether a dict holds what every result.json does."""
    return (values.get("data") in KINDS and {type(values.get(name)) for name in FIGURES} <= {int, float}
            and {type(values.get(name)) for name in TEXTS} == {str} and values["scored"] in ("last", "best"))


def check_state(state, path):
    """Raise UserError, naming `path`, unless the figures of a checkpoint's State fit its epochs."""
    rows = read_metrics(state.metrics, f"{path}, metrics")
    best = state.best_epoch
    if len(rows) != state.epoch or (state.step < 0 and (state.epoch or state.n_steps)):
        raise UserError(f"{path}: damaged: epoch {state.epoch} after {len(rows)} rows of metrics, step {state.step}")
    if not state.n_correct <= state.n_images or not -1 <= best < state.epoch:
        raise UserError(f"{path}: damaged: {state.n_correct} right of {state.n_images} images, best epoch {best}")
    if best >= 0 and (rows[best]["acc_valid"] != state.best_acc_valid or state.best_step < 0):
        raise UserError(f"{path}: damaged: epoch {best} is not the best")


def check_position(run, state, n_images, batch_size):
    """Raise UserError unless a Run can be where a State says, with so many training images and a batch of that size."""
    n_steps = n_images // batch_size
    size, n_larger = divmod(n_images, n_steps)  # how shuffle_batch cuts them
    done = size * state.n_steps + min(state.n_steps, n_larger)
    steps = {(state.step, state.epoch * n_steps + state.n_steps), (state.best_step, (state.best_epoch + 1) * n_steps)}
    if state.n_steps >= n_steps or state.n_images != done or any(step not in (-1, due) for step, due in steps):
        raise UserError(f"{run}/checkpoints: damaged: step {state.step} can't be step {state.n_steps} of {n_steps} in "
                        f"epoch {state.epoch}: repeat the run by {script('rerun')} {run}")
