"""Ratios as WADs, 18 decimals, exactly as they are written."""

from decimal import Decimal

import numpy as np
import numpy.typing as npt

WAD_DIGITS = 18
WAD = 10**WAD_DIGITS


def wads(ratios: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """The decimals as written, 1.1939 is 11939/10000 and not the nearest double; same shape."""
    levels, where = np.unique(ratios, return_inverse=True)
    exact = [int(Decimal(repr(float(level))).scaleb(WAD_DIGITS)) for level in levels]
    return np.array(exact, dtype=object)[where]
