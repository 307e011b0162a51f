"""The contrast part of a scenario: itself without what it is there to show.

`sim.measures.registry` has the measures: a schema knows none, so `unmeasured` of
`sim.measures.contrasts` says which name is of none.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from sim.schema.base import FromList, Part
from sim.schema.problems import Problem


class Contrast(Part):
    """What a mechanism lowers and what it costs: the scenario against itself without it."""

    without: Mapping[str, Any] = Field(
        min_length=1,
        description="path of a field -> its value without the mechanism",
    )
    lowers: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1,
        max_length=20,
        description="a list of measures of a run that the mechanism is there to lower",
    )
    costs: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1,
        max_length=20,
        description="a list of measures of a run that say what that costs",
    )

    @property
    def measures(self) -> tuple[str, ...]:
        """All of them, what is lowered first."""
        return (*self.lowers, *self.costs)

    def _problems(self) -> Iterator[Problem]:
        for n, name in enumerate(self.costs):
            if name in self.lowers:
                yield Problem(f"costs[{n}]", f"{name} is lowered too", "one of the two")
