"""Intervals of means of one term per path: of losses, of differences of losses, of shares.

Most paths of a lending protocol lose nothing and a few lose much, so terms are skewed, their tails
may be heavy, and a mean +- 1.96 standard errors misses the truth too often, nearly always from
below. What is done about it, and how often it then holds, is measured in `docs/coverage.md`.

**Skewness.** Of

    T = sqrt(n) (mean - mu) / s,    g(T) = T + a T^2 / 3 + a^2 T^3 / 27 + a / 6,
    a = skewness / sqrt(n)

g(T) is nearer to a normal law than T is, and has an inverse in closed form (P. Hall, On the removal
of skewness by transformation, J. R. Statist. Soc. B 54 (1992) 221-228). Its ends are taken at
Student's quantiles with n-1 degrees of freedom; without skewness this is Student's interval.

**Rare losses.** Where k of n paths lose, the upper end of a mean loss is the farther of Hall's for
all n, and of Clopper and Pearson's upper end of k/n times Hall's of the k losses.

**What no path has shown.** The law goes on beyond the largest loss M of n paths, with a mass of
at most u = 1 - (1-confidence)^(1/n), about 3/n: the bound that holds where nobody lost. If it goes
on as a Pareto law with the tail weight x that B. M. Hill's estimator finds in the largest sqrt(k)
of k losses (Ann. Statist. 3 (1975) 1163-1174), it adds to the mean

    u M x / (1 - x),    without bound for x >= 1.

The upper end is moved by as much; of a Pareto law of index 1.5, x = .67, a mean is otherwise held
in .86 of cases whatever n, because its variance is infinite. Fewer than `LEAST_LOSING` losses, or
losses that are all of one size, say nothing of larger ones: then there is no upper end.

**Differences.** The terms of two settings differ by both signs. Where neither is better, few large
differences give a sample a skewness that their law has not, and Hall's interval covers .80 to .90;
Student's covers .93 or more. Where one is better on every path it is the other way round. So an
interval reaches as far as the farther of Student's and of Hall's moved by what no path has shown,
on either side by the largest difference of that sign. Fewer than `LEAST_APART` paths that differ
bound no amount, and none does not either: paths that have not been run may differ.

**Replicates.** Paths are independent unless `replicates` says otherwise: R says that they come from
R scramblings of a quasi-Monte Carlo point set, path k from scrambling k mod R, and an array of one
whole number per path that paths of one number, such as those of one book of borrowers, depend on
each other: they are a cluster, see `sim.measures.clusters`. Then the value is still that of all
paths, and the interval that of R terms, one per scrambling or cluster, R taking the place of n (A.
B. Owen, Error estimation for quasi-Monte Carlo, arXiv:2501.00150): losses, differences and what is
unseen are counted in clusters. R equal means of scramblings, as when no path loses, say nothing of
the error: it is then that of independent paths, which scrambled points at least match in practice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy  # its parts, slow to import, come when they are used

from sim.measures.clusters import linearised, means, sums

Floats = npt.NDArray[np.float64]
Replicates = int | npt.NDArray[np.intp] | None
"""Number of scramblings; or of each path, the number of its cluster from 0; or independent."""

LEAST_LOSING = 5
"""Losses. From fewer no tail is estimated, and their mean has no upper end."""
LEAST_APART = 6
"""Paths. Five that all speak for one of two equal settings do so by chance once in 16 times."""


class Estimate(NamedTuple):
    """A figure with its error, in the unit of the sample (a probability has none).

    [low, high] is two-sided and covers the true figure with probability `confidence`, 95 % unless
    the caller says otherwise. An end, or an error, that the sample cannot bound is infinite.
    """

    value: float
    standard_error: float
    low: float
    high: float


def mean_of(
    terms: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """Mean of one term per path, of any sign, with Hall's interval."""
    return hall(independent(np.asarray(terms, dtype=float), replicates), confidence)


def mean_of_losses(
    losses: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """Mean of one loss per path, >= 0, with the interval of rare losses and heavy tails above.

    Unbounded above with fewer than `LEAST_LOSING` losses, with losses all of one size, and where
    their tail is so heavy that a mean may not exist.
    """
    parts = independent_losses(np.asarray(losses, dtype=float), replicates)
    found, hit = hall(parts, confidence), parts[parts > 0]
    if hit.size < LEAST_LOSING or not np.ptp(hit):
        low = found.low
        if not np.ptp(parts):  # the mean is at least this loss times its share of all paths
            low = found.value * (1 - unseen_share(parts.size, confidence))
        return Estimate(found.value, math.inf, max(0.0, low), math.inf)
    high = found.high
    if hit.size < parts.size:
        share = clopper_pearson_high(hit.size, parts.size, confidence)
        high = max(high, share * hall(hit, confidence).high)
    high += _beyond(hit) * unseen_share(parts.size, confidence) * float(hit.max())
    error = found.standard_error if math.isfinite(high) else math.inf
    return Estimate(found.value, error, max(0.0, found.low), high)


def mean_difference(
    differences: npt.ArrayLike, replicates: Replicates = None, confidence: float = 0.95
) -> Estimate:
    """Mean of one term per path, of any sign, with the farther of Hall's and Student's intervals:
    for terms of which enough are seen. Terms that are all equal give their value without error.
    """
    parts = independent(np.asarray(differences, dtype=float), replicates)
    found = hall(parts, confidence)
    return _as_far_as_student(found, found, parts.size, confidence)


def paired_mean(
    differences: npt.ArrayLike,
    replicates: Replicates = None,
    confidence: float = 0.95,
    apart: npt.ArrayLike | None = None,
) -> Estimate:
    """Mean of one difference per path of two settings, with the interval of differences above.

    `apart` has what the difference of each path owes to its own two losses, 0 where they agree;
    the differences themselves if it is left out. Unbounded with fewer than `LEAST_APART` that are
    not 0 (none included), and on a side where the tail is so heavy that a mean may not exist.
    """
    terms = np.asarray(differences, dtype=float)
    parts = independent(terms, replicates)
    own = _apart(terms if apart is None else np.asarray(apart, dtype=float), replicates)
    sizes = np.abs(own[own != 0])
    found = hall(parts, confidence)
    if sizes.size < LEAST_APART:
        return Estimate(found.value, math.inf, -math.inf, math.inf)
    beyond = _beyond(sizes) * unseen_share(own.size, confidence)
    below, above = max(0.0, -float(own.min())), max(0.0, float(own.max()))
    moved = found._replace(
        low=found.low - (beyond * below if below else 0.0),
        high=found.high + (beyond * above if above else 0.0),
    )
    return _as_far_as_student(found, moved, parts.size, confidence)


def significance(interval: Callable[[float], Estimate]) -> float:
    """The two-sided p-value of the hypothesis that a figure is 0: 1 less the largest confidence
    whose interval, `interval(confidence)`, leaves 0 out. 1 if none of .05 or more does; not told
    apart below 1e-9.
    """

    def nearest(logarithm: float) -> float:
        found = interval(-math.expm1(logarithm))
        return found.low if found.value > 0 else -found.high

    least, most = math.log(1e-9), math.log(0.95)
    if not nearest(most) > 0:
        return 1.0
    if nearest(least) > 0:
        return 1e-9
    # An end may be infinite: its sign is what the root is of.
    root = scipy.optimize.brentq(lambda x: math.atan(nearest(x)), least, most, xtol=1e-3)
    return math.exp(root)


def holm(p_values: Mapping[str, float], level: float = 0.05) -> set[str]:
    """Names of the hypotheses to reject, so that with probability 1 - level no true one is: of m
    p-values ascending, the i-th (from 0) as long as it and all before are <= level / (m - i).

    S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979)
    65-70. The tests may depend on each other.
    """
    rejected: set[str] = set()
    for i, name in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        if p_values[name] > level / (len(p_values) - i):
            break
        rejected.add(name)
    return rejected


def independent(terms: Floats, replicates: Replicates) -> Floats:
    """Parts that are independent and have the mean of the terms: R replicate means, the linearised
    terms of clusters, or the terms themselves without replicates or where the means of scramblings
    are equal to rounding.

    ValueError for scramblings that are fewer than 2 or do not divide the paths, and for clusters
    that are not one number per path.
    """
    if replicates is None:
        return terms
    if isinstance(replicates, int):
        if replicates < 2 or terms.size % replicates:
            raise ValueError(
                f"{terms.size} paths are not {replicates} replicates of equal size, 2 or more"
            )
        means = terms.reshape(-1, replicates).mean(axis=0)
        return means if np.ptp(means) > 1e-12 * np.abs(means).max() else terms
    return linearised(terms, replicates)


def independent_losses(losses: Floats, replicates: Replicates) -> Floats:
    """The same of terms >= 0, of which a cluster whose terms are 0 must stay one: their means."""
    if isinstance(replicates, np.ndarray):
        return means(losses, replicates)
    return independent(losses, replicates)


def _apart(terms: Floats, replicates: Replicates) -> Floats:
    """The same of terms whose signs count and whose zeros say that two settings agree."""
    if isinstance(replicates, np.ndarray):
        totals = sums(terms, replicates)
        return np.asarray(totals * (totals.size / terms.size))
    return independent(terms, replicates)


def hall(sample: Floats, confidence: float) -> Estimate:
    """Mean of independent terms with Hall's interval; without error if all are equal."""
    n, mean = sample.size, float(sample.mean())
    if n == 1:
        return Estimate(mean, math.inf, -math.inf, math.inf)
    s = float(sample.std(ddof=1))
    error = s / math.sqrt(n)
    if not error:
        return Estimate(mean, 0.0, mean, mean)
    a = float((((sample - mean) / s) ** 3).mean()) / math.sqrt(n)
    reach = student(confidence, n - 1)
    low, high = (mean - error * _inverse_of_hall(w, a) for w in (reach, -reach))
    return Estimate(mean, error, low, high)


def wilson(p: Floats, n: float | Floats, confidence: float) -> tuple[Floats, Floats]:
    """Ends of the interval of shares p of n: Wilson's, but exact one-sided bounds at 0 and 1. Of
    dependent paths n is how many independent ones tell as much.
    """
    # scipy's binomtest has Wilson's interval too, for one share at a time.
    z = normal(confidence)
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)
    unseen = _unseen(n, confidence)
    low = np.where(p == 0, 0.0, np.where(p == 1, 1 - unseen, low))
    high = np.where(p == 0, unseen, np.where(p == 1, 1.0, high))
    return low, high


def unseen_share(n: int, confidence: float = 0.95) -> float:
    """The most that what none of n paths has shown happens at `confidence`: 1 - (1-c)^(1/n)."""
    return float(_unseen(n, confidence))


def _unseen(n: float | Floats, confidence: float) -> Floats:
    ends(confidence)
    return np.asarray(-np.expm1(math.log1p(-confidence) / n))


def clopper_pearson_high(k: int, n: int, confidence: float) -> float:
    """The upper end of a share of which k of n are seen, k < n (Biometrika 26 (1934) 404-413)."""
    return float(scipy.special.betaincinv(k + 1, n - k, ends(confidence)[1]))


def ends(confidence: float) -> tuple[float, float]:
    """Probabilities below the two ends of an interval."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    return (1 - confidence) / 2, (1 + confidence) / 2


def normal(confidence: float) -> float:
    """The normal law's quantile at the upper end."""
    return float(scipy.special.ndtri(ends(confidence)[1]))


def student(confidence: float, freedom: int) -> float:
    """Student's quantile at the upper end."""
    return float(scipy.special.stdtrit(freedom, ends(confidence)[1]))


def _as_far_as_student(found: Estimate, moved: Estimate, n: int, confidence: float) -> Estimate:
    reach = student(confidence, n - 1) * found.standard_error if n > 1 else 0.0
    return moved._replace(
        low=min(moved.low, found.value - reach), high=max(moved.high, found.value + reach)
    )


def _beyond(sizes: Floats) -> float:
    """How far paths beyond the largest of these sizes > 0 go beyond it in the mean, in units of it:
    x / (1 - x) with x the tail weight.
    """
    order = np.sort(sizes)[::-1]
    top = min(order.size - 1, max(2, round(math.sqrt(order.size))))
    weight = float(np.log(order[:top] / order[top]).mean())
    return weight / (1 - weight) if weight < 1 else math.inf


def _inverse_of_hall(w: float, a: float) -> float:
    """T with T + a T^2/3 + a^2 T^3/27 + a/6 = w; the first three terms are ((1 + aT/3)^3 - 1)/a."""
    if abs(a) < 1e-6:  # the closed form cancels; what is neglected is of order a
        return w
    return float(3 * (np.cbrt(1 + a * (w - a / 6)) - 1) / a)
