"""Score a run on its test set: accuracy with its interval, per digit, confusion matrix, worst errors, calibration.

python scripts/evaluate.py runs/NAME
python scripts/evaluate.py runs/NAME --data-dir ~/fashion-mnist
python scripts/evaluate.py runs/NAME --rows-to 14
python scripts/evaluate.py runs/NAME --json > scores.json

The pictures are written to the run's plots/ folder; those of other data, or of other rows than the run was trained on,
to a folder of their own within it.
"""

from rnn_mnist.console.command import Parser, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note, say, say_json
from rnn_mnist.run import Run


def main():
    """Parse, score, print, draw."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("--data", choices=("mnist", "synthetic"), help="score this data instead of the run's")
    parser.add_argument("--data-dir", metavar="DIR", help="score the test images of this folder or mnist.npz")
    parser.add_argument("--rows-from", type=int, metavar="N", help="read the images from this row on (0: the first)")
    parser.add_argument("--rows-to", type=int, metavar="N", help="stop reading before this row (28: after the last)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    add_lang_flag(parser)
    args = parser.parse_args()
    scored = Run(args.run)
    loading("TensorFlow")
    from rnn_mnist.analysis.evaluate import draw_evaluation, report
    evaluation = scored.evaluate(data=args.data, data_dir=args.data_dir, rows_from=args.rows_from,
                                 rows_to=args.rows_to)
    if args.json:
        say_json(evaluation.values)
    else:
        say(*report(evaluation.values))
    for path in draw_evaluation(evaluation):
        (note if args.json else say)(text("written : {path}", path=path))


if __name__ == "__main__":
    run(main)
