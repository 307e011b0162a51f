"""What was published of an event beside what its run came to, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from sim.measures.expected import Compared

_LABELS = {"bad_debt_usd": "bad debt and shortfall, USD"}
_MARK = {"inside": "", "near": "", "off": "red"}


def expected_table(rows: Sequence[Compared]) -> Table:
    """One published figure per row; what is not inside says by how much."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure", overflow="fold")
    for name in ("published", "simulated", "verdict"):
        table.add_column(name, justify="right")
    for row in rows:
        low, high = row.expected.range
        published = _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"
        table.add_row(
            _LABELS.get(row.expected.measure, row.expected.measure),
            published,
            _figure(row.simulated),
            _verdict(row),
            style=_MARK[row.verdict],
        )
    return table


def notes(rows: Sequence[Compared]) -> list[str]:
    """What to know when comparing: one line per figure that has a note."""
    return [f"{row.expected.measure}: {row.expected.note}" for row in rows if row.expected.note]


def _verdict(row: Compared) -> str:
    if row.verdict == "inside" or row.ratio is None:
        return row.verdict
    return f"{row.verdict}, x {row.ratio:.3g}"


def _figure(value: float) -> str:
    """Four digits, thousands separated: prices, counts and dollars alike."""
    if value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
