"""What was published of an event beside what its runs came to, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from sim.measures.expected import Compared

_LABELS = {"bad_debt_usd": "bad debt and shortfall, USD"}
_MARK = {"inside": "", "near": "", "off": "red"}
SIZED = "*"
"""Marks a figure that a size of the scenario was chosen with in view."""


def expected_table(rows: Sequence[Compared]) -> Table:
    """One published figure per row, without inputs; what is not inside says by how much."""
    books = max(len(row.simulated) for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure", overflow="fold")
    names = ["published", "this book"] + ([f"median of {books}", "range"] if books > 1 else [])
    for name in (*names, "verdict"):
        table.add_column(name, justify="right")
    for row in rows:
        if row.verdict == "input":
            continue
        cells = [published(row), figure(row.simulated[0])]
        if books > 1:
            cells += [figure(row.median), spread(row)]
        mark = SIZED if row.expected.sized else ""
        label = _LABELS.get(row.expected.measure, row.expected.measure)
        table.add_row(label + mark, *cells, verdict(row), style=_MARK[row.verdict])
    return table


def legend(rows: Sequence[Compared]) -> list[str]:
    """What the table leaves out and what its marks mean: one line each."""
    books = max(len(row.simulated) for row in rows)
    of = f"the median over {books} books" if books > 1 else "this book"
    lines = [f"Verdicts are of {of}. Off: by more than a tenth."]
    if inputs := [row for row in rows if row.verdict == "input"]:
        named = ", ".join(f"{row.expected.measure} {figure(row.median)}" for row in inputs)
        lines.append(f"Put in as published, so no agreement: {named}.")
    if any(row.expected.sized for row in rows):
        lines.append(f"{SIZED} Sizes of the scenario were chosen with this figure in view.")
    return lines


def notes(rows: Sequence[Compared]) -> list[str]:
    """What to know when comparing: one line per figure that has a note."""
    return [f"{row.expected.measure}: {row.expected.note}" for row in rows if row.expected.note]


def published(row: Compared) -> str:
    """The figure, or its range."""
    low, high = row.expected.range
    return figure(low) if low == high else f"{figure(low)} to {figure(high)}"


def spread(row: Compared) -> str:
    """From the lowest to the highest book."""
    low, high = row.range
    return figure(low) if low == high or low != low else f"{figure(low)} to {figure(high)}"


def verdict(row: Compared) -> str:
    """With the factor where it is not inside."""
    if row.verdict in ("inside", "input") or row.ratio is None:
        return row.verdict
    return f"{row.verdict}, x {row.ratio:.3g}"


def figure(value: float) -> str:
    """Four digits, thousands separated: prices, counts and dollars alike; millions as such."""
    if value != value:
        return "-"
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.4g}M" if abs(value) < 1e9 else f"{value / 1e9:,.4g}B"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
