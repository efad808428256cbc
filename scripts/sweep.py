"""Train many runs: a grid of settings and seeds, on all cores of this machine or on the workers of a Dask cluster.

python scripts/sweep.py --seeds 0-9 --cell basic,lstm --n-neurons 50,150
python scripts/sweep.py --seeds 0-2 --learning-rate log:0.0001-0.01 --dropout 0-0.5 --random 20
python scripts/sweep.py --from sweep.toml --dry-run
python scripts/sweep.py --seeds 0-9 --cell lstm --scheduler tls://host:8786 --tls sweep.pem

A setting takes the values that commas part; of whole numbers 0-9 is a range. Every run is an ordinary run directory in
a folder of the sweep. The same command again does only what is missing. Exit code: 0 all runs are finished, 1 some have
failed, 2 nothing could be done.
"""

from rnn_mnist.console.command import run
from rnn_mnist.sweep.command import sweep_command


def main():
    """Parse, train what is missing, tell what came out; return the exit code."""
    return sweep_command(__doc__)


if __name__ == "__main__":
    run(main)
