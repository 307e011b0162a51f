"""A run on integers with a tape, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from sim.engines.exact import Step, run
from sim.tape import Tape
from sim.tape.recorder import Seen
from sim.users.user_agents import InPython
from sim.world import World

if TYPE_CHECKING:  # needs web3 and an EVM, which runs on the twin alone do without
    from sim.engines.lockstep import Lockstep


def recorded(
    world: World, tape: Tape, follower: Lockstep | None = None, agents: InPython | None = None
) -> Iterator[Step]:
    """As `sim.engines.exact.run`; each step is on the tape when it is yielded, or with a follower
    once it was compared: when the next step is asked for, at the latest.
    """
    for step in run(world, follower, agents):
        when_compared(follower, partial(_keep, tape, tape.look(step.k, step.rows), step, follower))
        yield step


def when_compared(follower: Lockstep | None, do: Callable[[], None]) -> None:
    """Do it once the step that was yielded last is known to be right: on the twin alone, now."""
    if follower:
        follower.then(do)
    else:
        do()


def _keep(tape: Tape, seen: Seen, step: Step, follower: Lockstep | None) -> None:
    # Revm reports too little gas (its slots stay warm between calls): none is better.
    gas = step.gas if tape.engine == "devnet" else []
    tape.keep(seen, gas, *(follower.compared if follower else ()))
