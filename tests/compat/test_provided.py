"""What is provided of TensorFlow 1, used as scripts use it, beside NumPy or what its documentation says."""

import json

import numpy as np
import pytest
from helpers import SMALL
from user_scripts import run_tf1

START = "import json\nimport numpy as np\nimport tensorflow as tf\n"
EVALUATE = """
def evaluate(**fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run({name: value for name, value in fetches.items() if tf.is_tensor(value)})
        print(json.dumps({name: np.asarray(found.get(name, value)).tolist() for name, value in fetches.items()}))
"""


def values(folder, source, *flags):
    """Return what evaluate(...) at the end of a script found, as arrays."""
    out, err = run_tf1(folder, START + EVALUATE + source, flags=flags)
    assert not err
    return {name: np.array(value) for name, value in json.loads(out).items()}


def softmax_xentropy(logits, targets):
    """Return the cross-entropy of logits [..., classes] and int targets [...]."""
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return -np.log(np.take_along_axis(exp / exp.sum(axis=-1, keepdims=True), targets[..., None], -1)[..., 0])


LOGITS, TARGETS = np.random.RandomState(1).randn(2, 3, 4), np.array([[0, 3, 1], [2, 2, 0]])
WEIGHTS = np.array([[1.0, 0.5, 0.0], [2.0, 1.0, 0.25]])
LOSS = f"""
logits, weights = tf.constant({LOGITS.tolist()}), tf.constant({WEIGHTS.tolist()})
targets = tf.constant({TARGETS.tolist()})
"""


def test_the_losses_of_sequences(tmp_path):
    found = values(tmp_path, LOSS + """
from tensorflow.contrib import legacy_seq2seq, seq2seq
lists = [tf.unstack(tensor, axis=1) for tensor in (logits, targets, weights)]
evaluate(both=seq2seq.sequence_loss(logits, targets, weights),
         steps=seq2seq.sequence_loss(logits, targets, weights, average_across_batch=False),
         batch=seq2seq.sequence_loss(logits, targets, weights, average_across_timesteps=False),
         none=seq2seq.sequence_loss(logits, targets, weights, False, False),
         function=seq2seq.sequence_loss(logits, targets, weights,
             softmax_loss_function=lambda labels, logits: tf.cast(labels, tf.float32) + logits[:, 0]),
         by_example=legacy_seq2seq.sequence_loss_by_example(*lists),
         summed=legacy_seq2seq.sequence_loss_by_example(*lists, average_across_timesteps=False),
         legacy=legacy_seq2seq.sequence_loss(*lists),
         total=legacy_seq2seq.sequence_loss(*lists, average_across_batch=False),
         flat=legacy_seq2seq.sequence_loss_by_example([tf.reshape(logits, [-1, 4])], [tf.reshape(targets, [-1, 1])],
                                                      [tf.ones([6])]),
         squares=legacy_seq2seq.sequence_loss_by_example([logits[:, 0, 0]], [weights[:, 0]], [tf.ones([2])],
             softmax_loss_function=lambda labels, logits: tf.square(labels - logits)))
""")
    plain = softmax_xentropy(LOGITS, TARGETS)
    weighted = plain * WEIGHTS
    by_example = weighted.sum(axis=1) / WEIGHTS.sum(axis=1)
    expected = {
        "both": weighted.sum() / WEIGHTS.sum(), "steps": by_example,
        "batch": weighted.sum(axis=0) / WEIGHTS.sum(axis=0), "none": weighted,
        "function": ((TARGETS + LOGITS[..., 0]) * WEIGHTS).sum() / WEIGHTS.sum(), "by_example": by_example,
        "summed": weighted.sum(axis=1), "legacy": by_example.mean(), "total": by_example.sum(), "flat": plain.ravel(),
        "squares": (WEIGHTS[:, 0] - LOGITS[:, 0, 0]) ** 2}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_dense_layers(tmp_path):
    found = values(tmp_path, """
import tensorflow.contrib.layers as layers
X = tf.constant([[1.0, -2.0], [0.5, 3.0]])
ones = dict(weights_initializer=tf.ones_initializer())
first = layers.fully_connected(X, 3, **ones)
mine = layers.fully_connected(X, 3, tf.tanh, scope="mine", biases_initializer=tf.ones_initializer(), **ones)
again = layers.linear(X, 3, scope="mine", reuse=True)
steps = tf.contrib.layers.linear(tf.stack([X, 2 * X]), 1, biases_initializer=None, **ones)
normal = layers.fully_connected(X, 3, normalizer_fn=lambda x, by: x / by, normalizer_params={"by": 2.0}, **ones)
with tf.variable_scope("seven", initializer=tf.constant_initializer(7.0)):
    glorot = layers.fully_connected(X, 3, outputs_collections="kept", variables_collections=["mine"])
    assert tf.get_collection("kept") == [glorot] and len(tf.get_collection("mine")) == 2
layers.relu(X, 3, weights_regularizer=layers.l2_regularizer(0.1), scope="l2", **ones)
evaluate(first=first, mine=mine, again=again, steps=steps, normal=normal, flat=tf.shape(layers.flatten(
         tf.ones([2, 3, 4]))), penalty=tf.losses.get_regularization_loss(),
         glorot=tf.reduce_max(tf.abs(tf.get_collection("mine")[0])),
         names=[variable.op.name for variable in tf.model_variables()])
""")
    assert found.pop("glorot") <= np.sqrt(6 / 5)
    sums = np.array([[-1.0], [3.5]])
    expected = {"first": np.maximum(sums, 0) * np.ones(3), "mine": np.tanh(sums + 1) * np.ones(3),
                "again": (sums + 1) * np.ones(3), "steps": np.stack([sums, 2 * sums]),
                "normal": np.maximum(sums / 2, 0) * np.ones(3), "flat": [2, 12], "penalty": 0.1 * 6 / 2}
    names = found.pop("names").tolist()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
    assert names == ["fully_connected/weights", "fully_connected/biases", "mine/weights", "mine/biases",
                     "fully_connected_1/weights", "fully_connected_2/weights", "seven/fully_connected/weights",
                     "seven/fully_connected/biases", "l2/weights", "l2/biases"]


def test_initial_weights_have_the_documented_spread(tmp_path):
    found = values(tmp_path, """
layers, shape = tf.contrib.layers, [300, 200]
evaluate(glorot=layers.xavier_initializer(seed=1)(shape),
         glorot_normal=layers.xavier_initializer(uniform=False, seed=1)(shape),
         he=layers.variance_scaling_initializer(seed=1)(shape),
         kernel=layers.xavier_initializer_conv2d(seed=1)([3, 4, 50, 20]),
         fan_out=layers.variance_scaling_initializer(factor=1.0, mode="FAN_OUT", uniform=True, seed=1)(shape))
""")
    variances = {"glorot": 1 / 250, "glorot_normal": 1 / 250, "he": 2 / 300, "kernel": 1 / (12 * 35),
                 "fan_out": 1 / 200}
    for name, variance in variances.items():  # within five standard errors, and 1.3 for what is cut off is rounded
        assert np.var(found[name]) == pytest.approx(variance, rel=0.04), name
    assert np.abs(found["glorot"]).max() == pytest.approx(np.sqrt(3 / 250), rel=1e-3)
    assert np.abs(found["he"]).max() == pytest.approx(2 * np.sqrt(1.3 * 2 / 300), rel=1e-2)


def test_cells_and_loops(tmp_path):
    found = values(tmp_path, """
from tensorflow.contrib import legacy_seq2seq, rnn
X = [tf.constant([[0.1 * t, -0.2]]) for t in range(3)]
cell = rnn.BasicRNNCell(2)
outputs, state = rnn.static_rnn(cell, X, dtype=tf.float32, scope="a")
decoded, last = legacy_seq2seq.rnn_decoder(X, cell.zero_state(1, tf.float32), rnn.BasicRNNCell(2), scope="b")
looped, _ = legacy_seq2seq.rnn_decoder(X, cell.zero_state(1, tf.float32), rnn.BasicRNNCell(2), scope="c",
                                       loop_function=lambda output, i: output * i)
wrapped = rnn.OutputProjectionWrapper(rnn.BasicRNNCell(2), 3, activation=tf.nn.relu)
projected, _ = tf.nn.dynamic_rnn(wrapped, tf.stack(X, axis=1), dtype=tf.float32, scope="d")
with tf.variable_scope("e"):
    lstm = rnn.MultiRNNCell([rnn.DropoutWrapper(rnn.BasicLSTMCell(2), output_keep_prob=1.0) for _ in range(2)])
    stacked, states = tf.nn.dynamic_rnn(lstm, tf.stack(X, axis=1), dtype=tf.float32)
assert isinstance(states[1], tf.contrib.rnn.LSTMStateTuple)
assert rnn.core_rnn_cell.BasicRNNCell is rnn.BasicRNNCell
evaluate(outputs=tf.stack(outputs), decoded=tf.stack(decoded), looped=tf.stack(looped), projected=projected,
         stacked=stacked, **{variable.op.name: variable.read_value() for variable in tf.trainable_variables()})
""")

    def rnn(name, inputs):
        """Yield the outputs [1, 2] of a basic cell; inputs: of each step, made of the step and the output before."""
        output = np.zeros([1, 2])
        for t in range(3):
            joined = np.concatenate([inputs(t, output), output], axis=1)
            output = np.tanh(joined @ found[f"{name}/basic_rnn_cell/kernel"] + found[f"{name}/basic_rnn_cell/bias"])
            yield output

    def step(t, _):
        return np.array([[0.1 * t, -0.2]])

    np.testing.assert_allclose(found["outputs"], [*rnn("a", step)], rtol=1e-5)
    np.testing.assert_allclose(found["decoded"], [*rnn("b", step)], rtol=1e-5)
    looped = rnn("c", lambda t, output: output * t if t else step(0, 0))
    np.testing.assert_allclose(found["looped"], [*looped], rtol=1e-5)
    hidden = np.stack([*rnn("d/output_projection_wrapper", step)], axis=1)
    kernel, bias = (found[f"d/output_projection_wrapper/{name}"] for name in ("kernel", "bias"))
    np.testing.assert_allclose(found["projected"], np.maximum(hidden @ kernel + bias, 0), rtol=1e-5)
    assert found["stacked"].shape == (1, 3, 2)
    assert "e/rnn/multi_rnn_cell/cell_1/basic_lstm_cell/kernel" in found


def test_minibatches_come_in_the_order_of_tensorflow_1(tmp_path, folder):
    found = values(tmp_path, """
from tensorflow.examples.tutorials.mnist import input_data
def batches(sizes, **kwargs):
    mnist = input_data.read_data_sets(".", validation_size=6, **kwargs)
    parts = [mnist.train.next_batch(size) for size in sizes]
    return [np.concatenate(part).tolist() for part in zip(*parts)], mnist
(images, labels), mnist = batches([10, 10, 10, 24, 1], seed=7)
tf.set_random_seed(3)
(_, by_graph), _ = batches([24, 24])
(plain, one_hot), raw = batches([5], seed=1, one_hot=True, reshape=False, dtype=tf.uint8)
in_order = raw.test.next_batch(3, shuffle=False)[1]
evaluate(images=images, labels=labels, by_graph=by_graph, plain=plain, one_hot=one_hot, in_order=in_order,
         sizes=[mnist.train.num_examples, mnist.validation.num_examples, mnist.test.num_examples],
         epochs=mnist.train.epochs_completed)
""")
    X, y = (np.asarray(array) for array in [*SMALL.values()][:2])
    X, y = X[6:], y[6:]

    def order(seed, n_epochs, n=24):
        """Yield the numbers of the images; each epoch permutes what the one before has permuted."""
        rnd, numbers = np.random.RandomState(seed), np.arange(n)
        for _ in range(n_epochs):
            permutation = np.arange(n)
            rnd.shuffle(permutation)
            numbers = numbers[permutation]
            yield from numbers

    expected = [*order(7, 3)][:55]
    np.testing.assert_array_equal(found["labels"], y[expected])
    np.testing.assert_array_equal(found["images"].astype(np.float32),
                                  X[expected].reshape(-1, 784).astype(np.float32) * np.float32(1 / 255))
    np.testing.assert_array_equal(found["by_graph"], y[[*order(3, 2)]])
    np.testing.assert_array_equal(found["plain"], X[[*order(1, 1)][:5]][..., None])
    np.testing.assert_array_equal(found["one_hot"], np.eye(10)[y[[*order(1, 1)][:5]]])
    np.testing.assert_array_equal(found["in_order"], np.eye(10)[:3])
    assert found["sizes"].tolist() == [24, 6, 20] and found["epochs"] == 2


@pytest.mark.parametrize("form", ["from tensorflow.keras.datasets import mnist", "from keras.datasets import mnist",
                                  "import tensorflow.keras.datasets.mnist as mnist",
                                  "mnist = tf.keras.datasets.mnist", "import keras; mnist = keras.datasets.mnist"])
def test_mnist_of_keras_is_ours(tmp_path, folder, form):
    found = values(tmp_path, f"""
{form}
mnist.load_data()[0][0][:] = 0  # what a script does with its arrays is its own affair
(X, y), (X_test, y_test) = mnist.load_data()
evaluate(X=X, y=y, X_test=X_test, y_test=y_test, types=[str(array.dtype) for array in (X, y, X_test, y_test)])
""", "--data-dir", folder)
    for name, array in zip(("X", "y", "X_test", "y_test"), SMALL.values(), strict=True):
        np.testing.assert_array_equal(found[name], array)
    assert set(found["types"]) == {"uint8"}


def test_synthetic_digits_are_told_aloud(tmp_path):
    _, err = run_tf1(tmp_path, "from tensorflow.examples.tutorials.mnist import input_data\n"
                           "input_data.read_data_sets('MNIST_data')", flags=["--offline"])
    assert "USING SYNTHETIC DIGITS" in err and "not MNIST scores" in err


def test_flags_main_and_files(tmp_path):
    out, err = run_tf1(tmp_path, START + """
tf.app.flags.DEFINE_string("log_dir", "logs", "where")
tf.flags.DEFINE_integer("hidden", 3, "units")
FLAGS = tf.flags.FLAGS

FLAGS._parse_flags()
assert FLAGS.__flags == {"log_dir": "logs", "hidden": 3} and np.float is float and np.Inf == np.inf

def main(_):
    tf.gfile.MakeDirs(FLAGS.log_dir)
    tf.logging.info("not shown")
    print(FLAGS.log_dir, FLAGS.hidden, tf.gfile.Exists("logs"))

if __name__ == "__main__":
    tf.app.run()
""")
    assert out == "logs 3 True\n" and not err
