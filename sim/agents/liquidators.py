"""Liquidators: a population that liquidates what pays, most profitable first, and sells what it
seizes.

Each has a gas price above which it is silent, a profit it wants, and a capacity per step. All use
the flash liquidator, so none needs capital. A liquidation too large for the venue is cut to the
size that gains most there, after those that are not. Among liquidators their order in the scenario
decides.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from sim.agents.costs import gas_value
from sim.agents.watchers import look_at
from sim.market import venue
from sim.market.market import (
    BEST_SIZE,
    CAPACITY,
    COLLATERAL_WORTH,
    DEBT_VALUE,
    DEBT_WORTH,
    DEPTH,
    FACTOR,
    GAIN,
    GAS_USED,
    GAS_VALUE,
    LIQUIDATABLE,
    LIQUIDATIONS,
    MAX_ACTIONS,
    MAX_GAS_PRICE,
    PRICE_SEEN,
    PROFIT_FLOOR,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.protocol import pair, vault
from sim.protocol import transaction as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, mul_div_up, zero
from sim.protocol.liquidation import CLOSE_FACTOR_BPS, FULL_CLOSE_HEALTH_BPS, FULL_CLOSE_VALUE
from sim.protocol.liquidator import side_of
from sim.protocol.state import (
    CLOSE_FACTOR,
    ENGINE,
    FEE_BPS,
    IS_COLLATERAL,
    LIQUIDATION_FEE,
    MAX_BONUS,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SUPPLIED,
    State,
)

ROUNDING = 1e-6
"""Of estimates in doubles, as a share of debt."""


@jitable
def act(s: State, w: Market, k: int) -> None:
    """All accounts that may pay, best first, each as often as it pays."""
    w.spent.fill(zero())
    w.actions.fill(zero())
    count = 0
    if w.hot_count[0] > 0:
        count = _gather(s, w, k)
    for _ in range(count):
        if not _may_pay(w, np.inf, _best_gain(w)):  # all silent or exhausted
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
        w.wanted[lq] = _wanted(s, w, k, lq)
    for p in range(s.pair.shape[0]):
        _measure(s, w, k, p)
    for n in range(w.hot_count[0]):
        a = w.hot[n]
        gain, most, whole = _prospect(s, w, a)
        if _may_pay(w, most, gain):
            w.candidate[count] = a
            w.rank[count] = max(whole, 0.0)
            count += 1
    return count


@jitable
def _try_all(s: State, w: Market, k: int, a: int) -> bool:
    """Whether any liquidator, in their order, liquidated the account."""
    gain, most, _ = _prospect(s, w, a)
    if not _may_pay(w, most, gain):  # others were liquidated in the meantime
        return False
    look_at(s, w, a)
    d, c = _largest_pair(s, w, k, a)
    if w.watch[a, LIQUIDATABLE] == 0 or d < 0 or c < 0:
        return False
    size = _repayable(s, w, a)
    for lq in range(w.liquidator.shape[0]):
        most, _ = _sale(w, c, d, min(size, _left(w, lq)))
        if most >= w.wanted[lq] and _try(s, w, k, lq, a, d, c):
            w.wanted[lq] = _wanted(s, w, k, lq)
            _measure(s, w, k, s.pair_of[c, d])
            return True
    return False


# --- what can pay at all, in doubles and a little above the truth ---------------------------------


@jitable
def _wanted(s: State, w: Market, k: int, lq: int) -> float:
    """The least value for which the liquidator acts now, gas included; infinite if gas price,
    actions or capacity of this step leave it nothing to do.
    """
    row = w.liquidator[lq]
    silent = w.gas_price[k] > row[MAX_GAS_PRICE] or w.actions[lq] >= row[MAX_ACTIONS]
    if silent or w.spent[lq] >= row[CAPACITY]:
        return np.inf
    return float(row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED]))


@jitable
def _left(w: Market, lq: int) -> float:
    """The value that the liquidator can still repay in this step."""
    return float(w.liquidator[lq, CAPACITY] - w.spent[lq])


@jitable
def _may_pay(w: Market, most: float, gain: float) -> bool:
    """Whether to gain `most`, or `gain` on all that it can still repay, is what any wants."""
    for lq in range(w.liquidator.shape[0]):
        if most >= w.wanted[lq] and gain * _left(w, lq) >= w.wanted[lq]:
            return True
    return False


@jitable
def _measure(s: State, w: Market, k: int, p: int) -> None:
    """Gain, depth and best size of liquidations into pair p, either way.

    Repaying r of d yields at most x = r (P_d / P_c) (1 + bonus (1 - fee)) of c, at oracle prices P.
    On a venue with reserves R of c and S of d, of which m = (1 - swap fee) S / R is the price, its
    sale brings S z / (1 + z) with z = m x / S. With the gain g = m x / r - 1 of a first unit,

        profit(r) = r [(1 + g) / (1 + (1 + g) r / S) - 1]

    and the best size is S (sqrt(1 + g) - 1) / (1 + g). A liquidator counts profit at the reference
    price of d, by which it may be more.
    """
    keep = 1 - float(s.pair[p, FEE_BPS]) / BPS
    for side in range(2):
        c, d = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
        reserve = float(s.pair[p, RESERVE1 - side])
        price = keep * reserve / float(s.pair[p, RESERVE0 + side])
        gain = 0.0
        for v in range(s.policy.shape[0]):
            price_c, price_d = w.worth[v, c, PRICE_SEEN], w.worth[v, d, PRICE_SEEN]
            if price_c > 0 and price_d > 0:
                worth = price_d * float(s.unit[c]) / (price_c * float(s.unit[d]))
                fee = float(s.reserve[v, c, LIQUIDATION_FEE]) / BPS
                bonus = float(s.reserve[v, c, MAX_BONUS]) / BPS * (1 - fee)
                own = price * worth * (1 + bonus) - 1 + ROUNDING
                gain = max(gain, own * max(1.0, float(w.price[k, d]) / price_d))
        depth = reserve * float(w.price[k, d]) / float(s.unit[d])
        w.sale[c, d, GAIN] = gain
        w.sale[c, d, DEPTH] = depth
        w.sale[c, d, BEST_SIZE] = depth * (sqrt(1 + gain) - 1) / (1 + gain)


@jitable
def _best_gain(w: Market) -> float:
    """The largest gain of all pairs, 0 if none gains."""
    best = 0.0
    for c in range(w.sale.shape[0]):
        for d in range(w.sale.shape[1]):
            best = max(best, w.sale[c, d, GAIN])
    return best


@jitable
def _sale(w: Market, c: int, d: int, size: float) -> tuple[float, float]:
    """(the most that repaying up to `size` of d for c can gain, what all of it would); values."""
    gain, depth = w.sale[c, d, GAIN], w.sale[c, d, DEPTH]
    if gain <= 0:
        return 0.0, 0.0
    best = min(size, w.sale[c, d, BEST_SIZE])
    most = best * ((1 + gain) / (1 + (1 + gain) * best / depth) - 1)
    return most, size * ((1 + gain) / (1 + (1 + gain) * size / depth) - 1)


@jitable
def _prospect(s: State, w: Market, a: int) -> tuple[float, float, float]:
    """(gain, the most to gain, gain of repaying all) of the best pair of a debt and a collateral of
    the account, as `_sale` has them; nothing if it is healthy.
    """
    size, m = _repayable(s, w, a), s.unit.shape[0]
    if size == 0:
        return 0.0, 0.0, 0.0
    if w.pair[a] >= 0:
        c, d = w.pair[a] // m, w.pair[a] % m
        most, whole = _sale(w, c, d, size)
        return w.sale[c, d, GAIN], most, whole
    gain, most, whole = 0.0, 0.0, 0.0
    for d in range(m):
        if s.position[a, d, POSITION_DEBT] != 0:
            for c in range(m):
                if s.position[a, c, IS_COLLATERAL] != 0:
                    part, all_of_it = _sale(w, c, d, size)
                    gain = max(gain, w.sale[c, d, GAIN])
                    most, whole = max(most, part), max(whole, all_of_it)
    return gain, most, whole


@jitable
def _repayable(s: State, w: Market, a: int) -> float:
    """What may be repaid of the account's debt at once, as a value: nothing of a healthy one, half
    where the close factor says so (`sim.protocol.liquidation`).
    """
    v, owed, counted = s.account_vault[a], 0.0, 0.0
    for i in range(s.unit.shape[0]):
        owed += float(s.position[a, i, POSITION_DEBT]) * w.worth[v, i, DEBT_WORTH]
        held = float(s.position[a, i, SUPPLIED] * s.position[a, i, IS_COLLATERAL])
        counted += held * w.worth[v, i, COLLATERAL_WORTH]
    if counted > owed * (1 + ROUNDING):
        return 0.0
    if s.policy[v, ENGINE] == CLOSE_FACTOR and w.pair[a] >= 0:
        deep = counted * BPS <= owed * FULL_CLOSE_HEALTH_BPS * (1 + ROUNDING)
        small = min(owed, counted) <= FULL_CLOSE_VALUE * (1 + ROUNDING)
        if not deep and not small:
            return owed * (CLOSE_FACTOR_BPS / BPS) * (1 + ROUNDING)
    return owed


# --- what pays ------------------------------------------------------------------------------------


@jitable
def _try(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int) -> bool:
    """Whether liquidator `lq`, which can act, liquidated account `a`, repaying `d` for `c`."""
    row = w.liquidator[lq]
    cost = gas_value(w, s, k, row[GAS_USED])
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
