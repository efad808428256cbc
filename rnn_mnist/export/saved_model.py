"""A trained network taken out of the project: a SavedModel for plain TensorFlow 2, an npz for everything else.

Both are written into a hidden folder beside the target, read back, and made to predict; only if they give the run's
logits does the target appear, whole, in one rename.
"""

import contextlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist import run as runs
from rnn_mnist import session
from rnn_mnist.analysis.trained import open_trained
from rnn_mnist.config import Config, UserError
from rnn_mnist.datasets import synthetic
from rnn_mnist.graph import mlp_logits, rnn_logits
from rnn_mnist.session import weights
from rnn_mnist.tf1 import tf
from rnn_mnist.tutorials.numpy_inference import rounding_bound
from rnn_mnist.tutorials.weights_file import network_of

SERVING = "serve"              # the tag and the signature that TensorFlow's own tools look for
SIGNATURE = "serving_default"
N_CHECKED = 200                # drawn digits that the files are checked with
# One thread to a product, as in the run: how a product is cut among threads changes its rounding.
CHECKING = session.on_cpu(intra_op_parallelism_threads=1)


class Export(NamedTuple):
    """Say where an export lies, of which network, how far its logits are from the run's, and how far they might be."""

    folder: Path
    config: Config
    finished: bool
    difference: float
    bound: float


def export_run(path, target=None):
    """Write saved_model/ and weights.npz of a run into a new folder, RUN/export if none is given; return the Export.

    The SavedModel takes images float32 [n, 28, 28], in 0..1 or, with pixels "raw", 0..255, and gives float32 logits and
    probabilities [n, 10] and int32 classes [n]. The npz holds the float32 variables by their TensorFlow 1 names. Raise
    UserError if the target exists, the run can't be opened, or a written file does not predict what the run does.
    """
    target = Path(target) if target is not None else runs.open_run(path) / "export"
    if os.path.lexists(target):
        raise UserError(f"{target} exists: move or delete it, or choose another folder by --out")
    # In one part, as whoever loads the files computes: where a minibatch is cut, its last rows are other images, and
    # oneDNN's products sum the last rows, those that do not fill a block, in another order.
    with open_trained(path, replicas=1) as trained:
        X = synthetic.draw(N_CHECKED, seed=0)[0] / np.float32(255 if trained.config.pixels == "unit" else 1)
        logits, arrays = session.predict(trained.session, trained.graph, X), weights(trained.session)
    with _appearing(target) as folder:
        np.savez(folder / "weights.npz", **arrays)
        _write_saved_model(folder / "saved_model", trained.config, arrays)
        found = {"saved_model": _logits_of_saved_model(folder / "saved_model", X),
                 "weights.npz": _logits_of_npz(folder / "weights.npz", trained.config, X)}
        bound = rounding_bound(network_of(trained.config, arrays), X.reshape(len(X), -1))
        difference = max(_check(target / name, logits, others, bound) for name, others in found.items())
    return Export(target, trained.config, runs.read_result(trained.run) is not None, difference, bound)


@contextlib.contextmanager
def _appearing(target):
    """Give an empty folder that takes the target's name when the block has ended well, and vanishes if not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    beside.mkdir()
    try:
        yield beside
        for path in [path for path in beside.rglob("*") if path.is_file()]:
            with open(path, "r+b") as file:
                os.fsync(file.fileno())
        os.rename(beside, target)
    except tf.errors.OpError as error:
        raise OSError(f"cannot write {target}: {str(error).strip().splitlines()[0]:.120}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    runs.sync_folder(target.parent)


@contextlib.contextmanager
def _network(config, arrays):
    """Give (session, X, logits) of the bare network of a config, with {variable name: array} in it."""
    with tf.Graph().as_default(), tf.Session(config=CHECKING) as open_session:
        X = tf.placeholder(tf.float32, [None, 28, 28], name="images")
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):  # the kind that TensorFlow 2 can assign to
            logits = {"rnn": rnn_logits, "mlp": mlp_logits}[config.model](X, config, tf.identity)
        for variable in tf.trainable_variables():
            variable.load(arrays[variable.op.name], open_session)
        yield open_session, X, logits


def _write_saved_model(folder, config, arrays):
    with _network(config, arrays) as (open_session, X, logits):
        outputs = {"logits": logits, "probabilities": tf.nn.softmax(logits),
                   "classes": tf.argmax(logits, 1, output_type=tf.int32)}
        signature = tf.saved_model.predict_signature_def({"images": X}, outputs)
        builder = tf.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(open_session, [SERVING], {SIGNATURE: signature})
        builder.save()


def _logits_of_saved_model(folder, X):
    with tf.Graph().as_default(), tf.Session(config=CHECKING) as open_session:
        model = tf.saved_model.load(open_session, [SERVING], str(folder))
        signature = model.signature_def[SIGNATURE]
        return open_session.run(signature.outputs["logits"].name, {signature.inputs["images"].name: X})


def _logits_of_npz(path, config, X):
    with np.load(path, allow_pickle=False) as arrays, _network(config, arrays) as (open_session, X_fed, logits):
        return open_session.run(logits, {X_fed: X})


def _check(path, logits, others, bound):
    """Return the largest difference between the run's logits and a file's; raise UserError if it is above a bound."""
    difference = float(np.abs(logits - others).max())
    if not difference <= bound:
        raise UserError(f"{path} was not written: read back, its logits differ from the run's by up to "
                        f"{difference:.2g}, where rounding explains {bound:.2g}")
    return difference
