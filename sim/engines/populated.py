"""A devnet that stays, as a program meets it: where it is, what is deployed, who has which account
and how each one stands.
"""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import groupby
from typing import Any

from sim.agents.start import owner
from sim.engines.anvil import AnvilChain
from sim.engines.ape_deployer import record
from sim.engines.artifacts import contracts
from sim.engines.calldata import actor_address
from sim.engines.deployment import Deployed
from sim.engines.lockstep import Lockstep
from sim.protocol import vault_accounts
from sim.tape.moment import accounts
from sim.world import World
from sim.world.actors import actor_name

NETWORK = "ethereum:local:foundry"
"""What ape calls it, given the address as APE_FOUNDRY_HOST."""
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
KEY_HOLDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""Anvil's first account, known to everyone, and `accounts.test_accounts[0]` of ape: nobody in the
scenario."""


def populated(
    world: World, follower: Lockstep, chain: AnvilChain, deployed: list[Deployed], k: int
) -> dict[str, Any]:
    """Everything about the devnet after step k, for JSON: integers that may be beyond 2**53 are
    text. Amounts are in token units, health factors in 1e18 (None without debt).
    """
    time = datetime.fromtimestamp(int(world.market.time[k]), timezone.utc)
    kinds = dict.fromkeys(one.contract for one in deployed)
    return {
        "url": chain.url,
        "chain_id": chain.chain_id,
        "network": NETWORK,
        **record(deployed, world),
        "step": k,
        "time_utc": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "key": {"address": KEY_HOLDER, "private_key": KEY},
        "actors": [
            {"name": actor_name(world.scenario, world.book, actor), "address": actor_address(actor)}
            for actor in range(owner(world.scenario, 0))
        ],
        "accounts": _accounts(world, follower),
        "abi": {kind: contracts()[kind].abi for kind in kinds},
    }


def _accounts(world: World, follower: Lockstep) -> list[dict[str, Any]]:
    s, found = world.state, []
    for a, rows in groupby(accounts(world), key=lambda row: int(row["account"])):
        positions = list(rows)
        owes = vault_accounts.has_debt(s, a)
        found.append(
            {
                "account": a,
                "name": positions[0]["name"],
                "id": str(follower.account_ids[a]),
                "vault": follower.deployment.vaults[int(s.account_vault[a])],
                "owner": actor_address(int(s.account_owner[a])),
                "health": str(vault_accounts.health(s, a).factor) if owes else None,
                "positions": {
                    row["asset"]: {
                        "supplied": str(row["supplied"]),
                        "is_collateral": row["is_collateral"],
                        "debt": str(row["debt"]),
                    }
                    for row in positions
                    if row["supplied"] or row["debt"]
                },
            }
        )
    return found
