"""Independent NumPy versions of what the graph does: TensorFlow's generator, the network, its gradient, Adam."""

import numpy as np


def philox_uniform(seed, seed2, n):
    """Return n floats in [0, 1) as TensorFlow's RandomUniform draws them (Philox4x32-10, Salmon et al. 2011)."""
    n_blocks = -(-n // 4)
    counter = np.zeros([4, n_blocks], np.uint64)
    counter[0], counter[2] = np.arange(n_blocks), seed2
    key = [seed, 0]
    for _ in range(10):
        products = [np.uint64(0xD2511F53) * counter[0], np.uint64(0xCD9E8D57) * counter[2]]
        high, low = zip(*[(p >> np.uint64(32), p & np.uint64(0xFFFFFFFF)) for p in products], strict=True)
        counter = np.stack([high[1] ^ counter[1] ^ np.uint64(key[0]), low[1],
                            high[0] ^ counter[3] ^ np.uint64(key[1]), low[0]])
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    bits = counter.T.ravel()[:n].astype(np.uint32)
    return ((bits & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)


def glorot_uniform(seed, seed2, shape):
    """Return a kernel drawn between -limit and limit, limit = sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    limit = np.float32(np.sqrt(3 / (sum(shape) / 2)))
    return (philox_uniform(seed, seed2, shape[0] * shape[1]) * (limit + limit) - limit).reshape(shape)


def rnn_forward(weights, steps):
    """Return (states after each step, with the zero state first; logits) of steps [batch, n_steps, n_inputs]."""
    kernel, bias, dense, dense_bias = rnn_weights(weights)
    states = [np.zeros([len(steps), len(bias)], kernel.dtype)]
    for t in range(steps.shape[1]):
        states.append(np.tanh(np.concatenate([steps[:, t], states[-1]], axis=1) @ kernel + bias))
    return states, states[-1] @ dense + dense_bias


def rnn_gradient(weights, steps, y, k=None):
    """Return {name: gradient of the mean cross-entropy}; with k, the chain is cut k steps before the end."""
    kernel, _, dense, _ = rnn_weights(weights)
    states, logits = rnn_forward(weights, steps)
    d_logits = softmax(logits)
    d_logits[np.arange(len(y)), y] -= 1
    d_logits /= len(y)
    d_kernel, d_bias, d_state = 0, 0, d_logits @ dense.T
    for t in reversed(range(steps.shape[1] - (k or steps.shape[1]), steps.shape[1])):
        d_sum = d_state * (1 - states[t + 1] ** 2)
        d_kernel = d_kernel + np.concatenate([steps[:, t], states[t]], axis=1).T @ d_sum
        d_bias = d_bias + d_sum.sum(axis=0)
        d_state = d_sum @ kernel[steps.shape[2]:].T
    return {"rnn/basic_rnn_cell/kernel": d_kernel, "rnn/basic_rnn_cell/bias": d_bias,
            "dense/kernel": states[-1].T @ d_logits, "dense/bias": d_logits.sum(axis=0)}


def rnn_weights(weights):
    """Return the four arrays of the recurrent network in their order."""
    return [weights[name] for name in ("rnn/basic_rnn_cell/kernel", "rnn/basic_rnn_cell/bias", "dense/kernel",
                                       "dense/bias")]


def softmax(logits):
    """Return the probabilities of logits [batch, n]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def graph_gradient(network, images, labels):
    """Return {name: gradient} that a session.Network's training operation applies, read from its Adam operations."""
    graph = network.graph
    operations = [op for op in graph.tf_graph.get_operations() if op.type == "ApplyAdam"]
    gradients = network.run([op.inputs[9] for op in operations], [graph.pixels, graph.y], [images, labels])
    return dict(zip((op.inputs[0].op.name for op in operations), gradients, strict=True))
