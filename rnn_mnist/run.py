"""The run directory, whose contract runs/README.md states: create, find and read it, and open its network."""

import contextlib
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from rnn_mnist import files
from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console import forms, guard
from rnn_mnist.console.languages import kind_of, text
from rnn_mnist.console.output import plain, say
from rnn_mnist.console.settings import UserError, read, resume_hint

NEEDED = ("config.json", "metrics.csv")  # what makes a folder a run


class Run:
    """Give what a run directory holds; raise UserError if it is none, or a file is damaged when it is asked for."""

    def __init__(self, path, known_as=None):
        """Open the run in a folder; known_as: the path that its log and messages have it by, if not this one."""
        self.path, self._known_as = Path(path), str(known_as or path)
        missing = [name for name in NEEDED if not os.path.lexists(self.path / name)]
        if len(missing) == 1:
            hint = text(" (an empty one is enough to resume)") if missing == ["metrics.csv"] else ""
            raise UserError("{path}: {name} is missing: the folder is no longer a whole run: put it back{hint}",
                            path=path, name=missing[0], hint=hint)
        if missing:
            raise UserError("{path}: no run directory (it would hold config.json and metrics.csv)", path=path)
        guard.check_plain(self.path)

    def __str__(self):
        return self._known_as

    def __fspath__(self):
        return str(self.path)  # where a path is wanted, a run may be given

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
        return forms.read_metrics(files.read_text(path), path)

    @property
    def validation(self):
        """Return validation.csv, what was validated within epochs, as such a list; empty if there is none."""
        path = self.path / "validation.csv"
        return forms.read_validation(files.read_text(path), path) if os.path.lexists(path) else []

    @property
    def result(self):
        """Return result.json as a dict, or None if the run is not finished."""
        path = self.path / "result.json"
        if not os.path.lexists(path):
            return None
        result = files.read_json(path)
        digest = result.pop("digest", None)
        if digest != files.digest(result) or not forms.is_result(result):
            how = resume_hint(self)
            raise UserError("{path}: damaged or edited: delete it and score the run again by {how}", path=path, how=how)
        return result

    @property
    def note(self):
        """Return note.txt, what the run's owner says of it, as one line; empty if there is none."""
        path = self.path / "note.txt"
        return forms.read_note(files.read_text(path)) if os.path.lexists(path) else ""

    def write_note(self, note):
        """Write note.txt, or remove it if the note is empty; raise UserError unless it is one line that can be."""
        if note := forms.checked_note(note):
            files.write(self.path / "note.txt", note + "\n")
        else:
            (self.path / "note.txt").unlink(missing_ok=True)

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
        path = self.path / "plots/curves.png"
        return draw_curves(self.name, self.metrics, kind_of(self.environment), path, self.validation)

    def report(self):
        """Write the run's web page as report.html and return its path; see analysis.report."""
        from rnn_mnist.analysis.report import write_report
        return write_report(self)

    def resume(self, **changes):
        """Go on with the training, with settings changed, such as epochs, and return the Run; see train.resume."""
        from rnn_mnist.train import resume
        return resume(self, changes)

    def open_network(self, **changes):
        """Return a context that gives the session.Network; changes: settings, such as replicas; see export.opened."""
        from rnn_mnist.export.opened import open_network
        return open_network(self, **changes)

    def write_settings(self, config, options):
        """Write config.json."""
        files.write(self.path / "config.json", {**asdict(config), **asdict(options)})

    def append_metrics(self, row):
        """Append an epoch's {column: number or None} to metrics.csv."""
        files.append(self.path / "metrics.csv", forms.metrics_line(row))

    def append_validation(self, row):
        """Append a validation within an epoch, a {column: number}, to validation.csv."""
        files.append(self.path / "validation.csv", forms.validation_line(row))

    def log(self, line):
        """Print a line and append it to log.txt."""
        files.append(self.path / "log.txt", plain(line) + "\n")
        say(line)

    def note_environment(self, environment):
        """Add to environment.json what is different where a run goes on; a lost or damaged one is left as it is."""
        with contextlib.suppress(UserError):
            files.write(self.path / "environment.json", forms.with_stage(self.environment, environment))

    def write_result(self, config, values):
        """Write result.json: the values, the digest of the settings they came from, and that of all of these."""
        values = {**values, "config": files.digest(asdict(config))}
        files.write(self.path / "result.json", {**values, "digest": files.digest(values)})


def find_runs(folder="runs"):
    """Return the Runs in a folder, at any depth, sorted, but for hidden folders; one that is a run is its only one."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError("{folder}: no such folder: give a run directory, such as runs/NAME", folder=folder)
    runs = []
    for root, folders, _ in os.walk(folder):
        place = Path(root)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if all(os.path.lexists(place / name) for name in NEEDED):
            folders.clear()
            if place == folder:
                return [Run(folder)]
            with guard.left_out():
                runs.append(Run(place))
    return runs


def create_run(config, options, name, environment, place=None):
    """Make a run directory and return its Run; without a name in the options it has this one, or "-2" etc. added.

    place: the folder that it is made in for now, if not the options' runs_dir, by which it is known.
    """
    path = guard.new_folder(place or options.runs_dir, options.run_name, name)
    try:
        (path / "checkpoints").mkdir()
        files.write(path / "environment.json", environment)
        files.write(path / "log.txt", "")
        files.write(path / "metrics.csv", forms.METRICS_HEAD + "\n")
        if config.valid_steps:
            files.write(path / "validation.csv", forms.VALIDATION_HEAD + "\n")
        files.write(path / "config.json", {**asdict(config), **asdict(replace(options, run_name=path.name))})
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return Run(path, Path(options.runs_dir, path.name))
