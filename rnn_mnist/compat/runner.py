"""Run somebody's script or notebook as Python does, with what a script could not help told in one line."""

import ast
import json
import linecache
import os
import re
import sys
import traceback
import types

from rnn_mnist.compat import mnist, old
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note
from rnn_mnist.console.settings import UserError
from rnn_mnist.files import CURE, read_bytes, read_json

_FIGURES = "module://rnn_mnist.compat.figures"
_MAGIC = re.compile(r"(\s*)(%+[A-Za-z]|[!?]).*")  # a line of IPython's, as none of Python's begins


def run_script(path, args, **sources):
    """Run a .py or .ipynb with its arguments and return its exit code: 1 if an error of its own was printed.

    sources: data, data_dir and offline, as load_arrays takes them. Raise UserError for what it asks for in vain. It is
    somebody's code and has the rights of the user.
    """
    mnist.sources.update(sources)
    if not sys.stdout.isatty():
        os.environ.setdefault("MPLBACKEND", _FIGURES)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__, sys.argv, sys.path[0] = path, [path, *args], os.path.dirname(os.path.abspath(path))
    try:
        for code in _notebook(path) if path.endswith(".ipynb") else [compile(read_bytes(path), path, "exec")]:
            exec(code, vars(main))
        _show_figures()
    except Exception as error:
        if line := old.explained(error):
            raise UserError("{line}", line=line) from None
        while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
        traceback.print_exception(error)
        return 1
    return 0


def _show_figures():
    """Write the figures that are open, as a notebook shows them after a cell and a window keeps the last of many."""
    if "matplotlib.pyplot" in sys.modules and os.environ.get("MPLBACKEND") == _FIGURES:
        sys.modules["matplotlib.pyplot"].show(block=True)


def _notebook(path):
    """Yield code of the code cells in order; the value that a cell ends with is printed, its figures are written."""
    notebook = read_json(path)
    try:  # worksheets: the notebooks of before 2015
        cells = [cell for sheet in notebook.get("worksheets", [notebook]) for cell in sheet["cells"]]
        sources = ["".join(cell["source" if "source" in cell else "input"]) for cell in cells
                   if cell["cell_type"] == "code"]
    except (AttributeError, KeyError, TypeError):
        raise UserError("{path}: is not a notebook: {cure}", path=path, cure=text(CURE)) from None
    for n, source in enumerate(sources, 1):
        name = f"{path}, cell {n}"
        source = _without_magics(source, name)
        linecache.cache[name] = len(source), None, source.splitlines(True), name  # for tracebacks
        tree = ast.parse(source, name)
        shown = tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
        last = ast.Interactive([tree.body.pop()] if shown else [])
        yield compile(tree, name, "exec")
        yield compile(last, name, "single")
        _show_figures()


def _without_magics(source, name):
    """Return a cell's source with `pass` for each line of IPython's, which is noted; %time only times, and goes."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        source = re.sub(r"(?m)^(\s*)%{1,2}(?:time|timeit|prun|capture)\b[ \t]*", r"\1", source)
    lines, foreign = source.split("\n"), source.lstrip().startswith("%%")
    for i, line in enumerate(lines):
        if magic := re.match(_MAGIC, line):
            note(text("passed over: {name}: {line}", name=name, line=line.strip()))
            lines[i] = magic[1] + "pass"
    return "" if foreign else "\n".join(lines)
