"""Liquidators: a population that liquidates what pays, most profitable first, and sells what it
seizes.

Each has a gas price above which it is silent, a profit it wants, and a capacity per step. All use
the flash liquidator,
so none needs capital. A liquidation too large for the venue is cut to the size that gains most
there.
"""

from __future__ import annotations

from sim.agents.costs import gas_value
from sim.agents.watchers import look_at
from sim.market import venue
from sim.market.market import (
    CAPACITY,
    GAS_USED,
    GAS_VALUE,
    LIQUIDATABLE,
    LIQUIDATIONS,
    MAX_ACTIONS,
    MAX_GAS_PRICE,
    PROFIT_FLOOR,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.protocol import pair, vault
from sim.protocol import transaction as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, max_uint, mul_div_down, mul_div_up, zero
from sim.protocol.liquidator import side_of
from sim.protocol.state import IS_COLLATERAL, POSITION_DEBT, State


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Rounds over all candidates, best first, until a round finds nothing that pays or capacity is
    used up.
    """
    w.spent[:] = zero()
    w.actions[:] = zero()
    acted = True
    while acted:
        acted = False
        for _ in range(_rank(s, w, k)):
            best = -1
            for c in range(w.candidate.shape[0]):
                if w.candidate[c] < 0:
                    break
                if w.rank[c] >= 0 and (best < 0 or w.rank[c] > w.rank[best]):
                    best = c
            if best < 0:
                break
            w.rank[best] = zero() - 1
            for lq in range(w.liquidator.shape[0]):
                if _try(s, w, k, lq, w.candidate[best]):
                    acted = True
                    break


@jitable
def _rank(s: State, w: Market, k: int) -> int:
    """List the liquidatable accounts with what liquidating each would bring; their number."""
    count = 0
    for a in range(s.account.shape[0]):
        if w.watch[a, LIQUIDATABLE] != 0:
            d, c = _largest_pair(s, w, k, a)
            if d >= 0 and c >= 0:
                code, repaid, _, proceeds = _offer(s, a, d, c, max_uint())
                if code == OK:
                    w.candidate[count] = a
                    w.rank[count] = zero()
                    if proceeds > repaid:
                        w.rank[count] = _value(s, w, k, d, proceeds - repaid)
                    count += 1
    if count < w.candidate.shape[0]:
        w.candidate[count] = -1
    return count


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int) -> bool:
    """Whether liquidator `lq` liquidated account `a`."""
    row = w.liquidator[lq]
    if w.gas_price[k] > row[MAX_GAS_PRICE] or w.actions[lq] >= row[MAX_ACTIONS]:
        return False
    left = row[CAPACITY] - w.spent[lq]
    d, c = _largest_pair(s, w, k, a)
    if left <= 0 or d < 0 or c < 0 or w.watch[a, LIQUIDATABLE] == 0:
        return False
    cost = gas_value(w, s, k, row[GAS_USED])
    wanted = mul_div_up(row[PROFIT_FLOOR] + cost, s.unit[d], w.price[k, d])

    amount = mul_div_down(left, s.unit[d], w.price[k, d])
    code, repaid, out, proceeds = _offer(s, a, d, c, amount)
    if code == OK and proceeds < repaid + wanted:
        p = s.pair_of[c, d]
        best = venue.best_sale(s, p, side_of(s, p, c), repaid, out)
        if best == 0 or best >= out:
            return False
        amount = mul_div_down(best, repaid, out)
        code, repaid, out, proceeds = _offer(s, a, d, c, amount)
    if code != OK or proceeds < repaid + wanted:
        return False

    actor = w.liquidator_actor[lq]
    code = op.execute(s, op.FLASH_LIQUIDATE, actor, a, d, c, amount, wanted, zero())
    look_at(s, w, a)
    if code != OK:
        return False
    w.actions[lq] += 1
    w.spent[lq] += _value(s, w, k, d, repaid)
    w.tally[LIQUIDATIONS] += 1
    w.tally[REPAID_VALUE] += _value(s, w, k, d, repaid)
    w.tally[SEIZED_VALUE] += _value(s, w, k, c, out)
    w.tally[PROFIT_VALUE] += _value(s, w, k, d, proceeds - repaid)
    w.tally[GAS_VALUE] += cost
    return True


@jitable
def _offer(s: State, a: int, d: int, c: int, amount: int) -> tuple[int, int, int, int]:
    """(code, repaid, collateral out, proceeds of selling it) of liquidating up to `amount` now."""
    code, repaid, seized, fee = vault.terms(s, a, d, c, amount)
    if code != OK:
        return code, zero(), zero(), zero()
    p = s.pair_of[c, d]
    code, proceeds = pair.amount_out(s, p, side_of(s, p, c), seized - fee)
    return code, repaid, seized - fee, proceeds


@jitable
def _largest_pair(s: State, w: Market, k: int, a: int) -> tuple[int, int]:
    """The account's largest debt, and its largest collateral that a venue trades against it; -1
    where there is none.
    """
    d, c = -1, -1
    most = zero()
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            value = _value(s, w, k, i, vault.debt_assets(s, a, i))
            if d < 0 or value > most:
                d, most = i, value
    most = zero()
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 and d >= 0 and s.pair_of[i, d] >= 0:
            value = _value(s, w, k, i, vault.supplied_assets(s, a, i))
            if c < 0 or value > most:
                c, most = i, value
    return d, c


@jitable
def _value(s: State, w: Market, k: int, i: int, amount: int) -> int:
    """USD (8 decimals) at the reference price."""
    return mul_div_down(amount, w.price[k, i], s.unit[i])
