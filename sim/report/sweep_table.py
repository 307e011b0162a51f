"""What a sweep comes to: the loss table, and who bore the mean loss."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from rich.table import Table

from sim.report.text import usd

_BARE: dict[str, Any] = {"box": None, "pad_edge": False, "header_style": "bold"}
_TITLE: dict[str, Any] = {"title_justify": "left", "title_style": ""}
MEASURES = {
    "P(loss > 0)": "chance of a loss",
    "expected loss": "expected loss",
    "expected loss given a loss": "expected if any",
}
"""Measures of the loss table whose names a reader would not use."""
BEARERS = {
    "fees": "fees",
    "fund": "insurance fund",
    "suppliers": "suppliers",
    "open": "still open",
    "shortfall": "shortfall, not realised",
}
"""Who bears a loss, as `sim.sweep.losses.BEARERS` names them."""


def loss_table(losses: pd.DataFrame, paths: int) -> Table:
    """One row per measure of `sim.sweep.losses.loss_table`: value, error, interval."""
    title = f"Loss of a path: bad debt and shortfall at its end; {paths:,} paths"
    table = Table(title=title, padding=(0, 1), **_TITLE, **_BARE)
    table.caption = (
        "error: standard error; LaR: liquidations at risk\n"
        "intervals: of these borrowers and liquidators; another --seed draws other borrowers"
    )
    table.caption_justify = "left"
    table.add_column("measure")
    for name in ("value", "error"):
        table.add_column(name, justify="right")
    table.add_column("95% interval")
    for measure, row in losses.iterrows():
        show = _percent if row["unit"] == "probability" else usd
        name = str(measure)
        name = MEASURES.get(name, name)
        value = "none lost" if math.isnan(row["value"]) else show(row["value"])
        error = show(row["standard_error"]) if math.isfinite(row["standard_error"]) else "unknown"
        table.add_row(name, value, error, interval(row))
    return table


def interval(row: pd.Series) -> str:
    """From ... to ..., with the reason if there is no upper end."""
    show = _percent if row["unit"] == "probability" else usd
    if math.isfinite(row["high"]):
        return f"{show(row['low'])} to {show(row['high'])}"
    if row["needs"] > 0:
        return f"{show(row['low'])} to unbounded (needs {int(row['needs']):,} paths)"
    return f"{show(row['low'])} to unbounded (needs more paths)"


def bearer_table(bearers: pd.DataFrame) -> Table:
    """One row per bearer of `sim.sweep.losses.borne_by`."""
    table = Table(title="Who bore the expected loss", padding=(0, 1), **_TITLE, **_BARE)
    table.add_column("borne by")
    for name in ("share", "mean", "error"):
        table.add_column(name, justify="right")
    table.add_column("95% interval")
    for bearer, row in bearers.iterrows():
        share = "-" if math.isnan(row["share"]) else f"{row['share']:.1%}"
        # A share of which no path saw anything has no error of its own.
        never = not row["value"]
        table.add_row(
            BEARERS[str(bearer)],
            share,
            usd(row["value"]),
            "" if never else usd(row["standard_error"]),
            "on no path" if never else f"{usd(row['low'])} to {usd(row['high'])}",
        )
    return table


def _percent(share: float) -> str:
    return f"{share:.2%}"
