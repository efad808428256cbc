"""In front of a process's path: trainings of more than two epochs take their time, at no cost to the processor.

So they last long enough to be killed or interrupted on the way, however fast the machine.
"""

import sys
import time


def _pause(event, args):
    if event == "rnn_mnist.evaluate" and args[0].config.epochs > 2:
        time.sleep(0.1)


sys.addaudithook(_pause)
