"""Every session.run: one loop over minibatches for training, validation and test; weights out and in."""

import sys
from typing import NamedTuple

import numpy as np

from rnn_mnist.cells import n_states, n_weights
from rnn_mnist.console import machine
from rnn_mnist.console.languages import text
from rnn_mnist.console.quiet import reason
from rnn_mnist.console.settings import UserError
from rnn_mnist.data import sequential_batches
from rnn_mnist.graph import build_graph
from rnn_mnist.tf1 import tf

MAX_LOSS = 1e12  # nats of a minibatch: what goes beyond is lost, and its sums would soon leave what can be saved
EVAL_BATCH = 1000  # images per slice of an evaluation: large enough to be fast, small enough to keep memory flat


class Totals(NamedTuple):
    """Hold sums over the minibatches seen so far; n_steps is also the position within an epoch."""

    n_steps: int = 0
    n_images: int = 0
    n_correct: int = 0
    xentropy: float = 0.0

    accuracy = property(lambda self: self.n_correct / self.n_images, doc="The share of images classified right.")
    loss = property(lambda self: self.xentropy / self.n_images, doc="The mean cross-entropy per image, in nats.")


class Diverged(Exception):
    """Say that the loss or a weight was not finite, or the loss too large; args: steps done before in the epoch."""


class Network:
    """Hold the graph of a config, its variables, freshly initialised, and its session, as one object and a context.

    It computes on the CPU, also where there is a GPU, and with the config's instruction set; threads as in RunOptions.
    Raise UserError if this processor lacks that, or if this process computes with another already.
    """

    def __init__(self, config, threads=0):
        machine.use(config.isa)
        machine.keep_memory()
        machine.check_memory(n_weights(config), config.batch_size * n_states(config))
        sys.audit("rnn_mnist.graph", config)
        self.config, self.graph = config, build_graph(config)
        self.n_threads = threads or min(config.replicas, machine.n_cores())
        self.gpus = [device.name for device in tf.config.list_physical_devices("GPU")]  # found here; none is used
        self.session = new_session(self.graph.tf_graph, self.n_threads)
        self._run(self.graph.init)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()

    def run_epoch(self, batches, totals=None, dropout=None, learning_rate=None):
        """Run the minibatches as steps does and return the Totals after the last."""
        found = totals or Totals()
        for found, _ in self.steps(batches, totals, dropout, learning_rate):  # noqa: B007 - the last counts
            pass
        return found

    def steps(self, batches, totals=None, dropout=None, learning_rate=None):
        """Run the minibatches; yield the Totals, counted on from those given, and the minibatch after each.

        batches yields (X uint8 [batch, 28, 28], y int [batch]). With a dropout rate, 0 included, each minibatch is
        trained on, at the config's learning rate if there is no other; without, it is only scored. Raise Diverged if a
        training loss is not finite, or beyond all measure.
        """
        graph, train, totals = self.graph, dropout is not None, totals or Totals()
        fetches = [graph.n_correct, graph.xentropy_sum] + ([graph.training_op] if train else [])
        rates = {graph.dropout_rate.name: dropout} if dropout else {}
        if learning_rate not in (None, self.config.learning_rate):
            rates[graph.learning_rate.name] = learning_rate
        for batch in batches:
            if train:
                sys.audit("rnn_mnist.step", totals.n_steps)
            n_correct, xentropy, *_ = self._run(fetches, {graph.pixels.name: batch[0], graph.y.name: batch[1], **rates})
            if train and not xentropy <= MAX_LOSS:  # nor if it is nan
                raise Diverged(totals.n_steps)
            totals = Totals(totals.n_steps + 1, totals.n_images + len(batch[1]),
                            totals.n_correct + int(n_correct), totals.xentropy + float(xentropy))
            yield totals, batch

    def evaluate(self, images, labels):
        """Return the Totals of a whole set, uint8 [n, 28, 28] and int [n], in slices; counts are exact."""
        sys.audit("rnn_mnist.evaluate", self)
        return self.run_epoch(sequential_batches(images, labels, EVAL_BATCH))

    def predict(self, images):
        """Return float32 logits [n, 10] of images: uint8 as in the data, or float32 as the network's X."""
        X = self.graph.pixels if images.dtype == np.uint8 else self.graph.X
        return np.concatenate([np.zeros([0, 10], np.float32), *(
            self.run(self.graph.logits, [X], [part]) for part, _ in sequential_batches(images, images, EVAL_BATCH))])

    def run(self, fetches, tensors=(), values=()):
        """Return what the session makes of fetches, a structure of tensors, with values fed for tensors."""
        # By their names: TensorFlow 2 lets no tensor be the key of a dict.
        return self._run(fetches, {tensor.name: value for tensor, value in zip(tensors, values, strict=True)})

    def weights(self):
        """Return {variable name: float32 array} of all trainable variables, sorted by name."""
        return self._run(self.graph.weights)

    def load(self, arrays):
        """Set the trainable variables to {variable name: array}; raise UserError unless names and shapes are theirs."""
        shapes = {name: tuple(variable.shape.as_list()) for name, variable in self.graph.weights.items()}
        for name in sorted(shapes.keys() | arrays.keys()):
            mine, theirs = shapes.get(name), arrays[name].shape if name in arrays else None
            if mine != theirs:
                raise UserError("weights {name}: shape {theirs} there, {mine} in this network: the two must have the "
                                "same cell, layers and sizes", name=name, theirs=theirs, mine=mine)
        for name, variable in self.graph.weights.items():
            self.run(variable.initializer, [variable.initializer.inputs[1]], [arrays[name]])

    def _run(self, fetches, feed=None):
        """Return what session.run does; raise MemoryError if it fails: graph and data are sound, memory may not do."""
        try:
            return self.session.run(fetches, feed)
        except tf.errors.OpError as error:  # it is not always told as ResourceExhaustedError
            raise MemoryError(reason(error)) from None

    def save(self, prefix):
        """Write all variables to a checkpoint; raise OSError if the disk refuses."""
        try:
            with self.graph.tf_graph.as_default():
                self.graph.saver.save(self.session, prefix, write_meta_graph=False, write_state=False)
        except (tf.errors.OpError, ValueError) as error:  # ValueError: the Saver's word for a folder it can't write to
            raise OSError(text("cannot write {prefix}: {reason}", prefix=prefix, reason=reason(error))) from None

    def restore(self, prefix):
        """Read all variables back from a checkpoint; raise UserError if it does not fit the graph."""
        try:
            with self.graph.tf_graph.as_default():
                self.graph.saver.restore(self.session, prefix)
        except (tf.errors.OpError, ValueError) as error:
            raise UserError("the checkpoint cannot be read as one of this network: {reason}",
                            reason=reason(error)) from None


def new_session(graph, n_threads):
    """Return a session for a tf.Graph as training has it."""
    settings = on_cpu(inter_op_parallelism_threads=n_threads, intra_op_parallelism_threads=1)
    # Remapping would join each product with the bias after it into one operation of oneDNN's, which is the slower
    # way: dynamic and static measured up to 1.08 times as fast without.
    rewriting = settings.graph_options.rewrite_options
    rewriting.remapping = rewriting.OFF
    return tf.Session(graph=graph, config=settings)


def on_cpu(**settings):
    """Return a ConfigProto of the settings for a session that uses no GPU: one rounds otherwise than a processor."""
    return tf.ConfigProto(device_count={"GPU": 0}, **settings)
