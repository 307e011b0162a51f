"""What a sweep is to run: a scenario, how its paths are drawn, and how they are cut into blocks."""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.market.draws import REPLICATES, Sampler
from sim.scenario import Scenario

BLOCK = 64
"""Paths of a block unless the user says otherwise: seconds of work, so that threads end together
and little is lost when a run is killed.
"""
PATHS = 1_024
"""Paths of a sweep unless the user says otherwise: a number that suits both samplers."""


class Block(NamedTuple):
    """Paths `first` to `first + size - 1`."""

    number: int
    first: int
    size: int

    def __str__(self) -> str:
        return f"paths {self.first:,} to {self.first + self.size - 1:,}"


class Plan(NamedTuple):
    """Paths 0 to `paths - 1` of a scenario, `block` of them at a time."""

    scenario: Scenario
    sampler: Sampler
    paths: int
    block: int

    def blocks(self) -> list[Block]:
        """All blocks. Boundaries are multiples of the size; the last block may be shorter."""
        firsts = range(0, self.paths, self.block)
        return [
            Block(number, first, min(self.block, self.paths - first))
            for number, first in enumerate(firsts)
        ]

    def problem(self) -> str | None:
        """Why this cannot be run or its errors not be estimated, and what would do; or None."""
        for name, number in (("paths", self.paths), ("block", self.block)):
            if number < 1:
                return f"{name} {number}: 1 or more is needed"
        if self.sampler == "mc" or not self.paths % REPLICATES:
            return None
        below = self.paths - self.paths % REPLICATES
        near = " or ".join(f"{n:,}" for n in (below, below + REPLICATES) if n)
        return (
            f"{self.paths:,} paths are not {REPLICATES} replicates of equal size, from which the "
            f"errors of sobol are estimated: {near} would do"
        )

    def advice(self) -> str | None:
        """A number of paths that the sampler makes more of, if this is not one."""
        each = self.paths / REPLICATES
        if self.sampler == "mc" or not each or math.log2(each).is_integer():
            return None
        power = math.floor(math.log2(each)) if each >= 1 else 0
        near = " or ".join(f"{REPLICATES * 2**p:,}" for p in (power, power + 1))
        return (
            f"Sobol points are balanced best when each of the {REPLICATES} replicates has a power "
            f"of two of them: {near} paths would give more than {self.paths:,}."
        )
