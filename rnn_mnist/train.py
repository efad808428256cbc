"""Training: the loop that ties data, network and run directory together, from the start or from a checkpoint."""

import contextlib
import math
import sys
import time
import types
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from rnn_mnist import checkpoint, session
from rnn_mnist.checkpoint import State
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import forms, guard, log, machine
from rnn_mnist.console.languages import SYNTHETIC
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import Stopped, named, sort
from rnn_mnist.data import Data, load_data, shuffle_batch
from rnn_mnist.run import Run, create_run
from rnn_mnist.session import Diverged, Network, Totals

NO_SIGNALS = contextlib.nullcontext(())


def train(config=None, options=None, *, name=None, base=None, signals=NO_SIGNALS, **settings):
    """Train a new run and return it; settings of either kind change those of config and options.

    name: an automatic one, if not what differs from base. signals: a context, entered when the run is made, of a list;
    what comes into it stops the training after the step in progress. Raise UserError if settings or data are not as
    they should be, Stopped if it ended before its time.
    """
    given, given_options = sort(settings, Config, RunOptions)
    config, options = with_settings(config or Config(), **given), replace(options or RunOptions(), **given_options)
    guard.check_place(options)
    config = replace(config, isa=machine.resolve(config.isa))
    name = name or log.run_name(config, base or Config())
    data = load_data(config, options)
    config = replace(config, data="synthetic" if data.source.kind == SYNTHETIC else "mnist")
    with Network(config, options.threads) as network:
        run = create_run(config, options, name, _environment(network, data))
        with guard.locked(run), signals as noted, guard.telling_how_to_go_on(run, config):
            run.log(log.first_line(config, data))
            state = State(checkpoint.settings_digest(config), data.source.digest, config.epochs)
            state = checkpoint.save_state(run.path, state)
            return _Trainer(run, config, options, data, network, noted).train(state)


def resume(run, changes, signals=NO_SIGNALS):
    """Go on with a Run from its last whole checkpoint and return it; of one that is finished, say so.

    changes: {setting: value} given anew; epochs and RunOptions are accepted. Raise UserError if others are changed, or
    if a file that it needs is damaged, and as train does.
    """
    with guard.locked(run):
        state = checkpoint.find_state(run.path, best=bool(run.config.patience))
        checkpoint.check_settings(run, state)
        config, options = guard.settings_to_resume(run, state, changes)
        if run.result and (end := _end(config, state)):
            # Not an error: whoever repeats the command until it succeeds may not know that a kill came after the end.
            note(f"{run} is finished: {end}")
            return run
        guard.check_data_dir(run, options, changes)
        data = load_data(config, options)
        guard.check_data(run, state.data, data.source)
        forms.check_position(run, state, len(data.train.labels), config.batch_size)
        with guard.telling_how_to_go_on(run, config), Network(config, options.threads) as network, signals as noted:
            if state.step >= 0:
                with checkpoint.copied(run.path, state.step, state.digest) as prefix:
                    network.restore(prefix)
            checkpoint.restore_files(run.path, state)
            run.note_environment(_environment(network, data))
            run.write_settings(config, options)
            state = checkpoint.save_state(run.path, replace(state, epochs=config.epochs))
            log.note_on_terminal(f"goes on at epoch {state.epoch:03d}, step {state.n_steps}")
            return _Trainer(run, config, options, data, network, noted).train(state)


def _environment(network, data):
    return machine.describe(gpus=network.gpus, threads=network.n_threads, data=data.source.kind,
                            data_digest=data.source.digest)


def _end(config, state):
    """Return why there is nothing left to train, None if there is."""
    if config.patience and state.epoch - 1 - state.best_epoch >= config.patience:
        return f"{named('patience', config.patience)} ended it after {state.epoch} epochs"
    if state.epoch >= config.epochs:
        return f"it has its {state.epoch} epochs; to train on, add {named('epochs')} N"


@dataclass(frozen=True)
class _Trainer:
    """Train a run from a State to its end; signals: numbers of those that have asked to stop."""

    run: Run
    config: Config
    options: RunOptions
    data: Data
    network: Network
    signals: list

    def train(self, state):
        """Train the epochs that are left, score the test set once, and return the Run."""
        try:
            self.events.begin(self.run.path, self.config, self.network.graph.tf_graph, self.run.metrics)
            rnd = np.random.RandomState(self.config.seed)
            for _ in range(state.epoch):
                rnd.permutation(len(self.data.train.labels))  # what shuffle_batch drew in the epochs before
            while not _end(self.config, state):
                state = self.train_epoch(state, rnd)
                self.stop_if_asked()
            self.finish(state)
        except Diverged as error:
            why = f"epoch {state.epoch:03d}, step {error.args[0] + 1}: the loss or a weight is not finite"
            self.run.log(f"stopped : {why}")
            raise Stopped(f"diverged: {why}: try a lower {named('learning_rate')}; the epochs before are kept in "
                          f"{self.run}", code=3) from None
        if self.signals:
            raise Stopped(f"interrupted; {self.run} is finished all the same", 128 + self.signals[0])
        return self.run

    def train_epoch(self, state, rnd):
        """Train the rest of an epoch, write its line, row and checkpoint, and return the State after it."""
        n_steps = len(self.data.train.labels) // self.config.batch_size
        batches = shuffle_batch(*self.data.train, self.config.batch_size, rnd)
        batches = log.with_bar(batches, f"epoch {state.epoch:03d}", n_steps)
        left = islice(batches, state.n_steps, None)  # without those that were done before an interruption
        while state.n_steps < n_steps:
            started = time.perf_counter()
            totals, batch = self.network.run_epoch(self.until_saved(left), state, dropout=self.config.dropout)
            state = replace(state, **totals._asdict(), seconds=state.seconds + time.perf_counter() - started)
            if not all(np.isfinite(array).all() for array in self.network.weights().values()):
                raise Diverged(state.n_steps - 1)  # it must not be saved
            if state.n_steps < n_steps:
                state = self.save(state)
                self.stop_if_asked()
        batches.close()
        return self.end_epoch(state, batch)

    def until_saved(self, batches):
        """Yield batches up to the next checkpoint within the epoch, or until a signal comes; one at least."""
        for i, batch in enumerate(batches, 1):
            sys.audit("rnn_mnist.step", i)
            yield batch
            if self.signals or i == self.options.checkpoint_steps:
                return

    def end_epoch(self, state, batch):
        """Score the last minibatch, after its update, and the validation set; record them; return the next State."""
        after = self.network.run_epoch([batch])[0]
        row = {"epoch": state.epoch, "acc_batch": after.accuracy, "loss_batch": after.loss,
               "acc_running": state.n_correct / state.n_images, "loss_running": state.xentropy / state.n_images,
               "acc_valid": None, "loss_valid": None, "penalty": float(self.network.run(self.network.graph.penalty)),
               "seconds": round(state.seconds, 3), "images_per_second": round(state.n_images / (state.seconds or 1e-9))}
        if len(self.data.valid.labels):
            valid = self.network.evaluate(*self.data.valid)
            row |= {"acc_valid": valid.accuracy, "loss_valid": valid.loss}
        if not all(math.isfinite(value) for value in row.values() if value is not None):
            raise Diverged(state.n_steps - 1)
        self.run.append_metrics(row)
        self.events.add_epoch(self.run.path, row, self.network.weights() if self.options.histograms else {})
        self.run.log(log.epoch_line(row, self.config))
        best = row["acc_valid"] is not None and row["acc_valid"] > state.best_acc_valid
        state = replace(state, epoch=state.epoch + 1, **Totals()._asdict(), seconds=0.0)
        if best:
            state = replace(state, best_epoch=row["epoch"], best_acc_valid=row["acc_valid"])
        return self.save(state, best)

    def save(self, state, best=False):
        """Save a checkpoint of a State and return it."""
        step = state.epoch * (len(self.data.train.labels) // self.config.batch_size) + state.n_steps
        return checkpoint.save_checkpoint(self.run.path, state, step, self.network.save, best)

    def stop_if_asked(self):
        """Leave, saying how to go on, if a signal has come."""
        if self.signals:
            raise Stopped(f"interrupted, saved; go on by: {log.resume_command(self.run, self.config)}",
                          128 + self.signals[0])

    def finish(self, state):
        """Score the test set once, write the last lines and, last of all, result.json."""
        best = bool(self.config.patience) and state.best_epoch >= 0
        if best:
            with checkpoint.copied(self.run.path, state.best_step, state.best_digest) as prefix:
                self.network.restore(prefix)
        test, metrics = self.network.evaluate(*self.data.test), self.run.metrics
        epoch = metrics[state.best_epoch if best else -1]
        values = {"data": self.data.source.kind, "acc_test": test.accuracy, "loss_test": test.loss,
                  "n_test": test.n_images, "n_correct_test": test.n_correct, "penalty": epoch["penalty"],
                  "acc_valid": epoch["acc_valid"], "loss_valid": epoch["loss_valid"], "epochs": state.epoch,
                  "best_epoch": state.best_epoch if state.best_epoch >= 0 else None,
                  "seconds": round(sum(row["seconds"] for row in metrics), 3), "scored": "best" if best else "last",
                  "weights": session.weights_digest(self.network.weights())}
        if self.options.eval_train:
            whole = self.network.evaluate(*self.data.train)
            values |= {"acc_train": whole.accuracy, "loss_train": whole.loss}
        for line in log.last_lines(self.run, self.config, values, self.data.test.labels):
            self.run.log(line)
        self.events.add_result(self.run.path, values)
        if self.options.plots:
            sys.audit("rnn_mnist.plots", self.run.path)
            with guard.only_noted("the learning curves could not be drawn"):
                self.run.plot()
        sys.audit("rnn_mnist.result", self.run.path)
        self.run.write_result(self.config, values)

    @property
    def events(self):
        """Return the module that writes for TensorBoard, which takes its time to import."""
        from rnn_mnist.export import tensorboard
        return tensorboard


class _CallableModule(types.ModuleType):
    """Let `rnn_mnist.train(...)` train, too, where this module has taken the function's place in the package."""

    __call__ = staticmethod(train)


sys.modules[__name__].__class__ = _CallableModule
