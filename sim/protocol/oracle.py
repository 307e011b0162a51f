"""Twin of `contracts/OracleRouter.sol`: one price and one status per vault and asset."""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.fixed_point import BPS, div_down, inlined, jitable, zero
from sim.protocol.state import (
    ANCHOR,
    ANSWER,
    CANDIDATE,
    CANDIDATE_SINCE,
    DISPUTED_AT,
    DISPUTED_FOR,
    DOWN_AT,
    DOWN_FOR,
    FOR_SALE_SINCE,
    HAS_FALLBACK,
    HEARTBEAT,
    HOLD_OFF,
    MAX_ANSWER,
    MAX_MOVE,
    MIN_ANSWER,
    MODE,
    SEEN_AT,
    UPDATED_AT,
    WAITS_SINCE,
    WATCHED_AT,
    State,
)

STATUS_OK, STATUS_STALE, STATUS_DEVIATED, STATUS_DOWN = range(4)
STALE_HEARTBEATS = 3
"""Liquidations accept a price that missed its heartbeat for less than this many heartbeats."""
SIGHTINGS = 3
"""A price persists while it is seen in every such part of a hold-off; what was seen before a gap is
void."""
DISPUTE_HOLD_OFFS = 2
"""A price disputed for so many hold-offs no longer counts in the favour of accounts."""
LOST_AFTER = 86_400
"""What nobody could price for so long counts for nothing; seconds."""
FORGOTTEN_AFTER = 3 * 86_400
"""What nobody could price for so long would not have paid a debt either; seconds."""
DOWN_GAP = 3_600
"""A feed counts as down between two sightings of it that are no further apart; seconds."""

FEED_NORMAL, FEED_REVERTS, FEED_INCOMPLETE, FEED_GARBLED, FEED_BURNS = range(5)


@jitable
def forget_anchor(s: State, v: int, i: int) -> None:
    """Begin anew: the next price is believed."""
    row = s.oracle[v, i]
    for field in (ANCHOR, CANDIDATE, CANDIDATE_SINCE, SEEN_AT, DISPUTED_AT, DISPUTED_FOR):
        row[field] = zero()
    for field in (DOWN_FOR, DOWN_AT, WATCHED_AT, FOR_SALE_SINCE, WAITS_SINCE):
        row[field] = zero()


@jitable
def poke(s: State, v: int, i: int) -> None:
    """Show the router the price: advance the hold-off, accept what persists; note since when the
    asset is for sale.
    """
    _see(s, v, i)
    _note_sale(s, v, i, read(s, v, i).usable)


class Quote(NamedTuple):
    """What a router answers; USD, 8 decimals."""

    price: int
    """0 while the feed is down."""
    status: int
    usable: bool
    """A liquidation may buy or sell the asset."""
    collateral_price: int
    """What collateral counts at for liquidation, and is sold at if usable."""
    debt_price: int
    """What a debt counts at for liquidation, and is repaid at if usable."""
    forfeit_price: int
    """What collateral is worth at least, where it is asked whether it would pay."""
    for_sale_for: int
    """Seconds for which pokes have seen that a liquidation may buy, sell or repay it."""


@inlined
def read(s: State, v: int, i: int) -> Quote:
    """The price of an asset as a vault sees it, and what it counts at there."""
    price, age = _answer(s, v, i)
    row = s.oracle[v, i]
    if price == 0 or age >= STALE_HEARTBEATS * row[HEARTBEAT]:
        return _unknown(s, v, i, price, age)
    if row[HOLD_OFF] > 0 and _deviates(price, row[ANCHOR], row[MAX_MOVE]):
        return _disputed(s, v, i, price, age)
    status = STATUS_OK if age <= row[HEARTBEAT] else STATUS_STALE
    return Quote(price, status, True, price, price, price, _for_sale_for(s, v, i))


@jitable
def _see(s: State, v: int, i: int) -> None:
    """Advance the hold-off."""
    price, age = _answer(s, v, i)
    row = s.oracle[v, i]
    _watch(s, v, i, price == 0)
    if price != 0 and age > row[HEARTBEAT]:
        return
    before = row[SEEN_AT]
    if row[HOLD_OFF] != 0:
        row[SEEN_AT] = s.clock[0]
    if row[HOLD_OFF] != 0 and row[ANCHOR] != 0:
        _dispute(s, v, i, price, age, before)
        if not _persists(s, v, i, price, age, before):
            return
        price = row[CANDIDATE]
    if price != 0:
        row[ANCHOR] = price
        row[CANDIDATE] = zero()


@jitable
def _unknown(s: State, v: int, i: int, price: int, age: int) -> Quote:
    """Of no price, or one too old: at the anchor, which is the last price that was accepted;
    collateral until it is lost, and at the last answer where the anchor was forgotten; what would
    be forfeited until it is forgotten.
    """
    row = s.oracle[v, i]
    status, unknown_for = STATUS_STALE, age - STALE_HEARTBEATS * row[HEARTBEAT]
    if price == 0:
        in_sight = s.clock[0] <= row[DOWN_AT] + DOWN_GAP
        status, unknown_for = STATUS_DOWN, row[DOWN_FOR] if in_sight else zero()
    worth = price if row[ANCHOR] == 0 else row[ANCHOR]
    if unknown_for >= LOST_AFTER:
        worth = zero()
    forfeited = zero() if unknown_for >= FORGOTTEN_AFTER else max(worth, row[ANCHOR])
    paid_for = max(unknown_for - LOST_AFTER, zero())  # a debt of it is paid from then on
    return Quote(price, status, False, worth, row[ANCHOR], forfeited, paid_for)


@jitable
def _disputed(s: State, v: int, i: int, price: int, age: int) -> Quote:
    """Of a price far from the anchor: in the account's favour until it was disputed for too long;
    and at the anchor when no report has confirmed it for a third of a hold-off, for one answer
    decides nothing.
    """
    row = s.oracle[v, i]
    low, high = min(price, row[ANCHOR]), max(price, row[ANCHOR])
    gap = div_down(row[HOLD_OFF], SIGHTINGS)
    in_sight = s.clock[0] <= row[DISPUTED_AT] + gap
    if in_sight and row[DISPUTED_FOR] >= DISPUTE_HOLD_OFFS * row[HOLD_OFF]:
        return Quote(price, STATUS_DEVIATED, True, low, high, high, _for_sale_for(s, v, i))
    if age > gap:
        anchor = row[ANCHOR]
        return Quote(price, STATUS_DEVIATED, False, anchor, anchor, anchor, zero())
    return Quote(price, STATUS_DEVIATED, False, high, low, high, zero())


@jitable
def _note_sale(s: State, v: int, i: int, usable: bool) -> None:
    """Note since when the price is usable, and since when it is not; what is gone for no longer
    than a block was not gone.
    """
    row, now = s.oracle[v, i], s.clock[0]
    if not usable:
        if row[WAITS_SINCE] == 0:
            row[WAITS_SINCE] = now
    elif row[WAITS_SINCE] != 0 or row[FOR_SALE_SINCE] == 0:
        if row[WAITS_SINCE] != now or row[FOR_SALE_SINCE] == 0:
            row[FOR_SALE_SINCE] = now
        row[WAITS_SINCE] = zero()


@inlined
def is_decided(q: Quote) -> bool:
    """Whether a debt may be repaid for collateral: of one that nobody could price for too long, the
    price that it counts at decides.
    """
    return q.usable or (q.collateral_price == 0 and q.debt_price > 0)


@inlined
def _for_sale_for(s: State, v: int, i: int) -> int:
    """For how long pokes have seen it usable, seconds."""
    since = s.oracle[v, i, FOR_SALE_SINCE]
    if since == 0 or s.oracle[v, i, WAITS_SINCE] != 0:
        return zero()
    return s.clock[0] - since


@jitable
def _watch(s: State, v: int, i: int, down: bool) -> None:
    """Count for how long the feed is seen to be down: two moments a day apart are no day, nor is a
    moment's answer the end of one.
    """
    row = s.oracle[v, i]
    before = row[WATCHED_AT]
    if not down and before == 0:
        return
    passed = s.clock[0] - before
    goes_on = down and row[DOWN_AT] == before and passed <= DOWN_GAP
    # What had long been lost does not stay so for longer, once it is seen again, than what was lost
    # just now.
    past = row[DOWN_FOR] if goes_on else min(row[DOWN_FOR], LOST_AFTER)
    row[DOWN_FOR] = _counted(past, passed, goes_on, FORGOTTEN_AFTER)
    row[WATCHED_AT] = s.clock[0] if down or row[DOWN_FOR] != 0 else zero()
    if down:
        row[DOWN_AT] = s.clock[0]


@jitable
def _dispute(s: State, v: int, i: int, price: int, age: int, before: int) -> None:
    """Count for how long prices are seen beyond the largest move, on whichever side: from one fresh
    answer to another, while nothing else is seen in between but old ones and none. So neither
    silence nor an outage makes a dispute out of one answer.
    """
    row = s.oracle[v, i]
    since, passed, gap = row[DISPUTED_AT], s.clock[0] - before, div_down(row[HOLD_OFF], SIGHTINGS)
    beyond = price == 0 or _deviates(price, row[ANCHOR], row[MAX_MOVE])
    fresh = beyond and price != 0 and age <= gap
    goes_on = since != 0 and beyond and passed <= gap
    if goes_on and not fresh:
        return  # to be counted once a report confirms it
    if goes_on:
        passed = s.clock[0] - since
    limit = DISPUTE_HOLD_OFFS * row[HOLD_OFF]
    row[DISPUTED_FOR] = _counted(row[DISPUTED_FOR], passed, goes_on, limit)
    if fresh:
        row[DISPUTED_AT] = s.clock[0]
    elif since != s.clock[0]:  # what is back within the block of a sight ends nothing
        row[DISPUTED_AT] = zero()


@jitable
def _persists(s: State, v: int, i: int, price: int, age: int, before: int) -> bool:
    """Whether prices on one side of the anchor have persisted; the nearest of them is the
    candidate.
    """
    row = s.oracle[v, i]
    last, candidate, gap = row[ANCHOR], row[CANDIDATE], div_down(row[HOLD_OFF], SIGHTINGS)
    if price == 0 or price == last:
        row[CANDIDATE] = zero()
        return False
    above = price > last
    there = candidate != 0 and above == (candidate > last)
    if not there or s.clock[0] > before + gap:
        row[CANDIDATE] = price
        row[CANDIDATE_SINCE] = s.clock[0]
    elif (price < candidate) if above else (price > candidate):
        row[CANDIDATE] = price
    return s.clock[0] >= row[CANDIDATE_SINCE] + row[HOLD_OFF] and age <= gap


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
def _counted(counted: int, passed: int, goes_on: bool, limit: int) -> int:
    """Of trouble that is seen now and again: up, to the limit, from one such sight to the next,
    down at any other time. So neither does what is gone for a moment start anew, nor what is there
    for a moment, again and again, come any closer to the limit.
    """
    return min(counted + passed, limit) if goes_on else counted - min(counted, passed)


@inlined
def _deviates(price: int, anchor: int, max_move_bps: int) -> bool:
    if anchor == 0:
        return False
    return abs(price - anchor) * BPS > anchor * max_move_bps
