"""Twin of `contracts/VaultReserves.sol`: risk parameters and the ramp of a lowered threshold."""

from __future__ import annotations

from sim.protocol.errors import INVALID_RESERVE, OK
from sim.protocol.fixed_point import BPS, YEAR, inlined, jitable, max_uint, mul_div_whole, zero
from sim.protocol.state import (
    ENGINE,
    HF_FOR_MAX_BONUS,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    RAMP_END,
    RAMP_START,
    TARGET_HEALTH_ENGINE,
    State,
)

WAD_PER_BPS_SQUARED = 10**10


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


@jitable
def set_threshold(s: State, v: int, i: int, lt_bps: int, ramp_seconds: int) -> int:
    """`setReserve` with only the threshold changed: raising is immediate, lowering ramps."""
    now = threshold(s, v, i)
    start, end, worst = zero(), zero(), lt_bps
    if lt_bps < now:
        if ramp_seconds == 0 or ramp_seconds > YEAR:
            return INVALID_RESERVE
        start, end, worst = s.clock[0], s.clock[0] + ramp_seconds, now
    bonus_bound = max_uint()
    if s.policy[v, ENGINE] == TARGET_HEALTH_ENGINE:
        bonus_bound = s.policy[v, HF_FOR_MAX_BONUS]
    returned = (BPS + s.reserve[v, i, MAX_BONUS]) * worst
    if s.reserve[v, i, LTV] > lt_bps or returned >= BPS * BPS:
        return INVALID_RESERVE
    if returned * WAD_PER_BPS_SQUARED > bonus_bound:
        return INVALID_RESERVE
    s.reserve[v, i, LT] = lt_bps
    s.reserve[v, i, LT_FROM] = worst
    s.reserve[v, i, RAMP_START] = start
    s.reserve[v, i, RAMP_END] = end
    return OK
