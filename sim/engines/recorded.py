"""A run on integers with a tape, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.engines.exact import Step, run
from sim.tape import Tape
from sim.users.user_agents import InPython
from sim.world import World

if TYPE_CHECKING:  # needs web3 and an EVM, which runs on the twin alone do without
    from sim.engines.lockstep import Lockstep


def recorded(
    world: World, tape: Tape, follower: Lockstep | None = None, agents: InPython | None = None
) -> Iterator[Step]:
    """As `sim.engines.exact.run`; each step is on the tape when it is yielded."""
    for step in run(world, follower, agents):
        # Revm reports too little gas (its slots stay warm between calls): none is better.
        gas = step.gas if tape.engine == "devnet" else []
        tape.record(step.k, step.rows, gas, *(follower.compared if follower else ()))
        yield step
