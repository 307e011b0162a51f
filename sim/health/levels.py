"""Levels: what a unit of every collateral counts for and of every debt costs, in doubles, and how
far the health of any account can have moved since it was last valued. `sim.health.watchers` says
what for.
"""

from __future__ import annotations

import numpy as np

from sim.market.market import (
    BACKS,
    COLLATERAL_PRICE,
    COLLATERAL_WORTH,
    DEBT_PRICE,
    DEBT_WORTH,
    OWES,
    REPAYS_WORTH,
    THIN_BELOW,
    VALUE_WORTH,
    WORTH_AT,
    Market,
)
from sim.protocol import hub, oracle
from sim.protocol.fixed_point import BPS, inlined, jitable, ray, wad
from sim.protocol.state import (
    BACKS_IN,
    CATEGORY_MAX_BONUS,
    CATEGORY_RAMP_END,
    IS_COLLATERAL,
    LIQUIDATION_FEE,
    MARGIN_CALL_HEALTH,
    MAX_BONUS,
    POSITION_DEBT,
    RAMP_END,
    REHYPOTHECATE,
    SUPPLIED,
    TIERED,
    State,
)
from sim.protocol.vault_reserves import category_of, threshold, weigh

SLACK = 1e-4
"""What an estimate may be off by, as a share of a health factor."""
LEAST_UNITS = 1e5
"""Of values below so many units of them, roundings show."""
SMALLEST_FALL = 1e-200
"""Where `fall` starts again from 1, with a check of everyone."""


@jitable
def net_bonus(s: State, v: int, c: int) -> float:
    """The largest part of what it repays that a liquidator receives on top, the fee deducted, of
    whichever account.
    """
    fee, most = float(s.reserve[v, c, LIQUIDATION_FEE]) / BPS, s.reserve[v, c, MAX_BONUS]
    for k in range(1, s.category.shape[1]):
        if s.member[v, k, c, BACKS_IN] != 0:
            most = max(most, s.category[v, k, CATEGORY_MAX_BONUS])
    return float(most) / BPS * (1 - fee)


@inlined
def counts_apart(s: State, v: int, i: int) -> bool:
    """Whether collateral of the asset counts otherwise than its value times one threshold: by
    brackets, or by the category of whoever has it.
    """
    for k in range(1, s.category.shape[1]):
        if s.member[v, k, i, BACKS_IN] != 0:
            return True
    return bool(s.reserve[v, i, TIERED] != 0)


@jitable
def measure_units(s: State, w: Market) -> None:
    """Bring what units are worth, and with it the levels, up to date."""
    own = w.watchers
    collateral_fall, debt_rise, m = 1.0, 1.0, s.unit.shape[0]
    for i in range(m):
        now = hub.preview(s, i)
        for v in range(s.policy.shape[0]):
            seen = oracle.read(s, v, i)
            counted = seen.collateral_price
            collateral = float(counted * threshold(s, v, i)) / float(BPS * s.unit[i])
            repays = float(counted) / (float(s.unit[i]) * (1 + net_bonus(s, v, i)))
            value = float(counted) / float(s.unit[i])
            if s.reserve[v, i, REHYPOTHECATE] != 0:
                share_price = float(now.total_assets + hub.VIRTUAL_ASSETS) / float(
                    now.total_shares + hub.VIRTUAL_SHARES
                )
                collateral *= share_price
                repays *= share_price
                value *= share_price
            debt = float(seen.debt_price * now.borrow_index) / float(ray() * s.unit[i])
            before, owed = own.worth[v, i, COLLATERAL_WORTH], own.worth[v, i, DEBT_WORTH]
            if counts_apart(s, v, i):
                collateral_fall = min(collateral_fall, _fall_of_value(s, w, v, i, value))
            elif collateral < before:
                collateral_fall = min(collateral_fall, collateral / before)
            if debt > owed:
                debt_rise = min(debt_rise, owed / debt)
            own.worth[v, i, COLLATERAL_WORTH] = collateral
            own.worth[v, i, DEBT_WORTH] = debt
            own.worth[v, i, COLLATERAL_PRICE] = float(counted)
            own.worth[v, i, DEBT_PRICE] = float(seen.debt_price)
            own.worth[v, i, REPAYS_WORTH] = repays
            own.worth[v, i, VALUE_WORTH] = value
            own.worth[v, i, WORTH_AT] = float(s.clock[0])
            rate = float(BPS + s.reserve[v, i, MAX_BONUS]) / BPS
            thin = rate * float(threshold(s, v, i)) / BPS
            own.worth[v, i, THIN_BELOW] = thin if seen.usable else np.inf
            least = LEAST_UNITS * (1 + float(max(counted, seen.debt_price)) / float(s.unit[i]))
            own.least_value[i] = least if v == 0 else max(own.least_value[i], least)
    for v in range(s.policy.shape[0]):
        for d in range(m):
            debt = own.worth[v, d, DEBT_WORTH]
            for c in range(m):
                level = 0.0  # of a debt that never had a price: whoever owes it is checked
                if debt > 0:
                    level = own.worth[v, c, COLLATERAL_WORTH] / debt
                own.level[(v * m + c) * m + d] = level
    fall = own.level[own.level.shape[0] - 1] * collateral_fall * debt_rise
    own.level[own.level.shape[0] - 1] = fall
    if fall < SMALLEST_FALL:
        check_everyone(w)


@jitable
def _fall_of_value(s: State, w: Market, v: int, i: int, value: float) -> float:
    """The share to which what any amount of collateral counts for may have fallen since the last
    look, a unit being worth `value` now. Thresholds of brackets and of categories have fallen only
    in a ramp: then 0.
    """
    before = w.watchers.worth[v, i]
    if s.reserve[v, i, RAMP_END] > before[WORTH_AT]:
        return 0.0
    for k in range(1, s.category.shape[1]):
        ramps = s.category[v, k, CATEGORY_RAMP_END] > before[WORTH_AT]
        if ramps and s.member[v, k, i, BACKS_IN] != 0:
            return 0.0
    return value / before[VALUE_WORTH] if value < before[VALUE_WORTH] else 1.0


@inlined
def counts(s: State, w: Market, a: int, i: int, supplied: float) -> float:
    """What so much collateral of the account counted for at the last look, a value."""
    v = s.account_vault[a]
    if s.reserve[v, i, TIERED] == 0 and category_of(s, a, i) == 0:
        return supplied * w.watchers.worth[v, i, COLLATERAL_WORTH]
    return weighed(s, a, i, supplied * w.watchers.worth[v, i, VALUE_WORTH])


@jitable
def weighed(s: State, a: int, i: int, value: float) -> float:
    """What the account's collateral, worth so much, counts for, a value."""
    return float(weigh(s, a, i, value)[0]) / BPS  # type: ignore[arg-type]  # in doubles


@jitable
def check_everyone(w: Market) -> None:
    """At the next look."""
    own = w.watchers
    own.level[own.level.shape[0] - 1] = 1.0
    own.limit.fill(np.inf)
    own.nearest.fill(np.inf)
    own.lacking.fill(np.inf)


@inlined
def line(s: State, v: int) -> int:
    """The health (WAD) below which an account is one to act on: 1, or that of margin calls."""
    return max(wad(), s.policy[v, MARGIN_CALL_HEALTH])


@inlined
def estimate(s: State, w: Market, a: int) -> float:
    """The account's health factor by what units were worth at the last look, to within `SLACK` of
    it; 0 if it owes nothing, or for all that doubles can tell.
    """
    own, m = w.watchers, s.unit.shape[0]
    v, owed, counted, least, pair = s.account_vault[a], 0.0, 0.0, 0.0, own.pair[a]
    if pair >= 0:
        c, d = pair // m, pair % m
        owed = own.pledge[a, OWES] * own.worth[v, d, DEBT_WORTH]
        counted = counts(s, w, a, c, own.pledge[a, BACKS])
        least = own.least_value[c] + own.least_value[d]
    else:
        for i in range(m):
            debt, backs = s.position[a, i, POSITION_DEBT], s.position[a, i, IS_COLLATERAL] != 0
            if debt != 0 and own.worth[v, i, DEBT_WORTH] == 0:
                return 0.0
            owed += float(debt) * own.worth[v, i, DEBT_WORTH]
            if backs:
                counted += counts(s, w, a, i, float(s.position[a, i, SUPPLIED]))
            if backs or debt != 0:
                least += own.least_value[i]
    if owed == 0 or owed < least or counted < least:
        return 0.0
    return counted / owed
