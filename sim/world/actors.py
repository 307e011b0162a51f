"""Who has an account of his own, and what to call everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sim.agents.actors import ROLES
from sim.agents.start import FIRST_LIQUIDATOR, owner
from sim.books import Book
from sim.scenario import Scenario

_FIXED = ("admin", "suppliers", "liquidity providers", "stakers", "arbitrageurs")
"""The actors before the liquidators, in the order of their numbers."""


class Own(NamedTuple):
    """Someone who has an account without being in the book."""

    name: str
    is_users: bool
    """One of the user's own agents."""
    capital_usd: Mapping[str, float]
    """By asset."""
    vault: int = 0


class Taker(NamedTuple):
    """A liquidator who takes positions, with an account in a vault."""

    actor: int
    vault: int


def own(scenario: Scenario) -> list[Own]:
    """In the order of their accounts: agents that come with the house, then the user's."""
    there = [role for role in ROLES if role.capital(scenario) is not None]
    vaults = {None: 0} | {name: v for v, name in enumerate(scenario.protocol.vaults)}
    return [
        *(Own(one.name, False, one.capital(scenario) or {}, one.vault(scenario)) for one in there),
        *(Own(one.name, True, one.capital_usd, vaults[one.vault]) for one in scenario.agents),
    ]


def share_takers(scenario: Scenario) -> list[Taker]:
    """The liquidators who take positions, in every vault: their accounts come last."""
    taking = [one.takes_shares for one in scenario.liquidators]
    return [
        Taker(FIRST_LIQUIDATOR + n, v)
        for v in range(len(scenario.protocol.each))
        for n, takes in enumerate(taking)
        if takes
    ]


def first_own_account(scenario: Scenario, accounts: int) -> int:
    """The number of accounts in the book; `accounts` is that of all accounts."""
    return accounts - len(own(scenario)) - len(share_takers(scenario))


def actor_name(scenario: Scenario, book: Book, actor: int) -> str:
    """What to call an actor: the owner of an account as the file of the book does."""
    if actor < FIRST_LIQUIDATOR:
        return _FIXED[actor]
    if actor < (first := owner(scenario, 0)):
        return scenario.liquidators[actor - FIRST_LIQUIDATOR].name
    account, accounts = actor - first, len(book.debt)
    return book.owner(account) if account < accounts else own(scenario)[account - accounts].name


def account_name(scenario: Scenario, book: Book, account: int) -> str:
    """What to call an account."""
    if account < len(book.debt):
        return book.name(account)
    vaults, takers = list(scenario.protocol.vaults), []
    for actor, v in share_takers(scenario):
        name = scenario.liquidators[actor - FIRST_LIQUIDATOR].name
        takers.append(f"{name} in {vaults[v]}" if vaults else name)
    return [*(one.name for one in own(scenario)), *takers][account - len(book.debt)]


def taken_names(scenario: Scenario, book: Book) -> set[str]:
    """What accounts and their owners are called, and everyone else but the user's agents: tables
    tell people apart by name.
    """
    accounts = range(len(book.debt))
    return {
        *_FIXED,
        *(role.name for role in ROLES),
        *(one.name for one in scenario.liquidators),
        *map(book.name, accounts),
        *map(book.owner, accounts),
    }
