"""Measure forms of the same training in alternation, each in a process of its own, and check what they have learnt.

peers/ holds the forms, task.py what they train, in_numpy.py what must come out, process.py their processes, report.py
the tables and the picture.
"""

import contextlib
import importlib.util
import tempfile
import time
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarking import report
from benchmarking.in_numpy import reference_losses
from benchmarking.process import PEERS, TRAIN_RNN, Worker, WorkerFailed, time_command
from benchmarking.task import WIDTHS, Case, minibatches, new_task, write_task
from rnn_mnist.console import languages, machine
from rnn_mnist.console.languages import text
from rnn_mnist.console.log import duration
from rnn_mnist.console.machine import DEFAULT_ISA

# How far a form's loss may be from NumPy's after the warm-up and after the last step, as a share of how far NumPy's has
# moved from the start. Measured on MNIST with 28 steps: right forms are off by up to 2e-5 and 2e-4, as rounding errors
# grow; one that leaves out an image of each minibatch, or skips a single update, by at least 1e-3 at one of the two.
TOLERANCES = 1e-4, 5e-4
# Where rounding grows faster, as over 784 steps or late in training on the drawn digits, the tolerance is this many
# times what one unit in the last place of the first weights makes of it (right forms: up to 30 times), up to where a
# form that has learnt nothing would pass.
ROUNDINGS, LOOSEST = 200, 0.9


@dataclass(frozen=True, eq=False)
class Form:
    """Name a way to train the network: a file in peers/, its options, and what it needs."""

    name: str
    file: str | Path
    options: dict = field(default_factory=dict)
    role: str = "peer"         # tutorial, ours, peer, split (a peer given our two-way split) or floor
    packages: tuple = ()
    scaled: bool = False       # whether it is measured in the other cases, too
    cells: tuple = tuple(WIDTHS)  # those it can train as TensorFlow 1 has them


def _ours(isa, mark=""):
    """Return our forms with an instruction set."""
    return tuple(Form(f"ours, {unroll}{mark}", "ours.py", {"unroll": unroll, "isa": isa}, "ours",
                      scaled=unroll != "static") for unroll in ("dynamic", "static", "fused"))


NOT_GRU = ("basic", "irnn", "lstm")  # PyTorch's resets after the product
FORMS = (
    Form("tutorial's script", "tutorial.py", role="tutorial", scaled=True),
    *_ours(DEFAULT_ISA),
    *(_ours("native", ", native") if machine.available()[-1] != DEFAULT_ISA else ()),
    Form("JAX, scan", "jax_scan.py", {"unroll": 1, "devices": 1}, packages=("jax",)),
    Form("JAX, scan unrolled", "jax_scan.py", {"unroll": 28, "devices": 1}, packages=("jax",), scaled=True),
    Form("JAX, two devices", "jax_scan.py", {"unroll": 28, "devices": 2}, "split", ("jax",), scaled=True),
    Form("PyTorch, eager", "torch_rnn.py", {"form": "eager"}, packages=("torch",), scaled=True, cells=NOT_GRU),
    Form("PyTorch, compiled", "torch_rnn.py", {"form": "compiled"}, packages=("torch",), cells=NOT_GRU),
    Form("PyTorch, two threads", "torch_rnn.py", {"form": "threads"}, "split", ("torch",), cells=NOT_GRU),
    Form("Keras on JAX", "keras_rnn.py", {"backend": "jax", "jit_compile": True, "fit": True},
         packages=("keras", "jax"), scaled=True),
    Form("Keras on TensorFlow", "keras_rnn.py", {"backend": "tensorflow", "jit_compile": False, "fit": False},
         packages=("keras", "tensorflow")),
    Form("matrix products alone", "floor.py", role="floor", scaled=True),
)


class Schedule(NamedTuple):
    """Say how long to measure: minibatches before the first check, rounds, minibatches of a form's block in each."""

    warm_up: int
    rounds: int
    block: int


class Plan(NamedTuple):
    """Say what one run of the benchmark measures."""

    schedule: Schedule
    scaling: tuple            # of (Case, Schedule)
    epochs: int               # of the whole processes
    processes: int            # how often each of these is run


FULL = Plan(Schedule(60, 24, 27), epochs=5, processes=3, scaling=(
    (Case(n_neurons=50), Schedule(20, 9, 40)), (Case(n_neurons=300), Schedule(20, 9, 15)),
    (Case(n_neurons=600), Schedule(8, 9, 6)), (Case(batch_size=50), Schedule(20, 9, 60)),
    (Case(batch_size=600), Schedule(10, 9, 10)), (Case(n_steps=784, n_inputs=1), Schedule(4, 7, 3)),
    *((Case(cell=cell), Schedule(12, 9, 12)) for cell in ("lstm", "gru", "irnn"))))
QUICK = Plan(Schedule(20, 4, 12), epochs=1, processes=1, scaling=((Case(cell="lstm"), Schedule(6, 3, 5)),))


class Measurement(NamedTuple):
    """Hold what was measured of one form in one case; the rounds of all forms of a case correspond."""

    form: Form
    case: Case
    epoch_seconds: list       # one for each round
    n_images: int             # images per epoch
    memory: float | None      # peak of the worker, MB
    losses: list              # after the warm-up and after the last step; those of the floor say nothing
    reference: list           # NumPy's, and before them that of the weights at the start
    perturbed: list           # the same from weights that differ in their last place

    @property
    def right(self):
        """Tell whether the form has learnt what NumPy has; the floor learns nothing."""
        return self.form.role == "floor" or all(
            error <= tolerance for error, tolerance in zip(self.errors, self.tolerances, strict=True))  # False for nan

    @property
    def errors(self):
        """Return how far each loss is from NumPy's, as a share of how far NumPy's has moved from the start."""
        return _relative_errors(self.losses, self.reference)

    @property
    def tolerances(self):
        """Return how large each of the errors may be."""
        return [min(LOOSEST, max(strict, ROUNDINGS * error))
                for strict, error in zip(TOLERANCES, _relative_errors(self.perturbed[1:], self.reference), strict=True)]


def _relative_errors(losses, reference):
    first, *wanted = reference
    moved = accumulate((abs(first - loss) for loss in wanted), max)
    return [abs(loss - right) / way for loss, right, way in zip(losses, wanted, moved, strict=True)]


class WholeProcess(NamedTuple):
    """Hold what was measured of whole processes of one form: seconds of each, largest peak in MB, test accuracy."""

    seconds: list
    memory: float | None
    acc_test: float


def measure_all(forms, plan, data, out, log, say):
    """Measure the forms by a Plan on a Data; write what there is to a folder, a Path, after each case.

    Return whether all that was measured is right and none of ours is left out. log is called with a line for each
    stage, say with the lines of each case when it is done, and last with those of all.
    """
    left_out = {form.name: text("{names} not installed: pip install -r requirements-benchmark.txt",
                                names=text(" and ").join(missing))
                for form in forms if (missing := missing_packages(form))}
    forms, measured, processes = [form for form in forms if form.name not in left_out], [], {}
    environment = machine.describe() | {"data": data.source.kind}
    cases = [(case, schedule, [form for form in forms if case.cell in form.cells and (form.scaled or i == 0)])
             for i, (case, schedule) in enumerate([(Case(), plan.schedule), *plan.scaling])]
    work, started = [_work(*case) for case in cases], time.monotonic()
    work[0] += plan.processes * sum(form.role in ("tutorial", "ours") for form in forms) * (5 + 1.5 * plan.epochs)
    with tempfile.TemporaryDirectory() as folder:
        for i, (case, schedule, chosen) in enumerate(cases):
            rate = (time.monotonic() - started) / sum(work[:i]) if i else 1
            log(text("{case}: {n} forms; about {time} left", case=report.case_name(case, languages.current()),
                     n=len(chosen), time=duration(rate * sum(work[i:]))))
            found, failed = measure_case(chosen, case, schedule, data.train, Path(folder, str(i)), log)
            measured += found
            left_out |= failed
            if i == 0:
                processes, failed = measure_processes(forms, data, plan, Path(folder), log)
                left_out |= failed
            lines = report.write(measured, processes, left_out, plan.epochs, environment, out)
            say(report.case_lines(measured, case))
    say(lines)
    ours_missing = any(form.name in left_out for form in forms if form.role in ("tutorial", "ours"))
    return all(one.right for one in measured) and not ours_missing


def _work(case, schedule, forms):
    """Return about how many seconds a case takes: to start its forms, and for their products."""
    n_minibatches = schedule.warm_up + schedule.rounds * schedule.block
    n_sums = sum(WIDTHS[case.cell]) * case.n_neurons
    products = 6 * case.batch_size * case.n_steps * (case.n_inputs + case.n_neurons) * n_sums
    return len(forms) * (4 + n_minibatches * products / 1e11)


def missing_packages(form):
    """Return those of the packages a form needs that are not installed."""
    return [name for name in form.packages if importlib.util.find_spec(name) is None]


def measure_case(forms, case, schedule, train, folder, log):
    """Return ([Measurement], {form's name: why it failed}) of training on a Split; folder is for the workers' files.

    The forms alternate, each round in the other order, so that a drift of the machine's speed hits them alike.
    """
    task = new_task(train, case)
    folder.mkdir()
    write_task(task, folder)
    log(text("training in NumPy, for the losses"))
    checked_steps = [schedule.warm_up, schedule.warm_up + schedule.rounds * schedule.block]
    perturbed = task._replace(weights=[np.nextafter(w, np.float32(np.inf)) for w in task.weights])
    references = [reference_losses(start, checked_steps, minibatches(len(task.labels), task.batch_size))
                  for start in (task, perturbed)]
    with contextlib.ExitStack() as stack:
        log(text("starting {n} forms", n=len(forms)))
        workers = [stack.enter_context(Worker(form, folder, schedule.warm_up)) for form in forms]
        _call_each(workers, lambda worker: worker.end_warm_up(task))
        for i in range(schedule.rounds):
            log(text("round {i} of {n}", i=i + 1, n=schedule.rounds))
            _call_each(workers[::-1] if i % 2 else workers, lambda worker: worker.time_block(schedule.block))
        _call_each(workers, lambda worker: worker.check(task))
    measured = [Measurement(worker.form, case, [len(task.labels) * seconds for seconds in worker.seconds],
                            len(task.labels), worker.memory, worker.losses, *references)
                for worker in workers if not worker.failure]
    return measured, {worker.form.name: worker.failure for worker in workers if worker.failure}


def _call_each(workers, function):
    """Call a function on each worker whose process lives; keep the last words of one that dies."""
    for worker in workers:
        if not worker.failure:
            try:
                function(worker)
            except WorkerFailed as error:
                worker.failure = str(error)


def measure_processes(forms, data, plan, folder, log):
    """Return ({form's name: WholeProcess} of the tutorial's script and our commands, {name: why it failed}).

    Both read the same mnist.npz, train, score minibatch and validation set after each epoch and the test set at the
    end, and print it; ours also writes its run directory.
    """
    commands, found, failed = _commands(forms, data, plan.epochs, folder), {}, {}
    for i in range(plan.processes):
        log(text("whole processes, {i} of {n}", i=i + 1, n=plan.processes))
        for name, command in list(commands.items())[::-1 if i % 2 else 1]:
            try:
                seconds, memory, acc_test = time_command(command, folder)
            except WorkerFailed as error:
                failed[name] = str(error)
                continue
            before = found.get(name, WholeProcess([], memory, acc_test))
            found[name] = WholeProcess([*before.seconds, seconds], memory and max(memory, before.memory), acc_test)
    return {name: process for name, process in found.items() if name not in failed}, failed


def _commands(forms, data, epochs, folder):
    """Return {form's name: the command that trains it}, with the data written to mnist.npz in the folder."""
    images, labels = zip(data.valid, data.train, strict=True)
    archive, n_valid, commands = folder / "mnist.npz", len(data.valid.labels), {}
    np.savez_compressed(archive, x_train=np.concatenate(images), y_train=np.concatenate(labels).astype(np.uint8),
                        x_test=data.test.images, y_test=data.test.labels.astype(np.uint8))
    for form in forms:
        if form.role == "tutorial":
            commands[form.name] = [PEERS / form.file, archive, epochs, n_valid]
        if form.role == "ours":
            settings = [f"--{name}={value}" for name, value in form.options.items()]
            commands[form.name] = [TRAIN_RNN, *settings, "--epochs", epochs, "--data-dir", archive,
                                   "--n-valid", n_valid, "--no-plots", "--runs-dir", folder / "runs"]
    return commands
