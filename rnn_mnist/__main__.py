"""`python -m rnn_mnist COMMAND ...`: as rnn-mnist."""

from rnn_mnist.console.subcommands import main

main()
