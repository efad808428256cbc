"""The command line: a parser, flags made from settings, and one-line errors. Imports nothing heavy."""

import argparse
import contextlib
import dataclasses
import os
import re
import signal
import sys
from pathlib import Path

from rnn_mnist.console import languages, output, settings
from rnn_mnist.console.settings import Stopped, UserError, flag_name

_INSTALLED = Path(__file__).resolve().parents[1] / "scripts"  # where a wheel has them
SCRIPTS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[2] / "scripts"


def subcommand(name):
    """Return what rnn-mnist calls one of the scripts."""
    return name.replace("_", "-").replace("train-rnn", "train")


def script(name):
    """Return the command that starts one of the scripts: by its file in a checkout, as rnn-mnist's where installed."""
    return f"rnn-mnist {subcommand(name)}" if SCRIPTS == _INSTALLED else f"python scripts/{name}.py"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, and whose help shows every default."""

    def __init__(self, doc, **kwargs):
        doc = doc and re.sub(r"python scripts/(\w+)\.py", lambda found: script(found[1]), doc)
        kwargs.setdefault("prog", script(Path(sys.argv[0]).stem))
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter,
                         allow_abbrev=False, **kwargs)

    def error(self, message):
        """Print one line on stderr and exit with 2."""
        output.note(f"error: {message} (--help lists the flags)")
        sys.exit(2)


def add_setting_flags(parser, *bases, lists=False, without=()):
    """Add a flag for every setting of instances of settings classes, whose values the help shows as defaults.

    A flag that is not given leaves nothing in the parsed arguments. The help leaves out what can have no effect, and
    says of other flags with what they have one. lists: a flag takes the text of a list of values; without: settings
    that get no flag.
    """
    group = parser.add_argument_group("settings")
    for base in bases:
        for item in dataclasses.fields(base):
            if item.metadata["flag"] and item.name not in without:
                help = f"{item.metadata['help']} ({_condition(base, item)}default: {_shown(getattr(base, item.name))})"
                group.add_argument(flag_name(item.name), dest=item.name, default=argparse.SUPPRESS,
                                   **({"metavar": "A,B,.."} if lists else _flag_form(item)),
                                   help=help if _can_apply(base, item) else argparse.SUPPRESS)


def add_data_flags(parser, *names):
    """Add those of the flags data, data_dir, init_from and offline, as training has them, to a script's parser."""
    if "data" in names:
        parser.add_argument("--data", choices=("auto", "mnist", "synthetic"), default="auto",
                            help="mnist, synthetic, or auto: mnist if it can be had (default: auto)")
    if "data_dir" in names:
        parser.add_argument("--data-dir", metavar="DIR", help="folder with the four IDX files or an mnist.npz")
    if "init_from" in names:
        parser.add_argument("--init-from", metavar="RUN", help="where the run is now whose weights it began with")
    if "offline" in names:
        parser.add_argument("--offline", action="store_true", help="make no network call")


def add_lang_flag(parser):
    """Add --lang to a script's parser; parsing sets the language of the process."""
    parser.add_argument("--lang", choices=languages.LANGUAGES, type=_use_language,
                        help="language of tables and pictures (default: as LANG says)")


def _use_language(name):
    languages.use(name)
    return name


def run(main):
    """Call main() and exit with what it returns; turn what a user can mend into one line on stderr and exit code 2."""
    output.outlast_readers()
    settings.as_flags = True
    try:
        with handling_signals(_interrupt):
            code = main()
            sys.stdout.flush()
    except UserError as error:
        code = _complain(f"error: {error}", 2)
    except Stopped as stopped:
        code = _complain(str(stopped), stopped.code)
    except ModuleNotFoundError as error:
        code = _complain(f"error: the Python package {error.name} is not installed: "
                         "run 'pip install -r requirements.txt' in the virtual environment that you use", 2)
    except ImportError as error:
        reason = str(error).strip().rpartition("\n")[2]
        code = _complain(f"error: a Python package cannot be loaded ({reason}): is there enough memory (ulimit -v), "
                         "and may enough files be open (ulimit -n)?", 2)
    except MemoryError as error:
        code = _complain(f"error: {out_of_memory(error)}", 2)
    except OSError as error:
        # What has no name is standard output, which others open, or the folder that we are in, which is gone.
        where = "the working directory" if isinstance(error, FileNotFoundError) else "standard output"
        code = _complain(f"error: {error.filename or where}: {error.strerror or error}", 2)
    except KeyboardInterrupt as interrupt:
        os._exit(_complain("interrupted", *interrupt.args))  # else TensorFlow complains of graphs left half-built
    finally:
        settings.as_flags = False
        languages.use(None)
    sys.exit(code)


def out_of_memory(error):
    """Return the words for a MemoryError."""
    return (f"out of memory{f' ({error})' if str(error) else ''}: end other programs, or ask for less: fewer neurons, "
            "smaller minibatches, fewer replicas")


@contextlib.contextmanager
def handling_signals(handler):
    """Have handler called on the signals that ask a program to end: Ctrl-C, SIGTERM, and a terminal that is closed.

    One that whoever started the program has it ignore, as nohup does, stays ignored. The handlers that were there are
    put back.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers
              if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def _interrupt(number, frame):
    """Leave, tidying up on the way; at once during an import, which may swallow exceptions."""
    while frame:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os.write(2, b"interrupted\n")
            os._exit(128 + number)
        frame = frame.f_back
    raise KeyboardInterrupt(128 + number)


def _complain(line, code):
    """Print a message as one line on stderr, whatever it quotes, and return the code."""
    sys.audit("rnn_mnist.complaint", code)
    output.note(line)
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
    return {"metavar": item.metadata.get("metavar", "DIR")}


def _can_apply(base, item):
    """Tell whether a field has an effect with some flags at least: not if what it needs can't be given by one."""
    if settings.applies(vars(base), item):
        return True
    other = base.__dataclass_fields__[item.metadata["needs"][0]]
    return other.metadata["flag"] and _can_apply(base, other)


def _condition(base, item):
    """Return the words for the other flag that a field has an effect with only, nothing if there is none."""
    other, values = item.metadata["needs"] or ("", None)
    if not other or not base.__dataclass_fields__[other].metadata["flag"]:
        return ""
    return f"only with {' or '.join(f'{flag_name(other)} {value}' for value in values or ('N',))}; "


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
