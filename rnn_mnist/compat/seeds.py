"""TensorFlow 1's operation seeds: a random operation without a seed took the number of operations before it.

Today's TensorFlow counts the random ones only, so that tf.set_random_seed(42) gives other numbers than books print.
"""

import sys
from functools import partial

from tensorflow.python.framework import random_seed
from tensorflow.python.ops import gen_data_flow_ops, random_ops, tensor_array_ops

from rnn_mnist.tf1 import tf


def use_tf1_seeds():
    """Seed random operations as TensorFlow 1 did, in all graphs that this process builds from here on.

    Patches two public and two private functions of TensorFlow. After dropout the seeds are others than TensorFlow 1's.
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

    def random_uniform(todays, shape, minval=0, maxval=None, dtype=tf.float32, seed=None, name=None):
        if tf.as_dtype(dtype).is_floating and isinstance(minval, int) and maxval is None:
            minval, maxval = float(minval), 1.0  # of whole numbers 0 and 1 today's makes no operations
        return todays(shape, minval, maxval, dtype, seed, name)

    def size(self, name=None):  # as asked for by stack(); an operation, too
        return gen_data_flow_ops.tensor_array_size_v3(handle=self._handle, flow_in=self.flow, name=name)

    random_seed.get_seed, tensor_array_ops._GraphTensorArray.size = partial(get_seed, random_seed.get_seed), size
    for module in (tf, sys.modules["tensorflow"], sys.modules["tensorflow"].compat.v2):
        module.split = partial(split, module.split)
    tf.random_uniform = tf.random.uniform = random_ops.random_uniform = partial(random_uniform, tf.random_uniform)
