"""Training: the loop that ties data, graph, session and run directory together, from the start or from a checkpoint."""

import contextlib
import math
import os
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import checkpoint as checkpoints
from rnn_mnist import processor, session
from rnn_mnist import run as runs
from rnn_mnist.checkpoint import State
from rnn_mnist.config import Config, Stopped, UserError, differences, to_json
from rnn_mnist.console.log import epoch_line, first_line, last_lines, resume_command
from rnn_mnist.console.signals import locked, noting_signals
from rnn_mnist.data import SYNTHETIC, Data, load_data, shuffle_batch
from rnn_mnist.export import tensorboard as events
from rnn_mnist.graph import Graph, build_graph, reset_graph
from rnn_mnist.session import Diverged, Totals
from rnn_mnist.tf1 import tf

DIVERGED = 3  # exit code


class Result(NamedTuple):
    """Say where a finished run lies and what is in its result.json."""

    run: Path
    values: dict


class _Trainer(NamedTuple):
    """Hold what stays the same while a run is trained."""

    run: Path
    config: Config
    data: Data
    graph: Graph
    session: tf.Session
    signals: list  # numbers of the signals that have asked to stop


def train(config, base):
    """Train a new run from a config and return its Result; its automatic name says what differs from base."""
    config = replace(config, isa=processor.resolve(config.isa))
    run = runs.new_run_path(config, base)
    data = load_data(config)
    config = replace(config, data="synthetic" if data.source.kind == SYNTHETIC else "mnist", run_name=run.name,
                     data_dir=config.data_dir and os.path.abspath(os.path.expanduser(config.data_dir)))
    with _built(run, config, data) as trainer:
        runs.create_run(run, config, _environment(config, data))
        with locked(run), noting_signals(trainer.signals):
            runs.say(run, first_line(config, data))
            return _train(trainer, checkpoints.save_start(run, _first_state(config, data)))


def resume(path, changes):
    """Go on with a run from its last whole checkpoint and return its Result; of one that is finished, say so.

    changes: {setting: value} given anew; epochs and settings that can't change the result are accepted. Raise
    UserError if others are changed, or if a file that it needs is damaged.
    """
    run = runs.open_run(path)
    if "isa" in changes:
        changes = {**changes, "isa": processor.resolve(changes["isa"])}
    with locked(run):
        config = runs.read_config(run)
        state = checkpoints.find_state(run, with_best=bool(config.patience))
        config = _changed(run, config, state, changes)
        finished = runs.read_result(run)
        if finished and (end := _end(config, state)):
            # Not an error: whoever repeats the command until it succeeds may not know that a kill came after the end.
            print(f"{run} is finished: {end}", file=sys.stderr)
            return Result(run, finished)
        if config.data_dir and "data_dir" not in changes and not os.path.exists(config.data_dir):
            raise UserError(f"{run}/config.json: its data_dir {config.data_dir} is not there: say where by --data-dir")
        data = load_data(config)
        state = _checked(run, config, data, state)
        with _built(run, config, data) as trainer, noting_signals(trainer.signals):
            _go_back(trainer, state)
            if sys.stderr.isatty():
                print(f"goes on at epoch {state.epoch:03d}, step {state.totals[0]}", file=sys.stderr)
            return _train(trainer, state)


@contextlib.contextmanager
def _built(run, config, data):
    """Give a _Trainer with the graph built and its variables initialised."""
    reset_graph(config.seed)
    graph = build_graph(config)
    with session.new_session(graph, config) as open_session:
        yield _Trainer(run, config, data, graph, open_session, [])


def _environment(config, data):
    return {**runs.describe_machine(), "gpus": session.visible_gpus(), "threads": session.n_threads(config),
            "data": data.source.kind, "data_digest": data.source.digest}


def _first_state(config, data):
    """Return the State before the first step."""
    return State(checkpoints.settings_digest(config), data.source.digest, config.epochs,
                 checkpoints.rng_words(np.random.RandomState(config.seed)))


def _changed(run, config, state, changes):
    """Return the run's config with the changes of a resume; raise UserError if one would change the result."""
    target = replace(config, **changes).check()
    if state.config != checkpoints.settings_digest(config):
        raise UserError(f"{run}/config.json: edited or damaged: its settings are not those of the checkpoint")
    for item in differences(target, config):
        if item != "epochs":
            raise UserError(f"--{item.replace('_', '-')} would change the result of {run}: start a new run instead")
    for item in ("run_name", "runs_dir"):
        if getattr(target, item) != getattr(config, item):
            raise UserError(f"--{item.replace('_', '-')} has no effect on {run}: leave it out, or move the folder")
    if "epochs" not in changes and config.epochs != state.epochs:
        raise UserError(f"{run}/config.json asks for {config.epochs} epochs, its checkpoint for {state.epochs}: "
                        "say which by --epochs N")
    if target.epochs < state.epoch + bool(state.totals[0]):
        raise UserError(f"--epochs {target.epochs}: {run} has gone further, to epoch {state.epoch:03d}: give more")
    return target


def _end(config, state):
    """Return why there is nothing left to train, None if there is."""
    if _out_of_patience(config, state):
        return f"--patience {config.patience} ended it after {state.epoch} epochs"
    if state.epoch >= config.epochs:
        return f"it has its {state.epoch} epochs; to train on, add --epochs N"
    return None


def _checked(run, config, data, state):
    """Return the State to go on from; raise UserError if the data are not those it was saved with."""
    if state.data != data.source.digest:
        raise UserError(f"{run} was trained on other data than that found ({data.source.kind}, {data.source.where}): "
                        "give the folder of the former by --data-dir")
    return replace(state, epochs=config.epochs)


def _go_back(trainer, state):
    """Put the run directory and the variables back to what they were at a State."""
    run = trainer.run
    if state.files:
        session.restore(trainer.session, trainer.graph, checkpoints.prefix(run, state.files))
    (run / "result.json").unlink(missing_ok=True)
    checkpoints.cut_back(run, state)
    runs.note_environment(run, _environment(trainer.config, trainer.data))
    runs.write_whole(run / "config.json", to_json(trainer.config))
    checkpoints.write_state(run, "last.json", state)


def _train(trainer, state):
    """Train the epochs that are left, score the test set once, and return the Result."""
    run = trainer.run
    try:
        events.begin(run, trainer.config, trainer.session.graph)
        while state.epoch < state.epochs and not _out_of_patience(trainer.config, state):
            state = _train_epoch(trainer, state)
            _stop_if_asked(trainer)
        result = _finish(trainer, state)
    except Diverged as error:
        why = f"epoch {state.epoch:03d}, step {error.args[0] + 1}: the loss or a weight is not finite"
        runs.say(run, f"stopped : {why}")
        raise Stopped(f"diverged: {why}: try a lower --learning-rate; the epochs before are kept in {run}",
                      DIVERGED) from None
    except OSError as error:
        where = error.filename or ("standard output" if error.strerror else run)
        raise UserError(f"{where}: {error.strerror or error}: make room or mend it, then go on by "
                        f"{resume_command(run, trainer.config)}") from None
    if trainer.signals:
        raise Stopped(f"interrupted; {run} is finished all the same", 128 + trainer.signals[0])
    return result


def _train_epoch(trainer, state):
    """Train the rest of an epoch, write its line, row and checkpoint, and return the State after it."""
    _, config, data, graph, open_session, signals = trainer
    rnd = checkpoints.rng_from(state.rng)
    n_steps = len(data.train.labels) // config.batch_size
    batches = _with_bar(shuffle_batch(*data.train, config.batch_size, rnd), n_steps, state)
    batch = None
    for batch in islice(batches, state.totals[0]):  # noqa: B007 - done before an interruption, perhaps all of them
        pass
    while state.totals[0] < n_steps:
        started = time.perf_counter()
        totals, batch = session.run_epoch(open_session, graph, _until(batches, config.checkpoint_steps, signals),
                                          Totals(*state.totals), dropout=config.dropout)
        state = replace(state, totals=tuple(totals), seconds=state.seconds + time.perf_counter() - started)
        _check_finite(trainer, totals.n_steps)
        if totals.n_steps < n_steps:
            state = _save(trainer, state)
            _stop_if_asked(trainer)
    batches.close()
    return _end_epoch(trainer, state, batch, rnd)


def _with_bar(batches, n_steps, state):
    """Yield the batches, with a progress bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield from batches
        return
    from tqdm import tqdm
    with tqdm(batches, f"epoch {state.epoch:03d}", n_steps, leave=False, unit="step") as bar:
        yield from bar


def _until(batches, n_batches, signals):
    """Yield n_batches (0: all) of an iterator's batches, or those before a signal comes; one at least."""
    for i, batch in enumerate(batches, 1):
        yield batch
        if signals or i == n_batches:
            return


def _end_epoch(trainer, state, batch, rnd):
    """Score the last minibatch, after its update, and the validation set; record them; return the next State."""
    run, config, data, graph, open_session, _ = trainer
    running, after = Totals(*state.totals), session.run_epoch(open_session, graph, [batch])[0]
    row = {"epoch": state.epoch, "acc_batch": after.accuracy, "loss_batch": after.loss,
           "acc_running": running.accuracy, "loss_running": running.loss, "acc_valid": None, "loss_valid": None,
           "penalty": session.penalty(open_session, graph), "seconds": round(state.seconds, 3),
           "images_per_second": round(running.n_images / state.seconds)}
    if len(data.valid.labels):
        valid = session.evaluate(open_session, graph, *data.valid)
        row |= {"acc_valid": valid.accuracy, "loss_valid": valid.loss}
    if not all(math.isfinite(value) for value in row.values() if value is not None):
        raise Diverged(running.n_steps - 1)
    runs.append_metrics(run, row)
    events.add_epoch(run, row, session.weights(open_session) if config.histograms else {})
    runs.say(run, epoch_line(row, config))
    best = row["acc_valid"] is not None and row["acc_valid"] > state.best_acc_valid
    if best:
        state = replace(state, best_epoch=state.epoch, best_acc_valid=row["acc_valid"])
    state = replace(state, epoch=state.epoch + 1, totals=tuple(Totals()), seconds=0.0, rng=checkpoints.rng_words(rnd))
    return _save(trainer, state, best)


def _check_finite(trainer, n_steps):
    """Raise Diverged if the n-th step of the epoch has left a weight that is not finite: it must not be saved."""
    if not all(np.isfinite(array).all() for array in session.weights(trainer.session).values()):
        raise Diverged(n_steps - 1)


def _save(trainer, state, best=False):
    """Save a checkpoint of a State and return it."""
    run, config, data, graph, open_session, _ = trainer
    step = state.epoch * (len(data.train.labels) // config.batch_size) + state.totals[0]
    return checkpoints.save_checkpoint(run, state, step, partial(session.save, open_session, graph), best)


def _out_of_patience(config, state):
    return bool(config.patience) and state.epoch - 1 - state.best_epoch >= config.patience


def _stop_if_asked(trainer):
    """Leave, saying how to go on, if a signal has come."""
    if trainer.signals:
        raise Stopped(f"interrupted, saved; go on by: {resume_command(trainer.run, trainer.config)}",
                      128 + trainer.signals[0])


def _finish(trainer, state):
    """Score the test set once, write result.json and the last lines, and return the Result."""
    run, config, data, graph, open_session, _ = trainer
    scored = "last"
    if config.patience and state.best_epoch >= 0:
        session.restore(open_session, graph, checkpoints.prefix(run, state.best_files))
        scored = "best"
    test = session.evaluate(open_session, graph, *data.test)
    metrics = runs.read_metrics(run)
    epoch = metrics[state.best_epoch if scored == "best" else -1]
    values = {"data": data.source.kind, "acc_test": test.accuracy, "loss_test": test.loss, "n_test": test.n_images,
              "n_correct_test": test.n_correct, "penalty": session.penalty(open_session, graph),
              "acc_valid": epoch["acc_valid"], "loss_valid": epoch["loss_valid"],
              "epochs": state.epoch, "best_epoch": state.best_epoch if state.best_epoch >= 0 else None,
              "seconds": round(sum(row["seconds"] for row in metrics), 3), "scored": scored,
              "weights": session.weights_digest(session.weights(open_session))}
    if config.eval_train:
        whole = session.evaluate(open_session, graph, *data.train)
        values |= {"acc_train": whole.accuracy, "loss_train": whole.loss}
    for line in last_lines(run, config, values):
        runs.say(run, line)
    events.add_result(run, values)
    if config.plots:
        _draw_curves(run)
    runs.write_result(run, config, values)  # the last of all: a run that has it has everything
    return Result(run, runs.read_result(run))


def _draw_curves(run):
    """Draw the learning curves; all is trained and scored, so whatever prevents it is only said on stderr."""
    try:
        from rnn_mnist.plots.curves import draw_curves  # matplotlib takes half a second to import: only when needed
        draw_curves(run)
    except Exception as error:  # matplotlib raises a dozen kinds, on a broken font or a full disk
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        print(f"note: the learning curves could not be drawn: {reason}", file=sys.stderr)
