"""The loop on integers: exact to the wei, keeping the journal of operations, with or without a
chain in lockstep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sim.agents.own import in_python
from sim.engines import baseline
from sim.engines.lockstep import Lockstep, journal_rows
from sim.simulation import step
from sim.world import World


class Step(NamedTuple):
    """What happened in one step; the state after it is the world's."""

    k: int
    rows: list[Any]
    """Journal rows, see `sim.protocol.state.JOURNAL`."""
    gas: list[int]
    """Gas that each row used on the chain; empty without one."""


def run(world: World, follower: Lockstep | None = None) -> Iterator[Step]:
    """Open the protocol (step 0), then run every step of the scenario; the follower plays and
    compares each one. Raises `AgentError` in a step in which an agent of the user fails.
    """
    baseline.fill(world)
    users = in_python(world.agents, world.symbols, world.state, world.market)
    rows: list[Any] = []
    gas: list[int] = []
    for n, block in enumerate(world.opening):
        rows += block.rows
        if follower:
            last = n + 1 == len(world.opening)
            gas += follower.play(block.rows, block.time, world.state if last else None)
    yield Step(0, rows, gas)
    for k in range(1, world.scenario.steps + 1):
        step(world.state, world.market, k, users)
        rows = journal_rows(world.state)
        gas = follower.play(rows, int(world.market.time[k]), world.state) if follower else []
        yield Step(k, rows, gas)
