"""The tables of a sweep, declared once: its page shows them, and a terminal prints them."""

from __future__ import annotations

import math
from typing import cast

import pandas as pd

from sim.measures.clusters import Split
from sim.measures.measure import Unit
from sim.measures.registry import heading
from sim.report.given import Books
from sim.report.page.content import NONE, Cell, Range, Table, Value, shown
from sim.report.sweep_words import BEARERS, needs, scope, split_line, title
from sim.report.text import sentence
from sim.sweeps.losses import BEFORE


def loss_table(
    losses: pd.DataFrame, paths: int, books: Books, split: Split | None, given: str
) -> Table:
    """One row per measure of `sim.sweeps.losses.loss_table`: value, error, interval; and below it
    the split of the variance, and what all of it is conditional on.
    """
    rows: list[list[Cell]] = []
    for measure, row in losses.iterrows():
        name, unit = str(measure), unit_of(row["unit"])
        lost = not math.isnan(row["value"])
        value = shown(row["value"], unit, name=name) if lost else "none lost"
        rows.append([heading(name), value, _error(row, unit), interval(row, unit, name)])
    lines = (
        "error: standard error; LaR: liquidations at risk",
        "peak: the largest bad debt so far and shortfall, after any step",
        scope(books),
        split_line(split) if split else "",
        given,
    )
    below = f"{sentence(split_line(split))}. {given}" if split else given
    return Table(
        title(paths, books),
        ["measure", "value", "error", "95% interval"],
        rows,
        words=(0, 3),
        note="VaR: the loss that a share of the paths exceeds, one in twenty at 95%. ES: the mean "
        "loss of those worst paths. LaR: the VaR of the value liquidated. Peak: the largest bad "
        "debt so far and shortfall after any step. Error: standard error. The interval holds the "
        "figure of infinitely many paths of this model in 19 of 20 sweeps "
        f"({scope(books).partition(': ')[2]}); it does not know whether the model is right. "
        f"{below}",
        legend="\n".join(filter(None, lines)),
    )


def bearer_table(bearers: pd.DataFrame, note: str = "") -> Table:
    """One row per bearer of `sim.sweeps.losses.borne_by`: who bears the mean loss."""
    rows: list[list[Cell]] = []
    for bearer, row in bearers.iterrows():
        # A share of which no path saw anything has no error of its own.
        seen, name = bool(row["value"]), f"mean by {bearer}"
        known = not math.isnan(row["share"])
        rows.append(
            [
                BEARERS[str(bearer)],
                shown(row["share"], "share", 1, f"share by {bearer}") if known else NONE,
                shown(row["value"], "USD", name=name),
                _error(row, "USD") if seen and bearer != BEFORE else "",
                "known at the start, with interest"
                if bearer == BEFORE
                else interval(row, "USD", name)
                if seen
                else "on no path",
            ]
        )
    header = ["borne by", "share", "mean", "error", "95% interval"]
    return Table("Who bore the expected loss", header, rows, words=(0, 4), note=note)


def unit_of(said: str) -> Unit:
    """The unit of a row of a loss table."""
    return "share" if said == "probability" else cast(Unit, said)


def interval(row: pd.Series, unit: Unit, name: str = "") -> Range:
    """From ... to ..., with the reason if there is no upper end."""
    low = shown(row["low"], unit, name=f"{name} low" if name else "")
    if math.isfinite(row["high"]):
        return Range(low, shown(row["high"], unit, name=f"{name} high" if name else ""))
    missing = row.get("needs", math.nan)
    return Range(low, "unbounded" if math.isnan(missing) else f"unbounded ({needs(missing)})")


def _error(row: pd.Series, unit: Unit) -> Value | str:
    """The standard error, where the sample says what it is."""
    error = row["standard_error"]
    return shown(error, unit) if math.isfinite(error) else "unknown"
