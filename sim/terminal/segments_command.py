"""One book in three layouts, and contagion between vaults, for someone who watches."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.console import Console

from sim.front.segments import MEASURES as MEASURES_SHOWN
from sim.front.segments import POWER, contagion, layouts
from sim.front.several_books import drawn
from sim.measures.registry import MEASURES
from sim.report.page.content import NONE, Cell, Range, Table, Value, ratio, share, shown
from sim.scenario import Scenario
from sim.terminal.tables import printed


def segments(
    scenario: Scenario, books: int, fall: float, out: Path | None, console: Console
) -> None:
    """Play and print both tables; write them as CSV into a folder, if one is named. Raises as
    `sim.front.segments`.
    """
    found, spread = layouts(scenario, books), contagion(scenario, fall, books)
    console.print(scenario.title, style="bold", markup=False)
    console.print(printed(layout_table(found, drawn(scenario, books))))
    console.print("", printed(contagion_table(spread, fall, drawn(scenario, books))), sep="\n")
    if out:
        for name, frame in (("layouts.csv", found), ("contagion.csv", spread)):
            frame.to_csv(out / name)
        console.print(f"Written to {out}: layouts.csv, contagion.csv", markup=False)


def layout_table(found: pd.DataFrame, books: int) -> Table:
    """A measure of a layout per row."""
    rows: list[list[Cell]] = []
    for which, row in found.iterrows():
        layout, name = map(str, which)  # type: ignore[call-overload]
        power = name == POWER
        unit = "USD" if power else MEASURES[name].unit
        title = "borrowing power at the start" if power else MEASURES[name].title
        cells = [_cell(row[c], unit) for c in ("pooled", "here", "difference")]
        known = math.isfinite(row["low"]) and math.isfinite(row["high"])
        between = Range(_cell(row["low"], unit), _cell(row["high"], unit)) if known else "unbounded"
        worse = Range(*(share(row[c], 0) for c in ("cross_low", "cross_high")))
        first = layout if name == MEASURES_SHOWN[0] else ""
        rows.append([first, title, *cells, between, share(row["cross_worse"], 0), worse])
    return Table(
        f"The same {books} books pooled, in segments and isolated",
        ["", "measure", "pooled", "here", "difference", "95%", "pooled more", "95%"],
        rows,
        words=(0, 1),
        legend="Means over books; difference: here less pooled, of each book, unbounded if fewer\n"
        "than six differ. Pooled more: the share of books on which cross margin came to more.",
    )


def contagion_table(spread: pd.DataFrame, fall: float, books: int) -> Table:
    """A shocked vault per row."""
    rows: list[list[Cell]] = [
        [str(k), *(NONE if math.isnan(x) else ratio(float(x)) for x in row)]
        for k, row in spread.iterrows()
    ]
    return Table(
        f"What vaults lose more per USD that one does whose collateral falls by {fall:.0%} more",
        ["falls in", *map(str, spread.columns)],
        rows,
        words=(0,),
        legend=f"Of losses over {books} books. Below 0: it loses less. {NONE}: the one that falls "
        "loses no more.",
    )


def _cell(value: float, unit: str) -> str | Value:
    return NONE if math.isnan(value) else shown(value, unit)  # type: ignore[arg-type]
