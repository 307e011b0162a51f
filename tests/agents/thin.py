"""A market with an attacker, and a feed that follows its venue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.engines.exact import Step, run
from sim.engines.lockstep import Lockstep
from sim.protocol.state import RESERVE0, RESERVE1
from sim.scenario import Scenario, load, with_overrides
from sim.tape import Frames, Tape, frames
from sim.world import World, build

CRV, USDC, WETH = range(3)
THIN = Path(__file__).with_name("thin.yaml")


def thin(**overrides: Any) -> Scenario:
    """The scenario, with fields replaced; `__` in a name stands for the dot of a path."""
    return with_overrides(
        load(THIN), {name.replace("__", "."): value for name, value in overrides.items()}
    )


def venue_price(world: World) -> int:
    """What the pool of CRV and USDC says of CRV, as a price."""
    s, (crv, usdc) = world.state, world.state.pair[0, [RESERVE0, RESERVE1]]
    return int(usdc * s.unit[CRV] * 10**8 // (crv * s.unit[USDC]))


def followed(world: World, chain: Lockstep | None = None) -> Iterator[Step]:
    """A run in which the feed of CRV sees the price of the venue, as it was before the step."""
    for step in run(world, chain):
        yield step
        world.market.feeds.observed[step.k + 1 : step.k + 2, CRV] = venue_price(world)


def attacked(**overrides: Any) -> tuple[World, Frames]:
    """Such a run, and its tape."""
    world = build(thin(**overrides))
    tape = Tape(world, "exact")
    for step in followed(world):
        tape.record(step.k, step.rows, step.gas)
    return world, frames(tape.tables(complete=True))
