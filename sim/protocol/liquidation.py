"""Twin of `contracts/liquidation/*.sol` and `contracts/libraries/Amounts.sol`: how much, at what
bonus, for what.

Values are USD with 8 decimals, health is a WAD, ratios are BPS, amounts are token units.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.errors import MUST_NOT_LEAVE_DUST, OK
from sim.protocol.fixed_point import (
    BPS,
    jitable,
    mul_div_down,
    mul_div_half,
    mul_div_up,
    mul_div_whole,
    wad,
    zero,
)
from sim.protocol.soundness import MIN_LEFTOVER, THIN_AUCTION, WAD_PER_BPS_SQUARED
from sim.protocol.state import (
    AUCTION_SECONDS,
    CLOSE_FACTOR,
    ENGINE,
    FULL_CLOSE_HEALTH,
    HF_FOR_MAX_BONUS,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    State,
)
from sim.protocol.units import USD

FULL_CLOSE_VALUE = 2_000 * USD
"""CloseFactor: a pair may be closed whole when what heals would leave less of a leg."""
CLOSE_FACTOR_BPS = 5_000


class Context(NamedTuple):
    """What an engine is handed, and all that it sees but for the collateral of the account."""

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
    usable_collateral_value: int
    """USD, down: of what may be sold."""
    price_debt: int
    unit_debt: int
    price_collateral: int
    unit_collateral: int
    lt_bps: int
    """The threshold of the collateral now in force, of the highest bracket that there is of it."""
    min_bonus_bps: int
    max_bonus_bps: int
    seconds_flagged: int
    """0 when the account is not flagged."""
    seconds_thin: int
    """For which it was seen due and thin under its flag."""


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
    cash: int
    """Token units of the collateral that can be paid out; 0: no bound."""


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
def close_factor_max_repay(c: Context, full_close_health: int) -> int:
    """What heals the account and half of the debt that is left then, in debt units up; all of the
    pair if deep under water, or small by then.

    The rule of Aave v3.3 and later, of which half is not of what there is: whoever is allowed half
    of that takes almost what heals first, and half of the rest.
    """
    if c.health_factor <= full_close_health:
        return c.pair_debt
    heals = healing(c, wad(), c.max_bonus_bps)
    if c.pair_debt_value < FULL_CLOSE_VALUE + heals:
        return c.pair_debt
    taken = mul_div_up(heals, BPS + c.max_bonus_bps, BPS)
    if c.pair_collateral_value < FULL_CLOSE_VALUE + taken:
        return c.pair_debt
    left = max(c.total_debt_value - heals, zero())
    limit = heals + mul_div_half(left, CLOSE_FACTOR_BPS, BPS)
    return min(mul_div_up(limit, c.unit_debt, c.price_debt), c.pair_debt)


@jitable
def target_health_max_repay(c: Context, target_health: int, bonus_bps: int) -> int:
    """The value that restores the target in debt units, up; all of the pair if a leftover would be
    too small.
    """
    return units_of(c, healing(c, target_health, bonus_bps), bonus_bps)


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
        repay = close_factor_max_repay(c, s.policy[v, FULL_CLOSE_HEALTH])
    elif engine == TARGET_HEALTH_ENGINE:
        bonus = target_health_bonus(c, s.policy[v, HF_FOR_MAX_BONUS])
        repay = target_health_max_repay(c, s.policy[v, TARGET_HEALTH], bonus)
    else:
        bonus = dutch_bonus(c, s.policy[v, AUCTION_SECONDS])
    return min(repay, c.pair_debt), min(bonus, most_bonus(c))


# --- amounts --------------------------------------------------------------------------------------


@jitable
def healing(c: Context, target: int, bonus_bps: int) -> int:
    """The value whose repayment brings health to `target`, up: D (T - HF) / (T - (1 + b) lt), and
    what roundings may take: of the debt a unit and what a unit of scaled debt comes to, of the
    collateral a unit, and a unit of value each.
    """
    gap = target - (BPS + bonus_bps) * c.lt_bps * WAD_PER_BPS_SQUARED
    roundings = (
        mul_div_up(3, c.price_debt, c.unit_debt)
        + mul_div_up(1, c.price_collateral, c.unit_collateral)
        + 2
    )
    missing = mul_div_up(c.total_debt_value, target - c.health_factor, gap)
    return missing + mul_div_up(roundings, target, gap)


@jitable
def units_of(c: Context, value: int, bonus_bps: int) -> int:
    """A value in units of the debt, up; all of the pair if less than `MIN_LEFTOVER` of a leg would
    be left.
    """
    if value + MIN_LEFTOVER > c.pair_debt_value:
        return c.pair_debt
    if mul_div_up(value, BPS + bonus_bps, BPS) + MIN_LEFTOVER > c.pair_collateral_value:
        return c.pair_debt
    return min(mul_div_up(value, c.unit_debt, c.price_debt), c.pair_debt)


@jitable
def most_bonus(c: Context) -> int:
    """The largest bonus of an account with little beyond its debt, down: what it has beyond, or if
    more, what the largest has grown to while it was seen thin.

    A bonus that is paid out of what lenders lose is bid for: its owner, too, gets no more of it,
    through a second address, than what nobody else was content with.
    """
    covered = mul_div_whole(c.usable_collateral_value, BPS, c.total_debt_value)
    elapsed = min(c.seconds_thin, THIN_AUCTION)
    grown = mul_div_whole(c.max_bonus_bps, elapsed, THIN_AUCTION)
    return min(max(covered - BPS, grown), c.max_bonus_bps)


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
def fitting(repay: int, p: Pair, bonus_bps: int, fee_bps: int) -> tuple[int, Amounts]:
    """(code, `seize`), cut down to what cash pays out and to what leaves enough of both legs."""
    moved = seize(repay, p, bonus_bps, fee_bps)
    if p.cash > 0 and moved.seized - moved.fee > p.cash:
        moved = seize(paid_by(p, p.cash, bonus_bps), p, bonus_bps, fee_bps)
    if not leaves_dust(p, moved.repaid, moved.seized):
        return OK, moved
    repay = paid_leaving(p, bonus_bps)
    if repay == 0:
        return MUST_NOT_LEAVE_DUST, moved
    return OK, seize(repay, p, bonus_bps, fee_bps)


@jitable
def paid_up_to(p: Pair, health_factor: int, debt_value: int, lt_bps: int, target: int) -> int:
    """What may be repaid without a bonus so that health stays at or below `target`, token units,
    down: the value D (T - HF) / (T - lt), less what roundings may take, as in `healing`.
    """
    gap = target - BPS * lt_bps * WAD_PER_BPS_SQUARED
    roundings = (
        mul_div_up(3, p.price_debt, p.unit_debt)
        + mul_div_up(1, p.price_collateral, p.unit_collateral)
        + 2
    )
    missing = mul_div_down(debt_value, target - health_factor, gap)
    value = max(missing - mul_div_up(roundings, target, gap), zero())
    return mul_div_down(value, p.unit_debt, p.price_debt)


@jitable
def at_par(repay: int, p: Pair) -> tuple[int, Amounts]:
    """(code, `fitting` without a bonus), all roundings against who pays: what is seized is worth no
    more than what is repaid, also where that is all there is.
    """
    code, moved = fitting(repay, p, 0, 0)
    if moved.seized < p.collateral:
        return code, moved
    needed = mul_div_up(
        p.price_collateral * moved.seized, p.unit_debt, p.price_debt * p.unit_collateral
    )
    return code, Amounts(max(moved.repaid, needed), moved.seized, moved.fee)


@jitable
def paid_by(p: Pair, collateral: int, bonus_bps: int) -> int:
    """What may be repaid at most so that no more than `collateral` is seized, down."""
    base = mul_div_down(collateral, BPS, BPS + bonus_bps)
    return mul_div_down(base * p.price_collateral, p.unit_debt, p.price_debt * p.unit_collateral)


@jitable
def paid_leaving(p: Pair, bonus_bps: int) -> int:
    """What may be repaid at most so that `MIN_LEFTOVER` is left of both legs, down."""
    debt = p.debt - mul_div_up(MIN_LEFTOVER, p.unit_debt, p.price_debt)
    spare = p.collateral - mul_div_up(MIN_LEFTOVER, p.unit_collateral, p.price_collateral)
    return min(max(debt, zero()), paid_by(p, max(spare, zero()), bonus_bps))


@jitable
def leaves_dust(p: Pair, repaid: int, seized: int) -> bool:
    """Whether both legs stay open and one of them below `MIN_LEFTOVER`."""
    if repaid == p.debt or seized == p.collateral:
        return False
    debt_left = mul_div_up(p.debt - repaid, p.price_debt, p.unit_debt)
    collateral_left = mul_div_down(p.collateral - seized, p.price_collateral, p.unit_collateral)
    return debt_left < MIN_LEFTOVER or collateral_left < MIN_LEFTOVER
