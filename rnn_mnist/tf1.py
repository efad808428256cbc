"""The one door to TensorFlow: `from rnn_mnist.tf1 import tf` gives tf.compat.v1 as the TensorFlow 1 tutorials know it.

BasicRNNCell and tf.layers live in tf_keras today, and TensorFlow finds them there only if TF_USE_LEGACY_KERAS is set
before its first import. All v2 behaviour is turned off: with only eager execution off, the graph's seed does not reach
the cell's initialiser. TensorFlow's messages stay off the terminal unless TF_CPP_MIN_LOG_LEVEL is set (--verbose sets
it to 0).
"""

import contextlib
import gc
import importlib.metadata
import os
import sys
import tempfile
import warnings

from rnn_mnist import processor
from rnn_mnist.config import UserError

CURE = "pip install -r requirements.txt"


def _check_versions():
    """Raise UserError unless tensorflow and tf_keras are installed in the same minor version."""
    found = {}
    for package in ("tensorflow", "tf_keras"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"{package} is not installed: run '{CURE}'") from None
    minor = {package: version.split(".")[:2] for package, version in found.items()}
    if minor["tensorflow"] != minor["tf_keras"]:
        raise UserError(f"tensorflow {found['tensorflow']} needs tf_keras {'.'.join(minor['tensorflow'])}, "
                        f"but tf_keras {found['tf_keras']} is installed: run '{CURE}'")


def _set_variables():
    """Set what TensorFlow reads when it is imported; raise UserError if that comes too late or is forbidden."""
    switch = os.environ.get("TF_USE_LEGACY_KERAS")
    if switch not in (None, "1", "True", "true"):
        raise UserError(f"TF_USE_LEGACY_KERAS={switch} is set, which hides BasicRNNCell: "
                        "run 'unset TF_USE_LEGACY_KERAS' or set it to 1")
    if "tensorflow" in sys.modules:
        raise UserError("tensorflow was imported before rnn_mnist, which has to set it up: import rnn_mnist.tf1 first")
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    processor.pin_variables()


@contextlib.contextmanager
def _held_back_stderr():
    """Keep what C++ writes to file descriptor 2 off the terminal; show it after all if the block fails.

    TensorFlow 2.21 logs its oneDNN and CUDA notes while it loads, whatever TF_CPP_MIN_LOG_LEVEL says.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


@contextlib.contextmanager
def _without_collections():
    """Spare the garbage collector the million objects of the import, which all stay: now, while training, at exit.

    Measured on two cores: 0.5 s less for the import and 0.6 s less for the interpreter's exit.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _import():
    """Import TensorFlow in graph mode and return its TF1 interface."""
    # TensorFlow takes the level from the environment, which child processes inherit: they are to be quiet, too.
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    with _held_back_stderr() if quiet else contextlib.nullcontext(), _without_collections():
        import tensorflow.compat.v1 as tf
        tf.nn.rnn_cell  # noqa: B018 - loads tf_keras now, inside the quiet
    if quiet:
        tf.logging.set_verbosity(tf.logging.ERROR)
        # BasicRNNCell and tf.layers say at every call that Keras would be the newer way; here they are the point.
        warnings.filterwarnings("ignore", message=".*deprecated and will be removed", category=UserWarning)
    tf.disable_v2_behavior()
    return tf


_check_versions()
_set_variables()
tf = _import()
