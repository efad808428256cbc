"""What reaches the terminal: lines with nothing in them that a terminal obeys, on streams that outlast a reader."""

import errno
import io
import json
import os
import sys
import unicodedata

from rnn_mnist.console.languages import text

goes_on_in = None  # the log that is written whether or not somebody reads standard output
_GONE = (errno.EPIPE, errno.EIO)  # what writing gives when `head` has read enough, or a terminal was closed


def plain(line):
    """Return a line with what is not to be printed escaped as in JSON: line breaks, terminal codes, damaged letters.

    Names of files and keys that others have chosen may hold any of these, to pass for a line of ours or worse.
    """
    return "".join(letter if letter.isprintable() or unicodedata.category(letter) == "Zs"
                   else json.dumps(letter)[1:-1] for letter in str(line))


def say(*lines):
    """Print lines on stdout, each as one line whatever it quotes."""
    print(*map(plain, lines), sep="\n", flush=True)


def say_json(values):
    """Print plain values as JSON on stdout."""
    say(*json.dumps(values, indent=2, ensure_ascii=False).split("\n"))


def note(line):
    """Print a line on stderr, as one line whatever it quotes."""
    print(plain(line), file=sys.stderr, flush=True)


def outlast_readers():
    """See that stdin, stdout and stderr are open, and that writing to them goes on when nobody reads any more.

    One that was closed by whoever started the process would be given to the next file that is opened, and that file
    would then get the messages.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue  # somebody has taken it over, as pytest does
        if stream is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if number == 0:
            sys.stdin = stream or os.fdopen(number, closefd=False)
            continue
        if stream is not None:
            stream.flush()
        file = io.BufferedWriter(_Patient(number, "w", closefd=False))
        # A file name or a terminal may not know every letter.
        setattr(sys, name, io.TextIOWrapper(file, getattr(stream, "encoding", "utf-8"), "backslashreplace",
                                            line_buffering=True))


class _Patient(io.FileIO):
    """Write to a standard stream until its reader is gone, and from then on to nowhere: the work goes on."""

    def write(self, content):
        """Return how many bytes were taken."""
        try:
            return super().write(content)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)  # also for what is left to be written when the process ends
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno not in _GONE and self.fileno() == 1:  # a full disk is told, on stderr if that can be
                raise
            if self.fileno() == 1 and goes_on_in:
                note(text("note: nobody reads this any more: the training goes on, see {path}", path=goes_on_in))
            return len(content)
