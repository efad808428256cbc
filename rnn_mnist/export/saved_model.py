"""A trained network taken out of the project: a SavedModel for plain TensorFlow 2, an npz for everything else.

Both are written into a temporary folder, read back, and made to predict; only if they give the run's logits does the
target appear, whole, in one rename.
"""

import contextlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_mnist.config import Config
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError, named
from rnn_mnist.datasets import synthetic
from rnn_mnist.export.numpy_network import network_of, rounding_bound
from rnn_mnist.export.opened import open_scored
from rnn_mnist.files import BESIDE, sync_folder
from rnn_mnist.graph import LOGITS
from rnn_mnist.session import on_cpu
from rnn_mnist.tf1 import building, tf

SERVING = "serve"              # the tag and the signature that TensorFlow's own tools look for
SIGNATURE = "serving_default"
N_CHECKED = 200                # drawn digits that the files are checked with
# One thread to a product, as in the run: how a product is cut among threads changes its rounding.
CHECKING = on_cpu(intra_op_parallelism_threads=1)


class Export(NamedTuple):
    """Say where an export lies, of which network, how far its logits are from the run's, and how far they might be."""

    folder: Path
    config: Config
    finished: bool
    difference: float
    bound: float


def export_run(run, out=None):
    """Write saved_model/ and weights.npz of a Run into a new folder, RUN/export if none is given; return the Export.

    The SavedModel takes images float32 [n, 28, 28], in 0..1 or, with pixels "raw", 0..255, and gives float32 logits and
    probabilities [n, 10] and int32 classes [n]. The npz holds the float32 variables by their TensorFlow 1 names. Raise
    UserError if the folder exists, the run can't be opened, or a written file does not predict what the run does.
    """
    target = Path(out) if out is not None else run.path / "export"
    if os.path.lexists(target):
        raise UserError("{target} exists: move or delete it, or choose another folder by {out}", target=target,
                        out=named("out"))
    # In one part, as whoever loads the files computes: where a minibatch is cut, its last rows are other images, and
    # oneDNN's products sum the last rows, those that do not fill a block, in another order.
    with open_scored(run, replicas=1) as (network, _, result):
        config = network.config
        X = synthetic.draw(N_CHECKED, seed=0)[0] / np.float32(255 if config.pixels == "unit" else 1)
        logits, arrays = network.predict(X), network.weights()
    with _writing_whole(target) as folder:
        np.savez(folder / "weights.npz", **arrays)
        _write_saved_model(folder / "saved_model", config, arrays)
        read_back = {"saved_model": _logits_of_saved_model(folder / "saved_model", X),
                     "weights.npz": _logits_of_npz(folder / "weights.npz", config, X)}
        bound = rounding_bound(network_of(config, arrays), X.reshape(len(X), -1))
        difference = max(_check(target / name, logits, others, bound) for name, others in read_back.items())
    return Export(target, config, result is not None, difference, bound)


@contextlib.contextmanager
def _writing_whole(target):
    """Give an empty folder whose content is in target when the block has ended well; target appears whole or not.

    The folder is a temporary one: TensorFlow takes what stands in a path, such as "[", for a pattern.
    """
    beside = target.parent / f".export-{secrets.token_hex(8)}{BESIDE}"  # two exports at once have one each
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(folder, beside, copy_function=_copy)
        if os.path.lexists(target):
            raise UserError("{target} exists: another export was faster", target=target)
        os.rename(beside, target)
    except (tf.errors.OpError, shutil.Error) as error:
        raise OSError(text("cannot write {path}: {reason:.120}", path=target, reason=" ".join(str(error).split()))
                      ) from None
    except OSError as error:
        error.filename = str(target)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(target.parent)


def _copy(source, target):
    """Copy a file and flush it to disk."""
    shutil.copyfile(source, target)
    with open(target, "r+b") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _bare_network(config, arrays):
    """Give (session, images, {name: tensor} of the outputs) of a config's network with {variable name: array} in it."""
    with building(tf.Graph()) as graph:
        images = tf.placeholder(tf.float32, [None, 28, 28], name="images")
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):  # the kind that TensorFlow 2 can assign to
            logits = LOGITS[config.model](images, config, tf.identity)
        outputs = {"logits": logits, "probabilities": tf.nn.softmax(logits),
                   "classes": tf.argmax(logits, 1, output_type=tf.int32)}
    with graph.as_default(), tf.Session(config=CHECKING) as session:
        for variable in tf.trainable_variables():
            variable.load(arrays[variable.op.name], session)
        yield session, images, outputs


def _write_saved_model(folder, config, arrays):
    with _bare_network(config, arrays) as (session, images, outputs):
        signature = tf.saved_model.predict_signature_def({"images": images}, outputs)
        builder = tf.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, [SERVING], {SIGNATURE: signature})
        builder.save()


def _logits_of_saved_model(folder, X):
    with tf.Graph().as_default(), tf.Session(config=CHECKING) as session:
        model = tf.saved_model.load(session, [SERVING], str(folder))
        signature = model.signature_def[SIGNATURE]
        return session.run(signature.outputs["logits"].name, {signature.inputs["images"].name: X})


def _logits_of_npz(path, config, X):
    with np.load(path, allow_pickle=False) as arrays, _bare_network(config, arrays) as (session, images, outputs):
        return session.run(outputs["logits"], {images: X})


def _check(path, logits, others, bound):
    """Return the largest difference between the run's logits and a file's; raise UserError if it is above a bound."""
    difference = float(np.abs(logits - others).max())
    if not difference <= bound:
        raise UserError("{path} was not written: read back, its logits differ from the run's by up to "
                        "{difference:.2g}, where rounding explains {bound:.2g}", path=path, difference=difference,
                        bound=bound)
    return difference
