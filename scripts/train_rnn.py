"""Train a recurrent network on MNIST: by default 28 rows of 28 pixels an image.

python scripts/train_rnn.py --cell lstm --layers 2 --seed 7
python scripts/train_rnn.py --resume runs/NAME --epochs 10
"""

from rnn_mnist.console.command import run
from rnn_mnist.tutorials.command import train_command


def main():
    """Parse, train; the log's last line says what to run next."""
    train_command(__doc__, "rnn-rows")


if __name__ == "__main__":
    run(main)
