"""Borrower books: who owes what against which collateral when a run starts.

A synthetic book has the shape that real ones have: few accounts owe most of the debt, and health
is spread as measured. Source of the defaults: 4,793 accounts of Compound v2, May 2023, where the
top 1 / 10 / 100 hold 13.5 / 50.4 / 92.1% of the debt and the Gini coefficient is .985.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.scenario import Scenario
from sim.schema.agents import MIN_ACCOUNT_DEBT_USD
from sim.schema.base import BPS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.object_]  # Python integers

_USD = 10**8  # units of a value or price per USD
# Above the borrow limit's own rounding and below everything that matters: the room that an account
# at its limit starts with.
_LIMIT_MARGIN = 1.001
_MAX_AMOUNT = 2**112  # of the contracts, in token units


class Book(NamedTuple):
    """Accounts at the start: rows are accounts, columns the scenario's assets."""

    collateral: Integers
    """(accounts, assets), token units."""
    debt: Integers
    """(accounts, assets), token units; one asset per account."""
    isolated: npt.NDArray[np.bool_]
    """(accounts,): margin is isolated, and collateral is one asset."""


def synthetic(scenario: Scenario, prices_at_start: Sequence[int], rng: np.random.Generator) -> Book:
    """A book drawn from the distributions of `scenario.book`; `prices_at_start` have 8 decimals.

    Every account owes one asset against one other, or two others of half the value each. Its debt
    is Pareto (`_debts`); its health factor is drawn by inverse CDF, independently of the debt
    (assumption); assets are drawn so that the weights hold by value (`_apportion`). Then

        collateral value = health factor * debt value / sum of part_i * lt_i

    and more where the borrow limit asks for it, with 0.1% to spare: an account opened at its limit
    cannot be as close to liquidation as one that the market carried there.

    `rng` is asked once, for one row of draws per account: the draws of the first accounts do not
    depend on how many follow. Raises ValueError if an amount would not fit the contracts.
    """
    book = scenario.book
    draws = rng.random((book.accounts, 7))
    rows = np.arange(book.accounts)
    shape = (book.accounts, len(scenario.symbols))

    debt_usd = _debts(scenario, draws[:, 0])
    health = _health_factors(scenario, draws[:, 1])
    isolated = draws[:, 2] < book.isolated_share
    two = ~isolated & (draws[:, 3] < book.two_collateral_share)

    taken = np.zeros(shape, dtype=bool)  # nobody pledges what he borrows, or one asset twice
    debt_asset = _apportion(debt_usd, _weights(scenario, book.debt_weights), taken, draws[:, 4])
    taken[rows, debt_asset] = True
    parts = np.zeros(shape)
    weights = _weights(scenario, book.collateral_weights)
    needed = health * debt_usd * np.where(two, 0.5, 1)  # per collateral asset, after its lt
    first = _apportion(needed, weights, taken, draws[:, 5])
    taken[rows, first] = True
    parts[rows, first] = np.where(two, 0.5, 1)
    second = _apportion(needed[two], weights, taken[two], draws[two, 6])
    parts[rows[two], second] = 0.5

    reserves = [scenario.protocol.reserves[symbol] for symbol in scenario.symbols]
    lt = np.array([reserve.lt_bps for reserve in reserves]) / BPS
    ltv = np.array([reserve.ltv_bps for reserve in reserves]) / BPS
    collateral_usd = debt_usd * np.maximum(health / (parts @ lt), _LIMIT_MARGIN / (parts @ ltv))

    units = [10**asset.decimals for asset in scenario.assets.values()]
    debt = np.zeros(shape)
    debt[rows, debt_asset] = debt_usd
    return Book(
        _to_amounts(parts * collateral_usd[:, None], prices_at_start, units),
        _to_amounts(debt, prices_at_start, units),
        isolated,
    )


def describe(book: Book, scenario: Scenario, prices: Sequence[int]) -> dict[str, Any]:
    """The figures that books are compared by, at `prices` (8 decimals), as plain Python values.

    Shares are of the total debt value; `health_quantiles` is keyed by the probability in percent;
    USD amounts are floats, per asset and in total.
    """
    lt = [scenario.protocol.reserves[symbol].lt_bps for symbol in scenario.symbols]
    units = [10**asset.decimals for asset in scenario.assets.values()]
    collateral = book.collateral * np.array(prices, dtype=object) // np.array(units, dtype=object)
    debt = book.debt * np.array(prices, dtype=object) // np.array(units, dtype=object)
    collateral_usd, debt_usd = (value.astype(np.float64) / _USD for value in (collateral, debt))

    owed = np.sort(debt_usd.sum(axis=1))[::-1]
    health = collateral_usd @ np.array(lt) / BPS / debt_usd.sum(axis=1)
    probabilities = (0, 5, 10, 25, 50, 75, 90, 100)
    return {
        "accounts": len(owed),
        "isolated_accounts": int(book.isolated.sum()),
        "debt_usd": _per_asset(scenario, debt_usd),
        "collateral_usd": _per_asset(scenario, collateral_usd),
        "total_debt_usd": float(owed.sum()),
        "total_collateral_usd": float(collateral_usd.sum()),
        **{f"top_{n}_debt_share": float(owed[:n].sum() / owed.sum()) for n in (1, 10, 100)},
        "gini": gini(owed),
        "health_quantiles": {p: float(np.percentile(health, p)) for p in probabilities},
    }


def gini(values: npt.ArrayLike) -> float:
    """Gini coefficient: half the mean absolute difference of all pairs over the mean.

    With x sorted upward and i from 1: G = sum (2i - n - 1) x_i / (n sum x).
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    return float(((2 * np.arange(1, n + 1) - n - 1) * x).sum() / (n * x.sum()))


def _debts(scenario: Scenario, uniform: Floats) -> Floats:
    """Debts in USD: a Pareto sample with every debt between floor and cap, and the exact total.

        debt_i = min(max(s * u_i^(-1 / tail_index), floor), cap)

    with the one scale s at which the debts add up. The scenario's own checks make sure that s
    exists: floors together are at most the total, caps together at least.
    """
    book = scenario.book
    cap = book.max_account_share * book.total_debt_usd
    sizes = (1 - uniform) ** (-1 / book.debt_tail_index)  # 1 - u: never 0

    def at(scale: float) -> Floats:
        return np.clip(scale * sizes, MIN_ACCOUNT_DEBT_USD, cap)

    # The sum grows with the scale, from all at the floor to all at the cap. Bisected in logarithms:
    # sizes span many orders of magnitude.
    low, high = np.log(MIN_ACCOUNT_DEBT_USD / sizes.max()), np.log(cap / sizes.min())
    for _ in range(100):  # to the resolution of a double
        middle = (low + high) / 2
        low, high = (
            (middle, high) if at(np.exp(middle)).sum() < book.total_debt_usd else (low, middle)
        )
    return at(np.exp(high))


def _health_factors(scenario: Scenario, uniform: Floats) -> Floats:
    """Health factors by inverse CDF, log-linear between the quantiles of the scenario."""
    probabilities, health = np.array(scenario.book.health_quantiles).T
    return np.exp(np.interp(uniform, probabilities, np.log(health)))


def _weights(scenario: Scenario, by_symbol: Mapping[str, float]) -> Floats:
    return np.array([by_symbol[symbol] for symbol in scenario.symbols])


def _apportion(
    sizes: Floats, weights: Floats, barred: npt.NDArray[np.bool_], uniform: Floats
) -> npt.NDArray[np.intp]:
    """An asset for every size, so that assets get their weight's share of the sizes' sum.

    `barred` (sizes, assets) is what a size may not get. From the largest size down, each draws an
    asset among those with room left for it, with the room as probability. Independent draws would
    not do: a handful of accounts owes most, so the debt of an asset would be anything between
    nothing and everything, and as often as not more than its suppliers hold.
    """
    room = weights / weights.sum() * sizes.sum()
    chosen = np.zeros(len(sizes), dtype=np.intp)
    for i in np.argsort(-sizes, kind="stable"):
        allowed = (weights > 0) & ~barred[i]
        odds = np.where(allowed & (room >= sizes[i]), room, 0)
        if not odds.any():  # too large for any: the more room, the smaller the excess
            odds = np.where(allowed, np.maximum(room, 0), 0)
        if not odds.any():  # only assets that have their share already
            odds = np.where(allowed, weights, 0)
        heaped = np.cumsum(odds)
        # Strictly above: an asset without odds is not chosen, not even by a draw of 0.
        chosen[i] = (heaped > uniform[i] * heaped[-1]).argmax()
        room[chosen[i]] -= sizes[i]
    return chosen


def _to_amounts(usd: Floats, prices: Sequence[int], units: Sequence[int]) -> Integers:
    """USD as token units, rounded down: amount = usd * unit / price in integers."""
    amounts = np.zeros(usd.shape, dtype=object)
    for account, asset in zip(*np.nonzero(usd), strict=True):
        amount = int(usd[account, asset] * _USD) * units[asset] // prices[asset]
        if amount >= _MAX_AMOUNT:
            raise ValueError(f"account {account} would hold 2^112 units or more of asset {asset}")
        amounts[account, asset] = amount
    return amounts


def _per_asset(scenario: Scenario, usd: Floats) -> dict[str, float]:
    return dict(zip(scenario.symbols, usd.sum(axis=0).tolist(), strict=True))
