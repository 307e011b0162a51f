"""Debt of an account beyond the collateral that can be seized for it, at reference prices."""

from __future__ import annotations

import numpy as np

from sim.market.market import Market
from sim.protocol import hub, vault_accounts
from sim.protocol.fixed_point import inlined, jitable, less, mul_div_down, ray, zero
from sim.protocol.state import (
    IS_COLLATERAL,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    Array,
    State,
)


@inlined
def shortfall(s: State, w: Market, k: int, a: int) -> int:
    """Of account a in step k, a value (USD with 8 decimals): max(0, debt - collateral)."""
    missing = zero()
    for i in range(s.unit.shape[0]):
        price, unit = w.price[k, i], s.unit[i]
        if s.position[a, i, POSITION_DEBT] != 0:
            debt = vault_accounts.debt_assets(s, a, i)
            missing += vault_accounts.debt_value(debt, price, unit)
        if s.position[a, i, IS_COLLATERAL] != 0:
            backing = vault_accounts.supplied_assets(s, a, i)
            missing -= vault_accounts.collateral_value(backing, price, unit)
    return max(zero(), missing)


@jitable
def split(s: State, w: Market, k: int, a: int, missing: int, parts: Array) -> None:
    """Add the shortfall of account a to `parts`, (assets,), as its debt is in them: each is rounded
    down, and the last asset that it owes has the rest.
    """
    owed, last = zero(), 0
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            owed += debt_value(s, w, k, a, i)
            last = i
    rest = missing
    for i in range(last):
        if s.position[a, i, POSITION_DEBT] != 0:
            part = mul_div_down(debt_value(s, w, k, a, i), missing, owed)
            parts[i] += part
            rest = less(rest, part)
    parts[last] += rest


@jitable
def debt_value(s: State, w: Market, k: int, a: int, i: int) -> int:
    """What account a owes in asset i, at the reference price of step k."""
    debt = vault_accounts.debt_assets(s, a, i)
    return vault_accounts.debt_value(debt, w.price[k, i], s.unit[i])


def perhaps_short(s: State, prices: Array, position: Array) -> Array:
    """The accounts with debt whose collateral does not exceed it by more than roundings can do: in
    doubles, with what the vault rounds a value by on top, a unit of it and one of the token.
    `position` are the positions of the state as doubles; `prices` (assets,) USD with 8 decimals.
    """
    debt, backs = position[:, :, POSITION_DEBT], position[:, :, IS_COLLATERAL]
    supplied = position[:, :, SUPPLIED] * backs
    m = len(s.unit)
    worth, costs, lent_worth = np.zeros((3, m))
    for i in range(m):
        now = hub.preview(s, i)
        worth[i] = prices[i] / s.unit[i]
        held, shares = now.total_assets + hub.VIRTUAL_ASSETS, now.total_shares + hub.VIRTUAL_SHARES
        share_price = held / shares
        lent_worth[i] = worth[i] * share_price
        costs[i] = now.borrow_index * prices[i] / s.unit[i] / ray()
    lent = (s.reserve[:, :, REHYPOTHECATE] != 0).astype(bool)[s.account_vault]
    collateral = (supplied * np.where(lent, lent_worth, worth)).sum(axis=1)
    owed = debt @ costs
    rounded = 2 * (1 + worth).sum() + 1e-9 * owed
    return np.flatnonzero(debt.any(axis=1) & (owed + rounded >= collateral))
