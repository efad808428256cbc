"""JAX: lax.scan over the time steps, the whole update jitted, its state donated.

Options: unroll, how many steps scan puts into one turn of its loop; devices, 2 to give each half of a minibatch to a
device of its own by shard_map, as JAX users do on several accelerators (a minibatch of odd size is padded by an image
of weight 0).
"""

import os
from functools import partial

import numpy as np

os.environ["JAX_PLATFORMS"] = "cpu"
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec


def basic(parameters, state, x, f=jnp.tanh):
    """Return the state of a basic cell after a step."""
    kernel, bias = parameters
    return (f(jnp.concatenate([x, *state], axis=1) @ kernel + bias),)


def lstm(parameters, state, x):
    """Return the state (c, h) of an LSTM after a step."""
    kernel, bias = parameters
    c, h = state
    i, j, g, o = jnp.split(jnp.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)
    c = jax.nn.sigmoid(g + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(j)
    return c, jax.nn.sigmoid(o) * jnp.tanh(c)


def gru(parameters, state, x):
    """Return the state of a GRU after a step."""
    gates, gates_bias, candidate, candidate_bias = parameters
    (h,) = state
    r, u = jnp.split(jax.nn.sigmoid(jnp.concatenate([x, h], axis=1) @ gates + gates_bias), 2, axis=1)
    c = jnp.tanh(jnp.concatenate([x, r * h], axis=1) @ candidate + candidate_bias)
    return (u * h + (1 - u) * c,)


CELLS = {"basic": basic, "irnn": partial(basic, f=jax.nn.relu), "lstm": lstm, "gru": gru}


def loss_sum(task, parameters, X, y, counts):
    """Return the summed cross-entropy of a minibatch; an image counts as often as counts says."""
    *cell_parameters, dense_kernel, dense_bias = parameters

    def step(state, x):
        """Return the next state, and nothing to keep of the step."""
        return CELLS[task.cell](cell_parameters, state, x), None

    steps = X.reshape(-1, task.n_steps, task.n_inputs).transpose(1, 0, 2)
    start = (jnp.zeros([len(X), task.n_neurons]),) * (1 + (task.cell == "lstm"))
    state, _ = jax.lax.scan(step, start, steps, unroll=task.options["unroll"])
    log_p = jax.nn.log_softmax(state[-1] @ dense_kernel + dense_bias)
    return -jnp.sum(jnp.take_along_axis(log_p, y[:, None], axis=1)[:, 0] * counts)


def update(task, state, X, y, counts):
    """Return the state, which is (parameters, m, v, number of steps), after one step of Adam."""
    parameters, m, v, t = state
    sums = jax.grad(partial(loss_sum, task))(parameters, X, y, counts), jnp.sum(counts)
    gradient, n = jax.lax.psum(sums, "part") if task.options["devices"] > 1 else sums
    t = t + 1
    rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = [0.9 * a + 0.1 * g / n for a, g in zip(m, gradient, strict=True)]
    v = [0.999 * a + 0.001 * (g / n)**2 for a, g in zip(v, gradient, strict=True)]
    parameters = [p - rate * a / (jnp.sqrt(b) + 1e-8) for p, a, b in zip(parameters, m, v, strict=True)]
    return parameters, m, v, t


def compiled(task):
    """Return update, jitted; over two devices where there are two."""
    step, n_devices = partial(update, task), task.options["devices"]
    if n_devices > 1:
        mesh = jax.make_mesh((n_devices,), ("part",), axis_types=(jax.sharding.AxisType.Auto,))
        part, whole = PartitionSpec("part"), PartitionSpec()
        step = jax.shard_map(step, mesh=mesh, in_specs=(whole, part, part, part), out_specs=whole,
                             check_vma=False)  # gradients are summed by hand above
    return jax.jit(step, donate_argnums=0)


def start(task):
    """Return (train, weights) for worker.py."""
    n_devices = task.options["devices"]
    flags = os.environ.get("XLA_FLAGS", ""), f"--xla_force_host_platform_device_count={n_devices}"
    os.environ["XLA_FLAGS"] = " ".join(flags)  # read when JAX is first used
    step = compiled(task)
    images, labels = task.images.astype(np.float32) / np.float32(255), task.labels
    state = ([jnp.asarray(w) for w in task.weights], [jnp.zeros_like(w) for w in task.weights],
             [jnp.zeros_like(w) for w in task.weights], jnp.zeros([]))

    def train(batches):
        """Train a minibatch for each array of row numbers."""
        nonlocal state
        for rows in batches:
            counts = np.ones(len(rows), np.float32)
            if len(rows) % n_devices:
                rows, counts = np.append(rows, rows[-1]), np.append(counts, np.float32(0))
            state = step(state, images[rows], labels[rows], counts)
            if n_devices > 1:  # with several steps under way at once, JAX 0.10's sum over CPU devices can lock up
                jax.block_until_ready(state)
        jax.block_until_ready(state)

    return train, lambda: [np.asarray(w) for w in state[0]]
