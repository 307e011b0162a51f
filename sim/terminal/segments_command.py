"""One book in three layouts, and contagion between vaults, for someone who watches."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.console import Console

from sim.front.segments import POWER, contagion, layouts
from sim.measures.registry import MEASURES
from sim.report.page.content import NONE, Cell, Table, ratio, share, shown
from sim.scenario import Scenario
from sim.terminal.tables import printed


def segments(
    scenario: Scenario, books: int, fall: float, out: Path | None, console: Console
) -> None:
    """Play and print both tables; write them as CSV into a folder, if one is named. Raises as
    `sim.front.segments`.
    """
    found, spread = layouts(scenario, books), contagion(scenario, fall)
    console.print(scenario.title, style="bold", markup=False)
    console.print(printed(layout_table(found, books)))
    console.print("", printed(contagion_table(spread, fall)), sep="\n")
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
        cells = [_cell(row[c], unit) for c in ("pooled", "here", "difference", "low", "high")]
        worse = [share(row[c], 0) for c in ("cross_worse", "cross_low", "cross_high")]
        rows.append([f"{layout}: {title}", *cells, *worse])
    return Table(
        f"The same {books} books pooled, in segments and isolated",
        ["measure", "pooled", "here", "difference", "95% from", "95% to", "pooled more", "", ""],
        rows,
        words=(0,),
        legend="Means over books; difference: here less pooled, of each book. Pooled more: the\n"
        "share of books on which cross margin came to more, and its 95% interval.",
    )


def contagion_table(spread: pd.DataFrame, fall: float) -> Table:
    """A shocked vault per row."""
    rows: list[list[Cell]] = [
        [str(k), *(NONE if math.isnan(x) else ratio(float(x)) for x in row)]
        for k, row in spread.iterrows()
    ]
    return Table(
        f"What a vault loses per USD that the one whose collateral falls by {fall:.0%} more does",
        ["falls in", *map(str, spread.columns)],
        rows,
        words=(0,),
    )


def _cell(value: float, unit: str) -> Cell:
    if math.isnan(value):
        return NONE
    return shown(value, unit) if math.isfinite(value) else "unbounded"  # type: ignore[arg-type]
