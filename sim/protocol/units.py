"""Units that are small numbers everywhere; the large ones are functions in `fixed_point`, because
compiled code has no integers of that size. Needs no compiler.
"""

from __future__ import annotations

from fractions import Fraction

BPS = 10_000
"""Basis points of 1."""
USD = 10**8
"""Units of a price or a value per USD: both have 8 decimals."""
YEAR = 31_536_000
"""Seconds of a 365-day year."""


def to_wad(ratio: float) -> int:
    """The decimal as written, as a WAD: 0.84 is 84/100, not the nearest double."""
    return int(Fraction(str(ratio)) * 10**18)


SHARES_OF_A_LOST_POOL = 1_000_000_000_000
"""Shares are minted at 1e6 for a unit. A pool in which a unit has to do for a million times as many
was lost.
"""
PARTS_OF_A_POOL = 1_000_000
"""Less than one of so many parts is nothing: a loss that leaves it of a pool of stakes took all of
it.
"""
