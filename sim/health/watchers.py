"""Watchers: everyone sees the same health of every account, measured after the feeds have reported
and after every action on an account, but only where it can matter.

Lazy checks. An account that was healthy stays healthy until prices have moved by what it had to
spare. With C_i what a unit of collateral i counts for (price x threshold x share price, where the
price is the last one accepted if that is higher and the price is not usable), D_j what a unit of
scaled debt j costs (price x index), and everything as the router and the hub tell it, let

    level_cd = C_c / D_d                                   for accounts of one collateral, one debt
    fall = product over looks of min_i min(1, C_i / C_i') min_j min(1, D_j' / D_j)       for others

where ' is the look before. Then HF >= HF0 level / level0 for an account that had HF0 when its level
was level0, with = for one pair. It cannot be below 1 while

    level > limit = level0 (1 + slack) / HF0.

Only accounts at their limit are checked again. An unhealthy account matters to the keepers once its
collateral may be below the dust line, which is another such limit on `fall`; liquidators check it
themselves when it can pay them. Where flags or latencies decide, or debts whose prices cannot be
used, unhealthy accounts are checked at every look.

`slack` covers rounding: of doubles here, and of the integers of exact runs, in which a value is off
by less than a unit of it and a unit of the token. That is below 1e-5 of any value above 1e5 such
units of the account's assets, so below 4e-5 of a health factor then and now; smaller ones are
checked at every look. With
an infinite slack everyone is: the outcome must be the same, and a test runs both.

Who acts on an account looks at it afterwards: limits know of prices and time only.
"""

from __future__ import annotations

import numpy as np

from sim.market.market import (
    COLLATERAL_VALUE,
    COLLATERAL_WORTH,
    DEBT_USABLE,
    DEBT_VALUE,
    DEBT_WORTH,
    FACTOR,
    LIQUIDATABLE,
    PRICE_SEEN,
    REPAYS_WORTH,
    USABLE,
    Market,
)
from sim.protocol import hub, oracle, vault
from sim.protocol.fixed_point import BPS, jitable, max_uint, ray, wad, zero
from sim.protocol.state import (
    DUST_VALUE,
    DUTCH_BONUS,
    ENGINE,
    FLAGGED_AT,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    LIQUIDATION_FEE,
    MAX_BONUS,
    POSITION_DEBT,
    REHYPOTHECATE,
    State,
)
from sim.protocol.vault_accounts import collateral_price, has_debt, health
from sim.protocol.vault_reserves import threshold

SLACK = 1e-4
LEAST_UNITS = 1e5
BLOCK = 32
"""Accounts that share one highest limit, so that most limits need no look."""
SMALLEST_FALL = 1e-200
"""Where `fall` starts again from 1, with a check of everyone."""


@jitable
def look(s: State, w: Market) -> None:
    """Check every account beyond its limit; keep the list of those that were unhealthy or flagged
    when last checked, in order.
    """
    _measure(s, w)
    known = 0
    for n in range(w.hot_count[0]):
        if _is_hot(s, w, w.hot[n]):
            w.hot[known] = w.hot[n]
            known += 1
    w.hot_count[0] = known
    everyone = w.nearest.shape[0] - 1
    if not _is_near(w, everyone):
        return
    for n in range(known):
        w.hot_before[n] = w.hot[n]
    before, count = 0, 0
    for block in range(everyone):
        first = block * BLOCK
        end = min(first + BLOCK, s.account.shape[0])
        if not _is_near(w, block):
            while before < known and w.hot_before[before] < end:
                w.hot[count] = w.hot_before[before]
                before, count = before + 1, count + 1
            continue
        w.nearest[block].fill(0.0)
        for a in range(first, end):
            hot = before < known and w.hot_before[before] == a
            if hot:
                before += 1
            kind = w.kind[a]
            if w.limit[a] >= w.level[kind]:
                look_at(s, w, a)
                kind = w.kind[a]
                hot = _is_hot(s, w, a)
            if hot:
                w.hot[count] = a
                count += 1
            w.nearest[block, kind] = max(w.nearest[block, kind], w.limit[a])
    w.hot_count[0] = count
    w.nearest[everyone].fill(0.0)
    for block in range(everyone):
        np.maximum(w.nearest[everyone], w.nearest[block], w.nearest[everyone])


@jitable
def _is_near(w: Market, block: int) -> bool:
    """Whether any account of the block may be at its limit; the last block is everyone."""
    for kind in range(w.level.shape[0]):
        if w.nearest[block, kind] >= w.level[kind]:
            return True
    return False


@jitable
def _is_hot(s: State, w: Market, a: int) -> bool:
    """Whether the account was unhealthy or flagged when last checked."""
    return w.watch[a, FACTOR] < wad() or s.account[a, FLAGGED_AT] != 0


@jitable
def look_at(s: State, w: Market, a: int) -> None:
    """Check one account; one without debt cannot be unhealthy and is not valued."""
    w.watch[a, USABLE] = zero()
    w.watch[a, DEBT_USABLE] = zero()
    w.watch[a, LIQUIDATABLE] = zero()
    w.pair[a] = _pair(s, a)
    if not has_debt(s, a):
        w.watch[a, FACTOR] = max_uint()
        w.watch[a, COLLATERAL_VALUE] = zero()
        w.watch[a, DEBT_VALUE] = zero()
        w.since[a] = zero()
        w.limit[a] = 0.0
        return
    h = health(s, a)
    w.watch[a, FACTOR] = h.factor
    w.watch[a, COLLATERAL_VALUE] = h.collateral_value
    w.watch[a, DEBT_VALUE] = h.debt_value
    if h.prices_usable:
        w.watch[a, USABLE] = zero() + 1
    if h.debt_prices_usable:
        w.watch[a, DEBT_USABLE] = zero() + 1
        if h.factor < wad() and vault.delay_passed(s, a, h.factor):
            w.watch[a, LIQUIDATABLE] = zero() + 1
    if w.watch[a, LIQUIDATABLE] == 0:
        w.since[a] = zero()
    elif w.since[a] == 0:
        w.since[a] = s.clock[0]
    kind = _kind(s, w, a)
    w.kind[a] = kind
    spared = (1 + w.slack[0]) * _spared(s, w, a)
    w.limit[a] = np.inf
    if spared < np.inf:
        w.limit[a] = w.level[kind] * spared
    for block in (a // BLOCK, w.nearest.shape[0] - 1):
        w.nearest[block, kind] = max(w.nearest[block, kind], w.limit[a])


@jitable
def _kind(s: State, w: Market, a: int) -> int:
    """The level that says when to check the account again; the last one is `fall`."""
    if w.watch[a, FACTOR] < wad() or w.pair[a] < 0:
        return w.level.shape[0] - 1
    return s.account_vault[a] * s.unit.shape[0] ** 2 + w.pair[a]


@jitable
def _pair(s: State, a: int) -> int:
    """c m + d of an account with one collateral c and one debt d; -1 if it is otherwise."""
    c, d = -1, -1
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0:
            if c >= 0:
                return -1
            c = i
        if s.position[a, i, POSITION_DEBT] != 0:
            if d >= 0:
                return -1
            d = i
    if c < 0 or d < 0:
        return -1
    return c * s.unit.shape[0] + d


@jitable
def _spared(s: State, w: Market, a: int) -> float:
    """The share to which its level may fall before the account matters; infinite if it does now."""
    factor, collateral = w.watch[a, FACTOR], w.watch[a, COLLATERAL_VALUE]
    smallest = min(float(w.watch[a, DEBT_VALUE]), float(collateral))
    least = 0.0
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            least += w.least_value[i]
    if s.account[a, FLAGGED_AT] != 0 or smallest < least:
        return np.inf
    if factor >= wad():
        return float(wad()) / float(factor)
    v = s.account_vault[a]
    if flags_matter(s, v) or w.timed[0] != 0 or w.watch[a, DEBT_USABLE] == 0:
        return np.inf
    # It is written off once its collateral is below both the dust value and what it owes.
    return min(float(s.policy[v, DUST_VALUE]), float(w.watch[a, DEBT_VALUE])) / float(collateral)


@jitable
def flags_matter(s: State, v: int) -> bool:
    """Whether the vault has a delay, or a bonus that grows with time."""
    return s.policy[v, LIQUIDATION_DELAY] != 0 or s.policy[v, ENGINE] == DUTCH_BONUS


@jitable
def net_bonus(s: State, v: int, c: int) -> float:
    """The largest part of what it repays that a liquidator receives on top, the fee deducted."""
    fee = float(s.reserve[v, c, LIQUIDATION_FEE]) / BPS
    return float(s.reserve[v, c, MAX_BONUS]) / BPS * (1 - fee)


def checking_everyone(w: Market) -> Market:
    """The market with watchers that check every account at every look."""
    return w._replace(
        slack=np.full_like(w.slack, np.inf),
        limit=np.full_like(w.limit, np.inf),
        nearest=np.full_like(w.nearest, np.inf),
    )


@jitable
def _measure(s: State, w: Market) -> None:
    """Bring the levels up to date, and the least values that may be checked lazily."""
    collateral_fall, debt_rise, m = 1.0, 1.0, s.unit.shape[0]
    for i in range(m):
        now = hub.preview(s, i)
        for v in range(s.policy.shape[0]):
            seen = oracle.read(s, v, i)
            counted = collateral_price(s, v, i, seen.price, seen.usable)
            collateral = float(counted * threshold(s, v, i)) / float(BPS * s.unit[i])
            bonus = net_bonus(s, v, i)
            repays = float(counted) / (float(s.unit[i]) * (1 + bonus))
            if s.reserve[v, i, REHYPOTHECATE] != 0:
                share_price = float(now.total_assets + hub.VIRTUAL) / float(
                    now.total_shares + hub.VIRTUAL
                )
                collateral *= share_price
                repays *= share_price
            debt = float(seen.price * now.borrow_index) / float(ray() * s.unit[i])
            before, owed = w.worth[v, i, COLLATERAL_WORTH], w.worth[v, i, DEBT_WORTH]
            if collateral < before:
                collateral_fall = min(collateral_fall, collateral / before)
            if debt > owed:
                debt_rise = min(debt_rise, owed / debt)
            w.worth[v, i, COLLATERAL_WORTH] = collateral
            w.worth[v, i, DEBT_WORTH] = debt
            w.worth[v, i, PRICE_SEEN] = float(seen.price)
            w.worth[v, i, REPAYS_WORTH] = repays
            least = LEAST_UNITS * (1 + float(counted) / float(s.unit[i]))
            w.least_value[i] = least if v == 0 else max(w.least_value[i], least)
    for v in range(s.policy.shape[0]):
        for d in range(m):
            debt = w.worth[v, d, DEBT_WORTH]
            for c in range(m):
                level = 0.0  # of a debt whose price is down: whoever owes it is checked
                if debt > 0:
                    level = w.worth[v, c, COLLATERAL_WORTH] / debt
                w.level[(v * m + c) * m + d] = level
    fall = w.level[w.level.shape[0] - 1] * collateral_fall * debt_rise
    w.level[w.level.shape[0] - 1] = fall
    if fall < SMALLEST_FALL:
        w.level[w.level.shape[0] - 1] = 1.0
        w.limit.fill(np.inf)
        w.nearest.fill(np.inf)
