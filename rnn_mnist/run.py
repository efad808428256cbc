"""The run directory, whose contract runs/README.md states: create, find and read it, and open its network."""

import contextlib
import math
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from rnn_mnist import checkpoint, files
from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console import machine
from rnn_mnist.console.command import script
from rnn_mnist.console.guard import new_folder
from rnn_mnist.console.settings import UserError, read, resume_hint

NEEDED = ("config.json", "metrics.csv")  # what makes a folder a run
METRICS = ("epoch", "acc_batch", "loss_batch", "acc_running", "loss_running", "acc_valid", "loss_valid", "penalty",
           "seconds", "images_per_second")  # the columns of metrics.csv
TIMES = ("seconds", "images_per_second")  # those that two runs of one config do not share
MAY_BE_EMPTY = ("acc_valid", "loss_valid")  # without validation images
# What every result.json holds beside its digest: numbers, then texts.
FIGURES = ("acc_test", "loss_test", "n_test", "n_correct_test", "epochs", "seconds")
TEXTS = ("data", "weights", "config", "scored")


class Run:
    """Give what a run directory holds; raise UserError if it is none, or a file is damaged when it is asked for."""

    def __init__(self, path):
        self.path = Path(path)
        with contextlib.suppress(OSError, ValueError):
            missing = [name for name in NEEDED if not (self.path / name).is_file()]
            if not missing:
                return
            if self.path.is_dir() and len(missing) == 1:
                raise UserError(f"{path}: {missing[0]} is missing: the folder is no longer a whole run")
        raise UserError(f"{path}: no run directory (it would hold config.json and metrics.csv)")

    def __str__(self):
        return str(self.path)

    def __repr__(self):
        return f"Run({str(self)!r})"

    @property
    def settings(self):
        """Return [Config, RunOptions] of config.json."""
        path = self.path / "config.json"
        return read(files.read_json(path), path, Config, RunOptions)

    config = property(lambda self: self.settings[0], doc="The Config.")
    name = property(lambda self: self.path.absolute().name, doc="The name of the folder.")
    environment = property(lambda self: files.read_json(self.path / "environment.json"), doc="environment.json.")

    @property
    def metrics(self):
        """Return metrics.csv as a list of {column: number, or None where empty}, one dict per epoch."""
        path = self.path / "metrics.csv"
        lines = files.read_text(path).splitlines()
        if lines[:1] != [",".join(METRICS)]:
            raise UserError(f"{path}: its header is not {','.join(METRICS)}: the file is damaged")
        return [_read_row(path, i, line) for i, line in enumerate(lines[1:])]

    @property
    def result(self):
        """Return result.json as a dict, or None if the run is not finished."""
        path = self.path / "result.json"
        if not os.path.lexists(path):
            return None
        result = files.read_json(path)
        digest = result.pop("digest", None)
        kinds = [type(result.get(name)) for name in FIGURES + TEXTS]
        if (digest != files.digest(result) or not set(kinds[:len(FIGURES)]) <= {int, float}
                or set(kinds[len(FIGURES):]) != {str} or result["scored"] not in ("last", "best")):
            raise UserError(f"{path}: damaged or edited: delete it and score the run again by {resume_hint(self)}")
        return result

    def evaluate(self, **where):
        """Return the Evaluation of the run on its test set, or on that of other data; see analysis.evaluate."""
        from rnn_mnist.analysis.evaluate import evaluate_run
        return evaluate_run(self, **where)

    def predict(self, images):
        """Return probabilities, float64 [n, 10], of n images of 784 values in any shape, uint8 0..255 or float 0..1."""
        from rnn_mnist.analysis.predict import probabilities
        return probabilities(self, images)

    def plot(self):
        """Draw the learning curves as plots/curves.png and return its path."""
        from rnn_mnist.plots.curves import draw_curves
        return draw_curves(self.name, self.metrics, str(self.environment.get("data")), self.path / "plots/curves.png")

    def resume(self, **changes):
        """Go on with the training, with settings changed, such as epochs, and return the Run; see train.resume."""
        from rnn_mnist.train import resume
        return resume(self, changes)

    @contextlib.contextmanager
    def open_network(self, **changes):
        """Give the session.Network with the weights that were scored, or the newest of an unfinished run.

        changes: settings computed with instead of the run's, such as replicas or unroll. It computes with the run's
        instruction set, or says on stderr why not. Raise UserError if there is no whole checkpoint or it does not fit.
        """
        from rnn_mnist.session import Network, weights_digest
        config, state, result = self.config, self.scored_state(), self.result
        checkpoint.check_settings(self, state)
        with Network(replace(config, isa=machine.to_look_with(config.isa, self), **changes)) as network:
            network.restore(checkpoint.prefix(self.path, state.step))
            if result and weights_digest(network.weights()) != result["weights"]:
                raise UserError(f"{self}/result.json: is of other weights than the checkpoint: delete it and score the "
                                f"run again by {resume_hint(self)}")
            yield network

    def scored_state(self):
        """Return the checkpoint's State of the weights that result.json is about, or the newest."""
        result = self.result
        if not (self.path / "checkpoints").is_dir():
            raise UserError(f"{self}: has no checkpoints (any more): repeat it by {script('rerun')} {self}")
        best = bool(result) and result["scored"] == "best"
        state = checkpoint.read_state(self.path, "last.json", best) if result else checkpoint.find_state(self.path)
        if best:
            state = replace(state, step=state.best_step, epoch=state.best_epoch + 1)
        if state.step < 0:
            raise UserError(f"{self}: has no checkpoint yet: go on with it by {resume_hint(self)}")
        return state

    def write_settings(self, config, options):
        """Write config.json."""
        files.write(self.path / "config.json", {**asdict(config), **asdict(options)})

    def append_metrics(self, row):
        """Append an epoch's {column: number or None} to metrics.csv; floats are written to read back exact."""
        cells = ("" if row[name] is None else repr(row[name]) for name in METRICS)
        files.append(self.path / "metrics.csv", ",".join(cells) + "\n")

    def log(self, line):
        """Print a line and append it to log.txt."""
        files.append(self.path / "log.txt", line + "\n")
        print(line, flush=True)

    def write_result(self, config, values):
        """Write result.json: the values, the digest of the settings they came from, and that of all of these."""
        values = {**values, "config": files.digest(asdict(config))}
        files.write(self.path / "result.json", {**values, "digest": files.digest(values)})

    def note_environment(self, environment):
        """Add to environment.json what is different where a run goes on; a lost or damaged one is left as it is."""
        with contextlib.suppress(UserError):
            before, earlier = self.environment, self.environment.get("resumed_with")
            if changed := {name: value for name, value in environment.items() if before.get(name) != value}:
                stages = [*(earlier if isinstance(earlier, list) else []), changed]
                files.write(self.path / "environment.json", {**before, "resumed_with": stages})


def find_runs(folder="runs"):
    """Return the Runs in a folder, at any depth, sorted; a folder that is a run is its only one."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: give a run directory, such as runs/NAME")
    found = [place for place in sorted(Path(root) for root, _, _ in os.walk(folder))
             if all((place / name).is_file() for name in NEEDED)]
    return [Run(place) for place in (found[:1] if found[:1] == [folder] else found)]


def create_run(config, options, name, environment):
    """Make a run directory and return its Run; without a name in the options it has this one, or "-2" etc. added."""
    path = new_folder(options.runs_dir, options.run_name, name)
    try:
        (path / "checkpoints").mkdir()
        files.write(path / "environment.json", environment)
        files.write(path / "log.txt", "")
        files.write(path / "metrics.csv", ",".join(METRICS) + "\n")
        files.write(path / "config.json", {**asdict(config), **asdict(replace(options, run_name=path.name))})
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Run(path)


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
