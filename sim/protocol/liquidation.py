"""Twin of `contracts/liquidation/*.sol` and `contracts/libraries/Amounts.sol`: how much, at what
bonus, for what.

Values are USD with 8 decimals, health is a WAD, ratios are BPS, amounts are token units.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.fixed_point import (
    BPS,
    jitable,
    mul_div_down,
    mul_div_half,
    mul_div_up,
    mul_div_whole,
    wad,
)
from sim.protocol.soundness import MIN_LEFTOVER, WAD_PER_BPS_SQUARED
from sim.protocol.state import (
    AUCTION_SECONDS,
    CLOSE_FACTOR,
    ENGINE,
    HF_FOR_MAX_BONUS,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    State,
)
from sim.protocol.units import USD

FULL_CLOSE_VALUE = 2_000 * USD
"""CloseFactor: a pair with a leg below this value may be closed whole."""
CLOSE_FACTOR_BPS = 5_000
FULL_CLOSE_HEALTH_BPS = 9_500
"""CloseFactor: at or below this health everything may be repaid."""


class Context(NamedTuple):
    """What an engine is handed, and all that it sees."""

    health_factor: int
    """WAD, below 1e18."""
    pair_debt: int
    """Token units, up."""
    pair_debt_value: int
    """USD, up."""
    pair_collateral_value: int
    """USD, down."""
    total_debt_value: int
    """USD, up."""
    price_debt: int
    unit_debt: int
    lt_bps: int
    """The threshold of the collateral now in force."""
    min_bonus_bps: int
    max_bonus_bps: int
    seconds_flagged: int
    """0 when the account is not flagged."""


class Pair(NamedTuple):
    """One debt and one collateral of an account."""

    debt: int
    """Token units, up."""
    collateral: int
    """Token units, down."""
    price_debt: int
    unit_debt: int
    price_collateral: int
    unit_collateral: int


class Amounts(NamedTuple):
    """What a liquidation moves."""

    repaid: int
    """Debt units."""
    seized: int
    """Collateral units, fee included."""
    fee: int
    """Collateral units."""


# --- engines --------------------------------------------------------------------------------------


@jitable
def close_factor_max_repay(c: Context) -> int:
    """Half of the account's total debt value, in debt units down; all of the pair if deep under
    water or small.

    The rule of Aave v3.3 and later.
    """
    if c.health_factor * BPS <= FULL_CLOSE_HEALTH_BPS * wad():
        return c.pair_debt
    if c.pair_debt_value < FULL_CLOSE_VALUE or c.pair_collateral_value < FULL_CLOSE_VALUE:
        return c.pair_debt
    limit = mul_div_half(c.total_debt_value, CLOSE_FACTOR_BPS, BPS)
    if c.pair_debt_value <= limit:
        return c.pair_debt
    return mul_div_down(limit, c.unit_debt, c.price_debt)


@jitable
def target_health_bonus(c: Context, hf_for_max_bonus: int) -> int:
    """Linear in health from the least bonus at 1 to the largest at `hf_for_max_bonus`, down."""
    if c.health_factor <= hf_for_max_bonus:
        return c.max_bonus_bps
    fall = wad() - c.health_factor
    return c.min_bonus_bps + mul_div_whole(
        c.max_bonus_bps - c.min_bonus_bps, fall, wad() - hf_for_max_bonus
    )


@jitable
def target_health_max_repay(c: Context, target_health: int, bonus_bps: int) -> int:
    """Value D (T - HF) / (T - (1 + b) lt) in debt units, up; all of the pair if a leftover would be
    too small.
    """
    returned = (BPS + bonus_bps) * c.lt_bps * WAD_PER_BPS_SQUARED
    value = mul_div_up(
        c.total_debt_value, target_health - c.health_factor, target_health - returned
    )
    if value + MIN_LEFTOVER > c.pair_debt_value:
        return c.pair_debt
    if mul_div_up(value, BPS + bonus_bps, BPS) + MIN_LEFTOVER > c.pair_collateral_value:
        return c.pair_debt
    return min(mul_div_up(value, c.unit_debt, c.price_debt), c.pair_debt)


@jitable
def dutch_bonus(c: Context, auction_seconds: int) -> int:
    """Linear in the time since the flag from the least bonus to the largest, down."""
    elapsed = min(c.seconds_flagged, auction_seconds)
    return c.min_bonus_bps + mul_div_whole(
        c.max_bonus_bps - c.min_bonus_bps, elapsed, auction_seconds
    )


@jitable
def quote(s: State, v: int, c: Context) -> tuple[int, int]:
    """(largest repayment in debt units, bonus in BPS) of the vault's engine, clamped as the vault
    does.
    """
    engine = s.policy[v, ENGINE]
    repay, bonus = c.pair_debt, c.max_bonus_bps
    if engine == CLOSE_FACTOR:
        repay = close_factor_max_repay(c)
    elif engine == TARGET_HEALTH_ENGINE:
        bonus = target_health_bonus(c, s.policy[v, HF_FOR_MAX_BONUS])
        repay = target_health_max_repay(c, s.policy[v, TARGET_HEALTH], bonus)
    else:
        bonus = dutch_bonus(c, s.policy[v, AUCTION_SECONDS])
    return min(repay, c.pair_debt), min(bonus, c.max_bonus_bps)


# --- amounts --------------------------------------------------------------------------------------


@jitable
def seize(repay: int, p: Pair, bonus_bps: int, fee_bps: int) -> Amounts:
    """The repayment in collateral units plus the bonus, bounded by the balance.

    Base and bonus round down; when the balance is short, all of it is seized and the repayment is
    what it pays for, up.
    """
    rate = BPS + bonus_bps
    base = mul_div_down(repay * p.price_debt, p.unit_collateral, p.price_collateral * p.unit_debt)
    repaid, seized = repay, mul_div_down(base, rate, BPS)
    if seized > p.collateral:
        seized = p.collateral
        needed = mul_div_down(
            p.price_collateral * seized, p.unit_debt, p.price_debt * p.unit_collateral
        )
        repaid = mul_div_up(needed, BPS, rate)
    fee = mul_div_up(seized - mul_div_down(seized, BPS, rate), fee_bps, BPS)
    return Amounts(repaid, seized, fee)


@jitable
def leaves_dust(p: Pair, repaid: int, seized: int) -> bool:
    """Whether both legs stay open and one of them below `MIN_LEFTOVER`."""
    if repaid == p.debt or seized == p.collateral:
        return False
    debt_left = mul_div_up(p.debt - repaid, p.price_debt, p.unit_debt)
    collateral_left = mul_div_down(p.collateral - seized, p.price_collateral, p.unit_collateral)
    return debt_left < MIN_LEFTOVER or collateral_left < MIN_LEFTOVER
