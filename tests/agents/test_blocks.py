"""Room in blocks: who finds some, who waits for it, and how long a bid waits."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from sim.agents.start import FIRST_LIQUIDATOR
from sim.engines.by_name import follower
from sim.engines.exact import run
from sim.market.market import (
    BACKLOG,
    CALL_ROOM,
    CALLS_WAITED,
    LIQUIDATABLE,
    LIQUIDATIONS,
    LONGEST_WAIT,
    NEVER,
)
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.scenario import ScenarioError, load, with_overrides
from sim.world import World, build
from sim.world.block_space import delay_table, room_table
from tests.agents.test_liquidators import LOW, ONE
from tests.simulation.runs import DEEP, SMALL

CALLS = (op.liquidate.kind, op.flash_liquidate.kind)
LOW_BID = {**ONE, "name": "low", "max_gas_price_gwei": 500.0}
ROOM = "blocks.liquidation_calls_per_hour"
NO_SPREAD = {"blocks.seconds": None, "blocks.gas_price_spread": None}


def scenario(population: list[dict[str, Any]], **more: Any) -> Any:
    overrides = {**SMALL, **LOW, **DEEP, **more, "liquidators": population}
    return with_overrides(load("black-thursday"), overrides)


def played(population: list[dict[str, Any]], **more: Any) -> tuple[World, list[list[Any]]]:
    """The world at the low, and the liquidations of every step that succeeded."""
    world = build(scenario(population, **more))
    return world, [
        [row for row in step.rows if row.kind in CALLS and row.code == OK] for step in run(world)
    ]


@pytest.mark.parametrize("step", [60, 300, 900])
@pytest.mark.parametrize("room", [2.0, 6.0, 40.0])
def test_no_hour_takes_more_calls_than_it_has_room_for(room: float, step: int) -> None:
    """At no step and over no stretch of time; a call is whole, so there may be one more."""
    _, calls = played([ONE], **{ROOM: room, "step_seconds": step})
    so_far = np.cumsum([len(rows) for rows in calls])
    allowed = room * step / 3_600
    for steps in (1, 2, 5, 20, 50):
        most = (so_far[steps:] - so_far[:-steps]).max()
        assert most < steps * allowed + 1
    assert so_far[-1] > 0.3 * room, "and it is used"


def test_the_highest_bid_takes_scarce_room() -> None:
    """Of two who would do the same; with room for all but no time for all, both act."""
    _, scarce = played([LOW_BID, ONE], **{ROOM: 4.0})
    assert {row.actor for rows in scarce for row in rows} == {FIRST_LIQUIDATOR + 1}
    slow = {"capacity_usd_per_hour": 1e5}
    _, free = played([{**LOW_BID, **slow}, {**ONE, **slow}], **{ROOM: 1e6})
    assert {row.actor for rows in free for row in rows} == {FIRST_LIQUIDATOR, FIRST_LIQUIDATOR + 1}


def test_who_finds_no_room_waits_and_is_counted() -> None:
    """After a step without room left, the backlog are accounts that are liquidatable; waits last
    whole steps, as long as the run at most, and with room for all nobody waits.
    """
    world = build(scenario([ONE], **{ROOM: 3.0}))
    w, most = world.market, 0
    for _ in run(world):
        backlog = int(w.tally[BACKLOG])
        assert backlog <= w.watchers.hot_count[0] and backlog <= (w.liquidators.waits != 0).sum()
        assert backlog == 0 or (w.watchers.watch[:, LIQUIDATABLE] != 0).any()
        most = max(most, backlog)
    assert most > 3
    assert 0 < w.tally[CALLS_WAITED] <= w.tally[LIQUIDATIONS]
    longest = int(w.tally[LONGEST_WAIT])
    assert 600 <= longest <= int(w.time[-1] - w.time[0]) and longest % 300 == 0
    free = played([ONE], **{ROOM: 1e6})[0].market
    assert free.tally[BACKLOG] == free.tally[CALLS_WAITED] == free.tally[LONGEST_WAIT] == 0
    assert free.tally[LIQUIDATIONS] == played([ONE])[0].market.tally[LIQUIDATIONS]


def test_less_room_repays_less_and_waits_longer() -> None:
    runs = [played([ONE], **{ROOM: room})[0].market.tally for room in (2.0, 6.0, 30.0)]
    assert runs[0][LIQUIDATIONS] < runs[1][LIQUIDATIONS] < runs[2][LIQUIDATIONS]
    assert runs[0][LONGEST_WAIT] >= runs[1][LONGEST_WAIT] >= runs[2][LONGEST_WAIT]


def test_room_comes_in_parts_of_a_call() -> None:
    table = room_table(scenario([ONE], **{ROOM: 5.0}))
    assert set(table) == {round(5 / 12 * CALL_ROOM)} and len(table) == 12 * 26.5 + 1
    assert len(room_table(scenario([ONE]))) == 0


def test_a_bid_waits_for_a_block_that_it_pays_for() -> None:
    """seconds / N(ln(bid / gas) / spread) by the standard library: two blocks at the level."""
    gas, spread, seconds = 100.0, 0.25, 13.0
    bids = (40.0, 80.0, 100.0, 130.0, 1_000.0)
    population = [{**ONE, "name": f"{bid}", "max_gas_price_gwei": bid} for bid in bids]
    more = {"gas_price_gwei": gas, "blocks.gas_price_spread": spread, "step_seconds": 1}
    more |= {"duration_hours": 0.01, "blocks.seconds": seconds}
    found = delay_table(scenario(population, **more))
    law = NormalDist()
    waits = [seconds / law.cdf(float(np.log(bid / gas)) / spread) for bid in bids]
    assert waits[2] == pytest.approx(2 * seconds)
    for row in found:
        assert [int(delay) for delay in row] == pytest.approx([x - 0.5 for x in waits], abs=0.5)


def test_without_a_spread_a_low_bid_is_silent_and_others_do_not_wait() -> None:
    population = [{**ONE, "max_gas_price_gwei": 99.0}, {**ONE, "name": "b", "latency_seconds": 400}]
    found = delay_table(scenario(population, **NO_SPREAD, gas_price_gwei=100.0))
    assert set(found[:, 0]) == {NEVER} and set(found[:, 1]) == {400 - 150}


def test_a_low_bid_comes_later_than_a_high_one() -> None:
    """At gas of 100 gwei a bid of 65 waits for minutes, one of 1 for ever."""
    gas = {"gas_price_gwei": 100.0, "step_seconds": 60, "duration_hours": 12}
    firsts = []
    for bid in (1_000.0, 65.0):
        _, calls = played([{**ONE, "max_gas_price_gwei": bid}], **gas)
        firsts.append(next(k for k, rows in enumerate(calls) if rows))
    assert firsts[0] < firsts[1]
    _, never = played([{**ONE, "max_gas_price_gwei": 1.0}], **gas)
    assert not any(never)


def test_half_of_the_blocks_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"blocks.gas_price_spread: is missing"):
        scenario([ONE], **{"blocks.gas_price_spread": None})


@pytest.mark.chain
def test_calls_that_wait_agree_with_the_contracts() -> None:
    """Scarce room, small calls, a low bid that waits and one that sees late, on an EVM, word for
    word.
    """
    own = dict.fromkeys(("USDC", "DAI", "WETH", "WBTC"), 3e5)
    population = [
        {**ONE, "name": "late", "latency_seconds": 900, "capital_usd": own},
        {**ONE, "name": "low", "max_gas_price_gwei": 90.0, "call_usd": 50_000.0},
        {**ONE, "call_usd": 30_000.0, "capacity_usd_per_hour": 2e5},
    ]
    more = {"book.accounts": 24, ROOM: 6.0, "gas_price_gwei": 100.0}
    overrides = {**SMALL, **LOW, **more, "liquidators": population}
    world = build(with_overrides(load("black-thursday"), overrides))
    who = set()
    with follower("revm", world) as chain:
        for step in run(world, chain):
            who |= {row.actor for row in step.rows if row.kind in CALLS and row.code == OK}
        assert chain and chain.values > 50_000
    assert len(who) >= 2 and world.market.tally[CALLS_WAITED] > 0
