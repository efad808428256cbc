"""What the files of a run must hold to be believed: its figures, result.json, the state of a checkpoint."""

import math

from rnn_mnist.console.command import script
from rnn_mnist.console.languages import KINDS
from rnn_mnist.console.output import plain
from rnn_mnist.console.settings import UserError, named

METRICS = ("epoch", "acc_batch", "loss_batch", "acc_running", "loss_running", "acc_valid", "loss_valid", "penalty",
           "seconds", "images_per_second")  # the columns of metrics.csv
TIMES = ("seconds", "images_per_second")  # those that two runs of one config do not share
MAY_BE_EMPTY = ("acc_valid", "loss_valid")  # without validation images
MAX_VALIDATIONS = 1_000_000  # within epochs
MAX_EPOCHS = 100_000  # with more, files would be larger than those who read them accept: see files.MAX_BYTES
MAX_NOTE = 500  # letters
N_STAGES = 100  # of the machines that a run was on
METRICS_HEAD = ",".join(METRICS)
VALIDATION = ("epochs", "step", "acc_valid", "loss_valid")  # the columns of validation.csv
VALIDATION_HEAD = ",".join(VALIDATION)
# What every result.json holds beside its digest: numbers, then texts.
FIGURES = ("acc_test", "loss_test", "n_test", "n_correct_test", "epochs", "seconds")
TEXTS = ("data", "weights", "config", "scored")
_MAY_BE_NONE = (*MAY_BE_EMPTY, "best_epoch")
LARGEST = 1e300  # of a figure; NaN is not below it


def metrics_line(row):
    """Return the line of metrics.csv of an epoch's {column: number or None}; floats read back exact."""
    return _line(row, METRICS)


def validation_line(row):
    """Return the line of validation.csv of a {column: number}; floats read back exact."""
    return _line(row, VALIDATION)


def _line(row, columns):
    return ",".join("" if row[name] is None else repr(row[name]) for name in columns) + "\n"


def read_metrics(content, path):
    """Return the text of metrics.csv as a list of {column: number, or None where empty}, one dict per epoch.

    A last line without its end is being written just now and is left out. Raise UserError, naming `path`, if the text
    is damaged.
    """
    rows = _read_rows(content, path, METRICS, MAX_EPOCHS, MAY_BE_EMPTY)
    for i, row in enumerate(rows):
        if row["epoch"] != i:
            raise UserError("{path}: row {n} is damaged: epoch {epoch:.60g}", path=path, n=i + 2, epoch=row["epoch"])
        row["epoch"] = i
    return rows


def read_validation(content, path):
    """Return the text of validation.csv as a list of {column: number}; else as read_metrics."""
    rows = _read_rows(content, path, VALIDATION, MAX_VALIDATIONS)
    steps = [row["step"] for row in rows]
    if any(step != int(step) or step <= before for step, before in zip(steps, [0, *steps], strict=False)):
        raise UserError("{path}: damaged: its steps do not go up", path=path)
    if not all(0 <= row["acc_valid"] <= 1 for row in rows):
        raise UserError("{path}: damaged: an accuracy cannot be", path=path)
    return [{**row, "step": int(row["step"])} for row in rows]


def best_validation(metrics, within):
    """Return {epoch, trained, acc_valid, loss_valid} of the first validation with the best accuracy, {} if none was.

    metrics, within: the rows of metrics.csv and of validation.csv; trained: epochs, with a fraction, until then.
    """
    rows = [{**row, "trained": row["epoch"] + 1} for row in metrics if row["acc_valid"] is not None]
    rows += [{**row, "epoch": int(row["epochs"]), "trained": row["epochs"]} for row in within]
    best = max(sorted(rows, key=lambda row: row["trained"]), key=lambda row: row["acc_valid"], default={})
    return {name: best[name] for name in ("epoch", "trained", "acc_valid", "loss_valid") if best}


def _read_rows(content, path, columns, most, may_be_empty=()):
    """Return the rows of a CSV text as dicts of finite floats, or None where a column that may be is empty."""
    if content.count("\n") > most + 1:
        raise UserError("{path}: more rows than the {most} a run may have: the file is damaged", path=path, most=most)
    head, *lines = content.split("\n")
    if head.rstrip() != ",".join(columns):
        raise UserError("{path}: its header is not {head}: the file is damaged", path=path, head=",".join(columns))
    rows = []
    for line in lines[:-1]:
        try:
            values = [None if cell == "" and name in may_be_empty else float(cell)
                      for name, cell in zip(columns, line.split(","), strict=True)]
            if not all(math.isfinite(value) for value in values if value is not None):
                raise ValueError
        except ValueError:
            raise UserError("{path}: row {n} is damaged: {line:.60}", path=path, n=len(rows) + 2, line=line) from None
        rows.append(dict(zip(columns, values, strict=True)))
    return rows


def checked_note(note):
    """Return a note of a run without spaces around it; raise UserError unless it is one line of MAX_NOTE letters."""
    note = note.strip() if isinstance(note, str) else None
    if note is None or plain(note) != note or len(note) > MAX_NOTE:
        raise UserError("{note} must be one line of at most {n} letters, without control characters",
                        note=named("note"), n=MAX_NOTE)
    return note


def read_note(content):
    """Return the text of note.txt as one line of MAX_NOTE letters at most: anybody may have edited it."""
    return plain(" ".join(content.split()))[:MAX_NOTE]


def with_stage(before, environment):
    """Return environment.json, a dict, with what is different where the run goes on; N_STAGES at most."""
    changed = {name: value for name, value in environment.items() if before.get(name) != value}
    earlier = before.get("resumed_with")
    stages = [*(earlier if isinstance(earlier, list) else []), changed][-N_STAGES:]
    return {**before, "resumed_with": stages} if changed else before


def is_result(values):
    """Tell whether a dict holds what every result.json does, its figures being such as can be."""
    figures = {name: value for name, value in values.items() if name not in (*TEXTS, *_MAY_BE_NONE)}
    figures |= {name: values[name] for name in _MAY_BE_NONE if values.get(name) is not None}
    if not figures.keys() >= {*FIGURES} or not all(
            type(value) in (int, float) and abs(value) < LARGEST for value in figures.values()):
        return False
    n, n_correct = values["n_test"], values["n_correct_test"]
    return (type(n) is type(n_correct) is int and 0 <= n_correct <= n and 0 < n < 2**31
            and values.get("data") in KINDS and {type(values.get(name)) for name in TEXTS} == {str}
            and values["scored"] in ("last", "best"))


def check_state(state, path):
    """Raise UserError, naming `path`, unless the figures of a checkpoint's State fit its epochs."""
    rows = read_metrics(state.metrics, f"{path}, metrics")
    within = read_validation(state.validation, f"{path}, validation") if state.validation else []
    best = state.best_epoch
    if len(rows) != state.epoch or (state.step < 0 and (state.epoch or state.n_steps)):
        raise UserError("{path}: damaged: epoch {epoch} after {n} rows of metrics, step {step}", path=path,
                        epoch=state.epoch, n=len(rows), step=state.step)
    if not state.n_correct <= state.n_images or not -1 <= best < state.epoch + bool(within):
        raise UserError("{path}: damaged: {n_correct} right of {n_images} images, best epoch {best}", path=path,
                        n_correct=state.n_correct, n_images=state.n_images, best=best)
    candidates = [row["acc_valid"] for row in (*rows[best:best + 1], *within)]
    if best >= 0 and (state.best_acc_valid not in candidates or state.best_step < 0):
        raise UserError("{path}: damaged: epoch {best} is not the best", path=path, best=best)


def check_position(run, state, n_images, batch_size):
    """Raise UserError unless a Run can be where a State says, with so many training images and a batch of that size."""
    n_steps = n_images // batch_size
    size, n_larger = divmod(n_images, n_steps)  # how shuffle_batch cuts them
    done = size * state.n_steps + min(state.n_steps, n_larger)
    first, last = state.best_epoch * n_steps, (state.best_epoch + 1) * n_steps
    at_best = state.best_step in (-1, last) or (state.validation and first < state.best_step < last)
    if (state.n_steps >= n_steps or state.n_images != done or not at_best
            or state.step not in (-1, state.epoch * n_steps + state.n_steps)):
        raise UserError("{run}/checkpoints: damaged: step {step} can't be step {done} of {n_steps} in epoch {epoch}: "
                        "repeat the run by {command}", run=run, step=state.step, done=state.n_steps, n_steps=n_steps,
                        epoch=state.epoch, command=f"{script('rerun')} {run}")
