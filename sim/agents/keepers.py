"""Keepers: the chores that anyone may do and that somebody does: accrual, pokes, flags, margin
calls, write-offs, closing deficits.

They act at any gas price (an assumption: these calls are rare and small).
"""

from __future__ import annotations

from sim.health.watchers import BLOCK, is_hopeless, is_ruined, look_at, standing_of
from sim.market.market import FACTOR, MARGIN_CALLS, USABLE, Market
from sim.protocol import operations as op
from sim.protocol import oracle, risk_guard
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, inlined, jitable, wad
from sim.protocol.soundness import (
    RECOVERY_GAP,
    RECOVERY_HEALTH_BPS,
    RECOVERY_TIME,
    THIN_AUCTION,
)
from sim.protocol.state import (
    ADL_ON_SINCE,
    ADL_TARGET,
    ADL_TURNING_SINCE,
    ANCHOR,
    CANDIDATE,
    COVER_WINDOW,
    DEFICIT,
    DEFICIT_OWED,
    DEFICIT_SINCE,
    DISPUTED_FOR,
    FOR_SALE_SINCE,
    MARGIN_CALL_HEALTH,
    THIN,
    THIN_AT,
    THIN_FOR,
    TRIP,
    WAITS_SINCE,
    WATCHED_AT,
    WELL_AT,
    WELL_SINCE,
    State,
)
from sim.protocol.vault_deleveraging import see_strain
from sim.protocol.vault_flags import is_called, is_flagged, is_thin, thin_for

KEEPER = 0


@jitable
def accrue(s: State) -> None:
    """Book interest on every asset once per step."""
    for i in range(s.unit.shape[0]):
        op.accrue(s, KEEPER, i)


@jitable
def poke(s: State) -> None:
    """Show the routers the prices they have not accepted yet, and that there is none: hold-offs
    start and end in time.
    """
    for v in range(s.policy.shape[0]):
        for i in range(s.unit.shape[0]):
            seen, row = oracle.read(s, v, i), s.oracle[v, i]
            counts = row[DISPUTED_FOR] != 0 or row[WATCHED_AT] != 0
            for_sale = row[FOR_SALE_SINCE] != 0 and row[WAITS_SINCE] == 0
            counts = counts or seen.usable != for_sale
            if seen.price != row[ANCHOR] or row[CANDIDATE] != 0 or counts:
                op.poke(s, KEEPER, i, v)


@jitable
def watch_strain(s: State) -> None:
    """See whether assets are strained, where that counts: modes of deleveraging begin and end in
    time.
    """
    for v in range(s.policy.shape[0]):
        for i in range(s.unit.shape[0]):
            row = s.adl[v, i]
            if row[ADL_TARGET] == 0:
                continue
            seen = see_strain(s, v, i)
            if seen.strained or row[ADL_ON_SINCE] != 0 or row[ADL_TURNING_SINCE] != 0:
                op.poke_deleveraging(s, KEEPER, i, v)


@jitable
def trip(s: State) -> None:
    """Show a vault's guard the prices that it has not noted, and open its breaker by those that
    moved far.
    """
    for v in range(s.policy.shape[0]):
        if not risk_guard.is_guarded(s, v) or s.guard[v, TRIP] == 0:
            continue
        for i in range(s.unit.shape[0]):
            if risk_guard.moved(s, v, i, s.oracle[v, i, ANCHOR]):
                op.trip(s, KEEPER, i, v)
            elif risk_guard.notes(s, v, i):
                op.note_price(s, KEEPER, i, v)


@jitable
def flag(s: State, w: Market) -> None:
    """Flag the unhealthy, for delays and bonuses that grow with time, and see whether the flagged
    are recovered, as often as it takes; as often see who is thin. Call who is near, and end the
    calls of those who are not any more.
    """
    own = w.watchers
    for block in range(own.hot_in.shape[0]):
        if own.hot_in[block] == 0:
            continue
        for a in range(block * BLOCK, min((block + 1) * BLOCK, s.account.shape[0])):
            if own.hot[a] != 0 and (_flags(s, w, a) or _calls(s, w, a)):
                look_at(s, w, a)


@inlined
def _flags(s: State, w: Market, a: int) -> bool:
    """Whether there was something to do about the account's flag, which is done."""
    own = w.watchers
    if is_flagged(s, a):
        recovered = own.watch[a, FACTOR] * BPS >= RECOVERY_HEALTH_BPS * wad()
        if recovered and own.watch[a, USABLE] != 0 and _is_time_to_see(s, a):
            op.unflag(s, KEEPER, a)
            return True
        if not recovered and (s.account[a, WELL_SINCE] != 0 or _is_time_for_thin(s, w, a)):
            op.flag(s, KEEPER, a)
            return True
        return False
    if own.watch[a, FACTOR] < wad():
        op.flag(s, KEEPER, a)
        return True
    return False


@inlined
def _calls(s: State, w: Market, a: int) -> bool:
    """Whether there was a margin call to send or to end, which is done."""
    least, seen = s.policy[s.account_vault[a], MARGIN_CALL_HEALTH], w.watchers.watch[a]
    if least == 0:
        return False
    if is_called(s, a):
        if seen[FACTOR] < least or seen[USABLE] == 0:
            return False
        op.end_margin_call(s, KEEPER, a)
        return True
    if not wad() <= seen[FACTOR] < least:
        return False
    if op.margin_call(s, KEEPER, a) == OK:
        w.tally[MARGIN_CALLS] += 1
    return True


@jitable
def _is_time_for_thin(s: State, w: Market, a: int) -> bool:
    """Whether a sighting of whether the account is thin changes what is known, or is about due."""
    row = s.account[a]
    if row[THIN_FOR] == THIN_AUCTION:
        return False
    thin = is_thin(s, a, standing_of(s, w, a))
    if not thin or row[THIN] == 0:
        return bool(thin or row[THIN] != 0)
    enough = thin_for(s, a, thin) == THIN_AUCTION
    return bool(enough or 2 * (s.clock[0] - row[THIN_AT]) >= RECOVERY_GAP)


@jitable
def _is_time_to_see(s: State, a: int) -> bool:
    """Whether a sighting of the account's recovery is the first, the last, or about due."""
    since, at = s.account[a, WELL_SINCE], s.account[a, WELL_AT]
    enough = s.clock[0] >= since + RECOVERY_TIME
    return since == 0 or enough or 2 * (s.clock[0] - at) >= RECOVERY_GAP


@jitable
def write_off(s: State, w: Market) -> None:
    """Write off what has no collateral left."""
    own = w.watchers
    for block in range(own.ruined.shape[0]):
        if own.ruined[block] == 0:
            continue
        own.ruined[block] = 0
        for a in range(block * BLOCK, min((block + 1) * BLOCK, s.account.shape[0])):
            if own.hot[a] == 0 or not is_hopeless(s, w, a):
                continue
            if not is_ruined(s, a):
                own.ruined[block] = 1  # until nobody can price it for too long
                continue
            op.write_off(s, KEEPER, a)
            look_at(s, w, a)


@jitable
def settle_losses(s: State, w: Market) -> None:
    """Close deficits that no fee makes good any more."""
    for i in range(s.unit.shape[0]):
        waited = s.clock[0] >= s.hub[i, DEFICIT_SINCE] + s.losses[COVER_WINDOW]
        if s.hub[i, DEFICIT] > s.hub[i, DEFICIT_OWED] and waited:
            op.socialise(s, KEEPER, i)
