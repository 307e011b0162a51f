"""The loop on integers: exact to the wei, keeping the journal of operations, with or without a
chain in lockstep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sim.engines import baseline
from sim.protocol.state import Entry, State
from sim.protocol.transaction import entries
from sim.simulation import step
from sim.users.user_agents import InPython
from sim.world import World

if TYPE_CHECKING:  # needs web3 and an EVM, which runs on the twin alone do without
    from sim.engines.lockstep import Lockstep


class Step(NamedTuple):
    """What happened in one step; the state after it is the world's."""

    k: int
    rows: list[Entry]
    gas: list[int]
    """Gas that each row used on the chain, from when it was compared on; empty without one."""


def agents_of(world: World) -> InPython:
    """The user's agents as they begin a run of this world. Raises `AgentError`."""
    return InPython(world.agents, world.symbols, world.state, world.market)


def run(
    world: World, follower: Lockstep | None = None, agents: InPython | None = None
) -> Iterator[Step]:
    """Open the protocol (step 0), then run every step of the scenario. The follower plays each one
    and compares it while the twin is at work on the next; the last one has been compared when it is
    yielded. `agents` are those of `agents_of`, for whoever looks at them later. Raises `AgentError`
    in a step in which an agent of the user fails.
    """
    baseline.fill(world)
    users = agents or agents_of(world)
    rows: list[Entry] = []
    gas: list[int] = []
    for n, block in enumerate(world.opening):
        rows += block.rows
        if follower:
            last = n + 1 == len(world.opening)
            gas += follower.play(block.rows, block.time, world.state if last else None)
    yield Step(0, rows, gas)
    try:
        for k in range(1, world.scenario.steps + 1):
            step(world.state, world.market, k, users)
            rows, gas = journal_rows(world.state), []
            if follower:
                gas = follower.send(rows, int(world.market.time[k]), world.state)
                if k == world.scenario.steps:
                    follower.conclude(world.state)
            yield Step(k, rows, gas)
    finally:  # a step that fails does not hide what the one before came to
        if follower:
            follower.settle()


def journal_rows(s: State) -> list[Entry]:
    """Take the rows written since the last call out of the journal."""
    n = int(s.journal_length[0])
    if n > s.journal.shape[0]:
        raise RuntimeError(f"{n} operations in one step, the journal holds {s.journal.shape[0]}")
    rows = entries(s)
    s.journal_length[0] = 0
    return rows
