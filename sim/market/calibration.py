"""How deep a constant-product pool is, from what is known about it.

A pool has R dollars on each side at the start. Selling X dollars of its base, of which the share g
= 1 - fee is priced, leaves R + X there and R^2 / (R + g X) on the other side. So its price falls by

    Y = 1 - R^2 / ((R + X)(R + g X))            a depth figure: "$X moves the price by Y"

which is a quadratic equation for R. Without the fee the sale fetches less than the price at the
start by

    i(X) = X / (R + X)                          a quote: (size, average price impact)
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy  # its parts, slow to import, come when they are used

from sim.protocol.units import BPS
from sim.schema.market import Venue

USUAL_ERROR = 0.1
"""Of a quote: beyond it it counts as an outlier."""


class Fit(NamedTuple):
    """A depth fitted to quotes."""

    depth_usd: float
    """R, USD per side."""
    error: float
    """Root mean square of ln(fitted impact / quoted impact): .1 is off by a tenth; 0 for a single
    quote.
    """
    largest_error: float
    """The largest of them in size."""


def depth_usd(venue: Venue) -> float:
    """USD on each side of the pair at the start, however the scenario states it."""
    if venue.quotes is not None:
        return fit([(usd, bps / BPS) for usd, bps in venue.quotes]).depth_usd
    if venue.depth is not None:
        return from_price_move(
            venue.depth.sale_usd, venue.depth.price_move_bps / BPS, venue.fee_bps / BPS
        )
    if venue.depth_usd_per_side is None:
        raise ValueError(f"the venue {venue.label} has no depth")
    return venue.depth_usd_per_side


def from_price_move(sale_usd: float, move: float, fee: float = 0.0) -> float:
    """USD per side of the pool whose price falls by `move` (0 to 1) when `sale_usd` is sold.

        (1 - y) R^2 - y (1 + g) X R - y g X^2 = 0,   y = 1 - move, g = 1 - fee

    Without a fee R = X sqrt(y) / (1 - sqrt(y)).
    """
    left, keep = 1 - move, 1 - fee
    half = left * (1 + keep) / 2
    return sale_usd * (half + sqrt(half**2 + move * left * keep)) / move


def impact(sale_usd: npt.ArrayLike, depth_usd: float) -> npt.NDArray[np.float64]:
    """Average price impact X / (R + X) of sales into a pool of that depth, as a share."""
    sale = np.asarray(sale_usd, dtype=np.float64)
    shares: npt.NDArray[np.float64] = sale / (depth_usd + sale)
    return shares


def fit(quotes: npt.ArrayLike) -> Fit:
    """The pool that comes nearest to `quotes`, rows (USD sold, average price impact as a share).

    Errors are ln(fitted / quoted impact), as sizes span orders of magnitude, and their squares are
    summed up to USUAL_ERROR, the sizes of larger ones (soft L1): among real quotes there are always
    some that are wrong by a multiple, and one such must not move the depth.
    """
    sizes, impacts = np.asarray(quotes, dtype=np.float64).T

    def errors(log_depth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.log(impact(sizes, float(np.exp(log_depth[0]))) / impacts)

    alone = sizes * (1 - impacts) / impacts  # the pool that each quote alone stands for
    found = scipy.optimize.least_squares(
        errors,
        x0=[np.log(np.median(alone))],
        loss="soft_l1",
        f_scale=USUAL_ERROR,
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    left = errors(found.x)
    return Fit(
        float(np.exp(found.x[0])),
        float(np.sqrt(np.mean(left**2))),
        float(np.abs(left).max()),
    )
