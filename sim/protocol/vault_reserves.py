"""Twin of `contracts/VaultState.sol`, what collateral counts for: brackets of its value, the ramp
of lowered thresholds, and categories, by which accounts that opted into one count. How reserves and
categories are set: `vault_parameters.py`.
"""

from __future__ import annotations

from sim.protocol.fixed_point import inlined, jitable, mul_div_down, mul_div_whole
from sim.protocol.state import (
    BACKS_IN,
    CATEGORY,
    CATEGORY_LT,
    CATEGORY_LT_FROM,
    CATEGORY_LTV,
    CATEGORY_MAX_BONUS,
    CATEGORY_RAMP_END,
    CATEGORY_RAMP_START,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    RAMP_END,
    RAMP_START,
    SECOND_ABOVE,
    SECOND_FROM,
    SECOND_LT,
    THIRD_ABOVE,
    THIRD_FROM,
    THIRD_LT,
    TIERED,
    State,
)


@inlined
def threshold(s: State, v: int, i: int) -> int:
    """Liquidation threshold (BPS) in force; of the first bracket, which is the largest."""
    return in_force(s, v, i, LT_FROM, LT)


@inlined
def in_force(s: State, v: int, i: int, from_: int, to_: int) -> int:
    """What is in force of two columns of a reserve."""
    row = s.reserve[v, i]
    return ramped(s, row[from_], row[to_], row[RAMP_START], row[RAMP_END])


@inlined
def ramped(s: State, from_: int, to: int, start: int, end: int) -> int:
    """to + down((from - to) seconds_left / duration) during a ramp."""
    if s.clock[0] >= end:
        return to
    return to + mul_div_whole(from_ - to, end - s.clock[0], end - start)


@jitable
def marginal_threshold(s: State, v: int, i: int, value: int) -> int:
    """Of the highest bracket that collateral worth `value` (USD) reaches."""
    if s.reserve[v, i, TIERED] != 0:
        if value > s.reserve[v, i, THIRD_ABOVE]:
            return in_force(s, v, i, THIRD_FROM, THIRD_LT)
        if value > s.reserve[v, i, SECOND_ABOVE]:
            return in_force(s, v, i, SECOND_FROM, SECOND_LT)
    return threshold(s, v, i)


@inlined
def category_of(s: State, a: int, i: int) -> int:
    """The category by which collateral i of the account counts; 0: by its reserve."""
    if s.category.shape[1] == 1:  # no row of an account is read
        return 0
    k = int(s.account[a, CATEGORY])
    if k == 0 or s.member[s.account_vault[a], k, i, BACKS_IN] == 0:
        return 0
    return k


@inlined
def threshold_of(s: State, v: int, k: int) -> int:
    """Liquidation threshold (BPS) in force of a category."""
    row = s.category[v, k]
    return ramped(
        s,
        row[CATEGORY_LT_FROM],
        row[CATEGORY_LT],
        row[CATEGORY_RAMP_START],
        row[CATEGORY_RAMP_END],
    )


@jitable
def last_threshold(s: State, a: int, i: int, value: int) -> int:
    """The threshold of the last unit of the account's collateral i, worth `value` in all."""
    k = category_of(s, a, i)
    if k != 0:
        return threshold_of(s, s.account_vault[a], k)
    return marginal_threshold(s, s.account_vault[a], i, value)


@inlined
def max_bonus(s: State, a: int, i: int) -> int:
    """The largest bonus of the account's collateral i, BPS."""
    v, k = s.account_vault[a], category_of(s, a, i)
    return s.category[v, k, CATEGORY_MAX_BONUS] if k != 0 else s.reserve[v, i, MAX_BONUS]


@jitable
def weigh(s: State, a: int, i: int, value: int) -> tuple[int, int]:
    """What the account's collateral i, worth `value`, counts for, USD x BPS: for health, for the
    borrow limit.
    """
    v, k = s.account_vault[a], category_of(s, a, i)
    if k != 0:
        return value * threshold_of(s, v, k), value * s.category[v, k, CATEGORY_LTV]
    return weigh_by_reserve(s, v, i, value)


@jitable
def weigh_by_reserve(s: State, v: int, i: int, value: int) -> tuple[int, int]:
    """The same without a category: for health by the thresholds in force, for the borrow limit by
    ltv x lt_k / lt_0 of the thresholds as configured, down.
    """
    ltv = s.reserve[v, i, LTV]
    if s.reserve[v, i, TIERED] == 0:
        return value * threshold(s, v, i), value * ltv
    first = min(value, s.reserve[v, i, SECOND_ABOVE])
    second = min(value, s.reserve[v, i, THIRD_ABOVE]) - first
    third = value - first - second
    weighted = first * threshold(s, v, i)
    weighted += second * in_force(s, v, i, SECOND_FROM, SECOND_LT)
    weighted += third * in_force(s, v, i, THIRD_FROM, THIRD_LT)
    lt = s.reserve[v, i, LT]
    configured = first * lt + second * s.reserve[v, i, SECOND_LT]
    configured += third * s.reserve[v, i, THIRD_LT]
    return weighted, mul_div_down(configured, ltv, lt)
