"""tf.contrib.layers as far as recurrent networks used it, after the documentation of TensorFlow 1.15."""

from functools import partial

import numpy as np

from rnn_mnist.tf1 import tf

__all__ = ["flatten", "fully_connected", "l2_regularizer", "linear", "relu", "variance_scaling_initializer",
           "xavier_initializer", "xavier_initializer_conv2d"]
_ZEROS = tf.zeros_initializer()


def variance_scaling_initializer(factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype=tf.float32):
    """Return an initializer whose variance is factor over the number of inputs, of outputs, or their mean.

    Normal numbers are cut off at two deviations and made wider by 1.3 for that, where today's initializers have 1.29.
    """
    def initializer(shape, dtype=dtype, partition_info=None):
        shape = [int(size) for size in shape]
        n_positions = np.prod(shape[:-2])
        fan_in, fan_out = n_positions * shape[-2 if shape[1:] else -1], n_positions * shape[-1]
        variance = factor / {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2}[mode]
        if uniform:
            limit = np.sqrt(3 * variance)
            return tf.random_uniform(shape, -limit, limit, dtype, seed=seed)
        return tf.truncated_normal(shape, 0.0, np.sqrt(1.3 * variance), dtype, seed=seed)

    return initializer


def xavier_initializer(uniform=True, seed=None, dtype=tf.float32):
    """Return Glorot's initializer."""
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


def fully_connected(inputs, num_outputs, activation_fn=tf.nn.relu, normalizer_fn=None, normalizer_params=None,
                    weights_initializer=None, weights_regularizer=None, biases_initializer=_ZEROS,
                    biases_regularizer=None, reuse=None, trainable=True, scope=None):
    """Return [..., num_outputs] of inputs [..., n] by the variables `weights` and `biases` of the scope."""
    with tf.variable_scope(scope, "fully_connected", [inputs], reuse=reuse):
        inputs = tf.convert_to_tensor(inputs)
        variable = partial(tf.get_variable, dtype=inputs.dtype.base_dtype, trainable=trainable)
        weights = variable("weights", [inputs.shape[-1], num_outputs], initializer=weights_initializer,
                           regularizer=weights_regularizer)
        outputs = tf.tensordot(inputs, weights, 1) if inputs.shape.rank > 2 else tf.matmul(inputs, weights)
        if normalizer_fn:
            outputs = normalizer_fn(outputs, **(normalizer_params or {}))
        elif biases_initializer:
            outputs = tf.nn.bias_add(outputs, variable("biases", [num_outputs], initializer=biases_initializer,
                                                       regularizer=biases_regularizer))
        return activation_fn(outputs) if activation_fn else outputs


linear, relu, flatten = partial(fully_connected, activation_fn=None), fully_connected, tf.layers.flatten
xavier_initializer_conv2d = xavier_initializer


def l2_regularizer(scale, scope=None):
    """Return a function of weights: scale times half the sum of their squares."""
    return lambda weights: scale * tf.nn.l2_loss(weights)
