"""Show what the data looks like: shapes, counts per digit, samples, one image and its pixel values.

python scripts/show_data.py
python scripts/show_data.py --image 4
python scripts/show_data.py --data synthetic --out runs/data-synthetic
"""

from rnn_mnist.console.command import Parser, run
from rnn_mnist.console.languages import add_lang_flag, pick_language, text


def main():
    """Parse, describe, draw; the last lines name the pictures."""
    parser = Parser(__doc__)
    parser.add_argument("--image", type=int, default=0, metavar="N", help="training image to look at (default: 0)")
    parser.add_argument("--data", choices=("auto", "mnist", "synthetic"), default="auto", help="default: auto")
    parser.add_argument("--data-dir", metavar="DIR", help="folder with the four IDX files or an mnist.npz")
    parser.add_argument("--offline", action="store_true", help="make no network call")
    parser.add_argument("--out", metavar="DIR", default="runs/data", help="folder for the PNGs (default: runs/data)")
    add_lang_flag(parser)
    args = parser.parse_args()
    lang = pick_language(args.lang)
    from rnn_mnist.analysis.show_data import show_data
    lines, paths = show_data(args.image, args.out, lang, data=args.data, data_dir=args.data_dir, offline=args.offline)
    print(*lines, *(text(lang, "written : {path}", path=path) for path in paths), sep="\n")


if __name__ == "__main__":
    run(main)
