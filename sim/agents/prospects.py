"""What a liquidation can bring at most, in doubles and a little above the truth: whether it may pay
is worth a look, not a decision.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from sim.agents.costs import gas_value
from sim.market.market import (
    BEST_SIZE,
    CAPACITY,
    COLLATERAL_WORTH,
    DEBT_WORTH,
    DEPTH,
    GAIN,
    GAS_USED,
    HELD_GAIN,
    KEEPS,
    MAX_ACTIONS,
    MAX_GAS_PRICE,
    PRICE_SEEN,
    PROFIT_FLOOR,
    TAKES_SHARES,
    Market,
)
from sim.protocol.fixed_point import BPS, jitable
from sim.protocol.liquidation import CLOSE_FACTOR_BPS, FULL_CLOSE_HEALTH_BPS, FULL_CLOSE_VALUE
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
def wanted(s: State, w: Market, k: int, lq: int) -> float:
    """The least value for which the liquidator acts now, gas included; infinite if gas price,
    actions or capacity of this step leave it nothing to do.
    """
    row = w.liquidator[lq]
    silent = w.gas_price[k] > row[MAX_GAS_PRICE] or w.actions[lq] >= row[MAX_ACTIONS]
    if silent or w.spent[lq] >= row[CAPACITY]:
        return np.inf
    return float(row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED]))


@jitable
def left(w: Market, lq: int) -> float:
    """The value that the liquidator can still repay in this step."""
    return float(w.liquidator[lq, CAPACITY] - w.spent[lq])


@jitable
def may_pay(w: Market, most: float, gain: float) -> bool:
    """Whether to gain `most`, or `gain` on all that it can still repay, is what any wants."""
    for lq in range(w.liquidator.shape[0]):
        if most >= w.wanted[lq] and gain * left(w, lq) >= w.wanted[lq]:
            return True
    return False


@jitable
def measure(s: State, w: Market, k: int, p: int) -> None:
    """Gain, depth and best size of liquidations into pair p, either way.

    Repaying r of d yields at most x = r (P_d / P_c) (1 + bonus (1 - fee)) of c, at oracle prices P.
    On a venue with reserves R of c and S of d, of which m = (1 - swap fee) S / R is the price, its
    sale brings S z / (1 + z) with z = m x / S. With the gain g = m x / r - 1 of a first unit,

        profit(r) = r [(1 + g) / (1 + (1 + g) r / S) - 1]

    and the best size is S (sqrt(1 + g) - 1) / (1 + g). A liquidator counts profit at the reference
    price of d, by which it may be more. Who keeps the collateral gains the held gain of any size,
    at reference prices.
    """
    keep = 1 - float(s.pair[p, FEE_BPS]) / BPS
    some_keep = False
    for lq in range(w.liquidator.shape[0]):
        some_keep = some_keep or w.liquidator[lq, KEEPS] + w.liquidator[lq, TAKES_SHARES] != 0
    for side in range(2):
        c, d = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
        reserve = float(s.pair[p, RESERVE1 - side])
        price = keep * reserve / float(s.pair[p, RESERVE0 + side])
        gain, held = 0.0, 0.0
        reference = float(w.price[k, c]) / float(s.unit[c]) * float(s.unit[d])
        for v in range(s.policy.shape[0]):
            price_c, price_d = w.worth[v, c, PRICE_SEEN], w.worth[v, d, PRICE_SEEN]
            if price_c > 0 and price_d > 0:
                worth = price_d * float(s.unit[c]) / (price_c * float(s.unit[d]))
                fee = float(s.reserve[v, c, LIQUIDATION_FEE]) / BPS
                bonus = float(s.reserve[v, c, MAX_BONUS]) / BPS * (1 - fee)
                rise = max(1.0, float(w.price[k, d]) / price_d)
                own = price * worth * (1 + bonus) - 1 + ROUNDING
                gain = max(gain, own * rise)
                own = reference / float(w.price[k, d]) * worth * (1 + bonus) - 1 + ROUNDING
                held = max(held, own * rise)
        depth = reserve * float(w.price[k, d]) / float(s.unit[d])
        w.sale[c, d, GAIN] = gain
        w.sale[c, d, DEPTH] = depth
        w.sale[c, d, HELD_GAIN] = held if some_keep else 0.0
        w.sale[c, d, BEST_SIZE] = depth * (sqrt(1 + gain) - 1) / (1 + gain)


@jitable
def best_gain(w: Market) -> float:
    """The largest gain of all pairs, 0 if none gains."""
    best = 0.0
    for c in range(w.sale.shape[0]):
        for d in range(w.sale.shape[1]):
            best = max(best, w.sale[c, d, GAIN], w.sale[c, d, HELD_GAIN])
    return best


@jitable
def sale(w: Market, c: int, d: int, size: float) -> tuple[float, float]:
    """(the most that repaying up to `size` of d for c can gain, what all of it would); values."""
    gain, depth, held = w.sale[c, d, GAIN], w.sale[c, d, DEPTH], size * w.sale[c, d, HELD_GAIN]
    if gain <= 0:
        return held, held
    best = min(size, w.sale[c, d, BEST_SIZE])
    most = best * ((1 + gain) / (1 + (1 + gain) * best / depth) - 1)
    whole = size * ((1 + gain) / (1 + (1 + gain) * size / depth) - 1)
    return max(most, held), max(whole, held)


@jitable
def prospect(s: State, w: Market, a: int) -> tuple[float, float, float]:
    """(gain, the most to gain, gain of repaying all) of the best pair of a debt and a collateral of
    the account, as `sale` has them; nothing if it is healthy.
    """
    size, m = repayable(s, w, a), s.unit.shape[0]
    if size == 0:
        return 0.0, 0.0, 0.0
    if w.pair[a] >= 0:
        c, d = w.pair[a] // m, w.pair[a] % m
        most, whole = sale(w, c, d, size)
        return max(w.sale[c, d, GAIN], w.sale[c, d, HELD_GAIN]), most, whole
    gain, most, whole = 0.0, 0.0, 0.0
    for d in range(m):
        if s.position[a, d, POSITION_DEBT] != 0:
            for c in range(m):
                if s.position[a, c, IS_COLLATERAL] != 0:
                    part, all_of_it = sale(w, c, d, size)
                    gain = max(gain, w.sale[c, d, GAIN], w.sale[c, d, HELD_GAIN])
                    most, whole = max(most, part), max(whole, all_of_it)
    return gain, most, whole


@jitable
def repayable(s: State, w: Market, a: int) -> float:
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
