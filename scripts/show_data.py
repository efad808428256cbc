"""Show what the data looks like: shapes, counts per digit, samples, one image and its pixel values.

python scripts/show_data.py
python scripts/show_data.py --image 4
python scripts/show_data.py --data synthetic --out runs/data-synthetic
"""

from rnn_mnist.console.command import Parser, add_data_flags, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say


def main():
    """Parse, describe, draw; the last lines name the pictures."""
    parser = Parser(__doc__)
    parser.add_argument("--image", type=int, default=0, metavar="N", help="training image to look at (default: 0)")
    add_data_flags(parser, "data", "data_dir", "offline")
    parser.add_argument("--out", metavar="DIR", default="runs/data", help="folder for the PNGs (default: runs/data)")
    add_lang_flag(parser)
    args = parser.parse_args()
    loading("Matplotlib")
    from rnn_mnist.analysis.show_data import show_data
    lines, paths = show_data(args.image, args.out, args.data, args.data_dir, args.offline)
    say(*lines, *(text("written : {path}", path=path) for path in paths))


if __name__ == "__main__":
    run(main)
