"""What recurrent networks used of tf.contrib and today's TensorFlow lacks, after the documentation of 1.15."""

from functools import partial

from rnn_mnist.tf1 import tf

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


_XAVIER, _ZEROS = xavier_initializer(), tf.zeros_initializer()


def fully_connected(inputs, num_outputs, activation_fn=tf.nn.relu, normalizer_fn=None, normalizer_params=None,
                    weights_initializer=_XAVIER, weights_regularizer=None, biases_initializer=_ZEROS,
                    biases_regularizer=None, reuse=None, variables_collections=None, outputs_collections=None,
                    trainable=True, scope=None):
    """Return [..., num_outputs] of inputs float [..., n] by the variables `weights` and `biases` of the scope."""
    with tf.variable_scope(scope, "fully_connected", [inputs], reuse=reuse):
        inputs = tf.convert_to_tensor(inputs)
        variable = partial(tf.get_variable, dtype=inputs.dtype.base_dtype, trainable=trainable, collections=[
            tf.GraphKeys.GLOBAL_VARIABLES, tf.GraphKeys.MODEL_VARIABLES, *(variables_collections or [])])
        weights = variable("weights", [inputs.shape[-1], num_outputs], initializer=weights_initializer,
                           regularizer=weights_regularizer)
        biases = None if normalizer_fn or not biases_initializer else variable(
            "biases", [num_outputs], initializer=biases_initializer, regularizer=biases_regularizer)
        outputs = tf.tensordot(inputs, weights, 1) if inputs.shape.rank > 2 else tf.matmul(inputs, weights)
        outputs = outputs if biases is None else tf.nn.bias_add(outputs, biases)
        outputs = normalizer_fn(outputs, **(normalizer_params or {})) if normalizer_fn else outputs
        outputs = activation_fn(outputs) if activation_fn else outputs
        tf.add_to_collections(outputs_collections or [], outputs)
        return outputs


linear, relu = partial(fully_connected, activation_fn=None), fully_connected
flatten, xavier_initializer_conv2d = tf.layers.flatten, xavier_initializer


def l2_regularizer(scale, scope=None):
    """Return a function of weights: scale times half the sum of their squares."""
    return lambda weights: scale * tf.nn.l2_loss(weights)


class OutputProjectionWrapper(tf.nn.rnn_cell.RNNCell):
    """A cell whose outputs go through a dense layer at every step: activation(outputs kernel + bias)."""

    def __init__(self, cell, output_size, activation=None, reuse=None):
        super().__init__(_reuse=reuse)
        self._cell, self._output_size, self._activation = cell, output_size, activation

    state_size = property(lambda self: self._cell.state_size)
    output_size = property(lambda self: self._output_size)

    def call(self, inputs, state):
        """Return the projected outputs, and the state of the cell within."""
        outputs, state = self._cell(inputs, state)
        kernel = tf.get_variable("kernel", [outputs.shape[-1], self._output_size], outputs.dtype)
        bias = tf.get_variable("bias", [self._output_size], outputs.dtype, tf.zeros_initializer())
        outputs = tf.nn.bias_add(tf.matmul(outputs, kernel), bias)
        return self._activation(outputs) if self._activation else outputs, state


def rnn_decoder(decoder_inputs, initial_state, cell, loop_function=None, scope=None):
    """Return (outputs, last state) over a list of inputs; loop_function(output, i) makes the next of the output."""
    outputs, state = [], initial_state
    with tf.variable_scope(scope or "rnn_decoder"):
        for i, inputs in enumerate(decoder_inputs):
            if i and loop_function:
                with tf.variable_scope("loop_function", reuse=True):
                    inputs = loop_function(outputs[-1], i)
            if i:
                tf.get_variable_scope().reuse_variables()
            output, state = cell(inputs, state)
            outputs.append(output)
    return outputs, state


def _xentropy(logits, targets, function):
    """Return the cross-entropy [n] of logits [n, classes] and int targets of n elements, or what a function gives."""
    if function:
        return function(labels=targets, logits=logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.reshape(targets, [-1]), logits=logits)


def sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                  softmax_loss_function=None, name=None):
    """Return the weighted cross-entropy of logits [batch, n_steps, classes], averaged over what is asked for.

    targets int and weights float [batch, n_steps]. A scalar, or [batch], [n_steps] or [batch, n_steps].
    """
    with tf.name_scope(name, "sequence_loss"):
        flat = _xentropy(tf.reshape(logits, [-1, tf.shape(logits)[2]]), tf.reshape(targets, [-1]),
                         softmax_loss_function) * tf.reshape(weights, [-1])
        xentropy = tf.reshape(flat, tf.shape(targets))
        axes = [0] * average_across_batch + [1] * average_across_timesteps
        return tf.reduce_sum(xentropy, axes) / (tf.reduce_sum(weights, axes) + 1e-12) if axes else xentropy


def sequence_loss_by_example(logits, targets, weights, average_across_timesteps=True, softmax_loss_function=None,
                             name=None):
    """Return the weighted cross-entropy [batch] of lists over steps, averaged over these or summed.

    logits [batch, classes], targets int and weights float [batch] of each step. Raise ValueError if lengths differ.
    """
    with tf.name_scope(name, "sequence_loss_by_example"):
        xentropy = tf.add_n([_xentropy(*step, softmax_loss_function) * weight
                             for *step, weight in zip(logits, targets, weights, strict=True)])
        return xentropy / (tf.add_n(weights) + 1e-12) if average_across_timesteps else xentropy


def legacy_sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                         softmax_loss_function=None, name=None):
    """Return the mean of sequence_loss_by_example over the minibatch, or its sum."""
    loss = tf.reduce_sum(sequence_loss_by_example(logits, targets, weights, average_across_timesteps,
                                                  softmax_loss_function, name))
    return loss / tf.cast(tf.shape(targets[0])[0], loss.dtype) if average_across_batch else loss
