"""Show how much gradient reaches each row of the image in a recurrent network, before and after training.

python scripts/gradient_through_time.py runs/TANH runs/RELU
python scripts/gradient_through_time.py runs/NAME

The figure is the norm of the gradient of an image's loss by the state after each time step, mean over the first 1000
test images. For each it is said whether the gradient fades or grows on its way back from the last step to the first.
The picture is written to the first run's plots/ folder.
"""

from rnn_mnist.console.command import Parser, run
from rnn_mnist.console.languages import add_lang_flag, pick_language, text
from rnn_mnist.run import open_run


def main():
    """Parse, compute the norms of each run, print them, draw them."""
    parser = Parser(__doc__)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run directories of recurrent networks")
    parser.add_argument("--data-dir", metavar="DIR", help="where the test images are, if not where the runs had them")
    add_lang_flag(parser)
    args = parser.parse_args()
    lang = pick_language(args.lang)
    for path in args.runs:
        open_run(path)
    from rnn_mnist.analysis import gradients
    curves = [gradients.gradient_curve(path, args.data_dir) for path in args.runs]
    print(*gradients.report(curves, lang), sep="\n", flush=True)
    print(text(lang, "written : {path}", path=gradients.draw(curves, lang)))


if __name__ == "__main__":
    run(main)
