"""Score a run on its test set: accuracy with its interval, per digit, confusion matrix, worst errors, calibration.

python scripts/evaluate.py runs/NAME
python scripts/evaluate.py runs/NAME --data-dir ~/fashion-mnist
python scripts/evaluate.py runs/NAME --json > scores.json

The pictures are written to the run's plots/ folder; those of other data to a folder of their own within it.
"""

import json
import sys

from rnn_mnist.analysis.evaluate import draw_evaluation, report
from rnn_mnist.console.command import Parser, add_lang_flag, run
from rnn_mnist.console.languages import text
from rnn_mnist.run import Run


def main():
    """Parse, score, print, draw."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("--data", choices=("mnist", "synthetic"), help="score this data instead of the run's")
    parser.add_argument("--data-dir", metavar="DIR", help="score the test images of this folder or mnist.npz")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    add_lang_flag(parser)
    args = parser.parse_args()
    evaluation = Run(args.run).evaluate(data=args.data, data_dir=args.data_dir)
    if args.json:
        print(json.dumps(evaluation.values, indent=2, ensure_ascii=False))
    else:
        print(*report(evaluation.values), sep="\n", flush=True)
    for path in draw_evaluation(evaluation):
        print(text("written : {path}", path=path), file=sys.stderr if args.json else sys.stdout)


if __name__ == "__main__":
    run(main)
