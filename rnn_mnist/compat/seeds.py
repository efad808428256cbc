"""TensorFlow 1's operation seeds: a random operation without a seed took the number of operations before it.

Today's TensorFlow counts the random ones only, so that tf.set_random_seed(42) gives other numbers than books print.
"""

from tensorflow.python.framework import random_seed
from tensorflow.python.ops import gen_data_flow_ops, tensor_array_ops

from rnn_mnist.console.settings import UserError
from rnn_mnist.tf1 import tf


def use_tf1_seeds():
    """Seed random operations as TensorFlow 1 did, in all graphs that this process builds from here on.

    Patches two private functions of TensorFlow, and raises UserError if that has not the effect it should have.
    """
    todays = random_seed.get_seed

    def get_seed(op_seed):
        graph = tf.get_default_graph()
        if op_seed is None and graph.seed is not None and not tf.executing_eagerly():
            op_seed = len(graph.get_operations())
        return todays(op_seed)

    def size(self, name=None):  # by an operation, which stack() asks for: today's array mostly knows without one
        return gen_data_flow_ops.tensor_array_size_v3(handle=self._handle, flow_in=self.flow, name=name)

    random_seed.get_seed, tensor_array_ops._GraphTensorArray.size = get_seed, size
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(42)
        tf.TensorArray(tf.float32, 2, element_shape=[1]).write(0, [1.0]).stack()
        drawn = tf.random_uniform([1]).op
        kinds = [operation.type for operation in graph.get_operations()]
    if "TensorArraySizeV3" not in kinds or drawn.get_attr("seed2") != kinds.index(drawn.type):
        raise UserError("TensorFlow {version} does not take TensorFlow 1's seeds: go without by --seeds tf2",
                        version=tf.__version__)
