"""What the benchmark has found: rows of figures, and from them the table, Markdown, CSV and picture."""

import csv
import importlib.metadata
import io
from statistics import median

import numpy as np

from benchmarking.task import Case
from rnn_mnist import files
from rnn_mnist.console import languages, machine
from rnn_mnist.console.languages import text
from rnn_mnist.console.tables import markdown, table
from rnn_mnist.plots import style

RESULT_COLUMNS = (
    "form", "cell", "n_neurons", "batch_size", "n_steps", "epoch_seconds", "first_quartile", "third_quartile",
    "times_tutorial", "images_per_second", "share_of_floor", "loss", "loss_wanted", "right", "worker_mb",
    "process_seconds", "process_times_tutorial", "process_mb", "process_acc_test")


def to_rows(measured, processes):
    """Return a dict of RESULT_COLUMNS for each Measurement; what does not apply, and ratios of a wrong form, are None.

    times_tutorial and share_of_floor are medians over the rounds of the two forms' ratio within a round.
    """
    rows = []
    for one in measured:
        tutorial, floor = (next((other for other in measured if other.form.role == role and other.case == one.case
                                 and other.right), None) for role in ("tutorial", "floor"))
        seconds = median(one.epoch_seconds)
        low, high = np.percentile(one.epoch_seconds, [25, 75])
        row = dict.fromkeys(RESULT_COLUMNS) | {
            "form": one.form.name, "cell": one.case.cell, "n_neurons": one.case.n_neurons,
            "batch_size": one.case.batch_size, "n_steps": one.case.n_steps, "epoch_seconds": seconds,
            "first_quartile": float(low), "third_quartile": float(high), "worker_mb": one.memory, "right": one.right}
        if one.form.role != "floor":
            row |= {"loss": one.losses[-1], "loss_wanted": one.reference[-1]}
        if one.right:
            row |= {"images_per_second": one.n_images / seconds, "times_tutorial": speed_ratio(tutorial, one),
                    "share_of_floor": speed_ratio(floor, one)}
        if one.case == Case() and one.form.name in processes:
            row |= _process_columns(one, processes, tutorial)
        rows.append(row)
    return rows


def speed_ratio(slow, fast):
    """Return how many times as long one Measurement takes as another, by round; None if either is missing."""
    if slow is None or fast is None:
        return None
    return _median_ratio(slow.epoch_seconds, fast.epoch_seconds)


def _median_ratio(slow, fast):
    return median(a / b for a, b in zip(slow, fast, strict=True))


def _process_columns(one, processes, tutorial):
    """Return the columns of a form's whole processes; tutorial: the Measurement it is compared with, or None."""
    mine = processes[one.form.name]
    columns = {"process_seconds": median(mine.seconds), "process_mb": mine.memory, "process_acc_test": mine.acc_test}
    if one.right and tutorial is not None and tutorial.form.name in processes:
        columns["process_times_tutorial"] = _median_ratio(processes[tutorial.form.name].seconds, mine.seconds)
    return columns


def main_table(rows, epochs, language="en"):
    """Return the main case's table, heading first, as lists of texts; a wrong form has its due loss instead of ratios.
    """
    heading = ["form", "s per epoch", "quartiles", "x tutorial", "images/s", "% of floor", "loss"]
    found = [[*(text(word, language) for word in heading), text("{n} epochs, s", language, n=epochs),
              text("x tutorial", language), "MB", "acc_test"]]
    for row in rows:
        loss = _format(row["loss"], ".4f")
        if not row["right"]:
            loss += " " + text("WRONG: {loss:.4f} EXPECTED", language, loss=row["loss_wanted"])
        share = row["share_of_floor"] and row["share_of_floor"] * 100
        found.append([row["form"], _format(row["epoch_seconds"], ".3f"),
                      f"{row['first_quartile']:.3f}-{row['third_quartile']:.3f}", _format(row["times_tutorial"], ".2f"),
                      _format(row["images_per_second"], ",.0f"), _format(share, ".0f"), loss,
                      _format(row["process_seconds"], ".2f"), _format(row["process_times_tutorial"], ".2f"),
                      _format(row["process_mb"] or row["worker_mb"], ".0f"), _format(row["process_acc_test"], ".4f")])
    return found


def scaling_table(measured, language="en"):
    """Return the table of all cases: of each form of ours, how it compares with the tutorial's, the floor, and the best
    peer, splits included.
    """
    forms = list(dict.fromkeys(one.form.name for one in measured if one.form.role == "ours" and one.case != Case()))
    headings = ["network", "tutorial's script, s", "floor, s", "best peer", "s",
                *(heading for name in forms
                  for heading in (text("{name}, s", language, name=name), "x tutorial", "% of floor", "x peer"))]
    found = [[text(heading, language) for heading in headings]]
    for case in dict.fromkeys(one.case for one in measured) if forms else ():
        here = {one.form.name: one for one in measured if one.case == case and one.right}
        tutorial, floor = (next((one for one in here.values() if one.form.role == role), None)
                           for role in ("tutorial", "floor"))
        peer = _fastest(here.values(), ("peer", "split"))
        line = [case_name(case, language), _seconds(tutorial), _seconds(floor), peer.form.name if peer else "-",
                _seconds(peer)]
        for name in forms:
            one = here.get(name)
            share = speed_ratio(floor, one)
            line += [_seconds(one), _format(speed_ratio(tutorial, one), ".2f"),
                     _format(share and 100 * share, ".0f"), _format(speed_ratio(peer, one), ".2f")]
        found.append(line)
    return found


def case_lines(measured, case):
    """Return the lines of one case: each form's seconds per epoch, and its ratios."""
    rows = to_rows([one for one in measured if one.case == case], {})
    heads = [text(word) for word in ("form", "s per epoch", "x tutorial", "% of floor")]
    return [case_name(case, languages.current()), *table([heads, *(
        [row["form"], _format(row["epoch_seconds"], ".3f"), _format(row["times_tutorial"], ".2f"),
         _format(row["share_of_floor"] and 100 * row["share_of_floor"], ".0f") if row["right"] else text("WRONG")]
        for row in rows)], "<>"), ""]


def _fastest(measured, roles):
    """Return the fastest Measurement of forms in these roles, None if there is none."""
    return min((one for one in measured if one.form.role in roles), key=lambda one: median(one.epoch_seconds),
               default=None)


def _seconds(one):
    """Return the seconds per epoch of a Measurement or None, as a text."""
    return "-" if one is None else f"{median(one.epoch_seconds):.3f}"


def summary(measured, language="en"):
    """Return a line for each of our forms: how many times as fast as the best right peer, alone and with our split."""
    main = [one for one in measured if one.case == Case() and one.right]
    lines = []
    for one in (one for one in main if one.form.role == "ours"):
        words = []
        for roles, sentence in (
                (("peer",), "{ratio:.2f} times as fast as the best peer as its users write it ({name})"),
                (("peer", "split"), "{ratio:.2f} times as fast as the best peer two-way splits included ({name})")):
            if best := _fastest(main, roles):
                words.append(text(sentence, language, ratio=speed_ratio(best, one), name=best.form.name))
        lines += [f"{one.form.name}: {', '.join(words)}"] if words else []
    return lines


def machine_line(environment, language="en"):
    """Return the line that says on what it was measured; environment: machine.describe()'s dict, with data."""
    versions = [f"{name} {environment[name]}" for name in ("python", "tensorflow", "numpy")]
    for package in ("jax", "torch", "keras"):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return text("{cpu}, {cores} cores, instruction set {isa}, native is {native}; {versions}; data : {data}; commit "
                "{commit}", language, cpu=environment["cpu"], cores=environment["cores"], isa=machine.DEFAULT_ISA,
                native=machine.available()[-1], versions=", ".join(versions), data=text(environment["data"], language),
                commit=environment["git_commit"])


def write(measured, processes, left_out, epochs, environment, out):
    """Write results.csv, results.md and results.png to a folder, a Path; return the lines for the terminal.

    The first two are always English.
    """
    rows = to_rows(measured, processes)

    def said(language):
        """Return the tables and the notes in a language."""
        found = (main_table([row for row in rows if _case(row) == _MAIN], epochs, language),
                 scaling_table(measured, language))
        notes = [text("x tutorial, % of floor, times as fast: medians of the ratios within each round; loss: of the "
                      "first 1,000 training images after the last step, computed in NumPy", language),
                 *summary(measured, language),
                 *(text("left out: {error}", language, error=f"{name}: {why}") for name, why in left_out.items()),
                 machine_line(environment, language)]
        return [rows for rows in found if len(rows) > 1], notes  # all forms may have been left out

    tables, notes = said("en")
    stream = io.StringIO()
    writer = csv.DictWriter(stream, RESULT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write(out / "results.csv", stream.getvalue())
    lines = [*(line for rows in tables for line in (*markdown(rows, ">"), "")), *(f"- {note}" for note in notes)]
    files.write(out / "results.md", "\n".join(lines) + "\n")
    draw(measured, out / "results.png")
    tables, notes = said(languages.current())
    return [*(line for rows in tables for line in (*table(rows, "<>"), "")), *notes]


@style.as_shipped
def draw(measured, path):
    """Draw the time per epoch of every right form, with quartiles and the floor, and the ratios in all cases."""
    figure = style.new_figure(13, 4.8)
    left, right = figure.subplots(1, 2, width_ratios=(3, 4))
    main = [one for one in measured if one.case == Case() and one.right]
    floor = next((median(one.epoch_seconds) for one in main if one.form.role == "floor"), None)
    main = sorted((one for one in main if one.form.role != "floor"), key=lambda one: -median(one.epoch_seconds))
    colors = {"tutorial": style.COLORS[1], "ours": style.COLORS[0], "peer": style.GREY, "split": style.GREY}
    middles = [median(one.epoch_seconds) for one in main]
    quartiles = np.array([np.percentile(one.epoch_seconds, [25, 75]) for one in main]).reshape(-1, 2).T
    left.barh([one.form.name for one in main], middles, xerr=np.abs(quartiles - middles), ecolor="black",
              color=[colors[one.form.role] for one in main])
    if floor is not None:
        left.axvline(floor, linestyle="--", color="black", label=style.text("matrix products alone"))
        left.legend()
    left.set(xlabel=style.text("seconds per epoch (median, quartiles)"),
             title=style.text("28 steps, 150 neurons, batch 150"))
    _draw_scaling(right, to_rows(measured, {}))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return style.save(figure, path)


def _draw_scaling(axes, rows):
    """Draw how many times as fast as the tutorial's script our forms are in each case."""
    rows = [row for row in rows if row["form"].startswith("ours") and row["times_tutorial"]]
    cases = list(dict.fromkeys(map(_case, rows)))
    for i, name in enumerate(dict.fromkeys(row["form"] for row in rows)):
        points = [(cases.index(_case(row)), row["times_tutorial"]) for row in rows if row["form"] == name]
        axes.plot(*zip(*points, strict=True), "os^"[i % 3], color=style.COLORS[(0, 2, 3)[i % 3]], label=name,
                  fillstyle="none" if "native" in name else "full")
    axes.axhline(1, color=style.COLORS[1])
    axes.set_xticks(range(len(cases)), map(_short_name, cases))
    axes.set(title=style.text("times as fast as the tutorial's script"), xlabel=style.text("network"))
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.4)
    if rows:
        axes.legend(ncols=2, loc="upper center")


def _case(row):
    return row["n_neurons"], row["batch_size"], row["n_steps"], row["cell"]


_MAIN = 150, 150, 28, "basic"


def case_name(case, language="en"):
    """Return what a Case is called in a table."""
    return text("{cell}, {n_neurons} neurons, batch {batch_size}, {n_steps} steps", language, **case._asdict())


def _short_name(case):
    """Return what a case does not share with the main one, on two lines."""
    words = "{n}\nneurons", "batch\n{n}", "{n}\nsteps", "{n}\ncell"
    return "\n".join(style.text(word, n=size) for word, size, usual in zip(words, case, _MAIN, strict=True)
                     if size != usual) or style.text("as on\nthe left")


def _format(value, spec):
    return "-" if value is None else format(value, spec)
