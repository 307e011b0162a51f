"""Debt beyond its collateral, of every account, at what the market pays: exact.

Not at the oracle's prices: those decide who can be liquidated, but a feed that stands still or is
down changes nothing of what an account can pay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.market.shortfall import perhaps_short
from sim.protocol import hub, vault_accounts
from sim.protocol.state import (
    IS_COLLATERAL,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    Array,
    State,
)


class Shortfall(NamedTuple):
    """What is missing, not written off yet."""

    value: int
    """USD with 8 decimals."""
    tokens: list[int]
    """Of the debt in each asset, token units."""
    accounts: Array
    """Those that it is missing of."""
    parts: Array
    """The same of each of them, (accounts, assets)."""


def shortfall(s: State, prices: Array, doubles: Array | None = None) -> Shortfall:
    """The shortfall at `prices`, (assets,) of USD with 8 decimals; `doubles` are the positions of
    the state as such, for whoever has them:

        value = sum over accounts of max(0, debt value - collateral value)
        tokens_i = sum over accounts of debt_i max(0, debt value - collateral value) / debt value

    Debts and values are rounded as the vault does, parts down. Collateral is what a liquidator
    could take: deposits that back nothing, and those of an owner's other accounts, pay no debt.
    """
    m = len(s.unit)
    doubles = s.position.astype(np.float64) if doubles is None else doubles
    rows = perhaps_short(s, prices, doubles)
    position, vault = s.position[rows], s.account_vault[rows]
    owed = np.full((len(rows), m), 0, dtype=object)
    debt, collateral = np.full((2, len(rows)), 0, dtype=object)
    for i in range(m):
        price, unit = prices[i], s.unit[i]
        owing = np.flatnonzero(position[:, i, POSITION_DEBT])
        owed[owing, i] = hub.debt_of(s, i, position[owing, i, POSITION_DEBT])
        debt[owing] += vault_accounts.debt_value(owed[owing, i], price, unit)
        pledging = np.flatnonzero(position[:, i, IS_COLLATERAL])
        backing = position[pledging, i, SUPPLIED]
        lent = s.reserve[vault[pledging], i, REHYPOTHECATE] != 0
        backing[lent] = hub.to_assets_down(s, i, backing[lent])
        collateral[pledging] += vault_accounts.collateral_value(backing, price, unit)
    missing = np.maximum(debt - collateral, 0)
    short = np.flatnonzero(missing)
    parts = owed[short] * missing[short, np.newaxis] // debt[short, np.newaxis]
    tokens = [int(part) for part in parts.sum(axis=0)]
    return Shortfall(int(missing.sum()), tokens, rows[short], parts)
