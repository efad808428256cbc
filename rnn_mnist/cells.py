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
    n_gates: int = 1                          # sums that each unit computes in a step
    n_parts: int = 1                          # arrays that a state consists of
    activation: str | None = None             # None: the config's
    initializer: Callable = _glorot_uniform   # (tf, seed) -> initialiser
    fused: bool = False                       # whether recurrence.py has its gradient by hand


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
        step=_basic_step, fused=True),
    "lstm": Cell(
        make=lambda tf_cells, n, f: tf_cells.LSTMCell(n, activation=f),
        variables=("lstm_cell/kernel", "lstm_cell/bias"), seeds={"lstm_cell/kernel": 88},
        step=_lstm_step, n_gates=4, n_parts=2, activation="tanh"),
    "gru": Cell(
        make=lambda tf_cells, n, f: tf_cells.GRUCell(n, activation=f),
        variables=("gru_cell/gates/kernel", "gru_cell/gates/bias", "gru_cell/candidate/kernel",
                   "gru_cell/candidate/bias"),
        seeds={"gru_cell/gates/kernel": 88, "gru_cell/candidate/kernel": 89},
        step=_gru_step, n_gates=3, activation="tanh"),
    "irnn": Cell(
        make=lambda tf_cells, n, f: tf_cells.BasicRNNCell(n, activation=f),
        variables=("basic_rnn_cell/kernel", "basic_rnn_cell/bias"), seeds={"basic_rnn_cell/kernel": 88},
        step=_basic_step, activation="relu", initializer=_identity_start, fused=True),
}
_PEEPHOLES = ("lstm_cell/w_f_diag", "lstm_cell/w_i_diag", "lstm_cell/w_o_diag")
WITH_PEEPHOLES = CELLS["lstm"]._replace(
    make=lambda tf_cells, n, f: tf_cells.LSTMCell(n, activation=f, use_peepholes=True),
    variables=CELLS["lstm"].variables + _PEEPHOLES,
    seeds=CELLS["lstm"].seeds | {name: 89 + i for i, name in enumerate(_PEEPHOLES)})
