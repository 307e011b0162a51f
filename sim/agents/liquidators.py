"""Liquidators: a population that liquidates what pays, most profitable account first, and sells
what it seizes.

Each has a gas price up to which it bids, a delay (its latency, and its wait for a block), a profit
it wants, a most that it repays in one call, and a capacity: a call that repays X keeps it busy for
X / capacity, so that a step of dt sees calls until capacity x dt is used up, and what the last one
repays beyond it is time of the next steps. Of those who can act on an account the highest bid goes
first, equal bids in the order of the scenario. Blocks have room for so many calls an hour; what
finds none waits, and room that nobody takes is gone.
Each tries all pairs of a debt and a collateral of the account that may pay him, best first; once
one is liquidated everyone looks at the account again. A liquidation too large for the venues is cut
to the size that gains most there; where several trade the two, each takes its part of the sale.
Without capital of its own a liquidator uses the flash liquidator and stops when the venues pay less
than the debt and his profit; with it he repays from his wallet, and may keep what he seizes, at the
reference price, or take it as a position when the hub is short of cash. Only who keeps needs no
venue: he sells it in the reference market and buys back what he repaid, outside the books here,
where he is seen to hold what he seized.
"""

from __future__ import annotations

import numpy as np

from sim.agents.offers import Offer, asks, keeps, paying, takes_shares
from sim.agents.sales import sell
from sim.health.prospects import (
    Prospect,
    best_pair,
    least_wanted,
    may_pay,
    measure,
    measure_reach,
    pays_any_in,
    pays_one,
    prospect,
    rank_pairs,
    reaches,
    wanted,
)
from sim.health.watchers import BLOCK, look_at, remember_owed
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
    HELD_UP,
    HELD_UP_FOR,
    LIQUIDATABLE,
    LIQUIDATIONS,
    LONGEST_HELD_UP,
    LONGEST_WAIT,
    OWN_CAPITAL,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.protocol import operations as op
from sim.protocol.errors import ACTION_PAUSED, BREAKER_OPEN, IN_GRACE, OK
from sim.protocol.fixed_point import inlined, jitable, mul_div_down, zero
from sim.protocol.state import WALLET, State


@jitable
def rest(w: Market, k: int) -> None:
    """Step k's time goes by: so much of what was repaid keeps nobody busy any more, and there are
    new blocks.
    """
    own = w.liquidators
    for lq in range(own.terms.shape[0]):
        own.spent[lq] = max(zero(), own.spent[lq] - own.terms[lq, CAPACITY])
    if own.room.shape[0] > 0:
        own.taken[0] = max(zero(), own.taken[0] - own.room[k])


@jitable
def act(s: State, w: Market, k: int) -> bool:
    """All accounts that may pay, best first, each as often as it pays and blocks have room; whether
    any was liquidated.
    """
    before = w.tally[LIQUIDATIONS]
    count = _gather(s, w, k) if w.watchers.hot_count[0] > 0 else 0
    if count > 0:
        _act_on(s, w, k, count)
    if w.liquidators.room.shape[0] > 0:
        _wait(s, w, k, count)
    return bool(w.tally[LIQUIDATIONS] > before)


@jitable
def _act_on(s: State, w: Market, k: int, count: int) -> None:
    """Those listed, until nobody has anything to gain any more."""
    own, listed = w.liquidators, w.watchers.owed.shape[0] - 1
    for n in np.argsort(-own.rank[:count], kind="mergesort"):  # equals in order of account
        # All are silent or busy, or what was sold leaves nothing to gain.
        if own.rank[n] < 0 or not has_room(w, k) or not pays_any_in(w, listed):
            return
        a = own.candidate[n]
        while has_room(w, k) and _try_all(s, w, k, a) and w.watchers.watch[a, LIQUIDATABLE] != 0:
            pass


@jitable
def are_free(s: State, w: Market, k: int) -> bool:
    """Whether any liquidator would act now if it paid."""
    for lq in range(w.liquidators.terms.shape[0]):
        if wanted(s, w, k, lq) < np.inf:
            return True
    return False


@inlined
def has_room(w: Market, k: int) -> bool:
    """Whether blocks of step k take one more call; a thousandth of their room is none, for exact
    and compiled runs agree to roundings.
    """
    own = w.liquidators
    return own.room.shape[0] == 0 or bool(1_000 * (own.room[k] - own.taken[0]) > own.room[k])


@jitable
def _wait(s: State, w: Market, k: int, count: int) -> None:
    """Count who still may pay and found no room, of the `count` that may have; nobody waits while
    there is room.
    """
    own = w.liquidators
    if has_room(w, k):
        if w.tally[BACKLOG] > 0:
            own.waits.fill(zero())
            w.tally[BACKLOG] = zero()
        return
    w.tally[BACKLOG] = zero()
    for n in range(count):
        a = own.candidate[n]
        seen = prospect(s, w, a)
        if may_pay(w, seen.most, seen.gain):
            w.tally[BACKLOG] += 1
            if own.waits[a] == 0:
                own.waits[a] = s.clock[0]


@jitable
def _gather(s: State, w: Market, k: int) -> int:
    """List the accounts that may pay, each with what liquidating all of it would bring; their
    number.
    """
    count = 0
    for lq in range(w.liquidators.terms.shape[0]):
        w.prospects.wanted[lq] = wanted(s, w, k, lq)
    least = least_wanted(w)
    if least == np.inf:  # silent or busy, all of them
        return 0
    for c in range(s.unit.shape[0]):
        for d in range(s.unit.shape[0]):
            measure(s, w, k, c, d)
    for d in range(s.unit.shape[0]):
        measure_reach(s, w, d)
    w.watchers.owed[w.watchers.owed.shape[0] - 1].fill(0.0)
    for block in range(w.watchers.hot_in.shape[0]):
        if w.watchers.hot_in[block] != 0 and pays_any_in(w, block):
            w.watchers.owed[block].fill(0.0)
            for a in range(block * BLOCK, min((block + 1) * BLOCK, s.account.shape[0])):
                if w.watchers.hot[a] != 0:
                    remember_owed(s, w, a, block)
                    if reaches(s, w, a, least):
                        count += _consider(s, w, k, a, count)
    return count


@inlined
def _consider(s: State, w: Market, k: int, a: int, count: int) -> int:
    """List the account in place `count` if it may pay anyone who knows of it: 1 if so. Where blocks
    have room for so many calls only, list whoever may pay: he may have to wait.
    """
    own = w.liquidators
    crowded = own.room.shape[0] > 0
    if not crowded and not reaches(s, w, a, _least(s, w, k, a)):
        return 0
    seen = prospect(s, w, a)
    acts = _may_act(s, w, k, a, seen)
    if not acts and not (crowded and may_pay(w, seen.most, seen.gain)):
        return 0
    own.candidate[count] = a
    own.rank[count] = max(seen.whole, 0.0) if acts else -1.0
    remember_owed(s, w, a, w.watchers.owed.shape[0] - 1)
    return 1


@inlined
def _least(s: State, w: Market, k: int, a: int) -> float:
    """The least value that anyone who knows of the account by now acts for."""
    least, known = np.inf, _known(s, w, a)
    for lq in range(w.liquidators.terms.shape[0]):
        if w.prospects.wanted[lq] < least and known >= w.liquidators.delay[k, lq]:
            least = w.prospects.wanted[lq]
    return least


@inlined
def _may_act(s: State, w: Market, k: int, a: int, seen: Prospect) -> bool:
    """Whether any who knows of the account by now wants what it may bring."""
    known = _known(s, w, a)
    for lq in range(w.liquidators.terms.shape[0]):
        if known >= w.liquidators.delay[k, lq] and pays_one(w, lq, seen.most, seen.gain):
            return True
    return False


@inlined
def _known(s: State, w: Market, a: int) -> int:
    """For how long the account has been liquidatable, if it is; seconds."""
    if w.watchers.since[a] == 0:
        return zero()
    return s.clock[0] - w.watchers.since[a]


@jitable
def _try_all(s: State, w: Market, k: int, a: int) -> bool:
    """Whether any liquidator, the highest bid first, liquidated the account."""
    # Others were liquidated in the meantime.
    own = w.liquidators
    if not reaches(s, w, a, least_wanted(w)):
        return False
    if not reaches(s, w, a, _least(s, w, k, a)):
        return False
    if not _may_act(s, w, k, a, prospect(s, w, a)):
        return False
    look_at(s, w, a)
    if w.watchers.watch[a, LIQUIDATABLE] == 0:
        return False
    for n in range(own.priority.shape[0]):
        lq = own.priority[n]
        seen = s.clock[0] >= w.watchers.since[a] + own.delay[k, lq]
        if seen and w.prospects.wanted[lq] < np.inf and _try_pairs(s, w, k, lq, a):
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
        if w.prospects.brings[n] < w.prospects.wanted[lq]:
            return False
        w.prospects.brings[n] = -1.0
        c, d = w.prospects.pairs[n] // m, w.prospects.pairs[n] % m
        if _try(s, w, k, lq, a, d, c):
            w.prospects.wanted[lq] = wanted(s, w, k, lq)
            measure(s, w, k, c, d)
            measure(s, w, k, d, c)
            measure_reach(s, w, d)
            measure_reach(s, w, c)
            return True
    return False


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int) -> bool:
    """Whether liquidator `lq`, which can act, liquidated account `a`, repaying `d` for `c`."""
    own = w.liquidators
    most, least = _means(s, w, k, lq, d), asks(s, w, k, lq, d)
    pays, offer = paying(s, w, k, lq, a, d, c, most, least)
    if not pays:
        if offer.code in (ACTION_PAUSED, BREAKER_OPEN, IN_GRACE):
            _hold_up(s, w, a)
        return False
    held_up_for = _held_up_for(s, w, a)
    code = _liquidate(s, w, lq, a, d, c, offer, least)
    look_at(s, w, a)
    if code != OK:
        return False
    own.spent[lq] += value_of(w, s, k, d, offer.repaid)
    w.tally[LIQUIDATIONS] += 1
    if held_up_for > 0:
        w.tally[HELD_UP] += 1
        w.tally[HELD_UP_FOR] += held_up_for
        w.tally[LONGEST_HELD_UP] = max(w.tally[LONGEST_HELD_UP], held_up_for)
        own.held[a] = zero()
    if own.room.shape[0] > 0:
        own.taken[0] += CALL_ROOM
        if own.waits[a] != 0:
            w.tally[CALLS_WAITED] += 1
            w.tally[LONGEST_WAIT] = max(w.tally[LONGEST_WAIT], s.clock[0] - own.waits[a])
            own.waits[a] = zero()
    w.tally[REPAID_VALUE] += value_of(w, s, k, d, offer.repaid)
    w.tally[SEIZED_VALUE] += value_of(w, s, k, c, offer.out)
    w.tally[PROFIT_VALUE] += value_of(w, s, k, d, offer.worth - offer.repaid)
    w.tally[GAS_VALUE] += gas_value(w, s, k, own.terms[lq, GAS_USED])
    return True


@jitable
def _hold_up(s: State, w: Market, a: int) -> None:
    """Note that a liquidator would have taken of the account, and a guard lets nobody."""
    since = _held_up_for(s, w, a)
    if since == 0:
        w.liquidators.held[a] = s.clock[0]
    w.tally[LONGEST_HELD_UP] = max(w.tally[LONGEST_HELD_UP], since)


@inlined
def _held_up_for(s: State, w: Market, a: int) -> int:
    """Seconds since that was first so, without a recovery in between; 0 if it was not."""
    own = w.liquidators
    if own.held.shape[0] == 0 or own.held[a] == 0 or own.held[a] < w.watchers.since[a]:
        return zero()
    return s.clock[0] - own.held[a]


@jitable
def _liquidate(
    s: State, w: Market, lq: int, a: int, d: int, c: int, offer: Offer, least: int
) -> int:
    """Carry out what was offered, and sell it: the code."""
    own = w.liquidators
    actor = own.actor[lq]
    if own.terms[lq, OWN_CAPITAL] == 0:
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
        sell(s, actor, c, d, offer.out, True)
    return code


@jitable
def _means(s: State, w: Market, k: int, lq: int, d: int) -> int:
    """The most of `d` that the liquidator can repay in a call."""
    own = w.liquidators
    row = own.terms[lq]
    most = mul_div_down(row[CALL], s.unit[d], w.price[k, d])
    if row[OWN_CAPITAL] != 0:
        most = min(most, s.holding[own.actor[lq], d, WALLET])
    return most
