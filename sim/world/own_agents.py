"""The market's arrays of the attacker and of users' own agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.market.market import ATTACKER
from sim.scenario import Scenario
from sim.users.user_agents import Agent
from sim.world.actors import first_own_account, own_accounts, owner


def attack_arrays(scenario: Scenario, accounts: int) -> dict[str, Any]:
    """The fields of the attacker; empty without one. `accounts` is the number of all accounts."""
    attack = scenario.attack
    if attack is None:
        return {"attacker": np.zeros(0, dtype=np.int64), "attack_time": np.zeros(0, dtype=object)}
    account = first_own_account(scenario, accounts)
    pair = [frozenset(venue.assets) for venue in scenario.venues].index(frozenset(attack.venue))
    pays_on = 1 - scenario.venues[pair].assets.index(attack.asset)
    asset, target = (scenario.symbols.index(name) for name in (attack.asset, attack.borrow))
    row = [owner(scenario, account), account, asset, target, pair, pays_on, 0]
    if len(row) != len(ATTACKER):
        raise ValueError(f"an attacker has {len(ATTACKER)} fields")
    at = int(attack.at.timestamp())
    return {
        "attacker": np.array(row, dtype=np.int64),
        "attack_time": np.array([at, at + attack.wait_seconds], dtype=object),
    }


def agent_arrays(scenario: Scenario, agents: Sequence[Agent], accounts: int) -> dict[str, Any]:
    """The fields of the users' own agents; empty without any."""
    end = first_own_account(scenario, accounts) + len(own_accounts(scenario))
    own = np.arange(end - len(scenario.agents), end, dtype=np.int64)
    most = max((len(agent.parameters) for agent in agents if agent.jitable), default=0)
    parameters = np.full((len(own), most), 0, dtype=object)
    for me, agent in enumerate(agents):
        if agent.jitable:
            parameters[me, : len(agent.parameters)] = list(agent.parameters.values())
    return {
        "agent_actor": owner(scenario, 0) + own,
        "agent_account": own,
        "agent_parameter": parameters,
    }
