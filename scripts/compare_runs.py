"""Compare runs: what they differ in, validation and test scores, mean over seeds, curves; tests of two runs or groups.

python scripts/compare_runs.py
python scripts/compare_runs.py runs/A runs/B
python scripts/compare_runs.py runs/A runs/B --out a-and-b.png
python scripts/compare_runs.py runs --csv > table.csv

--csv and --json print to standard output instead of the table, and draw only with --out. Without --out, the picture of
a folder of runs is its comparison.png; of other runs it goes to the first one's plots/ folder, named after the others.
"""

from rnn_mnist.console.command import Parser, add_lang_flag, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note, say, say_json
from rnn_mnist.console.settings import UserError
from rnn_mnist.tutorials.presets import PRESETS

BASES = {"rnn": PRESETS["rnn-rows"].config, "mlp": PRESETS["mlp-relu"].config}  # those of train_rnn.py, train_mlp.py


def main():
    """Parse, read the runs, draw, print."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", default=["runs"],
                        help="run directories, or folders that hold some (default: runs)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV, one row per run")
    form.add_argument("--json", action="store_true", help="print JSON, with the groups and the tests")
    parser.add_argument("--out", metavar="FILE.png", help="where the picture goes (default: see above)")
    add_lang_flag(parser)
    args = parser.parse_args()
    from rnn_mnist.analysis import compare, compare_report
    summaries = compare.summarise_all(args.runs, BASES)
    groups = compare.group_over_seeds(summaries)
    difference = None if args.csv else compare.group_difference(summaries, groups)
    paired = _paired(compare, summaries) if len(summaries) == 2 and not args.csv else None
    picture = _draw(compare_report, summaries, groups, args)
    if args.csv:
        say(*compare_report.as_csv(summaries).removesuffix("\n").split("\n"))
    elif args.json:
        say_json(compare_report.as_json(summaries, groups, difference, paired))
    else:
        say(*compare_report.report(summaries, groups, difference))
        if paired:
            say("", compare_report.paired_line(paired))
    if picture:
        (note if args.csv or args.json else say)(text("written : {path}", path=picture))


def _paired(compare, summaries):
    """Return the paired test of two runs, or None, having said why there is none."""
    try:
        return compare.paired_test(*summaries)
    except UserError as error:
        note(text("no paired test: {reason}", reason=error))


def _draw(compare_report, summaries, groups, args):
    """Draw the picture and return its path, or None if none is wanted or, having said why, it cannot be written."""
    if args.out is None and (args.csv or args.json):
        return None
    if not any(map(compare_report.has_validation, summaries)):
        if args.out is not None:
            raise UserError(f"--out {args.out}: none of the runs has validation figures to draw: leave it out")
        note(text("no picture: none of the runs has validation figures"))
        return None
    if args.out is not None and not args.out.lower().endswith(".png"):
        raise UserError(f"--out {args.out}: must end in .png: the picture would take the place of another file")
    path = args.out or compare_report.picture_path(args.runs, summaries)
    try:
        return compare_report.draw(summaries, groups, path)
    except OSError as error:
        reason = f"{error.filename or path}: {error.strerror or error}"
        if args.out is not None:
            raise UserError(f"--out {args.out}: cannot be written ({reason}): choose another file") from None
        note(f"note: the picture could not be written: {reason}")


if __name__ == "__main__":
    run(main)
