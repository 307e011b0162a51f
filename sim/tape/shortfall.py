"""Debt beyond its collateral, of every account, at what the market pays: exact.

Not at the oracle's prices: those decide who can be liquidated, but a feed that stands still or is
down changes nothing of what an account can pay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    by_account: Array
    """The same of every account, (accounts, assets)."""


def shortfall(s: State, prices: Array) -> Shortfall:
    """The shortfall at `prices`, (assets,) of USD with 8 decimals:

        value = sum over accounts of max(0, debt value - collateral value)
        tokens_i = sum over accounts of debt_i max(0, debt value - collateral value) / debt value

    Debts and values are rounded as the vault does, parts down. Collateral is what a liquidator
    could take: deposits that back nothing, and those of an owner's other accounts, pay no debt.
    """
    n, m = s.position.shape[:2]
    owed = np.full((n, m), 0, dtype=object)
    debt, collateral = np.full((2, n), 0, dtype=object)
    owes, backs = (s.position[:, :, column] != 0 for column in (POSITION_DEBT, IS_COLLATERAL))
    backs[~owes.any(axis=1)] = False
    for i in range(m):
        price, unit = prices[i], s.unit[i]
        rows = np.flatnonzero(owes[:, i])
        owed[rows, i] = hub.debt_of(s, i, s.position[rows, i, POSITION_DEBT])
        debt[rows] += vault_accounts.debt_value(owed[rows, i], price, unit)
        rows = np.flatnonzero(backs[:, i])
        backing = s.position[rows, i, SUPPLIED]
        lent = s.reserve[s.account_vault[rows], i, REHYPOTHECATE] != 0
        backing[lent] = hub.to_assets_down(s, i, backing[lent])
        collateral[rows] += vault_accounts.collateral_value(backing, price, unit)
    missing = np.maximum(debt - collateral, 0)
    short = np.flatnonzero(missing)
    parts = np.full((n, m), 0, dtype=object)
    parts[short] = owed[short] * missing[short, np.newaxis] // debt[short, np.newaxis]
    return Shortfall(int(missing.sum()), [int(part) for part in parts.sum(axis=0)], parts)
