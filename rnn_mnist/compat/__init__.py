"""TensorFlow 1 for code that was written for it: after `import rnn_mnist.compat`, `import tensorflow` gives that.

In the process that imports this, and in no other: what TensorFlow 1 did by default is on, tf.contrib and
tensorflow.examples have what recurrent networks used, and MNIST comes from where all data here comes from. It has to be
imported before TensorFlow; nothing else of ours imports it. use_tf1_seeds() then gives the numbers that books print.
"""

import importlib
import os
import re
import sys
import types

import numpy as np
from absl import flags

from rnn_mnist.compat import contrib, mnist
from rnn_mnist.compat.seeds import use_tf1_seeds  # noqa: F401 - for those who import this
from rnn_mnist.tf1 import tf
from rnn_mnist.tutorials.user_script import tell_old_calls, tell_shared_cells

_cells = {name: value for name, value in vars(tf.nn.rnn_cell).items() if not name.startswith("_")}
_static = ("static_rnn", "static_bidirectional_rnn", "static_state_saving_rnn")
_layers = ("flatten", "fully_connected", "l2_regularizer", "linear", "relu", "variance_scaling_initializer",
           "xavier_initializer", "xavier_initializer_conv2d")
_input_data = {"read_data_sets": mnist.read_data_sets}
_PROVIDED = {  # within tensorflow
    "contrib.layers": {name: getattr(contrib, name) for name in _layers},
    "contrib.rnn": {**_cells, **{name: getattr(tf.nn, name) for name in _static},
                    "LSTMBlockCell": lambda num_units, forget_bias=1.0: tf.nn.rnn_cell.BasicLSTMCell(
                        num_units, forget_bias, name="lstm_cell"),
                    "OutputProjectionWrapper": contrib.OutputProjectionWrapper},
    "contrib.rnn.core_rnn_cell": _cells, "contrib.rnn.python.ops.core_rnn_cell": _cells, "python.ops.rnn_cell": _cells,
    "contrib.seq2seq": {"sequence_loss": contrib.sequence_loss},
    "contrib.legacy_seq2seq": {"rnn_decoder": contrib.rnn_decoder, "sequence_loss": contrib.legacy_sequence_loss,
                               "sequence_loss_by_example": contrib.sequence_loss_by_example},
    "contrib.learn.python.learn.datasets.mnist": _input_data, "examples.tutorials.mnist.input_data": _input_data,
}


def _switch():
    """Put TensorFlow 1 in the place of tensorflow, and beside it what its scripts expect of Keras, absl and NumPy."""
    tf.disable_v2_behavior()
    keras = tf.keras = importlib.import_module("tf_keras.api._v1.keras")
    for name, module in list(sys.modules.items()):
        if name.startswith("tf_keras") and name.endswith(".datasets.mnist"):
            module.load_data = mnist.load_data
    real = sys.modules["tensorflow"]
    front = types.ModuleType("tensorflow", real.__doc__)
    vars(front).update(
        __getattr__=lambda name: getattr(tf, name), __dir__=lambda: dir(tf), __file__=real.__file__,
        __spec__=real.__spec__, __version__=tf.__version__, compat=real.compat, keras=keras,
        __path__=[os.path.dirname(keras.__path__[0]), *tf.__path__, os.path.dirname(real.__file__)],
        concat=tell_old_calls(tf.concat, "tf.concat(values, axis)", int),
        split=tell_old_calls(tf.split, "tf.split(value, num_or_size_splits, axis)", int))
    for name in [name for name in dir(tf.nn) if re.match("s.*_cross_entropy_with_logits$", name)]:
        setattr(tf.nn, name, tell_old_calls(getattr(tf.nn, name), f"tf.nn.{name}(labels=..., logits=...)", object))
    sys.modules.update(tensorflow=front, keras=keras)
    for path, contents in _PROVIDED.items():
        vars(_module(f"tensorflow.{path}")).update(contents)
    tell_shared_cells(tf.nn.rnn_cell.MultiRNNCell)
    # Scripts define a log_dir: TensorFlow 1's tf.flags knew none of absl's own, and until 1.4 had the two names below.
    absls = {flags.FLAGS[name] for name in flags.FLAGS}
    for flag in absls:
        flag.allow_override = True
    type(flags.FLAGS)._parse_flags = lambda self: self(sys.argv)
    type(flags.FLAGS).__flags = property(lambda self: {name: self[name].value for name in self
                                                       if self[name] not in absls})
    numpys = {kind.__name__: kind for kind in (bool, complex, float, int, object, str)}  # until NumPy 1.24
    for name, value in {**numpys, "Inf": np.inf, "NaN": np.nan, "float_": np.float64, "product": np.prod}.items():
        vars(np).setdefault(name, value)


def _module(path):
    """Return the module at a dotted path, made if it is not there, as are those that it lies in."""
    if path not in sys.modules:
        module = sys.modules[path] = types.ModuleType(path)
        module.__path__ = []  # else nothing in it could be imported
        parent, _, name = path.rpartition(".")
        setattr(_module(parent), name, module)
    return sys.modules[path]


_switch()
