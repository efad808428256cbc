"""The command that trains, starting from the settings of one of the tutorials' experiments."""

import os
import shlex
from dataclasses import replace

from rnn_mnist.config import Config, RunOptions, with_settings
from rnn_mnist.console import machine
from rnn_mnist.console.command import Parser, add_lang_flag, add_setting_flags, loading, script
from rnn_mnist.console.forms import checked_note
from rnn_mnist.console.guard import check_place, named_data, noting_signals
from rnn_mnist.console.languages import text
from rnn_mnist.console.settings import UserError, sort
from rnn_mnist.tutorials.presets import PRESETS, preset


def train_command(doc, experiment):
    """Train or resume as the command line says; experiment: the preset that the flags change. Return the Run."""
    first = Parser(None, add_help=False)
    first.add_argument("--experiment", default=experiment)
    base, options = preset(first.parse_known_args()[0].experiment)
    parser = Parser(doc, rare_flags=True)
    names = f": {', '.join(_alike(experiment))}" if parser.shows_all else ""
    parser.add_argument("--experiment", metavar="NAME", help=text(
        "start from a tutorial's settings{names} (default: {experiment})", names=names, experiment=experiment))
    parser.add_argument("--resume", metavar="RUN", help="go on with a run; --epochs N extends it")
    parser.add_argument("--note", metavar="TEXT", help="a line of text, shown where runs are compared")
    add_lang_flag(parser)
    add_setting_flags(parser, base, options)
    args = vars(parser.parse_args())
    args.pop("lang")
    named, path, said = args.pop("experiment"), args.pop("resume"), args.pop("note")
    if path is not None and named:
        parser.error(text("--resume takes its settings from the run: leave out --experiment"))
    if path is not None and said is not None:
        raise UserError("--note is for a new run: of one that is there by {command}",
                        command=f"{script('compare_runs')} {shlex.quote(path)} --note {shlex.quote(said)}")
    if args.get("verbose"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0")
    from rnn_mnist.run import Run  # NumPy takes its time, too: --help needs none
    if path is not None:
        run = Run(path)
        _ = run.settings  # refused now rather than after the seconds that TensorFlow takes to import
    else:
        given, given_options = sort(args, Config, RunOptions)
        config, options = with_settings(base, **given), replace(options, **given_options)
        check_place(options)
        checked_note(said or "")
        if config.data != "synthetic":
            named_data(options.data_dir)
    loading("TensorFlow")
    if path is None:
        machine.resolve(config.isa)  # by NumPy, which takes a tenth of a second
    from rnn_mnist.train import resume, train
    if path is not None:
        return resume(run, args, noting_signals())
    return train(config, options, base=base, signals=noting_signals(), note=said or "")


def _alike(experiment):
    """Return the names of the presets of the same model as one of them."""
    model = PRESETS[experiment].config.model
    return [name for name, (config, _) in PRESETS.items() if config.model == model]
