"""Watchers: everyone sees the same health of every account, measured after the feeds have reported
and after every action on an account, but only where it can matter.

Lazy checks. An account that was healthy stays healthy until prices have moved by what it had to
spare. With C_i what a unit of collateral i counts for (price x threshold x share price), D_j what a
unit of scaled debt j costs (price x index), prices being those that either counts at
(`sim.protocol.oracle.read`), and everything as the router and the hub tell it, let

    level_cd = C_c / D_d                                   for accounts of one collateral, one debt
    fall = product over looks of min_i min(1, C_i / C_i') min_j min(1, D_j' / D_j)       for others

where ' is the look before. What counts in brackets of its value bends down: more of it counts for
less than in proportion, a part of it for more. So of a tiered reserve C_i is its price x share
price, the account goes by `fall` whatever it owes, and while thresholds of brackets ramp, everyone
is checked. So it is with what counts by an account's category. Then HF >= HF0 level / level0 for an
account that had HF0 when its level was level0, with = for one pair. It cannot be below 1 while

    level > limit = level0 (1 + slack) / HF0.

Only accounts at their limit are checked again, and only who is not plainly healthy by C_i and D_j
is then valued as the contract does. Who is unhealthy or flagged is checked at every look, and
valued unless he plainly stays ill and nothing becomes of it.

Where a vault calls for margin below a health of m > 1, all of that goes for m in place of 1: the
limit is level0 (1 + slack) m / HF0, and who is below m, or called, is checked at every look, and
valued unless he plainly stays between 1 and m, called.

`slack` covers rounding: of doubles here, and of the integers of exact runs, in which a value is off
by less than a unit of it and a unit of the token. That is below 1e-5 of any value above 1e5 such
units of the account's assets, so below 4e-5 of a health factor then and now; smaller ones are
checked at every look. With an infinite slack everyone is valued at every look: the outcome must be
the same, and a test runs both.

Accounts are looked through in blocks, and blocks in groups: the nearest limit of each says whether
to look into it at all.

Who acts on an account looks at it afterwards: limits know of prices and time only.
"""

from __future__ import annotations

import numpy as np

from sim.health.levels import SLACK, estimate, line, measure_units
from sim.health.prospects import backing
from sim.market.market import (
    BACKS,
    COLLATERAL_VALUE,
    DEBT_VALUE,
    FACTOR,
    LIQUIDATABLE,
    OWES,
    THIN_BELOW,
    USABLE,
    Market,
)
from sim.protocol.fixed_point import inlined, jitable, max_uint, wad, zero
from sim.protocol.soundness import THIN_AUCTION
from sim.protocol.state import (
    DUST_VALUE,
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    MARGIN_CALL_HEALTH,
    POSITION_DEBT,
    SUPPLIED,
    THIN,
    THIN_FOR,
    TIERED,
    State,
)
from sim.protocol.vault_accounts import has_debt, health
from sim.protocol.vault_flags import Standing, delay_passed, is_called, is_flagged, standing
from sim.protocol.vault_reserves import category_of

BLOCK = 16
"""Accounts that share one highest limit, so that most limits need no look."""
GROUP = 32
"""Blocks that share one in turn."""
UNKNOWN = -2
"""The pair of an account that was never looked at."""


@jitable
def look(s: State, w: Market) -> None:
    """Check every account beyond its limit; mark those that are unhealthy or flagged."""
    own = w.watchers
    measure_units(s, w)
    blocks = own.hot_in.shape[0]
    everyone = own.nearest.shape[0] - 1
    count = 0
    for kind in range(own.level.shape[0]):
        if own.nearest[everyone, kind] >= own.level[kind]:
            own.reached[count] = kind
            count += 1
    own.reached_count[0] = count
    if not _is_near(w, everyone):
        return
    for group in range(blocks, everyone):
        if not _is_near(w, group):
            continue
        first = (group - blocks) * GROUP
        end = min(first + GROUP, blocks)
        for block in range(first, end):
            if _is_near(w, block) and _is_any_at_limit(s, w, block):
                _look_at_block(s, w, block)
        _gather_nearest(w, group, first, end)
    _gather_nearest(w, everyone, blocks, everyone)


@inlined
def _is_any_at_limit(s: State, w: Market, block: int) -> bool:
    own = w.watchers
    for a in range(block * BLOCK, min((block + 1) * BLOCK, s.account.shape[0])):
        if own.limit[a] >= own.level[own.kind[a]]:
            return True
    return False


@jitable
def _look_at_block(s: State, w: Market, block: int) -> None:
    own = w.watchers
    first = block * BLOCK
    for n in range(own.reached_count[0]):
        own.nearest[block, own.reached[n]] = 0.0
    for a in range(first, min(first + BLOCK, s.account.shape[0])):
        kind = own.kind[a]
        if own.limit[a] >= own.level[kind]:
            stays = _stays_healthy(s, w, a) if own.hot[a] == 0 else _stays_as_it_is(s, w, a)
            if not stays:
                look_at(s, w, a)
                mark(s, w, a)
            kind = own.kind[a]
        own.nearest[block, kind] = max(own.nearest[block, kind], own.limit[a])


@jitable
def _gather_nearest(w: Market, row: int, first: int, end: int) -> None:
    """What is nearest in the rows from first to end, which make up this one: of the levels that
    were reached, for nobody has moved away from the others.
    """
    own = w.watchers
    for n in range(own.reached_count[0]):
        kind, nearest = own.reached[n], 0.0
        for part in range(first, end):
            nearest = max(nearest, own.nearest[part, kind])
        own.nearest[row, kind] = nearest


@inlined
def _is_near(w: Market, row: int) -> bool:
    """Whether any account of a block, of a group of blocks, or of all may be at its limit."""
    own = w.watchers
    if own.skips[0] == 0:
        return True
    for n in range(own.reached_count[0]):
        kind = own.reached[n]
        if own.nearest[row, kind] >= own.level[kind]:
            return True
    return False


@jitable
def _is_hot(s: State, w: Market, a: int) -> bool:
    """Whether the account was unhealthy when last checked, or owes and is flagged."""
    factor = w.watchers.watch[a, FACTOR]
    minded = is_flagged(s, a) or is_called(s, a)
    return factor < line(s, s.account_vault[a]) or (factor < max_uint() and minded)


@jitable
def mark(s: State, w: Market, a: int) -> None:
    """Note whether the account is one to act on."""
    own = w.watchers
    hot = 1 if _is_hot(s, w, a) else 0
    change = hot - own.hot[a]
    if change != 0:
        own.hot[a] = hot
        own.hot_in[a // BLOCK] += change
        own.hot_count[0] += change


@inlined
def _stays_healthy(s: State, w: Market, a: int) -> bool:
    """Whether an account that was healthy still is, so that nobody needs its value; its limit is
    then where it will be looked at again.
    """
    own = w.watchers
    if own.slack[0] == np.inf:
        return False
    if own.pair[a] == UNKNOWN:
        _pair_up(s, w, a)
        own.kind[a] = _level_of(s, w, a)
    factor, least = estimate(s, w, a), float(line(s, s.account_vault[a])) / float(wad())
    if factor <= least * (1 + SLACK):
        return False
    own.limit[a] = own.level[own.kind[a]] * (least * (1 + own.slack[0]) / factor)
    return True


@inlined
def _stays_as_it_is(s: State, w: Market, a: int) -> bool:
    """Whether an account to act on plainly stays as it was when it was valued last."""
    if w.watchers.slack[0] == np.inf:
        return False
    if w.watchers.watch[a, FACTOR] >= wad():
        return _stays_called(s, w, a)
    return _stays_ill(s, w, a)


@inlined
def _stays_called(s: State, w: Market, a: int) -> bool:
    """Whether a healthy account that is called plainly still is near, and nothing becomes of it."""
    if not is_called(s, a) or is_flagged(s, a):
        return False
    least = s.policy[s.account_vault[a], MARGIN_CALL_HEALTH]
    factor = estimate(s, w, a)
    below = factor < float(least) / float(wad()) * (1 - SLACK)
    return bool(w.watchers.watch[a, FACTOR] < least and below and factor > 1 + SLACK)


@inlined
def _stays_ill(s: State, w: Market, a: int) -> bool:
    """Whether an account that was unhealthy plainly still is, and flagged, and nothing becomes of
    it with time: no delay ends, it is not dust, and whether it is thin is as it was seen.
    """
    policy = s.policy[s.account_vault[a]]
    if policy[LIQUIDATION_DELAY] != 0 or not is_flagged(s, a):
        return False
    factor, counted = estimate(s, w, a), backing(s, w, a)[1]
    if not (0 < factor < 1 - SLACK and counted > float(policy[DUST_VALUE])):
        return False
    if s.account[a, THIN_FOR] == THIN_AUCTION:
        return True
    return bool(s.account[a, THIN] == 0 and factor > _thin_below(s, w, a) + SLACK)


@inlined
def _thin_below(s: State, w: Market, a: int) -> float:
    """The health factor above which the account cannot be thin; infinite while a price of it cannot
    be used, and of several collaterals or in a category, where that is not plain.
    """
    own, m = w.watchers, s.unit.shape[0]
    v, pair = s.account_vault[a], own.pair[a]
    if pair < 0 or category_of(s, a, pair // m) != 0:
        return np.inf
    owed = own.worth[v, pair % m, THIN_BELOW]
    return float(owed if owed == np.inf else own.worth[v, pair // m, THIN_BELOW])


@jitable
def look_at(s: State, w: Market, a: int) -> None:
    """Check one account; one without debt cannot be unhealthy and is not valued."""
    own = w.watchers
    own.watch[a, USABLE] = zero()
    own.watch[a, LIQUIDATABLE] = zero()
    _pair_up(s, w, a)
    if not has_debt(s, a):
        own.watch[a, FACTOR] = max_uint()
        own.watch[a, COLLATERAL_VALUE] = zero()
        own.watch[a, DEBT_VALUE] = zero()
        own.since[a] = zero()
        own.limit[a] = 0.0
        _unmark(s, w, a)
        return
    h = health(s, a)
    own.watch[a, FACTOR] = h.factor
    own.watch[a, COLLATERAL_VALUE] = h.collateral_value
    own.watch[a, DEBT_VALUE] = h.debt_value
    if h.prices_usable:
        own.watch[a, USABLE] = zero() + 1
    if h.factor < wad() and delay_passed(s, a, h.factor):
        own.watch[a, LIQUIDATABLE] = zero() + 1
    if own.watch[a, LIQUIDATABLE] == 0:
        own.since[a] = zero()
    elif own.since[a] == 0:
        own.since[a] = s.clock[0]
    kind = _kind(s, w, a)
    own.kind[a] = kind
    spared = (1 + own.slack[0]) * _spared(s, w, a)
    own.limit[a] = np.inf
    if spared < np.inf:
        own.limit[a] = own.level[kind] * spared
    block, blocks = a // BLOCK, own.hot_in.shape[0]
    for row in (block, blocks + block // GROUP, own.nearest.shape[0] - 1):
        own.nearest[row, kind] = max(own.nearest[row, kind], own.limit[a])
    own.lacking[block] = np.inf
    remember_owed(s, w, a, block)
    if is_hopeless(s, w, a):
        own.ruined[block] = 1
    _unmark(s, w, a)


@jitable
def _unmark(s: State, w: Market, a: int) -> None:
    """Take a note back at once; one is made at a look only, when everyone sees it."""
    if w.watchers.hot[a] != 0 and not _is_hot(s, w, a):
        mark(s, w, a)


@inlined
def remember_owed(s: State, w: Market, a: int, row: int) -> None:
    """Keep the largest debts of a block, or of those listed, up to date."""
    own, m = w.watchers, s.unit.shape[0]
    if own.pair[a] >= 0:
        d = own.pair[a] % m
        own.owed[row, d] = max(own.owed[row, d], own.pledge[a, OWES])
        return
    for i in range(m):
        own.owed[row, i] = max(own.owed[row, i], float(s.position[a, i, POSITION_DEBT]))


@jitable
def standing_of(s: State, w: Market, a: int) -> Standing:
    """How the account stood when last checked; what of it waits for a price is looked up."""
    seen = w.watchers.watch[a]
    if seen[USABLE] == 0:
        return standing(health(s, a))
    return Standing(seen[FACTOR], seen[COLLATERAL_VALUE], seen[DEBT_VALUE])


@jitable
def is_hopeless(s: State, w: Market, a: int) -> bool:
    """Whether an account had no collateral left that is worth mentioning when last checked."""
    seen, dust = w.watchers.watch[a], s.policy[s.account_vault[a], DUST_VALUE]
    return bool(seen[FACTOR] < wad() and seen[COLLATERAL_VALUE] < dust)


@jitable
def is_ruined(s: State, a: int) -> bool:
    """Whether it has none either at the prices accepted last, where others are disputed or nobody
    knows any.
    """
    h, dust = health(s, a), s.policy[s.account_vault[a], DUST_VALUE]
    return bool(h.forfeit_value < dust and h.forfeit_value < h.debt_value)


@jitable
def _kind(s: State, w: Market, a: int) -> int:
    """The level that says when to check the account again; the last one is `fall`."""
    if w.watchers.watch[a, FACTOR] < wad():
        return w.watchers.level.shape[0] - 1
    return _level_of(s, w, a)


@jitable
def _level_of(s: State, w: Market, a: int) -> int:
    """That of a healthy account's pair, if its collateral counts in proportion, as for everyone."""
    own = w.watchers
    v, pair = s.account_vault[a], own.pair[a]
    if pair < 0 or s.reserve[v, pair // s.unit.shape[0], TIERED] != 0:
        return own.level.shape[0] - 1
    if category_of(s, a, pair // s.unit.shape[0]) != 0:
        return own.level.shape[0] - 1
    return v * s.unit.shape[0] ** 2 + pair


@jitable
def _pair_up(s: State, w: Market, a: int) -> None:
    """Note the account's pair and what it has and owes of it: many are asked at a time, and find
    it in one place.
    """
    own, pair = w.watchers, _pair(s, a)
    own.pair[a] = pair
    if pair >= 0:
        own.pledge[a, BACKS] = float(s.position[a, pair // s.unit.shape[0], SUPPLIED])
        own.pledge[a, OWES] = float(s.position[a, pair % s.unit.shape[0], POSITION_DEBT])


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
    own = w.watchers
    factor, collateral = own.watch[a, FACTOR], own.watch[a, COLLATERAL_VALUE]
    smallest = min(float(own.watch[a, DEBT_VALUE]), float(collateral))
    least = 0.0
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            least += own.least_value[i]
    matters = line(s, s.account_vault[a])
    if factor < matters or is_flagged(s, a) or is_called(s, a) or smallest < least:
        return np.inf
    return float(matters) / float(factor)


def valuing_everyone(w: Market) -> Market:
    """The market with watchers that value every account at every look, as the contract does."""
    own = w.watchers
    everyone = own._replace(
        slack=np.full_like(own.slack, np.inf),
        limit=np.full_like(own.limit, np.inf),
        nearest=np.full_like(own.nearest, np.inf),
    )
    return w._replace(watchers=everyone)


def checking_everyone(w: Market) -> Market:
    """The market with watchers that hold every account against its limit at every look: no block
    is skipped.
    """
    return w._replace(watchers=w.watchers._replace(skips=np.zeros_like(w.watchers.skips)))
