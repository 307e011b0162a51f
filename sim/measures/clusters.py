"""Paths that depend on each other because they have one book of borrowers: clusters.

Path j of n is of cluster c(j), one of R with n_c paths each, nearly equally many. Clusters are
independent of each other, so they and not the paths are the sample: y_c is the sum of the terms of
a cluster, m the mean of all terms. To first order m is the mean of the linearised terms

    z_c = m + R/n (y_c - n_c m),

whose variance over R is that of m also where the n_c differ (Taylor linearisation of a ratio:
W. G. Cochran, Sampling techniques, 3rd ed. 1977, 6.3 and 9A).

Clusters are given as one whole number per path, from 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy  # its parts, slow to import, come when they are used

Floats = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.intp]


class Split(NamedTuple):
    """Where the variance of losses comes from, in squared units of the loss."""

    of_book: float
    """Of the means of books, over all books that could be drawn; 0 if chance alone gives more."""
    of_path: float
    """Of the paths of one book."""
    share_of_mean: float
    """Of the variance of the mean of this sample, the part that is due to its books."""

    @property
    def share_of_one(self) -> float:
        """Of the variance of one loss, the part that is due to its book; 0 where nothing varies."""
        whole = self.of_book + self.of_path
        return self.of_book / whole if whole else 0.0


def sizes_of(clusters: Clusters) -> Floats:
    """(R,): paths of each cluster that has any."""
    counts = np.bincount(clusters)
    return counts[counts > 0].astype(float)


def sums(terms: Floats, clusters: Clusters) -> Floats:
    """(R,): y_c of each cluster that has paths. ValueError unless every term has a cluster."""
    if clusters.shape != terms.shape:
        raise ValueError(f"{terms.size} paths but numbers of the clusters of {clusters.size}")
    counts = np.bincount(clusters)
    return np.asarray(np.bincount(clusters, weights=terms)[counts > 0])


def linearised(terms: Floats, clusters: Clusters) -> Floats:
    """(R,): z_c, whose mean is that of the terms."""
    totals, counts = sums(terms, clusters), sizes_of(clusters)
    mean = terms.mean()
    return np.asarray(mean + (totals - counts * mean) * (counts.size / terms.size))


def means(losses: Floats, clusters: Clusters) -> Floats:
    """(R,): the mean of each cluster, times what makes their mean that of all losses: of losses,
    where a cluster that lost nothing must stay at 0.
    """
    found = sums(losses, clusters) / sizes_of(clusters)
    middle = found.mean()
    return np.asarray(found * (losses.mean() / middle) if middle else found)


def effective(hits: Floats, clusters: Clusters, confidence: float = 0.95) -> float:
    """How many independent paths would tell as much of a share, the mean of `hits` in 0..1.

        n* = p (1-p) / v (t_{n-1} / t_{R-1})^2,    1..n

    with v the variance of the share by its linearised terms, and Student's quantiles for how well
    R clusters know v (E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193-201). R where
    all or none are hit: of what no cluster has shown, clusters and not paths are the trials.
    """
    p, parts = float(hits.mean()), linearised(hits, clusters)
    variance = float(parts.var(ddof=1)) / parts.size if parts.size > 1 else np.inf
    if not 0 < p < 1:
        return float(parts.size)
    found = effective_of(np.array(p), np.array(variance), hits.size, parts.size, confidence)
    return float(found)


def effective_of(p: Floats, variance: Floats, n: int, count: int, confidence: float) -> Floats:
    """n* of shares 0 < p < 1 with these variances, from n paths in `count` clusters."""
    end = (1 + confidence) / 2
    quantile = scipy.special.stdtrit
    known = (quantile(n - 1, end) / quantile(count - 1, end)) ** 2 if count > 1 else 0.0
    with np.errstate(divide="ignore"):
        found = known * p * (1 - p) / variance
    return np.asarray(np.clip(found, 1.0, n))


def split(losses: npt.ArrayLike, clusters: Clusters) -> Split:
    """One-way analysis of variance: with S_b and S_w the mean squares between and within clusters,

        of_path = S_w,    of_book = max(0, S_b - S_w) / n_0,    n_0 = (n - sum n_c^2 / n) / (R - 1)

    and of the mean of all, (of_book sum n_c^2 / n + of_path) / n. ValueError for fewer than two
    clusters, or one path in each: what is due to which cannot be told then.
    """
    sample = np.asarray(losses, dtype=float)
    totals, counts = sums(sample, clusters), sizes_of(clusters)
    n, count = sample.size, counts.size
    if count < 2 or n == count:
        raise ValueError(f"{n} paths of {count} clusters: two clusters and two paths of one")
    between = float((counts * (totals / counts - sample.mean()) ** 2).sum())
    within = float(((sample - sample.mean()) ** 2).sum()) - between
    of_path = max(0.0, within) / (n - count)
    usual = (n - (counts**2).sum() / n) / (count - 1)
    of_book = max(0.0, between / (count - 1) - of_path) / float(usual)
    by_book = of_book * float((counts**2).sum()) / n**2
    whole = by_book + of_path / n
    return Split(of_book, of_path, by_book / whole if whole else 0.0)
