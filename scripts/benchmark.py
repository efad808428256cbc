"""Measure our forms of the training against the tutorial's script, other frameworks and the matrix products alone.

python scripts/benchmark.py --quick
python scripts/benchmark.py --out runs/benchmark

All train the same minibatches from the same weights and take turns. A form whose loss does not agree with NumPy's gets
no ratio, and the exit code is 1. Other frameworks: pip install -r requirements-benchmark.txt. On a quiet machine the
whole takes about 5 minutes, --quick 1 to 2.
"""

import sys
from pathlib import Path

from rnn_mnist.config import Config, UserError
from rnn_mnist.console.command import Parser, run


def main():
    """Parse, measure, write, print; return the exit code."""
    parser = Parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and cases, shorter processes")
    parser.add_argument("--out", metavar="DIR", default="runs/benchmark",
                        help="folder for results.csv, results.md and results.png (default: runs/benchmark)")
    parser.add_argument("--data", choices=("auto", "mnist", "synthetic"), default="auto", help="as in training")
    parser.add_argument("--data-dir", metavar="DIR", help="as in training")
    args = parser.parse_args()
    config = Config(data=args.data, data_dir=args.data_dir)
    from benchmarking import rounds as benchmark
    out = Path(args.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}: choose another folder") from None
    lines, right = benchmark.run(benchmark.FORMS, benchmark.QUICK if args.quick else benchmark.FULL, config, out,
                                 lambda line: print(line, file=sys.stderr, flush=True))
    print(*lines, f"written : {out}/results.md, results.csv, results.png", sep="\n")
    return 0 if right else 1


if __name__ == "__main__":
    run(main)
