"""The recurrence over time steps: layers and directions of a cell, in three forms with the same variables.

The forms are dynamic_rnn, static_rnn, and by hand ("fused"). By hand, with the basic cell's kernel = Wx over Wh,
h_0 = 0 and f the activation, over steps t = 1..n of every image:

    a_t = x_t Wx + h_(t-1) Wh + b              h_t = f(a_t)

and backwards, with dh_t the gradient of the loss by h_t (Werbos 1990, "Backpropagation through time"):

    da_t = dh_t * f'(a_t)                      dh_(t-1) = da_t Wh^T
    dWx = sum_t x_t^T da_t                     dWh = sum_t h_(t-1)^T da_t                     db = sum_t da_t

Only h_t and dh_t have to be computed one step after the other. Every x_t Wx is known beforehand, and the sums over t
can wait until the end: each of these is one large matrix product instead of one per step.

Layers that are read in one direction are a MultiRNNCell. By hand, or in both directions, each layer reads all steps
before the next does: the same sums. The variables have the names that TensorFlow 1 gave them either way.
"""

import re

from rnn_mnist.cells import activation_of, cell_of, layer_scopes
from rnn_mnist.tf1 import tf

# The gradient by a of h = f(a), times dh: all three can be had from h alone, so that a_t need not be kept.
_ACTIVATION_GRADIENTS = {
    "tanh": lambda h, dh: tf.raw_ops.TanhGrad(y=h, dy=dh),                      # dh (1 - h^2)
    "sigmoid": lambda h, dh: tf.raw_ops.SigmoidGrad(y=h, dy=dh),                # dh h (1 - h)
    "relu": lambda h, dh: tf.raw_ops.ReluGrad(gradients=dh, features=h),        # dh where h > 0
}


def recurrence(steps, config, dropout):
    """Return what the output layer is to see of steps [batch, n_steps, n_inputs]: float32 [batch, n_features].

    dropout is what each layer but the last passes on goes through, as an operation on [batch, n]: the same units are
    dropped at every step of an image (Gal and Ghahramani 2016). The gradient flows through the last bptt_steps steps
    only (0: all of them).
    """
    if config.layers == 1 or config.bidirectional or config.unroll == "fused":
        return layer_by_layer(steps, config, dropout)[0]
    *lower, top = (_make_cell(config) for _ in range(config.layers))
    if config.dropout:
        lower = [_Dropping(cell, _mask(dropout, steps, config.n_neurons)) for cell in lower]
    state, outputs = _read(tf.nn.rnn_cell.MultiRNNCell([*lower, top]), steps, config, "rnn")
    last = [tf.nest.flatten(layer)[-1] for layer in state]
    if config.read == "mean":
        return tf.reduce_mean(outputs, axis=1)
    return _joined(last) if config.read == "all" else last[-1]


def layer_by_layer(steps, config, dropout=None, nudged=False):
    """Return (what recurrence does; the same after every step; nudges), each layer reading all steps in its turn.

    The second is [batch, n_steps, n_features], None if unroll is fused; of a network that reads in both directions it
    is what is there after as many steps of each. nudges: if nudged, of each layer and direction the zeros
    [batch, n_steps, n] that have been added to its states.
    """
    scopes, nudges = layer_scopes(config), []
    last, every = [], []  # of each layer: outputs after the last step [batch, n] and after every step
    for layer, directions in enumerate(scopes):
        below_top = layer + 1 < len(scopes)
        found = []
        for direction, scope in enumerate(directions):
            forwards = tf.reverse(steps, axis=[1]) if direction else steps
            if config.unroll == "fused":
                found.append(_fused(forwards, config, scope, all_steps=below_top or config.read == "mean"))
                continue
            cell = _make_cell(config)
            if nudged:
                size = cell_of(config).n_parts * config.n_neurons
                nudges.append(tf.zeros([tf.shape(steps)[0], steps.shape[1], size]))
                cell, forwards = _Nudged(cell), (forwards, nudges[-1])
            state, outputs = _read(cell, forwards, config, scope)
            found.append((tf.nest.flatten(state)[-1], outputs))
        last.append(_joined([output for output, _ in found]))
        every.append(_joined([outputs for _, outputs in found]))
        if below_top:
            steps = _joined([tf.reverse(outputs, axis=[1]) if direction else outputs
                             for direction, (_, outputs) in enumerate(found)])
            if config.dropout and dropout:
                steps *= _mask(dropout, steps, steps.shape[2])[:, None]
    if config.read == "mean":
        so_far = tf.cumsum(every[-1], axis=1) / tf.range(1, steps.shape[1] + 1, dtype=tf.float32)[:, None]
        return tf.reduce_mean(every[-1], axis=1), so_far, nudges
    if config.read == "all":
        return _joined(last), _joined(every), nudges
    return last[-1], every[-1], nudges


def unfused(activation):
    """Return an activation that TensorFlow does not join with the product and the bias before it.

    oneDNN's joined operation rounds differently. Whether TensorFlow joins is up to the session: off in ours, on by
    default where an exported model is loaded, which has to give the same logits.
    """
    return lambda sums: activation(tf.ensure_shape(sums, sums.shape))


def _make_cell(config):
    """Return TensorFlow's own cell of a Config."""
    return cell_of(config).make(tf.nn.rnn_cell, config.n_neurons, unfused(getattr(tf.nn, activation_of(config))))


def _mask(dropout, steps, n):
    """Return [batch, n] that drops units where it is multiplied with outputs."""
    return dropout(tf.ones([tf.shape(steps)[0], n]))


def _joined(parts):
    """Return tensors side by side in their last dimension; None if one is missing."""
    return parts[0] if len(parts) == 1 else None if None in parts else tf.concat(parts, axis=-1)


def _seeded(config):
    """Return a scope whose variables that start random have a seed each, by layer and direction.

    Equal layers would start with equal weights otherwise.
    """
    kind = cell_of(config)

    def get(getter, name, *args, **kwargs):
        """Return the variable."""
        for ending, seed in kind.seeds.items():
            if name.endswith(ending):
                layer = re.search(r"/cell_(\d+)/", name)
                offset = 1000 * int(layer[1] if layer else 0) + 100 * ("/bw/" in name)
                kwargs["initializer"] = kind.initializer(tf, seed + offset)
        return getter(name, *args, **kwargs)
    return tf.variable_scope(tf.get_variable_scope(), custom_getter=get)


def _first(config, n_steps):
    """Return the number of the first step that the gradient reaches."""
    return max(0, n_steps - (config.bptt_steps or n_steps))


def _read(cell, inputs, config, scope):
    """Return (last state, outputs [batch, n_steps, n]) of a cell; inputs: [batch, n_steps, n], or a tuple of such."""
    n_steps = tf.nest.flatten(inputs)[0].shape[1]
    first = _first(config, n_steps)
    with _seeded(config):
        if not first:
            return _unrolled(cell, inputs, config.unroll, scope, None)
        before, after = (tf.nest.map_structure(lambda values, part=part: values[:, part], inputs)
                         for part in (slice(0, first), slice(first, n_steps)))
        state, outputs = tf.nest.map_structure(tf.stop_gradient, _unrolled(cell, before, config.unroll, scope, None))
        state, outputs_after = _unrolled(cell, after, config.unroll, scope, state)
        return state, tf.concat([outputs, outputs_after], axis=1)


def _unrolled(cell, inputs, unroll, scope, initial_state):
    """Return (last state, outputs [batch, n_steps, n]) by TensorFlow's own functions."""
    if unroll == "dynamic":
        outputs, state = tf.nn.dynamic_rnn(cell, inputs, initial_state=initial_state, dtype=tf.float32, scope=scope)
        return state, outputs
    outputs, state = tf.nn.static_rnn(cell, tf.unstack(inputs, axis=1), initial_state=initial_state, dtype=tf.float32,
                                      scope=scope)
    return state, tf.stack(outputs, axis=1)


class _Wrapper(tf.nn.rnn_cell.RNNCell):
    """Hold a cell, whose variables keep their names, and what belongs to it."""

    def __init__(self, cell, mask=None):
        super().__init__()
        self._cell, self._mask = cell, mask

    state_size = property(lambda self: self._cell.state_size)
    output_size = property(lambda self: self._cell.output_size)


class _Dropping(_Wrapper):
    """Multiply a cell's output with a mask [batch, n]; its state stays whole."""

    def __call__(self, inputs, state, scope=None):
        """Return (output, state) after a step."""
        output, state = self._cell(inputs, state)
        return output * self._mask, state


class _Nudged(_Wrapper):
    """Add to a cell's state, after each step, what comes in beside the input.

    By such zeros the loss can be differentiated where the states themselves are out of reach, within a loop.
    """

    def __call__(self, inputs, state, scope=None):
        """Return (output, state) after a step of (x, nudge)."""
        x, nudge = inputs
        _, state = self._cell(x, state)
        parts = tf.nest.flatten(state)
        parts = [part + some for part, some in zip(parts, tf.split(nudge, len(parts), axis=1), strict=True)]
        return parts[-1], tf.nest.pack_sequence_as(state, parts)


def _fused(steps, config, scope, all_steps):
    """Return (last output, outputs [batch, n_steps, n], None unless all_steps) by the equations above."""
    cell, activation = _make_cell(config), activation_of(config)
    with _seeded(config), tf.variable_scope(scope):
        cell(steps[:, 0], tf.zeros([tf.shape(steps)[0], cell.output_size]))  # only makes the variables: never run
    kernel, bias = cell.trainable_variables
    n_steps, n_inputs = steps.shape.as_list()[1:]
    first = _first(config, n_steps)

    @tf.custom_gradient
    def outputs(steps, kernel, bias):
        """Return h_n, or every h_t [batch, n_steps, n], and the function that gives the gradient."""
        states = _states(steps, kernel, bias, getattr(tf.nn, activation))

        def gradient(dh):
            """Return the gradients by steps, kernel and bias, from that by what is returned."""
            d_outputs = tf.unstack(dh, axis=1) if all_steps else [None] * (n_steps - 1) + [dh]
            # Transposed whole and cut afterwards: a transposed Wh would be folded into each product and slow it down.
            Wh_T = tf.transpose(kernel)[:, n_inputs:]
            da, dh = [None] * n_steps, d_outputs[-1]
            for t in reversed(range(first, n_steps)):
                da[t] = _ACTIVATION_GRADIENTS[activation](states[t], dh)
                if t > first:
                    dh = tf.matmul(da[t], Wh_T)
                    dh = dh if d_outputs[t - 1] is None else dh + d_outputs[t - 1]
            da = tf.stack(da[first:], axis=1)
            d_bias = tf.reduce_sum(tf.reduce_sum(da, axis=0), axis=0)  # in two goes: thousands at once round too far
            da = _merge(da)
            x = _merge(steps[:, first:])
            h_before = _merge(tf.stack([tf.zeros_like(dh), *states[:-1]][first:], axis=1))
            d_kernel = tf.concat([tf.matmul(x, da, transpose_a=True), tf.matmul(h_before, da, transpose_a=True)], 0)
            d_steps = tf.reshape(tf.matmul(da, kernel[:n_inputs], transpose_b=True), [-1, n_steps - first, n_inputs])
            return tf.pad(d_steps, [[0, 0], [first, 0], [0, 0]]), d_kernel, d_bias

        return tf.stack(states, axis=1) if all_steps else states[-1], gradient

    found = outputs(steps, kernel, bias)
    return (found[:, -1], found) if all_steps else (found, None)


def _states(steps, kernel, bias, activation):
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
