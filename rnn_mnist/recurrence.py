"""The recurrence over time steps: layers and directions of a cell, in three forms with the same variables.

The forms are dynamic_rnn, static_rnn, and by hand (fused.py). Layers that are read in one direction are a MultiRNNCell.
By hand, or in both directions, each layer reads all steps before the next does: the same sums. The variables have the
names that TensorFlow 1 gave them either way.
"""

import re

from rnn_mnist.cells import activation_of, cell_of, layer_scopes
from rnn_mnist.fused import ACTIVATION_GRADIENTS, fused
from rnn_mnist.tf1 import tf


def recurrence(steps, config, dropout):
    """Return what the output layer is to see of steps [batch, n_steps, n_inputs]: float32 [batch, n_features].

    dropout is what each layer but the last passes on goes through, as an operation on [batch, n]: the same units are
    dropped at every step of an image (Gal and Ghahramani 2016). The gradient flows through the last bptt_steps steps
    only (0: all of them).
    """
    if config.layers == 1 or config.bidirectional or config.unroll == "fused":
        return layer_by_layer(steps, config, dropout)[0]
    sizes = [steps.shape[2], *(config.n_neurons for _ in range(config.layers - 1))]
    *lower, top = (_make_cell(config, scope, n_inputs, lowest=not layer)
                   for layer, ((scope,), n_inputs) in enumerate(zip(layer_scopes(config), sizes, strict=True)))
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
            cell = _make_cell(config, scope, steps.shape[2], lowest=not layer)
            if config.unroll == "fused":
                found.append(fused(forwards, cell.trainable_variables, config, _first(config, steps.shape[1]),
                                   all_steps=below_top or config.read == "mean", lowest=not layer))
                continue
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


def _make_cell(config, scope, n_inputs, lowest):
    """Return TensorFlow's own cell of a Config, for inputs [batch, n_inputs] read in a variable scope."""
    kind = cell_of(config)
    cell = kind.make(tf.nn.rnn_cell, config.n_neurons, unfused(getattr(tf.nn, activation_of(config))))
    own_gradient = config.unroll == "dynamic" and kind.n_gates == 1
    if own_gradient or config.unroll == "fused":
        with _seeded(config), tf.variable_scope(scope):
            cell(tf.zeros([1, n_inputs]), cell.zero_state(1, tf.float32))  # only makes the variables: never run
    return _OwnGradient(cell, activation_of(config), n_inputs, lowest) if own_gradient else cell


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


class _OwnGradient(_Wrapper):
    """Do what a cell of one sum does, h = f([x, h] W + b), on its variables, and go back through its steps by hand.

    TensorFlow would take the product with all of W^T at each step, and cut the state's part out of that. Forward the
    operations are BasicRNNCell's own.
    """

    def __init__(self, cell, activation, n_inputs, lowest):
        super().__init__(cell)
        self._variables, self._activation = cell.trainable_variables, activation
        kernel = self._variables[0]
        self._Wx = None if lowest else kernel[:n_inputs]
        self._Wh_T = tf.transpose(kernel)[:, n_inputs:]  # as in fused.py

    def __call__(self, inputs, state, scope=None):
        """Return (output, state) after a step."""
        @tf.custom_gradient
        def step(x, h, kernel, bias):
            """Return the output and the function that gives the gradient."""
            xh = tf.concat([x, h], axis=1)
            output = unfused(getattr(tf.nn, self._activation))(tf.nn.bias_add(tf.matmul(xh, kernel), bias))

            def gradient(dh):
                """Return the gradients by x (None in the lowest layer), h, kernel and bias."""
                da = ACTIVATION_GRADIENTS[self._activation](output, dh)
                dx = None if self._Wx is None else tf.matmul(da, self._Wx, transpose_b=True)
                return (dx, tf.matmul(da, self._Wh_T), tf.matmul(xh, da, transpose_a=True),
                        tf.raw_ops.BiasAddGrad(out_backprop=da))
            return output, gradient

        output = step(inputs, state, *self._variables)
        return output, output


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
