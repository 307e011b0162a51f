"""The figures that books are compared by, and those of a measured one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.books.book import Book, Floats, Integers
from sim.books.categories import members
from sim.protocol.units import BPS, USD
from sim.scenario import Scenario

COMPOUND_2023: dict[str, Any] = {
    "accounts": 4_793,
    "top_1_debt_share": 0.135,
    "top_10_debt_share": 0.504,
    "top_100_debt_share": 0.921,
    "gini": 0.985,
    "health_quantiles": {5: 1.098, 10: 1.171, 25: 1.383, 50: 1.895, 75: 2.733, 90: 3.905},
}
"""Compound v2, 8 or 9 May 2023: accounts that owe more than 0.001 ETH, the quantiles of the 1,044
that owe more than 1 ETH. Keys as in `describe`. Source: The Graph, compound-v2 subgraph, by
github.com/rtuchman/compound-risk-optimization.
"""


def _quantiles(health: Floats) -> dict[int, float]:
    """By the probability in percent; infinite if nobody owes."""
    return {
        p: float(np.percentile(health, p)) if len(health) else np.inf
        for p in (0, 5, 10, 25, 50, 75, 90, 100)
    }


def describe(book: Book, scenario: Scenario, prices: Sequence[int]) -> dict[str, Any]:
    """What a book comes to at `prices` (8 decimals), as plain Python values.

    Shares are of the total debt value; USD amounts are floats, per asset and in total. Accounts are
    liquidatable whose health factor is below 1; none if nobody owes. Under water are those that owe
    more than they have pledged, by that much: bad debt already. `health_quantiles`, keyed by the
    probability in percent, are of all that owe, as published; `sound_health_quantiles` of those
    that are not bad debt already.
    """
    each = scenario.protocol.each
    reserves = [[one.reserves[symbol] for symbol in scenario.symbols] for one in each]
    terms = [scenario.terms_in(v) for v in range(len(each))]
    used = [[one[symbol].collateral_enabled for symbol in scenario.symbols] for one in terms]
    vault = np.zeros(len(book.debt), dtype=np.intp) if book.vault is None else book.vault
    pledged = np.array(used, dtype=object)[vault]  # of every account, in its vault
    units = np.array([10**asset.decimals for asset in scenario.assets.values()], dtype=object)
    collateral = book.collateral * np.array(prices, dtype=object) // units
    debt = -(-book.debt * np.array(prices, dtype=object) // units)  # rounded up, as the vault does
    weighted = np.full(len(book.debt), 0, dtype=object)
    for v, own in enumerate(reserves):
        columns = zip(own, used[v], collateral[vault == v].T, strict=True)
        parts = [r.weigh(values) * is_it for r, is_it, values in columns]
        weighted[vault == v] = np.sum(parts, axis=0)
    weighted = weighted + _more_in_categories(scenario, book, collateral, pledged, vault)
    owed_by = debt.sum(axis=1)
    collateral_usd, debt_usd = (value.astype(np.float64) / USD for value in (collateral, debt))

    missing = np.maximum(owed_by - (collateral * pledged).sum(axis=1), 0).astype(np.float64) / USD
    owing = owed_by > 0
    health = weighted[owing].astype(np.float64) / BPS / owed_by[owing].astype(np.float64)
    liquidatable = weighted < owed_by * BPS
    owed = np.sort(debt_usd.sum(axis=1))[::-1]
    total = float(owed.sum())
    return {
        "accounts": len(owed),
        "isolated_accounts": int(book.isolated.sum()),
        "debt_usd": _per_asset(scenario, debt_usd),
        "collateral_usd": _per_asset(scenario, collateral_usd),
        "total_debt_usd": total,
        "total_collateral_usd": float(collateral_usd.sum()),
        **{f"top_{n}_debt_share": float(owed[:n].sum()) / (total or 1.0) for n in (1, 10, 100)},
        "gini": gini(owed),
        "health_quantiles": _quantiles(health),
        "sound_health_quantiles": _quantiles(health[missing[owing] == 0]),
        "under_water_accounts": int((missing > 0).sum()),
        "under_water_usd": float(missing.sum()),
        "liquidatable_accounts": int(liquidatable.sum()),
        "liquidatable_debt_usd": float(debt_usd.sum(axis=1)[liquidatable.astype(bool)].sum()),
    }


def _more_in_categories(
    scenario: Scenario, book: Book, collateral: Integers, pledged: Integers, vault: Any
) -> Integers:
    """What collateral counts for more in its account's category, USD x BPS."""
    more = np.full(len(book.debt), 0, dtype=object)
    if book.category is None:
        return more
    for v, protocol in enumerate(scenario.protocol.each):
        for k, one in enumerate(protocol.categories.values(), start=1):
            here = np.flatnonzero((vault == v) & (book.category == k))
            for i in np.flatnonzero(members(scenario.symbols, one)[0]):
                values = collateral[here, i] * pledged[here, i]
                own = protocol.reserves[scenario.symbols[i]].weigh(values)
                more[here] += values * one.lt_bps - own
    return more


def gini(values: npt.ArrayLike) -> float:
    """Gini coefficient: half the mean absolute difference of all pairs over the mean.

    With x sorted upward and i from 1: G = sum (2i - n - 1) x_i / (n sum x); 0 if all are 0.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    return float(((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum() or 1.0))


def _per_asset(scenario: Scenario, usd: Floats) -> dict[str, float]:
    return dict(zip(scenario.symbols, usd.sum(axis=0).tolist(), strict=True))
