"""Deploys through ape: on whatever network it is connected to, from any account it knows."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.engines.deployment import Deployed, Deployment, deploy
from sim.engines.solidity import up_to_date
from sim.files.whole import replacing
from sim.market.feed_sources import answers_at_start
from sim.scenario import digest
from sim.world import World

if TYPE_CHECKING:  # importing ape takes a second
    from ape.api import AccountAPI
    from ape.managers.project import ProjectManager


class ApeDeployer:
    """A `sim.engines.deployment.Deployer`. Ape keeps a record of every contract that it deploys:
    `project.<contract>.deployments`, beyond the process if the network is not a local one. What is
    deployed is compiled first if anything changed.
    """

    def __init__(self, account: AccountAPI, project: ProjectManager) -> None:
        self.admin = str(account.address)
        self._account, self._project = account, up_to_date(project)

    def deploy(self, contract: str, *arguments: Any) -> str:
        """See `Deployer`."""
        return str(self._account.deploy(self._project.get_contract(contract), *arguments).address)

    def transact(self, contract: str, address: str, function: str, *arguments: Any) -> None:
        """See `Deployer`."""
        instance = self._project.get_contract(contract).at(address)
        getattr(instance, function)(*arguments, sender=self._account)


def deploy_world(by: ApeDeployer, world: World) -> Deployment:
    """Deploy the protocol as the world starts out, empty, and post the start prices."""
    deployment = deploy(by, world.genesis, world.symbols)
    answers = answers_at_start(world.scenario, list(world.market.price[0]))
    for feeds in deployment.feeds:
        for feed, answer in zip(feeds, answers, strict=True):
            by.transact("PriceFeed", feed, "post", int(answer))
    return deployment


def save(deployed: list[Deployed], world: World, network: str, chain_id: int, out: Path) -> Path:
    """Write addresses, network and scenario to `out`/<network>-<time>.json; its path."""
    now = datetime.now(timezone.utc)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{network.replace(':', '-')}-{now:%Y%m%dT%H%M%SZ}.json"
    content = {
        "network": network,
        "chain_id": chain_id,
        "deployed_utc": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        **record(deployed, world),
    }
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def record(deployed: list[Deployed], world: World) -> dict[str, Any]:
    """What was deployed and of which scenario, for a file."""
    return {
        "scenario": world.scenario.name,
        "digest": digest(world.scenario),
        "contracts": [one._asdict() for one in deployed],
    }
