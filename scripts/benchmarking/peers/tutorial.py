"""The tutorial's script as its readers run it: placeholders, dynamic_rnn, Adam, a feed_dict per minibatch.

Where the benchmark asks for another cell, it is that of TensorFlow 1 in the same script.

python scripts/benchmarking/peers/tutorial.py mnist.npz 5

The arguments are the data, with the keys of Keras' mnist.npz, the number of epochs and, if not 5000, of validation
images. Each epoch ends with the accuracy and loss of the last minibatch and the accuracy on the validation set, the
run with that on the test set.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # BasicRNNCell lives in tf_keras today
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

n_outputs = 10
learning_rate = 0.001
batch_size = 150


CELLS = {"basic": tf.nn.rnn_cell.BasicRNNCell, "lstm": tf.nn.rnn_cell.LSTMCell, "gru": tf.nn.rnn_cell.GRUCell,
         "irnn": lambda num_units: tf.nn.rnn_cell.BasicRNNCell(num_units, activation=tf.nn.relu)}


def build(n_steps=28, n_inputs=28, n_neurons=150, cell="basic"):
    """Build the tutorial's graph in the default graph; return X, y, training_op, loss, accuracy."""
    X = tf.placeholder(tf.float32, [None, n_steps, n_inputs])
    y = tf.placeholder(tf.int32, [None])
    rnn_cell = CELLS[cell](n_neurons)
    outputs, states = tf.nn.dynamic_rnn(rnn_cell, X, dtype=tf.float32)  # noqa: RUF059 - as the tutorial has it
    logits = tf.layers.dense(states.h if cell == "lstm" else states, n_outputs)
    xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(xentropy)
    training_op = tf.train.AdamOptimizer(learning_rate=learning_rate).minimize(loss)
    accuracy = tf.reduce_mean(tf.cast(tf.nn.in_top_k(logits, y, 1), tf.float32))
    return X, y, training_op, loss, accuracy


def load_data(path):
    """Return what tf.keras.datasets.mnist.load_data() does, from a file that is there."""
    with np.load(path) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def shuffle_batch(X, y, batch_size):
    """Yield the minibatches of one epoch."""
    for rows in np.array_split(np.random.permutation(len(X)), len(X) // batch_size):
        yield X[rows], y[rows]


def main(path, n_epochs, n_valid=5000):
    """Train, printing a line per epoch, and score the test set."""
    (X_train, y_train), (X_test, y_test) = load_data(path)
    X_train, X_test = X_train.astype(np.float32) / 255.0, X_test.astype(np.float32) / 255.0
    y_train, y_test = y_train.astype(np.int32), y_test.astype(np.int32)
    n_valid = int(n_valid)
    X_valid, X_train = X_train[:n_valid], X_train[n_valid:]
    y_valid, y_train = y_train[:n_valid], y_train[n_valid:]
    tf.set_random_seed(42)
    np.random.seed(42)
    X, y, training_op, loss, accuracy = build()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(int(n_epochs)):
            for X_batch, y_batch in shuffle_batch(X_train, y_train, batch_size):
                sess.run(training_op, feed_dict={X: X_batch, y: y_batch})
            acc_batch, loss_batch = sess.run([accuracy, loss], feed_dict={X: X_batch, y: y_batch})
            acc_valid = sess.run(accuracy, feed_dict={X: X_valid, y: y_valid})
            print(f"epoch : {epoch:03d} acc_batch : {acc_batch:.4f}, acc_valid : {acc_valid:.4f} "
                  f"loss_batch : {loss_batch:.4f}", flush=True)
        print(f"acc_test : {sess.run(accuracy, feed_dict={X: X_test, y: y_test}):.4f}")


def start(task):
    """Return (train, weights) for worker.py."""
    shape = [-1, task.n_steps, task.n_inputs]
    X_train, y_train = (task.images.astype(np.float32) / 255.0).reshape(shape), task.labels
    X, y, training_op, _, _ = build(task.n_steps, task.n_inputs, task.n_neurons, task.cell)
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    variables = tf.trainable_variables()  # in the order in which they were made: the cell's, then the dense layer's
    for variable, value in zip(variables, task.weights, strict=True):
        variable.load(value, sess)

    def train(batches):
        """Train a minibatch for each array of row numbers."""
        for rows in batches:
            sess.run(training_op, feed_dict={X: X_train[rows], y: y_train[rows]})

    return train, lambda: sess.run(variables)


if __name__ == "__main__":
    main(*sys.argv[1:])
