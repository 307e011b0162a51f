"""What a setting is good for and what it costs: measures over a set of scenarios.

Every scenario s has a weight w_s (they add up to 1) and the same number of paths. A measure is the
weighted mean of the scenarios' own,

    m = sum_s w_s m_s,

and where m_s is a mean of one term per path, so is m, with the terms sum_s w_s t_sj of path j of
every scenario. The quantile LaR is no mean, but to first order it is (`quantile_terms`). All trials
see the same paths (common random numbers), so the difference of two settings is that of their
terms, path by path, and its interval is a paired one.

How often intervals hold the truth is in `docs/coverage.md`.

No harm is below 0 on any path. So paths that have not been run cannot lower one below what it is
with zeros in their rows, as if nothing happened on them: a bound that needs no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.engines.outcome import NUMBERS, OUTCOME
from sim.measures.clusters import Clusters
from sim.measures.intervals import (
    LEAST_APART,
    Estimate,
    mean_difference,
    mean_of,
    mean_of_losses,
    paired_mean,
    significance,
    unseen_share,
)
from sim.measures.losses import (
    apart_in_tail,
    excess_terms,
    has_tail,
    quantile_terms,
    shortfall_terms,
    value_at_risk,
)
from sim.measures.measure import Kind, Measure, Opened, Paths
from sim.measures.registry import MEASURES, of_paths
from sim.protocol.units import USD
from sim.tuning.result import Figure

Floats = npt.NDArray[np.float64]
OfOpened = Callable[[Opened], Floats | float]


def measures() -> dict[str, Measure]:
    """All that a setting is described by, by name."""
    return of_paths("settings")


def harms() -> list[str]:
    """The names of those that are to be small."""
    return [name for name, one in measures().items() if one.side == "harm"]


class Sample(NamedTuple):
    """What some paths of every scenario came to under one setting."""

    weights: tuple[float, ...]
    outcomes: tuple[Floats, ...]
    """By scenario: (paths, OUTCOME)."""
    power: tuple[Floats | float, ...]
    """By scenario: borrowing power at the start, USD; of each path, or of all of one book."""
    borrowed: tuple[Floats | float, ...]
    """By scenario: debt at the start, USD; as `power`."""
    step_seconds: tuple[int, ...]
    first: int = 0
    """Number of the first path, of each scenario's."""
    books: Clusters | None = None
    """(paths,): the number of the book of each path, the same in every scenario; None: one book."""

    @property
    def trials(self) -> int:
        """How often something independent was tried: on every book, or on every path of one."""
        return self.paths if self.books is None else len(np.unique(self.books))

    @property
    def paths(self) -> int:
        """Of each scenario."""
        return len(self.outcomes[0])


def estimate(name: str, sample: Sample) -> Figure:
    """A measure with its 95 % interval."""
    books, measure = sample.books, _measure(name)
    if measure.at_start and books is None:
        known = value(name, sample)
        return Figure(value=known, low=known, high=known)
    terms = _terms(name, sample)
    if measure.side == "benefit":
        return _figure(mean_of(terms, books))
    kind = _kind(measure)
    if kind in ("chance", "VaR"):
        found = mean_of(terms, books)
        unseen = 0.0
        if kind == "chance":  # what does not vary in a scenario has no variance, but a bound
            unseen = _unseen(_hits(measure, sample), sample, 0.95)
        low, high = max(0.0, found.low - unseen), found.high + unseen
        high = min(1.0, high) if kind == "chance" else high
    else:
        excess = _excess(measure, sample) if kind == "ES" else terms
        found = mean_of_losses(excess, books)
        below = float(terms.mean()) - found.value
        found = Estimate(found.value + below, np.nan, found.low + below, found.high + below)
        low, high = found.low, found.high
    if kind in _TAILS and not _has_tail(measure, sample, books):
        high = np.inf
    return Figure.of(found.value, low, high)


def difference(name: str, a: Sample, b: Sample) -> Figure:
    """m(a) - m(b) with its 95 % interval and p-value, from paths and books that both have run.

    A setting differs from itself, the same sample, by nothing. Two that come to the same on every
    path may differ on others: by at most 1 - .05^(1/n) in a chance, by nobody knows how much in an
    amount. Not bounded are also measures of a tail that the paths do not reach, and amounts on
    which fewer than `LEAST_APART` paths differ, in the tail of a measure of one. Where there are
    several books, read books for paths.
    """
    found, books, measure = value(name, a) - value(name, b), a.books, _measure(name)
    if a is b or (measure.at_start and books is None):
        return Figure(value=found, low=found, high=found)
    kind = None if measure.at_start else _kind(measure)
    differences = _terms(name, a) - _terms(name, b)
    agrees = not differences.any()

    def interval(confidence: float) -> Estimate:
        if kind == "chance":
            hits = zip(_hits(measure, a), _hits(measure, b), strict=True)
            unseen = _unseen([x - y for x, y in hits], a, confidence)
            mean = mean_difference(differences, books, confidence)
            return mean._replace(low=mean.low - unseen, high=mean.high + unseen)
        # Terms of a quantile and of a start are bounded: there is no more than was seen.
        if kind in ("VaR", None):
            return mean_difference(differences, books, confidence)
        apart = _apart(measure, a, b) if kind in _TAILS else differences
        return paired_mean(differences, books, confidence, apart)

    is_bounded = kind not in _TAILS or (
        _told_apart(_apart(measure, a, b), books) >= LEAST_APART
        and all(_has_tail(measure, sample, books) for sample in (a, b))
    )
    at_95 = interval(0.95)
    if not is_bounded or not (np.isfinite(at_95.low) or np.isfinite(at_95.high)):
        return Figure(value=found, low=None, high=None, agrees=agrees)
    p_value = None if agrees else significance(interval)
    return Figure.of(found, at_95.low, at_95.high, p_value, agrees)


def value(name: str, sample: Sample) -> float:
    """The measure alone."""
    measure = _measure(name)
    if measure.at_start:
        amount = _mean_at_start(measure.at_start.amount, sample)
        over = measure.at_start.over
        return amount if over is None else amount / _mean_at_start(over, sample)
    if _kind(measure) == "VaR":
        quantiles = (value_at_risk(x, _level(measure)).value for x in _amounts(measure, sample))
        return _weighted(sample.weights, quantiles)
    return float(_terms(name, sample).mean())


def path_terms(name: str, sample: Sample, scenario: int) -> Floats:
    """(paths,): what each path of a scenario says of a measure that is a mean."""
    measure = _measure(name)
    amounts, kind, level = _amount(measure, sample, scenario), _kind(measure), _level(measure)
    if kind == "chance":
        return (amounts > 0).astype(np.float64)
    if kind == "ES":
        return shortfall_terms(amounts, level)
    return quantile_terms(amounts, level) if kind == "VaR" else amounts


def _measure(name: str) -> Measure:
    return MEASURES[name]


def _kind(measure: Measure) -> Kind:
    assert measure.of_paths  # or it were not there
    return measure.of_paths.kind


def _level(measure: Measure) -> float:
    assert measure.of_paths
    return measure.of_paths.level


def _amount(measure: Measure, sample: Sample, scenario: int) -> Floats:
    """(paths,): the amount on each path of a scenario."""
    rows = sample.outcomes[scenario]
    return measure.on(
        Paths(
            lambda name: np.asarray(rows[:, OUTCOME.index(name)]),
            sample.step_seconds[scenario],
            lambda name: 1 / USD if NUMBERS[name].unit == "USD" else 1.0,
        )
    )


def _amounts(measure: Measure, sample: Sample) -> list[Floats]:
    """By scenario."""
    return [_amount(measure, sample, i) for i in range(len(sample.outcomes))]


def _hits(measure: Measure, sample: Sample) -> list[Floats]:
    """By scenario: 1 for a path on which there is some of it."""
    return [(amounts > 0).astype(np.float64) for amounts in _amounts(measure, sample)]


def _terms(name: str, sample: Sample) -> Floats:
    """(paths,): the terms whose mean is the measure; of a ratio of means to first order."""
    if at_start := _measure(name).at_start:
        amounts, over = _terms_at_start(at_start.amount, sample), at_start.over
        if over is None:
            return amounts
        usage, mean = value(name, sample), _mean_at_start(over, sample)
        return np.asarray(usage + (amounts - usage * _terms_at_start(over, sample)) / mean)
    parts = [weight * path_terms(name, sample, i) for i, weight in enumerate(sample.weights)]
    return np.asarray(np.sum(parts, axis=0))


def _at_start(amount: OfOpened, sample: Sample) -> list[Floats | float]:
    """By scenario: known at the start, of one book without error."""
    pairs = zip(sample.power, sample.borrowed, strict=True)
    return [amount(Opened(power, borrowed)) for power, borrowed in pairs]


def _mean_at_start(amount: OfOpened, sample: Sample) -> float:
    means = [float(np.mean(one)) for one in _at_start(amount, sample)]
    return _weighted(sample.weights, means)


def _terms_at_start(amount: OfOpened, sample: Sample) -> Floats:
    """(paths,): the terms of the mean of it."""
    pairs = zip(sample.weights, _at_start(amount, sample), strict=True)
    return np.asarray(sum(weight * np.broadcast_to(x, sample.paths) for weight, x in pairs))


def _excess(measure: Measure, sample: Sample) -> Floats:
    """(paths,): of the terms of a shortfall, what lies beyond the quantiles."""
    pairs = zip(sample.weights, _amounts(measure, sample), strict=True)
    parts = [weight * excess_terms(amounts, _level(measure)) for weight, amounts in pairs]
    return np.asarray(np.sum(parts, axis=0))


def _apart(measure: Measure, a: Sample, b: Sample) -> Floats:
    """(paths,): what a difference of tails owes to amounts that differ on the path itself."""
    both = zip(a.weights, _amounts(measure, a), _amounts(measure, b), strict=True)
    parts = [weight * apart_in_tail(x, y, _level(measure)) for weight, x, y in both]
    return np.asarray(np.sum(parts, axis=0))


def _unseen(hits: Sequence[Floats], sample: Sample, confidence: float) -> float:
    """Bound of what the scenarios in which no path differs from the others have not shown."""
    still = (w for w, each in zip(sample.weights, hits, strict=True) if not np.ptp(each))
    return sum(still) * unseen_share(sample.trials, confidence)


def _told_apart(apart: Floats, books: Clusters | None) -> int:
    """Paths, or books, that are not 0."""
    return len(np.flatnonzero(apart) if books is None else np.unique(books[apart != 0]))


def _has_tail(measure: Measure, sample: Sample, books: Clusters | None) -> bool:
    """Whether every scenario has paths enough for the quantile, and for a shortfall some beyond."""
    level, amounts = _level(measure), _amounts(measure, sample)
    if _kind(measure) == "VaR":
        return all(np.isfinite(value_at_risk(x, level, books).high) for x in amounts)
    return all(has_tail(x, level, books) for x in amounts)


_TAILS: tuple[Kind, ...] = ("VaR", "ES")


def _weighted(weights: Sequence[float], values: Iterable[float]) -> float:
    return float(sum(w * v for w, v in zip(weights, values, strict=True)))


def _figure(estimate: Estimate) -> Figure:
    return Figure.of(estimate.value, estimate.low, estimate.high)
