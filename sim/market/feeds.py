"""Oracle reporting: a feed answers when its answer moved enough or its heartbeat is due.

What it answers is the reference price a latency ago, unless something is wrong with it
(`sim.market.faults` makes the tables):

    source    the price seen; or a recorded answer; or a rate x the answer of another asset's feed;
              or of a pool that the feed reads: reserve of the other token x its reference price /
              own reserve
    report    x factor: wrong answers, wrong decimals, spikes
    feed      at least the floor, a stuck minAnswer
    adapter   at most the cap x the price seen of another asset

each rounded half up to whole units. A wrong answer still obeys heartbeat and deviation. A feed that
follows another's answers in every step in which that one did, and when its own moved by the
deviation, but not for its own heartbeat: it is as old as what it reads. Recorded answers come when
they came (`sim.market.feed_sources`).
"""

from __future__ import annotations

from sim.market.market import (
    ANSWER_CAP,
    ANSWER_FACTOR,
    ANSWER_FLOOR,
    CAP_OF,
    GRACE,
    HALTED,
    RATE,
    RATE_OF,
    READS_VENUE,
    REPLAYED,
    SILENT,
    Market,
)
from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, jitable, max_price, mul_div_whole, wad, zero
from sim.protocol.state import ANSWER, RESERVE0, RESERVE1, SEQUENCER_FEED, UPDATED_AT, State

OPERATOR = 0
"""The actor that posts prices."""
PRIMARY = 0


@jitable
def report(s: State, w: Market, k: int) -> None:
    """Post every price that moved by the deviation threshold since the last answer, or whose
    heartbeat is due; those that follow another's answer after it.
    """
    own = w.feeds
    if own.halted.shape[0] > 0 and own.halted[k - 1] == HALTED and _is_asked(s):
        op.post_sequencer(s, OPERATOR, zero())
    faulty = own.fault.shape[0] > 0
    for i in range(s.unit.shape[0]):
        if not faulty or own.fault[k, i, RATE_OF] < 0:
            due = s.clock[0] - s.feed[PRIMARY, i, UPDATED_AT] >= own.heartbeat[i]
            _report(s, w, k, i, due)
    if faulty:
        for i in range(s.unit.shape[0]):
            if own.fault[k, i, RATE_OF] >= 0:
                base = int(own.fault[k, i, RATE_OF])
                _report(s, w, k, i, s.feed[PRIMARY, base, UPDATED_AT] == s.clock[0])


@jitable
def _report(s: State, w: Market, k: int, i: int, due: bool) -> None:
    """Post the answer of one feed if it is due or has moved."""
    own = w.feeds
    seen, last = own.observed[k, i], s.feed[PRIMARY, i, ANSWER]
    if own.fault.shape[0] > 0:
        if own.fault[k, i, SILENT] != 0:
            return
        seen = faulty_answer(s, w, k, i)
    if due or abs(seen - last) * BPS >= own.deviation[i] * last:
        op.post_price(s, OPERATOR, i, PRIMARY, seen)


@jitable
def faulty_answer(s: State, w: Market, k: int, i: int) -> int:
    """What the feed of asset i would answer at step k: 1 unit to just below the largest price."""
    own = w.feeds
    answer, fault = own.observed[k, i], own.fault[k, i]
    if fault[REPLAYED] > 0:
        answer = fault[REPLAYED]
    if fault[RATE_OF] >= 0:
        answer = _nearest(s.feed[PRIMARY, int(fault[RATE_OF]), ANSWER], fault[RATE], wad())
    if fault[READS_VENUE] >= 0:
        answer = _pool_price(s, w, k, i, int(fault[READS_VENUE]))
    if fault[ANSWER_FACTOR] != wad():
        answer = _nearest(answer, fault[ANSWER_FACTOR], wad())
    answer = max(answer, fault[ANSWER_FLOOR])
    if fault[CAP_OF] >= 0:
        seen = own.observed[k, int(fault[CAP_OF])]
        answer = min(answer, _nearest(seen, fault[ANSWER_CAP], wad()))
    return max(min(answer, max_price() - 1), zero() + 1)


@jitable
def _is_asked(s: State) -> bool:
    """Whether any vault's guard asks whether the sequencer is up."""
    asked = False
    for v in range(s.guard.shape[0]):
        asked = asked or s.guard[v, SEQUENCER_FEED] != 0
    return asked


@jitable
def is_halted(w: Market, k: int) -> bool:
    """Whether nobody's transactions are included in step k: the sequencer is down."""
    return w.feeds.halted.shape[0] > 0 and w.feeds.halted[k] == HALTED


@jitable
def in_grace(w: Market, k: int) -> bool:
    """Whether the sequencer is up again for less than the grace period: no price counts for
    borrowing or liquidation yet.
    """
    return w.feeds.halted.shape[0] > 0 and w.feeds.halted[k] == GRACE


@jitable
def _pool_price(s: State, w: Market, k: int, i: int, p: int) -> int:
    """Asset i's mid price in pool p, at the reference price of the other token. A pool is never
    empty: its first liquidity is locked, and no swap takes a whole reserve.
    """
    side = 0 if s.pair_tokens[p, 0] == i else 1
    other = s.pair_tokens[p, 1 - side]
    own, others = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    return _nearest(w.price[k, other] * others, s.unit[i], own * s.unit[other])


@jitable
def _nearest(a: int, b: int, d: int) -> int:
    """a * b / d, half rounded up: a whole number of units in doubles as well."""
    return mul_div_whole(2 * a * b + d, 1, 2 * d)
