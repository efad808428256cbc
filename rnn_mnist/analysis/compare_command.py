"""The command that compares runs: choose, draw, print; or note something on one, or remove what is not finished.

What takes its time to import is imported when the first line has been said.
"""

from rnn_mnist.analysis import selection
from rnn_mnist.console.languages import text
from rnn_mnist.console.output import note, say, say_json
from rnn_mnist.console.settings import UserError
from rnn_mnist.run import Run

MANY = 40  # runs: from here on it is said that they are read, and how to see fewer


def compare_command(args, bases):
    """Do what the parsed arguments say; bases: {model: Config} with the settings that go without saying."""
    _check_together(args)
    if args.note is not None:
        _write_note(args)
        return
    names = selection.parse_names(args.group_by)
    for given in args.filter:
        selection.parse_filter(given)
    key = selection.known_key("--sort", args.sort, selection.KEYS) if args.sort is not None else None
    runs = selection.find_all(args.runs)
    if len(runs) >= MANY:
        note(text("reading {n} runs ...", n=len(runs)))
    from rnn_mnist.analysis import compare
    every = compare.summarise_each(runs, bases)
    chosen = selection.filtered(every, args.filter)
    if args.remove_unfinished:
        from rnn_mnist.analysis.unfinished import remove_unfinished
        remove_unfinished(chosen, args.runs, args.yes)
        return
    shown, groups = _select(compare, chosen, names, key, args.top)
    difference = None if args.csv else compare.group_difference(shown, groups)
    paired = _paired(compare, shown) if len(shown) == 2 and not args.csv and not names else None
    picture = _draw(shown, groups, args)
    _print(args, shown, groups, difference, paired, _counts(args, every, chosen, shown))
    if picture:
        (note if args.csv or args.json else say)(text("written : {path}", path=picture))


def _check_together(args):
    """Raise UserError for flags that can't be, alone or together."""
    for flag, number, least in (("--top", args.top, 1), ("--curves", args.curves, 0)):
        if number is not None and number < least:
            raise UserError("{flag} must be at least {least}, got {number}", flag=flag, least=least, number=number)
    views = args.sort or args.top or args.group_by or args.out
    if args.remove_unfinished and (views or args.csv or args.json or args.note is not None):
        raise UserError("--remove-unfinished goes with --filter and --yes only")
    if args.note is not None and (views or args.filter):
        raise UserError("--note goes with one RUN and nothing else")
    if args.yes and not args.remove_unfinished:
        raise UserError("--yes has no effect without --remove-unfinished: leave it out, or give both")


def _write_note(args):
    """Write or, if it is empty, remove the note of the one run that is named."""
    if len(args.runs) != 1:
        raise UserError("--note goes with one RUN and nothing else")
    selection.check_named(args.runs)
    run = Run(args.runs[0])
    run.write_note(args.note)
    say(text("note of {run} : {note}", run=run, note=run.note or "-"))


def _select(compare, chosen, names, key, top):
    """Return (the summaries that are shown, the groups): sorted, and the first of them if there are too many.

    With names of settings, rows are the groups by these; else the groups are over seeds, and there are none of the
    first runs only: the mean of the best would be too good.
    """
    if names:
        groups = selection.ordered_groups(compare.group_by_settings(chosen, names), chosen, key or "acc_valid")[:top]
        there = {run for group in groups for run in group["runs"]}
        return [summary for summary in chosen if summary["run"] in there], groups
    shown = (selection.ordered(chosen, key) if key else chosen)[:top]
    groups = [] if len(shown) < len(chosen) else compare.group_over_seeds(shown)
    return shown, selection.ordered_groups(groups, shown, key) if key else groups


def _counts(args, every, chosen, shown):
    """Return (the lines for above the tables, those for below): what is left out, what is not finished."""
    flags = [f"--filter {given}" for given in args.filter]
    flags += [f"--{name} {given}" for name, given in _choice(args)]
    above, below, n = [], [], sum(not summary["finished"] for summary in chosen)
    if len(shown) < len(every):
        above.append(text("runs : {n} of {n_all} ({flags})", n=len(shown), n_all=len(every), flags=" ".join(flags)))
    if n:
        below.append(text("not finished : {n} of {n_all} runs (--remove-unfinished removes them)", n=n,
                          n_all=len(chosen)))
    return above, below


def _choice(args):
    """Return (flag, value) of those flags that choose rows, but for filters."""
    return [(flag, given) for flag, given in (("group-by", args.group_by), ("sort", args.sort), ("top", args.top))
            if given]


def _print(args, shown, groups, difference, paired, counts):
    """Print the comparison in the form that is asked for; counts: the lines for above the tables, and for below."""
    from rnn_mnist.analysis import compare_report as report
    if args.csv:
        say(*(report.groups_as_csv(groups) if args.group_by else report.as_csv(shown)).removesuffix("\n").split("\n"))
    elif args.json:
        say_json(report.as_json(shown, groups, difference, paired))
    else:
        say(*counts[0], *report.report(shown, groups, difference, only_groups=bool(args.group_by)),
            *(["", report.paired_line(paired)] if paired else []), *counts[1])
        if len(shown) >= MANY and not args.group_by:
            note(text("fewer rows : --top N, --filter KEY=VALUE, --group-by KEY"))


def _paired(compare, summaries):
    """Return the paired test of two runs, or None, having said why there is none."""
    try:
        return compare.paired_test(*summaries)
    except UserError as error:
        note(text("no paired test: {reason}", reason=error))


def _draw(shown, groups, args):
    """Draw the picture and return its path, or None if none is wanted or, having said why, it cannot be written."""
    from rnn_mnist.analysis import compare_picture
    if args.out is None and (args.csv or args.json):
        return None
    if not any(map(compare_picture.has_validation, shown)):
        if args.out is not None:
            raise UserError("--out {out}: none of the runs has validation figures to draw: leave it out", out=args.out)
        note(text("no picture: none of the runs has validation figures"))
        return None
    if args.out is not None and not args.out.lower().endswith(".png"):
        raise UserError("--out {out}: must end in .png: the picture would take the place of another file", out=args.out)
    selected = [*args.filter, *(f"{name}-{given}" for name, given in _choice(args))]
    path = args.out or compare_picture.picture_path(args.runs, shown, selected)
    try:
        return compare_picture.draw(shown, groups, path, args.curves, bool(args.group_by))
    except OSError as error:
        reason = f"{error.filename or path}: {error.strerror or error}"
        if args.out is not None:
            raise UserError("--out {out}: cannot be written ({reason}): choose another file", out=args.out,
                            reason=reason) from None
        note(text("note: the picture could not be written: {reason}", reason=reason))
