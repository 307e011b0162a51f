"""From a sample of losses, one per path, to the figures a risk team publishes, each with its error.

Path j of n loses L_j >= 0; L_(k) is the k-th smallest. Losses are in any unit (USD, tokens), and an
estimate is in the unit of its sample. Nothing here is random.

Every figure but a quantile is a mean of one term per path, and has the interval of
`sim.measures.intervals`, which says what is done about rare losses and heavy tails, and what
`replicates` are: scramblings of a quasi-Monte Carlo point set, or clusters of paths.

All functions raise ValueError for losses that are empty, not finite or negative, a level or
confidence outside (0, 1), and replicates that are fewer than 2 or do not divide n.

With clusters (books) a share has the interval of as many independent paths as tell as much of it,
`sim.measures.clusters.effective`; quantiles and `sim.measures.exceedance` have theirs from shares.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy  # its parts, slow to import, come when they are used

from sim.measures.clusters import Clusters, effective, linearised
from sim.measures.intervals import (
    Estimate,
    Floats,
    Replicates,
    ends,
    hall,
    independent,
    mean_of_losses,
    normal,
    paired_mean,
    student,
    wilson,
)

ROUNDING = 1e-9
"""Losses down to minus this share of the largest one (or of 1, if that is more) count as 0."""


def probability_of_loss(
    losses: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """P(L > 0) = k/n with k the number of paths that lose; standard error sqrt(p (1-p) / n).

    The interval is Wilson's (J. Am. Stat. Assoc. 22 (1927) 209-212),

        (p + z^2/2n -+ z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n),

    unless no path loses, or every path does: then [0, u] or [1 - u, 1] with the exact one-sided
    bound u = 1 - (1-confidence)^(1/n), about 3/n. With scramblings, error and interval are those
    of a mean of 0s and 1s, and n is their number; with clusters n is that of `effective`.
    """
    hits = (checked(losses) > 0).astype(float)
    p = float(hits.mean())
    if isinstance(replicates, np.ndarray):
        low, high = wilson(np.array(p), effective(hits, replicates, confidence), confidence)
        return Estimate(p, error_of(hits, replicates), float(low), float(high))
    parts = independent(hits, replicates)
    n = parts.size
    if parts is not hits and np.ptp(parts):
        estimate = hall(parts, confidence)
        return estimate._replace(low=max(0.0, estimate.low), high=min(1.0, estimate.high))
    low, high = wilson(np.array(p), n, confidence)
    return Estimate(p, math.sqrt(p * (1 - p) / n), float(low), float(high))


def expected_loss(
    losses: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """E[L]: mean and s / sqrt(n). Unbounded above where too few paths lose, as `mean_of_losses`."""
    return mean_of_losses(checked(losses), replicates, confidence)


def loss_given_loss(
    losses: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """E[L | L > 0]: mean of the k paths that lose, and s / sqrt(k).

    With `probability_of_loss` the hurdle form of a loss. NaN in [0, inf] if no path loses; a value
    that is unbounded above where too few do, as `mean_of_losses`. With scramblings the terms are
    those of a ratio of two means to first order, m + (L - m) 1{L > 0} n/k, where m is the value;
    with clusters the linearised ones of the paths that lose: a cluster that loses nothing does not
    say how much is lost.
    """
    sample = checked(losses)
    hit = sample > 0
    if not hit.any():
        independent(sample, replicates)
        return Estimate(math.nan, math.nan, 0.0, math.inf)
    mean = float(sample[hit].mean())
    if isinstance(replicates, np.ndarray):
        terms = np.maximum(linearised(sample[hit], replicates[hit]), 0.0)
        return mean_of_losses(terms, None, confidence)._replace(value=mean)
    parts = independent(mean + (sample - mean) * hit / hit.mean(), replicates)
    if parts.size == sample.size:
        return mean_of_losses(sample[hit], None, confidence)
    # Linearised terms may be below 0, a mean of losses not.
    found = mean_of_losses(np.maximum(parts, 0.0), None, confidence)
    return found._replace(value=mean)


def value_at_risk(
    losses: npt.ArrayLike,
    level: float,
    replicates: Replicates = None,
    confidence: float = 0.95,
) -> Estimate:
    """VaR_a = inf{x : P(L <= x) >= a} at level a: L_(ceil(n a)).

    The interval is [L_(l), L_(u)] with l and u the 2.5 % and 97.5 % points of Binomial(n, a), the
    number of losses up to the true quantile. For every law it covers with P(l <= Binomial < u), or
    more if losses tie. At some n that falls short, so u + 1 replaces u where this comes nearer to
    `confidence`. L_(n+1) is infinite: n is too small for the level (less than 51 paths at 95 %, 284
    at 99 %, 2816 at 99.9 %). L_(0) is 0. With replicates, l/n and u/n are the ends of an interval
    of the mean a of w 1{L <= v} + (1-w) 1{L < v}, v the value, w such that the mean is a; with
    clusters they are those of n* paths, as many as tell as much of that mean. The standard error is
    that of a symmetric law with the same interval, (high - low) / 2z.
    """
    sample = checked(losses)
    ordered, n = np.sort(sample), sample.size
    value = float(ordered[_rank(n, level) - 1])
    terms = _up_to(value, sample, level)
    if isinstance(replicates, np.ndarray):
        lower, upper = _ranks_of_clusters(ordered, sample, replicates, level, confidence)
        wide = 2 * normal(confidence)
    elif (parts := independent(terms, replicates)) is terms:
        lower, upper = _interval_ranks(n, level, confidence)
        wide = 2 * normal(confidence)
    else:
        share = hall(parts, confidence)
        # x is in the interval of the quantile where the level is in the interval of P(L <= x).
        lower, upper = (math.ceil(n * (2 * level - end)) for end in (share.high, share.low))
        wide = 2 * student(confidence, parts.size - 1)
    low = float(ordered[lower - 1]) if lower > 0 else 0.0
    high = float(ordered[upper - 1]) if upper <= n else math.inf
    return Estimate(value, (high - low) / wide, low, high)


def expected_shortfall(
    losses: npt.ArrayLike,
    level: float,
    replicates: Replicates = None,
    confidence: float = 0.95,
) -> Estimate:
    """ES_a = min_v v + E[(L-v)^+] / (1-a) at level a: with v the sample VaR_a,

        v + mean((L-v)^+) / (1-a),    standard error sd((L-v)^+) / ((1-a) sqrt(n)).

    (R. T. Rockafellar, S. Uryasev, J. Risk 2 (2000) 21-41; v minimises, so its own error is of
    second order.) Unbounded above, and below by the interval of VaR_a, if n is too small for that
    interval to end or too few paths lose more than v, as `mean_of_losses` of (L-v)^+.
    """
    sample = checked(losses)
    quantile = value_at_risk(sample, level, replicates, confidence)
    found = mean_of_losses(excess_terms(sample, level), replicates, confidence)
    value, low, high = (quantile.value + x for x in (found.value, found.low, found.high))
    if math.isinf(quantile.high) or math.isinf(high):
        return Estimate(value, math.inf, quantile.low, math.inf)
    return Estimate(value, found.standard_error, low, high)


def paired_difference(
    losses_a: npt.ArrayLike,
    losses_b: npt.ArrayLike,
    level: float | None = None,
    replicates: Replicates = None,
    confidence: float = 0.95,
) -> Estimate:
    """E[L_a] - E[L_b] where path j of both samples has the same random numbers; with `level`, the
    difference of their expected shortfalls at that level. Negative: a loses less.

    Mean and error of the differences path by path (of v + (L-v)^+ / (1-a) for a shortfall). Not
    bounded where fewer than `LEAST_APART` paths tell the two apart (none included: others may),
    and a difference of shortfalls where one of them is not. ValueError unless the samples are of
    one length.
    """
    a, b = checked(losses_a), checked(losses_b)
    if a.size != b.size:
        raise ValueError(f"pairs need samples of one length, got {a.size} and {b.size}")
    if level is None:
        return paired_mean(a - b, replicates, confidence)
    differences = shortfall_terms(a, level) - shortfall_terms(b, level)
    apart = apart_in_tail(a, b, level)
    found = paired_mean(differences, replicates, confidence, apart)
    if all(has_tail(one, level, replicates, confidence) for one in (a, b)):
        return found
    return found._replace(standard_error=math.inf, low=-math.inf, high=math.inf)


def apart_in_tail(losses_a: npt.ArrayLike, losses_b: npt.ArrayLike, level: float) -> Floats:
    """Of the difference of two shortfalls, what each path owes to its own losses: the difference of
    its terms (L-v)^+ / (1-a) where its losses differ and one is beyond its VaR_a, else 0.

    A path on which both lose the same has different terms as soon as the two VaR differ, and says
    nothing of the difference.
    """
    a, b = checked(losses_a), checked(losses_b)
    return np.where(a != b, excess_terms(a, level) - excess_terms(b, level), 0.0)


def has_tail(
    losses: npt.ArrayLike,
    level: float,
    replicates: Replicates = None,
    confidence: float = 0.95,
) -> bool:
    """Whether there are paths enough for VaR_a to have an interval, and some that lose more."""
    sample = checked(losses)
    found = value_at_risk(sample, level, replicates, confidence)
    return math.isfinite(found.high) and found.value < float(sample.max())


def shortfall_terms(losses: npt.ArrayLike, level: float) -> Floats:
    """v + (L-v)^+ / (1-a) with v the sample VaR_a: their mean is the expected shortfall."""
    sample = checked(losses)
    return _var(sample, level) + excess_terms(sample, level)


def excess_terms(losses: npt.ArrayLike, level: float) -> Floats:
    """(L-v)^+ / (1-a) with v the sample VaR_a: what the expected shortfall has beyond v."""
    sample = checked(losses)
    return np.asarray(np.maximum(sample - _var(sample, level), 0.0) / (1 - level))


def tail_weights(losses: npt.ArrayLike, level: float) -> Floats:
    """Weight of each path, 1 in the mean, under which losses have the mean ES_a: 1 / (1-a) of paths
    that lose more than the sample VaR_a, 0 of those that lose less, the rest of those that tie.
    """
    sample = checked(losses)
    value = value_at_risk(sample, level).value
    return (1 - _up_to(value, sample, level)) / (1 - level)


def quantile_terms(losses: npt.ArrayLike, level: float) -> Floats:
    """v + (a - 1{L <= v}) / f with v the sample VaR_a and f the density of losses around it: their
    mean is v, and their error that of v to first order (R. R. Bahadur, Ann. Math. Statist. 37
    (1966) 577-580).

    f = (u-l) / n / (L_(u) - L_(l)) with l and u the ranks of the interval of VaR_a. Ties with v
    count in part, as in `value_at_risk`. Where n is too small for the level, and that interval is
    unbounded, the terms bound nothing either: the largest loss stands for its end.
    """
    sample = checked(losses)
    lower, upper = _interval_ranks(sample.size, level, 0.95)
    quantile = value_at_risk(sample, level)
    width = min(quantile.high, float(sample.max())) - quantile.low
    spread = width * sample.size / (upper - lower)
    return quantile.value + (level - _up_to(quantile.value, sample, level)) * spread


def error_of(terms: Floats, replicates: Replicates) -> float:
    """Standard error of a mean of terms; infinite for one."""
    parts = independent(terms, replicates)
    return float(parts.std(ddof=1)) / math.sqrt(parts.size) if parts.size > 1 else math.inf


def _ranks_of_clusters(
    ordered: Floats, sample: Floats, clusters: Clusters, level: float, confidence: float
) -> tuple[int, int]:
    """Ranks of the ends of a quantile: those of n* paths, at the same shares of n.

    n* is the least of the shares 1-a, 2(1-a), 4(1-a) ... up to a half that lose more than their
    quantile: of the few that lose most one or two clusters have most, and do not show how much they
    depend on each other.
    """
    n, trials, beyond = sample.size, math.inf, 1 - level
    while True:
        edge = float(ordered[_rank(n, 1 - beyond) - 1])
        trials = min(trials, effective((sample > edge).astype(float), clusters, confidence))
        beyond *= 2
        if beyond > 0.5 or not edge:
            break
    few = max(1, math.floor(trials))
    lower, upper = _interval_ranks(few, level, confidence)
    return math.floor(lower * n / few), n + 1 if upper > few else math.ceil(upper * n / few)


def checked(losses: npt.ArrayLike) -> Floats:
    """As a row of floats without rounding below 0; `ValueError` as the head of this file says."""
    sample = np.asarray(losses, dtype=float)
    if sample.ndim != 1 or not sample.size:
        raise ValueError(f"losses must be a row of numbers, one per path, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"loss {sample[~np.isfinite(sample)][0]} is not finite")
    if sample.min() < -ROUNDING * max(1.0, sample.max()):
        raise ValueError(f"loss {sample.min()} is negative: a loss counts what is missing")
    return np.maximum(sample, 0.0)


def _rank(n: int, level: float) -> int:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    # 100 * .07 is 7.000000000000001, and its rank is 7. Tiny levels still have a first rank.
    return max(1, math.ceil(round(n * level, 6)))


@lru_cache
def _interval_ranks(n: int, level: float, confidence: float) -> tuple[int, int]:
    binom = scipy.stats.binom
    lower, upper = (int(rank) for rank in binom.ppf(ends(confidence), n, level))

    def misfit(u: int) -> float:
        covers = binom.cdf(u - 1, n, level) - binom.cdf(lower - 1, n, level)
        return abs(float(covers) - confidence)

    return lower, max(_rank(n, level), min(upper, upper + 1, key=misfit))


def _up_to(value: float, sample: Floats, level: float) -> Floats:
    """w 1{L <= v} + (1-w) 1{L < v}, shape (n,), with w such that the mean is the level."""
    below, tied = sample < value, sample == value
    return np.asarray(below + (level - below.mean()) / tied.mean() * tied)


def _var(sample: Floats, level: float) -> float:
    rank = _rank(sample.size, level)
    return float(np.partition(sample, rank - 1)[rank - 1])
