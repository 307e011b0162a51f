"""Accounts of a book that the protocol would not let borrow what they owe, and how they are opened.

A market carries accounts beyond their borrow limit, even below a health of 1, and more than caps
now allow; no operation does under the settings and at the prices of the day. So the admin first
sets limits as high as thresholds, without the caps that are exceeded; who is beyond even that
borrows while what it owes is cheaper: the feeds of those assets report a part of the start's price,
and afterwards the start's price again. Every other account has borrowed by then, and nobody acts in
between. In the end the scenario's own settings are in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from sim.books import Book
from sim.protocol.state import (
    BORROW_CAP,
    BORROW_ENABLED,
    COLLATERAL_ENABLED,
    LT,
    LTV,
    SUPPLY_CAP,
    Array,
)
from sim.scenario import Scenario, ScenarioError
from sim.schema.base import BPS
from sim.schema.problems import Problem
from sim.world.actors import VALUE
from sim.world.genesis import UNLIMITED

# To be on the safe side of the roundings of values.
_LEAST_ROOM = Fraction(5, 10_000)
_USED = Fraction(1, 2)  # of the limit, when an account borrows at lowered prices


class Late(NamedTuple):
    """How an account beyond its limit is opened."""

    assets: tuple[int, ...]
    """What it owes and has not pledged as well: the prices that are lowered."""
    part: Fraction
    """To this part of the start's prices."""


def lenient(scenario: Scenario, book: Book, prices: Sequence[int], reserves: Array) -> Array:
    """The rows of `reserves` (assets, RESERVE) while accounts open: as they are, but for what the
    book is beyond.
    """
    rows = reserves.copy()
    for i, symbol in enumerate(scenario.symbols):
        terms = scenario.terms[symbol]
        rows[i, COLLATERAL_ENABLED] = int(terms.collateral_enabled)
        rows[i, BORROW_ENABLED] = int(terms.borrow_enabled)
        for amounts, cap in ((book.collateral, SUPPLY_CAP), (book.debt, BORROW_CAP)):
            if amounts[:, i].sum() > rows[i, cap]:
                rows[i, cap] = UNLIMITED
    limits, debts = _values(scenario, book, prices, rows)
    if _beyond(limits, debts).any():
        rows[:, LTV] = rows[:, LT]
    return rows


def beyond_limit(
    scenario: Scenario, book: Book, prices: Sequence[int], reserves: Array
) -> dict[int, Late]:
    """The accounts that cannot borrow at `prices` (8 decimals) under `reserves` (assets, RESERVE),
    by number.

    Raises ScenarioError, which names all of them, for those that can be opened at no price that the
    routers take.
    """
    limits, debts = _values(scenario, book, prices, reserves)
    late, problems = {}, []
    for a in np.flatnonzero(_beyond(limits, debts)):
        pledged = limits[a] > 0
        owed = sum(debts[a, ~pledged])
        room = sum(limits[a]) - sum(debts[a, pledged]) * (1 + _LEAST_ROOM)
        if not owed or room <= 0:
            problems.append(_hopeless(int(a)))
            continue
        assets = tuple(int(i) for i in np.flatnonzero((debts[a] > 0) & ~pledged))
        late[int(a)] = Late(assets, _USED * Fraction(room) / owed)
        problems += _too_cheap(int(a), late[int(a)], scenario, prices)
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
    ltv = reserves[:, LTV] * reserves[:, COLLATERAL_ENABLED]
    units = np.array([10**asset.decimals for asset in scenario.assets.values()], dtype=object)
    limits = book.collateral * np.array(prices, dtype=object) // units * ltv
    return limits, -(-book.debt * np.array(prices, dtype=object) // units) * BPS


def _beyond(limits: Array, debts: Array) -> Array:
    return np.asarray(debts.sum(axis=1) * (1 + _LEAST_ROOM) > limits.sum(axis=1), dtype=bool)


def _too_cheap(a: int, late: Late, scenario: Scenario, prices: Sequence[int]) -> Iterator[Problem]:
    for i in late.assets:
        symbol, price = scenario.symbols[i], int(prices[i] * late.part)
        if price <= round(scenario.feeds[symbol].min_price_usd * VALUE):
            yield Problem(
                _path(a),
                f"owes so much that it could only borrow {symbol} at {price / VALUE:g} USD",
                f"leave it out, or feeds.{symbol}.min_price_usd below that",
            )


def _path(a: int) -> str:
    return f"book (account {a}, counted from 0)"


def _hopeless(a: int) -> Problem:
    return Problem(
        _path(a),
        "owes more than anything can be borrowed against: without collateral that has a "
        "threshold, or the very assets that it has pledged",
        "leave it out: it is bad debt already; or net what it owes and pledges of one asset",
    )
