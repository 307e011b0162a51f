"""What the attacker and users' own agents own after a step, at reference prices."""

from __future__ import annotations

from typing import Any

from sim.agents.start import owner
from sim.protocol import hub, insurance
from sim.protocol.state import (
    EXIT_ASSETS,
    EXIT_SHARES,
    HUB_SHARES,
    LP_SUPPLY,
    PENDING_EPOCH,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    RESERVE0,
    STAKE,
    WALLET,
    State,
)
from sim.protocol.units import USD
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.world import World
from sim.world.actors import first_own_account, own


def agents(world: World, k: int) -> list[dict[str, Any]]:
    """One row of table `agents` for each, in the order of their accounts."""
    s, names = world.state, [one.name for one in own(world.scenario)]
    first = first_own_account(world.scenario, len(s.account))
    rows = []
    for account, name in enumerate(names, start=first):
        actor = owner(world.scenario, account)
        assets = range(len(s.unit))
        amounts = {
            "wallet_usd": list(s.holding[actor, :, WALLET]),
            "invested_usd": invested(s, actor),
            "supplied_usd": [supplied_assets(s, account, i) for i in assets],
            "debt_usd": [debt_assets(s, account, i) for i in assets],
        }
        usd = {what: _usd(world, k, held) for what, held in amounts.items()}
        rows.append({"step": k, "agent": name, "actor": actor, "account": account, **usd})
    return rows


def invested(s: State, actor: int) -> list[int]:
    """What an actor's shares would be redeemed for, down, if cash and cool-down allowed it: units
    of every asset.
    """
    amounts = []
    for i in range(len(s.unit)):
        deposited = hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES])
        amounts.append(_insures(s, actor, i) + deposited)
    for p, tokens in enumerate(s.pair_tokens):
        for side, i in enumerate(tokens):
            if s.lp[actor, p]:
                reserve = s.pair[p, RESERVE0 + side]
                amounts[i] += s.lp[actor, p] * reserve // s.pair[p, LP_SUPPLY]
    return amounts


def _insures(s: State, actor: int, i: int) -> int:
    """What its stake is worth, and what of it left and is not collected."""
    row = s.holding[actor, i]
    shares, left = row[STAKE], 0
    if row[EXIT_SHARES]:
        left = row[PENDING_STAKE] * row[EXIT_ASSETS] // row[EXIT_SHARES]
    elif row[PENDING_EPOCH] == s.pool[i, POOL_EPOCH]:  # not lost
        shares += row[PENDING_STAKE]
    pool = s.pool[i, POOL_ASSETS] + insurance.VIRTUAL_ASSETS
    return int(left + shares * pool // (s.pool[i, POOL_SHARES] + insurance.VIRTUAL_SHARES))


def _usd(world: World, k: int, amounts: list[int]) -> float:
    """USD of an amount of every asset."""
    prices, units = world.market.price[k], world.state.unit
    values = (a * p // u for a, p, u in zip(amounts, prices, units, strict=True))
    return float(sum(values) / USD)
