"""A scenario against itself without a mechanism: what that lowers and what it costs, over books.

Book j is the same with and without, so the sample is the difference of each book, with less
without: d_j. The interval is that of paired differences (`sim.measures.intervals.paired_mean`), and
only fewer than six books that differ leave it unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.measures.intervals import Estimate, paired_mean
from sim.measures.measure import Measure
from sim.measures.registry import MEASURES, of_assets, of_runs
from sim.schema.contrast import PARTS, Contrast
from sim.schema.problems import Problem, nearest

Figures = Mapping[str, float]
"""What a run came to: measure, with its asset -> value."""


class Contrasted(NamedTuple):
    """One measure over books, with the mechanism and without."""

    name: str
    """As `loss_usd`, or `lowest_price.WETH` of an asset."""
    part: str
    """lowers or raises, what the mechanism is there for; or costs."""
    on: float
    """Mean with the mechanism; NaN if a book has no such figure."""
    off: float
    """Mean without it."""
    difference: Estimate
    """Of the mean, with less without, with its 95% interval."""

    @property
    def measure(self) -> Measure:
        """What it is."""
        return MEASURES[self.name.partition(".")[0]]

    @property
    def verdict(self) -> str:
        """lower or higher, if the interval leaves 0 out; else not settled."""
        if self.difference.high < 0:
            return "lower"
        return "higher" if self.difference.low > 0 else "not settled"


def unmeasured(contrast: Contrast | None) -> Iterator[Problem]:
    """Names of a contrast that no measure of the registry has."""
    for part in PARTS if contrast else ():
        for n, name in enumerate(getattr(contrast, part)):
            kind, dot, _ = name.partition(".")
            if kind not in (of_assets() if dot else of_runs()):
                known = [*of_runs(), *(f"{one}.ASSET" for one in of_assets())]
                remedy = nearest(name, known, "the measures are")
                yield Problem(f"contrast.{part}[{n}]", f"{name} is no measure", remedy)


def contrasted(
    contrast: Contrast, on: Sequence[Figures], off: Sequence[Figures]
) -> list[Contrasted]:
    """Every measure of the contrast, from what each book came to; ValueError for fewer or more
    books with the mechanism than without.
    """
    found = []
    for name in contrast.measures:
        mine, others = (np.array([one[name] for one in books], dtype=float) for books in (on, off))
        if mine.shape != others.shape:
            raise ValueError(f"{mine.size} books with the mechanism, {others.size} without")
        known = np.isfinite(mine).all() and np.isfinite(others).all()
        nothing = Estimate(math.nan, math.nan, math.nan, math.nan)
        difference = paired_mean(mine - others) if known else nothing
        means = float(mine.mean()), float(others.mean())
        found.append(Contrasted(name, contrast.part_of(name), *means, difference))
    return found
