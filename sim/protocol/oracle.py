"""Twin of `contracts/OracleRouter.sol`: one price and one status per vault and asset."""

from __future__ import annotations

from sim.protocol.fixed_point import BPS, jitable, zero
from sim.protocol.state import (
    ANCHOR,
    ANSWER,
    DEVIATED_SINCE,
    HAS_FALLBACK,
    HEARTBEAT,
    HOLD_OFF,
    MAX_ANSWER,
    MAX_MOVE,
    MIN_ANSWER,
    MODE,
    UPDATED_AT,
    State,
)

STATUS_OK, STATUS_STALE, STATUS_DEVIATED, STATUS_DOWN = range(4)
STALE_HEARTBEATS = 3
"""Liquidations accept a price that missed its heartbeat for less than this many heartbeats."""

FEED_NORMAL, FEED_REVERTS, FEED_INCOMPLETE, FEED_GARBLED = range(4)


@jitable
def poke(s: State, v: int, i: int) -> None:
    """Advance the deviation check: start, clear or end the hold-off; accept the price as anchor."""
    price, _ = _answer(s, v, i)
    if price == 0:
        return
    now = s.clock[0]
    if not _deviates(s, v, i, price):
        s.oracle[v, i, DEVIATED_SINCE] = zero()
    elif s.oracle[v, i, DEVIATED_SINCE] == 0:
        s.oracle[v, i, DEVIATED_SINCE] = now
    since = s.oracle[v, i, DEVIATED_SINCE]
    if since != 0 and now < since + s.oracle[v, i, HOLD_OFF]:
        return
    if price != s.oracle[v, i, ANCHOR]:
        s.oracle[v, i, ANCHOR] = price
        s.oracle[v, i, DEVIATED_SINCE] = zero()


@jitable
def read(s: State, v: int, i: int) -> tuple[int, int, bool]:
    """(price in USD 8 decimals, status, usable for liquidation)."""
    price, age = _answer(s, v, i)
    if price == 0:
        return price, STATUS_DOWN, False
    hold_off = s.oracle[v, i, HOLD_OFF]
    if hold_off > 0 and _deviates(s, v, i, price):
        since = s.oracle[v, i, DEVIATED_SINCE]
        if since == 0 or s.clock[0] < since + hold_off:
            return price, STATUS_DEVIATED, False
    heartbeat = s.oracle[v, i, HEARTBEAT]
    if age <= heartbeat:
        return price, STATUS_OK, True
    return price, STATUS_STALE, age < STALE_HEARTBEATS * heartbeat


@jitable
def _answer(s: State, v: int, i: int) -> tuple[int, int]:
    """The primary's answer and age unless it is down or stale and a sound fallback is fresh."""
    price, age = _sound(s, v, i, 0)
    heartbeat = s.oracle[v, i, HEARTBEAT]
    if price != 0 and age <= heartbeat:
        return price, age
    if s.oracle[v, i, HAS_FALLBACK] != 0:
        other, other_age = _sound(s, v, i, 1)
        if other != 0 and other_age <= heartbeat:
            return other, other_age
    return price, age


@jitable
def _sound(s: State, v: int, i: int, slot: int) -> tuple[int, int]:
    """A feed's answer and age, or (0, 0) when it cannot be believed."""
    price = s.feed[slot, i, ANSWER]
    updated_at = s.feed[slot, i, UPDATED_AT]
    if s.feed[slot, i, MODE] != FEED_NORMAL or updated_at == 0 or updated_at > s.clock[0]:
        return zero(), zero()
    if price <= 0 or price <= s.oracle[v, i, MIN_ANSWER] or price >= s.oracle[v, i, MAX_ANSWER]:
        return zero(), zero()
    return price, s.clock[0] - updated_at


@jitable
def _deviates(s: State, v: int, i: int, price: int) -> bool:
    anchor = s.oracle[v, i, ANCHOR]
    if anchor == 0:
        return False
    return abs(price - anchor) * BPS > anchor * s.oracle[v, i, MAX_MOVE]
