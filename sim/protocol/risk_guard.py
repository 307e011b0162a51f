"""Twin of `contracts/RiskGuard.sol`: brakes of a vault that release themselves.

Whatever is done to a vault without a guard is refused there; here it raises, for nobody can ask
what is not deployed.
"""

from __future__ import annotations

from sim.protocol import oracle
from sim.protocol.errors import (
    ACTION_PAUSED,
    BREAKER_OPEN,
    IN_GRACE,
    INVALID_PAUSE,
    INVALID_STRESS,
    NOT_MOVED,
    OK,
    PAUSED_LATELY,
    UNAUTHORISED,
)
from sim.protocol.fixed_point import BPS, inlined, jitable, zero
from sim.protocol.soundness import MIN_STRESS
from sim.protocol.state import (
    ANCHOR,
    ANSWER,
    BREAKER_STOPS_LIQUIDATION,
    COOL_OFF,
    GRACE,
    GUARDED,
    GUARDIAN,
    MAX_PAUSE,
    NEXT,
    PAUSE_GAP,
    PAUSED_UNTIL,
    RING,
    SEEN_AT_FIRST,
    SEEN_FIRST,
    SEQUENCER_FEED,
    STRESS,
    TRIP,
    TRIP_WINDOW,
    TRIPPED_AT,
    UPDATED_AT,
    URGENT_EXEMPT,
    State,
)

OWNER = 0
"""The admin."""
BORROW, WITHDRAW, LIQUIDATE = range(3)
"""Actions; in the bits of a pause 1, 2 and 4."""
ACTIONS = 3


@jitable
def pause(s: State, actor: int, v: int, i: int, bits: int, duration: int) -> int:
    """Stop the actions of `bits` with an asset for a while; only the guardian may."""
    terms, row = s.guard[v], s.brake[v, i]
    if actor != terms[GUARDIAN]:
        return UNAUTHORISED
    if bits <= 0 or bits >= 1 << ACTIONS:
        return INVALID_PAUSE
    if duration == 0 or duration > terms[MAX_PAUSE]:
        return INVALID_PAUSE
    for k in range(ACTIONS):
        until = row[PAUSED_UNTIL + k]
        if _has(bits, k) and s.clock[0] < until + terms[PAUSE_GAP]:
            return PAUSED_LATELY
    for k in range(ACTIONS):
        if _has(bits, k):
            row[PAUSED_UNTIL + k] = s.clock[0] + duration
    return OK


@jitable
def unpause(s: State, actor: int, v: int, i: int, bits: int) -> int:
    """End pauses now; only the owner may."""
    if actor != OWNER:
        return UNAUTHORISED
    for k in range(ACTIONS):
        if _has(bits, k) and s.clock[0] < s.brake[v, i, PAUSED_UNTIL + k]:
            s.brake[v, i, PAUSED_UNTIL + k] = s.clock[0]
    return OK


@jitable
def poke(s: State, v: int, i: int) -> None:
    """Show the router the price, and note the one that it accepts, if that is another and an eighth
    of the window has passed.
    """
    oracle.poke(s, v, i)
    if notes(s, v, i):
        _note(s, v, i, s.oracle[v, i, ANCHOR])


@jitable
def trip(s: State, v: int, i: int) -> int:
    """Open the breaker of an asset, if the accepted price moved that far."""
    oracle.poke(s, v, i)
    price = s.oracle[v, i, ANCHOR]
    if not moved(s, v, i, price):
        return NOT_MOVED
    s.brake[v, i, TRIPPED_AT] = s.clock[0]
    _note(s, v, i, price)
    return OK


@jitable
def set_stress(s: State, actor: int, v: int, bps: int) -> int:
    """Set the stress multiplier; only the owner may."""
    if actor != OWNER:
        return UNAUTHORISED
    if bps < MIN_STRESS or bps > BPS:
        return INVALID_STRESS
    s.guard[v, STRESS] = bps
    return OK


@jitable
def lower_stress(s: State, actor: int, v: int, bps: int) -> int:
    """Lower the stress multiplier; only the guardian may."""
    if actor != s.guard[v, GUARDIAN]:
        return UNAUTHORISED
    if bps < MIN_STRESS or bps >= s.guard[v, STRESS]:
        return INVALID_STRESS
    s.guard[v, STRESS] = bps
    return OK


@jitable
def check(s: State, v: int, action: int, i: int, first: bool, exempt: bool) -> int:
    """Why `action` may not be done now, for one of the assets that a vault asks for; `first` is the
    one that is borrowed, withdrawn or repaid.
    """
    terms, row = s.guard[v], s.brake[v, i]
    grace = grace_of(s, v, exempt)
    if first or action == LIQUIDATE:
        until = row[PAUSED_UNTIL + action]
        if s.clock[0] < until:
            return ACTION_PAUSED
        if action == LIQUIDATE and until != 0 and s.clock[0] < until + grace:
            return IN_GRACE
    stopped = action == BORROW or (action == WITHDRAW and not exempt)
    if action == LIQUIDATE:
        stopped = terms[BREAKER_STOPS_LIQUIDATION] != 0
    if stopped and is_open(s, v, i):
        return BREAKER_OPEN
    return OK


# --- internals ------------------------------------------------------------------------------------


@inlined
def is_guarded(s: State, v: int) -> bool:
    """Whether the vault has a guard."""
    return s.guard[v, GUARDED] != 0


@inlined
def _has(bits: int, k: int) -> bool:
    return (int(bits) >> k) & 1 == 1


@jitable
def grace_of(s: State, v: int, exempt: bool) -> int:
    """Seconds that a liquidation is held up for after a pause or an outage."""
    if exempt and s.guard[v, URGENT_EXEMPT] != 0:
        return zero()
    return s.guard[v, GRACE]


@jitable
def notes(s: State, v: int, i: int) -> bool:
    """Whether a poke would note the price that the router accepts as it stands."""
    row, price = s.brake[v, i], s.oracle[v, i, ANCHOR]
    last = (int(row[NEXT]) + RING - 1) % RING
    at = row[SEEN_AT_FIRST + last]
    late = at == 0 or (s.clock[0] - at) * RING >= s.guard[v, TRIP_WINDOW]
    return price != 0 and price != row[SEEN_FIRST + last] and late


@jitable
def _note(s: State, v: int, i: int, price: int) -> None:
    row = s.brake[v, i]
    k = int(row[NEXT])
    row[SEEN_FIRST + k] = price
    row[SEEN_AT_FIRST + k] = s.clock[0]
    row[NEXT] = zero() + (k + 1) % RING


@jitable
def moved(s: State, v: int, i: int, price: int) -> bool:
    """Whether a price noted since the last trip, and in force within the window, is far enough from
    this one.
    """
    terms, row, until = s.guard[v], s.brake[v, i], s.clock[0]
    for back in range(1, RING + 1):
        k = (int(row[NEXT]) + RING - back) % RING
        seen, at = row[SEEN_FIRST + k], row[SEEN_AT_FIRST + k]
        if at == 0 or at < row[TRIPPED_AT] or until + terms[TRIP_WINDOW] < s.clock[0]:
            return False
        if terms[TRIP] > 0 and price > 0 and abs(price - seen) * BPS > seen * terms[TRIP]:
            return True
        if at == row[TRIPPED_AT]:
            return False  # the price that the last trip found
        until = at
    return False


@jitable
def is_open(s: State, v: int, i: int) -> bool:
    """Whether the breaker of an asset is open."""
    at = s.brake[v, i, TRIPPED_AT]
    return at != 0 and s.clock[0] < at + s.guard[v, COOL_OFF]


@jitable
def is_any_stopped(s: State, v: int) -> bool:
    """Whether a pause or an open breaker of any asset stops something."""
    for i in range(s.unit.shape[0]):
        if is_open(s, v, i):
            return True
        for action in range(ACTIONS):
            if s.clock[0] < s.brake[v, i, PAUSED_UNTIL + action]:
                return True
    return False


@jitable
def is_held_up(s: State, v: int, exempt: bool) -> bool:
    """Whether the sequencer is down, or back up for less than the grace period."""
    if s.guard[v, SEQUENCER_FEED] == 0:
        return False
    since = s.sequencer[UPDATED_AT]
    if s.sequencer[ANSWER] != 0:
        return True
    return since != 0 and s.clock[0] - since < grace_of(s, v, exempt)
