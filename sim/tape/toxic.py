"""Accounts past the toxic frontier: to liquidate them makes them less healthy, not more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.market.market import FACTOR
from sim.protocol import hub, oracle
from sim.protocol.fixed_point import BPS, wad
from sim.protocol.split import side_of
from sim.protocol.state import (
    CATEGORY,
    IS_COLLATERAL,
    MAX_BONUS,
    POSITION_DEBT,
    REHYPOTHECATE,
    RESERVE0,
    SUPPLIED,
    TIERED,
    Array,
    State,
)
from sim.protocol.vault_accounts import collateral_value, debt_value
from sim.protocol.vault_reserves import last_threshold, max_bonus, threshold


def toxic(s: State, watch: Array, known: Sequence[int]) -> tuple[int, int]:
    """(accounts, the same with the impact of their sale) among `known`, whose health is `watch`.

    Repaying x of debt B for collateral k with threshold LT and the largest bonus b changes health
    by x (HF - LT (1 + b)) / (B - x) (Qin et al., arXiv:2009.13235; Warmuz et al.,
    arXiv:2212.07306), so it lowers it if

        HF < LT (1 + b),   or   HF < LT (1 + b) (1 + 2 c / R)

    where the vault sees at once what selling k does to its price on a pool with reserve R: what is
    left of the account's c loses 2 / R of its value per token sold (McFarlane, arXiv:2510.10171).
    Exact; k is the account's largest collateral, sold for its largest debt. R is that of all pools
    of the two, which are one where their prices and fees agree.
    """
    below = np.flatnonzero(watch[:, FACTOR] < wad())
    if not len(below):
        return 0, 0
    rows, factor = np.asarray(known, dtype=np.intp)[below], watch[below, FACTOR].astype(object)
    largest = _largest(s, rows)
    both = np.flatnonzero((largest.collateral >= 0) & (largest.debt >= 0))
    v, c, d = s.account_vault[rows[both]], largest.collateral[both], largest.debt[both]
    m = len(s.unit)
    thresholds = np.full((len(s.policy), m), 0, dtype=object)
    for vault, asset in np.ndindex(thresholds.shape):
        thresholds[vault, asset] = threshold(s, vault, asset)
    counted, bonus = thresholds[v, c], s.reserve[v, c, MAX_BONUS].copy()
    apart = np.asarray(s.reserve[v, c, TIERED] != 0) | (s.account[rows[both], CATEGORY] != 0)
    for n in np.flatnonzero(apart):  # it is sold from the highest bracket
        a = int(rows[both[n]])
        counted[n] = last_threshold(s, a, c[n], largest.value[both[n]])
        bonus[n] = max_bonus(s, a, c[n])
    frontier = counted * (BPS + bonus) * wad()
    reserves = np.full((m, m), 0, dtype=object)  # of a collateral, on its pairs with a debt
    for one, other in np.argwhere(s.pair_of >= 0):
        p = s.pair_of[one, other]
        while p >= 0:
            reserves[one, other] += s.pair[p, RESERVE0 + side_of(s, p, one)]
            p = s.next_pair[p]
    sold = s.pair_of[c, d] >= 0
    reserve = np.where(sold, reserves[c, d], 1)
    extra = np.where(sold, 2 * largest.pledged[both], 0)
    worse = factor[both] * BPS * BPS
    alone = worse < frontier
    with_sale = worse * reserve < frontier * (reserve + extra)
    return int(alone.sum()), int(with_sale.sum())


class _Largest(NamedTuple):
    """By account: the asset of which it has most value as collateral, as debt; -1 for none."""

    collateral: Array
    debt: Array
    pledged: Array
    """Token units of that collateral."""
    value: Array
    """The same, USD."""


def _largest(s: State, rows: Array) -> _Largest:
    n, position, vault = len(rows), s.position[rows], s.account_vault[rows]
    held, owed = np.full((2, n, len(s.unit)), -1, dtype=object)
    units = np.full((n, len(s.unit)), 0, dtype=object)
    for v, i in np.ndindex(len(s.policy), len(s.unit)):
        price, unit = oracle.read(s, v, i).price, s.unit[i]
        backs = np.flatnonzero((vault == v) & (position[:, i, IS_COLLATERAL] != 0))
        owes = np.flatnonzero((vault == v) & (position[:, i, POSITION_DEBT] != 0))
        assets = position[backs, i, SUPPLIED]
        if s.reserve[v, i, REHYPOTHECATE] != 0:
            assets = hub.to_assets_down(s, i, assets)
        units[backs, i] = assets
        held[backs, i] = collateral_value(assets, price, unit)
        debts = hub.debt_of(s, i, position[owes, i, POSITION_DEBT])
        owed[owes, i] = debt_value(debts, price, unit)
    collateral, debt = (
        np.where((values >= 0).any(axis=1), values.argmax(axis=1), -1) for values in (held, owed)
    )
    rows_of = np.arange(n), collateral
    return _Largest(collateral, debt, units[rows_of], held[rows_of])
