"""The recurrence by hand ("fused"): backpropagation through time in blocks of steps, on TensorFlow's cells' variables.

A cell has a kernel, Wx over Wu, or two as a GRU. With u_t what Wu is multiplied with (h_(t-1), or what a gate of a GRU
leaves of it), f the rest of the cell, d for "the gradient of the loss by", and over steps t = 1..n of every image
(Werbos 1990, "Backpropagation through time"):

    a_t = x_t Wx + b + u_t Wu                      state_t = f(a_t, state_(t-1))
    da_t, dstate_(t-1) = f'(dstate_t)              du_t = da_t Wu^T                  dx_t = da_t Wx^T
    dWx = sum_t x_t^T da_t                         dWu = sum_t u_t^T da_t            db = sum_t da_t

f and f' stand in cells.py; b is one more row of Wx, for x that end in a 1. The sums over t can wait: each is one large
product for a block of steps, taken while the block is still in the processor's cache, which the states of all steps
would outgrow. For the cache's sake nothing is computed long before it is needed, either, as TensorFlow would: hence the
control dependencies, which change no bit. (The x_t Wx of a block in one product were measured, too: they have to be cut
into steps again, which costs what is gained.) A short sequence is unrolled; of a long one the first block is, and a
loop goes over the others. The length of a block follows from sizes alone: it decides the order of rounding.
"""

from typing import NamedTuple

from rnn_mnist.cells import Cell, activation_of, cell_of
from rnn_mnist.tf1 import tf

# The gradient by a of h = f(a), times dh: all three can be had from h alone, so that a need not be kept.
ACTIVATION_GRADIENTS = {
    "tanh": lambda h, dh: tf.raw_ops.TanhGrad(y=h, dy=dh),                      # dh (1 - h^2)
    "sigmoid": lambda h, dh: tf.raw_ops.SigmoidGrad(y=h, dy=dh),                # dh h (1 - h)
    "relu": lambda h, dh: tf.raw_ops.ReluGrad(gradients=dh, features=h),        # dh where h > 0
}
BLOCK, LONGEST = 2**18, 28  # numbers in the sums a_t of a block, and its most steps
MOST_UNROLLED = 64          # steps: of more the graph takes seconds to build


class _Layer(NamedTuple):
    """Hold a cell and the parts of its variables, an entry for each kernel."""

    cell: Cell
    activation: str
    Wx: list           # [n_inputs + 1, m]: the last row is the bias, for inputs that end in a 1
    Wu: list           # [n_neurons, m]
    Wu_T: list         # [m, n_neurons]
    peepholes: list    # [n_neurons], an LSTM's if it has them


class _Found(NamedTuple):
    """Hold what a layer has computed of a sequence, with what its gradient needs of that."""

    first: tuple       # of the first block: the states before, between and after its steps; what was kept of each step
    states: list       # a store for each part of a state: that before the second block, then that after each step
    kept: list         # a store for each thing kept of the steps from the second block on
    last: tuple        # the state after the last step
    length: int        # of all blocks but the first
    n_blocks: int      # without the first


def fused(steps, variables, config, first, all_steps, lowest):
    """Return (last output, outputs [batch, n_steps, n]; None unless all_steps) of steps [batch, n_steps, n_inputs].

    variables are those of TensorFlow's cell, in its order. The gradient flows through the steps from number `first` on,
    and on to the inputs unless this is the lowest layer: there it would be computed for nothing.
    """
    X, state, before = tf.transpose(steps, [1, 0, 2]), None, []
    X = tf.concat([X, tf.ones_like(X[:, :, :1])], axis=2)
    if first:
        found = _run(_layer(config, variables, X), X[:first], None, config)
        state = tuple(map(tf.stop_gradient, found.last))
        before = [tf.stop_gradient(_outputs(found))] if all_steps else []

    @tf.custom_gradient
    def outputs(X, *variables):
        """Return h_n [batch, n], or every h_t [n_steps, batch, n], and the function that gives the gradient."""
        layer = _layer(config, variables, X)
        found = _run(layer, X, state, config)
        return (_outputs(found) if all_steps else found.last[-1],
                lambda dh: _gradient(layer, X, found, dh, all_steps, lowest))

    h = outputs(X[first:], *variables)
    return (h[-1], tf.transpose(tf.concat([*before, h], axis=0), [1, 0, 2])) if all_steps else (h, None)


def _layer(config, variables, X):
    """Return the _Layer of a Config's cell with its variables for inputs X [n_steps, batch, n_inputs]."""
    cell, n_inputs = cell_of(config), X.shape[2] - 1
    kernels, biases = variables[:2 * cell.n_kernels:2], variables[1:2 * cell.n_kernels:2]
    # Transposed whole and cut afterwards: a transposed Wu would be folded into each product and slow it down.
    return _Layer(cell, activation_of(config),
                  [tf.concat([kernel[:n_inputs], bias[None]], 0) for kernel, bias in zip(kernels, biases, strict=True)],
                  [kernel[n_inputs:] for kernel in kernels], [tf.transpose(kernel)[:, n_inputs:] for kernel in kernels],
                  variables[2 * cell.n_kernels:])


def _block_length(n_steps, config):
    """Return how many steps all blocks but the first have; the first has what is left, as many at most."""
    n_rows = -(-config.batch_size // config.replicas)
    most = min(max(BLOCK // (n_rows * config.n_neurons * cell_of(config).n_gates), 1), LONGEST)
    return -(-n_steps // -(-n_steps // most))


def _run(layer, X, state, config):
    """Return the _Found of X [n_steps, batch, n_inputs], from a state on; None: from zeros."""
    n_steps, length = X.shape[0], _block_length(X.shape[0], config)
    n_blocks = -(-n_steps // length) - 1
    rest = n_steps - n_blocks * length
    first = _run_block(layer, X[:rest], rest, state)
    new_store = _Store if n_steps <= MOST_UNROLLED else _tensor_array(n_blocks * length + 1)
    states = [new_store(part).write(0, part) for part in first[0][-1]]
    kept = [new_store(part) for part in first[1][-1]]

    def block(k, state, states, kept):
        """Run a block and store what is new."""
        start = rest + k * length
        after, new = _run_block(layer, X[start:start + length], length, state)
        for t in range(length):
            states = [store.write(k * length + t + 1, part) for store, part in zip(states, after[t + 1], strict=True)]
            kept = [store.write(k * length + t, part) for store, part in zip(kept, new[t], strict=True)]
        return after[-1], states, kept

    last, states, kept = _each(n_blocks, block, (first[0][-1], states, kept), n_steps <= MOST_UNROLLED)
    return _Found(first, states, kept, last, length, n_blocks)


def _run_block(layer, X, length, state):
    """Return the states before, between and after the steps of X [length, batch, n_inputs]; what was kept of each."""
    from_zero = state is None
    if from_zero:
        zeros = tf.zeros([tf.shape(X)[1], layer.Wu[0].shape[0]])
        state = (zeros,) * layer.cell.n_parts
    states, kept, f = [state], [], getattr(tf.nn, layer.activation)
    for t, x in enumerate(tf.unstack(X, length)):
        def sums(m, u, x=x, t=t):
            """Return a_t of kernel m."""
            with tf.control_dependencies([u]):
                xWx = tf.matmul(x, layer.Wx[m])
            return xWx if from_zero and t == 0 else xWx + tf.matmul(u, layer.Wu[m])
        state, new = layer.cell.forward(tf, f, sums, state, layer.peepholes)
        states.append(state)
        kept.append(new)
    return states, kept


def _outputs(found):
    """Return every h_t [n_steps, batch, n]."""
    states, _ = found.first
    return tf.concat([tf.stack([state[-1] for state in states[1:]])[:-1], found.states[-1].stack()], axis=0)


def _gradient(layer, X, found, dh, all_steps, lowest):
    """Return the gradients by X (None if lowest) and the variables, from that by h_n or, if all_steps, by every h_t."""
    length, rest = found.length, X.shape[0] - found.n_blocks * found.length
    unrolled = X.shape[0] <= MOST_UNROLLED
    parts = [tf.zeros_like(part) for part in found.last]
    d_state = tuple(parts) if all_steps else (*parts[:-1], dh)
    d_variables = [tf.zeros(part.shape) for part in (*layer.Wx, *layer.Wu, *layer.peepholes)]
    dX = (_Store if unrolled else _tensor_array(found.n_blocks + 1))(None)

    def block(k, d_state, d_variables, dX):
        """Go back through the last block but k."""
        k = found.n_blocks - 1 - k
        start = rest + k * length
        states = [tuple(store.read(k * length + t) for store in found.states) for t in range(length + 1)]
        kept = [tuple(store.read(k * length + t) for store in found.kept) for t in range(length)]
        d_state, more, dx = _block_gradient(layer, X[start:start + length], states, kept, d_state,
                                            dh[start:start + length] if all_steps else None)
        return d_state, [a + b for a, b in zip(d_variables, more, strict=True)], dX.write(k + 1, dx)

    d_state, d_variables, dX = _each(found.n_blocks, block, (d_state, d_variables, dX), unrolled)
    _, more, dx = _block_gradient(layer, X[:rest], *found.first, d_state, dh[:rest] if all_steps else None)
    d_variables = [a + b for a, b in zip(d_variables, more, strict=True)]
    n, gradients = layer.cell.n_kernels, []
    for dWx, dWu in zip(d_variables[:n], d_variables[n:2 * n], strict=True):
        gradients += [tf.concat([dWx[:-1], dWu], axis=0), dWx[-1]]
    dX = None if lowest else tf.reshape(dX.write(0, dx).concat(), tf.shape(X))
    return dX, *gradients, *d_variables[2 * n:]


def _block_gradient(layer, X, states, kept, d_state, d_outputs):
    """Return the gradients by the state before a block, by the parts of the variables, and by x [rows, n_inputs]."""
    length, cell, x = len(kept), layer.cell, tf.reshape(X, [-1, X.shape[2]])
    d_outputs = None if d_outputs is None else tf.unstack(d_outputs, length)
    da, d_peepholes = [[None] * length for _ in layer.Wu], []
    for t in reversed(range(length)):
        def back(m, a, t=t):
            """Keep da_t of kernel m and return du_t."""
            da[m][t] = a
            return tf.matmul(a, layer.Wu_T[m])
        if d_outputs:
            d_state = (*d_state[:-1], d_state[-1] + d_outputs[t])
        d_state, more = cell.backward(tf, ACTIVATION_GRADIENTS[layer.activation], back, states[t], states[t + 1],
                                      kept[t], d_state, layer.peepholes)
        d_peepholes.append(more)
    with tf.control_dependencies([steps[0] for steps in da]):
        u = [tf.concat(steps, axis=0) for steps in zip(*map(cell.multiplied, states[:-1], kept), strict=True)]
        da = [tf.concat(steps, axis=0) for steps in da]
    dx = tf.add_n([tf.matmul(a, Wx, transpose_b=True) for a, Wx in zip(da, layer.Wx, strict=True)])
    return d_state, [*(tf.matmul(x, a, transpose_a=True) for a in da),
                     *(tf.matmul(values, a, transpose_a=True) for values, a in zip(u, da, strict=True)),
                     *(tf.add_n(steps) for steps in zip(*d_peepholes, strict=True))], dx


def _each(n, function, carried, unrolled):
    """Return what function(k, *carried) makes of the carried values, for k = 0 .. n - 1 one after the other."""
    if unrolled:
        for k in range(n):
            carried = function(k, *carried)
        return carried
    return tf.while_loop(lambda k, *_: k < n, lambda k, *carried: (k + 1, *function(k, *carried)), (0, *carried),
                         back_prop=False, parallel_iterations=1)[1:]


def _tensor_array(size):
    """Return the function that makes a TensorArray of so many elements like one."""
    return lambda like: tf.TensorArray(tf.float32, size, clear_after_read=False, infer_shape=False,
                                       element_shape=None if like is None else like.shape)


class _Store(dict):
    """Hold tensors by number, as a tf.TensorArray does: what is unrolled needs no operations for it."""

    def __init__(self, _):
        super().__init__()

    def write(self, i, value):
        """Return the store with a value."""
        self[i] = value
        return self

    read = dict.__getitem__

    def stack(self):
        """Return all values, stacked."""
        return tf.stack([self[i] for i in sorted(self)])

    def concat(self):
        """Return all values, one after the other."""
        return tf.concat([self[i] for i in sorted(self)], axis=0)
