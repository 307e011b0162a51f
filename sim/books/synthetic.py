"""Books drawn from distributions.

They have the shape that real ones have: few accounts owe most of the debt, and health is spread as
measured. Source of the defaults: 4,793 accounts of Compound v2, May 2023 (`description`).
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from sim.books.book import MAX_AMOUNT, Book, Floats, Integers
from sim.books.categories import Flags, Numbers, as_now, opted, terms_of
from sim.protocol.units import BPS, USD
from sim.scenario import Scenario
from sim.schema.book import MIN_ACCOUNT_DEBT_USD, BorrowerBook
from sim.schema.deployment import Terms

# Above the borrow limit's own rounding and below everything that matters: the room that an account
# at its limit starts with.
_LIMIT_MARGIN = 1.001


def synthetic(scenario: Scenario, prices_at_start: Sequence[int], rng: np.random.Generator) -> Book:
    """A book drawn from the distributions of `scenario.book`; `prices_at_start` have 8 decimals.

    Every account owes one asset against one other, or two others of half the value each. Its debt
    has the sizes of `_debts`; its health factor is drawn by inverse CDF, independently of the debt
    (assumption); assets are drawn so that the weights hold by value (`_apportion`). Of all accounts
    `loop_share` are loops: they owe the second asset of `loop_pair` against the first, at a health
    that is log-uniform between the two of `loop_health`. Then

        collateral value = health factor * debt value / sum of part_i * lt_i

    and more where the borrow limit asks for it, with 0.1% to spare: an account opened at its limit
    cannot be as close to liquidation as one that the market carried there. Where collateral counts
    in brackets of its value, accounts owe less by as much as it counts for less; in a category, as
    much more as it counts for more. Thresholds, limits, brackets and categories are those that the
    book is drawn under (`Scenario.terms`, `Scenario.categories`), whatever they are now.

    `rng` is asked once, for one row of draws per account, and a generator spawned from it for
    another: the draws of the first accounts do not depend on how many follow. Raises ValueError if
    an amount would not fit the contracts.
    """
    book = scenario.book
    assert isinstance(book, BorrowerBook)
    draws = rng.random((book.accounts, 7))
    (spawned,) = rng.spawn(1)
    more = spawned.random((book.accounts, 3))
    rows = np.arange(book.accounts)
    shape = (book.accounts, len(scenario.symbols))

    debt_usd = _debts(book, draws[:, 0])
    loop = more[:, 0] < book.loop_share
    health = np.where(loop, _loop_health(book, more[:, 1]), _health_factors(book, draws[:, 1]))
    isolated = draws[:, 2] < book.isolated_share
    two = ~isolated & ~loop & (draws[:, 3] < book.two_collateral_share)
    pledged, owed = map(scenario.symbols.index, book.loop_pair or scenario.symbols[:1] * 2)
    follows = more[:, 2] < book.same_asset_share

    taken = np.zeros(shape, dtype=bool)  # nobody pledges what he borrows, or one asset twice
    weights = _weights(scenario, book.debt_weights)
    debt_asset = _apportion(debt_usd, weights, taken, draws[:, 4], np.where(loop, owed, -1))
    taken[rows, debt_asset] = True
    parts = np.zeros(shape)
    weights = _weights(scenario, book.collateral_weights)
    needed = health * debt_usd * np.where(two, 0.5, 1)  # per collateral asset, after its lt
    first = _apportion(needed, weights, taken, draws[:, 5], np.where(loop, pledged, -1), follows)
    taken[rows, first] = True
    parts[rows, first] = np.where(two, 0.5, 1)
    second = _apportion(needed[two], weights, taken[two], draws[two, 6])
    parts[rows[two], second] = 0.5

    terms = [scenario.terms[symbol] for symbol in scenario.symbols]
    lt = np.array([one.lt_bps for one in terms]) / BPS
    ltv = np.array([one.ltv_bps for one in terms]) / BPS
    collateral_usd = debt_usd * np.maximum(health / (parts @ lt), _LIMIT_MARGIN / (parts @ ltv))

    debt = np.zeros(shape)
    debt[rows, debt_asset] = debt_usd
    category = _categories(scenario, book, parts > 0, debt > 0, rng)
    drawn_in, in_category = scenario.categories, None
    if category.any():
        in_category = terms_of(scenario.symbols, drawn_in, category)
    debt *= _counted(terms, parts * collateral_usd[:, None], in_category)[:, None]

    units = [10**asset.decimals for asset in scenario.assets.values()]
    now = as_now(category, drawn_in, scenario.protocol.categories)
    return Book(
        _to_amounts(parts * collateral_usd[:, None], prices_at_start, units),
        _to_amounts(debt, prices_at_start, units),
        isolated,
        category=now if now.any() else None,
    )


def _categories(
    scenario: Scenario, book: BorrowerBook, pledges: Flags, owes: Flags, rng: np.random.Generator
) -> Numbers:
    """Who opts into which, by a draw for each account, if there are any."""
    if not scenario.categories:
        return np.zeros(book.accounts, dtype=np.int64)
    (choosing,) = rng.spawn(1)
    return opted(scenario, pledges, owes, choosing.random(book.accounts) < book.category_share)


def _counted(
    terms: Sequence[Terms], collateral_usd: Floats, in_category: tuple[Floats, Floats] | None
) -> Floats:
    """What everyone's collateral counts for as a share of what it would without categories and all
    in the first bracket: for health or for the borrow limit, whichever is less. `in_category` are
    `terms_of` everyone, where anybody is in one.
    """
    if not any(one.tiers for one in terms) and in_category is None:
        return np.ones(len(collateral_usd))
    by_lt, by_ltv, lt, ltv = np.zeros((4, len(collateral_usd)))
    for i, one in enumerate(terms):
        value = collateral_usd[:, i] * USD
        flat = value * one.lt_bps
        weighted = one.weigh(value)
        of_limit = one.ltv_bps / one.lt_bps if one.lt_bps else 0.0
        limit = weighted * of_limit
        if in_category is not None:
            its_lt, its_ltv = (column[:, i] for column in in_category)
            weighted = np.where(np.isnan(its_lt), weighted, value * its_lt)
            limit = np.where(np.isnan(its_ltv), limit, value * its_ltv)
        by_lt, lt = by_lt + weighted, lt + flat
        by_ltv, ltv = by_ltv + limit, ltv + flat * of_limit
    share: Floats = np.minimum(by_lt / lt, by_ltv / ltv)
    return share


def _debts(book: BorrowerBook, uniform: Floats) -> Floats:
    """Debts in USD, every one between floor and cap, with the exact total.

        debt_i = min(max(s * size_i, floor), cap)

    with the one scale s at which the debts add up. The scenario's own checks make sure that s
    exists: floors together are at most the total, caps together at least. Sizes are a Pareto
    sample, u_i^(-1 / tail_index), or those of `debt_top_shares` in the order of the draws, which
    have no cap.
    """
    if book.debt_tail_index is not None:
        cap = book.max_account_share * book.total_debt_usd
        sizes = (1 - uniform) ** (-1 / book.debt_tail_index)  # 1 - u: never 0
    else:
        cap = book.total_debt_usd
        sizes = np.empty_like(uniform)
        sizes[np.argsort(-uniform, kind="stable")] = _top_sizes(book)

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


def _top_sizes(book: BorrowerBook) -> Floats:
    """The sizes of as many accounts as the book has, the largest first, that have the top shares.

    The share of the n largest is linear in log n between the pairs of the scenario, and flat after
    the last: the floor of debts decides what accounts beyond owe.
    """
    largest, shares = np.array(book.debt_top_shares).T
    ranks = np.arange(1, book.accounts + 1)
    of_largest = np.interp(np.log(ranks), np.log(largest), shares)
    # Where the curve has a kink, the next account may come out larger than the one before.
    return np.sort(np.maximum(np.diff(of_largest, prepend=0.0), 1e-12))[::-1]


def _health_factors(book: BorrowerBook, uniform: Floats) -> Floats:
    """Health factors by inverse CDF, log-linear between the quantiles of the scenario."""
    probabilities, health = np.array(book.health_quantiles).T
    return np.exp(np.interp(uniform, probabilities, np.log(health)))


def _loop_health(book: BorrowerBook, uniform: Floats) -> Floats:
    return np.exp(np.interp(uniform, (0, 1), np.log(book.loop_health)))


def _weights(scenario: Scenario, by_symbol: Mapping[str, float]) -> Floats:
    return np.array([by_symbol[symbol] for symbol in scenario.symbols])


def _apportion(
    sizes: Floats,
    weights: Floats,
    barred: npt.NDArray[np.bool_],
    uniform: Floats,
    given: npt.NDArray[np.intp] | None = None,
    follows: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.intp]:
    """An asset for every size, so that assets get their weight's share of the sizes' sum.

    `barred` (sizes, assets) is what a size may not get, `given` what it does get (-1: anything),
    and where it `follows` it gets what the next larger one did, if that has room left. From the
    largest size down, each other draws an asset among those with room left for it, with the room as
    probability. Independent draws would not do: a handful of accounts owes most, so the debt of an
    asset would be anything between nothing and everything, and as often as not more than its
    suppliers hold.
    """
    share = weights / weights.sum() * sizes.sum()
    chosen = np.full(len(sizes), -1, dtype=np.intp) if given is None else given.copy()
    settled = chosen >= 0
    np.subtract.at(share, chosen[settled], sizes[settled])
    # Lists: arrays of a handful of assets cost more to make than to compute with.
    room, heavy, last = share.tolist(), weights.tolist(), -1
    follow = [False] * len(sizes) if follows is None else follows.tolist()
    size_of, bars, draws = sizes.tolist(), barred.tolist(), uniform.tolist()
    for i in np.argsort(-sizes, kind="stable").tolist():
        if settled[i]:
            continue
        same = follow[i] and last >= 0 and not bars[i][last]
        if not (same and room[last] >= size_of[i]):
            last = _drawn(room, size_of[i], heavy, bars[i], draws[i])
        chosen[i] = last
        room[last] -= size_of[i]
    return chosen


def _drawn(
    room: list[float], size: float, weights: list[float], barred: list[bool], uniform: float
) -> int:
    allowed = [weight > 0 and not bar for weight, bar in zip(weights, barred, strict=True)]
    heaped, heap = [], 0.0
    for may, left in zip(allowed, room, strict=True):
        heap += left if may and left >= size else 0.0
        heaped.append(heap)
    if heap == 0:  # too large for any: the more room, the smaller the excess
        left_over = zip(allowed, room, strict=True)
        heaped = list(accumulate(max(left, 0.0) if may else 0.0 for may, left in left_over))
    if heaped[-1] == 0:  # only assets that have their share already
        by_weight = zip(allowed, weights, strict=True)
        heaped = list(accumulate(weight if may else 0.0 for may, weight in by_weight))
    # Strictly above: an asset without odds is not chosen, not even by a draw of 0.
    return bisect_right(heaped, uniform * heaped[-1]) % len(heaped)


def _to_amounts(usd: Floats, prices: Sequence[int], units: Sequence[int]) -> Integers:
    """USD as token units, rounded down: amount = usd * unit / price in integers."""
    amounts = np.zeros(usd.shape, dtype=object)
    for asset, (price, unit) in enumerate(zip(prices, units, strict=True)):
        held = np.flatnonzero(usd[:, asset])
        values = np.array([int(value) for value in (usd[held, asset] * USD).tolist()], dtype=object)
        amounts[held, asset] = values * unit // price
    if len(too_large := np.argwhere(amounts >= MAX_AMOUNT)):
        account, asset = too_large[0]
        raise ValueError(f"account {account} would hold 2^112 units or more of asset {asset}")
    return amounts
