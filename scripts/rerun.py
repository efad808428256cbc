"""Repeat a finished run: train it from its config.json into a new directory, and compare the two to the bit.

python scripts/rerun.py runs/NAME
python scripts/rerun.py runs/NAME --data-dir ~/mnist
python scripts/rerun.py --compare-only runs/NAME runs/OTHER

Says first whether both are of one kind, so that they must be identical: the same instruction set, TensorFlow, system
and machine. Then "identical" and the digest of the weights, or the first place where the two differ, to how many
decimals the figures of two kinds agree (4: they are less than 0.00005 apart), and what differs between the two
environments. Where this processor lacks the run's instruction set, the best that it has takes its place. Exit code: 0
identical, 1 different, 2 not to be compared.
"""

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, run
from rnn_mnist.console.guard import noting_signals
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say


def main():
    """Parse, train if asked, compare; return the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", help="run directory; its checkpoints are not needed")
    parser.add_argument("--compare-only", metavar="RUN", nargs=2, help="compare two finished runs, train nothing")
    parser.add_argument("--runs-dir", metavar="DIR", default="runs", help="where the new run goes (default: runs)")
    add_data_flags(parser, "data_dir", "init_from")
    add_lang_flag(parser)
    args = parser.parse_args()
    if (args.run is None) == (args.compare_only is None):
        parser.error(text("give one RUN to repeat, or --compare-only RUN RUN"))
    from rnn_mnist.analysis.rerun import expectation, rerun, verdict
    say(expectation(*(args.compare_only or [args.run]))[1])
    pair = args.compare_only or (args.run, rerun(args.run, args.runs_dir, args.data_dir, args.init_from,
                                                 signals=noting_signals()))
    same, lines = verdict(*pair)
    say(*lines)
    return 0 if same else 1


if __name__ == "__main__":
    run(main)
