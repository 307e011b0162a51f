"""What a sweep comes to: the loss table, and who bore the mean loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from sim.measures.clusters import Split
from sim.report.given import Books
from sim.report.sweep_words import (
    BEARERS,
    MEASURES,
    losing_assets,
    needs,
    scope,
    split_line,
    times,
    title,
)
from sim.report.text import short_usd, usd

_BARE: dict[str, Any] = {"box": None, "pad_edge": False, "header_style": "bold"}
_TITLE: dict[str, Any] = {"title_justify": "left", "title_style": ""}


def loss_table(
    losses: pd.DataFrame, paths: int, books: Books, split: Split | None, given: str
) -> Table:
    """One row per measure of `sim.sweeps.losses.loss_table`: value, error, interval; and below it
    the split of the variance, and what all of it is conditional on.
    """
    table = Table(title=title(paths, books), padding=(0, 1), **_TITLE, **_BARE)
    lines = (
        "error: standard error; LaR: liquidations at risk",
        "peak: the largest bad debt so far and shortfall, after any step",
        scope(books),
        split_line(split) if split else "",
        given,
    )
    table.caption = "\n".join(filter(None, lines))
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
        table.add_row(name, value, _error(row), interval(row))
    return table


def _error(row: pd.Series) -> str:
    """The standard error, where the sample says what it is."""
    show = _percent if row.get("unit") == "probability" else usd
    return show(row["standard_error"]) if math.isfinite(row["standard_error"]) else "unknown"


def _upper(row: pd.Series) -> str:
    """The upper end of an interval in USD."""
    return usd(row["high"]) if math.isfinite(row["high"]) else "unbounded"


def interval(row: pd.Series) -> str:
    """From ... to ..., with the reason if there is no upper end."""
    show = _percent if row["unit"] == "probability" else usd
    if math.isfinite(row["high"]):
        return f"{show(row['low'])} to {show(row['high'])}"
    return f"{show(row['low'])} to unbounded ({needs(row['needs'])})"


def bearer_table(bearers: pd.DataFrame) -> Table:
    """One row per bearer of `sim.sweeps.losses.borne_by`."""
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
            "" if never else _error(row),
            "on no path" if never else f"{usd(row['low'])} to {_upper(row)}",
        )
    return table


def asset_table(assets: pd.DataFrame) -> Table | None:
    """Two lines per asset of `sim.sweeps.reserves.by_asset` that a path lost in: figures, and their
    intervals below; None if no path lost.
    """
    losing = losing_assets(assets)
    if not losing:
        return None
    table = Table(title="Loss by the asset that was owed", padding=(0, 1), **_TITLE, **_BARE)
    table.caption = (
        "below: 95% intervals; part: of the ES 99% of all, the sum of these\n"
        "fees and fund: what they bore and have left, in the mean\n"
        "coverage: how often over that bears the loss on 99% of the paths"
    )
    table.caption_justify = "left"
    table.add_column("asset")
    for name in ("expected", "ES 99%", "part", "fees and fund", "coverage"):
        table.add_column(name, justify="right")
    by_key = assets.to_dict("index")
    for asset in losing:
        figures, ends = [], []
        for measure in ("expected loss", "ES 99%", "part of ES 99%", "fees and fund"):
            row = by_key[asset, measure]
            figures.append(usd(row["value"]))
            ends.append(_ends(row, short_usd))
        row = by_key[asset, "coverage 99%"]
        table.add_row(asset, *figures, times(row["value"]))
        table.add_row("", *ends, _ends(row, times), style="dim")
    return table


def _ends(row: Mapping[Hashable, Any], show: Callable[[float], str]) -> str:
    if math.isnan(row["low"]):
        return ""
    if row["unit"] == "times" or (math.isfinite(row["low"]) and math.isfinite(row["high"])):
        return f"{show(row['low'])}-{show(row['high'])}"
    return f"from {show(row['low'])}" if math.isfinite(row["low"]) else "unbounded"


def _percent(share: float) -> str:
    return f"{share:.2%}"
