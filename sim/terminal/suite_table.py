"""What the scenarios of a suite come to, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from sim.measures.registry import MEASURES
from sim.report.page.content import Cell, Value, text_of
from sim.report.run_tables import explained
from sim.report.suite_rows import Row
from sim.report.text import short_usd

_SHOWN = (
    "bad_debt_usd",
    "shortfall_usd",
    "peak_loss_usd",
    "liquidations",
    "induced",
    "branching_ratio",
)
LEGEND = (
    f"{explained([MEASURES[name] for name in _SHOWN], short=True)} Warn.: what to know of a run, a "
    "line each on the page."
)


def suite_table(rows: Sequence[Row]) -> Table:
    """Losses, cascade, warnings, differences and time of each; fits 80 columns."""
    chain = any(row.entry.engine != "exact" for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("scenario", overflow="fold")
    titles = [MEASURES[name].heading for name in _SHOWN]
    for name in [*titles, "warn.", *(["differ"] if chain else []), "time"]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        if row.entry.why:
            table.add_row(row.key, "failed", style="red")
            continue
        shown = [_short(row.cell(name)) for name in _SHOWN]
        differ = [_short(row.cell("differences"))] if chain else []
        table.add_row(row.key, *shown, str(len(row.warnings)), *differ, _short(row.cell("seconds")))
    return table


def _short(cell: Cell) -> str:
    if not isinstance(cell, Value):
        return text_of(cell)
    return short_usd(cell.number) if cell.name.endswith("_usd") else cell.text
