"""TensorFlow 1's operation seeds: a random operation without a seed took the number of operations before it.

Today's TensorFlow counts the random ones only, so that tf.set_random_seed(42) gives other numbers than books print.
"""

import sys
from functools import partial

from tensorflow.python.framework import random_seed
from tensorflow.python.ops import gen_data_flow_ops, tensor_array_ops

from rnn_mnist.console.settings import UserError
from rnn_mnist.tf1 import tf


def use_tf1_seeds():
    """Seed random operations as TensorFlow 1 did, in all graphs that this process builds from here on.

    Patches tf.split and two private functions of TensorFlow; raise UserError if that has not the effect it should have.
    """
    def get_seed(todays, op_seed):
        graph = tf.get_default_graph()
        if op_seed is None and graph.seed is not None and not tf.executing_eagerly():
            op_seed = len(graph.get_operations())
        return todays(op_seed)

    def split(todays, value, num_or_size_splits, *args, **kwargs):  # as in a cell with gates
        if isinstance(num_or_size_splits, int):
            tf.constant(num_or_size_splits)  # an operation that today's does without
        return todays(value, num_or_size_splits, *args, **kwargs)

    def size(self, name=None):  # as asked for by stack(); an operation, too
        return gen_data_flow_ops.tensor_array_size_v3(handle=self._handle, flow_in=self.flow, name=name)

    random_seed.get_seed, tensor_array_ops._GraphTensorArray.size = partial(get_seed, random_seed.get_seed), size
    for module in (tf, sys.modules["tensorflow"], sys.modules["tensorflow"].compat.v2):
        module.split = partial(split, module.split)
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(42)
        tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(1), tf.zeros([1, 1, 1]), dtype=tf.float32)
        operations = graph.get_operations()
    kinds = [operation.type for operation in operations]
    drawn = kinds.index("RandomUniform")
    if ("TensorArraySizeV3" not in kinds or kinds[kinds.index("Split") - 1] != "Const"
            or operations[drawn].get_attr("seed2") != drawn):
        raise UserError("TensorFlow {version} does not take TensorFlow 1's seeds: go without by --seeds tf2",
                        version=tf.__version__)
