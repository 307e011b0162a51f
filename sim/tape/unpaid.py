"""Accounts that may be liquidated and that nobody is paid to liquidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.agents.offers import asks, paying
from sim.market.costs import gas_value
from sim.market.market import (
    DEBT_VALUE,
    FACTOR,
    GAS_USED,
    KEEPS,
    LIQUIDATABLE,
    PROFIT_FLOOR,
    TAKES_SHARES,
    Market,
)
from sim.protocol import oracle
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import IS_COLLATERAL, POSITION_DEBT, Array, State
from sim.protocol.vault_accounts import health


class Unpaid(NamedTuple):
    """Accounts that nobody is paid to liquidate."""

    accounts: int
    value: int
    """What they owe, USD with 8 decimals at oracle prices."""


def unpaid(s: State, w: Market, k: int, watch: Array, known: Sequence[int]) -> Unpaid:
    """Of the accounts `known`, whose health is `watch`, those that the vault lets anyone liquidate
    and for which no liquidator of the scenario would gain its floor and its gas, in any size of any
    pair of a debt and a collateral, by the quotes that liquidators decide by.

    Gas costs what it does in step k, venues pay what they do after it. Who would gain and does not
    act, because gas is above its bid, it sees late, or its capacity or capital is used up, is paid:
    such accounts do not count, nor do those whose collateral has no price that can be used.
    """
    seen = w._replace(watch=w.watch.copy())
    liquidators = _cheapest(s, w, k)
    accounts, value = 0, 0
    for a in np.asarray(known, dtype=int)[watch[:, LIQUIDATABLE] != 0]:
        h = health(s, a)
        seen.watch[a, FACTOR], seen.watch[a, DEBT_VALUE] = h.factor, h.debt_value
        debts = np.flatnonzero(s.position[a, :, POSITION_DEBT] != 0)
        backing = np.flatnonzero(s.position[a, :, IS_COLLATERAL] != 0)
        seizable = [c for c in backing if oracle.read(s, s.account_vault[a], c).usable]
        paid = any(
            paying(s, seen, k, lq, a, d, c, max_uint(), asks(s, w, k, lq, d))[0]
            for d in debts
            for c in seizable
            for lq in liquidators
        )
        if seizable and not paid:
            accounts, value = accounts + 1, value + h.debt_value
    return Unpaid(accounts, value)


def _cheapest(s: State, w: Market, k: int) -> list[int]:
    """Of the liquidators that do the same with what they seize, the one that asks least."""
    cheapest: dict[tuple[int, int], tuple[int, int]] = {}
    for lq, row in enumerate(w.liquidator):
        asked = row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED])
        kind = (row[KEEPS], row[TAKES_SHARES])
        cheapest[kind] = min((asked, lq), cheapest.get(kind, (asked, lq)))
    return [lq for _, lq in cheapest.values()]
