"""Watch a recurrent network read a digit: what it would answer after each step, and how often that is right.

python scripts/watch_digit.py runs/NAME --test-index 0
python scripts/watch_digit.py runs/NAME seven.jpg

The output layer is put on the states after every step instead of the last one only. Steps are counted in rows of the
image where it is read row by row (--order rows), and as steps in every other order and in both directions
(--bidirectional), where each direction has read as many from its own end. The last column is the share of the whole
test set that is right by then. The picture is written to the run's plots/ folder.
"""

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.run import Run


def main():
    """Parse, read, print what is answered after each step, draw it."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="run directory of a recurrent network")
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="picture of a digit, or - for standard input")
    parser.add_argument("--test-index", metavar="N", type=int, help="read the test image of this number, from 0")
    add_data_flags(parser, "data_dir")
    add_lang_flag(parser)
    args = parser.parse_args()
    if (args.image is None) == (args.test_index is None):
        parser.error(text("give either a picture or --test-index N"))
    watched = Run(args.run)
    loading("TensorFlow")
    from rnn_mnist.analysis.watch import draw, report, watch
    reading = watch(watched, args.image, args.test_index, args.data_dir)
    say(*report(reading))
    say(text("written : {path}", path=draw(reading)))


if __name__ == "__main__":
    run(main)
