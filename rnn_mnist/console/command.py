"""The command line: flags made from the config's fields, and one-line errors. Imports nothing heavy."""

import argparse
import dataclasses
import io
import os
import signal
import sys

from rnn_mnist import processor
from rnn_mnist import run as runs
from rnn_mnist.config import Config, Stopped, UserError, flag_name, with_settings
from rnn_mnist.tutorials.presets import PRESETS, preset


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and whose help shows every default."""

    def __init__(self, doc, **kwargs):
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter,
                         allow_abbrev=False, **kwargs)

    def error(self, message):
        """Print one line on stderr and exit with 2."""
        print(f"error: {message} (--help lists the flags)", file=sys.stderr)
        sys.exit(2)


def add_config_flags(parser, base):
    """Add a flag for every setting; the help shows base's values as defaults."""
    group = parser.add_argument_group("settings")
    for item in dataclasses.fields(Config):
        if not item.metadata["flag"]:
            continue
        group.add_argument(flag_name(item), dest=item.name, default=argparse.SUPPRESS, **_flag_form(item),
                           help=f"{item.metadata['help']} (default: {_shown(getattr(base, item.name))})")


def settings_given(args):
    """Return {setting: value} of the flags that a parsed command line gave."""
    given = {item.name: getattr(args, item.name) for item in dataclasses.fields(Config) if item.name in args}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def train_command(doc, experiment):
    """Train or resume as the command line says; experiment: the preset that the flags change. Return the Result."""
    first = Parser(None, add_help=False)
    first.add_argument("--experiment", default=experiment)
    base = preset(first.parse_known_args()[0].experiment)
    parser = Parser(doc)
    parser.add_argument("--experiment", metavar="NAME",
                        help=f"start from the settings of {', '.join(PRESETS)} (default: {experiment})")
    parser.add_argument("--resume", metavar="RUN", help="go on with the run in this folder; --epochs N extends it")
    add_config_flags(parser, base)
    args = parser.parse_args()
    if args.resume is not None and args.experiment:
        parser.error("--resume takes its settings from the run: leave out --experiment")
    given = settings_given(args)
    if args.resume is None:
        config = with_settings(base, **given)
        runs.new_run_path(config, base)  # refused now rather than after the seconds that TensorFlow takes to import
        processor.resolve(config.isa)
    else:
        runs.read_config(runs.open_run(args.resume))
    if "verbose" in args and args.verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
    from rnn_mnist.train import resume, train
    if args.resume is not None:
        return resume(args.resume, given)
    return train(config, base)


def run(main):
    """Call main() and exit with what it returns; turn what a user can mend into one line on stderr and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name or a terminal may not know every letter
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        code = main()
        sys.stdout.flush()
    except UserError as error:
        code = _complain(f"error: {error}", 2)
    except Stopped as stopped:
        code = _complain(str(stopped), stopped.code)
    except ModuleNotFoundError as error:
        code = _complain(f"error: the Python package {error.name} is not installed: "
                         "run 'pip install -r requirements.txt' in the virtual environment that you use", 2)
    except BrokenPipeError:  # the reader, such as `head`, has gone: nothing is left to say
        code = 0
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        code = _complain(f"error: {error.filename or 'standard output'}: {error.strerror or error}", 2)
    except KeyboardInterrupt as interrupt:
        os._exit(_complain("interrupted", *interrupt.args))  # else TensorFlow complains of graphs left half-built
    sys.exit(code)


def _interrupt(number, frame):
    """Leave on Ctrl-C and SIGTERM, tidying up on the way; at once during an import, which may swallow exceptions."""
    while frame:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os.write(2, b"interrupted\n")
            os._exit(128 + number)
        frame = frame.f_back
    raise KeyboardInterrupt(128 + number)


def _complain(line, code):
    """Print a message as one line on stderr, whatever it quotes, and return the code."""
    print(" ".join(str(line).split()), file=sys.stderr)
    return code


def _shown(value):
    """Return a default as the help shows it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    return "none" if value in (None, "") else value


def _flag_form(item):
    """Return the argparse keywords for a field's type."""
    if isinstance(item.default, bool):
        return {"action": argparse.BooleanOptionalAction}
    if "choices" in item.metadata:
        return {"choices": item.metadata["choices"]}
    if isinstance(item.default, tuple):
        return {"type": _whole_number, "nargs": "+", "metavar": "N"}
    if isinstance(item.default, int):
        return {"type": _whole_number, "metavar": "N"}
    if isinstance(item.default, float):
        return {"type": _number, "metavar": "F"}
    return {"metavar": "NAME" if item.name == "run_name" else "DIR"}


def _whole_number(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got '{text[:60]}'") from None


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got '{text[:60]}'") from None
