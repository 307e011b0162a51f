"""Who is who: actors by number, and units that everyone shares."""

from __future__ import annotations

from sim.scenario import Scenario

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
"""Liquidators, in the order of the scenario; then one owner per account: those of the book, then
`own_accounts`."""
VALUE = 10**8
"""Units of a value or price per USD."""
ATTACKER = "attacker"


def own_accounts(scenario: Scenario) -> list[str]:
    """Who has an account without being in the book, in the order of the accounts: the attacker, if
    there is one, then the user's own agents.
    """
    return [*([ATTACKER] if scenario.attack else []), *(agent.name for agent in scenario.agents)]


def owner(scenario: Scenario, account: int) -> int:
    """The actor that owns an account."""
    return FIRST_LIQUIDATOR + len(scenario.liquidators) + account


def actor_names(scenario: Scenario, accounts: int) -> list[str]:
    """What to call every actor; `accounts` is the number of all accounts."""
    book = accounts - len(own_accounts(scenario))
    return [
        *("admin", "suppliers", "liquidity providers", "stakers", "arbitrageurs"),
        *(liquidator.name for liquidator in scenario.liquidators),
        *(f"borrower {a}" for a in range(book)),
        *own_accounts(scenario),
    ]
