"""Train one form of the network block by block: a process of its own, with its own framework and threads.

python -m benchmarking.worker FORM.py TASK_FOLDER OPTIONS

process.py starts it, writes lines to its stdin and reads one JSON line from its stdout for each: `train N` trains
the next N minibatches and answers with the seconds and the number of images; `save FILE` saves the weights and
answers with the peak memory in MB.

A form is a Python file with start(task), which returns two functions: train(batches) trains one minibatch for each
array of row numbers and returns when the last is done; weights() returns the arrays of Task.weights as they are then.
"""

import importlib.util
import json
import os
import sys
import time
from itertools import islice

import numpy as np

from benchmarking.task import minibatches, read_task
from benchmarking.timed import peak_memory


def main(path, folder, options):
    """Start the form in a file, then do what each line of stdin says."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a framework prints must not be taken for an answer
    task = read_task(folder, json.loads(options))
    spec = importlib.util.spec_from_file_location("form", path)
    form = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(form)
    train, weights = form.start(task)
    batches = minibatches(len(task.labels), task.batch_size)
    for line in sys.stdin:
        word, argument = line.rstrip("\n").split(" ", 1)
        if word == "train":
            block = list(islice(batches, int(argument)))
            started = time.perf_counter()
            train(block)
            answer = [time.perf_counter() - started, sum(map(len, block))]
        else:
            np.savez(argument, *weights())
            answer = peak_memory()
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
