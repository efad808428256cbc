"""Measure how fast we train: our forms against the tutorial's script, other frameworks, the matrix products alone.

python scripts/benchmark.py --quick
python scripts/benchmark.py --out runs/benchmark

All train the same minibatches from the same weights, a block of them at a time, in alternation. A form whose loss does
not agree with NumPy's gets no ratio, and the exit code is 1. Other frameworks: pip install -r
requirements-benchmark.txt. What is done is written after each network, so an interruption costs the one in progress.
On a quiet machine the whole takes about 15 minutes, --quick 2.
"""

import sys
from pathlib import Path

from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text, why
from rnn_mnist.console.settings import UserError


def main():
    """Parse, measure, write, print; return the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and cases, shorter processes")
    parser.add_argument("--out", metavar="DIR", default="runs/benchmark",
                        help="folder for results.csv, results.md and results.png (default: runs/benchmark)")
    add_data_flags(parser, "data", "data_dir")
    add_lang_flag(parser)
    args = parser.parse_args()
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("--out {out}: {reason}: choose another folder", out=out, reason=why(error)) from None
    loading("NumPy")
    from benchmarking import rounds

    from rnn_mnist.data import load_data
    data = load_data(Config(data=args.data), RunOptions(data_dir=args.data_dir))
    right = rounds.measure_all(rounds.FORMS, rounds.QUICK if args.quick else rounds.FULL, data, out,
                               lambda line: print(line, file=sys.stderr, flush=True),
                               lambda lines: print(*lines, sep="\n", flush=True))
    print(text("written : {path}", path=", ".join([f"{out}/results.md", "results.csv", "results.png"])))
    return 0 if right else 1


if __name__ == "__main__":
    run(main)
