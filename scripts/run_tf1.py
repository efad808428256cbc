"""Run a TensorFlow 1 script or notebook of recurrent networks, as it is, on today's TensorFlow.

python scripts/run_tf1.py their_script.py ARGS
python scripts/run_tf1.py --seeds tf2 their_notebook.ipynb

It is run as `python their_script.py ARGS` would: it is somebody's code, and may do whatever you may. What it needs of
TensorFlow 1 is there, MNIST comes from where all data here comes from, plt.show() off a terminal writes PNG files, and
with TensorFlow 1's seeds a fixed seed gives the numbers that books print.
"""

import argparse
from pathlib import Path

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError


def main():
    """Parse, switch TensorFlow, run the script; its exit code is ours."""
    parser = Parser(__doc__)
    parser.add_argument("script", metavar="SCRIPT", help="a .py or .ipynb file")
    parser.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="its arguments")
    parser.add_argument("--seeds", choices=("tf1", "tf2"), default="tf1",
                        help="seeds of random operations without one: TensorFlow 1's or today's (default: tf1)")
    add_data_flags(parser, "data", "data_dir", "offline")
    add_lang_flag(parser)
    args = parser.parse_args()
    if not args.script.endswith((".py", ".ipynb")):
        parser.error(text("{script}: must be a .py or .ipynb file", script=args.script))
    if not Path(args.script).is_file():
        raise UserError("no such file: {path}: give the path of a script or notebook", path=args.script)
    loading("TensorFlow")
    import rnn_mnist.compat
    from rnn_mnist.compat.runner import run_script
    if args.seeds == "tf1":
        rnn_mnist.compat.use_tf1_seeds()
    return run_script(args.script, args.args, data=args.data, data_dir=args.data_dir, offline=args.offline)


if __name__ == "__main__":
    run(main)
