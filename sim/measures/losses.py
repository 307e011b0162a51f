"""From a sample of losses, one per path, to the figures a risk team publishes, each with its error.

Path j of n loses L_j >= 0; L_(k) is the k-th smallest. Losses are in any unit (USD, tokens), and an
estimate is in the unit of its sample. Nothing here is random.

**Means.** Every figure but a quantile is the mean of one term per path. Most paths of a lending
protocol lose nothing and a few lose much, so terms are skewed, and a mean +- 1.96 standard errors
misses the truth too often, nearly always from below: at the 99 % shortfall of a Student t law with
5 degrees of freedom it covers .86 with 1,000 paths and .93 with 10,000. Intervals of means are
therefore corrected for skewness (to .96 and .945): of

    T = sqrt(n) (mean - mu) / s,    g(T) = T + a T^2 / 3 + a^2 T^3 / 27 + a / 6,
    a = skewness / sqrt(n)

g(T) is nearer to a normal law than T is, and has an inverse in closed form (P. Hall, On the removal
of skewness by transformation, J. R. Statist. Soc. B 54 (1992) 221-228). Its ends are taken at
Student's quantiles with n-1 degrees of freedom; without skewness this is Student's interval.

**Differences.** The terms of two settings differ by both signs. Where neither is better, few large
differences give a sample a skewness that their law has not, and Hall's interval covers .80 to .90;
Student's covers .93 or more. Where one is better on every path Student's covers .53 to .94, and
Hall's .90 or more from about ten paths that differ. So an interval of a difference reaches as far
as the farther of the two, on either side.

**Replicates.** Paths are independent unless `replicates` = R says that they come from R scramblings
of a quasi-Monte Carlo point set, path k from scrambling k mod R. Points of one scrambling depend on
each other, but not on those of another. So the value is still that of all paths, and the error that
of the R means of terms, R taking the place of n (A. B. Owen, Error estimation for quasi-Monte
Carlo, arXiv:2501.00150). R equal means, as when no path loses, say nothing
of the error: it is then that of independent paths, which scrambled points at least match in
practice.

All functions raise ValueError for losses that are empty, not finite or negative, a level or
confidence outside (0, 1), and replicates that are fewer than 2 or do not divide n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri, stdtrit
from scipy.stats import binom

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9
"""Losses down to minus this share of the largest one (or of 1, if that is more) count as 0."""


class Estimate(NamedTuple):
    """A figure with its error, in the unit of the sample (a probability has none).

    [low, high] is two-sided and covers the true figure with probability `confidence`, 95 % unless
    the caller says otherwise. An end, or an error, that the sample cannot bound is infinite.
    """

    value: float
    standard_error: float
    low: float
    high: float


def probability_of_loss(
    losses: npt.ArrayLike, replicates: int | None = None, confidence: float = 0.95
) -> Estimate:
    """P(L > 0) = k/n with k the number of paths that lose; standard error sqrt(p (1-p) / n).

    The interval is Wilson's (J. Am. Stat. Assoc. 22 (1927) 209-212),

        (p + z^2/2n -+ z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n),

    unless no path loses: then [0, 1 - (1-confidence)^(1/n)], whose upper end is the exact one-sided
    bound, about 3/n. With replicates, error and interval are those of a mean of 0s and 1s.
    """
    hits = (_losses(losses) > 0).astype(float)
    parts = _independent(hits, replicates)
    if parts is not hits:
        estimate = _mean(parts, confidence)
        return estimate._replace(low=max(0.0, estimate.low), high=min(1.0, estimate.high))
    p = float(hits.mean())
    low, high = _share_interval(np.array(p), hits.size, confidence)
    return Estimate(p, math.sqrt(p * (1 - p) / hits.size), float(low), float(high))


def expected_loss(
    losses: npt.ArrayLike, replicates: int | None = None, confidence: float = 0.95
) -> Estimate:
    """E[L]: mean and s / sqrt(n). Unbounded above if no path loses."""
    sample = _losses(losses)
    parts = _independent(sample, replicates)
    if not sample.any():
        return Estimate(0.0, math.inf, 0.0, math.inf)
    return _of_losses(_mean(parts, confidence))


def loss_given_loss(
    losses: npt.ArrayLike, replicates: int | None = None, confidence: float = 0.95
) -> Estimate:
    """E[L | L > 0]: mean of the k paths that lose, and s / sqrt(k).

    With `probability_of_loss` the hurdle form of a loss. NaN in [0, inf] if no path loses; with a
    single one there is a value without a bound. With 5 to 10 the interval still falls short (covers
    .91 of a lognormal with sigma .8). With replicates the terms are those of a ratio of two means
    to first order, m + (L - m) 1{L > 0} n/k, where m is the value.
    """
    sample = _losses(losses)
    hit = sample > 0
    if not hit.any():
        _independent(sample, replicates)
        return Estimate(math.nan, math.nan, 0.0, math.inf)
    mean = sample[hit].mean()
    terms = mean + (sample - mean) * hit / hit.mean()
    parts = _independent(terms, replicates)
    return _of_losses(_mean(sample[hit] if parts is terms else parts, confidence))


def value_at_risk(
    losses: npt.ArrayLike,
    level: float,
    replicates: int | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """VaR_a = inf{x : P(L <= x) >= a} at level a: L_(ceil(n a)).

    The interval is [L_(l), L_(u)] with l and u the 2.5 % and 97.5 % points of Binomial(n, a), the
    number of losses up to the true quantile. For every law it covers with P(l <= Binomial < u), or
    more if losses tie. At some n that falls short, so u + 1 replaces u where this comes nearer to
    `confidence`. L_(n+1) is infinite: n is too small for the level (less than 51 paths at 95 %, 284
    at 99 %, 2816 at 99.9 %). L_(0) is 0. With replicates, l/n and u/n are the ends of an interval
    of the mean a of w 1{L <= v} + (1-w) 1{L < v}, v the value, w such that the mean is a. The
    standard error is that of a symmetric law with the same interval, (high - low) / 2z.
    """
    sample = _losses(losses)
    ordered, n = np.sort(sample), sample.size
    value = float(ordered[_rank(n, level) - 1])
    terms = _up_to(value, sample, level)
    parts = _independent(terms, replicates)
    if parts is terms:
        lower, upper = _interval_ranks(n, level, confidence)
        wide = 2 * _normal(confidence)
    else:
        share = _mean(parts, confidence)
        # x is in the interval of the quantile where the level is in the interval of P(L <= x).
        lower, upper = (math.ceil(n * (2 * level - end)) for end in (share.high, share.low))
        wide = 2 * _student(confidence, parts.size - 1)
    low = float(ordered[lower - 1]) if lower > 0 else 0.0
    high = float(ordered[upper - 1]) if upper <= n else math.inf
    return Estimate(value, (high - low) / wide, low, high)


def liquidations_at_risk(
    liquidated: npt.ArrayLike,
    level: float = 0.95,
    replicates: int | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """LaR: `value_at_risk` of the value liquidated on each path, by custom at 95 %."""
    return value_at_risk(liquidated, level, replicates, confidence)


def expected_shortfall(
    losses: npt.ArrayLike,
    level: float,
    replicates: int | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """ES_a = min_v v + E[(L-v)^+] / (1-a) at level a: with v the sample VaR_a,

        v + mean((L-v)^+) / (1-a),    standard error sd((L-v)^+) / ((1-a) sqrt(n)).

    (R. T. Rockafellar, S. Uryasev, J. Risk 2 (2000) 21-41; v minimises, so its own error is of
    second order.) Unbounded above, and below by the interval of VaR_a, if n is too small for that
    interval to end or no path loses more than v.
    """
    sample = _losses(losses)
    quantile = value_at_risk(sample, level, replicates, confidence)
    tail = _tail(sample, level)
    if math.isinf(quantile.high) or quantile.value == sample.max():
        return Estimate(float(tail.mean()), math.inf, quantile.low, math.inf)
    return _of_losses(_mean(_independent(tail, replicates), confidence))


def paired_difference(
    losses_a: npt.ArrayLike,
    losses_b: npt.ArrayLike,
    level: float | None = None,
    replicates: int | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """E[L_a] - E[L_b] where path j of both samples has the same random numbers; with `level`, the
    difference of their expected shortfalls at that level. Negative: a loses less.

    Mean and error of the differences path by path (of v + (L-v)^+ / (1-a) for a shortfall). Paths
    that all agree give 0 without error. A difference of shortfalls is not bounded where one of them
    is not. ValueError unless the samples are of one length.
    """
    a, b = _losses(losses_a), _losses(losses_b)
    if a.size != b.size:
        raise ValueError(f"pairs need samples of one length, got {a.size} and {b.size}")
    if level is None:
        return mean_difference(a - b, replicates, confidence)
    found = mean_difference(_tail(a, level) - _tail(b, level), replicates, confidence)
    ends = [expected_shortfall(one, level, replicates, confidence).high for one in (a, b)]
    if np.isfinite(ends).all() or np.array_equal(a, b):
        return found
    return found._replace(standard_error=math.inf, low=-math.inf, high=math.inf)


def mean_difference(
    differences: npt.ArrayLike, replicates: int | None = None, confidence: float = 0.95
) -> Estimate:
    """Mean of one difference per path, of any sign, with the interval of differences above."""
    parts = _independent(np.asarray(differences, dtype=float), replicates)
    found = _mean(parts, confidence)
    reach = _student(confidence, parts.size - 1) * found.standard_error if parts.size > 1 else 0.0
    return found._replace(
        low=min(found.low, found.value - reach), high=max(found.high, found.value + reach)
    )


def mean_of(
    terms: npt.ArrayLike, replicates: int | None = None, confidence: float = 0.95
) -> Estimate:
    """Mean of one term per path, of any sign, with the interval above."""
    return _mean(_independent(np.asarray(terms, dtype=float), replicates), confidence)


def shortfall_terms(losses: npt.ArrayLike, level: float) -> Floats:
    """v + (L-v)^+ / (1-a) with v the sample VaR_a: their mean is the expected shortfall."""
    return _tail(_losses(losses), level)


def tail_weights(losses: npt.ArrayLike, level: float) -> Floats:
    """Weight of each path, 1 in the mean, under which losses have the mean ES_a: 1 / (1-a) of paths
    that lose more than the sample VaR_a, 0 of those that lose less, the rest of those that tie.
    """
    sample = _losses(losses)
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
    sample = _losses(losses)
    lower, upper = _interval_ranks(sample.size, level, 0.95)
    quantile = value_at_risk(sample, level)
    width = min(quantile.high, float(sample.max())) - quantile.low
    spread = width * sample.size / (upper - lower)
    return quantile.value + (level - _up_to(quantile.value, sample, level)) * spread


def exceedance(losses: npt.ArrayLike, confidence: float = 0.95) -> pd.DataFrame:
    """The loss exceedance curve: columns loss, probability = P(L > loss), low, high.

    One row for loss 0 and each loss in the sample, ascending. The band holds point by point, not
    for the whole curve at once; it is that of `probability_of_loss` for independent paths.
    """
    sample = np.sort(_losses(losses))
    at = np.union1d(0.0, sample)
    above = (sample.size - np.searchsorted(sample, at, side="right")) / sample.size
    low, high = _share_interval(above, sample.size, confidence)
    return pd.DataFrame({"loss": at, "probability": above, "low": low, "high": high})


def summarise(
    losses: npt.ArrayLike,
    liquidated: npt.ArrayLike,
    levels: Sequence[float] = (0.95, 0.99),
    replicates: int | None = None,
    unit: str = "USD",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The loss table: one row per measure, columns those of `Estimate` and unit.

    Of each path its loss and the value liquidated on it, both in `unit`; VaR and ES at each of
    `levels`. ValueError unless losses and liquidated are of one length.
    """
    if np.size(losses) != np.size(liquidated):
        raise ValueError(f"{np.size(losses)} losses but {np.size(liquidated)} values liquidated")
    rows: dict[str, tuple[Callable[..., Estimate], npt.ArrayLike]] = {
        "P(loss > 0)": (probability_of_loss, losses),
        "expected loss": (expected_loss, losses),
        "expected loss given a loss": (loss_given_loss, losses),
    }
    for name, measure in (("VaR", value_at_risk), ("ES", expected_shortfall)):
        rows |= {f"{name} {100 * a:g}%": (partial(measure, level=a), losses) for a in levels}
    rows["LaR 95%"] = (liquidations_at_risk, liquidated)
    table = {}
    for name, (measure, sample) in rows.items():
        estimate = measure(sample, replicates=replicates, confidence=confidence)
        is_share = measure is probability_of_loss
        table[name] = {**estimate._asdict(), "unit": "probability" if is_share else unit}
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("measure")


def _losses(losses: npt.ArrayLike) -> Floats:
    sample = np.asarray(losses, dtype=float)
    if sample.ndim != 1 or not sample.size:
        raise ValueError(f"losses must be a row of numbers, one per path, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"loss {sample[~np.isfinite(sample)][0]} is not finite")
    if sample.min() < -ROUNDING * max(1.0, sample.max()):
        raise ValueError(f"loss {sample.min()} is negative: a loss counts what is missing")
    return np.maximum(sample, 0.0)


def _independent(terms: Floats, replicates: int | None) -> Floats:
    """Parts that are independent and have the mean of the terms: R replicate means, or the terms
    themselves without replicates or where their means are equal to rounding.
    """
    if replicates is None:
        return terms
    if replicates < 2 or terms.size % replicates:
        raise ValueError(
            f"{terms.size} paths are not {replicates} replicates of equal size, 2 or more"
        )
    means = terms.reshape(-1, replicates).mean(axis=0)
    return means if np.ptp(means) > 1e-12 * np.abs(means).max() else terms


def _rank(n: int, level: float) -> int:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    # 100 * .07 is 7.000000000000001, and its rank is 7. Tiny levels still have a first rank.
    return max(1, math.ceil(round(n * level, 6)))


@lru_cache
def _interval_ranks(n: int, level: float, confidence: float) -> tuple[int, int]:
    lower, upper = (int(rank) for rank in binom.ppf(_ends(confidence), n, level))

    def misfit(u: int) -> float:
        covers = binom.cdf(u - 1, n, level) - binom.cdf(lower - 1, n, level)
        return abs(float(covers) - confidence)

    return lower, max(_rank(n, level), min(upper, upper + 1, key=misfit))


def _up_to(value: float, sample: Floats, level: float) -> Floats:
    """w 1{L <= v} + (1-w) 1{L < v}, shape (n,), with w such that the mean is the level."""
    below, tied = sample < value, sample == value
    return np.asarray(below + (level - below.mean()) / tied.mean() * tied)


def _tail(sample: Floats, level: float) -> Floats:
    """v + (L-v)^+ / (1-a), shape (n,): its mean is the expected shortfall."""
    rank = _rank(sample.size, level)
    v = np.partition(sample, rank - 1)[rank - 1]
    return np.asarray(v + np.maximum(sample - v, 0.0) / (1 - level))


def _ends(confidence: float) -> tuple[float, float]:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return (1 - confidence) / 2, (1 + confidence) / 2


def _normal(confidence: float) -> float:
    return float(ndtri(_ends(confidence)[1]))


def _student(confidence: float, freedom: int) -> float:
    return float(stdtrit(freedom, _ends(confidence)[1]))


def _share_interval(p: Floats, n: int, confidence: float) -> tuple[Floats, Floats]:
    # scipy's binomtest has Wilson's interval too, for one share at a time.
    z = _normal(confidence)
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    none = -math.expm1(math.log1p(-confidence) / n)
    low = np.where(p == 0, 0.0, (centre - half) / (1 + z**2 / n))
    high = np.where(p == 0, none, np.minimum(1.0, (centre + half) / (1 + z**2 / n)))
    return low, high


def _mean(sample: Floats, confidence: float) -> Estimate:
    n, mean = sample.size, float(sample.mean())
    if n == 1:
        return Estimate(mean, math.inf, -math.inf, math.inf)
    s = float(sample.std(ddof=1))
    error = s / math.sqrt(n)
    if not error:
        return Estimate(mean, 0.0, mean, mean)
    a = float((((sample - mean) / s) ** 3).mean()) / math.sqrt(n)
    reach = _student(confidence, n - 1)
    low, high = (mean - error * _inverse_of_hall(w, a) for w in (reach, -reach))
    return Estimate(mean, error, low, high)


def _inverse_of_hall(w: float, a: float) -> float:
    """T with T + a T^2/3 + a^2 T^3/27 + a/6 = w; the first three terms are ((1 + aT/3)^3 - 1)/a."""
    if abs(a) < 1e-6:  # the closed form cancels; what is neglected is of order a
        return w
    return float(3 * (np.cbrt(1 + a * (w - a / 6)) - 1) / a)


def _of_losses(estimate: Estimate) -> Estimate:
    """No mean of losses is below 0, whatever the interval says."""
    return estimate._replace(low=max(0.0, estimate.low))
