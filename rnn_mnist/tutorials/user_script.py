"""A script or notebook of others: read, run as Python does, what it asks for in vain told in one line."""

import ast
import copy
import functools
import json
import linecache
import os
import re
import signal
import sys
import sysconfig
import textwrap
import traceback
import types
from pathlib import Path

from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note
from rnn_mnist.console.parser import SCRIPTS
from rnn_mnist.console.settings import UserError
from rnn_mnist.files import read_bytes

_MAGIC = re.compile(r"(\s*)(%+[A-Za-z]|[!?]|.*\?$).*")  # a line of IPython's, where Python finds it invalid
# Within tf, what TensorFlow 1.0 gave another name.
_RENAMED = {
    "mul": "multiply", "sub": "subtract", "neg": "negative", "pack": "stack", "unpack": "unstack", "select": "where",
    "inv": "reciprocal", "batch_matmul": "matmul", "scalar_summary": "summary.scalar",
    "histogram_summary": "summary.histogram", "image_summary": "summary.image", "merge_summary": "summary.merge",
    "merge_all_summaries": "summary.merge_all", "train.SummaryWriter": "summary.FileWriter",
    "nn.rnn": "nn.static_rnn", "nn.bidirectional_rnn": "nn.static_bidirectional_rnn",
    "nn.state_saving_rnn": "nn.static_state_saving_rnn", "nn.seq2seq": "contrib.legacy_seq2seq"}
# What Python 3 says of Python 2; or what stands in a line that it finds invalid.
_PYTHON_2 = re.compile(r"Missing parentheses|multiple exception types|leading zeros in dec|inconsistent use of tabs|"
                       r"parameters cannot be parenth|Did you mean \"print\(|from 'itertools'")
_PYTHON_2_LINE = re.compile(r"<>|`|\braise\s[^(]*,|\bur['\"]|\d[lL]\b")
_PYTHON_2_NAMES = {
    NameError: {"xrange", "unicode", "raw_input", "basestring", "long", "unichr", "reduce", "reload", "execfile"},
    AttributeError: {"has_key", "iteritems", "itervalues", "iterkeys", "urlretrieve", "urlencode"},
    ImportError: {"cPickle", "Queue", "urllib2", "urlparse", "ConfigParser", "StringIO", "cStringIO", "Tkinter",
                  "HTMLParser", "cookielib"}}
_NOT_THEIRS = tuple(str(folder) + os.sep for folder in {
    *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), Path(__file__).resolve().parents[1],
    SCRIPTS})
_PYLAB = "from pylab import *"
_IPYTHONS = {"magic", "run_line_magic", "run_cell_magic", "system", "getoutput"}


def read(path):
    """Return the code objects of a .py or .ipynb, in order; in the place of one that is no Python, the error.

    Lines of IPython's are passed over with a note. Raise UserError if the file can't be read or is Python 2.
    """
    content = read_bytes(path, cure=text("give the path of a script or notebook"))
    codes = []
    for name, source in (_cells(path, content) if path.endswith(".ipynb") else {path: content}).items():
        try:
            codes += _cell_codes(source, name) if isinstance(source, str) else [compile(source, name, "exec")]
        except (SyntaxError, ValueError) as error:  # ValueError: a null byte
            _refuse(error)
            codes.append(error.with_traceback(None))
    return codes


def run(path, args, codes, after=lambda: None):
    """Run what read() gave as the main module with its arguments; return its exit code, 1 if it failed by itself.

    after: called after each code. Signals do what they do in Python. Raise UserError, with the script's line, for what
    it asks for and there is not.
    """
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__, sys.argv = os.path.abspath(path), [path, *args]
    if path.endswith(".ipynb") or any("get_ipython" in getattr(code, "co_names", ()) for code in codes):
        main.get_ipython, main.display = _NoIPython, print
    sys.path[:] = [os.path.dirname(main.__file__), *(folder for folder in sys.path if folder != str(SCRIPTS))]
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & vars(signal).keys():
        if signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(getattr(signal, name), signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
    try:
        for code in codes:
            if isinstance(code, Exception):
                raise code
            exec(code, vars(main))
            after()
    except SystemExit:
        after()
        raise
    except KeyboardInterrupt:
        note(text("interrupted"))
        return 130
    except BaseException as error:
        _refuse(error)
        while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
        hook = traceback.print_exception if sys.excepthook is sys.__excepthook__ else sys.excepthook
        hook(type(error), error, error.__traceback__)  # Python's own shows no lines of a notebook
        return 1
    return 0


class _NoIPython:
    """Stand for IPython where a notebook that was made a script asks for it: what it is to do is passed over."""

    def __getattr__(self, name):
        if name not in _IPYTHONS:  # somebody asks whether this is a notebook
            raise NameError("name 'get_ipython' is not defined")
        return lambda *words: note(text("passed over: {name}: {line}", name=name, line=" ".join(map(str, words))))


class _OldCall(UserError, TypeError, ValueError):
    """Say that a call is one of before TensorFlow 1.0; scripts for both catch what TensorFlow 1 raised."""


def tell_old_calls(function, form, first):
    """Return one of tf's functions that refuses a call from before TensorFlow 1.0, naming today's form.

    first: the type of the first argument, if it comes without a name, by which such a call is known.
    """
    @functools.wraps(function)
    def called(*args, **kwargs):
        if (args and isinstance(args[0], first)) or {"concat_dim", "split_dim"} & kwargs.keys():
            raise _OldCall("this is a call from before TensorFlow 1.0: write {form}", form=form)
        return function(*args, **kwargs)

    return called


def tell_shared_cells(cls):
    """Have MultiRNNCell say, with the script's line, where its layers are one cell and share their weights.

    If they can't, since that cell's outputs are not as wide as the inputs, each gets its own, as in TensorFlow 1.0.
    """
    init, call = cls.__init__, cls.call

    def warn(sentence):
        note(text(sentence, where=_place(reversed([*traceback.walk_stack(sys._getframe(1))]))))

    @functools.wraps(init)
    def told_init(self, cells, *args, **kwargs):
        if len({*map(id, cells)}) < len(cells):
            warn("warning: {where}: MultiRNNCell gets one cell for several layers, which then share its weights: make "
                 "one for each")
        init(self, cells, *args, **kwargs)

    @functools.wraps(call)
    def told_call(self, inputs, *args, **kwargs):
        if len({*map(id, self._cells)}) < len(self._cells) and inputs.shape[-1] != self._cells[0].output_size:
            warn("warning: {where}: these layers have weights of their own, as in TensorFlow 1.0: the inputs' width is "
                 "not that of the layers")
            self._cells = [copy.deepcopy(cell) for cell in self._cells]  # none of them has weights yet
        return call(self, inputs, *args, **kwargs)

    cls.__init__, cls.call = told_init, told_call


def _cells(path, content):
    """Return {name: source} of the code cells of a notebook; raise UserError if it is none."""
    try:  # worksheets: notebooks from before 2015
        notebook = json.loads(content.decode("utf-8-sig"))
        cells = [cell for sheet in notebook.get("worksheets", [notebook]) for cell in sheet["cells"]]
        sources = ["".join(cell["source" if "source" in cell else "input"]) for cell in cells
                   if cell["cell_type"] == "code"]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise UserError("{path}: is not a notebook: {cure}", path=path,
                        cure=text("give the path of a script or notebook")) from None
    return {f"{path}, cell {n}": source for n, source in enumerate(sources, 1)}


def _cell_codes(source, name):
    """Return the code of a cell, and that which prints the value it ends with."""
    source = _without_magics(source, name)
    linecache.cache[name] = len(source), None, source.splitlines(True), name  # for tracebacks
    tree = ast.parse(source, name)
    shown = tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
    last = ast.Interactive([tree.body.pop()] if shown else [])
    return [compile(tree, name, "exec"), compile(last, name, "single")]


def _without_magics(source, name):
    """Return a cell's source with `pass` for IPython's lines, which are noted; but %time and %pylab.

    A cell that is indented as a whole is none the worse for it, as in IPython.
    """
    if source.lstrip().startswith("%%") and not re.match(r"\s*%%(time|capture)\b", source):
        note(text("passed over: {name}: {line}", name=name, line=source.strip().split("\n")[0]))
        return ""
    lines = source.split("\n")
    while True:
        try:
            ast.parse("\n".join(lines))
            return "\n".join(lines)
        except (SyntaxError, ValueError) as error:
            i = min(getattr(error, "lineno", None) or 1, len(lines)) - 1
            line, magic = lines[i], _MAGIC.match(lines[i])
            if not magic:
                return textwrap.dedent("\n".join(lines))
        timed = re.match(r"\s*%{1,2}(?:time|capture)\b\s*(.*)", line)
        kept = timed[1] if timed else _PYLAB if line.lstrip().startswith("%pylab") else None
        if kept is None:
            note(text("passed over: {name}: {line}", name=name, line=line.strip()))
        lines[i] = magic[1] + (kept or "pass")


def _place(frames):
    """Return the file and line of the last of (frame, line) that is the script's or its modules'; "" if none is."""
    theirs = [(frame.f_code.co_filename, line) for frame, line in frames if _is_theirs(frame.f_code.co_filename)]
    return text("{file}, line {line}", file=theirs[-1][0], line=theirs[-1][1]) if theirs else ""


def _is_theirs(filename):
    return not filename.startswith((*_NOT_THEIRS, "<"))


def _refuse(error):
    """Raise UserError, with the place, for an exception that a script could not help; return if it is its own."""
    frames = [*traceback.walk_tb(error.__traceback__)]
    where = _place(frames)
    if isinstance(error, SyntaxError) and error.filename and _is_theirs(error.filename):
        where = text("{file}, line {line}", file=error.filename, line=error.lineno)
    raised_there = frames and _is_theirs(frames[-1][0].f_code.co_filename)
    if where and (problem := _problem(error, raised_there)):
        raise UserError("{where}: {problem}", where=where, problem=problem) from None


def _problem(error, raised_there):
    """Return the words for what is wrong, None if it is the script's own error; raised_there: in the script itself."""
    name, sentence = getattr(error, "name", None) or "", str(error)
    if isinstance(error, UserError):
        return sentence
    if _PYTHON_2.search(sentence) or (isinstance(error, SyntaxError) and error.msg.startswith("invalid")
                                      and _PYTHON_2_LINE.search(error.text or "")):
        return text("this is Python 2 ({reason}), which Python 3 does not run: convert the script first",
                    reason=getattr(error, "msg", sentence))
    if any(isinstance(error, kind) and name in names for kind, names in _PYTHON_2_NAMES.items()):
        return text("{name} is of Python 2, which Python 3 does not run: convert the script first", name=name)
    top = name.split(".")[0]
    if isinstance(error, ImportError) and top == "tensorflow":
        wanted = re.search(r"cannot import name '(\w+)'", sentence)
        return _not_provided(f"{name}.{wanted[1]}" if wanted else name)
    if isinstance(error, ModuleNotFoundError) and name != top and top in sys.modules:
        return text("the package {package} that is installed has no {name}: it may be another version than the script "
                    "was written for", package=top, name=name)
    if isinstance(error, ModuleNotFoundError):
        return text("there is no module {name} here: install the package that has it, or put its file beside the "
                    "script", name=name)
    module = getattr(error, "obj", None)
    if isinstance(error, AttributeError) and isinstance(module, types.ModuleType) and re.match(
            r"tensorflow(\.|$)", module.__name__):
        return _not_provided(f"{module.__name__}.{name}")
    if (isinstance(error, FileNotFoundError) and (error.filename or not raised_there)) or (
            type(error).__name__ == "NotFoundError" and "No such f" in sentence):
        return text("no such file or folder: {path} (looked for from {folder})", folder=os.getcwd(),
                    path=getattr(error, "filename", None) or sentence.split("\n")[0])
    return None


def _not_provided(symbol):
    """Return the words for a name within TensorFlow that there is not."""
    name = re.sub(r"^tensorflow\.((_api\.v2\.)?compat\.v1\.)?", "", symbol)
    if name in _RENAMED:
        return text("tf.{old} is from before TensorFlow 1.0: write tf.{new}", old=name, new=_RENAMED[name])
    return text("tf.{name} is not provided: of TensorFlow 1 it is what graphs of recurrent networks need", name=name)
