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

from collections.abc import Callable, Sequence
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from sim.engines.outcome import OUTCOME
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
from sim.schema.tuning import Harm
from sim.tuning.result import Figure, Measure

Floats = npt.NDArray[np.float64]

USD = 1e-8
"""Per unit of a value."""
_LEVEL = 0.99
_LAR_LEVEL = 0.95

MEASURES = (
    Measure(
        name="borrowing_power",
        title="borrowing power",
        unit="USD",
        side="benefit",
        meaning="what could be borrowed against all collateral at the start",
    ),
    Measure(
        name="borrowed",
        title="borrowed",
        unit="USD",
        side="benefit",
        meaning="what is borrowed at the start",
    ),
    Measure(
        name="borrow_usage",
        title="borrow usage",
        unit="share",
        side="benefit",
        meaning="borrowed / borrowing power",
    ),
    Measure(
        name="revenue",
        title="protocol revenue",
        unit="USD",
        side="benefit",
        meaning="mean of what fees on interest and on liquidations take in during a run",
    ),
    Measure(
        name="net_revenue",
        title="revenue less loss",
        unit="USD",
        side="benefit",
        meaning="mean of the revenue of a run less its loss (bad debt and shortfall at the end)",
    ),
    Measure(
        name="es_99",
        title="loss, ES 99%",
        unit="USD",
        side="harm",
        meaning="mean of the worst hundredth of losses: bad debt and shortfall at the end",
    ),
    Measure(
        name="expected_loss",
        title="expected loss",
        unit="USD",
        side="harm",
        meaning="mean of losses: bad debt and shortfall at the end",
    ),
    Measure(
        name="peak_loss",
        title="expected peak loss",
        unit="USD",
        side="harm",
        meaning="mean of the largest bad debt so far and shortfall after any step, at the prices "
        "of that step: a rebound forgives what was missing then",
    ),
    Measure(
        name="p_loss",
        title="chance of bad debt",
        unit="share",
        side="harm",
        meaning="share of the paths that end with bad debt or shortfall",
    ),
    Measure(
        name="lar_95",
        title="liquidations at risk, 95%",
        unit="USD",
        side="harm",
        meaning="debt repaid by liquidators that one path in twenty exceeds",
    ),
    Measure(
        name="borrower_loss",
        title="borrowers' loss to liquidation",
        unit="USD",
        side="harm",
        meaning="mean of the collateral that liquidators took beyond what they repaid, "
        "at reference prices; the protocol's part of the bonus is in the revenue",
    ),
    Measure(
        name="haircut",
        title="supplier haircut",
        unit="USD",
        side="harm",
        meaning="mean of what suppliers bear, and of losses that nobody has borne at the end",
    ),
    Measure(
        name="hours_without_cash",
        title="hours without withdrawals",
        unit="hours",
        side="harm",
        meaning="mean of the time in which suppliers of some asset find no cash",
    ),
)
"""All that a setting is described by."""
BY_NAME = {measure.name: measure for measure in MEASURES}
HARMS = get_args(Harm)


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
    books = sample.books
    if name in _AT_START and books is None:
        known = value(name, sample)
        return Figure(value=known, low=known, high=known)
    terms = _terms(name, sample)
    if name not in HARMS:
        return _figure(mean_of(terms, books))
    if name in ("p_loss", "lar_95"):
        found = mean_of(terms, books)
        unseen = 0.0
        if name == "p_loss":  # what does not vary in a scenario has no variance, but a bound
            unseen = _unseen([_hits(outcomes) for outcomes in sample.outcomes], sample, 0.95)
        low, high = max(0.0, found.low - unseen), found.high + unseen
        high = min(1.0, high) if name == "p_loss" else high
    else:
        excess = _excess(sample) if name == "es_99" else terms
        found = mean_of_losses(excess, books)
        below = float(terms.mean()) - found.value
        found = Estimate(found.value + below, np.nan, found.low + below, found.high + below)
        low, high = found.low, found.high
    if name in _TAILS and not all(_has_tail(name, outcomes, books) for outcomes in sample.outcomes):
        high = np.inf
    return Figure.of(found.value, low, high)


def difference(name: str, a: Sample, b: Sample) -> Figure:
    """m(a) - m(b) with its 95 % interval and p-value, from paths and books that both have run.

    A setting differs from itself, the same sample, by nothing. Two that come to the same on every
    path may differ on others: by at most 1 - .05^(1/n) in the chance of a loss, by nobody knows
    how much in an amount. Not bounded are also measures of a tail that the paths do not reach, and
    amounts on which fewer than `LEAST_APART` paths differ, in the tail of a measure of one. Where
    there are several books, read books for paths.
    """
    found, books = value(name, a) - value(name, b), a.books
    if a is b or (name in _AT_START and books is None):
        return Figure(value=found, low=found, high=found)
    differences = _terms(name, a) - _terms(name, b)
    agrees = not differences.any()

    def interval(confidence: float) -> Estimate:
        if name == "p_loss":
            unseen = _unseen(
                [_hits(x) - _hits(y) for x, y in zip(a.outcomes, b.outcomes, strict=True)],
                a,
                confidence,
            )
            mean = mean_difference(differences, books, confidence)
            return mean._replace(low=mean.low - unseen, high=mean.high + unseen)
        # Terms of a quantile and of a start are bounded: there is no more than was seen.
        if name == "lar_95" or name in _AT_START:
            return mean_difference(differences, books, confidence)
        apart = _apart(name, a, b) if name in _TAILS else differences
        return paired_mean(differences, books, confidence, apart)

    is_bounded = name not in _TAILS or (
        _told_apart(_apart(name, a, b), books) >= LEAST_APART
        and all(_has_tail(name, x, books) for x in (*a.outcomes, *b.outcomes))
    )
    at_95 = interval(0.95)
    if not is_bounded or not (np.isfinite(at_95.low) or np.isfinite(at_95.high)):
        return Figure(value=found, low=None, high=None, agrees=agrees)
    p_value = None if agrees else significance(interval)
    return Figure.of(found, at_95.low, at_95.high, p_value, agrees)


def value(name: str, sample: Sample) -> float:
    """The measure alone."""
    if name == "borrow_usage":
        return value("borrowed", sample) / value("borrowing_power", sample)
    if name in _AT_START:
        return _weighted(sample.weights, [float(np.mean(x)) for x in _AT_START[name](sample)])
    if name == "lar_95":
        return _lar(sample)
    return float(_terms(name, sample).mean())


def path_terms(name: str, sample: Sample, scenario: int) -> Floats:
    """(paths,): what each path of a scenario says of a measure that is a mean."""
    return _TERMS[name](sample.outcomes[scenario], sample.step_seconds[scenario])


def _terms(name: str, sample: Sample) -> Floats:
    """(paths,): the terms whose mean is the measure; of a ratio of means to first order."""
    if name == "borrow_usage":
        usage, power = value(name, sample), value("borrowing_power", sample)
        rest = _terms("borrowed", sample) - usage * _terms("borrowing_power", sample)
        return np.asarray(usage + rest / power)
    if name in _AT_START:
        pairs = zip(sample.weights, _AT_START[name](sample), strict=True)
        return np.asarray(sum(weight * np.broadcast_to(x, sample.paths) for weight, x in pairs))
    parts = [weight * path_terms(name, sample, i) for i, weight in enumerate(sample.weights)]
    return np.asarray(np.sum(parts, axis=0))


def _excess(sample: Sample) -> Floats:
    """(paths,): of the terms of the shortfall, what lies beyond the quantiles."""
    pairs = zip(sample.weights, sample.outcomes, strict=True)
    parts = [weight * excess_terms(_loss(outcomes), _LEVEL) for weight, outcomes in pairs]
    return np.asarray(np.sum(parts, axis=0))


def _apart(name: str, a: Sample, b: Sample) -> Floats:
    """(paths,): what a difference of tails owes to amounts that differ on the path itself."""
    of, level = _TAILS[name]
    parts = [
        weight * apart_in_tail(of(x), of(y), level)
        for weight, x, y in zip(a.weights, a.outcomes, b.outcomes, strict=True)
    ]
    return np.asarray(np.sum(parts, axis=0))


def _unseen(hits: Sequence[Floats], sample: Sample, confidence: float) -> float:
    """Bound of what the scenarios in which no path differs from the others have not shown."""
    still = (w for w, each in zip(sample.weights, hits, strict=True) if not np.ptp(each))
    return sum(still) * unseen_share(sample.trials, confidence)


def _told_apart(apart: Floats, books: Clusters | None) -> int:
    """Paths, or books, that are not 0."""
    return len(np.flatnonzero(apart) if books is None else np.unique(books[apart != 0]))


def _has_tail(name: str, outcomes: Floats, books: Clusters | None) -> bool:
    """Whether there are paths enough for the quantile, and for a shortfall some beyond it."""
    of, level = _TAILS[name]
    if name == "lar_95":
        return bool(np.isfinite(value_at_risk(of(outcomes), level, books).high))
    return has_tail(of(outcomes), level, books)


def _column(outcomes: Floats, name: str) -> Floats:
    return outcomes[:, OUTCOME.index(name)]


def _loss(outcomes: Floats) -> Floats:
    """The loss of each path, USD."""
    return np.asarray(np.maximum(_column(outcomes, "loss") * USD, 0.0))


def _hits(outcomes: Floats) -> Floats:
    return (_loss(outcomes) > 0).astype(np.float64)


def _repaid(outcomes: Floats) -> Floats:
    return np.asarray(np.maximum(_column(outcomes, "repaid") * USD, 0.0))


def _haircut(outcomes: Floats) -> Floats:
    both = _column(outcomes, "by_suppliers") + _column(outcomes, "still_open")
    return np.asarray(np.maximum(both * USD, 0.0))


def _borrower_loss(outcomes: Floats) -> Floats:
    taken = _column(outcomes, "seized") - _column(outcomes, "repaid")
    return np.asarray(np.maximum(taken * USD, 0.0))


_TERMS: dict[str, Callable[[Floats, int], Floats]] = {
    "revenue": lambda outcomes, _: _column(outcomes, "revenue") * USD,
    "net_revenue": lambda outcomes, _: _column(outcomes, "revenue") * USD - _loss(outcomes),
    "es_99": lambda outcomes, _: shortfall_terms(_loss(outcomes), _LEVEL),
    "expected_loss": lambda outcomes, _: _loss(outcomes),
    "peak_loss": lambda outcomes, _: np.asarray(_column(outcomes, "peak_loss") * USD),
    "p_loss": lambda outcomes, _: _hits(outcomes),
    "lar_95": lambda outcomes, _: quantile_terms(_repaid(outcomes), _LAR_LEVEL),
    "borrower_loss": lambda outcomes, _: _borrower_loss(outcomes),
    "haircut": lambda outcomes, _: _haircut(outcomes),
    "hours_without_cash": lambda outcomes, step: (
        _column(outcomes, "steps_without_cash") * (step / 3600)
    ),
}
_TAILS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "es_99": (_loss, _LEVEL),
    "lar_95": (_repaid, _LAR_LEVEL),
}
"""Of which amount on a path, and from which quantile."""
_AT_START: dict[str, Callable[[Sample], tuple[Floats | float, ...]]] = {
    "borrowing_power": lambda sample: sample.power,
    "borrowed": lambda sample: sample.borrowed,
    "borrow_usage": lambda sample: sample.borrowed,
}
"""Known at the start: of one book without error."""


def _weighted(weights: Sequence[float], values: Sequence[float]) -> float:
    return float(sum(w * v for w, v in zip(weights, values, strict=True)))


def _lar(sample: Sample) -> float:
    found = 0.0
    for weight, outcomes in zip(sample.weights, sample.outcomes, strict=True):
        found += weight * value_at_risk(_repaid(outcomes), _LAR_LEVEL).value
    return found


def _figure(estimate: Estimate) -> Figure:
    return Figure.of(estimate.value, estimate.low, estimate.high)
