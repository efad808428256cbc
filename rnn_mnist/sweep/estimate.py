"""How long a run takes on one core, roughly: for the plan of a sweep, and to weigh what is done against what is left.

The constants are those of one core of an AMD EPYC with AVX2, measured by training 15 configs of the basic cell, LSTM
and GRU, of 10 to 300 units and 28 or 784 steps: each was met within a third. Other processors differ by a
factor of two or three.
"""

from rnn_mnist.cells import cell_of, n_weights

N_TRAIN, N_TEST = 60_000, 10_000  # images of MNIST
FLOPS = 95e9                      # a second
STEP, BATCH = 75e-6, 300e-6       # seconds of overhead of a layer's step, and of a minibatch
START = 0.3                       # seconds to build the graph and to save


def seconds(config):
    """Return the seconds that a run of a Config takes on one core."""
    n_images = config.n_subset or N_TRAIN
    n_valid = n_images * config.valid_fraction or min(config.n_valid, n_images)
    n_train = n_images - n_valid
    recurrent = config.model == "rnn"
    n_steps = config.n_read if recurrent else 1
    flops = n_steps * n_weights(config)  # times 2 for the product of an image, 4 for its gradients
    overhead = BATCH
    if recurrent:
        sums = 1 if cell_of(config).n_gates == 1 else 2
        overhead += STEP * n_steps * config.layers * (1 + config.bidirectional) * sums
    train = 6 * flops * n_train / FLOPS + overhead * n_train / config.batch_size
    valid = 2 * flops * n_valid / FLOPS
    return START + config.epochs * (train + valid) + 2 * flops * N_TEST / FLOPS


def expected(configs, n_workers):
    """Return the seconds that runs of Configs take together, one after the other in each of so many workers."""
    each = [seconds(config) for config in configs]
    return max([sum(each) / n_workers, *each])
