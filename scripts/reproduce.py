"""Run the tutorials' experiments again and print their published figures beside ours.

python scripts/reproduce.py --list
python scripts/reproduce.py rnn-rows mlp-wide
python scripts/reproduce.py all --weights sample_weight.pkl
python scripts/reproduce.py mlp-sigmoid-32 --epochs 10

Each experiment is a run directory in runs/reproduce-TIME/, beside the table as reproduce.csv and reproduce.md.
numpy-inference classifies with the weights of a file (pickle or npz) or of a run directory.
"""

import os

from rnn_mnist.console.command import Parser, run
from rnn_mnist.console.languages import add_lang_flag, pick_language, table, text
from rnn_mnist.tutorials.published import EXPERIMENTS, chosen


def main():
    """Parse, run the experiments, print the table."""
    parser = Parser(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or any of {', '.join(EXPERIMENTS)}")
    parser.add_argument("--list", action="store_true", help="show the experiments and the time they take")
    parser.add_argument("--weights", metavar="PATH", help="weights for numpy-inference: a file or a run directory")
    parser.add_argument("--epochs", type=int, metavar="N", help="train at most N epochs each (default: as published)")
    parser.add_argument("--data", choices=("auto", "mnist", "synthetic"), default="auto", help="default: auto")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with the four IDX files or an mnist.npz")
    parser.add_argument("--offline", action="store_true", help="make no network call")
    parser.add_argument("--runs-dir", metavar="DIR", default="runs", help="folder that holds the runs (default: runs)")
    add_lang_flag(parser)
    args = parser.parse_args()
    if args.list:
        rows = [(name, f"about {seconds} s", what) for name, (seconds, what) in EXPERIMENTS.items()]
        print(*table(rows, "<"), sep="\n")
        return
    names = chosen(args.names)
    # Read when NumPy is imported: let one core multiply, as more lose time on small products, most on a busy machine.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rnn_mnist.tutorials.reproduce import reproduce, terminal_table
    lang = pick_language(args.lang)
    folder, rows = reproduce(names, runs_dir=args.runs_dir, epochs=args.epochs, weights=args.weights,
                             lang=lang, data=args.data, data_dir=args.data_dir, offline=args.offline)
    written = text(lang, "written : {path}", path=f"{folder / 'reproduce.csv'} {folder / 'reproduce.md'}")
    print("", *terminal_table(rows, lang), written, sep="\n")
    if names != ["numpy-inference"]:
        print(text(lang, "next : {command}", command=f"python scripts/compare_runs.py {folder}"))


if __name__ == "__main__":
    run(main)
