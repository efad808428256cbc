"""Export a trained network: a SavedModel for plain TensorFlow 2, and its weights as an npz.

python scripts/export.py runs/NAME
python scripts/export.py runs/NAME --out ~/digits

Both files are read back and must give the run's logits before the folder appears; without --out it is RUN/export.
"""

from rnn_mnist.console.command import Parser, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import say
from rnn_mnist.run import Run


def main():
    """Parse, export, say what lies where and how to load it."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("--out", metavar="DIR", help="folder to make (default: RUN/export)")
    add_lang_flag(parser)
    args = parser.parse_args()
    opened = Run(args.run)
    loading("TensorFlow")
    from rnn_mnist.export.saved_model import SIGNATURE, export_run
    folder, config, finished, difference, bound = export_run(opened, args.out)
    say(text("run : {run}{state}", run=args.run, state="" if finished else text(", not finished")))
    for name in ("saved_model", "weights.npz"):
        say(text("written : {path}", path=folder / name))
    say(text("checked : read back, both give the run's logits; largest difference : {difference:.2g} "
             "(rounding explains up to {bound:.2g})", difference=difference, bound=bound))
    largest = 255 if config.pixels == "raw" else 1
    say(text("images : float32 [n, 28, 28], values 0 to {largest}", largest=largest))
    say(text("next : in Python, {command}", command=(
        f'tf.saved_model.load("{folder / "saved_model"}").signatures["{SIGNATURE}"](images=images)')))


if __name__ == "__main__":
    run(main)
