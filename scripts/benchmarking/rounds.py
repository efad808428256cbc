"""Measure forms of the same training in alternation, each in a process of its own, and check what they have learnt.

peers/ holds the forms, task.py what they train, process.py their processes, report.py the tables and the picture.
"""

import contextlib
import importlib.util
import tempfile
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarking.process import PEERS, TRAIN_RNN, Lost, Worker, run_whole
from benchmarking.task import Case, new_task, reference_losses, write_task
from rnn_mnist import processor
from rnn_mnist.config import DEFAULT_ISA
from rnn_mnist.data import load_data
from rnn_mnist.run import describe_machine

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


def _ours(isa, mark=""):
    """Return our forms with an instruction set."""
    return tuple(Form(f"ours, {unroll}{mark}", "ours.py", {"unroll": unroll, "isa": isa}, "ours",
                      scaled=unroll != "static") for unroll in ("dynamic", "static", "fused"))


FORMS = (
    Form("tutorial's script", "tutorial.py", role="tutorial", scaled=True),
    *_ours(DEFAULT_ISA),
    *(_ours("native", ", native") if processor.available()[-1] != DEFAULT_ISA else ()),
    Form("JAX, scan", "jax_scan.py", {"unroll": 1, "devices": 1}, packages=("jax",)),
    Form("JAX, scan unrolled", "jax_scan.py", {"unroll": 28, "devices": 1}, packages=("jax",)),
    Form("JAX, two devices", "jax_scan.py", {"unroll": 28, "devices": 2}, "split", ("jax",)),
    Form("PyTorch, eager", "torch_rnn.py", {"form": "eager"}, packages=("torch",)),
    Form("PyTorch, compiled", "torch_rnn.py", {"form": "compiled"}, packages=("torch",)),
    Form("PyTorch, two threads", "torch_rnn.py", {"form": "threads"}, "split", ("torch",)),
    Form("Keras on JAX", "keras_rnn.py", {"backend": "jax", "jit_compile": True, "fit": True},
         packages=("keras", "jax")),
    Form("Keras on TensorFlow", "keras_rnn.py", {"backend": "tensorflow", "jit_compile": False, "fit": False},
         packages=("keras", "tensorflow")),
    Form("matrix products alone", "floor.py", role="floor"),
)


class Turns(NamedTuple):
    """Say how long to measure: minibatches before the first check, rounds, minibatches of a form's turn in each."""

    warm_up: int
    rounds: int
    block: int


class Plan(NamedTuple):
    """Say what one run of the benchmark measures."""

    turns: Turns
    scaling: tuple            # of (Case, Turns)
    epochs: int               # of the whole processes
    processes: int            # how often each of these is run


FULL = Plan(Turns(60, 24, 27), epochs=5, processes=3, scaling=(
    (Case(n_neurons=50), Turns(20, 7, 40)), (Case(n_neurons=300), Turns(20, 7, 20)),
    (Case(n_neurons=600), Turns(10, 7, 8)), (Case(batch_size=50), Turns(20, 7, 60)),
    (Case(batch_size=600), Turns(10, 7, 10)), (Case(n_steps=784, n_inputs=1), Turns(4, 7, 3))))
QUICK = Plan(Turns(20, 4, 15), epochs=1, processes=1, scaling=(
    (Case(n_neurons=50), Turns(10, 3, 20)), (Case(batch_size=600), Turns(6, 3, 5))))


class Measured(NamedTuple):
    """Hold what was measured of one form in one case; the rounds of all forms of a case correspond."""

    form: Form
    case: Case
    epochs: list              # seconds per epoch, one for each round
    n_images: int             # images per epoch
    memory: float | None      # peak of the worker, MB
    losses: list              # after the warm-up and after the last step; those of the floor say nothing
    reference: list           # NumPy's, and before them that of the weights at the start
    rounded: list             # the same from weights that differ in their last place

    @property
    def right(self):
        """Tell whether the form has learnt what NumPy has; the floor learns nothing."""
        return self.form.role == "floor" or all(
            error <= tolerance for error, tolerance in zip(self.errors, self.tolerances, strict=True))  # False for nan

    @property
    def errors(self):
        """Return how far each loss is from NumPy's, as a share of how far NumPy's has moved from the start."""
        return _shares(self.losses, self.reference)

    @property
    def tolerances(self):
        """Return how large each of the errors may be."""
        return [min(LOOSEST, max(strict, ROUNDINGS * error))
                for strict, error in zip(TOLERANCES, _shares(self.rounded[1:], self.reference), strict=True)]


def _shares(losses, reference):
    first, *wanted = reference
    moved = accumulate((abs(first - loss) for loss in wanted), max)
    return [abs(loss - right) / way for loss, right, way in zip(losses, wanted, moved, strict=True)]


class Whole(NamedTuple):
    """Hold what was measured of whole processes of one form: seconds of each, largest peak in MB, test accuracy."""

    seconds: list
    memory: float | None
    acc_test: float


def run(forms, plan, config, out, note):
    """Measure the forms by a Plan on the data of a Config; write the results to a folder, a Path.

    Return (lines of the tables, whether all that was measured is right and none of ours is left out). note is called
    with a line for each stage.
    """
    from benchmarking import report as benchmark_report
    data = load_data(config)
    left_out = {form.name: f"{' and '.join(missing)} not installed: pip install -r requirements-benchmark.txt"
                for form in forms if (missing := missing_packages(form))}
    forms, measured = [form for form in forms if form.name not in left_out], []
    with tempfile.TemporaryDirectory() as folder:
        for i, (case, turns) in enumerate([(Case(), plan.turns), *plan.scaling]):
            note(f"{case.n_neurons} neurons, batch {case.batch_size}, {case.n_steps} steps")
            chosen = [form for form in forms if form.scaled or i == 0]
            found, lost = measure(chosen, case, turns, data.train, Path(folder, str(i)), note)
            measured += found
            left_out |= lost
        whole, lost = measure_whole(forms, data, plan, Path(folder), note)
        left_out |= lost
    environment = describe_machine() | {"data": data.source.kind}
    lines = benchmark_report.write(measured, whole, left_out, plan.epochs, environment, out)
    ours_lost = any(form.name in left_out for form in forms if form.role in ("tutorial", "ours"))
    return lines, all(one.right for one in measured) and not ours_lost


def missing_packages(form):
    """Return those of the packages a form needs that are not installed."""
    return [name for name in form.packages if importlib.util.find_spec(name) is None]


def measure(forms, case, turns, train, folder, note):
    """Return ([Measured], {form's name: why it was left out}) of training on a Split; folder is for the workers' files.

    The forms take turns, each round in the other direction, so that a drift of the machine's speed hits them alike.
    """
    task = new_task(train, case)
    folder.mkdir()
    write_task(task, folder)
    note("training in NumPy, for the losses")
    marks = [turns.warm_up, turns.warm_up + turns.rounds * turns.block]
    moved = task._replace(weights=[np.nextafter(w, np.float32(np.inf)) for w in task.weights])
    reference, rounded = reference_losses(task, marks), reference_losses(moved, marks)
    with contextlib.ExitStack() as stack:
        note(f"starting {len(forms)} forms")
        workers = [stack.enter_context(Worker(form, folder)) for form in forms]
        _each(workers, lambda worker: worker.warm_up(turns.warm_up, task))
        for i in range(turns.rounds):
            note(f"round {i + 1} of {turns.rounds}")
            _each(workers[::-1] if i % 2 else workers, lambda worker: worker.take_turn(turns.block))
        _each(workers, lambda worker: worker.check(task))
    measured = [Measured(worker.form, case, [len(task.labels) * seconds for seconds in worker.seconds],
                         len(task.labels), worker.memory, worker.losses, reference, rounded)
                for worker in workers if not worker.lost]
    return measured, {worker.form.name: worker.lost for worker in workers if worker.lost}


def _each(workers, do):
    """Call do for each worker whose process lives; keep the last words of one that dies."""
    for worker in workers:
        if not worker.lost:
            try:
                do(worker)
            except Lost as error:
                worker.lost = str(error)


def measure_whole(forms, data, plan, folder, note):
    """Return ({form's name: Whole} of the tutorial's script and ours from the command line, {name: why left out}).

    Both read the same mnist.npz, train, score minibatch and validation set after each epoch and the test set at the
    end, and print it; ours also writes its run directory.
    """
    images, labels = zip(data.valid, data.train, strict=True)
    archive = folder / "mnist.npz"
    np.savez_compressed(archive, x_train=np.concatenate(images), y_train=np.concatenate(labels).astype(np.uint8),
                        x_test=data.test.images, y_test=data.test.labels.astype(np.uint8))
    commands, found, lost = {}, {}, {}
    for form in forms:
        if form.role == "tutorial":
            commands[form.name] = [PEERS / form.file, archive, plan.epochs, len(data.valid.labels)]
        if form.role == "ours":
            commands[form.name] = [
                TRAIN_RNN, "--unroll", form.options["unroll"], "--isa", form.options["isa"], "--epochs", plan.epochs,
                "--data-dir", archive, "--n-valid", len(data.valid.labels), "--no-plots", "--runs-dir", folder / "runs"]
    for i in range(plan.processes):
        note(f"whole processes, {i + 1} of {plan.processes}")
        for name, command in list(commands.items())[::-1 if i % 2 else 1]:
            try:
                seconds, memory, acc_test = run_whole(command, folder)
            except Lost as error:
                lost[name] = str(error)
                continue
            before = found.get(name, Whole([], memory, acc_test))
            found[name] = Whole([*before.seconds, seconds], memory and max(memory, before.memory), acc_test)
    return {name: whole for name, whole in found.items() if name not in lost}, lost
