"""What a book comes to when some prices fall at once, before anybody acts: no path, no time.

    liquidatable   debt and collateral of the accounts with HF < 1 after a fall
    bad_debt       what their debt exceeds if all their collateral is sold at once into the pools

A pool that arbitrage has moved to a price lower by the share d holds the product of its reserves,
so its base side is worth sqrt(1 - d) of what it was. Selling a value S of an asset into pools whose
sides are worth R_j, spread so that every pool ends at one price, brings

    S' = S R / (R + S),   R = m sum_j R_j

less the fee, with m the depth as a multiple of the scenario's. S is all collateral of the accounts
that are liquidatable, and nobody refills the pools: an upper bound of the loss. With m infinite no
sale costs anything, and what remains is the net insolvent debt, sum max(0, D - C).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.borrowers import Book, Floats, Pools


def liquidatable(book: Book, falling: Sequence[str], drops: npt.ArrayLike) -> pd.DataFrame:
    """Of the accounts with HF < 1 after the assets `falling` have lost each of `drops` (0 to 1) of
    their price: accounts, collateral_usd, debt_usd at the prices after the fall; rows by drop.
    """
    rows = []
    for drop in _each(drops):
        prices = _after(book, falling, drop)
        collateral, debt = book.values(prices)
        hit = book.health(prices) < 1
        rows.append((drop, int(hit.sum()), collateral[hit].sum(), debt[hit].sum()))
    columns = ["drop", "accounts", "collateral_usd", "debt_usd"]
    return pd.DataFrame(rows, columns=columns).set_index("drop")


def bad_debt(
    book: Book, pools: Pools, falling: Sequence[str], drops: npt.ArrayLike, depths: npt.ArrayLike
) -> pd.DataFrame:
    """Debt in USD that selling does not cover, rows by drop, a column per depth.

    A depth is a multiple of the pools' own; infinite says that a sale moves no price.
    """
    table = {
        float(depth): [
            _uncovered(book, pools, falling, drop, float(depth)) for drop in _each(drops)
        ]
        for depth in _each(depths)
    }
    return pd.DataFrame(table, index=pd.Index(_each(drops), name="drop"))


def depth_usd(book: Book, pools: Pools, falling: Sequence[str], drop: float = 0.0) -> Floats:
    """Per asset, the worth in USD of its side of the pools where it can be sold, after a fall.

    A falling asset is sold for one that does not fall where there is such a pool: what is owed
    mostly does not fall either. (assets,)
    """
    prices = _after(book, falling, drop)
    worth = np.zeros(len(book.symbols))
    for i, symbol in enumerate(book.symbols):
        sides = [
            (reserves[side] * reserves[1 - side], pair[1 - side])
            for pair, reserves in zip(pools.pairs, pools.reserves, strict=True)
            for side in (0, 1)
            if pair[side] == symbol
        ]
        firm = [side for side in sides if side[1] not in falling] or sides
        # At equal worth of both sides: reserve_i p_i = sqrt(k p_i p_other).
        worth[i] = sum(
            np.sqrt(product * prices[i] * prices[book.symbols.index(other)])
            for product, other in firm
        )
    return worth


def _uncovered(
    book: Book, pools: Pools, falling: Sequence[str], drop: float, depth: float
) -> float:
    prices = _after(book, falling, drop)
    hit = book.health(prices) < 1
    pledged = book.collateral[hit] * prices
    owed = book.debt[hit] @ prices
    kept = np.ones(len(book.symbols))
    if np.isfinite(depth):
        sold = pledged.sum(axis=0)
        reserve = depth * depth_usd(book, pools, falling, drop)
        fee = pools.fees.max() if len(pools.fees) else 0.0
        total = reserve + sold
        # No pool, no buyer: what cannot be sold brings nothing.
        kept = (1 - fee) * np.divide(reserve, total, out=np.zeros_like(total), where=reserve > 0)
    return float(np.maximum(owed - pledged @ kept, 0).sum())


def _after(book: Book, falling: Sequence[str], drop: float) -> Floats:
    falls = [drop if symbol in falling else 0.0 for symbol in book.symbols]
    prices: Floats = book.prices * (1 - np.array(falls))
    return prices


def _each(values: npt.ArrayLike) -> list[float]:
    return [float(value) for value in np.atleast_1d(np.asarray(values, dtype=np.float64))]
