"""Scripts that can't run end in one line that names what is missing and the script's line; their own errors stay so."""


import pytest
from user_scripts import run_tf1

IMPORT = "import tensorflow as tf\n"
# (script, the line that is at fault, what the message says of it)
REFUSED = [
    (IMPORT + "tf.contrib.crf.crf_log_likelihood(1)", 2, "tf.contrib.crf is not provided"),
    (IMPORT + "tf.contrib.rnn.LayerNormBasicLSTMCell(3)", 2, "tf.contrib.rnn.LayerNormBasicLSTMCell is not provided"),
    (IMPORT + "\n\ntf.contrib.layers.conv2d(1)", 4, "tf.contrib.layers.conv2d is not provided"),
    (IMPORT + "tf.contrib.seq2seq.BasicDecoder()", 2, "tf.contrib.seq2seq.BasicDecoder is not provided"),
    (IMPORT + "tf.contrib.legacy_seq2seq.basic_rnn_seq2seq()", 2,
     "tf.contrib.legacy_seq2seq.basic_rnn_seq2seq is not provided"),
    (IMPORT + "tf.contrib.learn.DNNClassifier()", 2, "tf.contrib.learn.DNNClassifier is not provided"),
    (IMPORT + "tf.contrib.cudnn_rnn.CudnnLSTM()", 2, "tf.contrib.cudnn_rnn is not provided"),
    (IMPORT + "tf.estimator.Estimator()", 2, "tf.estimator is not provided"),
    ("from tensorflow.contrib import slim", 1, "tf.contrib.slim is not provided"),
    ("import tensorflow.contrib.slim as slim", 1, "tf.contrib.slim is not provided"),
    ("import os\nfrom tensorflow.contrib.rnn import GridLSTMCell", 2, "tf.contrib.rnn.GridLSTMCell is not provided"),
    ("from tensorflow.contrib.rnn.python.ops import lstm_ops", 1, "tf.contrib.rnn.python.ops.lstm_ops is not provided"),
    ("from tensorflow.models.rnn import rnn_cell", 1, "tf.models is not provided"),
    ("import tensorflow.models.rnn.ptb.reader as reader", 1, "tf.models is not provided"),
    ("from tensorflow.examples.tutorials.mnist import mnist", 1,
     "tf.examples.tutorials.mnist.mnist is not provided"),
    ("from tensorflow.examples.tutorials.mnist.input_data import maybe_download", 1,
     "tf.examples.tutorials.mnist.input_data.maybe_download is not provided"),
    (IMPORT + "tf.nn.rnn(None, [])", 2, "tf.nn.rnn is from before TensorFlow 1.0: write tf.nn.static_rnn"),
    (IMPORT + "tf.mul(1, 2)", 2, "tf.mul is from before TensorFlow 1.0: write tf.multiply"),
    (IMPORT + "tf.train.SummaryWriter('.')", 2,
     "tf.train.SummaryWriter is from before TensorFlow 1.0: write tf.summary.FileWriter"),
    (IMPORT + "tf.nn.seq2seq.sequence_loss()", 2,
     "tf.nn.seq2seq is from before TensorFlow 1.0: write tf.contrib.legacy_seq2seq"),
    (IMPORT + "x = tf.ones([2, 4])\ntf.split(1, 2, x)", 3, "write tf.split(value, num_or_size_splits, axis)"),
    (IMPORT + "x = tf.ones([2, 4])\ny = tf.concat(1, [x, x])", 3, "write tf.concat(values, axis)"),
    (IMPORT + "x = tf.ones([2, 4])\ny = tf.concat(concat_dim=1, values=[x, x])", 3, "write tf.concat(values, axis)"),
    (IMPORT + "x = tf.ones([2, 4])\ntf.nn.softmax_cross_entropy_with_logits(x, x)", 3,
     "write tf.nn.softmax_cross_entropy_with_logits(labels=..., logits=...)"),
    ("import os\nprint 'loss'", 2, "this is Python 2"),
    ("try:\n    pass\nexcept ValueError, error:\n    pass", 3, "this is Python 2"),
    ("if 1:\n\tx = 1\n        y = 2\n", 3, "this is Python 2"),
    ("import os\nfor i in xrange(3):\n    pass", 2, "xrange is of Python 2"),
    ("import cPickle as pickle", 1, "cPickle is of Python 2"),
    ("for name in {}.iteritems():\n    pass", 1, "iteritems is of Python 2"),
    ("x = 1\nimport a_package_that_is_not_there.part", 2, "there is no module a_package_that_is_not_there here"),
    ("def read():\n    return open('corpus/input.txt')\n\nread()", 2, "no such file or folder: corpus/input.txt"),
    ("import numpy as np\nnp.loadtxt('prices.csv')", 2, "no such file or folder: prices.csv"),
    ("import sys\nprint >>sys.stderr, 'loss'", 2, "this is Python 2"),
    ("from itertools import izip", 1, "this is Python 2"), ("import sys\nreload(sys)", 2, "reload is of Python 2"),
    ("\neval('print 1')", 2, "this is Python 2"), ("import urlparse", 1, "urlparse is of Python 2"),
    ("import numpy.gone", 1, "the package numpy that is installed has no numpy.gone"),
    (IMPORT + "print(tf.gfile.Open('words.txt').read())", 2, "no such file or folder: words.txt"),
    ("from tensorflow.examples.tutorials.mnist import input_data\ninput_data.read_data_sets('.', fake_data=True)", 2,
     "fake_data is not provided"),
]


OWN = [
    ("class args: pass\nargs.long", "AttributeError"), ("import numpy as np\nnp.unicode", "AttributeError"),
    ("raise FileNotFoundError('run prepare.py first')", "FileNotFoundError: run prepare.py first"),
    ("x = 3rd", "SyntaxError: invalid decimal literal"), ("x = '<>", "SyntaxError: unterminated string literal"),
    ("import tensorflow_utils\ntensorflow_utils.train()", "AttributeError: module 'tensorflow_utils'"),
    ("try:\n    get_ipython().config\nexcept NameError:\n    raise BaseException('plain')", "BaseException: plain")]


@pytest.mark.parametrize("source, error", OWN, ids=[error for _, error in OWN])
def test_what_looks_like_it_and_is_the_scripts_own_error_stays_so(tmp_path, source, error):
    (tmp_path / "tensorflow_utils.py").write_text("")
    _, err = run_tf1(tmp_path, source, code=1)
    assert error in err and 'File "theirs.py"' in err and not err.startswith("error: ")


@pytest.mark.parametrize("source, line, problem", REFUSED, ids=[problem for *_, problem in REFUSED])
def test_what_is_not_there_is_told_in_one_line_with_its_place(tmp_path, source, line, problem):
    out, err = run_tf1(tmp_path, source, flags=["--data", "synthetic"], code=2)
    assert not out and err.count("\n") == 1
    assert err.startswith(f"error: theirs.py, line {line}: ") and problem in err
