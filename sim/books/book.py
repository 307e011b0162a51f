"""What a book is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.object_]  # Python integers

MAX_AMOUNT = 2**112
"""Amounts of the contracts are below it, in token units."""


class Book(NamedTuple):
    """Accounts at the start: rows are accounts, columns the scenario's assets."""

    collateral: Integers
    """(accounts, assets), token units."""
    debt: Integers
    """(accounts, assets), token units."""
    isolated: npt.NDArray[np.bool_]
    """(accounts,): margin is isolated: at most one asset each is collateral and debt."""
