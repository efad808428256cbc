"""The sweep's own process: it hands out what is missing, takes the runs in, and says what has become of each."""

import contextlib
import csv
import io
import os
import queue
import secrets
import shutil
import sys
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from rnn_mnist import files
from rnn_mnist.config import RunOptions
from rnn_mnist.console import guard, log
from rnn_mnist.console.languages import text, why
from rnn_mnist.console.output import note, say
from rnn_mnist.console.settings import Stopped, UserError
from rnn_mnist.run import Run, find_runs
from rnn_mnist.sweep import estimate, worker
from rnn_mnist.sweep.worker import DIVERGED, FAILED, FINISHED, STOPPED, UNFIT

FAILURES = "failed.csv"
INCOMING = ".incoming-"  # begins the name of a folder in which runs that come back as files are put together
POLL = 0.5              # seconds between looks at signals and scheduler
LAST_WORDS = 60         # seconds that the runs in progress have to be saved after an interruption


@dataclass
class Sweep:
    """Hold a sweep in progress: its folder, the RunOptions of all runs, and what has become of each.

    missing: {name: Config}, to be trained; finished: names; failed: {name: (outcome, reason)}; unfit: addresses of
    workers that can't train; started: {name: time} of those handed out; again: the command.
    """

    folder: Path
    options: RunOptions
    again: str
    missing: dict = field(default_factory=dict)
    finished: list = field(default_factory=list)
    failed: dict = field(default_factory=dict)
    unfit: list = field(default_factory=list)
    started: dict = field(default_factory=dict)

    n_points = property(lambda self: len(self.missing) + len(self.finished) + len(self.failed), doc="All runs.")
    runs = property(lambda self: [Run(self.folder / name) for name in self.finished], doc="The finished Runs.")


def look(plan, folder, options, again):
    """Return the Sweep of a Plan as its folder has it; a run there is known by its settings, whatever its name.

    One that is damaged has failed, and stays as it is. Raise UserError if one has the name of a point, and other
    settings.
    """
    sweep = Sweep(Path(folder), options, again)
    there, damaged = {}, {}
    for run in find_runs(folder) if os.path.isdir(folder) else []:
        if run.path.parent == sweep.folder:
            try:
                config, options_then = run.settings
                there[_key(config, options_then)] = run
            except UserError as error:
                damaged[run.name] = str(error)
    taken = {run.name for run in there.values()}
    for point in plan.points:
        # What data "auto" has come to mean is found out when a run is made.
        kinds = ("mnist", "synthetic") if point.config.data == "auto" else (point.config.data,)
        keys = [_key(replace(point.config, data=kind), options) for kind in kinds]
        run = next((there[key] for key in keys if key in there), None)
        if run is None and point.name in taken:
            raise UserError("{path} holds a run of other settings: choose another --run-name",
                            path=sweep.folder / point.name)
        name = run.name if run else point.name
        try:
            if name in damaged:
                sweep.failed[name] = FAILED, damaged[name]
            elif run and run.result:
                sweep.finished.append(name)
            elif run and (line := worker.last_line(run)).startswith("stopped : epoch"):  # its loss was not finite
                sweep.failed[name] = DIVERGED, line.removeprefix("stopped : ")
            else:
                sweep.missing[name] = point.config
        except UserError as error:
            sweep.failed[name] = FAILED, str(error)
    return sweep


def _key(config, options):
    """Return what a run is known by: its settings, and the run whose weights it began with."""
    return replace(config, init_weights=""), options.init_from


def check_data(sweep, digest):
    """Raise UserError unless the runs that a sweep's folder holds already are of the data with this digest."""
    for run in sweep.runs:
        if run.environment.get("data_digest") != digest:
            raise UserError("{run} was trained on other data: choose another --run-name, or give the data by "
                            "--data-dir", run=run)


def train_missing(sweep, client, here):
    """Have a cluster train what a Sweep misses, the longest first; here: our own description, as the workers' must be.

    Raise Stopped if a signal has come, UserError if the cluster is gone; finished runs are safe, and those in progress
    go on the next time if the workers see the folder.
    """
    waiting = sorted(sweep.missing, key=lambda name: estimate.seconds(sweep.missing[name]))
    token, done, running = secrets.token_hex(16), queue.SimpleQueue(), {}
    for left in sweep.folder.glob(f"{INCOMING}*"):  # by a sweep that was killed
        shutil.rmtree(left, ignore_errors=True)
    incoming = Path(tempfile.mkdtemp(prefix=INCOMING, dir=sweep.folder))

    def hand_out(name):
        """Give a run to the cluster."""
        options = replace(sweep.options, runs_dir=str(sweep.folder), run_name=name)
        future = client.submit(worker.train_point, asdict(sweep.missing[name]), asdict(options),
                               os.path.abspath(sweep.folder), token, here, pure=False)
        running[future.key] = name, future
        sweep.started[name] = time.monotonic()
        future.add_done_callback(done.put)

    try:
        files.write(sweep.folder / worker.TOKEN, token)
        with guard.noting_signals() as signals, _progress(sweep) as show:
            while sweep.missing:
                if signals:
                    _stop(client, [future for _, future in running.values()])
                    raise Stopped("interrupted : {n} of {n_points} runs are finished; go on by: {command}",
                                  128 + signals[0], n=len(sweep.finished), n_points=sweep.n_points, command=sweep.again)
                n_workers = client.scheduler_info(n_workers=0)["n_workers"]
                if client.status != "running":
                    raise CancelledError
                # One for each worker and no more: if one is killed, the blame falls on the run that it trained.
                while waiting and len(running) < n_workers:
                    hand_out(waiting.pop())
                show(len(running), n_workers)
                with contextlib.suppress(queue.Empty):
                    future = done.get(timeout=POLL)
                    if not future.cancelled():  # as it is when the scheduler is gone
                        name, _ = running.pop(future.key)
                        if _take(sweep, name, client, future, incoming):
                            show(len(running), n_workers, name)
                        else:
                            waiting.append(name)
    except (OSError, CancelledError) as error:
        if client.status != "running" or not getattr(error, "filename", None):
            raise UserError("the scheduler is gone: {n} of {n_points} runs are finished; start it and the workers "
                            "again, then go on by: {command}", n=len(sweep.finished), n_points=sweep.n_points,
                            command=sweep.again) from None
        raise UserError("{path}: {reason}: make room or mend it, then go on by: {command}", path=error.filename,
                        reason=why(error), command=sweep.again) from None
    finally:
        (sweep.folder / worker.TOKEN).unlink(missing_ok=True)
        shutil.rmtree(incoming, ignore_errors=True)


def _take(sweep, name, client, future, incoming):
    """Note what has become of a run that was handed out; tell whether anything has, or it is to be handed out again."""
    if future.status == "error":
        result = {"outcome": FAILED, "reason": _why(future.exception()), "files": None}
    else:
        result = future.result()
    outcome, reason = result["outcome"], result["reason"]
    if outcome == STOPPED:  # its worker was to close
        return False
    if outcome == UNFIT:
        future.release()  # a worker that holds a result is not let go
        _leave_out(sweep, client, result["worker"], reason)
        return False
    try:
        if result["files"]:
            _adopt(sweep.folder / name, result["files"], incoming)
        if outcome == FINISHED and not Run(sweep.folder / name).result:
            outcome, reason = FAILED, text("its worker says that it is finished, but there is no result")
    except UserError as error:
        outcome, reason = FAILED, str(error)
    del sweep.missing[name]
    if outcome == FINISHED:
        sweep.finished.append(name)
    else:
        sweep.failed[name] = outcome, reason
    return True


def _leave_out(sweep, client, address, reason):
    """Let a worker go that can't train; raise UserError if there is no other."""
    others = [other for other in client.scheduler_info(n_workers=-1)["workers"]
              if other not in {address, *sweep.unfit}]
    if not others:
        raise UserError("no worker is left that can train: {reason}; go on by: {command}", reason=reason,
                        command=sweep.again)
    if address not in sweep.unfit:
        sweep.unfit.append(address)
        note(text("note: worker {address} is left out: {reason}", address=address, reason=reason))
    client.retire_workers([address])


def _why(error):
    """Return in words why a task failed outside of our own code."""
    if type(error).__name__ == "KilledWorker":
        return text("every worker that trained it was killed, {n} of them: too little memory?",
                    n=error.allowed_failures + 1)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _stop(client, futures):
    """Have the workers save and leave what they train, and wait for that."""
    note(text("stopping : the runs in progress are being saved; a second Ctrl-C ends at once"))
    with contextlib.suppress(Exception):  # whatever happens now, what was saved is saved
        client.cancel(futures, force=True)
        deadline = time.monotonic() + LAST_WORDS
        while any(client.run(_is_busy).values()) and time.monotonic() < deadline:
            time.sleep(POLL)


def _is_busy(dask_worker):
    """Tell whether a worker is still training."""
    return bool(dask_worker.active_threads)


def _adopt(run, content, incoming):
    """Put a run that came back as {path: bytes} into its place, where it appears whole."""
    made = incoming / secrets.token_hex(8)
    for path, data in content.items():
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise UserError("its worker sent a file {path!r:.80}, which is no place in a run", path=path)
        target = made / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    if run.exists():  # unfinished, from a worker that saw this folder
        run.rename(made.with_suffix(".old"))
    made.rename(run)
    files.sync_folder(run.parent)


@contextlib.contextmanager
def _progress(sweep):
    """Give a function that shows how far a sweep is: a bar on a terminal, and a line for each run that has ended."""
    costs = {name: estimate.seconds(config) for name, config in sweep.missing.items()}
    spent, done, alone = 0.0, 0.0, False

    def left(n_workers):
        """Return in words how much time is left, by the estimate and by what those that have ended took of theirs."""
        now = time.monotonic()
        to_do = sum(costs[name] for name in sweep.missing) * (spent / done if done else 1)
        in_progress = sum(now - sweep.started[name] for name in sweep.missing if name in sweep.started)
        return log.duration(max(0, to_do - in_progress) / max(1, n_workers))

    def show(n_running, n_workers, ended=None):
        """Show how far it is; ended: the name of a run that has."""
        nonlocal alone, spent, done
        if ended:
            spent += time.monotonic() - sweep.started[ended]
            done += costs[ended]
        if ended:
            with log.beside_bar():
                say(text("{line} ({finished} finished, {failed} failed, of {n}; about {time} left)",
                         line=_line(sweep, ended), n=sweep.n_points, finished=len(sweep.finished),
                         failed=len(sweep.failed), time=left(n_workers)))
        if not n_workers and not alone:
            with log.beside_bar():
                note(text("note: no worker is there: waiting for one to join"))
        alone = not n_workers
        if bar:
            bar.n = sweep.n_points - len(sweep.missing)
            bar.set_description_str(text(
                "{finished} finished, {failed} failed, {running} running, of {n}; about {time} left", n=sweep.n_points,
                finished=len(sweep.finished), failed=len(sweep.failed), running=n_running, time=left(n_workers)))

    bar = None
    if sys.stderr.isatty():
        from tqdm import tqdm
        bar = tqdm(total=sweep.n_points, bar_format="{bar:20} {desc}", leave=False)
    try:
        yield show
    finally:
        if bar:
            bar.close()


def _line(sweep, name):
    """Return the line of a run that has ended."""
    if name in sweep.failed:
        return f"{sweep.failed[name][0]} : {name} : {sweep.failed[name][1]}"
    run = Run(sweep.folder / name)
    result = run.result
    acc_valid, loss_valid = (result[measure] for measure in ("acc_valid", "loss_valid"))
    figures = "" if acc_valid is None else f" acc_valid : {acc_valid:.4f} loss_valid : {loss_valid:.4f}"
    return text("finished : {name}", name=name) + f"{figures} seconds : {result['seconds']:.2f}"


def write_failures(sweep):
    """Write failed.csv, why each run failed that did, or remove it if none has; return its path or None."""
    path = sweep.folder / FAILURES
    if not sweep.failed:
        path.unlink(missing_ok=True)
        return None
    stream = io.StringIO()
    rows = ((name, *why) for name, why in sorted(sweep.failed.items()))
    csv.writer(stream, lineterminator="\n").writerows([("run", "outcome", "reason"), *rows])
    files.write(path, stream.getvalue())
    return path
