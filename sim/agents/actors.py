"""All agents that come with the house: their records, and those of them with an account of their
own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, get_type_hints

from sim.agents import attacker, forger
from sim.agents.arbitrageurs import Arbitrageurs
from sim.agents.attacker import Attacker
from sim.agents.forger import Forger
from sim.agents.guardian import Guardian
from sim.agents.habits import Borrowers
from sim.agents.liquidity_providers import LiquidityProviders
from sim.agents.rate_response import Responders
from sim.agents.risk_desk import RiskDesk
from sim.agents.start import Start
from sim.agents.suppliers import Suppliers
from sim.scenario import Scenario


class Actors(NamedTuple):
    """`Market.actors`: what each knows and nobody else reads."""

    liquidity_providers: LiquidityProviders
    arbitrageurs: Arbitrageurs
    borrowers: Borrowers
    suppliers: Suppliers
    rate_response: Responders
    attacker: Attacker
    risk_desk: RiskDesk
    guardian: Guardian
    forger: Forger

    @classmethod
    def of(cls, start: Start) -> Actors:
        """Everyone's record as a run starts."""
        return cls(**{name: record.of(start) for name, record in get_type_hints(cls).items()})


class Role(NamedTuple):
    """An agent with an account of its own, as users' agents have one."""

    name: str
    """On the tape and in reports."""
    section: str
    """Of the scenario that says so."""
    capital: Callable[[Scenario], Mapping[str, float] | None]
    """USD of each asset that it owns at the start; None in a scenario without it."""
    vault: Callable[[Scenario], int] = lambda _: 0
    """In which its account is; the first, unless it says otherwise."""


ROLES = (
    Role(attacker.NAME, "attack", attacker.capital, attacker.vault),
    Role(forger.NAME, "bridges", forger.capital, forger.vault),
)
"""In the order of their accounts."""
