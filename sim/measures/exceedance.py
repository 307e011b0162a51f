"""How likely a loss larger than x is, for every x: the loss exceedance curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.clusters import Clusters, effective_of, sizes_of
from sim.measures.intervals import Floats, wilson
from sim.measures.losses import checked


def exceedance(
    losses: npt.ArrayLike, confidence: float = 0.95, clusters: Clusters | None = None
) -> pd.DataFrame:
    """The loss exceedance curve: columns loss, probability = P(L > loss), low, high.

    One row for loss 0 and each loss in the sample, ascending. The band holds point by point, not
    for the whole curve at once; it is that of `probability_of_loss` for independent paths, or for
    clusters.
    """
    unsorted = checked(losses)
    order = np.argsort(unsorted, kind="stable")
    sample = unsorted[order]
    at = np.union1d(0.0, sample)
    up_to = np.searchsorted(sample, at, side="right")
    above = (sample.size - up_to) / sample.size
    trials: float | Floats = sample.size
    if clusters is not None:
        trials = _trials_above(clusters[order], up_to, above, confidence)
    low, high = wilson(above, trials, confidence)
    return pd.DataFrame({"loss": at, "probability": above, "low": low, "high": high})


def _trials_above(
    clusters: Clusters, up_to: npt.NDArray[np.intp], above: Floats, confidence: float
) -> Floats:
    """n* of the share of paths beyond each of the first `up_to` ones, of clusters in the order of
    their paths' losses.

    Of counts k_c beyond, sum k_c^2 and sum k_c n_c change by one path at a time.
    """
    _, own = np.unique(clusters, return_inverse=True)
    counts = sizes_of(clusters)
    n, count = own.size, counts.size
    by_cluster = np.argsort(own, kind="stable")
    place = np.empty(n)  # of a path among those of its cluster, from 0
    place[by_cluster] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts.astype(int))
    left = counts[own] - place  # of its cluster, it included
    squares = float((counts**2).sum())
    of_squares = squares - np.concatenate([[0.0], np.cumsum(2 * left - 1)])[up_to]
    of_products = squares - np.concatenate([[0.0], np.cumsum(counts[own])])[up_to]
    deviations = np.maximum(of_squares - 2 * above * of_products + above**2 * squares, 0.0)
    variance = deviations / n**2 * count / max(count - 1, 1)
    inside = (above > 0) & (above < 1)
    found = np.full(above.shape, float(count))
    found[inside] = effective_of(above[inside], variance[inside], n, count, confidence)
    return found
