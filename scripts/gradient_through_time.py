"""Show the gradient through time: how much reaches the states after each step, before and after training.

python scripts/gradient_through_time.py runs/TANH runs/IRNN runs/LSTM runs/GRU
python scripts/gradient_through_time.py runs/NAME

The figure is the norm of the gradient of an image's loss by all that is carried on after a time step (the states of all
layers and directions, an LSTM's memory included), mean over the first 1000 test images. For each run it is said whether
the gradient fades or grows on its way back from the last step to the first. The picture is written to the first run's
plots/ folder; runs with different numbers of steps have a row of panels each, in which the same cell has the same
colour.
"""

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.run import Run


def main():
    """Parse, compute the norms of each run, print them, draw them."""
    parser = Parser(__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run directories of recurrent networks")
    add_data_flags(parser, "data_dir")
    add_lang_flag(parser)
    args = parser.parse_args()
    opened = [Run(path) for path in args.runs]
    loading("TensorFlow")
    from rnn_mnist.analysis.gradients import draw, gradient_curve, report
    curves = [gradient_curve(each, args.data_dir) for each in opened]
    say(*report(curves))
    say(text("written : {path}", path=draw(curves)))


if __name__ == "__main__":
    run(main)
