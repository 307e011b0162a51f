"""A book with an even density of liquidation prices, in a world of one collateral and one pool."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim import world as building
from sim.books import Book
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build

START, EDGE, BONUS, THRESHOLD = 2_000.0, 1_998.0, 0.1, 0.8
"""Price at the start; highest liquidation price; bonus and liquidation threshold of spiral.yaml."""
DEBT_AT_EDGE = 1_900.0
WIDTH = 0.04
"""The book reaches this share of the edge below it."""
COLLATERAL = DEBT_AT_EDGE / THRESHOLD / EDGE
"""WETH of every account."""


def scenario(**overrides: Any) -> Scenario:
    """spiral.yaml, with fields replaced; `__` stands for the dot of a path."""
    replaced = {name.replace("__", "."): value for name, value in overrides.items()}
    return with_overrides(load(Path(__file__).with_name("spiral.yaml")), replaced)


def falling(by: float) -> dict[str, Any]:
    """The price at the edge of the book for some steps, then lower by this share of the edge."""
    start = scenario().start
    first, then = start + timedelta(minutes=4), start + timedelta(minutes=5)
    levels = [(start, START), (first, EDGE), (then, EDGE * (1 - by))]
    return {"assets.WETH.price_usd": [{"at": at, "value": value} for at, value in levels]}


def even_book(accounts: int) -> Book:
    """Equal collateral, debts such that liquidation prices lie evenly below the edge."""
    prices = EDGE * (1 - WIDTH * (np.arange(accounts) + 0.5) / accounts)
    collateral = np.zeros((accounts, 2), dtype=object)
    debt = np.zeros((accounts, 2), dtype=object)
    collateral[:, 0] = int(COLLATERAL * 10**18)
    debt[:, 1] = [int(COLLATERAL * THRESHOLD * price * 10**6) for price in prices]
    return Book(collateral, debt, np.zeros(accounts, dtype=bool))


def depth_for(ratio: float, accounts: int) -> float:
    """USD that lower the reference price by 1% for the book to have this branching ratio.

    Each account sells v = debt (1 + b), n of them over a fall of WIDTH, and a sale of v lowers the
    price by v / L: R = n v / (L WIDTH), and the depth per percent is L / 100.
    """
    sold = DEBT_AT_EDGE * (1 + BONUS)
    return accounts * sold / (ratio * WIDTH) / 100


def deep(usd_per_percent: float) -> dict[str, Any]:
    """A reference market of WETH in which everything that is sold stays in the price."""
    return {"reference_market": {"assets": {"WETH": {"depth_usd_per_percent": usd_per_percent}}}}


def world_with(book: Book, of: Scenario) -> World:
    """The world of a scenario with this book for its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building.books, "synthetic", lambda *_: book)
        return build(of)
