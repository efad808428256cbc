"""What a script asks for in vain, told in one line: what, at which line of the script, what to do instead."""

import functools
import os
import re
import sysconfig
import traceback
from pathlib import Path

from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import UserError

# Within tf, what TensorFlow 1.0 gave another name.
RENAMED = {
    "mul": "multiply", "sub": "subtract", "neg": "negative", "pack": "stack", "unpack": "unstack", "select": "where",
    "inv": "reciprocal", "batch_matmul": "matmul", "scalar_summary": "summary.scalar",
    "histogram_summary": "summary.histogram", "image_summary": "summary.image", "merge_summary": "summary.merge",
    "merge_all_summaries": "summary.merge_all", "train.SummaryWriter": "summary.FileWriter",
    "nn.rnn": "nn.static_rnn", "nn.bidirectional_rnn": "nn.static_bidirectional_rnn",
    "nn.state_saving_rnn": "nn.static_state_saving_rnn", "nn.seq2seq": "contrib.legacy_seq2seq"}
# What Python 3 says of Python 2's syntax, or what stands in the line that it can't read.
PYTHON_2 = re.compile(r"Missing parentheses|multiple exception types|leading zeros|decimal literal|tabs and spaces|"
                      r"parameters cannot be parenth|<>|`|\braise\s[^(]*,|\bur['\"]")
PYTHON_2_NAMES = {"xrange", "unicode", "raw_input", "basestring", "long", "unichr", "reduce", "izip", "has_key",
                  "iteritems", "itervalues", "iterkeys", "cPickle", "Queue", "urllib2", "ConfigParser", "StringIO",
                  "Tkinter", "HTMLParser", "cookielib"}
_NOT_THEIRS = tuple({*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")),
                     str(Path(__file__).resolve().parents[1]), "<"})


def place(frames):
    """Return the file and line of the last of (frame, line) that is the script's own or of its modules."""
    theirs = [(frame.f_code.co_filename, line) for frame, line in frames
              if not frame.f_code.co_filename.startswith(_NOT_THEIRS)]
    return text("{file}, line {line}", file=theirs[-1][0], line=theirs[-1][1]) if theirs else ""


def explained(error):
    """Return one line for an exception that a script could not help, with the place; None for what is its own."""
    if isinstance(error, SyntaxError):
        where = text("{file}, line {line}", file=error.filename, line=error.lineno)
    else:
        where = place(traceback.walk_tb(error.__traceback__))
    problem = where and _problem(error)
    return problem and f"{where}: {problem}"


def _problem(error):
    """Return the words for what is wrong, None if it is the script's own error."""
    name = getattr(error, "name", None) or ""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, SyntaxError) and PYTHON_2.search(f"{error.msg}\n{error.text}"):
        return text("this is Python 2 ({reason}), which Python 3 does not run: convert the script first",
                    reason=error.msg)
    if isinstance(error, NameError | AttributeError | ImportError) and name.split(".")[-1] in PYTHON_2_NAMES:
        return text("{name} is of Python 2, which Python 3 does not run: convert the script first", name=name)
    if isinstance(error, ImportError) and name.split(".")[0] == "tensorflow":
        wanted = re.search(r"cannot import name '(\w+)'", str(error))
        return _not_provided(f"{name}.{wanted[1]}" if wanted else name)
    if isinstance(error, ModuleNotFoundError):
        return text("there is no module {name} here: install the package that has it, or put its file beside the "
                    "script", name=name)
    if isinstance(error, AttributeError):
        module = getattr(getattr(error, "obj", None), "__name__", "")
        return _not_provided(f"{module}.{name}") if module.startswith("tensorflow") else None
    if isinstance(error, FileNotFoundError) or type(error).__name__ == "NotFoundError":
        return text("no such file or folder: {path} (looked for from {folder})", folder=os.getcwd(),
                    path=getattr(error, "filename", None) or str(error).split("\n")[0])
    if isinstance(error, ValueError) and "with named arguments" in str(error):
        return text("{reason}: arguments without names are from before TensorFlow 1.0", reason=error)
    return None


def _not_provided(symbol):
    """Return the words for a name within TensorFlow that there is not."""
    name = re.sub(r"^tensorflow\.(_api\.v2\.compat\.v1\.)?", "", symbol)
    if name in RENAMED:
        return text("tf.{old} is from before TensorFlow 1.0: write tf.{new}", old=name, new=RENAMED[name])
    return text("tf.{name} is not provided: of TensorFlow 1 it is what graphs of recurrent networks need", name=name)


def value_first(function, form):
    """Return one of tf's functions that tells it if it is called as before TensorFlow 1.0, with the axis first."""
    @functools.wraps(function)
    def called(*args, **kwargs):
        if isinstance(args[0] if args else None, int) or {"concat_dim", "split_dim"} & kwargs.keys():
            raise UserError("the axis comes first in calls from before TensorFlow 1.0: write {form}", form=form)
        return function(*args, **kwargs)

    return called


def tell_shared_cells(cls):
    """Have the making of a MultiRNNCell say where layers share their weights, being one cell."""
    init = cls.__init__

    @functools.wraps(init)
    def told(self, cells, *args, **kwargs):
        if len({*map(id, cells)}) < len(cells):
            frames = reversed([*traceback.walk_stack(None)])
            note(text("warning: {where}: MultiRNNCell gets one cell for several layers, which share its weights: make "
                      "one for each ([make_cell() for _ in range(n)])", where=place(frames)))
        init(self, cells, *args, **kwargs)

    cls.__init__ = told
