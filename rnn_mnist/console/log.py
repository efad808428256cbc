"""The lines of a run's log, in a fixed form: people read and compare them; and what only a terminal gets."""

import contextlib
import math
import shlex
import signal
import sys
import time

from rnn_mnist.console.command import script
from rnn_mnist.console.languages import ORIGINAL, loud, text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import differences

NETWORK = ("cell", "peephole", "layers", "bidirectional", "read", "order", "permutation", "rows_from", "rows_to",
           "init_weights")  # settings that the first line names where they are not the defaults


def first_line(config, data):
    """Return the line that begins a log: what is trained on what; data: a Data."""
    size = "-".join(map(str, (784, *config.hidden_sizes, 10)))
    if config.model == "rnn":
        others = differences(config, type(config)())
        size = ", ".join([f"{config.n_read} steps x {config.n_inputs} inputs, {config.n_neurons} neurons",
                          *(words(name, others[name]) for name in NETWORK if name in others)])
    counts = ", ".join(f"{len(split.labels)} {name}" for name, split in
                       (("training", data.train), ("validation", data.valid), ("test", data.test)))
    return f"{config.model} ({size}), seed {config.seed}, data : {loud(data.source.kind)} ({counts})"


def run_name(config, base):
    """Return the name of a new run: time, model, what differs from base, seed."""
    pixelwise = config.order in ("pixels", "permuted") and config.n_inputs == 1
    told = ("model", "seed", *(("n_steps", "n_inputs") if pixelwise else ()))  # the last two go without saying then
    differing = [words(name, value, "") for name, value in differences(config, base).items() if name not in told]
    return "_".join([time.strftime("%Y%m%d-%H%M%S"), config.model, *differing, f"s{config.seed}"])[:200]


def words(name, value, between=" "):
    """Return a setting with its value in a few words."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, tuple):
        value = "-".join(map(str, value))
    return f"{name}{between}{value[:12] if name == 'init_weights' else value}"


def epoch_line(row, config):
    """Return the tutorial's line of an epoch, then what we add; row: {column of metrics.csv: number or None}."""
    def shown(name, form):
        """Return a figure in a form, - where there is none."""
        return "-" if row[name] is None else format(row[name], form)

    running = "" if config.model == "rnn" else (
        f" acc_running : {row['acc_running']:.4f} loss_running : {row['loss_running']:.4f}")
    return (f"epoch : {row['epoch']:03d} acc_batch : {row['acc_batch']:.4f}, acc_valid : {shown('acc_valid', '.4f')} "
            f"loss_batch : {row['loss_batch']:.4f} loss_valid : {shown('loss_valid', '.4f')}{running} "
            f"seconds : {row['seconds']:.2f} images_per_second : {row['images_per_second']}")


def step_line(state, row):
    """Return the line of a validation within an epoch; row: {column of validation.csv: number}."""
    return (f"epoch : {state.epoch:03d} step : {state.n_steps:05d} acc_valid : {row['acc_valid']:.4f} "
            f"loss_valid : {row['loss_valid']:.4f} loss_running : {state.xentropy / state.n_images:.4f}")


def interrupted_line(state, number):
    """Return the line of an interruption, all saved, by the signal of a number; state: the checkpoint.State."""
    return f"interrupted : {signal.Signals(number).name} at {_place(state)}"


def diverged_line(where):
    """Return the line of a training that cannot go on, at an epoch and step."""
    return f"stopped : {where}: the loss or a weight is not finite, or too large"


def resumed_line(state):
    """Return the line of where a run goes on, after an interruption, a kill or its end; state: the checkpoint.State."""
    origin = f"the checkpoint of step {state.step}" if state.step >= 0 else "the start"
    return f"resumed : at {_place(state)}, from {origin}"


def _place(state):
    return f"epoch {state.epoch:03d}, step {state.n_steps:05d}"


def last_lines(run, config, state, values, labels):
    """Yield the lines that end a log: whether patience did, the training set if it was scored, the result, what next.

    state: the checkpoint.State; values: those of result.json; labels: int [n], the test set's.
    """
    impatient = config.patience and state.n_worse >= config.patience
    if impatient:
        yield (f"stopped early : {state.n_worse} validations without a better acc_valid than "
               f"{state.best_acc_valid:.4f} (epoch {state.best_epoch:03d}), whose weights are scored")
    if "acc_train" in values:
        yield f"acc_train : {values['acc_train']:.4f} loss_train : {values['loss_train']:.4f}"
    if config.l2:
        yield (f"penalty : {values['penalty']:.4f} "
               f"loss_test with penalty : {values['loss_test'] + values['penalty']:.4f}")
    kind = "" if values["data"] == ORIGINAL else f" ({loud(values['data'])})"
    yield (f"acc_test : {values['acc_test']:.4f} loss_test : {values['loss_test']:.4f}{kind} "
           f"weights : {values['weights']} run : {run}")
    often = max(labels.tolist().count(digit) for digit in range(10))
    # Less than two standard deviations above what saying the most frequent digit every time gives.
    if values["n_correct_test"] < often + 2 * math.sqrt(often * (1 - often / values["n_test"])):
        yield (f"NOTE: NO BETTER THAN GUESSING ({often} of {values['n_test']} test images are of one digit): try "
               "another learning rate or activation, or train longer")
    if impatient:
        yield f"next : {script('evaluate')} {shlex.quote(str(run))}"
    else:
        yield f"next : {resume_command(run, config)} --epochs {2 * values['epochs']}"


def duration(seconds):
    """Return a time in a unit that is easily read."""
    if seconds < 100:
        return text("{n:.0f} s", n=seconds)
    return text("{n:.0f} min", n=seconds / 60) if seconds < 5400 else text("{n:.1f} h", n=seconds / 3600)


def resume_command(run, config):
    """Return the command that goes on with a run."""
    return f"{script(f'train_{config.model}')} --resume {shlex.quote(str(run))}"


def note_on_terminal(line):
    """Print a line on stderr if that is a terminal."""
    if sys.stderr.isatty():
        note(line)


def beside_bar():
    """Return a context in which a line can be printed while with_bar's bar is there."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    from tqdm import tqdm
    return tqdm.external_write_mode()


def with_bar(steps, state, n_steps, n_epochs):
    """Yield the (Totals, minibatch) of steps, with a progress bar on stderr if that is a terminal.

    It shows the mean loss and the accuracy of the epoch in progress, and the time left to the end of all epochs.
    """
    if not sys.stderr.isatty():
        yield from steps
        return
    from tqdm import tqdm
    label, left_after = text("epoch {epoch}", epoch=f"{state.epoch:03d}"), (n_epochs - state.epoch - 1) * n_steps
    with tqdm(desc=label, total=n_steps, initial=state.n_steps, leave=False, unit="step") as bar:
        for totals, batch in steps:
            if bar.update() and (rate := bar.format_dict["rate"]):
                to_the_end = (n_steps - totals.n_steps + left_after) / rate
                bar.set_postfix_str(text("loss {loss:.4f}, accuracy {accuracy:.4f}, all epochs in {time}",
                                         loss=totals.loss, accuracy=totals.accuracy,
                                         time=bar.format_interval(to_the_end)), False)
            yield totals, batch
