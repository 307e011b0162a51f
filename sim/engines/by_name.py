"""The engines as users name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sim.engines.chain import AnvilChain, RevmChain
from sim.engines.lockstep import DEPLOYMENT_SECONDS, Lockstep
from sim.world import World

ENGINES = ("devnet", "revm", "exact")
"""On a local devnet (anvil), in an EVM inside this process, or on the twin alone."""


@contextmanager
def follower(engine: str, world: World) -> Iterator[Lockstep | None]:
    """The protocol deployed on the engine's chain, None for the twin alone; gone after the block.

    Raises `ChainError` if the chain does not start.
    """
    if engine == "exact":
        yield None
        return
    before_deployment = int(world.genesis.clock[0]) - 2 * DEPLOYMENT_SECONDS
    chain = AnvilChain(before_deployment) if engine == "devnet" else RevmChain()
    try:
        names = world.book.reading.names if world.book.reading else ()
        yield Lockstep(chain, world.genesis, world.symbols, names=names)
    finally:
        chain.close()
