"""Twin of `contracts/VaultFlags.sol`: the time between falling ill and being liquidated; and margin
calls, before that.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.fixed_point import BPS, inlined, jitable, wad, zero
from sim.protocol.soundness import (
    FLAG_VALIDITY,
    RECOVERY_GAP,
    RECOVERY_HEALTH_BPS,
    RECOVERY_TIME,
    THIN_AUCTION,
)
from sim.protocol.state import (
    CALLED_AT,
    FLAGGED_AT,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    MARGIN_CALL_HEALTH,
    POSITION_DEBT,
    THIN,
    THIN_AT,
    THIN_FOR,
    URGENT,
    URGENT_HEALTH,
    WELL_AT,
    WELL_SINCE,
    State,
)
from sim.protocol.vault_reserves import max_bonus


class Health(NamedTuple):
    """An account at its vault's prices; USD has 8 decimals."""

    weighted_collateral: int
    """Sum of value x threshold, by brackets, USD x BPS."""
    weighted_limit: int
    """Sum of value x LTV, likewise, USD x BPS."""
    collateral_value: int
    """USD, down."""
    usable_value: int
    """USD, down: of collateral that may be sold."""
    forfeit_value: int
    """USD, down: of what nobody can price as well, for three days, at the price accepted last."""
    debt_value: int
    """USD, up."""
    least_debt_value: int
    """USD, up: of its smallest debt; the largest integer when nothing is owed."""
    factor: int
    """WAD, down; the largest integer when nothing is owed."""
    prices_ok: bool
    """Every price is OK."""
    prices_usable: bool
    """Every price may be liquidated on: the factor is what it is."""


class Standing(NamedTuple):
    """What of an account's health decides about a liquidation, as in `Health`."""

    factor: int
    usable_value: int
    debt_value: int


@inlined
def is_flagged(s: State, a: int) -> bool:
    """Whether the account has a flag that has not lapsed."""
    at, delay = s.account[a, FLAGGED_AT], s.policy[s.account_vault[a], LIQUIDATION_DELAY]
    return at != 0 and s.clock[0] < at + delay + FLAG_VALIDITY


@inlined
def is_called(s: State, a: int) -> bool:
    """Whether a margin call of the account stands."""
    least = s.policy[s.account_vault[a], MARGIN_CALL_HEALTH]
    return least != 0 and s.account[a, CALLED_AT] != 0


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
def may_begin(s: State, a: int, factor: int) -> bool:
    """Whether a liquidator may begin."""
    return factor < wad() and delay_passed(s, a, factor)


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
    restart(s, a, s.clock[0])


@jitable
def see(s: State, a: int, h: Health) -> bool:
    """Whoever measures an account sees whether it answered its margin call, and a flagged one ill
    or well: the flag ends once it was seen well for long enough. Whether there was anything new of
    the flag.
    """
    _see_call(s, a, h)
    well = h.factor * BPS >= RECOVERY_HEALTH_BPS * wad()
    if not is_flagged(s, a) or (well and not h.prices_usable):
        return False
    news = _see_thin(s, a, h)
    row = s.account[a]
    if not well:
        if row[WELL_SINCE] == 0:
            return news
        row[WELL_SINCE] = zero()
        row[WELL_AT] = zero()
        return True
    if row[WELL_SINCE] == 0 or s.clock[0] > row[WELL_AT] + RECOVERY_GAP:
        row[WELL_SINCE] = s.clock[0]
    row[WELL_AT] = s.clock[0]
    if s.clock[0] >= row[WELL_SINCE] + RECOVERY_TIME:
        end_flag(s, a)
    return True


@jitable
def _see_thin(s: State, a: int, h: Health) -> bool:
    """Count the time for which a flagged account was due for liquidation and thin: with it a bonus
    that lenders pay for grows. Not since the flag, nor since one sighting: who was flagged before
    he fell so far, or while nobody else was let, would find it grown.
    """
    thin = is_thin(s, a, standing(h))
    counted, row = thin_for(s, a, thin), s.account[a]
    if not thin and row[THIN] == 0 and counted == row[THIN_FOR]:
        return False
    row[THIN] = zero() + 1 if thin else zero()
    row[THIN_FOR] = counted
    row[THIN_AT] = s.clock[0]
    return True


@jitable
def thin_for(s: State, a: int, thin: bool) -> int:
    """Seconds for which the account was seen thin by now: from one sighting to the next, if they
    are near enough, they grow; whatever else passed takes off as much. All of the auction stays.
    """
    row = s.account[a]
    counted, passed = row[THIN_FOR], s.clock[0] - row[THIN_AT]
    if counted == THIN_AUCTION:
        return counted
    if thin and row[THIN] != 0 and passed <= RECOVERY_GAP:
        return min(counted + passed, THIN_AUCTION)
    return max(counted - passed, zero())


@jitable
def is_thin(s: State, a: int, h: Standing) -> bool:
    """Whether anybody may liquidate the account, and what of it can be sold is less than its debts
    and the bonus.
    """
    if not may_begin(s, a, h.factor):
        return False
    for i in range(s.unit.shape[0]):
        needed = h.debt_value * (BPS + max_bonus(s, a, i))
        if s.position[a, i, IS_COLLATERAL] != 0 and h.usable_value * BPS < needed:
            return True
    return False


@inlined
def standing(h: Health) -> Standing:
    """What is asked of it by who liquidates."""
    return Standing(h.factor, h.usable_value, h.debt_value)


@jitable
def _see_call(s: State, a: int, h: Health) -> None:
    """A call ends at the health of calls, of which nobody knows while a price cannot be used, or
    with the last debt.
    """
    if not is_called(s, a) or h.factor < s.policy[s.account_vault[a], MARGIN_CALL_HEALTH]:
        return
    owes = False
    for i in range(s.unit.shape[0]):
        owes = owes or s.position[a, i, POSITION_DEBT] != 0
    if h.prices_usable or not owes:
        end_call(s, a)


@jitable
def end_call(s: State, a: int) -> None:
    s.account[a, CALLED_AT] = zero()


@jitable
def end_flag(s: State, a: int) -> None:
    restart(s, a, zero())


@jitable
def restart(s: State, a: int, flagged_at: int) -> None:
    """What was seen under a flag ends with it."""
    for column in (WELL_SINCE, WELL_AT, URGENT, THIN, THIN_FOR, THIN_AT):
        s.account[a, column] = zero()
    s.account[a, FLAGGED_AT] = flagged_at
