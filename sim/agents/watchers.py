"""Watchers: everyone sees the same health of every account, measured after the feeds have reported
and after every action on an account, but only where it can matter.

Lazy checks. An account that was healthy stays healthy until prices have moved by what it had to
spare. With C_i what a unit of collateral i counts for (price x threshold x share price), D_j what a
unit of scaled debt j costs (price x index), and everything as the router and the hub tell it, let

    fall(t) = product over looks of min_i min(1, C_i / C_i') x min_j min(1, D_j' / D_j)

where ' is the look before. Then HF(t) >= HF(t0) fall(t) / fall(t0) for every account, so one that
had HF(t0) at its last check cannot be below 1 while

    fall(t) > limit = fall(t0) (1 + slack) / HF(t0).

Only accounts beyond their limit are checked again. `slack` covers rounding: of doubles here, and of
the integers of exact runs, in which a value is off by less than a unit of it and a unit of the
token. That is below 1e-6 of any debt above 1e6 such units; smaller ones are checked at every look.
With an infinite slack everyone is: the outcome must be the same, and a test runs both.
"""

from __future__ import annotations

import numpy as np

from sim.market.market import (
    COLLATERAL_VALUE,
    COLLATERAL_WORTH,
    DEBT_VALUE,
    DEBT_WORTH,
    FACTOR,
    LIQUIDATABLE,
    USABLE,
    Market,
)
from sim.protocol import hub, oracle, vault
from sim.protocol.fixed_point import jitable, max_uint, wad, zero
from sim.protocol.state import FLAGGED_AT, REHYPOTHECATE, Array, State
from sim.protocol.vault_reserves import threshold

SLACK = 1e-4
LEAST_UNITS = 1e6
SMALLEST_FALL = 1e-200
"""Where `fall` starts again from 1, with a check of everyone."""


@jitable
def look(s: State, w: Market) -> None:
    """Check every account beyond its limit; list those that are unhealthy or flagged, in order."""
    _fall(s, w)
    count = 0
    if w.nearest[0] >= w.fall[0]:
        nearest = 0.0
        for a in range(s.account.shape[0]):
            if w.limit[a] >= w.fall[0]:
                look_at(s, w, a)
                if w.watch[a, FACTOR] < wad() or s.account[a, FLAGGED_AT] != 0:
                    w.hot[count] = a
                    count += 1
            nearest = max(nearest, w.limit[a])
        w.nearest[0] = nearest
    w.hot_count[0] = count


@jitable
def look_at(s: State, w: Market, a: int) -> None:
    """Check one account; one without debt cannot be unhealthy and is not valued."""
    w.watch[a, USABLE] = zero()
    w.watch[a, LIQUIDATABLE] = zero()
    if not vault.has_debt(s, a):
        w.watch[a, FACTOR] = max_uint()
        w.watch[a, COLLATERAL_VALUE] = zero()
        w.watch[a, DEBT_VALUE] = zero()
        w.limit[a] = 0.0
        return
    _, _, collateral, debt, factor, _, usable = vault.health(s, a)
    w.watch[a, FACTOR] = factor
    w.watch[a, COLLATERAL_VALUE] = collateral
    w.watch[a, DEBT_VALUE] = debt
    if usable:
        w.watch[a, USABLE] = zero() + 1
        if factor < wad() and vault.delay_passed(s, a, factor):
            w.watch[a, LIQUIDATABLE] = zero() + 1
    if s.account[a, FLAGGED_AT] != 0 or factor <= wad() or float(debt) < w.least_debt[0]:
        w.limit[a] = np.inf
    else:
        w.limit[a] = w.fall[0] * (1 + w.slack[0]) * float(wad()) / float(factor)
    w.nearest[0] = max(w.nearest[0], w.limit[a])


def measured(s: State, w: Market) -> Array:
    """The `watch` of a market in which everyone was just checked, (n, WATCH); `w` stays as it is.

    What watchers know of accounts they had no reason to check again is old; this is not.
    """
    everyone = w._replace(watch=w.watch.copy(), limit=w.limit.copy(), nearest=w.nearest.copy())
    for a in range(s.account.shape[0]):
        look_at(s, everyone, a)
    return everyone.watch


@jitable
def _fall(s: State, w: Market) -> None:
    """Bring `fall` up to date, and the least debt that may be checked lazily."""
    collateral_fall, debt_rise, units = 1.0, 1.0, 0.0
    for i in range(s.unit.shape[0]):
        index, shares, _, held = hub.preview(s, i)
        for v in range(s.policy.shape[0]):
            price, _, _ = oracle.read(s, v, i)
            collateral = float(price * threshold(s, v, i))
            if s.reserve[v, i, REHYPOTHECATE] != 0:
                collateral *= float(held + hub.VIRTUAL) / float(shares + hub.VIRTUAL)
            debt = float(price) * float(index)
            before, owed = w.worth[v, i, COLLATERAL_WORTH], w.worth[v, i, DEBT_WORTH]
            if collateral < before:
                collateral_fall = min(collateral_fall, collateral / before)
            if debt > owed:
                debt_rise = min(debt_rise, owed / debt)
            w.worth[v, i, COLLATERAL_WORTH] = collateral
            w.worth[v, i, DEBT_WORTH] = debt
            units += 1 + float(price) / float(s.unit[i])
    w.least_debt[0] = LEAST_UNITS * units
    w.fall[0] *= collateral_fall * debt_rise
    if w.fall[0] < SMALLEST_FALL:
        w.fall[0] = 1.0
        w.limit.fill(np.inf)
        w.nearest[0] = np.inf
