"""Accounts of a book that the protocol would not let borrow what they owe, and how they are opened.

A market carries accounts beyond their borrow limit, even below a health of 1, and more than caps
now allow, or a larger share of an asset, and debts below the dust line; no operation makes these
under the settings and at the prices of the day. So the admin first sets limits as high as
thresholds, without the caps that are exceeded, and the dust line to nothing where there is anyone
below it; who is beyond even that borrows while what it owes is cheaper: the feeds of those assets
report a part of the start's price, and afterwards the start's price again. Every other account has
borrowed by then, and nobody acts in between. Who has no collateral to borrow against, bad debt from
before, gets a seed of two millionths of the debt: no operation leaves a debt without collateral
behind, and a liquidation that would writes it off. In the end the scenario's own settings are in
force.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from sim.books import Book
from sim.books.categories import members
from sim.protocol.brackets import limits
from sim.protocol.state import (
    BORROW_CAP,
    BORROW_ENABLED,
    COLLATERAL_ENABLED,
    CONCENTRATION,
    LT,
    LTV,
    SUPPLY_CAP,
    Array,
)
from sim.protocol.units import BPS, USD
from sim.scenario import Scenario, ScenarioError
from sim.scenario.segments import feed_in
from sim.schema.problems import Problem
from sim.world.genesis import UNLIMITED

# To be on the safe side of the roundings of values.
_LEAST_ROOM = Fraction(5, 10_000)
_USED = Fraction(1, 2)  # of the limit, when an account borrows at lowered prices
_SEEDED_AT = Fraction(1, 10**7)  # of the start's prices, where feeds have no floor above that
_SEED_LTV = 1_000  # BPS that seeds count for at least: they do not depend on the setting
_HIGHEST_SEEDED_AT = Fraction(1, 1_000)  # beyond it a seed is collateral worth the name
_ABOVE_FLOOR = Fraction(101, 100)


class Late(NamedTuple):
    """How an account beyond its limit is opened."""

    assets: tuple[int, ...]
    """What it owes and has not pledged as well: the prices that are lowered."""
    part: Fraction
    """To this part of the start's prices."""
    seed: tuple[int, int] | None = None
    """(asset, token units) that it supplies to borrow against, if it has nothing else."""


def in_vault(book: Book, v: int) -> Book:
    """The book, in which accounts of other vaults have nothing."""
    if book.vault is None:
        return book
    here = (book.vault == v).astype(int).astype(object)[:, np.newaxis]
    unpledged = None if book.unpledged is None else book.unpledged * here
    return book._replace(
        collateral=book.collateral * here, debt=book.debt * here, unpledged=unpledged
    )


def lenient(
    scenario: Scenario, book: Book, prices: Sequence[int], reserves: Array, v: int
) -> Array:
    """The rows of `reserves` (assets, RESERVE) of vault v while accounts open: as they are, but for
    what the `book` of it is beyond.
    """
    rows, here = reserves.copy(), scenario.terms_in(v)
    rows[:, CONCENTRATION] = 0  # whoever supplies first has all of it
    for i, symbol in enumerate(scenario.symbols):
        terms = here[symbol]
        rows[i, COLLATERAL_ENABLED] = int(terms.collateral_enabled)
        rows[i, BORROW_ENABLED] = int(terms.borrow_enabled or (book.debt[:, i] != 0).any())
        rows[i, LTV] = min(max(rows[i, LTV], terms.ltv_bps), rows[i, LT])
        for amounts, cap in ((book.supplied, SUPPLY_CAP), (book.debt, BORROW_CAP)):
            if amounts[:, i].sum() > rows[i, cap]:
                rows[i, cap] = UNLIMITED
    lent, debts = _values(scenario, book, prices, rows)  # whoever is in a category has its limit
    if _beyond(lent, debts).any():
        rows[:, LTV] = rows[:, LT]
    return rows


def beyond_limit(
    scenario: Scenario, book: Book, prices: Sequence[int], reserves: Array, v: int
) -> dict[int, Late]:
    """The accounts of vault v that cannot borrow at `prices` (8 decimals) under `reserves` (assets,
    RESERVE), by number.

    Raises ScenarioError, which names all of them, for those that can be opened at no price that the
    routers take.
    """
    lent, debts = _values(scenario, book, prices, reserves)
    late, problems = {}, []
    for a in np.flatnonzero(_beyond(lent, debts)):
        pledged = lent[a] > 0
        owed = sum(debts[a, ~pledged])
        room = sum(lent[a]) - sum(debts[a, pledged]) * (1 + _LEAST_ROOM)
        if not owed or room <= 0:
            found = _seeded(int(a), scenario, book, prices, reserves, debts[a] // BPS, v)
            if isinstance(found, Problem):
                problems.append(found)
            else:
                late[int(a)] = found
            continue
        assets = tuple(int(i) for i in np.flatnonzero((debts[a] > 0) & ~pledged))
        late[int(a)] = Late(assets, _USED * Fraction(room) / owed)
        problems += _too_cheap(book.name(a), late[int(a)], scenario, prices, v)
    if problems:
        raise ScenarioError(f"scenario '{scenario.name}'", problems)
    return late


def grouped(late: dict[int, Late]) -> Iterator[tuple[Late, list[int]]]:
    """Accounts that owe the same assets, with the lowest of their parts."""
    for assets in sorted({one.assets for one in late.values()}):
        group = [a for a, one in late.items() if one.assets == assets]
        yield Late(assets, min(late[a].part for a in group)), group


def _values(
    scenario: Scenario, book: Book, prices: Sequence[int], reserves: Array
) -> tuple[Array, Array]:
    """What everyone may borrow and owes, (accounts, assets) in value x BPS."""
    units = np.array([10**asset.decimals for asset in scenario.assets.values()], dtype=object)
    values = book.collateral * np.array(prices, dtype=object) // units
    lent = np.stack([limits(row, values[:, i]) for i, row in enumerate(reserves)], axis=1)
    for k, category in enumerate(scenario.protocol.categories.values(), start=1):
        if book.category is not None:
            here = np.outer(book.category == k, members(scenario.symbols, category)[0])
            lent[here] = values[here] * category.ltv_bps
    lent *= reserves[:, COLLATERAL_ENABLED]
    return lent, -(-book.debt * np.array(prices, dtype=object) // units) * BPS


def _beyond(lent: Array, debts: Array) -> Array:
    most, of = (1 + _LEAST_ROOM).as_integer_ratio()  # in integers: as exact, and quick
    return np.asarray(debts.sum(axis=1) * most > lent.sum(axis=1) * of, dtype=bool)


def _seeded(
    a: int,
    scenario: Scenario,
    book: Book,
    prices: Sequence[int],
    reserves: Array,
    owed: Array,
    v: int,
) -> Late | Problem:
    """How an account without collateral that would do is opened; `owed` (assets,) is in value."""
    assets = tuple(int(i) for i in np.flatnonzero(book.debt[a]))
    ltv = reserves[:, LTV] * reserves[:, COLLATERAL_ENABLED]
    ltv[list(assets)] = 0
    if book.unpledged is not None:
        ltv[book.unpledged[a] != 0] = 0
    seed = int(np.argmax(ltv >= _SEED_LTV))
    if ltv[seed] < _SEED_LTV or (book.isolated[a] and book.collateral[a].any()):
        return Problem(
            _path(book.name(a)),
            "owes more than anything can be borrowed against, and no asset is left to seed it",
            "leave it out: it is bad debt already",
        )
    floors = {i: _floor(scenario, v, scenario.symbols[i]) for i in assets}
    part = max(_SEEDED_AT, *(_ABOVE_FLOOR * (floors[i] + 1) / int(prices[i]) for i in assets))
    if part > _HIGHEST_SEEDED_AT:
        feeds = [f"feeds.{scenario.symbols[i]}.min_price_usd" for i in assets]
        return Problem(
            _path(book.name(a)),
            "is bad debt from before, which opens only where what it owes may be reported at a "
            f"{int(1 / _HIGHEST_SEEDED_AT):,}th of its price",
            f"leave it out, or lower floors: {', '.join(feeds)}",
        )
    value = int(sum(owed) * part / _USED) + 10 * len(assets)
    unit = 10 ** scenario.assets[scenario.symbols[seed]].decimals
    tokens = value * BPS * unit // (_SEED_LTV * int(prices[seed])) + 10
    return Late(assets, part, (seed, tokens))


def _too_cheap(
    name: str, late: Late, scenario: Scenario, prices: Sequence[int], v: int
) -> Iterator[Problem]:
    for i in late.assets:
        symbol, price = scenario.symbols[i], int(prices[i] * late.part)
        if price <= _floor(scenario, v, symbol):
            yield Problem(
                _path(name),
                f"owes so much that it could only borrow {symbol} at {price / USD:g} USD",
                f"leave it out, or feeds.{symbol}.min_price_usd below that",
            )


def _floor(scenario: Scenario, v: int, symbol: str) -> int:
    """The lowest price, of 8 decimals, that the router of vault v takes."""
    return round(feed_in(scenario, v, symbol).min_price_usd * USD)


def _path(name: str) -> str:
    return f"book ({name})"
