"""What tf.contrib's rnn, seq2seq and legacy_seq2seq had beside today's cells, after the documentation of 1.15."""

from rnn_mnist.tf1 import tf


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


def stack_bidirectional_dynamic_rnn(cells_fw, cells_bw, inputs, initial_states_fw=None, initial_states_bw=None,
                                    dtype=None, sequence_length=None, scope=None, **kwargs):
    """Return (outputs [batch, n_steps, n], last states forward, backward) of layers that read both directions."""
    states, nothing = [], [None] * len(cells_fw)
    with tf.variable_scope(scope or "stack_bidirectional_rnn"):
        for i, layer in enumerate(zip(cells_fw, cells_bw, [sequence_length] * len(nothing),
                                      initial_states_fw or nothing, initial_states_bw or nothing, strict=True)):
            with tf.variable_scope(f"cell_{i}"):
                outputs, both = tf.nn.bidirectional_dynamic_rnn(*layer[:2], inputs, *layer[2:], dtype, **kwargs)
            inputs, states = tf.concat(outputs, axis=2), [*states, both]
    return inputs, *zip(*states, strict=True)


def sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                  softmax_loss_function=None, name=None):
    """Return the weighted cross-entropy of logits [batch, n_steps, classes], averaged over what is asked for.

    targets, weights: [batch, n_steps]. A scalar, or [batch], [n_steps] or [batch, n_steps].
    """
    loss = softmax_loss_function or tf.nn.sparse_softmax_cross_entropy_with_logits
    with tf.name_scope(name, "sequence_loss"):
        flat = loss(labels=tf.reshape(targets, [-1]), logits=tf.reshape(logits, [-1, tf.shape(logits)[2]]))
        xentropy = tf.reshape(flat, tf.shape(targets)) * weights
        axes = [axis for axis, averaged in enumerate([average_across_batch, average_across_timesteps]) if averaged]
        return tf.reduce_sum(xentropy, axes) / (tf.reduce_sum(weights, axes) + 1e-12) if axes else xentropy


def sequence_loss_by_example(logits, targets, weights, average_across_timesteps=True, softmax_loss_function=None,
                             name=None):
    """Return sequence_loss [batch] of lists over the steps, averaged over these or summed."""
    arrays = [tf.stack(steps, axis=1) for steps in (logits, targets, weights)]
    loss = sequence_loss(*arrays, average_across_timesteps, False, softmax_loss_function, name)
    return loss if average_across_timesteps else tf.reduce_sum(loss, axis=1)


def legacy_sequence_loss(logits, targets, weights, average_across_timesteps=True, average_across_batch=True,
                         softmax_loss_function=None, name=None):
    """Return the mean of sequence_loss_by_example over the minibatch, or its sum."""
    reduce = tf.reduce_mean if average_across_batch else tf.reduce_sum
    return reduce(sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function,
                                           name))
