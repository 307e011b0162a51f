"""What a measure is: one entry of `sim.measures.registry`, which all tables, files, searches and
frames read. Of a run it is a figure computed from its tape; of many paths an amount on each of
them, and what is said of its law: a mean, a chance, a quantile or what lies beyond one; or it is
known at their start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.measures.facts import Facts
from sim.measures.intervals import Estimate, Floats, Replicates, mean_of, paired_mean
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    paired_difference,
    probability_of_loss,
    value_at_risk,
)

Unit = Literal[
    "USD",
    "share",
    "ratio",
    "number",
    "hours",
    "minutes",
    "seconds",
    "price",
    "tokens",
    "gwei",
    "times",
]
"""A price is of a token, in USD."""
Side = Literal["benefit", "harm"]
Kind = Literal["mean", "chance", "mean if any", "VaR", "ES"]
"""What is said of an amount on many paths."""
Place = Literal["losses", "settings", "grid", "paired"]
"""Tables of many paths: the loss table of a sweep, the measures of a search, `sim.sweep_over`, two
sweeps path by path.
"""
EVERYWHERE: frozenset[Place] = frozenset({"losses", "settings", "grid"})
SuiteTable = Literal["summary", "more", "compared", "played"]
"""Tables of a suite: what every scenario comes to, more of that, two suites side by side, how each
was played.
"""
KINDS: dict[Place, tuple[Kind, ...]] = {
    "losses": ("mean", "chance", "mean if any", "VaR", "ES"),
    "settings": ("mean", "chance", "VaR", "ES"),
    "grid": ("mean", "ES"),
    "paired": ("mean", "ES"),
}
"""What each knows how to say with its interval; others are left out of it."""


class Found(NamedTuple):
    """A figure of a run."""

    value: float | None
    """None: there is none. Its row says why, or is left out."""
    remark: str = ""
    """Of what, when, or why there is none."""


@dataclass(frozen=True)
class Paths:
    """What some paths came to, numbers by their names in `sim.engines.outcome.NUMBERS`."""

    number: Callable[[str], Floats]
    """(paths,): one of them, in units of `scale`."""
    step_seconds: int
    scale: Callable[[str], float] = lambda name: 1.0

    def sum(self, *names: str, less: str = "") -> Floats:
        """(paths,): the sum of these numbers less another one, in USD where they are values."""
        total = self.number(names[0])
        for name in names[1:]:
            total = total + self.number(name)
        if less:
            total = total - self.number(less)
        return total * self.scale(names[0])


@dataclass(frozen=True)
class OfPaths:
    """A figure of many paths: what is said of which amount."""

    amount: Callable[[Paths], Floats]
    """(paths,): on each path."""
    kind: Kind = "mean"
    level: float = 0.0
    """Of VaR and ES."""


class Opened(NamedTuple):
    """What a scenario opens with, USD; of each path (paths,), or of all of one book."""

    power: Floats | float
    """What could be borrowed against all collateral."""
    borrowed: Floats | float


@dataclass(frozen=True)
class AtStart:
    """A figure that is known before any path is run, of the book and its parameters."""

    amount: Callable[[Opened], Floats | float]
    over: Callable[[Opened], Floats | float] | None = None
    """What the mean is a share of; None: it is no share."""


class Reserve(NamedTuple):
    """An asset that is lent, on many paths; USD."""

    lost: Floats
    """(paths,)."""
    bearable: Floats
    """(paths,): what fees and fund bore and have left."""
    part: float
    """Of the ES 99% of all reserves, what this one adds to it (`sim.measures.reserves.euler`)."""
    parts: Replicates
    """What the paths depend on each other by."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One entry. What it says nothing of, it has in no table or in all of them."""

    name: str
    """In files, frames and presets, and what a row of them is called."""
    title: str
    """In tables."""
    unit: Unit
    meaning: str = ""
    """As what the title stands for; empty where it says it all."""
    short: str = ""
    """Title where there is little room, or no row above; empty: the title."""
    digits: int | None = None
    """Decimals; None: those usual for the unit."""

    of_run: Callable[[Facts], Found | float] | None = None
    table: Literal["figures", "cascade", "files"] = "figures"
    """Of a run, in the terminal and on its page; files: only in suite.csv and frames."""
    suites: frozenset[SuiteTable] = frozenset()
    of_asset: Callable[[Facts, str], Found | float] | None = None
    """Of one asset of a run, by its symbol; NaN where there is none."""
    is_input: bool = False
    """Put into scenarios of events as it was published, by levels, guards and faults: a run that
    has it ran the right event, and agrees with nothing.
    """

    at_start: AtStart | None = None
    of_paths: OfPaths | None = None
    of_reserve: Callable[[Reserve], Estimate] | None = None
    side: Side = "harm"
    """Of many paths. More of a benefit is better, less of a harm; a harm is 0 or more."""
    places: frozenset[Place] = EVERYWHERE
    only_if_any: bool = False
    """Of many paths: left out of the loss table of a sweep in which no path has any."""
    usual: bool = False
    """A harm that nearly every path has: what some paths show of it bounds the rest better than
    that it is 0 or more (`sim.tuning.race`).
    """

    @property
    def heading(self) -> str:
        """Title where there is little room."""
        return self.short or self.title

    def found(self, run: Facts) -> Found:
        """The figure of a run."""
        assert self.of_run, f"{self.name} is no measure of a run"
        found = self.of_run(run)
        return found if isinstance(found, Found) else Found(found)

    def found_of(self, run: Facts, asset: str) -> Found:
        """The figure of an asset of a run."""
        assert self.of_asset, f"{self.name} is no measure of an asset"
        found = self.of_asset(run, asset)
        return found if isinstance(found, Found) else Found(found)

    def stands_in(self, place: Place) -> bool:
        """Whether a table of many paths has it."""
        if self.of_paths is None:
            return self.at_start is not None and place == "settings"
        return place in self.places and self.of_paths.kind in KINDS[place]

    def on(self, paths: Paths) -> Floats:
        """(paths,): the amount on each; what roundings of doubles leave of a harm below 0 is 0."""
        assert self.of_paths, f"{self.name} has no amount on a path"
        amounts = np.asarray(self.of_paths.amount(paths), dtype=np.float64)
        return np.maximum(amounts, 0.0) if self.side == "harm" else amounts

    def estimate(self, amounts: npt.ArrayLike, parts: Replicates = None) -> Estimate:
        """Of a sample of the amount, with its 95% interval; see `sim.measures.losses`."""
        assert self.of_paths, f"{self.name} is no measure of paths"
        kind, level = self.of_paths.kind, self.of_paths.level
        if kind == "VaR":
            return value_at_risk(amounts, level, parts)
        if kind == "ES":
            return expected_shortfall(amounts, level, parts)
        if kind == "mean" and self.side == "benefit":
            return mean_of(amounts, parts)
        means = {
            "mean": expected_loss,
            "chance": probability_of_loss,
            "mean if any": loss_given_loss,
        }
        return means[kind](amounts, parts)

    def difference(
        self, mine: Floats, others: Floats, parts: Replicates, confidence: float
    ) -> Estimate:
        """Of the amounts of two settings on the same paths, of a mean or an ES: the first less the
        second, see `sim.measures.losses.paired_difference`.
        """
        assert self.of_paths and self.of_paths.kind in ("mean", "ES"), f"{self.name} has no pairs"
        if self.of_paths.kind == "ES":
            return paired_difference(mine, others, self.of_paths.level, parts, confidence)
        return paired_mean(mine - others, parts, confidence)
