"""What agents are made from when a run starts, and who is who: actors by number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.books import Book
from sim.protocol.state import Array
from sim.protocol.units import USD
from sim.scenario import Scenario

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
"""Liquidators, in the order of the scenario; then one owner per account: those of the book, then
those of an account of their own (`sim.world.actors`). Liquidators who take shares own the accounts
that come last."""
WAD = 10**18


class Start(NamedTuple):
    """What there is before anyone acts: every record of an agent is made of it."""

    scenario: Scenario
    book: Book
    prices: Array
    """Reference prices of all steps, (steps + 1, assets), USD with 8 decimals."""
    seed: int
    """Of the book and the people in it."""
    own_account: Mapping[str, int]
    """The account of each agent that has one without being in the book, by name."""


def owner(scenario: Scenario, account: int) -> int:
    """The actor that owns an account, one of a share taker excepted."""
    return FIRST_LIQUIDATOR + len(scenario.liquidators) + account


def to_tokens(usd: float, unit: int, price: int) -> int:
    """Token units worth `usd` at `price` (USD with 8 decimals), down."""
    return round(usd * USD) * unit // price


def integers(values: list[Any]) -> Array:
    """An array of Python integers."""
    return np.array(values, dtype=object)
