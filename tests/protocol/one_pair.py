"""An account with one debt and one collateral, a token unit of each worth one unit of value."""

from __future__ import annotations

from sim.protocol.liquidation import Context, Pair

PRICE, UNIT = 10**8, 10**8
"""One token unit is worth one unit of value."""


def pair(collateral: int, debt: int = 0) -> Pair:
    return Pair(debt, collateral, PRICE, UNIT, PRICE, UNIT, 0)


def context(
    health: int, collateral: int, debt: int, lt_bps: int = 8_000, max_bonus_bps: int = 500
) -> Context:
    """What an engine sees of it; the least bonus is 0."""
    return Context(
        health_factor=health,
        pair_debt=debt,
        pair_debt_value=debt,
        pair_collateral_value=collateral,
        total_debt_value=debt,
        usable_collateral_value=2 * debt,
        price_debt=PRICE,
        unit_debt=UNIT,
        price_collateral=PRICE,
        unit_collateral=UNIT,
        lt_bps=lt_bps,
        min_bonus_bps=0,
        max_bonus_bps=max_bonus_bps,
        seconds_flagged=0,
        seconds_thin=0,
    )
