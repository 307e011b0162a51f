"""Words of a sweep that its table in the terminal and its page share."""

from __future__ import annotations

import math

import pandas as pd

from sim.measures.clusters import Split
from sim.report.given import Books
from sim.sweeps.losses import BEFORE, MORE_BOOKS

MEASURES = {
    "P(loss > 0)": "chance of a loss",
    "expected loss": "expected loss",
    "expected loss given a loss": "expected if any",
    "expected peak loss": "expected peak",
    "ES 99% of the peak": "ES 99% of peak",
    "expected peak shortfall": "of shortfall",
}
"""Measures of the loss table whose names a reader would not use."""
BEARERS = {
    "fees": "fees",
    "fund": "insurance fund",
    "suppliers": "suppliers",
    "open": "still open",
    "shortfall": "shortfall, not realised",
    BEFORE: "of it there before, in no loss",
}
"""Who bears a loss, as `sim.sweeps.losses.BEARERS` names them."""


def title(paths: int, books: Books) -> str:
    """Of the loss table, whose losses they are included."""
    return f"Loss of a path: bad debt and shortfall at its end; {paths:,} paths {books.heading}"


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


def needs(number: float) -> str:
    """What would bound an interval, from the loss table."""
    if number == MORE_BOOKS:
        return "needs more books"
    return f"needs {int(number):,} paths" if number > 0 else "needs more paths"


def losing_assets(assets: pd.DataFrame) -> list[str]:
    """The assets of `sim.sweeps.reserves.by_asset` that some path lost in, in their order."""
    if not len(assets):
        return []
    means = assets["value"].xs("expected loss", level="measure")
    return [str(asset) for asset, mean in means.items() if mean > 0]


def times(coverage: float) -> str:
    """How many times a loss can be borne; infinitely often where there is none."""
    return "no loss" if math.isinf(coverage) else f"{coverage:,.2f}"
