"""What a liquidation can bring at most, in doubles and a little above the truth: whether it may pay
is worth a look, and which pair of an account is tried first; `sim.agents.offers` decides.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from sim.health.levels import counts, net_bonus
from sim.market.costs import gas_value
from sim.market.market import (
    BACKS,
    BEST_SIZE,
    CALL,
    CAPACITY,
    COLLATERAL_PRICE,
    DEBT_PRICE,
    DEBT_WORTH,
    DEPTH,
    GAIN,
    GAS_USED,
    HELD_GAIN,
    KEEPS,
    NEVER,
    OWES,
    PROFIT_FLOOR,
    REPAYS_WORTH,
    TAKES_SHARES,
    Market,
)
from sim.protocol.fixed_point import BPS, inlined, jitable, wad, zero
from sim.protocol.liquidation import CLOSE_FACTOR_BPS, FULL_CLOSE_VALUE
from sim.protocol.split import side_of
from sim.protocol.state import (
    CLOSE_FACTOR,
    ENGINE,
    FEE_BPS,
    FULL_CLOSE_HEALTH,
    IS_COLLATERAL,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SUPPLIED,
    State,
)
from sim.protocol.vault_reserves import last_threshold, max_bonus

ROUNDING = 1e-6
"""Of estimates in doubles, as a share of debt; which of two is larger is a matter of more."""


@jitable
def wanted(s: State, w: Market, k: int, lq: int) -> float:
    """The least value for which the liquidator acts now, gas included; infinite if no block takes
    its bid, or what it repaid last keeps it busy.

    Who has a thousandth of a step left is busy to its end: to roundings, exact and compiled runs
    agree.
    """
    row = w.liquidators.terms[lq]
    busy = 1_000 * (row[CAPACITY] - w.liquidators.spent[lq]) <= row[CAPACITY]
    if busy or w.liquidators.delay[k, lq] >= NEVER:
        return np.inf
    return float(row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED]))


@inlined
def call(w: Market, lq: int) -> float:
    """The value that the liquidator repays in one call at most."""
    return float(w.liquidators.terms[lq, CALL])


@inlined
def may_pay(w: Market, most: float, gain: float) -> bool:
    """Whether to gain `most`, or `gain` on all of a call, is what any wants."""
    for lq in range(w.liquidators.terms.shape[0]):
        if pays_one(w, lq, most, gain):
            return True
    return False


@inlined
def pays_one(w: Market, lq: int, most: float, gain: float) -> bool:
    """The same of one liquidator."""
    own = w.prospects
    return bool(most >= own.wanted[lq] and gain * call(w, lq) >= own.wanted[lq])


# --- pairs of a collateral and a debt -------------------------------------------------------------


@jitable
def measure(s: State, w: Market, k: int, c: int, d: int) -> None:
    """Gain, depth and best size of liquidations that repay d for c.

    Repaying r of d yields at most x = r (P_d / P_c) (1 + bonus (1 - fee)) of c, at oracle prices P.
    On a venue with reserves R of c and S of d, of which m = (1 - swap fee) S / R is the price, its
    sale brings S z / (1 + z) with z = m x / S. With the gain g = m x / r - 1 of a first unit,

        profit(r) = r [(1 + g) / (1 + (1 + g) r / S) - 1]

    and the best size is S (sqrt(1 + g) - 1) / (1 + g). A liquidator counts profit at the reference
    price of d, by which it may be more. Several venues bring at most what one does that has the
    best m of them and the sum of their S, and that much if their m are equal. Without a venue there
    is nothing to gain by a sale. Who keeps the collateral gains the held gain of any size, at
    reference prices.
    """
    own = w.prospects
    p, price, reserve = s.pair_of[c, d], 0.0, 0.0
    while p >= 0:
        side = side_of(s, p, c)
        keep, there = 1 - float(s.pair[p, FEE_BPS]) / BPS, float(s.pair[p, RESERVE1 - side])
        reserve += there
        price = max(price, keep * there / float(s.pair[p, RESERVE0 + side]))
        p = s.next_pair[p]
    some_keep = False
    for lq in range(w.liquidators.terms.shape[0]):
        some_keep = some_keep or keeps_some(w, lq)
    gain, held = 0.0, 0.0
    reference = float(w.price[k, c]) / float(s.unit[c]) * float(s.unit[d])
    for v in range(s.policy.shape[0]):
        price_c, price_d = (
            w.watchers.worth[v, c, COLLATERAL_PRICE],
            w.watchers.worth[v, d, DEBT_PRICE],
        )
        if price_c > 0 and price_d > 0:
            worth = price_d * float(s.unit[c]) / (price_c * float(s.unit[d]))
            bonus = net_bonus(s, v, c)
            rise = max(1.0, float(w.price[k, d]) / price_d)
            first = price * worth * (1 + bonus) - 1 + ROUNDING
            gain = max(gain, first * rise)
            first = reference / float(w.price[k, d]) * worth * (1 + bonus) - 1 + ROUNDING
            held = max(held, first * rise)
    depth = reserve * float(w.price[k, d]) / float(s.unit[d])
    own.sale[c, d, GAIN] = gain
    own.sale[c, d, DEPTH] = depth
    own.sale[c, d, HELD_GAIN] = held if some_keep else 0.0
    own.sale[c, d, BEST_SIZE] = depth * (sqrt(1 + gain) - 1) / (1 + gain)


@jitable
def keeps_some(w: Market, lq: int) -> bool:
    """Whether the liquidator may keep what it seizes."""
    return w.liquidators.terms[lq, KEEPS] != 0 or w.liquidators.terms[lq, TAKES_SHARES] != 0


@inlined
def sale(w: Market, c: int, d: int, size: float) -> tuple[float, float]:
    """(the most that repaying up to `size` of d for c and selling it can gain, what all of it
    would); values.
    """
    own = w.prospects
    gain, depth = own.sale[c, d, GAIN], own.sale[c, d, DEPTH]
    if gain <= 0:
        return 0.0, 0.0
    best = min(size, own.sale[c, d, BEST_SIZE])
    most = best * ((1 + gain) / (1 + (1 + gain) * best / depth) - 1)
    whole = size * ((1 + gain) / (1 + (1 + gain) * size / depth) - 1)
    return most, whole


@jitable
def measure_reach(s: State, w: Market, d: int) -> None:
    """What a unit of scaled debt d may bring at most, by the collateral repaid for it."""
    own = w.prospects
    m, worth, best = s.unit.shape[0], 0.0, 0.0
    for v in range(s.policy.shape[0]):
        worth = max(worth, w.watchers.worth[v, d, DEBT_WORTH])
    for c in range(m):
        gain = max(own.sale[c, d, GAIN], own.sale[c, d, HELD_GAIN])
        own.reach[c, d] = worth * gain * (1 + 2 * ROUNDING)
        best = max(best, own.reach[c, d])
    own.reach[m, d] = best


@inlined
def reaches(s: State, w: Market, a: int, least: float) -> bool:
    """Whether any debt of the account may bring `least`: rather yes than no, and quicker than
    `prospect`.
    """
    own = w.prospects
    m, pair = s.unit.shape[0], w.watchers.pair[a]
    if pair >= 0:
        return bool(w.watchers.pledge[a, OWES] * own.reach[pair // m, pair % m] >= least)
    for d in range(m):
        if float(s.position[a, d, POSITION_DEBT]) * own.reach[m, d] >= least:
            return True
    return False


@inlined
def least_wanted(w: Market) -> float:
    """The least value that any acts for; infinite if nobody does."""
    least = np.inf
    for lq in range(w.prospects.wanted.shape[0]):
        least = min(least, w.prospects.wanted[lq])
    return least


@inlined
def pays_any_in(w: Market, row: int) -> bool:
    """Whether any account to act on of a block, or of those listed, may pay: rather yes than no, by
    the largest debts that were seen there.
    """
    own = w.prospects
    least = least_wanted(w)
    m = own.reach.shape[1]
    for d in range(m):
        if w.watchers.owed[row, d] * own.reach[m, d] >= least:
            return True
    return False


# --- accounts -------------------------------------------------------------------------------------


class Prospect(NamedTuple):
    """What liquidating an account can bring at most."""

    gain: float
    """Of what is repaid, as a share."""
    most: float
    """The most to gain, a value."""
    whole: float
    """The gain of repaying all, a value."""


@jitable
def prospect(s: State, w: Market, a: int) -> Prospect:
    """Of the best pair of a debt and a collateral of the account, sold or kept; nothing if it is
    healthy.
    """
    owed, counted = backing(s, w, a)
    if counted > owed * (1 + ROUNDING):
        return Prospect(0.0, 0.0, 0.0)
    m = s.unit.shape[0]
    if w.watchers.pair[a] >= 0:
        return _prospect_of(s, w, a, w.watchers.pair[a] // m, w.watchers.pair[a] % m, owed, counted)
    gain, most, whole = 0.0, 0.0, 0.0
    for d in range(m):
        if s.position[a, d, POSITION_DEBT] != 0:
            for c in range(m):
                if s.position[a, c, IS_COLLATERAL] != 0:
                    of_pair = _prospect_of(s, w, a, c, d, owed, counted)
                    gain = max(gain, of_pair.gain)
                    most, whole = max(most, of_pair.most), max(whole, of_pair.whole)
    return Prospect(gain, most, whole)


@inlined
def _prospect_of(
    s: State, w: Market, a: int, c: int, d: int, owed: float, counted: float
) -> Prospect:
    """`prospect` of one pair."""
    own = w.prospects
    size = _repayable(s, w, a, c, d, owed, counted)
    most, whole = sale(w, c, d, size)
    held = size * own.sale[c, d, HELD_GAIN]
    gain = max(own.sale[c, d, GAIN], own.sale[c, d, HELD_GAIN])
    return Prospect(gain, max(most, held), max(whole, held))


@jitable
def rank_pairs(s: State, w: Market, lq: int, a: int) -> int:
    """List the pairs of the account with what each would bring the liquidator: all that it can
    repay, or if that is not worth it, the part that gains most. Their number.
    """
    own = w.prospects
    owed, counted = backing(s, w, a)
    m = s.unit.shape[0]
    if w.watchers.pair[a] >= 0:
        c, d = w.watchers.pair[a] // m, w.watchers.pair[a] % m
        own.pairs[0] = w.watchers.pair[a]
        own.brings[0] = _brings(w, lq, c, d, _repayable(s, w, a, c, d, owed, counted))
        return 1
    count = 0
    for d in range(m):
        if s.position[a, d, POSITION_DEBT] != 0:
            for c in range(m):
                if s.position[a, c, IS_COLLATERAL] != 0:
                    own.pairs[count] = c * m + d
                    size = _repayable(s, w, a, c, d, owed, counted)
                    own.brings[count] = _brings(w, lq, c, d, size)
                    count += 1
    return count


@jitable
def best_pair(w: Market, count: int) -> int:
    """Which of the first `count` pairs brings most; of those that bring the same to rounding, the
    first, on integers and on floats alike.
    """
    own = w.prospects
    best = 0
    for n in range(1, count):
        if own.brings[n] > own.brings[best] * (1 + ROUNDING):
            best = n
    return best


@jitable
def _brings(w: Market, lq: int, c: int, d: int, size: float) -> float:
    """What repaying up to `size` of d for c would bring the liquidator, as a value."""
    own = w.prospects
    size = min(size, call(w, lq))
    kept = size * own.sale[c, d, HELD_GAIN]
    if w.liquidators.terms[lq, KEEPS] != 0:
        return kept
    most, whole = sale(w, c, d, size)
    sold = whole if whole >= own.wanted[lq] else most
    return max(sold, kept) if keeps_some(w, lq) else sold


@inlined
def backing(s: State, w: Market, a: int) -> tuple[float, float]:
    """(what the account owes, what its collateral counts for), values."""
    v, owed, counted = s.account_vault[a], 0.0, 0.0
    m, pair = s.unit.shape[0], w.watchers.pair[a]
    if pair >= 0:
        c, d = pair // m, pair % m
        owed = w.watchers.pledge[a, OWES] * w.watchers.worth[v, d, DEBT_WORTH]
        counted = counts(s, w, a, c, w.watchers.pledge[a, BACKS])
        return owed, counted
    for i in range(m):
        owed += float(s.position[a, i, POSITION_DEBT]) * w.watchers.worth[v, i, DEBT_WORTH]
        held = float(s.position[a, i, SUPPLIED] * s.position[a, i, IS_COLLATERAL])
        counted += counts(s, w, a, i, held)
    return owed, counted


@inlined
def _repayable(s: State, w: Market, a: int, c: int, d: int, owed: float, counted: float) -> float:
    """What may be repaid of debt d for collateral c at once, as a value: no more than c pays for,
    and what heals the account and half of the rest, where the close factor says so
    (`sim.protocol.liquidation`).
    """
    v = s.account_vault[a]
    owes, backs = w.watchers.pledge[a, OWES], w.watchers.pledge[a, BACKS]
    if w.watchers.pair[a] < 0:
        owes, backs = float(s.position[a, d, POSITION_DEBT]), float(s.position[a, c, SUPPLIED])
    debt = owes * w.watchers.worth[v, d, DEBT_WORTH]
    size = min(debt, backs * w.watchers.worth[v, c, REPAYS_WORTH])
    if s.policy[v, ENGINE] == CLOSE_FACTOR:
        deep = counted * float(wad()) <= owed * s.policy[v, FULL_CLOSE_HEALTH] * (1 + ROUNDING)
        paid = (BPS + max_bonus(s, a, c)) / BPS
        heals = max(owed - counted, 0.0) / (1 - last_threshold(s, a, c, zero()) * paid / BPS)
        small = size <= (FULL_CLOSE_VALUE + heals * paid) * (1 + ROUNDING)
        if not deep and not small:
            size = min(size, heals + max(owed - heals, 0.0) * (CLOSE_FACTOR_BPS / BPS))
    return size * (1 + ROUNDING)
