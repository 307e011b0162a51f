"""Twin of `contracts/liquidation/*.sol` and `contracts/libraries/Amounts.sol`: how much, at what
bonus, for what.

Values are USD with 8 decimals, health is a WAD, ratios are BPS, amounts are token units.
"""

from __future__ import annotations

from sim.protocol.fixed_point import (
    BPS,
    jitable,
    mul_div_down,
    mul_div_half,
    mul_div_up,
    mul_div_whole,
    wad,
)
from sim.protocol.state import (
    AUCTION_SECONDS,
    CLOSE_FACTOR,
    ENGINE,
    HF_FOR_MAX_BONUS,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    State,
)

FULL_CLOSE_VALUE = 2_000 * 10**8
"""CloseFactor: a pair with a leg below this value may be closed whole."""
MIN_LEFTOVER = 1_000 * 10**8
"""A partial liquidation leaves at least this much of both legs."""
CLOSE_FACTOR_BPS = 5_000
FULL_CLOSE_HEALTH_BPS = 9_500
"""CloseFactor: at or below this health everything may be repaid."""
WAD_PER_BPS_SQUARED = 10**10


# --- engines --------------------------------------------------------------------------------------


@jitable
def close_factor_max_repay(
    health_factor: int,
    pair_debt: int,
    pair_debt_value: int,
    pair_collateral_value: int,
    total_debt_value: int,
    price_debt: int,
    unit_debt: int,
) -> int:
    """Half of the account's total debt value, in debt units down; all of the pair if deep under
    water or small.

    The rule of Aave v3.3 and later.
    """
    if health_factor * BPS <= FULL_CLOSE_HEALTH_BPS * wad():
        return pair_debt
    if pair_debt_value < FULL_CLOSE_VALUE or pair_collateral_value < FULL_CLOSE_VALUE:
        return pair_debt
    limit = mul_div_half(total_debt_value, CLOSE_FACTOR_BPS, BPS)
    if pair_debt_value <= limit:
        return pair_debt
    return mul_div_down(limit, unit_debt, price_debt)


@jitable
def target_health_bonus(
    health_factor: int, hf_for_max_bonus: int, min_bonus_bps: int, max_bonus_bps: int
) -> int:
    """Linear in health from the least bonus at 1 to the largest at `hf_for_max_bonus`, down."""
    if health_factor <= hf_for_max_bonus:
        return max_bonus_bps
    fall = wad() - health_factor
    return min_bonus_bps + mul_div_whole(
        max_bonus_bps - min_bonus_bps, fall, wad() - hf_for_max_bonus
    )


@jitable
def target_health_max_repay(
    health_factor: int,
    pair_debt: int,
    pair_debt_value: int,
    pair_collateral_value: int,
    total_debt_value: int,
    price_debt: int,
    unit_debt: int,
    target_health: int,
    lt_bps: int,
    bonus_bps: int,
) -> int:
    """Value D (T - HF) / (T - (1 + b) lt) in debt units, up; all of the pair if a leftover would be
    too small.
    """
    returned = (BPS + bonus_bps) * lt_bps * WAD_PER_BPS_SQUARED
    value = mul_div_up(total_debt_value, target_health - health_factor, target_health - returned)
    if value + MIN_LEFTOVER > pair_debt_value:
        return pair_debt
    if mul_div_up(value, BPS + bonus_bps, BPS) + MIN_LEFTOVER > pair_collateral_value:
        return pair_debt
    return min(mul_div_up(value, unit_debt, price_debt), pair_debt)


@jitable
def dutch_bonus(
    seconds_flagged: int, auction_seconds: int, min_bonus_bps: int, max_bonus_bps: int
) -> int:
    """Linear in the time since the flag from the least bonus to the largest, down."""
    elapsed = min(seconds_flagged, auction_seconds)
    return min_bonus_bps + mul_div_whole(max_bonus_bps - min_bonus_bps, elapsed, auction_seconds)


@jitable
def quote(
    s: State,
    v: int,
    health_factor: int,
    pair_debt: int,
    pair_debt_value: int,
    pair_collateral_value: int,
    total_debt_value: int,
    price_debt: int,
    unit_debt: int,
    lt_bps: int,
    min_bonus_bps: int,
    max_bonus_bps: int,
    seconds_flagged: int,
) -> tuple[int, int]:
    """(largest repayment in debt units, bonus in BPS) of the vault's engine, clamped as the vault
    does.
    """
    engine = s.policy[v, ENGINE]
    repay, bonus = pair_debt, max_bonus_bps
    if engine == CLOSE_FACTOR:
        repay = close_factor_max_repay(
            health_factor,
            pair_debt,
            pair_debt_value,
            pair_collateral_value,
            total_debt_value,
            price_debt,
            unit_debt,
        )
    elif engine == TARGET_HEALTH_ENGINE:
        bonus = target_health_bonus(
            health_factor, s.policy[v, HF_FOR_MAX_BONUS], min_bonus_bps, max_bonus_bps
        )
        repay = target_health_max_repay(
            health_factor,
            pair_debt,
            pair_debt_value,
            pair_collateral_value,
            total_debt_value,
            price_debt,
            unit_debt,
            s.policy[v, TARGET_HEALTH],
            lt_bps,
            bonus,
        )
    else:
        bonus = dutch_bonus(
            seconds_flagged, s.policy[v, AUCTION_SECONDS], min_bonus_bps, max_bonus_bps
        )
    return min(repay, pair_debt), min(bonus, max_bonus_bps)


# --- amounts --------------------------------------------------------------------------------------


@jitable
def seize_amounts(
    repay: int,
    collateral_balance: int,
    price_debt: int,
    unit_debt: int,
    price_collateral: int,
    unit_collateral: int,
    bonus_bps: int,
    fee_bps: int,
) -> tuple[int, int, int]:
    """(repaid, seized with fee, fee): the repayment in collateral units plus the bonus, bounded by
    the balance.

    Base and bonus round down; when the balance is short, all of it is seized and the repayment is
    what it pays for, up.
    """
    rate = BPS + bonus_bps
    base = mul_div_down(repay * price_debt, unit_collateral, price_collateral * unit_debt)
    repaid, seized = repay, mul_div_down(base, rate, BPS)
    if seized > collateral_balance:
        seized = collateral_balance
        needed = mul_div_down(price_collateral * seized, unit_debt, price_debt * unit_collateral)
        repaid = mul_div_up(needed, BPS, rate)
    fee = mul_div_up(seized - mul_div_down(seized, BPS, rate), fee_bps, BPS)
    return repaid, seized, fee


@jitable
def leaves_dust(
    debt: int,
    collateral: int,
    repaid: int,
    seized: int,
    price_debt: int,
    unit_debt: int,
    price_collateral: int,
    unit_collateral: int,
) -> bool:
    """Whether both legs stay open and one of them below `MIN_LEFTOVER`."""
    if repaid == debt or seized == collateral:
        return False
    debt_left = mul_div_up(debt - repaid, price_debt, unit_debt)
    collateral_left = mul_div_down(collateral - seized, price_collateral, unit_collateral)
    return debt_left < MIN_LEFTOVER or collateral_left < MIN_LEFTOVER
