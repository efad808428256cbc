"""Tables for a terminal, where Hangul is twice as wide as Latin letters."""

import unicodedata

from rnn_mnist.console.output import plain


def table(rows, align):
    """Return the lines of a table of texts; align: "<" or ">" for each column, the last one for all that follow."""
    rows = [[plain(cell) for cell in row] for row in rows]  # before their widths are taken
    align += align[-1] * (len(rows[0]) - len(align))
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        gaps = [" " * (width - _width(cell)) for width, cell in zip(widths, row, strict=True)]
        cells = [cell + gap if side == "<" else gap + cell for cell, gap, side in zip(row, gaps, align, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def markdown(rows, align="<"):
    """Return the lines of a Markdown table of texts, heading first; the first column is flush left, others as align."""
    rule = ["---", *["---:" if align == ">" else "---"] * (len(rows[0]) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (rows[0], rule, *rows[1:])]


def _width(cell):
    """Return how many columns a text takes on a terminal: Hangul takes two each."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in cell)
