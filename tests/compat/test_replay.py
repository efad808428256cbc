"""What books print replays: scripts of our own build their graphs, run by scripts/run_tf1.py with TensorFlow 1's seeds.

The figures are those of A. Geron's handson-ml, chapter 14, of TensorFlow 1.15; ExcelsiorCJH/Hands-On-ML has the same.
"""

import json

import numpy as np
import pytest
from user_scripts import run_tf1

# The arrays of the chapter's first section, in order: two steps by hand, static_rnn, static_rnn over an unstacked
# tensor, dynamic_rnn, dynamic_rnn with lengths and its states.
PUBLISHED = {
    "by hand, 0": """-0.0664006 0.9625767 0.68105793 0.7091854 -0.898216 0.9977755 -0.719789 -0.9965761 0.9673924
        -0.9998972 0.99999774 -0.99898803 -0.9999989 0.9967762 -0.9999999 1 -1 -1 -0.99818915 0.9995087""",
    "by hand, 1": """1 -1 -1 0.4020025 -0.9999998 -0.12210419 0.62805265 0.9671843 -0.9937122 -0.2583937 0.9999983
        -0.9999994 -0.9999975 -0.85943305 -0.9999881 0.99928284 -0.99999815 -0.9999058 0.9857963 -0.92205757""",
    "static, 0": """0.30741334 -0.32884315 -0.6542847 -0.9385059 0.52089024 0.99122757 -0.9542541 -0.7518079 -0.9995208
        0.9820235 0.9999268 -0.99783254 -0.8247353 -0.9999963 0.99947774 0.996771 -0.68750614 0.8419969 0.9303911
        0.8120684""",
    "static, 1": """0.99998885 -0.99976057 -0.0667929 -0.9999803 0.99982214 -0.6524943 -0.51520866 -0.37968948
        -0.5922594 -0.08968379 0.99862397 -0.99715203 -0.03308626 -0.9991566 0.9932902 0.99681675 -0.9598194 0.39660627
        -0.8307606 0.79671973""",
    "unstacked": """-0.45652324 -0.68064123 0.40938237 0.63104504 -0.45732826 -0.9428799 -0.9998869 0.94055814 0.9999985
        -0.9999997 -0.8001535 -0.9921827 0.7817797 0.9971032 -0.9964609 -0.637116 0.11300927 0.5798437 0.4310559
        -0.6371699 -0.93605185 -0.9998379 0.9308867 0.9999815 -0.99998295 -0.9165386 -0.9945604 0.896054 0.99987197
        -0.9999751 0.9927369 -0.9981933 -0.55543643 0.9989031 -0.9953323 -0.02746338 -0.73191994 0.7827872 0.9525682
        -0.9781773""",
    "dynamic": """-0.85115266 0.87358344 0.5802911 0.8954789 -0.0557505 -0.999996 0.99999577 0.9981815 1 0.37679607
        -0.9983293 0.9992038 0.98071456 0.999985 0.25192663 -0.7081804 -0.0772338 -0.85227895 0.5845349 -0.78780943
        -0.9999827 0.99999535 0.9992863 1 0.5159072 -0.9993956 0.9984095 0.83422637 0.99999976 -0.47325212 0.87888587
        0.07356028 0.97216916 0.9998546 -0.7351168 -0.9134514 0.3600957 0.7624866 0.99817705 0.80142""",
    "lengths": """-0.9123188 0.16516446 0.5548655 -0.39159346 0.20846416 -1 0.956726 0.99831694 0.99970174 0.96518576
        -0.9998612 0.6702289 0.9723653 0.6631046 0.74457586 0 0 0 0 0 -0.99999976 0.8967997 0.9986295 0.9647514 0.93662
        -0.9999526 0.9681953 0.96002865 0.98706263 0.85459226 -0.96435434 0.99501586 -0.36150697 0.9983378 0.999497
        -0.9613586 0.9568762 0.7132288 0.97729224 -0.0958299""",
    "states": """-1 0.956726 0.99831694 0.99970174 0.96518576 -0.9998612 0.6702289 0.9723653 0.6631046 0.74457586
        -0.9999526 0.9681953 0.96002865 0.98706263 0.85459226 -0.9613586 0.9568762 0.7132288 0.97729224 -0.0958299""",
}

FIRST_SECTION = """
import json
import numpy as np
import tensorflow as tf

X = np.array([[[0, 1, 2], [9, 8, 7]], [[3, 4, 5], [0, 0, 0]], [[6, 7, 8], [6, 5, 4]], [[9, 0, 1], [3, 2, 1]]])
found = {}

def start():
    tf.reset_default_graph()
    tf.set_random_seed(42)

def evaluate(feeds, **fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for name, value in session.run(fetches, feeds).items():
            found[name.replace("_", ", ").replace("by, hand", "by hand")] = value.ravel().tolist()

start()
X0, X1 = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
Wx, Wy = tf.Variable(tf.random_normal([3, 5])), tf.Variable(tf.random_normal([5, 5]))
b = tf.Variable(tf.zeros([1, 5]))
Y0 = tf.tanh(tf.matmul(X0, Wx) + b)
Y1 = tf.tanh(tf.matmul(Y0, Wy) + tf.matmul(X1, Wx) + b)
evaluate({X0: X[:, 0], X1: X[:, 1]}, by_hand_0=Y0, by_hand_1=Y1)

start()
X0, X1 = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [None, 3])
(Y0, Y1), _ = tf.contrib.rnn.static_rnn(tf.contrib.rnn.BasicRNNCell(num_units=5), [X0, X1], dtype=tf.float32)
evaluate({X0: X[:, 0], X1: X[:, 1]}, static_0=Y0, static_1=Y1)

start()
inputs = tf.placeholder(tf.float32, [None, 2, 3])
steps = tf.unstack(tf.transpose(inputs, perm=[1, 0, 2]))
outputs, _ = tf.nn.static_rnn(tf.nn.rnn_cell.BasicRNNCell(num_units=5), steps, dtype=tf.float32)
evaluate({inputs: X}, unstacked=tf.transpose(tf.stack(outputs), perm=[1, 0, 2]))

start()
inputs = tf.placeholder(tf.float32, [None, 2, 3])
outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(num_units=5), inputs, dtype=tf.float32)
evaluate({inputs: X}, dynamic=outputs)

start()
inputs = tf.placeholder(tf.float32, [None, 2, 3])
cell, lengths = tf.nn.rnn_cell.BasicRNNCell(num_units=5), tf.placeholder(tf.int32, [None])
outputs, states = tf.nn.dynamic_rnn(cell, inputs, dtype=tf.float32, sequence_length=lengths)
evaluate({inputs: X, lengths: [2, 1, 2, 2]}, lengths=outputs, states=states)
print(json.dumps(found))
"""

TIME_SERIES = """
import sys
import numpy as np
import tensorflow as tf
from tensorflow.contrib import layers, rnn

way = sys.argv[1]
tf.set_random_seed(42)
np.random.seed(42)
X = tf.placeholder(tf.float32, [None, 20, 1])
y = tf.placeholder(tf.float32, [None, 20, 1])
cell = rnn.BasicRNNCell(num_units=100, activation=tf.nn.relu)
if way == "wrapper":
    cell = rnn.OutputProjectionWrapper(cell, output_size=1)
outputs, states = tf.nn.dynamic_rnn(cell, X, dtype=tf.float32)
if way != "wrapper":
    stacked = tf.reshape(outputs, [-1, 100])
    dense = layers.linear if way == "contrib" else tf.layers.dense
    stacked = dense(stacked, 1)
    outputs = tf.reshape(stacked, [-1, 20, 1])
loss = tf.reduce_mean(tf.square(outputs - y))
training_op = tf.train.AdamOptimizer(learning_rate=0.001).minimize(loss)
times = np.random.rand(50, 1) * (30 - 20 * 0.1) + np.arange(0., 21) * 0.1
values = times * np.sin(times) / 3 + 2 * np.sin(times * 5)
feeds = {X: values[:, :-1, np.newaxis], y: values[:, 1:, np.newaxis]}
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run(training_op, feeds)
    print(session.run(loss, feeds))
"""

HELLO = """
import numpy as np
import tensorflow as tf

tf.set_random_seed(777)
letters = {letter: i for i, letter in enumerate("hielo")}
read, wanted = [[letters[letter] for letter in word] for word in ("hihell", "ihello")]
X = tf.placeholder(tf.float32, [None, 6, 5])
y = tf.placeholder(tf.int32, [None, 6])
cell = tf.contrib.rnn.BasicLSTMCell(num_units=5, state_is_tuple=True)
outputs, _ = tf.nn.dynamic_rnn(cell, X, initial_state=cell.zero_state(1, tf.float32), dtype=tf.float32)
logits = tf.contrib.layers.fully_connected(tf.reshape(outputs, [-1, 5]), 5, activation_fn=None)
logits = tf.reshape(logits, [1, 6, 5])
loss = tf.reduce_mean(tf.contrib.seq2seq.sequence_loss(logits=logits, targets=y, weights=tf.ones([1, 6])))
training_op = tf.train.AdamOptimizer(learning_rate=0.1).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(7):
        print(session.run([loss, training_op], {X: [np.eye(5)[read]], y: [wanted]})[0])
"""

MNIST = """
import numpy as np
import tensorflow as tf

(X_train, y_train), (X_test, y_test) = tf.keras.datasets.mnist.load_data()
X_train, X_test = (images.astype(np.float32).reshape(-1, 28, 28) / 255.0 for images in (X_train, X_test))
tf.set_random_seed(42)
np.random.seed(42)
X = tf.placeholder(tf.float32, [None, 28, 28])
y = tf.placeholder(tf.int32, [None])
outputs, states = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(num_units=150), X, dtype=tf.float32)
logits = tf.layers.dense(states, 10)
xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
loss = tf.reduce_mean(xentropy)
training_op = tf.train.AdamOptimizer(learning_rate=0.001).minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for epoch in range(2):
        for part in np.array_split(np.random.permutation(55000), 55000 // 150):
            batch = {X: X_train[5000:][part], y: y_train[5000:][part]}
            session.run(training_op, batch)
        scores = [accuracy.eval(batch), accuracy.eval({X: X_train[:5000], y: y_train[:5000]}), loss.eval(batch),
                  accuracy.eval({X: X_test, y: y_test})]
        print(" ".join("{:.4f}".format(score) for score in scores))
"""


def test_the_arrays_of_the_first_section(tmp_path):
    found = json.loads(run_tf1(tmp_path, FIRST_SECTION)[0])
    assert sorted(found) == sorted(PUBLISHED)
    for name, published in PUBLISHED.items():
        np.testing.assert_allclose(found[name], np.array(published.split(), np.float32), rtol=0, atol=3e-7,
                                   err_msg=name)


@pytest.mark.parametrize("way, published", [("dense", 13.907029), ("contrib", 13.907029), ("wrapper", 11.967254)])
def test_the_first_error_of_the_time_series(tmp_path, way, published):
    assert float(run_tf1(tmp_path, TIME_SERIES, way)[0]) == pytest.approx(published, abs=3e-6)  # 3 steps of float32


def test_the_losses_of_an_lstm(tmp_path):
    """Of Sung Kim's DeepLearningZeroToAll, lab 12-1, as TensorFlow 1.5 and later printed them."""
    out, _ = run_tf1(tmp_path, HELLO)
    published = [1.6078762, 1.5102624, 1.4327027, 1.3489527, 1.2551295, 1.140437, 1.0167552]
    np.testing.assert_allclose(np.array(out.split(), float), published, rtol=0, atol=4e-7)


def test_numbers_that_are_drawn_without_limits(tmp_path):
    """Of handson-ml's notebook on reproducibility."""
    out, _ = run_tf1(tmp_path, """
import tensorflow as tf
tf.set_random_seed(42)
drawn = tf.random_uniform([])
with tf.Session() as session:
    print(session.run(drawn), session.run(drawn))
""")
    assert out == "0.63789964 0.8774011\n"


@pytest.mark.slow
def test_the_first_epochs_on_mnist(tmp_path, mnist_dir):
    out, _ = run_tf1(tmp_path, MNIST, flags=["--data-dir", mnist_dir])
    assert out == "0.9533 0.9322 0.1928 0.9288\n0.9600 0.9530 0.1873 0.9471\n"
