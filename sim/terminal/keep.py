"""A devnet that stays after a run, for `ape console` and for programs of the user's."""

from __future__ import annotations

import json
import re
import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from rich.console import Console

from sim.engines.anvil import AnvilChain
from sim.engines.deployment import listing
from sim.engines.lockstep import Lockstep
from sim.engines.populated import KEY, KEY_HOLDER, NETWORK, populated
from sim.files.whole import replacing
from sim.report.text import clock, counted
from sim.scenario import Scenario
from sim.terminal.deployed import address_table
from sim.terminal.interrupts import interruptible
from sim.terminal.tables import printed
from sim.world import World

DEVNET = "devnet.json"
"""In the folder of the run as long as the devnet is there."""
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_WAD = 10**18


def step_of(scenario: Scenario, at: str) -> int:
    """The step that `at` names: a number, a time (ISO, UTC where it names no zone) or a time of day
    that the run has once; of a time the last step that is not after it. Raises ValueError.
    """
    length = timedelta(seconds=scenario.step_seconds)
    end = scenario.start + scenario.steps * length
    span = f"0 to {scenario.steps:,}, or {clock(scenario.start)} to {clock(end)}"
    if re.fullmatch(r"-?\d+", at):
        k = int(at)
    else:
        k = (_time(at, scenario.start, end) - scenario.start) // length
    if not 0 <= k <= scenario.steps:
        raise ValueError(f"{at} is not in the run of {scenario.name}: {span}")
    return k


def _time(at: str, start: datetime, end: datetime) -> datetime:
    if _TIME_OF_DAY.fullmatch(at):
        hour, minute, *second = map(int, at.split(":"))
        first = start.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        time = timedelta(hours=hour, minutes=minute, seconds=second[0] if second else 0)
        days = [first + timedelta(days=n) + time for n in range((end - first).days + 1)]
        found = [one for one in days if start <= one <= end]
        if len(found) != 1:
            raise ValueError(
                f"{at} comes {counted(len(found), 'time')} from {clock(start)} to {clock(end)}: "
                f"name one with its day, like {[end, *found][-1]:%Y-%m-%dT%H:%M}"
            )
        return found[0]
    try:
        named = datetime.fromisoformat(at.removesuffix("UTC").strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(
            f"{at!r} is neither a step nor a time: write 150 or {end:%Y-%m-%dT%H:%M}"
        ) from None
    return named if named.tzinfo else named.replace(tzinfo=timezone.utc)


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
