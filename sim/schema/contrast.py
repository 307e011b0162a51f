"""The contrast part of a scenario: itself without what it is there to show.

`sim.measures.registry` has the measures: a schema knows none, so `unmeasured` of
`sim.measures.contrasts` says which name is of none.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from sim.schema.base import FromList, Part
from sim.schema.problems import Problem

PARTS = ("lowers", "raises", "costs")
"""Of the measures: what they are there for, and what that costs."""


class Contrast(Part):
    """What a mechanism lowers or raises, and at what cost: the scenario against itself without."""

    without: Mapping[str, Any] = Field(
        min_length=1,
        description="path of a field -> its value without the mechanism",
    )
    lowers: Annotated[tuple[str, ...], FromList] = Field(
        default=(),
        max_length=20,
        description="a list of measures of a run that the mechanism is there to lower",
    )
    raises: Annotated[tuple[str, ...], FromList] = Field(
        default=(),
        max_length=20,
        description="a list of those that it is there to raise; one at least is lowered or raised",
    )
    costs: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1,
        max_length=20,
        description="a list of measures of a run that say what that costs",
    )

    beside: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="other ways to the same end, to be held against this one on the same books: "
        "name of each -> path of a field -> its value there",
    )

    @property
    def measures(self) -> tuple[str, ...]:
        """All of them, what the mechanism is there for first."""
        return (*self.lowers, *self.raises, *self.costs)

    def part_of(self, name: str) -> str:
        """lowers, raises or costs."""
        return next(part for part in PARTS if name in getattr(self, part))

    def _problems(self) -> Iterator[Problem]:
        if not self.lowers and not self.raises:
            yield Problem("lowers", "is missing, and raises is as well", "one measure of a run")
        for n, name in enumerate(self.raises):
            if name in self.lowers:
                yield Problem(f"raises[{n}]", f"{name} is lowered too", "one of the two")
        for n, name in enumerate(self.costs):
            if name in (*self.lowers, *self.raises):
                done = "lowered" if name in self.lowers else "raised"
                yield Problem(f"costs[{n}]", f"{name} is {done} too", "one of the two")
