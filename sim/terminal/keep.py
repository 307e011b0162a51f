"""A devnet that stays after a run, for `ape console` and for programs of the user's."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.engines.anvil import AnvilChain
from sim.engines.deployment import listing
from sim.engines.lockstep import Lockstep
from sim.engines.populated import KEY, KEY_HOLDER, NETWORK, populated
from sim.files.whole import replacing
from sim.report.text import counted
from sim.terminal.at_step import DEVNET
from sim.terminal.deployed import address_table
from sim.terminal.interrupts import interruptible
from sim.terminal.tables import printed
from sim.world import World

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WAD = 10**18


def stay(
    world: World, follower: Lockstep, chain: AnvilChain, k: int, out: Path, console: Console
) -> str:
    """Leave the devnet as it is after step k to others until somebody asks for its end, and write
    where everything is to `out`/devnet.json meanwhile. Empty, or why the devnet ended by itself.
    """
    deployed = listing(follower.deployment, world.genesis, world.symbols)
    content = populated(world, follower, chain, deployed, k)
    path = out / DEVNET
    try:
        with interruptible(by=_ENDS):
            chain.open_to_others()
            with replacing(path) as draft:
                draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            console.print("", printed(address_table(deployed)), "", sep="\n", soft_wrap=True)
            for line in _lines(content, path):
                console.print(line, markup=False, soft_wrap=True)
            return f"The devnet ended: {chain.wait()}"
    except KeyboardInterrupt:
        console.print("The devnet is gone.")
        return ""
    finally:
        path.unlink(missing_ok=True)


def _lines(content: dict[str, Any], path: Path) -> list[str]:
    """How to get there, and what is there to be met."""
    owing = [one for one in content["accounts"] if one["health"] is not None]
    below = sum(int(one["health"]) < _WAD for one in owing)
    contracts = {one["name"]: one["address"] for one in content["contracts"]}
    lines = [
        f"The devnet stays, as it is after step {content['step']:,} ({content['time_utc']}), until "
        "Ctrl-C:",
        f"  RPC         {content['url']}",
        f"  chain id    {content['chain_id']}",
        f"  accounts    {counted(len(content['accounts']), 'account')}, {len(owing):,} owe, "
        f"{below:,} below a health of 1",
        f"  a key       {KEY}",
        f"              of {KEY_HOLDER}, with ether; nobody in the scenario",
        "  no key      whoever sends: eth_sendTransaction from any address is signed by the node",
        "  time        stands still; a transaction is a block, a second after the one before;",
        "              evm_setNextBlockTimestamp moves it",
        f"Addresses, ABIs, accounts and their positions are in {path} until then.",
        "In another shell:",
        f"  APE_FOUNDRY_HOST={content['url']} ape console --network {NETWORK}",
        f'  vault = project.Vault.at("{contracts["vault"]}")',
    ]
    if owing:
        worst = min(owing, key=lambda one: int(one["health"]))
        lines += [
            f"  vault.health({worst['id']}).factor / 1e18",
            f"  # {int(worst['health']) / _WAD:.4f}: the lowest, of {worst['name']}; "
            f'accounts["{worst["owner"]}"] acts for it',
        ]
    return lines
