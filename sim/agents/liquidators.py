"""Liquidators: a population that liquidates what pays, most profitable account first, and sells
what it seizes.

Each has a gas price up to which it bids, a delay (its latency, and its wait for a block), a profit
it wants, a most that it repays in one call, and a capacity: a call that repays X keeps it busy for
X / capacity, so that a step of dt sees calls until capacity x dt is used up, and what the last one
repays beyond it is time of the next steps. Of those who can act on an account the highest bid goes
first, equal bids in the order of the scenario. Blocks have room for so many calls an hour; what
finds none waits, and room that nobody takes is gone.
Each tries all pairs of a debt and a collateral of the account that may pay him, best first; once
one is liquidated everyone looks at the account again. A liquidation too large for the venue is cut
to the size that gains most there. Without capital of its own a liquidator uses the flash liquidator
and stops when the venue pays less than the debt and his profit; with it he repays from his wallet,
and may keep what he seizes, at the reference price, or take it as a position when the hub is short
of cash. Only who keeps needs no venue: he sells it in the reference market and buys back what he
repaid, outside the books here, where he is seen to hold what he seized.
"""

from __future__ import annotations

import numpy as np

from sim.agents.offers import Offer, asks, keeps, paying, takes_shares
from sim.health.prospects import (
    best_gain,
    best_pair,
    may_pay,
    measure,
    prospect,
    rank_pairs,
    wanted,
)
from sim.health.watchers import look_at
from sim.market import reference
from sim.market.costs import gas_value, value_of
from sim.market.market import (
    BACKLOG,
    CALL,
    CALL_ROOM,
    CALLS_WAITED,
    CAPACITY,
    GAS_USED,
    GAS_VALUE,
    LIQUIDATABLE,
    LIQUIDATIONS,
    LONGEST_WAIT,
    OWN_CAPITAL,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, mul_div_down, zero
from sim.protocol.liquidator import side_of
from sim.protocol.state import WALLET, State


@jitable
def rest(w: Market, k: int) -> None:
    """Step k's time goes by: so much of what was repaid keeps nobody busy any more, and there are
    new blocks.
    """
    for lq in range(w.liquidator.shape[0]):
        w.spent[lq] = max(zero(), w.spent[lq] - w.liquidator[lq, CAPACITY])
    if w.room.shape[0] > 0:
        w.taken[0] = max(zero(), w.taken[0] - w.room[k])


@jitable
def act(s: State, w: Market, k: int) -> bool:
    """All accounts that may pay, best first, each as often as it pays and blocks have room; whether
    any was liquidated.
    """
    count, before = 0, w.tally[LIQUIDATIONS]
    if w.hot_count[0] > 0:
        count = _gather(s, w, k)
    for _ in range(count):
        if not has_room(w, k) or not may_pay(w, np.inf, best_gain(w)):  # all silent or busy
            break
        n = np.argmax(w.rank[:count])  # equals in order of account; few are reached: no sorting
        w.rank[n] = -1.0
        a = w.candidate[n]
        while has_room(w, k) and _try_all(s, w, k, a) and w.watch[a, LIQUIDATABLE] != 0:
            pass
    if w.room.shape[0] > 0:
        _wait(s, w, k, count)
    return bool(w.tally[LIQUIDATIONS] > before)


@jitable
def are_free(s: State, w: Market, k: int) -> bool:
    """Whether any liquidator would act now if it paid."""
    for lq in range(w.liquidator.shape[0]):
        if wanted(s, w, k, lq) < np.inf:
            return True
    return False


@jitable
def has_room(w: Market, k: int) -> bool:
    """Whether blocks of step k take one more call; a thousandth of their room is none, for exact
    and compiled runs agree to roundings.
    """
    return w.room.shape[0] == 0 or bool(1_000 * (w.room[k] - w.taken[0]) > w.room[k])


@jitable
def _wait(s: State, w: Market, k: int, count: int) -> None:
    """Count who still may pay and found no room, of the `count` that may have; nobody waits while
    there is room.
    """
    if has_room(w, k):
        if w.tally[BACKLOG] > 0:
            w.waits.fill(zero())
            w.tally[BACKLOG] = zero()
        return
    w.tally[BACKLOG] = zero()
    for n in range(count):
        a = w.candidate[n]
        seen = prospect(s, w, a)
        if may_pay(w, seen.most, seen.gain):
            w.tally[BACKLOG] += 1
            if w.waits[a] == 0:
                w.waits[a] = s.clock[0]


@jitable
def _gather(s: State, w: Market, k: int) -> int:
    """List the accounts that may pay, each with what liquidating all of it would bring; their
    number.
    """
    count = 0
    for lq in range(w.liquidator.shape[0]):
        w.wanted[lq] = wanted(s, w, k, lq)
    for c in range(s.unit.shape[0]):
        for d in range(s.unit.shape[0]):
            measure(s, w, k, c, d)
    for n in range(w.hot_count[0]):
        a = w.hot[n]
        seen = prospect(s, w, a)
        if may_pay(w, seen.most, seen.gain):
            w.candidate[count] = a
            w.rank[count] = max(seen.whole, 0.0)
            count += 1
    return count


@jitable
def _try_all(s: State, w: Market, k: int, a: int) -> bool:
    """Whether any liquidator, the highest bid first, liquidated the account."""
    seen = prospect(s, w, a)
    if not may_pay(w, seen.most, seen.gain):  # others were liquidated in the meantime
        return False
    look_at(s, w, a)
    if w.watch[a, LIQUIDATABLE] == 0:
        return False
    for n in range(w.priority.shape[0]):
        lq = w.priority[n]
        seen = s.clock[0] >= w.since[a] + w.delay[k, lq]
        if seen and w.wanted[lq] < np.inf and _try_pairs(s, w, k, lq, a):
            return True
    return False


@jitable
def _try_pairs(s: State, w: Market, k: int, lq: int, a: int) -> bool:
    """Whether liquidator `lq`, which can act, liquidated account `a`: of its pairs of a debt and a
    collateral, the one that would bring most first.
    """
    m, count = s.unit.shape[0], rank_pairs(s, w, lq, a)
    for _ in range(count):
        n = best_pair(w, count)
        if w.brings[n] < w.wanted[lq]:
            return False
        w.brings[n] = -1.0
        c, d = w.pairs[n] // m, w.pairs[n] % m
        if _try(s, w, k, lq, a, d, c):
            w.wanted[lq] = wanted(s, w, k, lq)
            measure(s, w, k, c, d)
            measure(s, w, k, d, c)
            return True
    return False


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int) -> bool:
    """Whether liquidator `lq`, which can act, liquidated account `a`, repaying `d` for `c`."""
    most, least = _means(s, w, k, lq, d), asks(s, w, k, lq, d)
    pays, offer = paying(s, w, k, lq, a, d, c, most, least)
    if not pays:
        return False
    code = _liquidate(s, w, lq, a, d, c, offer, least)
    look_at(s, w, a)
    if code != OK:
        return False
    w.spent[lq] += value_of(w, s, k, d, offer.repaid)
    w.tally[LIQUIDATIONS] += 1
    if w.room.shape[0] > 0:
        w.taken[0] += CALL_ROOM
        if w.waits[a] != 0:
            w.tally[CALLS_WAITED] += 1
            w.tally[LONGEST_WAIT] = max(w.tally[LONGEST_WAIT], s.clock[0] - w.waits[a])
            w.waits[a] = zero()
    w.tally[REPAID_VALUE] += value_of(w, s, k, d, offer.repaid)
    w.tally[SEIZED_VALUE] += value_of(w, s, k, c, offer.out)
    w.tally[PROFIT_VALUE] += value_of(w, s, k, d, offer.worth - offer.repaid)
    w.tally[GAS_VALUE] += gas_value(w, s, k, w.liquidator[lq, GAS_USED])
    return True


@jitable
def _liquidate(
    s: State, w: Market, lq: int, a: int, d: int, c: int, offer: Offer, least: int
) -> int:
    """Carry out what was offered, and sell it: the code."""
    actor = w.liquidator_actor[lq]
    if w.liquidator[lq, OWN_CAPITAL] == 0:
        return op.flash_liquidate(s, actor, a, d, c, offer.amount, least)
    # Asked before: what he takes is cash that the hub may be short of afterwards.
    kept = keeps(s, w, lq, a, c, offer.out)
    shares = zero() + takes_shares(s, w, lq, a, c, offer.out)
    code = op.liquidate(s, actor, a, d, c, offer.amount, zero(), shares)
    if code != OK or shares != 0:
        return code
    if kept:
        reference.trade(w, c, offer.out, d, offer.repaid)
    else:
        p = s.pair_of[c, d]
        op.swap_in(s, actor, p, side_of(s, p, c), offer.out, offer.worth)
    return code


@jitable
def _means(s: State, w: Market, k: int, lq: int, d: int) -> int:
    """The most of `d` that the liquidator can repay in a call."""
    row = w.liquidator[lq]
    most = mul_div_down(row[CALL], s.unit[d], w.price[k, d])
    if row[OWN_CAPITAL] != 0:
        most = min(most, s.holding[w.liquidator_actor[lq], d, WALLET])
    return most
