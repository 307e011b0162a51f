"""Liquidators: a population that liquidates what pays, most profitable first, and sells what it
seizes.

Each has a gas price above which it is silent, a profit it wants, and a capacity per step. All use
the flash liquidator,
so none needs capital. A liquidation too large for the venue is cut to the size that gains most
there.
"""

from __future__ import annotations

import numpy as np

from sim.agents.costs import gas_value
from sim.agents.watchers import look_at
from sim.market import venue
from sim.market.market import (
    CAPACITY,
    DEBT_VALUE,
    FACTOR,
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
from sim.protocol import oracle, pair, vault
from sim.protocol import transaction as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, jitable, max_uint, mul_div_down, mul_div_up, zero
from sim.protocol.liquidator import side_of
from sim.protocol.state import (
    IS_COLLATERAL,
    MAX_BONUS,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    State,
)

ROUNDING = 1e-6
"""Of estimates in doubles, as a share of debt."""


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Rounds over all candidates, best first, until a round finds nothing that pays or nobody can
    act.
    """
    w.spent.fill(zero())
    w.actions.fill(zero())
    acted = w.hot_count[0] > 0
    while acted:
        acted = False
        for _ in range(_rank(s, w, k)):
            best = -1
            for n in range(w.candidate.shape[0]):
                if w.candidate[n, 0] < 0:
                    break
                if w.rank[n] >= 0 and (best < 0 or w.rank[n] > w.rank[best]):
                    best = n
            if best < 0:
                break
            w.rank[best] = zero() - 1
            a, d, c = w.candidate[best]
            for lq in range(w.liquidator.shape[0]):
                if _try(s, w, k, lq, a, d, c):
                    acted = True
                    break


@jitable
def _rank(s: State, w: Market, k: int) -> int:
    """List the liquidatable accounts that might pay somebody, with the debt, the collateral and
    what liquidating each would bring; their number.
    """
    count, wanted = 0, _least_wanted(s, w, k)
    if wanted < np.inf:
        _measure_gains(s, w, k)
        for n in range(w.hot_count[0]):
            a = w.hot[n]
            if w.watch[a, LIQUIDATABLE] == 0:
                continue
            d, c = _largest_pair(s, w, k, a)
            if d < 0 or c < 0 or _most(s, w, a, d, c) < wanted:
                continue
            code, repaid, _, proceeds = _offer(s, w, a, d, c, max_uint())
            if code == OK:
                w.candidate[count, 0] = a
                w.candidate[count, 1] = d
                w.candidate[count, 2] = c
                w.rank[count] = zero()
                if proceeds > repaid:
                    w.rank[count] = _value(s, w, k, d, proceeds - repaid)
                count += 1
    if count < w.candidate.shape[0]:
        w.candidate[count, 0] = -1
    return count


@jitable
def _can_act(w: Market, k: int, lq: int) -> bool:
    """Whether gas price, actions and capacity of this step leave the liquidator anything to do."""
    row = w.liquidator[lq]
    return (
        w.gas_price[k] <= row[MAX_GAS_PRICE]
        and w.actions[lq] < row[MAX_ACTIONS]
        and w.spent[lq] < row[CAPACITY]
    )


@jitable
def _least_wanted(s: State, w: Market, k: int) -> float:
    """The least value for which some liquidator acts now, its gas included; infinite if none
    can.
    """
    least = np.inf
    for lq in range(w.liquidator.shape[0]):
        if _can_act(w, k, lq):
            row = w.liquidator[lq]
            least = min(least, float(row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED])))
    return least


@jitable
def _measure_gains(s: State, w: Market, k: int) -> None:
    """Per pair and side, the most that any liquidation into it can gain per value of debt.

    Repaying r of d yields at most r (P_d / P_c) (1 + bonus) of c, of which each brings at most the
    venue's marginal price m: the gain per r is at most m (P_d / P_c) (1 + bonus) - 1, at oracle
    prices P. It counts at the reference price p_d, the debt at P_d.
    """
    for p in range(s.pair.shape[0]):
        for side in range(2):
            c, d = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
            marginal = float(s.pair[p, RESERVE1 - side]) / float(s.pair[p, RESERVE0 + side])
            w.gain[p, side] = 0.0
            for v in range(s.policy.shape[0]):
                price_c, _, _ = oracle.read(s, v, c)
                price_d, _, _ = oracle.read(s, v, d)
                if price_c > 0 and price_d > 0:
                    worth = float(price_d * s.unit[c]) / float(price_c * s.unit[d])
                    gain = marginal * worth * (1 + float(s.reserve[v, c, MAX_BONUS]) / BPS) - 1
                    gain *= float(w.price[k, d]) / float(price_d)
                    w.gain[p, side] = max(w.gain[p, side], gain)


@jitable
def _most(s: State, w: Market, a: int, d: int, c: int) -> float:
    """The most value that liquidating the account can gain, a little above the truth."""
    p = s.pair_of[c, d]
    return (w.gain[p, side_of(s, p, c)] + ROUNDING) * float(w.watch[a, DEBT_VALUE])


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int) -> bool:
    """Whether liquidator `lq` liquidated account `a`, repaying `d` for `c`."""
    if not _can_act(w, k, lq):
        return False
    row = w.liquidator[lq]
    cost = gas_value(w, s, k, row[GAS_USED])
    if _most(s, w, a, d, c) < float(row[PROFIT_FLOOR] + cost):
        return False
    wanted = mul_div_up(row[PROFIT_FLOOR] + cost, s.unit[d], w.price[k, d])

    amount = mul_div_down(row[CAPACITY] - w.spent[lq], s.unit[d], w.price[k, d])
    code, repaid, out, proceeds = _offer(s, w, a, d, c, amount)
    if code == OK and proceeds < repaid + wanted:
        p = s.pair_of[c, d]
        best = venue.best_sale(s, p, side_of(s, p, c), repaid, out)
        if best == 0 or best >= out:
            return False
        amount = mul_div_down(best, repaid, out)
        code, repaid, out, proceeds = _offer(s, w, a, d, c, amount)
    if code != OK or proceeds < repaid + wanted:
        return False

    actor = w.liquidator_actor[lq]
    code = op.flash_liquidate(s, actor, a, d, c, amount, wanted, zero())
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
def _offer(s: State, w: Market, a: int, d: int, c: int, amount: int) -> tuple[int, int, int, int]:
    """(code, repaid, collateral out, proceeds of selling it) of liquidating up to `amount` now, at
    the health last seen.
    """
    code, repaid, seized, fee = vault.terms_at(
        s, a, d, c, amount, w.watch[a, FACTOR], w.watch[a, DEBT_VALUE]
    )
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
