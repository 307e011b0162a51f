"""Twin of `contracts/VaultFlags.sol`: the time between falling ill and being liquidated."""

from __future__ import annotations

from sim.protocol.fixed_point import BPS, inlined, jitable, wad, zero
from sim.protocol.soundness import (
    FLAG_VALIDITY,
    RECOVERY_GAP,
    RECOVERY_HEALTH_BPS,
    RECOVERY_TIME,
    WAD_PER_BPS_SQUARED,
)
from sim.protocol.state import (
    FLAGGED_AT,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    MAX_BONUS,
    THIN_SINCE,
    URGENT,
    URGENT_HEALTH,
    WELL_AT,
    WELL_SINCE,
    State,
)
from sim.protocol.vault_reserves import threshold


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


@inlined
def thin_for(s: State, a: int) -> int:
    """Seconds since a bonus that lenders pay for is bid for."""
    since = s.account[a, THIN_SINCE]
    if since == 0 or not is_flagged(s, a):
        return zero()
    return s.clock[0] - since


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
    see_thin(s, a, factor, prices_usable)
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
def see_thin(s: State, a: int, factor: int, prices_usable: bool) -> bool:
    """Note, once per flag, that a flagged account is due for liquidation and thin: from then on a
    bonus that lenders pay for is bid for. Who was flagged before, or while nobody else was let,
    would find it grown.
    """
    if not is_newly_thin(s, a, factor, prices_usable):
        return False
    s.account[a, THIN_SINCE] = s.clock[0]
    return True


@jitable
def is_newly_thin(s: State, a: int, factor: int, prices_usable: bool) -> bool:
    """Whether the account of this health is due for liquidation and thin, as was not seen yet under
    its flag.
    """
    if s.account[a, THIN_SINCE] != 0 or factor >= wad() or not delay_passed(s, a, factor):
        return False
    return _is_thin(s, a, factor, prices_usable)


@jitable
def _is_thin(s: State, a: int, factor: int, prices_usable: bool) -> bool:
    """Whether what the account has might not pay for its debts with the bonus: health below
    (1 + bonus) x threshold of any of it, or part of it cannot be sold.
    """
    if not prices_usable:
        return True
    v = s.account_vault[a]
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] == 0:
            continue
        rate = BPS + s.reserve[v, i, MAX_BONUS]
        if factor < threshold(s, v, i) * rate * WAD_PER_BPS_SQUARED:
            return True
    return False


@jitable
def end_flag(s: State, a: int) -> None:
    for column in (FLAGGED_AT, WELL_SINCE, WELL_AT, URGENT, THIN_SINCE):
        s.account[a, column] = zero()
