"""The recurrent cells, an entry each: all that sets one apart from the others; nothing else asks which cell it is.

A cell turns its input x_t [batch, n_inputs] and the state before into the state after; the last part of a state is the
cell's output h_t [batch, n_neurons]. With [x, h] a kernel's product with both side by side, f the activation, * element
by element, and s the logistic function:

    basic, irnn    h_t = f([x_t, h_(t-1)] W + b)
    lstm           i, j, g, o = [x_t, h_(t-1)] W + b        c_t = s(g + 1) * c_(t-1) + s(i) * f(j)
                   h_t = s(o) * f(c_t)                      the state is the pair (c_t, h_t)
    lstm with peepholes: w_g * c_(t-1) is added to g, w_i * c_(t-1) to i, w_o * c_t to o
    gru            r, u = s([x_t, h_(t-1)] Wg + bg)         h_t = u * h_(t-1) + (1 - u) * f([x_t, r * h_(t-1)] Wc + bc)

Sources: Elman 1990; Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000 and their peepholes of
2002; Cho et al. 2014; Le, Jaitly and Hinton 2015 (irnn: ReLU, the recurrent part starts as the identity). Imports
nothing: TensorFlow's module and NumPy's functions are given.
"""

from collections.abc import Callable
from typing import NamedTuple


def _glorot_uniform(tf, seed):
    """Return TensorFlow 1's own initialiser of kernels."""
    return tf.glorot_uniform_initializer(seed)


class Cell(NamedTuple):
    """Hold all that sets a kind of cell apart."""

    make: Callable                            # (tf.nn.rnn_cell, n_neurons, activation) -> TensorFlow's cell
    variables: tuple                          # their names in a layer's scope, in the order that step takes the arrays
    seeds: dict                               # operation seed of the initialiser of each that does not start constant
    step: Callable                            # (arrays, x, state, activation, sigmoid) -> state, in NumPy
    forward: Callable                         # see _basic_forward
    backward: Callable                        # see _basic_backward
    multiplied: Callable = lambda before, kept: before[-1:]  # by each kernel's recurrent part
    n_gates: int = 1                          # sums that each unit computes in a step
    n_parts: int = 1                          # arrays that a state consists of
    activation: str | None = None             # None: the config's
    initializer: Callable = _glorot_uniform   # (tf, seed) -> initialiser
    n_kernels: int = 1                        # each with a bias; after these come the peepholes


def cell_of(config):
    """Return the Cell of a Config."""
    return WITH_PEEPHOLES if config.peephole else CELLS[config.cell]


def activation_of(config):
    """Return the name of the activation of a Config's cell."""
    return cell_of(config).activation or config.activation


def name_of(config):
    """Return what a picture calls a Config's cell: its activation where that can be chosen."""
    return config.cell if cell_of(config).activation else config.activation


def layer_scopes(config):
    """Return, for each layer, the variable scopes of the directions it is read in, named as TensorFlow 1 named them."""
    scopes = []
    for layer in range(config.layers if config.model == "rnn" else 0):
        if config.bidirectional:
            stacked = f"stack_bidirectional_rnn/cell_{layer}/" * (config.layers > 1)
            scopes.append([f"{stacked}bidirectional_rnn/{direction}" for direction in ("fw", "bw")])
        else:
            scopes.append(["rnn" + f"/multi_rnn_cell/cell_{layer}" * (config.layers > 1)])
    return scopes


def n_weights(config):
    """Return how many weights the hidden layers of a Config's network have at least (peepholes aside)."""
    if config.model == "mlp":
        sizes = (784, *config.hidden_sizes)
        return sum(n * (m + 1) for m, n in zip(sizes, config.hidden_sizes, strict=False))
    n, n_directions, found, n_inputs = config.n_neurons, 1 + config.bidirectional, 0, config.n_inputs
    for _ in range(config.layers):
        found += n_directions * cell_of(config).n_gates * n * (n_inputs + n + 1)
        n_inputs = n_directions * n
    return found


def n_states(config):
    """Return how many numbers the states of one image are, over all steps and layers."""
    if config.model == "mlp":
        return sum(config.hidden_sizes)
    return config.n_read * config.layers * (1 + config.bidirectional) * cell_of(config).n_gates * config.n_neurons


def _product(kernel, x, h):
    """Return [x, h] times a kernel."""
    return x @ kernel[:x.shape[-1]] + h @ kernel[x.shape[-1]:]


def _parts(sums, n):
    """Return the parts of n columns that sums consist of."""
    return [sums[..., start:start + n] for start in range(0, sums.shape[-1], n)]


def _basic_step(arrays, x, state, f, sigmoid):
    kernel, bias = arrays
    return (f(_product(kernel, x, *state) + bias),)


def _lstm_step(arrays, x, state, f, sigmoid):
    kernel, bias, *peepholes = arrays
    c, h = state
    w_g, w_i, w_o = peepholes or (0, 0, 0)
    i, j, g, o = _parts(_product(kernel, x, h) + bias, h.shape[-1])
    c = sigmoid(g + 1 + w_g * c) * c + sigmoid(i + w_i * c) * f(j)
    return c, sigmoid(o + w_o * c) * f(c)


def _gru_step(arrays, x, state, f, sigmoid):
    gates, gates_bias, candidate, candidate_bias = arrays
    (h,) = state
    r, u = _parts(sigmoid(_product(gates, x, h) + gates_bias), h.shape[-1])
    return (u * h + (1 - u) * f(_product(candidate, x, r * h) + candidate_bias),)


def _basic_forward(tf, f, sums, state, peepholes):
    """Return (the state after a step, what else backward needs); sums(m, u) is a_t, u times Wu of kernel m included."""
    return (f(sums(0, *state)),), ()


def _basic_backward(tf, df, back, before, after, kept, d_state, peepholes):
    """Return (gradient by the state before a step from that by the state after it, gradients by the peepholes).

    back(m, da) takes the gradient by a_t of kernel m and returns it times Wu^T; df(h, dh) is that by a of h = f(a).
    """
    return (back(0, df(*after, *d_state)),), ()


def _lstm_forward(tf, f, sums, state, peepholes):
    c, h = state
    i, j, g, o = tf.split(sums(0, h), 4, axis=1)
    if peepholes:
        w_g, w_i, w_o = peepholes
        g, i = g + w_g * c, i + w_i * c
    i, j, g = tf.sigmoid(i), f(j), tf.sigmoid(g + 1)
    c = g * c + i * j
    o = tf.sigmoid(o + w_o * c if peepholes else o)
    squashed = f(c)
    return (c, o * squashed), (i, j, g, o, squashed)


def _lstm_backward(tf, df, back, before, after, kept, d_state, peepholes):
    i, j, g, o, squashed = kept
    c, (dc, dh) = before[0], d_state
    do = tf.raw_ops.SigmoidGrad(y=o, dy=dh * squashed)
    dc += df(squashed, dh * o)
    if peepholes:
        dc += peepholes[2] * do
    di, dj = tf.raw_ops.SigmoidGrad(y=i, dy=dc * j), df(j, dc * i)
    dg, dc = tf.raw_ops.SigmoidGrad(y=g, dy=dc * c), dc * g
    dh = back(0, tf.concat([di, dj, dg, do], axis=1))
    if not peepholes:
        return (dc, dh), ()
    return ((dc + peepholes[0] * dg + peepholes[1] * di, dh),
            [tf.reduce_sum(values, axis=0) for values in (dg * c, di * c, do * after[0])])


def _gru_forward(tf, f, sums, state, peepholes):
    (h,) = state
    r, u = tf.split(tf.sigmoid(sums(0, h)), 2, axis=1)
    rh = r * h
    candidate = f(sums(1, rh))
    return (candidate + u * (h - candidate),), (r, u, candidate, rh)


def _gru_backward(tf, df, back, before, after, kept, d_state, peepholes):
    (h,), (dh,), (r, u, candidate, _) = before, d_state, kept
    d_rh = back(1, df(candidate, dh - dh * u))
    du = tf.raw_ops.SigmoidGrad(y=u, dy=dh * (h - candidate))
    dr = tf.raw_ops.SigmoidGrad(y=r, dy=d_rh * h)
    return (dh * u + d_rh * r + back(0, tf.concat([dr, du], axis=1)),), ()


def _identity_start(tf, seed):
    """Return the initialiser of Le, Jaitly and Hinton: small numbers for the input, the identity for the state."""
    def initial(shape, dtype=None, partition_info=None):
        """Return the kernel [n_inputs + n_neurons, n_neurons]."""
        small = tf.random_normal([shape[0] - shape[1], shape[1]], stddev=0.001, seed=seed)
        return tf.concat([small, tf.eye(shape[1])], axis=0)
    return initial


# The seeds: TensorFlow 1 used an operation's running number in the graph. 88 was that of the recurrent kernel's
# initialiser in the tutorial's graph: given explicitly it replays the tutorial's weights with graph seed 42, and no
# other operation can disturb it.
CELLS = {  # by config.cell
    "basic": Cell(
        make=lambda tf_cells, n, f: tf_cells.BasicRNNCell(n, activation=f),
        variables=("basic_rnn_cell/kernel", "basic_rnn_cell/bias"), seeds={"basic_rnn_cell/kernel": 88},
        step=_basic_step, forward=_basic_forward, backward=_basic_backward),
    "lstm": Cell(
        make=lambda tf_cells, n, f: tf_cells.LSTMCell(n, activation=f),
        variables=("lstm_cell/kernel", "lstm_cell/bias"), seeds={"lstm_cell/kernel": 88},
        step=_lstm_step, forward=_lstm_forward, backward=_lstm_backward, n_gates=4, n_parts=2, activation="tanh"),
    "gru": Cell(
        make=lambda tf_cells, n, f: tf_cells.GRUCell(n, activation=f),
        variables=("gru_cell/gates/kernel", "gru_cell/gates/bias", "gru_cell/candidate/kernel",
                   "gru_cell/candidate/bias"),
        seeds={"gru_cell/gates/kernel": 88, "gru_cell/candidate/kernel": 89},
        step=_gru_step, forward=_gru_forward, backward=_gru_backward,
        multiplied=lambda before, kept: (before[0], kept[-1]), n_gates=3, activation="tanh", n_kernels=2),
    "irnn": Cell(
        make=lambda tf_cells, n, f: tf_cells.BasicRNNCell(n, activation=f),
        variables=("basic_rnn_cell/kernel", "basic_rnn_cell/bias"), seeds={"basic_rnn_cell/kernel": 88},
        step=_basic_step, forward=_basic_forward, backward=_basic_backward, activation="relu",
        initializer=_identity_start),
}
_PEEPHOLES = ("lstm_cell/w_f_diag", "lstm_cell/w_i_diag", "lstm_cell/w_o_diag")
WITH_PEEPHOLES = CELLS["lstm"]._replace(
    make=lambda tf_cells, n, f: tf_cells.LSTMCell(n, activation=f, use_peepholes=True),
    variables=CELLS["lstm"].variables + _PEEPHOLES,
    seeds=CELLS["lstm"].seeds | {name: 89 + i for i, name in enumerate(_PEEPHOLES)})
