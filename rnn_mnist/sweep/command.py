"""The command that sweeps: it says what it will do, does what is missing, and tells what came out."""

import argparse
import contextlib
import os
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from rnn_mnist.config import Config, RunOptions
from rnn_mnist.console import guard, log, machine
from rnn_mnist.console.command import Parser, add_lang_flag, add_setting_flags, loading, script
from rnn_mnist.console.languages import SYNTHETIC, text, why
from rnn_mnist.console.output import say
from rnn_mnist.console.settings import UserError, sort
from rnn_mnist.console.tables import table
from rnn_mnist.run import Run
from rnn_mnist.sweep import cluster, driver, estimate, worker
from rnn_mnist.sweep.plan import make_plan
from rnn_mnist.tutorials.presets import preset

EXPERIMENT = "rnn-rows"
N_SHOWN = 8  # values of a setting that the plan lists


def sweep_command(doc):
    """Sweep as the command line says and return the exit code: 1 if a run has failed."""
    first = Parser(None, add_help=False)
    first.add_argument("--experiment", default=EXPERIMENT)
    base, options = preset(first.parse_known_args()[0].experiment)
    options = replace(options, plots=False)  # plot_run.py draws those that somebody wants to see
    args = vars(_parser(doc, base, options).parse_args())
    given, given_options = sort({name: args.pop(name) for name in [*args] if hasattr(Config, name) or
                                 hasattr(RunOptions, name)}, Config, RunOptions)
    cluster.check_engine()
    _check_together(args)
    options = replace(options, **given_options)
    loading("NumPy")
    plan = make_plan(base, given, args["from"], args["random"], _told(args["experiment"], options))
    folder = _folder(options, plan.folder if options.run_name is None else options.run_name)
    sweep = driver.look(plan, folder, options, f"{script('sweep')} {shlex.join(sys.argv[1:])}")
    n_workers = cluster.most_workers(len(sweep.missing), args["workers"])
    say(*_plan_lines(plan, sweep, None if args["scheduler"] else n_workers))
    if args["dry_run"]:
        return 0
    share = 1 if args["scheduler"] or args["workers"] else machine.n_cores() // n_workers
    sweep.options = replace(options, threads=options.threads or share)
    with _locked(sweep.folder):
        if sweep.missing or (sweep.finished and options.data_dir):
            _train(sweep, args, n_workers)
        return _conclude(plan, sweep)


def _check_together(args):
    """Raise UserError for flags that can't be, alone or together."""
    for name in ("random", "workers"):
        if args[name] is not None and args[name] < 1:
            raise UserError("--{name} must be at least 1, got {value}", name=name, value=args[name])
    if args["scheduler"] is not None:
        cluster.check_address(args["scheduler"])
        if args["workers"]:
            raise UserError("--workers is for this machine, and --scheduler has workers of its own: leave out one")
    elif args["tls"] is not None:
        raise UserError("--tls has no effect without --scheduler: leave it out, or give both")


def _told(experiment, options):
    """Return what the folder's name tells beside the settings; raise UserError if there is no run to begin with."""
    told = [] if experiment == EXPERIMENT else [experiment]
    return told if options.init_from is None else [*told, f"init_from-{Run(options.init_from).name}"]


@contextlib.contextmanager
def _locked(folder):
    """Make the folder of a sweep and keep other sweeps out of it; if nothing comes of it, it is removed again."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("cannot make {path}: {reason}: choose another {other}", path=folder, reason=why(error),
                        other="--runs-dir") from None
    try:
        with guard.locked(folder):
            yield
    finally:
        if os.listdir(folder) in ([], [".lock"]):
            shutil.rmtree(folder)


def _parser(doc, base, options):
    """Return the parser; base, options: what the settings start from."""
    parser = Parser(doc, rare_flags=True)
    parser.add_argument("--experiment", metavar="NAME", default=EXPERIMENT, help=text(
        "start from a tutorial's settings{names} (default: {experiment})", names="", experiment=EXPERIMENT))
    parser.add_argument("--seeds", "--seed", dest="seed", metavar="A-B", default=argparse.SUPPRESS, help=text(
        "seeds that each combination is trained with (default: {seed})", seed=base.seed))
    parser.add_argument("--random", type=int, metavar="N",
                        help="N draws instead of the whole grid, also from LOW-HIGH and log:LOW-HIGH")
    parser.add_argument("--from", metavar="FILE.toml", help="grids that flags can't say: see the README")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    parser.add_argument("--run-name", metavar="NAME", help="name of the sweep's folder (default: what was given)")
    parser.add_argument("--workers", type=int, metavar="N",
                        help="train N runs at a time on this machine, each on a core (default: one per core)")
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="have the workers of this scheduler train, such as tls://host:8786")
    parser.add_argument("--tls", metavar="FILE.pem", help="certificate and key that the cluster's machines share")
    add_lang_flag(parser)
    add_setting_flags(parser, base, options, lists=[base], without=("seed", "run_name"), all_rare=True)
    return parser


def _folder(options, name):
    """Return the path of a sweep's folder; raise UserError if it can't be one."""
    folder = Path(options.runs_dir, name)
    guard.check_place(replace(options, run_name=name), exists_ok=folder.is_dir())
    if (folder / "config.json").exists():
        raise UserError("{folder} is a run, and not the folder of a sweep: choose another --run-name", folder=folder)
    return folder


def _plan_lines(plan, sweep, n_workers):
    """Yield the lines that tell a Plan, and what of it is to be done; n_workers: None if that is not known."""
    yield text("sweep : {n} runs in {folder}", n=sweep.n_points, folder=sweep.folder)
    if plan.varied:
        yield from table([["", name, ":", _values(plan, name)] for name in plan.varied], "<<<<")
    if plan.n_joined:
        yield text("{n} combinations are left out : settings that have no effect make them the same as others",
                   n=plan.n_joined)
    if sweep.finished or sweep.failed:
        yield text("there already : {n} finished, {failed} failed", n=len(sweep.finished), failed=len(sweep.failed))
    if sweep.missing:
        time = log.duration(estimate.expected(sweep.missing.values(), n_workers or 1))
        yield (text("to do : {n} runs, about {time} with {n_workers} workers", n=len(sweep.missing), time=time,
                    n_workers=n_workers) if n_workers else
               text("to do : {n} runs, about {time} divided by the number of workers", n=len(sweep.missing), time=time))


def _values(plan, name):
    """Return the values of a setting that a Plan's runs differ in, in a line."""
    values = list(dict.fromkeys(getattr(point.config, name) for point in plan.points))
    shown = ["-".join(map(str, value)) if isinstance(value, tuple) else
             {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value) for value in values]
    if len(shown) > N_SHOWN:
        shown[N_SHOWN // 2:1 - N_SHOWN // 2] = ["..."]
    return ", ".join(shown)


def _train(sweep, args, n_workers):
    """Have a cluster train what is missing, if what is there is of the same data."""
    config = next(iter([*sweep.missing.values(), *(run.config for run in sweep.runs[:1])]))
    where = config.data, sweep.options.data_dir, sweep.options.offline
    here = worker.describe(config.isa, *where)
    if "problem" in here:
        raise UserError("{problem}", problem=here["problem"])
    arrays = worker.load(*where)
    from rnn_mnist.data import load_data
    for name, config in sweep.missing.items():
        load_data(config, sweep.options, arrays)  # refused now, in one line, if it does not fit
        sweep.missing[name] = replace(config, data="synthetic" if arrays[1] == SYNTHETIC else "mnist")
    driver.check_data(sweep, here["data"])
    if not sweep.missing:
        return
    where = next(iter(sweep.missing.values())).data, *where[1:]
    with cluster.connected(args["scheduler"], args["tls"], n_workers) as client:
        say(text("dashboard : {address}", address=client.dashboard_link))
        cluster.check_workers(client, here, where)
        driver.train_missing(sweep, client, here)


def _conclude(plan, sweep):
    """Tell what came out, write table and picture, and return the exit code."""
    from rnn_mnist.sweep import report
    failures = driver.write_failures(sweep)
    if sweep.finished:
        groups = report.summarise(sweep.runs, plan.varied)
        say("", *report.report(groups))
        say(text("written : {path}", path=" ".join(map(str, report.write(groups, sweep.folder)))))
    if failures:
        say(text("failed : {n} of {n_points} runs, see {path}", n=len(sweep.failed), n_points=sweep.n_points,
                 path=failures))
    if sweep.finished:
        say(text("next : {command}", command=f"{script('compare_runs')} {shlex.quote(str(sweep.folder))}"))
    return 1 if failures else 0
