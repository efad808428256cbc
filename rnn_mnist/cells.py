"""The recurrent cells, an entry each, and the recurrence over time steps in three forms with the same variables.

The forms are dynamic_rnn, static_rnn, and by hand ("fused"). By hand, with the basic cell's kernel = Wx over Wh,
h_0 = 0 and f the activation, over steps t = 1..n of every image:

    a_t = x_t Wx + h_(t-1) Wh + b              h_t = f(a_t)

and backwards, with dh_t the gradient of the loss by h_t (Werbos 1990, "Backpropagation through time"):

    da_t = dh_t * f'(a_t)                      dh_(t-1) = da_t Wh^T
    dWx = sum_t x_t^T da_t                     dWh = sum_t h_(t-1)^T da_t                     db = sum_t da_t

Only h_t and dh_t have to be computed one step after the other. Every x_t Wx is known beforehand, and the sums over t
can wait until the end: each of these is one large matrix product instead of one per step.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnn_mnist.tf1 import tf

# The gradient by a of h = f(a), times dh: all three can be had from h alone, so that a_t need not be kept.
_ACTIVATION_GRADIENTS = {
    tf.nn.tanh: lambda h, dh: tf.raw_ops.TanhGrad(y=h, dy=dh),                      # dh (1 - h^2)
    tf.nn.sigmoid: lambda h, dh: tf.raw_ops.SigmoidGrad(y=h, dy=dh),                # dh h (1 - h)
    tf.nn.relu: lambda h, dh: tf.raw_ops.ReluGrad(gradients=dh, features=h),        # dh where h > 0
}


class Cell(NamedTuple):
    """Hold all that sets a kind of cell apart from the others; nothing else asks which cell it is."""

    variables: tuple          # names within the scope "rnn", in the order that forward takes their arrays
    seeds: dict               # operation seed of each kernel's initialiser, by the kernel's name
    make: Callable            # (n_neurons, activation) -> TensorFlow's cell
    output: Callable          # state -> its output [batch, n_neurons]; the state of an LSTM is a pair
    forward: Callable         # NumPy: (arrays, steps [..., n_steps, n_inputs], activation) -> last output
    fused: Callable | None    # (cell, steps, activation, first) -> last output, with its own gradient


def recurrence(steps, config, activation, layer=0):
    """Return (last output [batch, n_neurons], list of the outputs after each step or, unless unroll is static, None).

    steps is float32 [batch, n_steps, n_inputs]. The gradient flows through the last bptt_steps steps only (0: all of
    them). Each kernel of each layer has an operation seed of its own, or equal layers would start with equal weights.
    """
    kind = CELLS[config.model]
    with tf.variable_scope(tf.get_variable_scope(), custom_getter=_seeded(kind, layer)):
        cell, n_steps = kind.make(config.n_neurons, unfused(activation)), steps.shape.as_list()[1]
        first = n_steps - (config.bptt_steps or n_steps)  # the first step that the gradient reaches
        if config.unroll == "fused":
            return kind.fused(cell, steps, activation, first), None
        state, outputs = None, []
        if first:
            state, outputs = _unrolled(cell, steps[:, :first], config.unroll, None)
            state = tf.nest.map_structure(tf.stop_gradient, state)
        state, more = _unrolled(cell, steps[:, first:], config.unroll, state)
    return kind.output(state), [*outputs, *more] if config.unroll == "static" else None


def unfused(activation):
    """Return an activation that TensorFlow does not join with the product and the bias before it.

    oneDNN's joined operation rounds differently. Whether TensorFlow joins is up to the session: off in ours, on by
    default where an exported model is loaded, which has to give the same logits.
    """
    return lambda sums: activation(tf.ensure_shape(sums, sums.shape))


def _seeded(kind, layer):
    """Return the variable getter that initialises each kernel of a layer, glorot-uniform, by a seed of its own."""
    def get(getter, name, *args, **kwargs):
        """Return the variable."""
        if name.rsplit("/", 1)[-1].endswith("kernel"):
            seed = next(seed for kernel, seed in kind.seeds.items() if name.endswith(kernel))
            kwargs["initializer"] = tf.glorot_uniform_initializer(seed + 1000 * layer)
        return getter(name, *args, **kwargs)
    return get


def _unrolled(cell, steps, unroll, initial_state):
    """Return (last state, outputs: a list if unroll is static) by TensorFlow's own functions."""
    if unroll == "dynamic":
        return tf.nn.dynamic_rnn(cell, steps, initial_state=initial_state, dtype=tf.float32)[1], []
    outputs, state = tf.nn.static_rnn(cell, tf.unstack(steps, axis=1), initial_state=initial_state, dtype=tf.float32)
    return state, outputs


def _basic_rnn_fused(cell, steps, activation, first):
    """Return the last state by the equations above, on the cell's own variables."""
    with tf.variable_scope("rnn"):
        cell(steps[:, 0], tf.zeros([tf.shape(steps)[0], cell.output_size]))  # only makes the variables: never run
    kernel, bias = cell.trainable_variables
    n_steps, n_inputs = steps.shape.as_list()[1:]

    @tf.custom_gradient
    def last_state(steps, kernel, bias):
        """Return h_n, and the function that gives its gradient."""
        states = _basic_rnn_states(steps, kernel, bias, activation)

        def gradient(dh):
            """Return the gradients by steps, kernel and bias, from that by the last state."""
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

    return last_state(steps, kernel, bias)


def _basic_rnn_states(steps, kernel, bias, activation):
    """Return the list of states h_1 .. h_n."""
    n_steps, n_inputs = steps.shape.as_list()[1:]
    projected = tf.nn.bias_add(tf.matmul(_merge(steps), kernel[:n_inputs]), bias)
    projected = tf.unstack(tf.reshape(projected, [-1, n_steps, kernel.shape.as_list()[1]]), axis=1)
    states, Wh = [activation(projected[0])], kernel[n_inputs:]  # h_0 is zero: nothing to add
    for x_Wx in projected[1:]:
        states.append(activation(x_Wx + tf.matmul(states[-1], Wh)))
    return states


def _merge(values):
    """Return [batch, n_steps, n] as [batch * n_steps, n]; nothing is copied."""
    return tf.reshape(values, [-1, values.shape.as_list()[2]])


def _basic_rnn_forward(arrays, steps, activation):
    """Return the last state [..., n_neurons] in NumPy, from a zero state."""
    kernel, bias = arrays
    Wx, Wh = np.split(kernel, [steps.shape[-1]])
    sums = steps @ Wx + bias  # x_t Wx + b of all steps at once
    state = activation(sums[..., 0, :])
    for t in range(1, steps.shape[-2]):
        state = activation(sums[..., t, :] + state @ Wh)
    return state


# The seeds: TensorFlow 1 used an operation's running number in the graph. 88 was that of the recurrent kernel's
# initialiser in the tutorial's graph: given explicitly it replays the tutorial's weights with graph seed 42, and no
# other operation can disturb it.
CELLS = {  # by config.model
    "rnn": Cell(("basic_rnn_cell/kernel", "basic_rnn_cell/bias"), {"kernel": 88},
                lambda n, activation: tf.nn.rnn_cell.BasicRNNCell(n, activation=activation),
                lambda state: state, _basic_rnn_forward, _basic_rnn_fused),
}
