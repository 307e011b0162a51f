"""Liquidators: a population that liquidates what pays, most profitable account first, and sells
what it seizes.

Each has a gas price up to which it bids, a latency, a profit it wants, and a capacity per step; of
those who can act on an account the highest bid goes first, equal bids in the order of the scenario.
A liquidation too large for the venue is cut to the size that gains most there. Without capital of
its own a liquidator uses the flash liquidator and stops when the venue pays less than the debt and
his profit; with it he repays from his wallet, and may keep what he seizes, at the reference price,
or take it as a position when the hub is short of cash.
"""

from __future__ import annotations

import numpy as np

from sim.agents.costs import gas_value, value_of
from sim.agents.largest import largest_collateral, largest_debt
from sim.agents.prospects import (
    best_gain,
    left,
    may_pay,
    measure,
    prospect,
    repayable,
    sale,
    wanted,
)
from sim.agents.watchers import look_at
from sim.market import venue
from sim.market.market import (
    CAPACITY,
    DEBT_VALUE,
    FACTOR,
    GAS_USED,
    GAS_VALUE,
    KEEPS,
    LATENCY,
    LIQUIDATABLE,
    LIQUIDATIONS,
    OWN_CAPITAL,
    PROFIT_FLOOR,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    TAKES_SHARES,
    Market,
)
from sim.protocol import pair, vault
from sim.protocol import transaction as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, mul_div_down, mul_div_up, zero
from sim.protocol.liquidator import side_of
from sim.protocol.state import CASH, REHYPOTHECATE, WALLET, State


@jitable
def act(s: State, w: Market, k: int) -> None:
    """All accounts that may pay, best first, each as often as it pays."""
    w.spent.fill(zero())
    w.actions.fill(zero())
    count = 0
    if w.hot_count[0] > 0:
        count = _gather(s, w, k)
    for _ in range(count):
        if not may_pay(w, np.inf, best_gain(w)):  # all silent or exhausted
            break
        n = np.argmax(w.rank[:count])  # equals in order of account; few are reached: no sorting
        w.rank[n] = -1.0
        a = w.candidate[n]
        while _try_all(s, w, k, a) and w.watch[a, LIQUIDATABLE] != 0:
            pass


@jitable
def _gather(s: State, w: Market, k: int) -> int:
    """List the accounts that may pay, each with what liquidating all of it would bring; their
    number.
    """
    count = 0
    for lq in range(w.liquidator.shape[0]):
        w.wanted[lq] = wanted(s, w, k, lq)
    for p in range(s.pair.shape[0]):
        measure(s, w, k, p)
    for n in range(w.hot_count[0]):
        a = w.hot[n]
        gain, most, whole = prospect(s, w, a)
        if may_pay(w, most, gain):
            w.candidate[count] = a
            w.rank[count] = max(whole, 0.0)
            count += 1
    return count


@jitable
def _try_all(s: State, w: Market, k: int, a: int) -> bool:
    """Whether any liquidator, the highest bid first, liquidated the account."""
    gain, most, _ = prospect(s, w, a)
    if not may_pay(w, most, gain):  # others were liquidated in the meantime
        return False
    look_at(s, w, a)
    d = largest_debt(s, a)
    if w.watch[a, LIQUIDATABLE] == 0 or d < 0:
        return False
    c = largest_collateral(s, a, d)
    if c < 0:
        return False
    size = repayable(s, w, a)
    for n in range(w.priority.shape[0]):
        lq = w.priority[n]
        if s.clock[0] < w.since[a] + w.liquidator[lq, LATENCY]:
            continue
        most, _ = sale(w, c, d, min(size, left(w, lq)))
        if most >= w.wanted[lq] and _try(s, w, k, lq, a, d, c):
            w.wanted[lq] = wanted(s, w, k, lq)
            measure(s, w, k, s.pair_of[c, d])
            return True
    return False


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int) -> bool:
    """Whether liquidator `lq`, which can act, liquidated account `a`, repaying `d` for `c`."""
    row = w.liquidator[lq]
    cost = gas_value(w, s, k, row[GAS_USED])
    wanted = mul_div_up(row[PROFIT_FLOOR] + cost, s.unit[d], w.price[k, d])

    amount = _means(s, w, k, lq, d)
    code, repaid, out, worth = _offer(s, w, k, lq, a, d, c, amount)
    if code == OK and worth < repaid + wanted:
        p = s.pair_of[c, d]
        best = venue.best_sale(s, p, side_of(s, p, c), repaid, out)
        if _keeps(s, w, lq, a, c, out) or best == 0 or best >= out:
            return False
        amount = mul_div_down(best, repaid, out)
        code, repaid, out, worth = _offer(s, w, k, lq, a, d, c, amount)
    if code != OK or worth < repaid + wanted:
        return False

    code = _liquidate(s, w, lq, a, d, c, amount, wanted, out, worth)
    look_at(s, w, a)
    if code != OK:
        return False
    w.actions[lq] += 1
    w.spent[lq] += value_of(w, s, k, d, repaid)
    w.tally[LIQUIDATIONS] += 1
    w.tally[REPAID_VALUE] += value_of(w, s, k, d, repaid)
    w.tally[SEIZED_VALUE] += value_of(w, s, k, c, out)
    w.tally[PROFIT_VALUE] += value_of(w, s, k, d, worth - repaid)
    w.tally[GAS_VALUE] += cost
    return True


@jitable
def _liquidate(
    s: State,
    w: Market,
    lq: int,
    a: int,
    d: int,
    c: int,
    amount: int,
    wanted: int,
    out: int,
    worth: int,
) -> int:
    """Carry out what was offered, and sell it: the code."""
    actor = w.liquidator_actor[lq]
    if w.liquidator[lq, OWN_CAPITAL] == 0:
        return op.flash_liquidate(s, actor, a, d, c, amount, wanted, zero())
    shares = zero() + _takes_shares(s, w, lq, a, c, out)
    code = op.liquidate(s, actor, a, d, c, amount, zero(), shares)
    if code == OK and not _keeps(s, w, lq, a, c, out):
        p = s.pair_of[c, d]
        op.swap_in(s, actor, op.NOBODY, p, side_of(s, p, c), out, worth, zero())
    return code


@jitable
def _means(s: State, w: Market, k: int, lq: int, d: int) -> int:
    """The most of `d` that the liquidator can repay now."""
    row = w.liquidator[lq]
    most = mul_div_down(row[CAPACITY] - w.spent[lq], s.unit[d], w.price[k, d])
    if row[OWN_CAPITAL] != 0:
        most = min(most, s.holding[w.liquidator_actor[lq], d, WALLET])
    return most


@jitable
def _offer(
    s: State, w: Market, k: int, lq: int, a: int, d: int, c: int, amount: int
) -> tuple[int, int, int, int]:
    """(code, repaid, collateral out, what that is worth in `d`) of liquidating up to `amount` now,
    at the health last seen: what a sale brings, or the reference price if it is kept.
    """
    code, repaid, seized, fee = vault.terms_at(
        s, a, d, c, amount, w.watch[a, FACTOR], w.watch[a, DEBT_VALUE]
    )
    if code != OK:
        return code, zero(), zero(), zero()
    out = seized - fee
    if _keeps(s, w, lq, a, c, out):
        return code, repaid, out, mul_div_down(value_of(w, s, k, c, out), s.unit[d], w.price[k, d])
    p = s.pair_of[c, d]
    code, proceeds = pair.amount_out(s, p, side_of(s, p, c), out)
    return code, repaid, out, proceeds


@jitable
def _keeps(s: State, w: Market, lq: int, a: int, c: int, out: int) -> bool:
    """Whether the liquidator does not sell what he seizes, or cannot."""
    return w.liquidator[lq, KEEPS] != 0 or _takes_shares(s, w, lq, a, c, out)


@jitable
def _takes_shares(s: State, w: Market, lq: int, a: int, c: int, out: int) -> bool:
    """Whether he takes the collateral as a position, because the hub has not the cash."""
    lent = s.reserve[s.account_vault[a], c, REHYPOTHECATE] != 0
    return w.liquidator[lq, TAKES_SHARES] != 0 and lent and s.hub[c, CASH] < out
