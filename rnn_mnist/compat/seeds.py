"""TensorFlow 1's operation seeds: a random operation without a seed took the number of operations before it.

Today's TensorFlow counts the random ones only, so that a script with tf.set_random_seed(42) draws other numbers than
those that its book prints.
"""

from rnn_mnist.console.settings import UserError
from rnn_mnist.tf1 import tf


def use_tf1_seeds():
    """Seed random operations as TensorFlow 1 did, in all graphs that this process builds from here on.

    Patches two private functions of TensorFlow, and raises UserError if that has not the effect it should have.
    """
    from tensorflow.python.framework import random_seed
    from tensorflow.python.ops import gen_data_flow_ops, tensor_array_ops
    todays = random_seed.get_seed

    def get_seed(op_seed):
        graph = tf.get_default_graph()
        if op_seed is None and graph.seed is not None and not tf.executing_eagerly():
            op_seed = len(graph.get_operations())
        return todays(op_seed)

    def size(self, name=None):
        """Ask an operation, as stack() did: today's array knows its size without one, and so all numbers after it."""
        return gen_data_flow_ops.tensor_array_size_v3(handle=self._handle, flow_in=self.flow, name=name)

    random_seed.get_seed, tensor_array_ops._GraphTensorArray.size = get_seed, size
    check()


def check():
    """Raise UserError unless a graph of two operations that tell has TensorFlow 1's seeds and operations."""
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(42)
        tf.TensorArray(tf.float32, 2, element_shape=[1]).write(0, [1.0]).stack()
        drawn = tf.random_uniform([1]).op
        kinds = [operation.type for operation in graph.get_operations()]
    if "TensorArraySizeV3" not in kinds or drawn.get_attr("seed2") != kinds.index(drawn.type):
        raise UserError("TensorFlow {version} numbers its operations in another way than the versions that are known "
                        "here: leave TensorFlow 1's seeds out by --seeds tf2", version=tf.__version__)
