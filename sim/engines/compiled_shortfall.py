"""Debt beyond the collateral that can be seized for it, at reference prices; it compiles.

Looking at every account after every step would cost as much as checking everyone's health. What is
needed after a step is a sum over accounts that owe more than they have, and the last look of
`sim.health.watchers` says who that can be. With C_i and D_j what a unit of collateral i counted for
and a unit of scaled debt j cost then, C*_i and D*_j what they are worth now at reference prices,
and thresholds in C but not in C*,

    margin = min_i C*_i / C_i / max_j D*_j / D_j

collateral is worth at least min_i C*_i / C_i times what it counted for, debt at most
max_j D*_j / D_j times what it cost. So nobody owes more than he has while

    margin x collateral counted > debt.

Who was healthy had collateral counted >= debt: with a margin above 1 only the unhealthy are looked
at. It is about 1 / threshold unless feeds are far behind the market; then everyone is.
"""

from __future__ import annotations

import numpy as np

from sim.health.levels import SLACK
from sim.health.prospects import ROUNDING, backing
from sim.health.watchers import BLOCK
from sim.market.market import COLLATERAL_WORTH, DEBT_WORTH, Market
from sim.market.shortfall import shortfall, split
from sim.protocol import hub
from sim.protocol.fixed_point import jitable, ray, zero
from sim.protocol.state import (
    BORROW_INDEX,
    LAST_ACCRUAL,
    REHYPOTHECATE,
    SCALED_DEBT,
    TOTAL_SHARES,
    State,
)


@jitable
def total_shortfall(s: State, w: Market, k: int) -> int:
    """Of all accounts after step k, a value: the sum of `shortfall`, of whoever can have one;
    `Market.missing` says how much of it is owed in which asset.

    Accounts whose debt and collateral are equal to a millionth count as having none.
    """
    own = w.watchers
    total, margin = zero(), _margin(s, w, k)
    w.missing.fill(zero())
    if margin > 1 + SLACK:
        fall = own.level[own.level.shape[0] - 1]
        for block in range(own.hot_in.shape[0]):
            if own.hot_in[block] != 0 and not margin * fall > own.lacking[block]:
                total += _add_block(s, w, k, block, margin)
    else:
        for a in range(s.account.shape[0]):
            if _may_lack(s, w, a, margin):
                total += _add(s, w, k, a)
    return total


@jitable
def everyones_shortfall(s: State, w: Market, k: int) -> int:
    """The same, and everyone is looked at: exact, and at the cost of that."""
    total = zero()
    w.missing.fill(zero())
    for a in range(s.account.shape[0]):
        total += _add(s, w, k, a)
    return total


@jitable
def _add_block(s: State, w: Market, k: int, block: int, margin: float) -> int:
    """Of a block's accounts to act on; `Market.lacking` then says until when none of the others may
    have any.
    """
    own = w.watchers
    total, fall = zero(), own.level[own.level.shape[0] - 1]
    own.lacking[block] = 0.0
    for a in range(block * BLOCK, min((block + 1) * BLOCK, s.account.shape[0])):
        if own.hot[a] != 0:
            owed, counted = backing(s, w, a)
            if counted > 0:
                own.lacking[block] = max(own.lacking[block], fall * owed * (1 + SLACK) / counted)
            elif owed > 0:
                own.lacking[block] = np.inf
            if not margin * counted > owed * (1 + ROUNDING):
                total += _add(s, w, k, a)
    return total


@jitable
def _add(s: State, w: Market, k: int, a: int) -> int:
    missing = shortfall(s, w, k, a)
    if missing > 0:
        split(s, w, k, a, missing, w.missing)
    return missing


@jitable
def _margin(s: State, w: Market, k: int) -> float:
    """See above. 0, so that everyone counts, while accrual stands still with the chain, or if a
    debt cost nothing because its price was down.
    """
    own = w.watchers
    collateral, debt, clock = np.inf, 0.0, s.clock[0]
    for i in range(s.unit.shape[0]):
        if s.hub[i, LAST_ACCRUAL] != clock:
            return 0.0
        price = float(w.price[k, i]) / float(s.unit[i])
        owed = price * float(s.hub[i, BORROW_INDEX]) / float(ray())
        for v in range(s.policy.shape[0]):
            counted, cost = own.worth[v, i, COLLATERAL_WORTH], own.worth[v, i, DEBT_WORTH]
            if counted > 0:
                worth = price
                if s.reserve[v, i, REHYPOTHECATE] != 0:
                    held, shares = hub.total_assets(s, i), s.hub[i, TOTAL_SHARES]
                    worth *= float(held + hub.VIRTUAL_ASSETS) / float(shares + hub.VIRTUAL_SHARES)
                collateral = min(collateral, worth / counted)
            if s.hub[i, SCALED_DEBT] != 0:
                if cost == 0:
                    return 0.0
                debt = max(debt, owed / cost)
    return collateral / debt if debt > 0 else np.inf


@jitable
def _may_lack(s: State, w: Market, a: int, margin: float) -> bool:
    """Whether the account may owe more than it has; rather yes than no."""
    owed, counted = backing(s, w, a)
    return not margin * counted > owed * (1 + ROUNDING)
