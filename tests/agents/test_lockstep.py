"""Attackers and users' own agents on the contracts: every operation, every word of state."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from sim.engines.chain import RevmChain
from sim.engines.lockstep import Lockstep
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_LIMIT_EXCEEDED, OK
from sim.world import build
from tests.agents.test_compiled import CONTRARIAN, RISE
from tests.agents.thin import followed, thin

pytestmark = pytest.mark.chain


def test_they_agree_on_revm() -> None:
    """A jitable agent, a Python object that is refused something, and an attack."""
    treasury = {
        "name": "treasury",
        "path": "sim.examples.treasury:Treasury",
        "capital_usd": {"USDC": 30_000.0, "CRV": 100.0},
        "parameters": {"least_usd": 20_000},
    }
    looper = {
        "name": "looper",
        "path": "tests.agents.made_up:Looper",
        "capital_usd": {"WETH": 20_000.0},
        "parameters": {"borrow": 10**12},
    }
    world = build(thin(agents=[CONTRARIAN, treasury, looper], assets__WETH__price_usd=RISE))
    chain = Lockstep(RevmChain(), world.genesis, world.symbols)
    rows = [row for step in followed(world, chain) for row in step.rows]
    assert chain.operations == len(rows) and chain.values > 5_000
    actors = [int(world.market.actors.attacker.who[0]), *map(int, world.market.agent_actor)]
    done = {
        actor: {op.DECLARED[row.kind].name for row in rows if row.actor == actor}
        for actor in actors
    }
    attacker, contrarian, its_treasury, its_looper = (done[actor] for actor in actors)
    assert attacker == {"mint_token", "swap_in", "supply", "borrow"}
    assert contrarian == {"mint_token", "swap_in"}
    assert its_treasury == {"mint_token", "stake"}
    assert its_looper == {"mint_token", "supply", "borrow", "repay", "withdraw"}
    codes = {row.code for row in rows if row.actor == actors[3]}
    assert BORROW_LIMIT_EXCEEDED in codes and OK in codes


def test_an_attack_that_is_given_up_agrees_on_revm() -> None:
    """Bought, disputed, sold back; and one bounded by caps."""
    held_off = thin(feeds__CRV__max_move_bps=1_000, feeds__CRV__hold_off_seconds=3_600)
    capped = thin(
        protocol__reserves__CRV__supply_cap=800_000.0,
        protocol__reserves__USDC__borrow_cap=1_950_000.0,
        protocol__reserves__CRV__rehypothecate=False,
        attack__at=datetime(2023, 1, 1, 1, tzinfo=timezone.utc),
    )
    for scenario, kinds in (
        (held_off, ["swap_in", "swap_in"]),
        (capped, ["swap_in", "supply", "borrow", "swap_in"]),
    ):
        world = build(scenario)
        chain = Lockstep(RevmChain(), world.genesis, world.symbols)
        rows = [row for step in followed(world, chain) for row in step.rows if step.k]
        own = [row for row in rows if row.actor == world.market.actors.attacker.who[0]]
        assert [op.DECLARED[row.kind].name for row in own] == kinds
        assert all(row.code == OK for row in own)
