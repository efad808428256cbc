"""Read your own pictures of digits, or an image of the test set, with a trained network.

python scripts/predict.py runs/NAME seven.jpg
python scripts/predict.py runs/NAME drawings/ "scans/*.png" --show
python scripts/predict.py runs/NAME --test-index 5
python scripts/predict.py runs/NAME - --json < seven.png

A picture may have any size and colours, dark on light or light on dark, be a photograph, on ruled or squared paper, and
hold several digits side by side. Ink unlike that of MNIST's digits, by its amount, width or parts, is answered with a
warning. --show draws what the network saw, several digits on one sheet, into the run's plots/ folder.
"""

from rnn_mnist.console.command import Parser, add_lang_flag, loading, run
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note, say, say_json
from rnn_mnist.run import Run


def main():
    """Parse, read the pictures, predict, print, draw; return 2 if a picture could not be read."""
    parser = Parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("images", metavar="IMAGE", nargs="*",
                        help="picture, folder of pictures, pattern such as '*.png', or - for standard input")
    parser.add_argument("--test-index", metavar="N", type=int, help="read the test image of this number, from 0")
    parser.add_argument("--data-dir", metavar="DIR", help="where the test images are, if not where the run had them")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--show", action="store_true", help="draw what the network saw")
    add_lang_flag(parser)
    args = parser.parse_args()
    if bool(args.images) == (args.test_index is not None):
        parser.error(text("give either pictures or --test-index N"))
    trained = Run(args.run)
    from rnn_mnist.analysis import predict  # Pillow is needed for nothing else
    from rnn_mnist.analysis.digits import read_pictures, test_image
    digits, complaints = read_pictures(args.images)
    for complaint in complaints:
        note(text("error: {message}", message=complaint))
    if complaints and not digits:
        return 2
    if args.test_index is not None:
        loading(text("the data"))
        from rnn_mnist.analysis.evaluate import load_test
        digits = [test_image(load_test(trained, data_dir=args.data_dir)[0], args.test_index)]
    if args.json:  # every digit that there is: the graph's
        loading("TensorFlow")
        probabilities = trained.predict([digit.pixels for digit in digits])
        say_json(predict.as_json(digits, probabilities))
    else:
        probabilities, lines = predict.answer(trained, digits)
        say(*lines)
        for warning in predict.warnings(digits):
            note(warning)
    if args.show:
        for path in predict.draw(trained, digits, probabilities):
            (note if args.json else say)(text("written : {path}", path=path))
    return 2 if complaints else 0


if __name__ == "__main__":
    run(main)
