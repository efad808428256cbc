"""Write a run as one web page: scores, curves, errors, how to repeat it, and a pad to draw a digit on.

python scripts/report.py runs/NAME
python scripts/report.py runs/NAME --out page.html
python scripts/report.py --all runs

The page is one file, RUN/report.html, that needs no network: the run's weights are in it, and the browser computes with
them. It says everything in English and Korean. --all makes the pages of all runs in a folder, those it has made before
anew, and the folder's index.html, which links to them. No file but an earlier page is replaced.
"""

from pathlib import Path

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.console.settings import UserError
from rnn_mnist.export.web_page import check_place
from rnn_mnist.run import Run, find_runs


def main():
    """Parse, write the page or pages, say where."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", nargs="?", help="run directory")
    parser.add_argument("--all", metavar="DIR", help="folder of runs")
    parser.add_argument("--out", metavar="FILE.html", help="where the page goes (default: RUN/report.html)")
    add_data_flags(parser, "data_dir")
    add_lang_flag(parser)
    args = parser.parse_args()
    if (args.run is None) == (args.all is None):
        parser.error(text("give one RUN, or --all DIR"))
    if args.all is not None and (args.out is not None or args.data_dir):
        parser.error(text("--out and --data-dir are for one RUN: leave them out with --all"))
    if "" in (args.all, args.out):
        parser.error(text("--all and --out need a path: what was given is empty"))
    if args.out and not args.out.lower().endswith(".html"):
        parser.error(text("--out {out}: must end in .html: the page would take the place of another file",
                          out=args.out))
    runs = find_runs(args.all) if args.all else [Run(args.run)]
    if args.all and (not runs or runs[0].path == Path(args.all)):
        raise UserError("{folder}: holds no runs: give a folder of runs", folder=args.all)
    check_place(Path(args.all, "index.html") if args.all else Path(args.out or runs[0].path / "report.html"))
    loading("TensorFlow")
    from rnn_mnist.analysis.report import write_all, write_report
    for path in write_all(runs, args.all) if args.all else [write_report(runs[0], args.out, args.data_dir)]:
        say(text("written : {path}", path=path))


if __name__ == "__main__":
    run(main)
