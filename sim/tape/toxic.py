"""Accounts past the toxic frontier: to liquidate them makes them less healthy, not more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.market.market import FACTOR
from sim.protocol import oracle
from sim.protocol.fixed_point import BPS, wad
from sim.protocol.liquidator import side_of
from sim.protocol.state import IS_COLLATERAL, MAX_BONUS, POSITION_DEBT, RESERVE0, Array, State
from sim.protocol.vault_accounts import collateral_value, debt_assets, debt_value, supplied_assets
from sim.protocol.vault_reserves import threshold


def toxic(s: State, watch: Array, known: Sequence[int]) -> tuple[int, int]:
    """(accounts, the same with the impact of their sale) among `known`, whose health is `watch`.

    Repaying x of debt B for collateral k with threshold LT and the largest bonus b changes health
    by x (HF - LT (1 + b)) / (B - x) (Qin et al., arXiv:2009.13235; Warmuz et al.,
    arXiv:2212.07306), so it lowers it if

        HF < LT (1 + b),   or   HF < LT (1 + b) (1 + 2 c / R)

    where the vault sees at once what selling k does to its price on a pool with reserve R: what is
    left of the account's c loses 2 / R of its value per token sold (McFarlane, arXiv:2510.10171).
    Exact; k is the account's largest collateral, sold for its largest debt.
    """
    alone, with_sale = 0, 0
    for n in np.flatnonzero(watch[:, FACTOR] < wad()):
        a, factor = known[n], watch[n, FACTOR]
        v = s.account_vault[a]
        c = _largest(s, a, IS_COLLATERAL)
        d = _largest(s, a, POSITION_DEBT)
        if c < 0 or d < 0:
            continue
        frontier = threshold(s, v, c) * (BPS + s.reserve[v, c, MAX_BONUS]) * wad()
        alone += int(factor * BPS * BPS < frontier)
        reserve, extra = 1, 0
        if s.pair_of[c, d] >= 0:
            p = s.pair_of[c, d]
            reserve = s.pair[p, RESERVE0 + side_of(s, p, c)]
            extra = 2 * supplied_assets(s, a, c)
        with_sale += int(factor * BPS * BPS * reserve < frontier * (reserve + extra))
    return alone, with_sale


def _largest(s: State, a: int, column: int) -> int:
    """The asset of which the account has most value as collateral or debt; -1 for none."""
    best, most = -1, -1
    for i in range(len(s.unit)):
        if s.position[a, i, column] == 0:
            continue
        price = oracle.read(s, s.account_vault[a], i).price
        if column == IS_COLLATERAL:
            value = collateral_value(supplied_assets(s, a, i), price, s.unit[i])
        else:
            value = debt_value(debt_assets(s, a, i), price, s.unit[i])
        if value > most:
            best, most = i, value
    return best
