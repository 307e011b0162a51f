"""Words of a sweep that its table in the terminal and its page share."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from sim.measures.clusters import Split
from sim.measures.of_paths import loss
from sim.measures.registry import MEASURES, of_paths
from sim.report.given import Books
from sim.report.text import short_usd
from sim.sweeps.loss_table import BEFORE

BEARERS = {
    "fees": "fees",
    "fund": "insurance fund",
    "suppliers": "suppliers",
    "open": "still open",
    "shortfall": "shortfall, not realised",
    BEFORE: "of it there before, in no loss",
}
"""Who bears a loss, as `sim.sweeps.loss_table.BEARERS` names them."""


def title(paths: int, books: Books) -> str:
    """Of the loss table, whose losses they are included."""
    return f"Loss of a path: bad debt and shortfall at its end; {paths:,} paths {books.heading}"


class Level(NamedTuple):
    """A quantile of the loss that a curve marks."""

    value: float
    """USD."""
    share: float
    """Of the paths that lose more."""
    said: str
    """With what is lost beyond it."""


def levels(table: pd.DataFrame) -> list[Level]:
    """Those of a loss table, in order."""
    rows = {
        (one.of_paths.kind, one.of_paths.level): name
        for name, one in of_paths("losses").items()
        if one.of_paths and one.of_paths.amount is loss and name in table.index
    }
    found = []
    for (kind, level), name in rows.items():
        if kind == "VaR":
            value, beyond = (float(table["value"][one]) for one in (name, rows["ES", level]))
            called = MEASURES[name].heading
            said = f"{called} {short_usd(value)}; beyond it {short_usd(beyond)} (ES)"
            found.append(Level(value, 1 - level, said))
    return found


def scope(books: Books) -> str:
    """What the intervals are over."""
    if books.number > 1:
        return "intervals: over books and paths"
    if not books.accounts:
        return "intervals: over paths; the book is recorded, not drawn"
    return "intervals: over paths, of this book alone; --books draws others"


def split_line(split: Split) -> str:
    """Where the variance comes from."""
    return (
        f"variance: book {split.share_of_one:.0%}, path {1 - split.share_of_one:.0%} of one loss; "
        f"books {split.share_of_mean:.0%} of the error of the mean"
    )


def losing_assets(assets: pd.DataFrame) -> list[str]:
    """The assets of `sim.sweeps.reserves.by_asset` that some path lost in, in their order."""
    if not len(assets):
        return []
    means = assets["value"].xs("reserve_expected_loss", level="measure")
    return [str(asset) for asset, mean in means.items() if mean > 0]


def times(coverage: float) -> str:
    """How many times a loss can be borne; infinitely often where there is none."""
    return "no loss" if math.isinf(coverage) else f"{coverage:,.2f}"
