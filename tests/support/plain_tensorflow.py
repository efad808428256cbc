"""Use exports with plain TensorFlow 2, Keras 3 and NumPy; test_saved_model.py runs it without the project.

python plain_tensorflow.py TASKS.json: [[saved model, weights npz, images npz, file for the results, activation], ...]
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

FUNCTIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


def numpy_logits(weights, steps, activation):
    """Return float64 logits of steps [n, n_steps, n_inputs], computed by a loop over steps or layers."""
    weights = {name: array.astype(np.float64) for name, array in weights.items()}
    if "rnn/basic_rnn_cell/kernel" in weights:
        kernel, bias = weights["rnn/basic_rnn_cell/kernel"], weights["rnn/basic_rnn_cell/bias"]
        hidden = np.zeros([len(steps), len(bias)])
        for t in range(steps.shape[1]):
            hidden = FUNCTIONS[activation](np.concatenate([steps[:, t], hidden], axis=1) @ kernel + bias)
    else:
        hidden = steps.reshape(len(steps), -1)
        for i in range(len(weights) // 2 - 1):
            hidden = FUNCTIONS[activation](hidden @ weights[f"hidden{i + 1}/kernel"] + weights[f"hidden{i + 1}/bias"])
    return hidden @ weights["dense/kernel"] + weights["dense/bias"]


def keras_logits(weights, steps, activation):
    """Return float32 logits of steps [n, n_steps, n_inputs] by Keras 3's SimpleRNN or Dense layers."""
    model = keras.Sequential([keras.Input(steps.shape[1:])])
    if "rnn/basic_rnn_cell/kernel" in weights:
        kernel, bias = weights["rnn/basic_rnn_cell/kernel"], weights["rnn/basic_rnn_cell/bias"]
        model.add(keras.layers.SimpleRNN(len(bias), activation=activation))
        arrays = [kernel[:steps.shape[2]], kernel[steps.shape[2]:], bias]
    else:
        model.add(keras.layers.Flatten())
        names = [f"hidden{i + 1}" for i in range(len(weights) // 2 - 1)]
        arrays = [weights[f"{name}/{part}"] for name in names for part in ("kernel", "bias")]
        for name in names:
            model.add(keras.layers.Dense(len(weights[f"{name}/bias"]), activation=activation))
    model.add(keras.layers.Dense(10))
    model.set_weights([*arrays, weights["dense/kernel"], weights["dense/bias"]])
    return model.predict(steps, batch_size=1000, verbose=0)


def use(saved_model, npz, images, results, activation):
    """Write everything that can be had from one export to an npz of results."""
    with np.load(images) as arrays:
        X, steps = arrays["X"], arrays["steps"]
    with np.load(npz) as arrays:
        weights = dict(arrays)
    model = tf.saved_model.load(saved_model)
    network = model.signatures["serving_default"]
    found = {name: tensor.numpy() for name, tensor in network(images=X).items()}
    one = network(images=X[:1])["logits"].numpy()
    for variable in model.variables:
        variable.assign(tf.zeros_like(variable))
    zeroed = network(images=X)["logits"].numpy()
    for variable in model.variables:
        variable.assign(weights.pop(variable.name.removesuffix(":0")))
    assert not weights, f"the SavedModel has no {list(weights)}"
    with np.load(npz) as arrays:
        weights = dict(arrays)
    np.savez(results, **found, one=one, zeroed=zeroed, from_npz=network(images=X)["logits"].numpy(),
             by_numpy=numpy_logits(weights, steps, activation), by_keras=keras_logits(weights, steps, activation),
             ops=sorted({op.type for op in network.graph.get_operations()}))


if __name__ == "__main__":
    with open(sys.argv[1]) as tasks:
        for task in json.load(tasks):
            use(*task)
    assert keras.__version__.startswith("3.") and keras.backend.backend() == "tensorflow"
    assert not {"rnn_mnist", "tf_keras"} & set(sys.modules)
