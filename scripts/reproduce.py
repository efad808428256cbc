"""Run the tutorials' and papers' experiments again: their published figures beside ours.

python scripts/reproduce.py --list
python scripts/reproduce.py rnn-rows mlp-wide
python scripts/reproduce.py all --weights sample_weight.pkl
python scripts/reproduce.py mlp-sigmoid-32 --epochs 10
python scripts/reproduce.py pixels-lstm permuted-lstm --long

Each experiment is a run directory in runs/reproduce-TIME/, beside the table as reproduce.csv and reproduce.md.
numpy-inference classifies with the weights of a file (pickle or npz) or of a run directory.
"""

import os

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run, script
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.console.tables import table
from rnn_mnist.tutorials.experiments import choose, expected_time, listing


def main():
    """Parse, run the experiments, print the table."""
    parser = Parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all, or any of those that --list shows")
    parser.add_argument("--list", action="store_true", help="show the experiments and the time they take")
    parser.add_argument("--long", action="store_true", help="run those, too, that take long: see --list")
    parser.add_argument("--weights", metavar="PATH", help="weights for numpy-inference: a file or a run directory")
    parser.add_argument("--epochs", type=int, metavar="N", help="train at most N epochs each (default: as --list says)")
    add_data_flags(parser, "data", "data_dir", "offline")
    parser.add_argument("--runs-dir", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)")
    add_lang_flag(parser)
    args = parser.parse_args()
    if args.list:
        say(*table(listing(), "<"))
        return
    names, left_out = choose(args.names, args.long, args.epochs)
    if left_out:
        say(text("left out without --long : {names} (about {time})", names=", ".join(left_out),
                 time=expected_time(left_out, args.epochs)))
    # Read when NumPy is imported: let one core multiply, as more lose time on small products, most on a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    loading("TensorFlow")
    from rnn_mnist.tutorials.reproduce import reproduce, terminal_table
    folder, rows = reproduce(names, runs_dir=args.runs_dir, epochs=args.epochs, weights=args.weights, data=args.data,
                             data_dir=args.data_dir, offline=args.offline)
    written = text("written : {path}", path=f"{folder / 'reproduce.csv'} {folder / 'reproduce.md'}")
    say("", *terminal_table(rows), written)
    if names != ["numpy-inference"]:
        say(text("next : {command}", command=f"{script('compare_runs')} {folder}"))


if __name__ == "__main__":
    run(main)
