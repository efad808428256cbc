"""A trained run, opened for use: its config, graph and weights in a session, and the data it was trained on."""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rnn_mnist import checkpoint as checkpoints
from rnn_mnist import processor, session
from rnn_mnist import run as runs
from rnn_mnist.config import Config, UserError
from rnn_mnist.data import load_data
from rnn_mnist.graph import Graph, build_graph, reset_graph
from rnn_mnist.tf1 import tf


class Trained(NamedTuple):
    """Hold an open run; the session holds the weights that were scored, or the newest of an unfinished run."""

    run: Path
    config: Config
    graph: Graph
    session: tf.Session


@contextlib.contextmanager
def open_trained(path, **settings):
    """Give the Trained of a run directory; settings change how it is computed, such as replicas or unroll.

    It computes with the run's instruction set, or says on stderr why it does not. Raise UserError if there is no run,
    no checkpoint, or one that is damaged or does not fit the config.
    """
    run = runs.open_run(path)
    config, state, result = runs.read_config(run), scored_state(run), runs.read_result(run)
    if state.config != checkpoints.settings_digest(config):
        raise UserError(f"{run}/config.json: edited or damaged: its settings are not those of the checkpoint")
    isa = processor.to_look_with(config.isa)
    if isa != config.isa:
        print(f"note: {run} was trained with {config.isa} and is computed with {isa} here: "
              "figures agree within rounding", file=sys.stderr)
    config = replace(config, isa=isa, **settings)
    reset_graph(config.seed)
    graph = build_graph(config)
    with session.new_session(graph, config) as open_session:
        session.restore(open_session, graph, checkpoints.prefix(run, state.files))
        if result and session.weights_digest(session.weights(open_session)) != result["weights"]:
            raise UserError(f"{run}/result.json: is of other weights than the checkpoint: delete it and score the run "
                            f"again by --resume {run}")
        yield Trained(run, config, graph, open_session)


def scored_state(run):
    """Return the State of the weights that result.json is about, or the newest; raise UserError if there is none.

    files and epoch are those of the best epoch, if that was scored.
    """
    result = runs.read_result(run)
    if not (run / "checkpoints").is_dir():
        raise UserError(f"{run}: has no checkpoints (any more): repeat it by scripts/rerun.py {run}")
    if result is None:
        state = checkpoints.find_state(run)
    else:
        state = checkpoints.read_state(run, "last.json", with_best=result["scored"] == "best")
        if result["scored"] == "best":
            state = replace(state, files=state.best_files, epoch=state.best_epoch + 1)
    if not state.files:
        raise UserError(f"{run}: has no checkpoint yet: go on with it by --resume {run}")
    return state


def load_run_data(run, config, **settings):
    """Return (Data, whether it is what the run was trained on); settings (data, data_dir, offline) look elsewhere."""
    if settings.get("data_dir") and "data" not in settings:
        settings["data"] = "mnist"
    data = load_data(replace(config, **settings).check())
    return data, data.source.digest == runs.read_json(run / "environment.json").get("data_digest")
