"""Draw the learning curves of a run.

python scripts/plot_run.py runs/NAME
python scripts/plot_run.py runs/NAME runs/OTHER --lang ko
"""

from rnn_mnist.console.command import Parser, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.run import Run


def main():
    """Parse, open all, draw each; the lines name the pictures."""
    parser = Parser(__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run directory")
    add_lang_flag(parser)
    runs = [Run(path) for path in parser.parse_args().runs]  # a wrong name leaves all as it is
    loading("Matplotlib")
    for found in runs:
        say(text("written : {path}", path=found.plot()))


if __name__ == "__main__":
    run(main)
