"""Run a TensorFlow 1 script or notebook of recurrent networks as it is, on today's TensorFlow.

python scripts/run_tf1.py their_script.py ARGS
python scripts/run_tf1.py --seeds tf2 their_notebook.ipynb

It runs as by `python their_script.py ARGS`: it is somebody's code, and may do whatever you may. What such scripts use
of TensorFlow 1 is there, MNIST comes from where all data here comes from, plt.show() off a terminal writes PNG files,
and with TensorFlow 1's operation seeds a script's seed gives the numbers that its book prints.
"""

import os
import sys
from pathlib import Path

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.tutorials import user_script


def main():
    """Parse, put TensorFlow 1 in place, run the script and exit with its code."""
    parser = Parser(__doc__)
    parser.add_argument("script", metavar="SCRIPT", help="a .py or .ipynb file")
    parser.add_argument("args", metavar="ARGS", nargs="...", help="its arguments").required = False
    parser.add_argument("--seeds", choices=("tf1", "tf2"), default="tf1",
                        help="seeds of random operations that have none: TensorFlow 1's or today's (default: tf1)")
    add_data_flags(parser, "data", "data_dir", "offline")
    add_lang_flag(parser)
    args = parser.parse_args()
    if Path(args.script).suffix not in (".py", ".ipynb"):
        parser.error(text("{script}: must be a .py or .ipynb file", script=args.script))
    codes = user_script.read(args.script)
    has_display = sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    headless = "MPLBACKEND" not in os.environ and not (sys.stdout.isatty() and has_display)
    loading("TensorFlow")
    from rnn_mnist import compat
    compat.mnist.sources.update(data=args.data, data_dir=args.data_dir, offline=args.offline)
    if args.seeds == "tf1":
        compat.use_tf1_seeds()
    if headless:
        import matplotlib
        matplotlib.use("module://rnn_mnist.plots.headless")
        matplotlib.use = lambda *_, **__: None  # what scripts ask for would open windows, or is not there
    sys.exit(user_script.run(args.script, args.args, codes, write_figures if headless else lambda: None))


def write_figures():
    """Write the figures that are left: of a notebook's cell, the last of an animation, or where Agg was chosen."""
    if "matplotlib.pyplot" in sys.modules:
        from rnn_mnist.plots import headless
        headless.show(block=True)


if __name__ == "__main__":
    run(main)
