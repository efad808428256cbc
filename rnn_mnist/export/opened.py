"""A run's network as it is now, out of a copy of its checkpoint: the run may be in training at the same time.

TensorFlow is imported when a network is opened; the weights alone, where they lie beside the checkpoint, come without.
"""

import contextlib
from dataclasses import replace

import numpy as np

from rnn_mnist import checkpoint
from rnn_mnist.console import machine
from rnn_mnist.console.command import script
from rnn_mnist.console.settings import UserError, resume_hint

N_TRIES = 100  # to copy a checkpoint before it is removed


@contextlib.contextmanager
def open_network(run, **changes):
    """Give the session.Network of a Run with the weights that were scored, or the newest if it is not finished.

    changes: settings computed with instead of the run's, such as replicas or unroll. It computes with the run's
    instruction set, or says on stderr why not. Raise UserError if there is no whole checkpoint or it does not fit.
    """
    with open_scored(run, **changes) as (network, _, _):
        yield network


@contextlib.contextmanager
def open_scored(run, **changes):
    """Give (Network, checkpoint.State, result or None) of a Run that belong together; else as open_network."""
    from rnn_mnist.session import Network
    config = run.config
    with contextlib.ExitStack() as stack:
        prefix, state, result = _of_scored_state(
            run, lambda state: stack.enter_context(checkpoint.copied(run.path, state.step, state.digest)))
        network = stack.enter_context(Network(replace(config, isa=machine.to_look_with(config.isa, run), **changes)))
        network.restore(prefix)
        if not all(np.isfinite(array).all() for array in network.weights().values()):
            raise UserError("{run}: the weights in its checkpoint are not all finite: repeat it by {command}",
                            run=run, command=f"{script('rerun')} {run}")
        if result and checkpoint.weights_digest(network.weights()) != result["weights"]:
            raise UserError("{run}/result.json: is of other weights than the checkpoint: delete it and score the run "
                            "again by {how}", run=run, how=resume_hint(run))
        yield network, state, result


def scored_weights(run):
    """Return the {variable name: float32 array} that open_scored would restore; None if only TensorFlow can read them.

    Raise UserError if there is no whole checkpoint.
    """
    weights, state, result = _of_scored_state(run, lambda state: checkpoint.read_weights(run.path, state))
    sound = weights and (not result or state.weights == result["weights"]) and all(
        np.isfinite(array).all() for array in weights.values())
    return weights if sound else None


def _of_scored_state(run, take):
    """Return (what take makes of the State of the weights that count, this State, result or None).

    A run in training removes its checkpoints all the time: what is gone before it was taken has a successor.
    """
    for tries_left in reversed(range(N_TRIES)):
        result, stamp = run.result, checkpoint.stamp(run.path)
        try:
            state = _scored_state(run, result)
            return take(state), state, result
        except UserError:
            if not tries_left or checkpoint.stamp(run.path) == stamp:
                raise


def _scored_state(run, result):
    """Return the checkpoint's State of the weights that a result is about, or, if that is None, the newest."""
    if not (run.path / "checkpoints").is_dir():
        raise UserError("{run}: has no checkpoints (any more): repeat it by {command}", run=run,
                        command=f"{script('rerun')} {run}")
    best = bool(result) and result["scored"] == "best"
    state = checkpoint.read_state(run.path, "last.json", best) if result else checkpoint.find_state(run.path)
    checkpoint.check_settings(run, state)
    # Patience may have ended a run within an epoch, which is not among those counted.
    if result and (state.epoch != result["epochs"] or (state.n_steps and not best)):
        raise UserError("{run}/result.json: is not of the last checkpoint: delete it and score the run again by {how}",
                        run=run, how=resume_hint(run))
    if best:
        state = replace(state, step=state.best_step, digest=state.best_digest, weights=state.best_weights,
                        epoch=state.best_epoch + 1)
    if state.step < 0:
        raise UserError("{run}: has no checkpoint yet: go on with it by {how}", run=run, how=resume_hint(run))
    return state
