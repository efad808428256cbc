"""The recurrence over time steps in three forms with the same variables: dynamic_rnn, static_rnn, and by hand.

By hand, with the cell's kernel = Wx over Wh, h_0 = 0 and f the activation, over steps t = 1..n of every image:

    a_t = x_t Wx + h_(t-1) Wh + b              h_t = f(a_t)

and backwards, with dh_t the gradient of the loss by h_t (Werbos 1990, "Backpropagation through time"):

    da_t = dh_t * f'(a_t)                      dh_(t-1) = da_t Wh^T
    dWx = sum_t x_t^T da_t                     dWh = sum_t h_(t-1)^T da_t                     db = sum_t da_t

Only h_t and dh_t have to be computed one step after the other. Every x_t Wx is known beforehand, and the sums over t
can wait until the end: each of these is one large matrix product instead of one per step.
"""

from rnn_mnist.tf1 import tf

# The gradient by a of h = f(a), times dh: all three can be had from h alone, so that a_t need not be kept.
_ACTIVATION_GRADIENTS = {
    tf.nn.tanh: lambda h, dh: tf.raw_ops.TanhGrad(y=h, dy=dh),                      # dh (1 - h^2)
    tf.nn.sigmoid: lambda h, dh: tf.raw_ops.SigmoidGrad(y=h, dy=dh),                # dh h (1 - h)
    tf.nn.relu: lambda h, dh: tf.raw_ops.ReluGrad(gradients=dh, features=h),        # dh where h > 0
}


def last_state(steps, n_neurons, activation, unroll, bptt_steps):
    """Return the last state [batch, n_neurons] of a BasicRNNCell over steps float32 [batch, n_steps, n_inputs].

    unroll is dynamic, static or fused. The gradient flows through the last bptt_steps steps only (0: all of them).
    """
    cell = tf.nn.rnn_cell.BasicRNNCell(n_neurons, activation=apart(activation))
    n_steps = steps.shape[1].value
    first = n_steps - (bptt_steps or n_steps)  # the first step that the gradient reaches
    if unroll == "fused":
        return _fused(cell, steps, activation, first)
    before = None
    if first:
        before = tf.stop_gradient(_unrolled(cell, steps[:, :first], unroll, None))
    return _unrolled(cell, steps[:, first:], unroll, before)


def apart(activation):
    """Return an activation that TensorFlow does not join with the product and the bias before it.

    oneDNN's joined operation rounds differently. Whether TensorFlow joins is up to the session: off in ours, on by
    default where an exported model is loaded, which has to give the same logits.
    """
    return lambda sums: activation(tf.ensure_shape(sums, sums.shape))


def _unrolled(cell, steps, unroll, initial_state):
    """Return the last state by TensorFlow's own functions."""
    if unroll == "dynamic":
        return tf.nn.dynamic_rnn(cell, steps, initial_state=initial_state, dtype=tf.float32)[1]
    return tf.nn.static_rnn(cell, tf.unstack(steps, axis=1), initial_state=initial_state, dtype=tf.float32)[1]


def _fused(cell, steps, activation, first):
    """Return the last state by the equations above, on the cell's own variables."""
    with tf.variable_scope("rnn"):
        cell(steps[:, 0], tf.zeros([tf.shape(steps)[0], cell.output_size]))  # only makes the variables: never run
    kernel, bias = cell.trainable_variables
    n_steps, n_inputs = steps.shape[1:].as_list()

    @tf.custom_gradient
    def recurrence(steps, kernel, bias):
        states = _forward(steps, kernel, bias, activation)

        def gradient(dh):
            # Transposed whole and cut afterwards: a transposed Wh would be folded into each product and slow it down.
            Wh_T = tf.transpose(kernel)[:, n_inputs:]
            da = [None] * n_steps
            for t in reversed(range(first, n_steps)):
                da[t] = _ACTIVATION_GRADIENTS[activation](states[t], dh)
                if t > first:
                    dh = tf.matmul(da[t], Wh_T)
            da = tf.stack(da[first:], axis=1)
            d_bias = tf.reduce_sum(tf.reduce_sum(da, axis=0), axis=0)  # in two goes: thousands at once round too far
            da = _merge(da)
            x = _merge(steps[:, first:])
            h_before = _merge(tf.stack([tf.zeros_like(dh), *states[:-1]][first:], axis=1))
            d_kernel = tf.concat([tf.matmul(x, da, transpose_a=True), tf.matmul(h_before, da, transpose_a=True)], 0)
            d_steps = tf.reshape(tf.matmul(da, kernel[:n_inputs], transpose_b=True), [-1, n_steps - first, n_inputs])
            return tf.pad(d_steps, [[0, 0], [first, 0], [0, 0]]), d_kernel, d_bias

        return states[-1], gradient

    return recurrence(steps, kernel, bias)


def _forward(steps, kernel, bias, activation):
    """Return the list of states h_1 .. h_n."""
    n_steps, n_inputs = steps.shape[1:].as_list()
    Wx, Wh = kernel[:n_inputs], kernel[n_inputs:]
    projected = tf.nn.bias_add(tf.matmul(_merge(steps), Wx), bias)
    projected = tf.unstack(tf.reshape(projected, [-1, n_steps, kernel.shape[1].value]), axis=1)
    states = [activation(projected[0])]  # h_0 is zero: nothing to add
    for x_Wx in projected[1:]:
        states.append(activation(x_Wx + tf.matmul(states[-1], Wh)))
    return states


def _merge(values):
    """Return [batch, n_steps, n] as [batch * n_steps, n]; nothing is copied."""
    return tf.reshape(values, [-1, values.shape[2].value])
