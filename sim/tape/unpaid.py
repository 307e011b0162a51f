"""Accounts that may be liquidated and that nobody is paid to liquidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.agents.offers import asks, paying
from sim.health.census import counted
from sim.health.prospects import ROUNDING, measure
from sim.market.costs import gas_value
from sim.market.market import (
    COLLATERAL_PRICE,
    DEBT_PRICE,
    DEBT_VALUE,
    GAS_USED,
    KEEPS,
    LIQUIDATABLE,
    PROFIT_FLOOR,
    TAKES_SHARES,
    Market,
)
from sim.protocol import hub, oracle
from sim.protocol.fixed_point import max_uint, ray
from sim.protocol.records import copy
from sim.protocol.state import IS_COLLATERAL, POSITION_DEBT, Array, State

_CERTAINLY = 0.999
"""Of what is wanted: who brings less by an estimate brings less by the contract's integers."""
_ROUNDED = 4
"""Units of a value and of both tokens that integers may be off an estimate."""
_WHOLE = 2.0**53
"""Doubles below are the integers that they stand for."""


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
    may = watch[:, LIQUIDATABLE] != 0
    rows, values = np.asarray(known, dtype=np.intp)[may], watch[may, DEBT_VALUE]
    vault, backs = s.account_vault[rows], s.position[rows, :, IS_COLLATERAL] != 0
    usable = np.zeros((len(s.policy), len(s.unit)), dtype=bool)
    for v, i in np.ndindex(usable.shape):
        usable[v, i] = oracle.read(s, v, i).usable
    seizable = (backs & usable[vault]).any(axis=1)
    liquidators = _cheapest(s, w, k)
    least = min((_asked(s, w, k, lq) for lq in liquidators), default=np.inf)
    # Most owe too little to pay for gas: these need no second look.
    hopeless = (_most(s, w, k, rows) < _CERTAINLY * least) & (values < _WHOLE)
    alone = seizable & hopeless
    accounts, value = int(alone.sum()), sum(int(one) for one in values[alone])
    close = rows[seizable & ~hopeless]
    if not len(close):
        return Unpaid(accounts, value)
    seen = w._replace(watchers=w.watchers._replace(watch=w.watchers.watch.copy()))
    exact = counted(s, close)
    seen.watchers.watch[close] = exact
    for a, debt_value in zip(close, exact[:, DEBT_VALUE], strict=True):
        debts = np.flatnonzero(s.position[a, :, POSITION_DEBT] != 0)
        backing = np.flatnonzero(s.position[a, :, IS_COLLATERAL] != 0)
        paid = any(
            paying(s, seen, k, lq, a, d, c, max_uint(), asks(s, w, k, lq, d))[0]
            for d in debts
            for c in backing
            if usable[s.account_vault[a], c]
            for lq in liquidators
        )
        if not paid:
            accounts, value = accounts + 1, value + debt_value
    return Unpaid(accounts, value)


def _most(s: State, w: Market, k: int, rows: Array) -> Array:
    """What liquidating each account can bring at most, a value: `sim.health.prospects.sale` of all
    that it owes for the best of its collaterals, sold or held, with what units round by on top.
    """
    m, position, vault = len(s.unit), s.position[rows], s.account_vault[rows]
    own = w.watchers._replace(worth=w.watchers.worth.copy())
    seen = w._replace(watchers=own, prospects=copy(w.prospects))
    most, owed = np.zeros(len(rows)), np.zeros((len(rows), m))
    for v, i in np.ndindex(len(s.policy), m):
        q, index = oracle.read(s, v, i), hub.preview(s, i).borrow_index
        own.worth[v, i, COLLATERAL_PRICE] = q.collateral_price
        own.worth[v, i, DEBT_PRICE] = q.debt_price
        scaled = position[vault == v, i, POSITION_DEBT].astype(np.float64)
        owed[vault == v, i] = scaled * (index * q.debt_price / s.unit[i] / ray())
    prices = own.worth[:, :, (COLLATERAL_PRICE, DEBT_PRICE)].max(axis=(0, 2))
    units = np.maximum(prices, w.price[k].astype(np.float64))
    units /= s.unit.astype(np.float64)
    backs, owes = position[:, :, IS_COLLATERAL] != 0, position[:, :, POSITION_DEBT] != 0
    for c, d in np.ndindex(m, m):
        both = np.flatnonzero(backs[:, c] & owes[:, d])
        if not len(both):
            continue
        measure(s, seen, k, c, d)
        gain, depth, best, held = seen.prospects.sale[c, d]
        size = owed[both, d] * (1 + ROUNDING)
        brings = size * held
        if gain > 0:
            sold = np.minimum(size, best)
            sale = sold * ((1 + gain) / (1 + (1 + gain) * sold / depth) - 1)
            brings = np.maximum(brings, sale)
        rounded = _ROUNDED * (1 + units[c] + units[d])
        most[both] = np.maximum(most[both], brings + rounded)
    return most


def _asked(s: State, w: Market, k: int, lq: int) -> int:
    """What the liquidator wants and pays for gas, a value."""
    row = w.liquidators.terms[lq]
    return int(row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED]))


def _cheapest(s: State, w: Market, k: int) -> list[int]:
    """Of the liquidators that do the same with what they seize, the one that asks least."""
    cheapest: dict[tuple[int, int], tuple[int, int]] = {}
    for lq, row in enumerate(w.liquidators.terms):
        asked = _asked(s, w, k, lq)
        kind = (row[KEEPS], row[TAKES_SHARES])
        cheapest[kind] = min((asked, lq), cheapest.get(kind, (asked, lq)))
    return [lq for _, lq in cheapest.values()]
