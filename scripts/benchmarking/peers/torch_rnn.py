"""PyTorch: nn.RNN or nn.LSTM and torch.optim.Adam. (Its GRU is another network: it resets after the product.)

Options: form, "eager" or "compiled" (torch.compile of the loss), or "threads": each half of a minibatch in a thread of
its own, with one thread per operation.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import torch
from torch.nn.functional import cross_entropy


class Network(torch.nn.Module):
    """The RNN over the rows and the dense layer on its last state."""

    def __init__(self, task):
        super().__init__()
        self.lstm = task.cell == "lstm"
        self.rnn = (torch.nn.LSTM(task.n_inputs, task.n_neurons, batch_first=True) if self.lstm else
                    torch.nn.RNN(task.n_inputs, task.n_neurons, batch_first=True,
                                 nonlinearity="relu" if task.cell == "irnn" else "tanh"))
        self.dense = torch.nn.Linear(task.n_neurons, 10)
        kernel, bias, dense_kernel, dense_bias = map(torch.from_numpy, task.weights)
        kernel, bias = self._reordered(kernel), self._reordered(bias)
        with torch.no_grad():
            self.rnn.weight_ih_l0.copy_(kernel[:task.n_inputs].T)
            self.rnn.weight_hh_l0.copy_(kernel[task.n_inputs:].T)
            self.rnn.bias_ih_l0.copy_(bias)
            self.rnn.bias_hh_l0.zero_()  # PyTorch has two biases where one does; the second stays as it is
            if self.lstm:  # the forget gate's 1
                self.rnn.bias_hh_l0[task.n_neurons:2 * task.n_neurons] = 1
            self.dense.weight.copy_(dense_kernel.T)
            self.dense.bias.copy_(dense_bias)
        self.rnn.bias_hh_l0.requires_grad_(False)

    def forward(self, X):
        """Return logits [batch, 10] of X [batch, n_steps, n_inputs]."""
        last = self.rnn(X)[1]
        return self.dense((last[0] if self.lstm else last)[0])

    def _reordered(self, array):
        """Return an LSTM's array with i, j, f, o in the order i, f, j, o, and the other way round."""
        if not self.lstm:
            return array
        one, two, three, four = array.chunk(4, dim=-1)
        return torch.cat([one, three, two, four], dim=-1)

    def arrays(self):
        """Return the weights in the order and form of Task.weights."""
        kernel = torch.cat([self.rnn.weight_ih_l0.T, self.rnn.weight_hh_l0.T])
        parts = (self._reordered(kernel), self._reordered(self.rnn.bias_ih_l0), self.dense.weight.T, self.dense.bias)
        return [part.detach().numpy() for part in parts]


def start(task):
    """Return (train, weights) for worker.py."""
    network, form = Network(task), task.options["form"]
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=0.001)
    images = torch.from_numpy(task.images.astype(np.float32) / np.float32(255))
    images, labels = images.reshape(-1, task.n_steps, task.n_inputs), torch.from_numpy(task.labels.astype(np.int64))
    if form == "threads":
        set_gradients = _in_two_threads(network, parameters, images, labels)
    else:
        set_gradients = _at_once(network, optimizer, images, labels, form == "compiled")
    steps = count(1)

    def train(batches):
        """Train a minibatch for each array of row numbers."""
        for rows in batches:
            set_gradients(rows)
            # PyTorch adds epsilon after it has corrected the second moment's bias, TensorFlow, Keras and most JAX code
            # before: brought into line, or the losses could be compared for some steps only.
            optimizer.param_groups[0]["eps"] = 1e-8 / (1 - 0.999**next(steps))**0.5
            optimizer.step()

    return train, network.arrays


def _at_once(network, optimizer, images, labels, compiled):
    """Return the function that sets the parameters' gradients for a minibatch."""
    def loss(X, y):
        """Return the mean cross-entropy."""
        return cross_entropy(network(X), y)

    if compiled:
        loss = torch.compile(loss)

    def set_gradients(rows):
        """Do so for an array of row numbers."""
        rows = torch.from_numpy(rows)
        optimizer.zero_grad()
        loss(images[rows], labels[rows]).backward()

    return set_gradients


def _in_two_threads(network, parameters, images, labels):
    """Return the function that sets the parameters' gradients for a minibatch, as two halves side by side."""
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(2)

    def part(rows, n):
        """Return the gradients that some of the n rows of a minibatch add."""
        loss = cross_entropy(network(images[rows]), labels[rows], reduction="sum") / n
        return torch.autograd.grad(loss, parameters)

    def set_gradients(rows):
        """Do so for an array of row numbers."""
        halves = pool.map(part, map(torch.from_numpy, np.array_split(rows, 2)), [len(rows)] * 2)
        for parameter, *parts in zip(parameters, *halves, strict=True):
            parameter.grad = sum(parts)

    return set_gradients
