"""Runs held against what was published of the event, by measures of `sim.measures.registry`.

The borrowers of a run are drawn, and another draw comes to other figures. So a published figure is
held against the median over several books, beside their range.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sim.measures.measure import Measure
from sim.measures.registry import MEASURES, of_assets, of_runs
from sim.schema.expected import Expected
from sim.schema.problems import Problem, nearest

EQUAL, NEAR = 0.005, 0.10
"""A median within this share of the published figure is inside, as that is rounded; or near."""


def unmeasured(expected: Sequence[Expected]) -> Iterator[Problem]:
    """Published figures of a scenario that no measure of the registry is of."""
    for i, one in enumerate(expected):
        if one.kind not in (of_runs() if one.asset is None else of_assets()):
            known = [*of_runs(), *(f"{name}.ASSET" for name in of_assets())]
            remedy = nearest(one.measure, known, "the measures are")
            yield Problem(f"expected[{i}].measure", f"{one.measure} is no measure", remedy)


def measure_of(name: str) -> Measure:
    """The measure that a published figure is of, `repaid_usd` or `lowest_price.WETH`."""
    return MEASURES[name.partition(".")[0]]


class Compared(NamedTuple):
    """One published figure and what the runs came to."""

    expected: Expected
    simulated: tuple[float, ...]
    """One a book, the one of the run first. NaN where a run has no such figure."""

    @property
    def measure(self) -> Measure:
        """What was published."""
        return measure_of(self.expected.measure)

    @property
    def median(self) -> float:
        """Over the books that have the figure; NaN if none has."""
        known = self._known
        return statistics.median(known) if known else math.nan

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest of the books; NaN if none has the figure."""
        known = self._known
        return (min(known), max(known)) if known else (math.nan, math.nan)

    @property
    def ratio(self) -> float | None:
        """Median over the nearest published figure; None if that is 0 or there is no figure."""
        low, high = self.expected.range
        median = self.median
        nearest = min(max(median, low), high)
        return median / nearest if nearest and median == median else None

    @property
    def verdict(self) -> str:
        """input (see `Measure.is_input`) or off, if it was not met; of all others inside (the
        range, or equal), near, or off.
        """
        low, high = self.expected.range
        away = math.inf if self.ratio is None else abs(self.ratio - 1)
        if low <= self.median <= high or away <= EQUAL:
            return "input" if self.measure.is_input else "inside"
        return "near" if away <= NEAR and not self.measure.is_input else "off"

    @property
    def _known(self) -> list[float]:
        return [one for one in self.simulated if one == one]


def compare(books: Sequence[Mapping[str, float]], expected: Sequence[Expected]) -> list[Compared]:
    """Every published figure with those of the runs, by measure; the first is the run's."""
    return [Compared(one, tuple(book[one.measure] for book in books)) for one in expected]
