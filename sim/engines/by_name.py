"""The engines as users name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.engines.failures import ChainError
from sim.world import World

if TYPE_CHECKING:
    from sim.engines.lockstep import Lockstep

ENGINES = ("devnet", "revm", "exact")
"""On a local devnet (anvil), in an EVM inside this process, or on the twin alone."""


@contextmanager
def follower(engine: str, world: World) -> Iterator[Lockstep | None]:
    """The protocol deployed on the engine's chain, None for the twin alone; gone after the block.

    Raises `ChainError` if there is no such engine, if its chain does not start, or if what it needs
    is not installed.
    """
    if engine not in ENGINES:
        raise ChainError(f"there is no engine {engine!r}: {', '.join(ENGINES)}")
    if engine == "exact":
        yield None
        return
    try:
        from sim.engines.anvil import AnvilChain
        from sim.engines.chain import RevmChain
        from sim.engines.lockstep import DEPLOYMENT_SECONDS, Lockstep
    except ImportError as error:
        raise ChainError(
            f"{error.name} is not installed, and {engine} needs it: in the checkout, "
            "pip install '.[chain]'"
        ) from error
    before_deployment = int(world.genesis.clock[0]) - 2 * DEPLOYMENT_SECONDS
    chain = AnvilChain(before_deployment) if engine == "devnet" else RevmChain()
    try:
        names = world.book.reading.names if world.book.reading else ()
        yield Lockstep(chain, world.genesis, world.symbols, names=names)
    finally:
        chain.close()
