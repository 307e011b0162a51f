"""Who is who: actors by number, and units that everyone shares."""

from __future__ import annotations

from fractions import Fraction

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
"""Liquidators, in the order of the scenario; then one owner per account."""
VALUE = 10**8
"""Units of a value or price per USD."""


def to_wad(ratio: float) -> int:
    """The decimal as written, as a WAD: 0.84 is 84/100, not the nearest double."""
    return int(Fraction(str(ratio)) * 10**18)


def to_tokens(usd: float, unit: int, price: int) -> int:
    """Token units worth `usd` at `price` (USD with 8 decimals), down."""
    return round(usd * VALUE) * unit // price
