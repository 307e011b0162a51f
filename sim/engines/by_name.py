"""The engines as users name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.engines.failures import ChainError
from sim.world import World

if TYPE_CHECKING:
    from sim.engines.lockstep import Lockstep

ENGINES = {
    "exact": "the twin alone",
    "revm": "twin and contracts, in an EVM inside this process",
    "devnet": "twin and contracts, on an anvil",
}
"""What each engine plays a run on."""


def check_engine(name: object) -> None:
    """Raises `ValueError` if there is no such engine."""
    if name not in ENGINES:
        known = ", ".join(f"{one!r} ({what})" for one, what in ENGINES.items())
        raise ValueError(f"there is no engine {name!r}; there are {known}")


@contextmanager
def follower(engine: str, world: World) -> Iterator[Lockstep | None]:
    """The protocol deployed on the engine's chain, None for the twin alone; gone after the block.

    Raises `ChainError` if its chain does not start, or if what it needs is not installed, and
    `ValueError` if there is no such engine.
    """
    check_engine(engine)
    if engine == "exact":
        yield None
        return
    try:
        from sim.engines.anvil import AnvilChain
        from sim.engines.chain import RevmChain
        from sim.engines.lockstep import DEPLOYMENT_SECONDS, Lockstep
    except ImportError as error:
        raise ChainError(
            f"{error.name} is not installed, and {engine} needs it: "
            "pip install 'breakwater[chain]', in a checkout pip install '.[chain]'"
        ) from error
    before_deployment = int(world.genesis.clock[0]) - 2 * DEPLOYMENT_SECONDS
    chain = AnvilChain(before_deployment) if engine == "devnet" else RevmChain()
    try:
        names = world.book.reading.names if world.book.reading else ()
        yield Lockstep(chain, world.genesis, world.symbols, names=names)
    finally:
        chain.close()
