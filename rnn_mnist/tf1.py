"""The one door to TensorFlow: `from rnn_mnist.tf1 import tf` gives tf.compat.v1 as the TensorFlow 1 tutorials know it.

BasicRNNCell and tf.layers live in tf_keras, where TensorFlow looks only if TF_USE_LEGACY_KERAS is set when they are
first asked for: here, and not for longer. TensorFlow 1's behaviour is on while our graphs are built, so TensorFlow 2
code and Keras 3 work in the same process if TensorFlow was imported through this door first. Its messages stay off the
terminal unless TF_CPP_MIN_LOG_LEVEL is set.
"""

import contextlib
import os
import threading
import warnings

import numpy as np

from rnn_mnist.console import machine
from rnn_mnist.console.quiet import held_back_stderr, without_collections

_building = threading.Lock()


def _import():
    """Import TensorFlow with its TensorFlow 1 cells and layers, and return its TF1 interface."""
    machine.check_process()
    machine.pin_variables()
    # TensorFlow takes the level from the environment, which child processes inherit: they are to be quiet, too.
    quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
    # TensorFlow 2.21 logs its oneDNN and CUDA notes while it loads, whatever the level says.
    held_back = held_back_stderr() if quiet else contextlib.nullcontext()
    state = np.random.get_state()  # the import draws from the caller's generator
    with held_back, without_collections(), machine.environment(TF_USE_LEGACY_KERAS="1"):
        import tensorflow.compat.v1 as tf
        _ = tf.nn.rnn_cell.BasicRNNCell, tf.layers.dense
    np.random.set_state(state)
    if quiet:
        tf.logging.set_verbosity(tf.logging.ERROR)
        # BasicRNNCell and tf.layers say at every call that Keras would be the newer way; here they are the point.
        warnings.filterwarnings("ignore", message=".*deprecated and will be removed", category=UserWarning)
    return tf


@contextlib.contextmanager
def building(graph):
    """Make a tf.Graph the default one of this thread and build as TensorFlow 1 did, for the length of the block."""
    with graph.as_default(), _building:
        control_flow, resources = tf.control_flow_v2_enabled(), tf.resource_variables_enabled()
        tf.disable_control_flow_v2()
        tf.disable_resource_variables()
        try:
            yield graph
        finally:
            if control_flow:
                tf.enable_control_flow_v2()
            if resources:
                tf.enable_resource_variables()


tf = _import()
