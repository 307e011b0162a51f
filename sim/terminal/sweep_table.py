"""What a sweep comes to by the asset that was owed, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from sim.report.sweep_words import losing_assets, times
from sim.report.text import short_usd, usd
from sim.terminal.tables import BARE, TITLED


def asset_table(assets: pd.DataFrame) -> Table | None:
    """Two lines per asset of `sim.sweeps.reserves.by_asset` that a path lost in: figures, and their
    intervals below; None if no path lost.
    """
    losing = losing_assets(assets)
    if not losing:
        return None
    table = Table(title="Loss by the asset that was owed", **TITLED, **BARE)
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
