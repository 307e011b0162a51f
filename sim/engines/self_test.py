"""What compiled code must come to: two small worlds on integers. In one people, attacker and
liquidators do all that they can without mechanisms (`self_test.yaml`); in the other all mechanisms
are on and do something (`self_test_mechanisms.yaml`). Each takes a tenth of a second, once in a
process.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.engines.exact import run
from sim.engines.memory import Memory, on_floats
from sim.engines.outcome import OPERATIONS, conclude, follow, names, width
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.state import FEE_REMAINDER, FEE_SHARES
from sim.scenario import load
from sim.world import World, build, on_path

Floats = npt.NDArray[np.float64]

PLAIN, MECHANISMS = (
    Path(__file__).with_name(f"self_test{which}.yaml") for which in ("", "_mechanisms")
)
TOLERANCE = 1e-6
"""Of an amount in doubles. Amounts of a test have a million units and more; what goes wrong goes
wrong by whole operations."""
_UNITS = 1_000
"""Of what is smaller: roundings of integers, a few in each operation."""
_SCRATCH = ("split", "result", "journal", "journal_length", "undo")


class Expected(NamedTuple):
    """An exact run."""

    world: World
    """As it starts."""
    names: list[str]
    """Of the numbers of `outcome`."""
    path: tuple[Floats, Floats]
    """Its prices and what feeds see of them, (1, steps + 1, assets) in whole price units."""
    outcome: Floats
    end: Memory
    """As it ends, on floats."""


@lru_cache
def expected(scenario: Path = PLAIN) -> Expected:
    """The exact run of one of the two, once in a process."""
    world = build(load(scenario))
    prices, seen = world.market.price, world.market.feeds.observed
    one = on_path(world, prices, seen)
    outcome = np.full(width(len(world.symbols), len(world.state.policy)), 0, dtype=object)
    for k, rows, _ in run(one):
        if k:
            outcome[OPERATIONS] += len(rows)
            follow(one.state, one.market, k, outcome)
    conclude(one.state, one.market, world.scenario.steps, outcome)
    path = prices[np.newaxis].astype(np.float64), seen[np.newaxis].astype(np.float64)
    of = names(world.symbols, list(world.scenario.protocol.vaults))
    return Expected(world, of, path, outcome.astype(np.float64), on_floats(one))


def difference_of_outcome(found: Floats, wanted: Expected) -> str | None:
    """The first number of a path's outcome that compiled code has otherwise.

    Operations are not counted: of a price that is a rounding off, a router is told once more.
    """
    for column, (name, right) in enumerate(zip(wanted.names, wanted.outcome, strict=True)):
        if column != OPERATIONS and not _close(found[column], right):
            return f"{name} {found[column]:,.6g} instead of {right:,.6g}"
    return None


def difference_of_state(found: Memory, wanted: Memory) -> str | None:
    """The first field of the protocol's state that compiled code has otherwise.

    But for what is carried over of a unit of fees: doubles have nothing to carry. A million shares
    are a unit.
    """
    for name, b in wanted.state._asdict().items():
        a = getattr(found.state, name)
        if name == "hub":
            a, b = (rows.astype(np.float64) for rows in (a, b))
            for rows in (a, b):
                rows[:, FEE_REMAINDER] = 0
                rows[:, FEE_SHARES] /= VIRTUAL_SHARES
        if name not in _SCRATCH and not _close(a, b):
            return f"another {name} at the end"
    return None


def _close(a: npt.ArrayLike, b: npt.ArrayLike) -> bool:
    """Of the same shape and, as far as doubles go, of the same numbers."""
    return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=TOLERANCE, atol=_UNITS)
