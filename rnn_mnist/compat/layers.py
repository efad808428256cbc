"""tf.contrib.layers as far as recurrent networks used it, after the documentation of TensorFlow 1.15."""

from functools import partial

from rnn_mnist.tf1 import tf

__all__ = ["flatten", "fully_connected", "l2_regularizer", "linear", "relu", "variance_scaling_initializer",
           "xavier_initializer", "xavier_initializer_conv2d"]
_ZEROS = tf.zeros_initializer()
# Normal numbers are cut off at two deviations, which makes them .8796 as wide: today's initializers divide by that,
# these had 1.3 in the variance instead.
_CUT_OFF = 1.3 * 0.87962566103423978 ** 2


def variance_scaling_initializer(factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype=tf.float32):
    """Return an initializer whose variance is factor over the number of inputs, of outputs, or their mean."""
    kind, scale = ("uniform", factor) if uniform else ("truncated_normal", factor * _CUT_OFF)
    return tf.variance_scaling_initializer(scale, mode.lower(), kind, seed, dtype)


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
