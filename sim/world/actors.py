"""Who is who: actors by number, and units that everyone shares."""

from __future__ import annotations

from sim.books import Book
from sim.protocol.units import USD
from sim.scenario import Scenario

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
"""Liquidators, in the order of the scenario; then one owner per account: those of the book, then
`own_accounts`. Liquidators who take shares own the accounts that come last."""
ATTACKER = "attacker"


def to_tokens(usd: float, unit: int, price: int) -> int:
    """Token units worth `usd` at `price` (USD with 8 decimals), down."""
    return round(usd * USD) * unit // price


def own_accounts(scenario: Scenario) -> list[str]:
    """Who has an account without being in the book, in the order of the accounts: the attacker, if
    there is one, then the user's own agents.
    """
    return [*([ATTACKER] if scenario.attack else []), *(agent.name for agent in scenario.agents)]


def share_takers(scenario: Scenario) -> list[int]:
    """The liquidators who take positions, as actors: their accounts come last."""
    taking = [one.takes_shares for one in scenario.liquidators]
    return [FIRST_LIQUIDATOR + n for n, takes in enumerate(taking) if takes]


def first_own_account(scenario: Scenario, accounts: int) -> int:
    """The number of accounts in the book; `accounts` is that of all accounts."""
    return accounts - len(own_accounts(scenario)) - len(share_takers(scenario))


def owner(scenario: Scenario, account: int) -> int:
    """The actor that owns an account, one of a share taker excepted."""
    return FIRST_LIQUIDATOR + len(scenario.liquidators) + account


def actor_name(scenario: Scenario, book: Book, actor: int) -> str:
    """What to call an actor: the owner of an account as the file of the book does."""
    fixed = ("admin", "suppliers", "liquidity providers", "stakers", "arbitrageurs")
    if actor < FIRST_LIQUIDATOR:
        return fixed[actor]
    if actor < (first := owner(scenario, 0)):
        return scenario.liquidators[actor - FIRST_LIQUIDATOR].name
    account, accounts = actor - first, len(book.debt)
    return book.owner(account) if account < accounts else own_accounts(scenario)[account - accounts]


def account_name(scenario: Scenario, book: Book, account: int) -> str:
    """What to call an account."""
    if account < len(book.debt):
        return book.name(account)
    takers = [one.name for one in scenario.liquidators if one.takes_shares]
    return [*own_accounts(scenario), *takers][account - len(book.debt)]
