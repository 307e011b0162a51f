"""Twin of `contracts/VaultReserves.sol`, risk parameters, and of `contracts/VaultState.sol`, what
collateral counts for: brackets of its value, and the ramp of lowered thresholds.
"""

from __future__ import annotations

from sim.protocol.errors import INVALID_POLICY, INVALID_RESERVE, OK
from sim.protocol.fixed_point import (
    BPS,
    YEAR,
    inlined,
    jitable,
    mul_div_down,
    mul_div_whole,
    zero,
)
from sim.protocol.soundness import (
    MIN_LEFTOVER,
    MOST_LIQUIDATION_FEE_BPS,
    RAMP_PER_BPS,
    WAD_PER_BPS_SQUARED,
)
from sim.protocol.state import (
    ADDED_SHARES,
    CLOSE_FACTOR,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    DUST_VALUE,
    ENGINE,
    ESCROWED,
    FULL_CLOSE_HEALTH,
    HF_FOR_MAX_BONUS,
    LIQUIDATION_FEE,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    RAMP_END,
    RAMP_START,
    REHYPOTHECATE,
    SECOND_ABOVE,
    SECOND_FROM,
    SECOND_LT,
    SUPPLY_CAP,
    TARGET_HEALTH_ENGINE,
    THIRD_ABOVE,
    THIRD_FROM,
    THIRD_LT,
    TIERED,
    Array,
    State,
    assign,
)

FIELD_BITS = 64
"""Of each field but the caps, in a configuration that is packed into one integer."""


@inlined
def threshold(s: State, v: int, i: int) -> int:
    """Liquidation threshold (BPS) in force; of the first bracket, which is the largest."""
    return in_force(s, v, i, LT_FROM, LT)


@inlined
def in_force(s: State, v: int, i: int, from_: int, to_: int) -> int:
    """to + down((from - to) seconds_left / duration) during a ramp, of two columns."""
    to = s.reserve[v, i, to_]
    end = s.reserve[v, i, RAMP_END]
    if s.clock[0] >= end:
        return to
    return to + mul_div_whole(
        s.reserve[v, i, from_] - to, end - s.clock[0], end - s.reserve[v, i, RAMP_START]
    )


@jitable
def marginal_threshold(s: State, v: int, i: int, value: int) -> int:
    """Of the highest bracket that collateral worth `value` (USD) reaches."""
    if s.reserve[v, i, TIERED] != 0:
        if value > s.reserve[v, i, THIRD_ABOVE]:
            return in_force(s, v, i, THIRD_FROM, THIRD_LT)
        if value > s.reserve[v, i, SECOND_ABOVE]:
            return in_force(s, v, i, SECOND_FROM, SECOND_LT)
    return threshold(s, v, i)


@jitable
def weigh(s: State, v: int, i: int, value: int) -> tuple[int, int]:
    """What collateral worth `value` counts for, USD x BPS: for health by the thresholds in force,
    for the borrow limit by ltv x lt_k / lt_0 of the thresholds as configured, down.
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


def set_reserve(s: State, v: int, i: int, supply_cap: int, borrow_cap: int, word: int) -> int:
    """`setReserve`: raising the threshold is immediate, lowering it ramps. On integers only."""
    before_caps, after_caps, ramp_seconds = unpacked(word)
    row = s.reserve[v, i].copy()
    row[:LT_FROM] = [*before_caps, supply_cap, borrow_cap, *after_caps]
    in_use = s.spoke[v, i, ADDED_SHARES] != 0 or s.spoke[v, i, ESCROWED] != 0
    if in_use and row[REHYPOTHECATE] != s.reserve[v, i, REHYPOTHECATE]:
        return INVALID_RESERVE
    return set_row(s, v, i, row, ramp_seconds)


@jitable
def set_row(s: State, v: int, i: int, row: Array, ramp_seconds: int) -> int:
    """The part of `setReserve` that is checked, all of it or nothing: `row` has what is configured
    in the columns before `LT_FROM`, and gets where ramps begin.
    """
    row[RAMP_START] = zero()
    row[RAMP_END] = zero()
    fall = _ramp_from(s, v, i, row)
    if fall > 0:
        if ramp_seconds < fall * RAMP_PER_BPS or ramp_seconds > YEAR:
            return INVALID_RESERVE
        row[RAMP_START] = s.clock[0]
        row[RAMP_END] = s.clock[0] + ramp_seconds
    code = _check_reserve(s, v, row)
    if code == OK:
        assign(s.reserve[v, i], row)
    return code


def set_dust_value(s: State, v: int, value: int) -> int:
    """`setPolicy` with another dust line, and all else as it is."""
    if value == 0 or value > MIN_LEFTOVER:
        return INVALID_POLICY
    s.policy[v, DUST_VALUE] = value
    return OK


def packed(row: Array, ramp_seconds: int = 0) -> int:
    """What is configured of a reserve's row but its caps, and the ramp, as `set_reserve` takes
    them.
    """
    word = ramp_seconds
    for field in reversed([*row[:SUPPLY_CAP], *row[CONCENTRATION_FLOOR:LT_FROM]]):
        word = word << FIELD_BITS | int(field)
    return word


def unpacked(word: int) -> tuple[list[int], list[int], int]:
    """(fields before the caps, those after them, ramp in seconds) of what `packed` returned."""
    mask, count = (1 << FIELD_BITS) - 1, SUPPLY_CAP + LT_FROM - CONCENTRATION_FLOOR
    fields = [word >> FIELD_BITS * field & mask for field in range(count)]
    return fields[:SUPPLY_CAP], fields[SUPPLY_CAP:], word >> FIELD_BITS * count


@jitable
def _ramp_from(s: State, v: int, i: int, row: Array) -> int:
    """The most that the threshold of a bracket falls by (BPS); notes in the row from where each
    ramps: that in force of the value at which the bracket begins, or if it does not fall, its own.
    """
    row[LT_FROM] = max(threshold(s, v, i), row[LT])
    row[SECOND_FROM] = zero()
    row[THIRD_FROM] = zero()
    fall = row[LT_FROM] - row[LT]
    if row[TIERED] != 0:
        second = marginal_threshold(s, v, i, row[SECOND_ABOVE] + 1)
        third = marginal_threshold(s, v, i, row[THIRD_ABOVE] + 1)
        row[SECOND_FROM] = max(second, row[SECOND_LT])
        row[THIRD_FROM] = max(third, row[THIRD_LT])
        fall = max(fall, row[SECOND_FROM] - row[SECOND_LT])
        fall = max(fall, row[THIRD_FROM] - row[THIRD_LT])
    return fall


@jitable
def _check_reserve(s: State, v: int, row: Array) -> int:
    """Whether the vault may have such a reserve, with the threshold that it ramps from: it only
    falls from here on.
    """
    if row[LTV] > row[LT] or row[MIN_BONUS] > row[MAX_BONUS]:
        return INVALID_RESERVE
    if row[LIQUIDATION_FEE] > MOST_LIQUIDATION_FEE_BPS or row[CONCENTRATION] > BPS:
        return INVALID_RESERVE
    if row[TIERED] != 0:
        if row[SECOND_ABOVE] <= 0 or row[SECOND_ABOVE] > row[THIRD_ABOVE] or row[LT] == 0:
            return INVALID_RESERVE
        if row[LT] < row[SECOND_LT] or row[SECOND_LT] < row[THIRD_LT]:
            return INVALID_RESERVE
    returned, engine = (BPS + row[MAX_BONUS]) * row[LT_FROM], s.policy[v, ENGINE]
    if returned >= BPS * BPS:
        return INVALID_RESERVE
    at_health = returned * WAD_PER_BPS_SQUARED
    if engine == TARGET_HEALTH_ENGINE and at_health > s.policy[v, HF_FOR_MAX_BONUS]:
        return INVALID_RESERVE
    if engine == CLOSE_FACTOR and at_health > s.policy[v, FULL_CLOSE_HEALTH]:
        return INVALID_RESERVE
    return OK
