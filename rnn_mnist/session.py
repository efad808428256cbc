"""Every session.run: one loop over minibatches for training, validation and test; weights out and in."""

import contextlib
import glob
import hashlib
import math
import os
import re
import shutil
import tempfile
from itertools import chain
from typing import NamedTuple

import numpy as np

from rnn_mnist import processor
from rnn_mnist.config import UserError
from rnn_mnist.data import in_order
from rnn_mnist.tf1 import tf

EVAL_BATCH = 1000  # images per slice of an evaluation: large enough to be fast, small enough to keep memory flat


class Totals(NamedTuple):
    """Hold sums over the minibatches seen so far; n_steps is also the position within an epoch."""

    n_steps: int = 0
    n_images: int = 0
    n_correct: int = 0
    xentropy: float = 0.0

    @property
    def accuracy(self):
        """Return the share of images classified right, 0..1."""
        return self.n_correct / self.n_images

    @property
    def loss(self):
        """Return the mean cross-entropy per image, in nats."""
        return self.xentropy / self.n_images


class Diverged(Exception):
    """Say that the loss or a weight was not finite; args: steps done before that in the epoch."""


def new_session(graph, config):
    """Return a session with freshly initialised variables, one thread per replica but no more than there are cores.

    It computes on the CPU, also where there is a GPU, and with the config's instruction set. Raise UserError if this
    processor lacks that, or if this process computes with another already.
    """
    processor.use(config.isa)
    settings = on_cpu(inter_op_parallelism_threads=n_threads(config), intra_op_parallelism_threads=1)
    # Remapping would join each product with the bias after it into one operation of oneDNN's, which is the slower way:
    # dynamic and static measured up to 1.08 times as fast without.
    rewriting = settings.graph_options.rewrite_options
    rewriting.remapping = rewriting.OFF
    session = tf.Session(config=settings)
    session.run(graph.init)
    return session


def on_cpu(**settings):
    """Return a ConfigProto of the settings for a session that uses no GPU: one rounds otherwise than a processor."""
    return tf.ConfigProto(device_count={"GPU": 0}, **settings)


def n_threads(config):
    """Return how many threads run operations: as set, or one per replica but no more than there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return config.threads or min(config.replicas, cores)


def visible_gpus():
    """Return the names of the GPUs that TensorFlow finds here; none is used."""
    return [device.name for device in tf.config.list_physical_devices("GPU")]


def run_epoch(session, graph, batches, totals=None, dropout=None):
    """Run the minibatches; return the Totals, counted on from those given, and the last minibatch (None if none ran).

    batches yields (X uint8 [batch, 28, 28], y int [batch]). With a dropout rate, 0 included, each minibatch is trained
    on; without, it is only scored. Raise Diverged if a training loss is not finite.
    """
    train = dropout is not None
    totals, batch = totals or Totals(), None
    fetches = [graph.n_correct, graph.xentropy_sum] + ([graph.training_op] if train else [])
    for batch in batches:
        feed = dict(zip((graph.pixels, graph.y), batch, strict=True))
        if dropout:
            feed[graph.dropout_rate] = dropout
        n_correct, xentropy, *_ = session.run(fetches, feed)
        if train and not math.isfinite(xentropy):
            raise Diverged(totals.n_steps)
        totals = Totals(totals.n_steps + 1, totals.n_images + len(batch[1]), totals.n_correct + int(n_correct),
                        totals.xentropy + float(xentropy))
    return totals, batch


def evaluate(session, graph, images, labels):
    """Return the Totals of a whole set, uint8 [n, 28, 28] and int [n], in slices; counts are exact."""
    return run_epoch(session, graph, in_order(images, labels, EVAL_BATCH))[0]


def predict(session, graph, images):
    """Return float32 logits [n, 10] of images: uint8 as in the data, or float32 as the network's X."""
    X = graph.pixels if images.dtype == np.uint8 else graph.X
    slices = (session.run(graph.logits, {X: images[start:start + EVAL_BATCH]})
              for start in range(0, len(images), EVAL_BATCH))
    return np.concatenate(list(chain([np.zeros([0, 10], np.float32)], slices)))


def penalty(session, graph):
    """Return the L2 term of the loss for the weights as they are."""
    return float(session.run(graph.penalty))


def weights(session):
    """Return {variable name: float32 array} of all trainable variables, sorted by name."""
    values = session.run({variable.op.name: variable for variable in tf.trainable_variables()})
    return dict(sorted(values.items()))


def weights_digest(arrays):
    """Return the SHA-256 (hex) over names, shapes and little-endian bytes of {name: array}."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def save(session, graph, prefix):
    """Write all variables to a checkpoint; raise OSError if the disk refuses."""
    try:
        graph.saver.save(session, prefix, write_meta_graph=False, write_state=False)
    except (tf.errors.OpError, ValueError) as error:  # ValueError: the Saver's word for a folder it cannot write to
        raise OSError(f"cannot write {prefix}: {_reason(error)}") from None


def restore(session, graph, prefix):
    """Read all variables back from a checkpoint; raise UserError if it does not fit the graph."""
    try:
        with _without_brackets(prefix) as readable:
            graph.saver.restore(session, readable)
    except (tf.errors.OpError, ValueError) as error:
        raise UserError(f"{prefix}: cannot be read as a checkpoint of this network: {_reason(error)}") from None


@contextlib.contextmanager
def _without_brackets(prefix):
    """Give a path to the same checkpoint, a copy if need be, that TensorFlow does not take for a pattern of names."""
    if "[" not in prefix:
        yield prefix
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in glob.glob(glob.escape(prefix) + ".*"):
            shutil.copy(path, folder)
        yield os.path.join(folder, os.path.basename(prefix))


def _reason(error):
    """Return the words of a TensorFlow error that say why: after the line of the node, where it names one."""
    found = re.search(r"^Node: .*\n(?:.*; )?(.+)", str(error), re.MULTILINE)
    lines = [found[1]] if found else str(error).split("\n")
    return lines[0].strip()[:120] or type(error).__name__
