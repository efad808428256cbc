"""A script or notebook of others: read, run as Python does, what it asks for in vain told in one line."""

import ast
import copy
import functools
import linecache
import os
import re
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
from rnn_mnist.files import CURE, read_bytes, read_json

_MAGIC = re.compile(r"(\s*)(%+[A-Za-z]|[!?]).*")  # a line of IPython's, as none of Python's begins
# Within tf, what TensorFlow 1.0 gave another name.
_RENAMED = {
    "mul": "multiply", "sub": "subtract", "neg": "negative", "pack": "stack", "unpack": "unstack", "select": "where",
    "inv": "reciprocal", "batch_matmul": "matmul", "scalar_summary": "summary.scalar",
    "histogram_summary": "summary.histogram", "image_summary": "summary.image", "merge_summary": "summary.merge",
    "merge_all_summaries": "summary.merge_all", "train.SummaryWriter": "summary.FileWriter",
    "nn.rnn": "nn.static_rnn", "nn.bidirectional_rnn": "nn.static_bidirectional_rnn",
    "nn.state_saving_rnn": "nn.static_state_saving_rnn", "nn.seq2seq": "contrib.legacy_seq2seq"}
# What Python 3 says of Python 2's syntax, or what stands in the line that it can't read.
_PYTHON_2 = re.compile(r"Missing parentheses|multiple exception types|leading zeros|decimal literal|tabs and spaces|"
                       r"parameters cannot be parenth|<>|`|\braise\s[^(]*,|\bur['\"]")
_PYTHON_2_NAMES = {"xrange", "unicode", "raw_input", "basestring", "long", "unichr", "reduce", "izip", "has_key",
                   "iteritems", "itervalues", "iterkeys", "cPickle", "Queue", "urllib2", "ConfigParser", "StringIO",
                   "Tkinter", "HTMLParser", "cookielib"}
_NOT_THEIRS = tuple({*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")),
                     str(Path(__file__).resolve().parents[1]), str(SCRIPTS), "<"})


def read(path):
    """Return the code objects of a .py or .ipynb, in order; in the place of one that is no Python, the error.

    Lines of IPython's are passed over with a note. Raise UserError if the file can't be read or is Python 2.
    """
    content = read_bytes(path, cure=text("give the path of a script or notebook"))
    sources = _cells(path) if path.endswith(".ipynb") else {path: content}
    codes = []
    for name, source in sources.items():
        try:
            codes += _cell_codes(source, name) if isinstance(source, str) else [compile(source, name, "exec")]
        except (SyntaxError, ValueError) as error:  # ValueError: a null byte
            _refuse(error)
            codes.append(error.with_traceback(None))
    return codes


def run(path, args, codes, after=lambda: None):
    """Run what read() gave as the main module with its arguments; return its exit code, 1 if it failed by itself.

    after: called after each code. Raise UserError, with the script's line, for what it asks for and there is not.
    """
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__, sys.argv = path, [path, *args]
    main.get_ipython, main.display = _NoIPython, print
    sys.path[:] = [os.path.dirname(os.path.abspath(path)), *(folder for folder in sys.path if folder != str(SCRIPTS))]
    try:
        for code in codes:
            if isinstance(code, Exception):
                raise code
            exec(code, vars(main))
            after()
    except Exception as error:
        _refuse(error)
        while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
        traceback.print_exception(error)
        return 1
    return 0


class _NoIPython:
    """Stand for IPython where a notebook that was made a script asks for it: what it is to do is passed over."""

    def __getattr__(self, name):
        return lambda *words: note(text("passed over: {name}: {line}", name=name, line=" ".join(map(str, words))))


def tell_old_calls(function, form, first):
    """Return one of tf's functions that refuses a call from before TensorFlow 1.0, naming today's form.

    first: the type of the first argument, if it comes without a name, by which such a call is known.
    """
    @functools.wraps(function)
    def called(*args, **kwargs):
        if (args and isinstance(args[0], first)) or {"concat_dim", "split_dim"} & kwargs.keys():
            raise UserError("this is a call from before TensorFlow 1.0: write {form}", form=form)
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


def _cells(path):
    """Return {name: source} of the code cells of a notebook; raise UserError if it is none."""
    notebook = read_json(path)
    try:  # worksheets: notebooks from before 2015
        cells = [cell for sheet in notebook.get("worksheets", [notebook]) for cell in sheet["cells"]]
        sources = ["".join(cell["source" if "source" in cell else "input"]) for cell in cells
                   if cell["cell_type"] == "code"]
    except (AttributeError, KeyError, TypeError):
        raise UserError("{path}: is not a notebook: {cure}", path=path, cure=text(CURE)) from None
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
    """Return a cell's source with `pass` for IPython's lines, which are noted; %time only times what follows it.

    A cell that is indented as a whole is none the worse for it, as in IPython.
    """
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        source = re.sub(r"(?m)^(\s*)%{1,2}(?:time|timeit|prun|capture)\b[ \t]*", r"\1", textwrap.dedent(source))
    lines, is_foreign = source.split("\n"), source.lstrip().startswith("%%")
    for i, line in enumerate(lines):
        if magic := _MAGIC.match(line):
            note(text("passed over: {name}: {line}", name=name, line=line.strip()))
            lines[i] = magic[1] + "pass"
    return "" if is_foreign else "\n".join(lines)


def _place(frames):
    """Return the file and line of the last of (frame, line) that is the script's or its modules'; "" if none is."""
    theirs = [(frame.f_code.co_filename, line) for frame, line in frames
              if not frame.f_code.co_filename.startswith(_NOT_THEIRS)]
    return text("{file}, line {line}", file=theirs[-1][0], line=theirs[-1][1]) if theirs else ""


def _refuse(error):
    """Raise UserError, with the place, for an exception that a script could not help; return if it is its own."""
    if isinstance(error, SyntaxError):
        where = text("{file}, line {line}", file=error.filename, line=error.lineno)
    else:
        where = _place(traceback.walk_tb(error.__traceback__))
    if where and (problem := _problem(error)):
        raise UserError("{where}: {problem}", where=where, problem=problem) from None


def _problem(error):
    """Return the words for what is wrong, None if it is the script's own error."""
    name = getattr(error, "name", None) or ""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, SyntaxError) and _PYTHON_2.search(f"{error.msg}\n{error.text}"):
        return text("this is Python 2 ({reason}), which Python 3 does not run: convert the script first",
                    reason=error.msg)
    if isinstance(error, NameError | AttributeError | ImportError) and name in _PYTHON_2_NAMES:
        return text("{name} is of Python 2, which Python 3 does not run: convert the script first", name=name)
    if isinstance(error, ImportError) and name.split(".")[0] == "tensorflow":
        wanted = re.search(r"cannot import name '(\w+)'", str(error))
        return _not_provided(f"{name}.{wanted[1]}" if wanted else name)
    if isinstance(error, ModuleNotFoundError):
        return text("there is no module {name} here: install the package that has it, or put its file beside the "
                    "script", name=name)
    if isinstance(error, AttributeError):
        module = getattr(getattr(error, "obj", None), "__name__", None) or ""
        return _not_provided(f"{module}.{name}") if module.startswith("tensorflow") else None
    if isinstance(error, FileNotFoundError) or (type(error).__name__ == "NotFoundError" and "No such f" in str(error)):
        return text("no such file or folder: {path} (looked for from {folder})", folder=os.getcwd(),
                    path=getattr(error, "filename", None) or str(error).split("\n")[0])
    return None


def _not_provided(symbol):
    """Return the words for a name within TensorFlow that there is not."""
    name = re.sub(r"^tensorflow\.((_api\.v2\.)?compat\.v1\.)?", "", symbol)
    if name in _RENAMED:
        return text("tf.{old} is from before TensorFlow 1.0: write tf.{new}", old=name, new=_RENAMED[name])
    return text("tf.{name} is not provided: of TensorFlow 1 it is what graphs of recurrent networks need", name=name)
