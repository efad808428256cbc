"""Train a multilayer perceptron on MNIST.

python scripts/train_mlp.py --experiment mlp-relu
python scripts/train_mlp.py --hidden-sizes 100 50 --optimizer sgd --learning-rate 0.1
python scripts/train_mlp.py --resume runs/NAME --epochs 10
"""

from rnn_mnist.console.command import run
from rnn_mnist.tutorials.command import train_command


def main():
    """Parse, train; the log's last line says what to run next."""
    train_command(__doc__, "mlp-relu")


if __name__ == "__main__":
    run(main)
