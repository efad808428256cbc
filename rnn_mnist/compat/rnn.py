"""What tf.contrib.rnn, seq2seq and legacy_seq2seq had beside today's cells, after TensorFlow 1.15's documentation."""

import inspect

from rnn_mnist.tf1 import tf


class OutputProjectionWrapper(tf.nn.rnn_cell.RNNCell):
    """A cell whose outputs go through a dense layer, activation(outputs kernel + bias), at every step."""

    def __init__(self, cell, output_size, activation=None, reuse=None):
        super().__init__(_reuse=reuse)
        self._cell, self._output_size, self._activation = cell, output_size, activation

    state_size = property(lambda self: self._cell.state_size)
    output_size = property(lambda self: self._output_size)

    def zero_state(self, batch_size, dtype):
        """Return the state of the cell within."""
        return self._cell.zero_state(batch_size, dtype)

    def call(self, inputs, state):
        """Return the projected output and the state of the cell within."""
        outputs, state = self._cell(inputs, state)
        kernel = tf.get_variable("kernel", [outputs.shape[-1], self._output_size], outputs.dtype)
        bias = tf.get_variable("bias", [self._output_size], outputs.dtype, tf.zeros_initializer())
        outputs = tf.nn.bias_add(tf.matmul(outputs, kernel), bias)
        return self._activation(outputs) if self._activation else outputs, state


def rnn_decoder(decoder_inputs, initial_state, cell, loop_function=None, scope=None):
    """Return (outputs, last state) over a list of inputs [batch, n].

    loop_function(output, i), where there is one, makes input i of the output before it, but for the first.
    """
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


def _xentropy(logits, targets, loss_function):
    """Return the cross-entropy [n] of logits [n, classes] and int targets of n elements."""
    targets = tf.reshape(targets, [-1])
    if loss_function is None:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    by_name = "labels" in inspect.signature(loss_function).parameters
    return loss_function(labels=targets, logits=logits) if by_name else loss_function(targets, logits)


def sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                  softmax_loss_function=None, name=None):
    """Return the weighted cross-entropy of logits [batch, n_steps, classes], averaged over what is asked for.

    targets, weights: [batch, n_steps]. A scalar, or [batch], [n_steps] or [batch, n_steps].
    """
    with tf.name_scope(name, "sequence_loss", [logits, targets, weights]):
        flat = _xentropy(tf.reshape(logits, [-1, tf.shape(logits)[2]]), targets, softmax_loss_function)
        xentropy = tf.reshape(flat, tf.shape(targets)) * weights
        axes = [axis for axis, averaged in enumerate([average_across_batch, average_across_timesteps]) if averaged]
        return tf.reduce_sum(xentropy, axes) / (tf.reduce_sum(weights, axes) + 1e-12) if axes else xentropy


def sequence_loss_by_example(logits, targets, weights, average_across_timesteps=True, softmax_loss_function=None,
                             name=None):
    """Return the weighted cross-entropy [batch] of lists over steps: logits [batch, classes], targets and weights [batch].

    Averaged over the steps, or summed.
    """
    with tf.name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        xentropy = tf.add_n([_xentropy(*step, softmax_loss_function) * weight
                             for *step, weight in zip(logits, targets, weights, strict=True)])
        return xentropy / (tf.add_n(weights) + 1e-12) if average_across_timesteps else xentropy


def legacy_sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                         softmax_loss_function=None, name=None):
    """Return the sum of sequence_loss_by_example over the minibatch, or its mean."""
    with tf.name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        cost = tf.reduce_sum(sequence_loss_by_example(logits, targets, weights, average_across_timesteps,
                                                      softmax_loss_function))
        return cost / tf.cast(tf.shape(targets[0])[0], cost.dtype) if average_across_batch else cost
