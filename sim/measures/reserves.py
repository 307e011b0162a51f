"""What each reserve loses: its part of the loss of all of them, and whether it can bear its own.

A reserve is an asset that is lent, with the fees and the insurance fund that stand for its losses.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sim.measures.intervals import Estimate, Replicates
from sim.measures.losses import tail_weights, value_at_risk

Floats = npt.NDArray[np.float64]


def euler(losses_by_part: npt.ArrayLike, level: float) -> Floats:
    """The parts of the expected shortfall of a sum: of losses (paths, parts), each >= 0, (parts,).

        ES_a(sum L_i) = sum_i E[L_i w],   w the tail weights of the sum

    which is Euler's allocation, the mean loss of a part over the paths on which the sum is worst
    (D. Tasche, Risk contributions and performance measurement, 1999). The parts add up to the
    sample ES_a; each is at most the part's own ES_a. In the unit of the losses. ValueError as in
    `sim.measures.losses`.
    """
    losses = np.asarray(losses_by_part, dtype=float)
    weights = tail_weights(losses.sum(axis=1), level)
    return np.asarray((losses * weights[:, np.newaxis]).mean(axis=0))


def coverage(
    losses: npt.ArrayLike,
    bearable: npt.ArrayLike,
    level: float,
    replicates: Replicates = None,
    confidence: float = 0.95,
) -> Estimate:
    """How many times over a reserve can bear its loss L with what it has for it, B, at level a:

        the largest c with P(B >= c L) >= a,   1 / VaR_a(L / B)

    B / VaR_a(L) if B is the same on every path. 1 or more says that on a share a of the paths
    nobody but fees and fund loses. Infinite if the reserve loses nothing on such a share; 0 if it
    has nothing for a loss. `losses` and `bearable` are one number per path, >= 0, in one unit.

    Computed as VaR_a of L / (L + B), which rises with L / B and is finite; the interval is that of
    this VaR, and `standard_error` is NaN. ValueError as in `sim.measures.losses`.
    """
    lost, own = (np.asarray(numbers, dtype=float) for numbers in (losses, bearable))
    whole = lost + own
    share = np.divide(lost, whole, out=np.zeros_like(whole), where=lost > 0)
    found = value_at_risk(share, level, replicates, confidence)
    value, low, high = (_odds(part) for part in (found.value, found.high, found.low))
    return Estimate(value, math.nan, low, high)


def _odds(share: float) -> float:
    """(1 - share) / share: B / L of L / (L + B)."""
    if share == 0:
        return math.inf
    return (1 - share) / share if share < 1 else 0.0
