"""Twin of `contracts/VaultReserves.sol`, risk parameters, and of `contracts/VaultState.sol`, the
ramp of a lowered threshold.
"""

from __future__ import annotations

from sim.protocol.errors import INVALID_POLICY, INVALID_RESERVE, OK
from sim.protocol.fixed_point import BPS, YEAR, inlined, jitable, mul_div_whole, zero
from sim.protocol.soundness import (
    MIN_LEFTOVER,
    MOST_LIQUIDATION_FEE_BPS,
    RAMP_PER_BPS,
    WAD_PER_BPS_SQUARED,
)
from sim.protocol.state import (
    ADDED_SHARES,
    BORROW_CAP,
    CLOSE_FACTOR,
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
    SUPPLY_CAP,
    TARGET_HEALTH_ENGINE,
    Array,
    State,
)

FIELD_BITS = 16
"""Of each field before the caps, in a configuration that is packed into one word."""
RAMP_BITS = FIELD_BITS * SUPPLY_CAP
"""What the fields take up; the ramp is above them."""


@inlined
def threshold(s: State, v: int, i: int) -> int:
    """Liquidation threshold (BPS) in force: to + down((from - to) seconds_left / duration) during a
    ramp.
    """
    to = s.reserve[v, i, LT]
    end = s.reserve[v, i, RAMP_END]
    if s.clock[0] >= end:
        return to
    return to + mul_div_whole(
        s.reserve[v, i, LT_FROM] - to, end - s.clock[0], end - s.reserve[v, i, RAMP_START]
    )


def set_reserve(s: State, v: int, i: int, supply_cap: int, borrow_cap: int, word: int) -> int:
    """`setReserve`: raising the threshold is immediate, lowering it ramps. On integers only."""
    row, ramp_seconds = unpacked(word)
    in_use = s.spoke[v, i, ADDED_SHARES] != 0 or s.spoke[v, i, ESCROWED] != 0
    if in_use and row[REHYPOTHECATE] != s.reserve[v, i, REHYPOTHECATE]:
        return INVALID_RESERVE
    ratios = row[LTV], row[LT], row[MAX_BONUS], row[MIN_BONUS], row[LIQUIDATION_FEE]
    code = set_ratios(s, v, i, *ratios, ramp_seconds)
    if code == OK:
        s.reserve[v, i, :SUPPLY_CAP] = row
        s.reserve[v, i, SUPPLY_CAP] = supply_cap
        s.reserve[v, i, BORROW_CAP] = borrow_cap
    return code


@jitable
def set_ratios(
    s: State,
    v: int,
    i: int,
    ltv: int,
    lt: int,
    max_bonus: int,
    min_bonus: int,
    liquidation_fee: int,
    ramp_seconds: int,
) -> int:
    """The part of `setReserve` that is checked: all of it or nothing."""
    now = threshold(s, v, i)
    start, end, worst = zero(), zero(), lt
    if lt < now:
        if ramp_seconds < (now - lt) * RAMP_PER_BPS or ramp_seconds > YEAR:
            return INVALID_RESERVE
        start, end, worst = s.clock[0], s.clock[0] + ramp_seconds, now
    code = _check_reserve(s, v, ltv, lt, max_bonus, min_bonus, liquidation_fee, worst)
    if code == OK:
        s.reserve[v, i, LTV] = ltv
        s.reserve[v, i, LT] = lt
        s.reserve[v, i, MAX_BONUS] = max_bonus
        s.reserve[v, i, MIN_BONUS] = min_bonus
        s.reserve[v, i, LIQUIDATION_FEE] = liquidation_fee
        s.reserve[v, i, LT_FROM] = worst
        s.reserve[v, i, RAMP_START] = start
        s.reserve[v, i, RAMP_END] = end
    return code


def set_dust_value(s: State, v: int, value: int) -> int:
    """`setPolicy` with another dust line, and all else as it is."""
    if value == 0 or value > MIN_LEFTOVER:
        return INVALID_POLICY
    s.policy[v, DUST_VALUE] = value
    return OK


def packed(row: Array, ramp_seconds: int = 0) -> int:
    """The fields of a reserve's row before its caps, and the ramp, as `set_reserve` takes them."""
    word = ramp_seconds
    for field in reversed(range(SUPPLY_CAP)):
        word = word << FIELD_BITS | int(row[field])
    return word


def unpacked(word: int) -> tuple[list[int], int]:
    """(fields before the caps, ramp in seconds) of what `packed` returned."""
    mask = (1 << FIELD_BITS) - 1
    fields = [word >> FIELD_BITS * field & mask for field in range(SUPPLY_CAP)]
    return fields, word >> RAMP_BITS


@jitable
def _check_reserve(
    s: State,
    v: int,
    ltv: int,
    lt: int,
    max_bonus: int,
    min_bonus: int,
    liquidation_fee: int,
    worst: int,
) -> int:
    """Whether the vault may have such a reserve, of which `worst` is the threshold in force: it
    only falls from here on.
    """
    if ltv > lt or min_bonus > max_bonus or liquidation_fee > MOST_LIQUIDATION_FEE_BPS:
        return INVALID_RESERVE
    returned, engine = (BPS + max_bonus) * worst, s.policy[v, ENGINE]
    if returned >= BPS * BPS:
        return INVALID_RESERVE
    at_health = returned * WAD_PER_BPS_SQUARED
    if engine == TARGET_HEALTH_ENGINE and at_health > s.policy[v, HF_FOR_MAX_BONUS]:
        return INVALID_RESERVE
    if engine == CLOSE_FACTOR and at_health > s.policy[v, FULL_CLOSE_HEALTH]:
        return INVALID_RESERVE
    return OK
