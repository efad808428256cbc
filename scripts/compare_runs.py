"""Compare runs: what they differ in, validation and test scores, mean over seeds, curves; two runs by a paired test.

python scripts/compare_runs.py
python scripts/compare_runs.py runs/A runs/B
python scripts/compare_runs.py runs --csv > table.csv

--csv and --json print to standard output instead of the table. The picture is written beside the runs.
"""

import csv
import json
import sys

from rnn_mnist.config import UserError
from rnn_mnist.console.command import Parser, run
from rnn_mnist.console.languages import add_lang_flag, pick_language, text


def main():
    """Parse, read the runs, print, draw."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", default=["runs"],
                        help="run directories, or folders that hold some (default: runs)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, one row per run")
    form.add_argument("--json", action="store_true", help="print JSON, with the groups and the paired test")
    add_lang_flag(parser)
    args = parser.parse_args()
    lang = pick_language(args.lang)
    from rnn_mnist.analysis import compare as comparison
    summaries = comparison.summarise_all(args.runs)
    groups = comparison.group_over_seeds(summaries)
    paired = _paired(comparison, summaries, lang) if len(summaries) == 2 and not args.csv else None
    if args.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(
            [comparison.COLUMNS, *map(comparison.csv_row, summaries)])
    elif args.json:
        print(json.dumps({"runs": [*map(comparison.plain, summaries)], "groups": groups, "paired_test": paired},
                         indent=2, ensure_ascii=False))
    else:
        print(*comparison.report(summaries, groups, lang), sep="\n")
        if paired:
            print("", comparison.tell_paired(paired, lang), sep="\n")
    from rnn_mnist.plots.comparison import draw_comparison
    print(text(lang, "written : {path}", path=draw_comparison(summaries, groups, lang)),
          file=sys.stderr if args.csv or args.json else sys.stdout)


def _paired(comparison, summaries, lang):
    """Return the paired test of two runs, or None, having said why there is none."""
    try:
        return comparison.paired_test(*summaries)
    except UserError as error:
        print(text(lang, "no paired test: {reason}", reason=error), file=sys.stderr)


if __name__ == "__main__":
    run(main)
