"""What guards a run while it is trained: a lock against other processes, and a way to stop without losing a step."""

import contextlib
import os
import signal

import filelock

from rnn_mnist.config import UserError


@contextlib.contextmanager
def locked(run):
    """Keep every other process from training into a run; raise UserError if one does, or if it is read-only.

    The lock is the system's own (flock), held by the open file: it ends with its process, however that ends.
    """
    lock = filelock.FileLock(run / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"{run}: another process is training into it: wait for it or stop it") from None
    except OSError as error:
        raise UserError(f"{run}: cannot be written to ({error.strerror or error}): make it writable, "
                        "or go on with a copy of it") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def noting_signals(signals):
    """Note Ctrl-C and SIGTERM in a list, so that the step in progress is finished; leave at once on the second."""
    def note(number, _):
        if signals:
            os._exit(128 + number)
        signals.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
