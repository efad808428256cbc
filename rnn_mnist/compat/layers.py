"""tf.contrib.layers, as far as recurrent networks used it, after TensorFlow 1.15's documentation."""

from functools import partial

import numpy as np

from rnn_mnist.tf1 import tf

__all__ = ["dropout", "embed_sequence", "flatten", "fully_connected", "l1_regularizer", "l2_regularizer", "linear",
           "relu", "variance_scaling_initializer", "xavier_initializer", "xavier_initializer_conv2d"]


def variance_scaling_initializer(factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype=tf.float32):
    """Return an initializer whose variance is factor over the number of inputs, outputs, or their mean (He, Glorot).

    Its normal numbers are cut off at two deviations, 1.3 times as wide for that: today's initializers have .88 in there.
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
                    weights_initializer=xavier_initializer(), weights_regularizer=None,
                    biases_initializer=tf.zeros_initializer(), biases_regularizer=None, reuse=None,
                    variables_collections=None, outputs_collections=None, trainable=True, scope=None):
    """Return [..., num_outputs] of inputs [..., n], through variables `weights` and `biases` in the scope."""
    with tf.variable_scope(scope, "fully_connected", [inputs], reuse=reuse):
        inputs = tf.convert_to_tensor(inputs)
        variable = partial(tf.get_variable, dtype=inputs.dtype.base_dtype, trainable=trainable, collections=[
            tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES, *(variables_collections or [])])
        weights = variable("weights", [inputs.shape[-1], num_outputs], initializer=weights_initializer,
                           regularizer=weights_regularizer)
        biased = biases_initializer is not None and normalizer_fn is None
        biases = biased and variable("biases", [num_outputs], initializer=biases_initializer,
                                     regularizer=biases_regularizer)
        outputs = tf.tensordot(inputs, weights, 1) if inputs.shape.rank > 2 else tf.matmul(inputs, weights)
        outputs = tf.nn.bias_add(outputs, biases) if biased else outputs
        outputs = normalizer_fn(outputs, **(normalizer_params or {})) if normalizer_fn else outputs
        outputs = activation_fn(outputs) if activation_fn else outputs
        tf.add_to_collections(outputs_collections, outputs)
        return outputs


linear, relu = partial(fully_connected, activation_fn=None), fully_connected
flatten, xavier_initializer_conv2d = tf.layers.flatten, xavier_initializer


def dropout(inputs, keep_prob=0.5, noise_shape=None, is_training=True, seed=None):
    """Return inputs of which each is kept with probability keep_prob, and the scaled up; as they are if not is_training."""
    return tf.layers.dropout(inputs, 1 - keep_prob, noise_shape, seed, is_training)


def embed_sequence(ids, vocab_size=None, embed_dim=None, scope=None, reuse=None):
    """Return rows [..., embed_dim] of a variable `embeddings` [vocab_size, embed_dim] for ids."""
    with tf.variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        return tf.nn.embedding_lookup(tf.get_variable("embeddings", [vocab_size, embed_dim]), ids)


def l1_regularizer(scale):
    """Return a function of weights: scale times the sum of their absolute values."""
    return lambda weights: scale * tf.reduce_sum(tf.abs(weights))


def l2_regularizer(scale):
    """Return a function of weights: scale times half the sum of their squares."""
    return lambda weights: scale * tf.nn.l2_loss(weights)
