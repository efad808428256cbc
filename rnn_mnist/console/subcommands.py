"""The scripts as subcommands: `rnn-mnist COMMAND ...`, or `python -m rnn_mnist COMMAND ...`."""

import ast
import runpy
import sys

from rnn_mnist.console.parser import SCRIPTS, Parser, subcommand, translated


def main():
    """Run the script that the first argument names, with the others; without one, say what there is."""
    scripts = {subcommand(path.stem): path for path in sorted(SCRIPTS.glob("[a-z]*.py"))
               if path.stem != "benchmark" or (SCRIPTS / "benchmarking").is_dir()}  # which needs a checkout
    parser = Parser("commands (COMMAND --help tells more):", prog="rnn-mnist")
    firsts = {name: translated(ast.get_docstring(ast.parse(path.read_text())))[0] for name, path in scripts.items()}
    lines = [f"  {name:22} {line.partition(':')[0].rstrip('.')}" for name, line in firsts.items()]
    parser.description += "\n\n" + "\n".join(lines)
    parser.add_argument("command", metavar="COMMAND", choices=scripts)
    name = parser.parse_args(sys.argv[1:2] or ["--help"]).command
    sys.argv = [f"rnn-mnist {name}", *sys.argv[2:]]
    sys.path.insert(0, str(SCRIPTS))
    runpy.run_path(str(scripts[name]), run_name="__main__")
