"""The command line: flags made from settings, one-line errors, signals, a first word. Imports nothing heavy."""

import argparse
import contextlib
import dataclasses
import os
import signal
import sys

from rnn_mnist.console import languages, output, settings
from rnn_mnist.console.languages import text
from rnn_mnist.console.parser import Parser, script  # noqa: F401 - what a script needs is here
from rnn_mnist.console.settings import Stopped, UserError, flag_name

GROUPS = ("network", "training", "data", "output")  # titles of the settings' flags


def add_setting_flags(parser, *bases, lists=(), without=(), all_rare=False):
    """Add a flag for every setting of instances of settings classes, whose values the help shows as defaults.

    A flag that is not given leaves nothing in the parsed arguments. The help leaves out what can have no effect, and
    shows rare ones, or all_rare, only if asked for all; then it says, too, which need another flag. lists: bases whose
    flags take the text of a list of values; without: settings that get no flag.
    """
    items = [(base, item) for base in bases for item in dataclasses.fields(base)
             if item.metadata["flag"] and item.name not in without]
    for title in GROUPS:
        for base, item in items:
            rare, usable = all_rare or "group" not in item.metadata, _can_apply(base, item)
            if title == item.metadata.get("group", item.metadata.get("rare", "output")):
                shown = usable and (parser.shows_all or not rare)
                action = parser.group(title).add_argument(
                    flag_name(item.name), dest=item.name, default=argparse.SUPPRESS,
                    **({"metavar": "A,B,.."} if base in lists else _flag_form(item)),
                    help=_help(base, item, parser.shows_all) if shown else argparse.SUPPRESS)
                action.rare = usable and rare


def _help(base, item, with_condition):
    """Return the help of a field's flag: what it is, its choices, with what it has an effect, its default."""
    value, choices = getattr(base, item.name), item.metadata.get("choices", ())
    notes = [_condition(base, item)] * with_condition
    if choices:
        shown = [f"{choice} ({text('default')})" if choice == value else choice for choice in choices]
        choices = f": {', '.join(shown)}"
    else:
        notes += [text("default: {value}", value=_shown(value))] * (value not in (None, ""))
    notes = "; ".join(filter(None, notes))
    return text(item.metadata["help"]) + (choices or "") + (f" ({notes})" if notes else "")


def add_data_flags(parser, *names):
    """Add those of the flags data, data_dir, init_from and offline, as training has them, to a script's parser."""
    if "data" in names:
        parser.add_argument("--data", choices=("auto", "mnist", "synthetic"), default="auto",
                            help="mnist, synthetic, or auto: mnist if it can be had (default: auto)")
    if "data_dir" in names:
        parser.add_argument("--data-dir", metavar="DIR", type=_existing,
                            help="folder with the four IDX files or an mnist.npz")
    if "init_from" in names:
        parser.add_argument("--init-from", metavar="RUN", help="where the run is now whose weights it began with")
    if "offline" in names:
        parser.add_argument("--offline", action="store_true", help="make no network call")


def add_lang_flag(parser):
    """Add --lang to a script's parser, which has looked for it already."""
    parser.add_argument("--lang", choices=languages.LANGUAGES,
                        help="language (default: as LANG says)")


def loading(package):
    """Say on stderr that a package is being loaded, which takes a while, unless it is there already.

    To be called where all is checked that can be without it: what is wrong is then told in one line.
    """
    if package.lower() not in sys.modules:
        output.note(text("loading {package} ...", package=package))


def run(main):
    """Call main() and exit with what it returns; turn what a user can mend into one line on stderr and exit code 2."""
    output.outlast_readers()
    settings.as_flags = True
    try:
        with handling_signals(_interrupt):
            code = main()
            sys.stdout.flush()
    except UserError as error:
        code = _complain(text("error: {message}", message=error), 2)
    except Stopped as stopped:
        code = _complain(str(stopped), stopped.code)
    except ModuleNotFoundError as error:
        code = _complain(text("error: the Python package {name} is not installed: run 'pip install -r "
                              "requirements.txt' in the virtual environment that you use", name=error.name), 2)
    except ImportError as error:
        reason = str(error).strip().rpartition("\n")[2]
        code = _complain(text("error: a Python package cannot be loaded ({reason}): is there enough memory (ulimit "
                              "-v), and may enough files be open (ulimit -n)?", reason=reason), 2)
    except MemoryError as error:
        code = _complain(text("error: {message}", message=out_of_memory(error)), 2)
    except OSError as error:
        # What has no name is standard output, which others open, or the folder that we are in, which is gone.
        where = text("the working directory" if isinstance(error, FileNotFoundError) else "standard output")
        code = _complain(text("error: {message}", message=f"{error.filename or where}: {error.strerror or error}"), 2)
    except KeyboardInterrupt as interrupt:
        os._exit(_complain(text("interrupted"), *interrupt.args))  # else TensorFlow complains of graphs left half-built
    finally:
        settings.as_flags = False
        languages.use(None)
    sys.exit(code)


def out_of_memory(error):
    """Return the words for a MemoryError."""
    return text("out of memory{detail}: end other programs, or ask for less: fewer neurons, smaller minibatches, fewer "
                "replicas", detail=f" ({error})" if str(error) else "")


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
        return text("on" if value else "off")
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    return value


def _flag_form(item):
    """Return the argparse keywords for a field's type."""
    if isinstance(item.default, bool):
        return {"action": argparse.BooleanOptionalAction}
    if "choices" in item.metadata:
        return {"choices": item.metadata["choices"], "metavar": "NAME"}
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
    if not other or not base.__dataclass_fields__[other].metadata["flag"] or not _can_apply(
            base, base.__dataclass_fields__[other]):
        return ""
    flags = text(" or ").join(f"{flag_name(other)} {value}" for value in values or ("N",))
    return text("only with {flags}", flags=flags)


def _existing(path):
    if os.path.exists(os.path.expanduser(path)):
        return path
    raise argparse.ArgumentTypeError(text("no such file or folder '{path:.200}'", path=path))


def _whole_number(value):
    try:
        return int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(text("must be a whole number, got '{value:.60}'", value=value)) from None


def _number(value):
    try:
        return float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(text("must be a number, got '{value:.60}'", value=value)) from None
