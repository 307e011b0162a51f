"""Twin of `contracts/VaultFlags.sol`: the time between falling ill and being liquidated."""

from __future__ import annotations

from sim.protocol.fixed_point import BPS, inlined, jitable, wad, zero
from sim.protocol.soundness import (
    FLAG_VALIDITY,
    RECOVERY_GAP,
    RECOVERY_HEALTH_BPS,
    RECOVERY_TIME,
)
from sim.protocol.state import (
    FLAGGED_AT,
    LIQUIDATION_DELAY,
    URGENT,
    URGENT_HEALTH,
    WELL_AT,
    WELL_SINCE,
    State,
)


@inlined
def is_flagged(s: State, a: int) -> bool:
    """Whether the account has a flag that has not lapsed."""
    at, delay = s.account[a, FLAGGED_AT], s.policy[s.account_vault[a], LIQUIDATION_DELAY]
    return at != 0 and s.clock[0] < at + delay + FLAG_VALIDITY


# --- internals ------------------------------------------------------------------------------------


@jitable
def delay_passed(s: State, a: int, factor: int) -> bool:
    v = s.account_vault[a]
    delay = s.policy[v, LIQUIDATION_DELAY]
    if delay == 0 or factor < s.policy[v, URGENT_HEALTH]:
        return True
    waited = s.account[a, URGENT] != 0 or s.clock[0] >= s.account[a, FLAGGED_AT] + delay
    return is_flagged(s, a) and waited


@jitable
def stay_due(s: State, a: int, factor: int) -> None:
    """Who was so ill that no delay applied does not get one for being a little less so."""
    if factor >= wad() or delay_passed(s, a, factor):
        return
    if not is_flagged(s, a):
        begin_flag(s, a)
    s.account[a, URGENT] = zero() + 1


@jitable
def begin_flag(s: State, a: int) -> None:
    end_flag(s, a)
    s.account[a, FLAGGED_AT] = s.clock[0]


@jitable
def see(s: State, a: int, factor: int, prices_usable: bool) -> None:
    """Whoever measures a flagged account sees it ill or well: the flag ends once it was seen well
    for long enough.
    """
    well = factor * BPS >= RECOVERY_HEALTH_BPS * wad()
    if not is_flagged(s, a) or (well and not prices_usable):
        return
    row = s.account[a]
    if not well:
        row[WELL_SINCE] = zero()
        row[WELL_AT] = zero()
        return
    if row[WELL_SINCE] == 0 or s.clock[0] > row[WELL_AT] + RECOVERY_GAP:
        row[WELL_SINCE] = s.clock[0]
    row[WELL_AT] = s.clock[0]
    if s.clock[0] >= row[WELL_SINCE] + RECOVERY_TIME:
        end_flag(s, a)


@jitable
def end_flag(s: State, a: int) -> None:
    for column in (FLAGGED_AT, WELL_SINCE, WELL_AT, URGENT):
        s.account[a, column] = zero()
