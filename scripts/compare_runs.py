"""Compare runs: what they differ in, validation and test scores, mean over seeds, curves; tests of two runs or groups.

python scripts/compare_runs.py runs/A runs/B
python scripts/compare_runs.py runs/sweep --filter "acc_test>0.97" --group-by cell
python scripts/compare_runs.py runs/A --note "with the new mouse"

A KEY is a setting or a column of --csv; runs on the same data stay together. Without --out, the picture of a folder is
its comparison.png, with --filter and the like comparison_CHOICE.png; that of runs goes to the first one's plots/.
"""

from rnn_mnist.console.command import Parser, add_lang_flag, loading, run
from rnn_mnist.tutorials.presets import PRESETS

BASES = {"rnn": PRESETS["rnn-rows"].config, "mlp": PRESETS["mlp-relu"].config}  # those of train_rnn.py, train_mlp.py


def main():
    """Parse, compare."""
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", default=["runs"],
                        help="run directories, or folders that hold some (default: runs)")
    parser.add_argument("--filter", metavar="KEY=VALUE", action="append", default=[],
                        help="only these runs; also !=, <, <=, >, >=; repeatable")
    parser.add_argument("--sort", metavar="KEY", help="of accuracies the highest first, of all else the lowest")
    parser.add_argument("--top", type=int, metavar="N", help="only the first N rows, without means over seeds")
    parser.add_argument("--group-by", metavar="KEY,..",
                        help="one row and curve for runs with the same such settings")
    parser.add_argument("--curves", type=int, metavar="N", default=8,
                        help="draw the first N curves (0: all; default: 8)")
    parser.add_argument("--out", metavar="FILE.png", help="where the picture goes (default: see above)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--csv", action="store_true", help="print CSV, one row per run or group")
    mode.add_argument("--json", action="store_true", help="print JSON, with the groups and the tests")
    mode.add_argument("--note", metavar="TEXT", help="write this into the one RUN's note.txt (\"\": remove it)")
    parser.add_argument("--remove-unfinished", action="store_true",
                        help="list the runs that are not finished, ask, remove them")
    parser.add_argument("--yes", action="store_true", help="remove them without asking")
    add_lang_flag(parser)
    args = parser.parse_args()
    loading("NumPy")
    from rnn_mnist.analysis.compare_command import compare_command
    compare_command(args, BASES)


if __name__ == "__main__":
    run(main)
