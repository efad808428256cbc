"""Training: the loop that ties data, network and run directory together, from the start or from a checkpoint."""

import contextlib
import math
import sys
import time
import types
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from rnn_mnist import checkpoint
from rnn_mnist.checkpoint import State, weights_digest
from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import forms, guard, log, machine
from rnn_mnist.console.languages import SYNTHETIC, text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import Stopped, UserError, named, sort
from rnn_mnist.data import Data, load_data, order_digest, shuffle_batch
from rnn_mnist.run import Run, create_run
from rnn_mnist.session import Diverged, Network, Totals

NO_SIGNALS = contextlib.nullcontext(())


def train(config=None, options=None, *, name=None, base=None, signals=NO_SIGNALS, loaded=None, place=None,
          note="", **settings):
    """Train a new run and return it; settings of either kind change those of config and options.

    name: an automatic one, if not what differs from base. signals: a context, entered when the run is made, of a list;
    what comes into it stops the training after the step in progress. loaded: what load_arrays has returned, so as not
    to read it again. place: as for create_run. note: the text of its note.txt. Raise UserError if settings or data
    are not as they should be, Stopped if it ended before its time.
    """
    given, given_options = sort(settings, Config, RunOptions)
    config, options = with_settings(config or Config(), **given), replace(options or RunOptions(), **given_options)
    guard.check_place(replace(options, runs_dir=place or options.runs_dir))
    forms.checked_note(note)
    config = replace(config, isa=machine.resolve(config.isa))
    name = name or log.run_name(config, base or Config())
    data = load_data(config, options, loaded)
    config = replace(config, data="synthetic" if data.source.kind == SYNTHETIC else "mnist")
    with Network(config, options.threads) as network:
        config = begin_with(network, config, options)
        run = create_run(config, options, name, _environment(network, data), place)
        with guard.locked(run), signals as noted, guard.telling_how_to_go_on(run, config):
            run.write_note(note)
            run.log(log.first_line(config, data))
            state = State(checkpoint.settings_digest(config), data.source.digest, config.epochs)
            state = checkpoint.save_state(run.path, state)
            return _Trainer(run, config, options, data, network, noted).train(state)


def resume(run, changes, signals=NO_SIGNALS, loaded=None):
    """Go on with a Run from its last whole checkpoint and return it; of one that is finished, say so.

    changes: {setting: value} given anew; epochs and RunOptions are accepted. signals, loaded: as for train. Raise
    UserError if others are changed, or if a file that it needs is damaged, and as train does.
    """
    with guard.locked(run):
        state = checkpoint.find_state(run.path, best=bool(run.config.patience))
        checkpoint.check_settings(run, state)
        config, options = guard.settings_to_resume(run, state, changes)
        if run.result and (end := _end(config, state)):
            # Not an error: whoever repeats the command until it succeeds may not know that a kill came after the end.
            note(text("{run} is finished: {end}", run=run, end=end))
            return run
        guard.check_data_dir(run, options, changes)
        data = load_data(config, options, loaded)
        guard.check_data(run, state.data, data.source)
        forms.check_position(run, state, len(data.train.labels), config.batch_size)
        with guard.telling_how_to_go_on(run, config), Network(config, options.threads) as network, signals as noted:
            if state.step >= 0:
                with checkpoint.copied(run.path, state.step, state.digest) as prefix:
                    network.restore(prefix)
            else:
                begin_with(network, config, options)
            checkpoint.restore_files(run.path, state)
            run.note_environment(_environment(network, data))
            run.write_settings(config, options)
            run.log(log.resumed_line(state))
            state = checkpoint.save_state(run.path, replace(state, epochs=config.epochs))
            return _Trainer(run, config, options, data, network, noted).train(state)


def begin_with(network, config, options):
    """Give a Network the weights of the run that training is to begin with; return the Config that names them."""
    if options.init_from is None and config.init_weights:
        raise UserError("the weights that training began with are not at hand: name their run by {setting}",
                        setting=named("init_from"))
    if options.init_from is None:
        return config
    try:
        with Run(options.init_from).open_network() as other:
            weights = other.weights()
        digest = weights_digest(weights)
        if config.init_weights not in ("", digest):
            raise UserError("{run}: its weights are no longer those that training began with: give a copy from then",
                            run=options.init_from)
        network.load(weights)
    except UserError as error:
        raise UserError("{setting}: {error}", setting=named("init_from"), error=error) from None
    return replace(config, init_weights=digest)


def _environment(network, data):
    order = {} if network.config.model == "mlp" else {"order": network.config.order,
                                                      "order_sha256": order_digest(network.config)}
    return machine.describe(gpus=network.gpus, threads=network.n_threads, data=data.source.kind,
                            data_digest=data.source.digest, **order)


def _end(config, state):
    """Return why there is nothing left to train, None if there is."""
    if config.patience and state.n_worse >= config.patience:
        return text("{setting} ended it after {n} epochs", setting=named("patience", config.patience), n=state.epoch)
    if state.epoch >= config.epochs:
        return text("it has its {n} epochs; to train on, add {setting} N", n=state.epoch, setting=named("epochs"))


def _due(n_steps, every):
    """Tell whether what is to be done every so many steps (0: never) is due after n_steps."""
    return every and n_steps % every == 0


def _judged(state, acc_valid):
    """Return (the State after a validation, whether it was the best so far); None: there was none."""
    if acc_valid is None:
        return state, False
    if acc_valid > state.best_acc_valid:
        return replace(state, best_epoch=state.epoch, best_acc_valid=acc_valid, n_worse=0), True
    return replace(state, n_worse=state.n_worse + 1), False


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
                self.stop_if_asked(state)
            self.finish(state)
        except Diverged as error:
            where = f"epoch {state.epoch:03d}, step {error.args[0] + 1}"
            self.run.log(log.diverged_line(where))
            raise Stopped("diverged: {where}: the loss or a weight is not finite, or too large: try a lower {setting}; "
                          "the epochs before are kept in {run}", 3, where=where, setting=named("learning_rate"),
                          run=self.run) from None
        if self.signals:
            raise Stopped("interrupted; {run} is finished all the same", 128 + self.signals[0], run=self.run)
        return self.run

    def train_epoch(self, state, rnd):
        """Train the rest of an epoch, write its line, row and checkpoint, and return the State after it.

        If patience ends it earlier, return the State then.
        """
        config, n_steps = self.config, len(self.data.train.labels) // self.config.batch_size
        # Without those that were done before an interruption.
        left = islice(shuffle_batch(*self.data.train, config.batch_size, rnd), state.n_steps, None)
        steps = self.network.steps(left, state, config.dropout, config.learning_rate * config.lr_decay**state.epoch)
        started = time.perf_counter()
        with contextlib.closing(log.with_bar(steps, state, n_steps, config.epochs)) as shown:
            for totals, batch in shown:  # noqa: B007 - the last minibatch counts
                done = totals.n_steps
                if not (self.signals or done == n_steps or _due(done, self.options.checkpoint_steps)
                        or _due(done, config.valid_steps)):
                    continue
                state = replace(state, **totals._asdict(), seconds=state.seconds + time.perf_counter() - started)
                if not all(np.isfinite(array).all() for array in self.network.weights().values()):
                    raise Diverged(done - 1)  # it must not be saved
                if done < n_steps:
                    state = self.pause(state, n_steps)
                    if _end(config, state):
                        return state
                    started = time.perf_counter()
        return self.end_epoch(state, batch)

    def pause(self, state, n_steps):
        """Validate within an epoch if that is due, save, and return the State; leave if a signal has come."""
        best = False
        if _due(state.n_steps, self.config.valid_steps):
            row = {"epochs": state.epoch + state.n_steps / n_steps, "step": state.epoch * n_steps + state.n_steps,
                   **self.valid_figures()}
            self.run.append_validation(row)
            with log.beside_bar():
                self.run.log(log.step_line(state, row))
            state, best = _judged(state, row["acc_valid"])
        state = self.save(state, best)
        self.stop_if_asked(state)
        return state

    def end_epoch(self, state, batch):
        """Score the last minibatch, after its update, and the validation set; record them; return the next State."""
        after = self.network.run_epoch([batch])
        row = {"epoch": state.epoch, "acc_batch": after.accuracy, "loss_batch": after.loss,
               "acc_running": state.n_correct / state.n_images, "loss_running": state.xentropy / state.n_images,
               **self.valid_figures(),
               "seconds": round(state.seconds, 3), "images_per_second": round(state.n_images / (state.seconds or 1e-9))}
        if not all(math.isfinite(value) for value in row.values() if value is not None):
            raise Diverged(state.n_steps - 1)
        self.run.append_metrics(row)
        self.events.add_epoch(self.run.path, row, self.network.weights() if self.options.histograms else {})
        self.run.log(log.epoch_line(row, self.config))
        state, best = _judged(state, row["acc_valid"])
        return self.save(replace(state, epoch=state.epoch + 1, **Totals()._asdict(), seconds=0.0), best)

    def valid_figures(self):
        """Return what the weights as they are make of the validation set, and their penalty."""
        penalty = {"penalty": float(self.network.run(self.network.graph.penalty))}
        if not len(self.data.valid.labels):
            return {"acc_valid": None, "loss_valid": None, **penalty}
        valid = self.network.evaluate(*self.data.valid)
        return {"acc_valid": valid.accuracy, "loss_valid": valid.loss, **penalty}

    def save(self, state, best=False):
        """Save a checkpoint of a State and return it."""
        step = state.epoch * (len(self.data.train.labels) // self.config.batch_size) + state.n_steps
        return checkpoint.save_checkpoint(self.run.path, state, step, self.network.save, self.network.weights(), best)

    def stop_if_asked(self, state):
        """Leave, saying so in the log and how to go on, if a signal has come; state: the one that is saved."""
        if self.signals:
            self.run.log(log.interrupted_line(state, self.signals[0]))
            checkpoint.save_state(self.run.path, state)  # with the log, which a resume puts back
            raise Stopped("interrupted, saved; go on by: {command}", 128 + self.signals[0],
                          command=log.resume_command(self.run, self.config))

    def finish(self, state):
        """Score the test set once, write the last lines and, last of all, result.json."""
        best = bool(self.config.patience) and state.best_epoch >= 0
        if best:
            with checkpoint.copied(self.run.path, state.best_step, state.best_digest) as prefix:
                self.network.restore(prefix)
        metrics = self.run.metrics
        epoch = self.valid_figures() if best else metrics[-1]
        test = self.network.evaluate(*self.data.test)
        values = {"data": self.data.source.kind, "acc_test": test.accuracy, "loss_test": test.loss,
                  "n_test": test.n_images, "n_correct_test": test.n_correct, "penalty": epoch["penalty"],
                  "acc_valid": epoch["acc_valid"], "loss_valid": epoch["loss_valid"], "epochs": state.epoch,
                  "best_epoch": state.best_epoch if state.best_epoch >= 0 else None,
                  "seconds": round(sum(row["seconds"] for row in metrics) + state.seconds, 3),
                  "scored": "best" if best else "last",
                  "weights": weights_digest(self.network.weights())}
        if self.options.eval_train:
            whole = self.network.evaluate(*self.data.train)
            values |= {"acc_train": whole.accuracy, "loss_train": whole.loss}
        for line in log.last_lines(self.run, self.config, state, values, self.data.test.labels):
            self.run.log(line)
        self.events.add_result(self.run.path, values)
        if self.options.plots:
            sys.audit("rnn_mnist.plots", self.run.path)
            with guard.only_noted(text("the learning curves could not be drawn")):
                self.run.plot()
        sys.audit("rnn_mnist.result", self.run.path)
        self.run.write_result(self.config, values)

    @property
    def events(self):
        """Return the module that writes for TensorBoard, which takes its time to import."""
        from rnn_mnist.export import tensorboard
        return tensorboard


# `rnn_mnist.train(...)` trains, too, where this module has taken the function's place in the package.
sys.modules[__name__].__class__ = type("CallableModule", (types.ModuleType,), {"__call__": staticmethod(train)})
