"""The scripts' parser: help that fits on a screen, errors of one line, both in English or Korean. Nothing heavy."""

import argparse
import re
import shutil
import sys
import textwrap
import unicodedata
from pathlib import Path

from rnn_mnist.console import languages, output
from rnn_mnist.console.languages import text
from rnn_mnist.console.meant import meant

_INSTALLED = Path(__file__).resolve().parents[1] / "scripts"  # where a wheel has them
SCRIPTS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[2] / "scripts"
_EXAMPLE = re.compile(r"python scripts/(\w+)\.py")
_FILLER = "\0"  # stands behind a letter that is two columns wide while lines are counted


def subcommand(name):
    """Return what rnn-mnist calls one of the scripts."""
    return name.replace("_", "-").replace("train-rnn", "train")


def script(name):
    """Return the command that starts one of the scripts: by its file in a checkout, as rnn-mnist's where installed."""
    return f"rnn-mnist {subcommand(name)}" if SCRIPTS == _INSTALLED else f"python scripts/{name}.py"


def translated(doc):
    """Return the paragraphs of a script's docstring in the language of the process, its examples as they are."""
    return [part if _EXAMPLE.match(part) else text(" ".join(part.split())) for part in doc.strip().split("\n\n")]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line that says what may have been meant, in the language asked for.

    rare_flags: it has some that only --help-all shows.
    """

    def __init__(self, doc, rare_flags=False, **kwargs):
        languages.use(_language_asked_for(sys.argv) or languages.chosen())
        doc = doc and _EXAMPLE.sub(lambda found: script(found[1]), "\n\n".join(translated(doc)))
        kwargs.setdefault("prog", script(Path(sys.argv[0]).stem))
        super().__init__(description=doc, formatter_class=_Help, allow_abbrev=False, **kwargs)
        self.rare_flags, self.shows_all = rare_flags, "--help-all" in sys.argv
        if self.add_help:  # where no flag is rare, it is another --help
            self.add_argument("--help-all", action="help",
                              help="show all flags, rare ones too" if rare_flags else argparse.SUPPRESS)

    def group(self, title):
        """Return the group of flags with a title, made if there is none yet."""
        found = (group for group in self._action_groups if group.title == title)
        return next(found, None) or self.add_argument_group(title)

    def parse_args(self, args=None, namespace=None):
        """Return the parsed arguments; a flag that there is not is told with the one it may have been meant to be."""
        found, left = self.parse_known_args(args, namespace)
        if flag := next((word.partition("=")[0] for word in left if word.startswith("--")), None):
            near = meant(flag, [name for action in self._actions if action.help != argparse.SUPPRESS or _is_rare(action)
                                for name in action.option_strings])
            self.error(text("{flag}: no such flag: did you mean {near}?", flag=flag, near=near) if near else
                       text("{flag}: no such flag", flag=flag))
        if left:
            self.error(text("unrecognized arguments: %s") % " ".join(left))
        return found

    def parse_known_args(self, args=None, namespace=None):
        """Do as argparse, whose words it asks gettext for: here they are where all others are."""
        before = argparse._, argparse.ngettext
        argparse._, argparse.ngettext = text, lambda one, many, n: text(one if n == 1 else many)
        try:
            return super().parse_known_args(args, namespace)
        finally:
            argparse._, argparse.ngettext = before

    def _check_value(self, action, value):
        """Say which choice may have been meant."""
        if action.choices is not None and value not in action.choices:
            near = meant(value, action.choices)
            message = text("invalid choice: {value!r} (choose from {choices})", value=value,
                           choices=", ".join(map(str, action.choices)))
            raise argparse.ArgumentError(action, message + (text(": did you mean {near}?", near=near) if near else ""))

    def error(self, message):
        """Print one line on stderr and exit with 2."""
        output.note(text("error: {message} ({flag} lists the flags)", message=message,
                         flag="--help-all" if self.rare_flags else "--help"))
        sys.exit(2)


def _is_rare(action):
    return getattr(action, "rare", False)


def _language_asked_for(words):
    """Return what the last --lang of a command line says, None if it says nothing that there is."""
    words = words[:words.index("--")] if "--" in words else words
    found = re.findall(rf"(?<=\0)--lang[\0=]({'|'.join(languages.LANGUAGES)})(?=\0)", "\0".join(["", *words[1:], ""]))
    return found[-1] if found else None


class _Help(argparse.HelpFormatter):
    """Put the words into the language of the process, in as few lines as can be read; Hangul is two columns wide."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=27, width=shutil.get_terminal_size().columns)

    def add_usage(self, usage, actions, groups, prefix=None):
        """Name the arguments, and the flags by one word: they are all listed below."""
        arguments = [self._format_args(action, action.dest) for action in actions if not action.option_strings]
        super().add_usage(usage or " ".join(["%(prog)s [FLAG ...]", *arguments]), actions, groups, text("usage: "))

    def start_section(self, heading):
        """Begin a section under a title."""
        super().start_section(text(heading) if heading else heading)

    def _get_help_string(self, action):
        return text(action.help)

    def _fill_text(self, text, width, indent):
        """Return the paragraphs of a description, each wrapped but for those of commands and tables."""
        return "\n\n".join(part if part.startswith(("python ", "rnn-mnist ", "  ")) else
                           "\n".join(self._split_lines(part, width)) for part in text.split("\n\n"))

    def _split_lines(self, text, width):
        wide = "".join(letter + _FILLER * (unicodedata.east_asian_width(letter) in "WF") for letter in text)
        lines = textwrap.wrap(wide, width, break_long_words=False, break_on_hyphens=False)
        return [line.replace(_FILLER, "") for line in lines]

    def _format_args(self, action, default_metavar):
        return f"{action.metavar} ..." if action.nargs == "+" else super()._format_args(action, default_metavar)
