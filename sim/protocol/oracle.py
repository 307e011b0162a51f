"""Twin of `contracts/OracleRouter.sol`: one price and one status per vault and asset."""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.fixed_point import BPS, inlined, jitable, zero
from sim.protocol.state import (
    ANCHOR,
    ANSWER,
    CANDIDATE,
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

FEED_NORMAL, FEED_REVERTS, FEED_INCOMPLETE, FEED_GARBLED, FEED_BURNS = range(5)


@jitable
def poke(s: State, v: int, i: int) -> None:
    """Advance the deviation check: start, restart or end the hold-off; accept the price."""
    price, _ = _answer(s, v, i)
    if price == 0:
        return
    row = s.oracle[v, i]
    if _deviates(price, row[ANCHOR], row[MAX_MOVE]):
        if row[CANDIDATE] == 0 or _deviates(price, row[CANDIDATE], row[MAX_MOVE]):
            row[CANDIDATE] = price
            row[DEVIATED_SINCE] = s.clock[0]
        if s.clock[0] < row[DEVIATED_SINCE] + row[HOLD_OFF]:
            return
    row[ANCHOR] = price
    row[CANDIDATE] = zero()
    row[DEVIATED_SINCE] = zero()


class Reading(NamedTuple):
    """What a router answers."""

    price: int
    """USD, 8 decimals; 0 while the feed is down."""
    status: int
    usable: bool
    """For liquidation."""


@inlined
def read(s: State, v: int, i: int) -> Reading:
    """The price of an asset as a vault sees it."""
    price, age = _answer(s, v, i)
    if price == 0:
        return Reading(price, STATUS_DOWN, False)
    row = s.oracle[v, i]
    if row[HOLD_OFF] > 0 and _deviates(price, row[ANCHOR], row[MAX_MOVE]):
        away = row[CANDIDATE] == 0 or _deviates(price, row[CANDIDATE], row[MAX_MOVE])
        if away or s.clock[0] < row[DEVIATED_SINCE] + row[HOLD_OFF]:
            return Reading(price, STATUS_DEVIATED, False)
    if age <= row[HEARTBEAT]:
        return Reading(price, STATUS_OK, True)
    return Reading(price, STATUS_STALE, age < STALE_HEARTBEATS * row[HEARTBEAT])


@inlined
def accepted(s: State, v: int, i: int) -> int:
    """The last price accepted; 0 before the first."""
    return s.oracle[v, i, ANCHOR]


@inlined
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


@inlined
def _sound(s: State, v: int, i: int, slot: int) -> tuple[int, int]:
    """A feed's answer and age, or (0, 0) when it cannot be believed."""
    price = s.feed[slot, i, ANSWER]
    updated_at = s.feed[slot, i, UPDATED_AT]
    if s.feed[slot, i, MODE] != FEED_NORMAL or updated_at == 0 or updated_at > s.clock[0]:
        return zero(), zero()
    if price <= 0 or price <= s.oracle[v, i, MIN_ANSWER] or price >= s.oracle[v, i, MAX_ANSWER]:
        return zero(), zero()
    return price, s.clock[0] - updated_at


@inlined
def _deviates(price: int, anchor: int, max_move_bps: int) -> bool:
    if anchor == 0:
        return False
    return abs(price - anchor) * BPS > anchor * max_move_bps
