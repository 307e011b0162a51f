"""The expected part of a scenario: published figures that a run is held against.

`sim.measures.registry` has the measures, what each means and how it is computed from a run: a
schema knows none, so `sim.measures.published.unmeasured` says which figure is of none.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from sim.schema.base import Part, unit
from sim.schema.problems import Problem

EARLIER = {
    "bad_debt_usd": "loss_usd",
    "bad_debt_tokens": "loss_tokens",
    "liquidated_usd": "repaid_usd",
    "liquidated_tokens": "repaid_tokens",
}
"""Names of versions before 0.3.0 -> of today. Bad debt meant bad debt and shortfall here: what is
published of an event does not tell them apart.
"""


def of_today(measure: str) -> str:
    """The name of a measure as it is today, with its asset."""
    name, dot, asset = measure.partition(".")
    return f"{EARLIER.get(name, name)}{dot}{asset}"


class Expected(Part):
    """One published figure: a value, or a range where sources differ."""

    measure: Annotated[str, AfterValidator(of_today)] = Field(
        description="the name of a measure of a run, or with an asset, as lowest_price.WETH, of one"
    )
    value: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the published figure, 0 or more; or low and high",
    )
    low: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the lowest published figure, 0 or more; with high",
    )
    high: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the highest published figure, 0 or more; with low",
    )
    source: str = Field(min_length=1, max_length=500, description="who published it, as text")
    sized: bool = Field(
        default=False,
        description="true if sizes of the scenario, of its book, pools or liquidators, were chosen "
        "with this figure in view",
    )
    note: str = Field(
        default="", max_length=500, description="what to know when comparing, as text"
    )

    @property
    def kind(self) -> str:
        """The measure without its asset."""
        return self.measure.partition(".")[0]

    @property
    def asset(self) -> str | None:
        """The asset of a measure that is of one."""
        return self.measure.partition(".")[2] or None

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest published figure; equal where there is one."""
        low, high = (self.value if end is None else end for end in (self.low, self.high))
        return low or 0.0, high or 0.0

    def _problems(self) -> Iterator[Problem]:
        given = tuple(end is not None for end in (self.value, self.low, self.high))
        if given not in ((True, False, False), (False, True, True)):
            yield Problem("value", "neither one figure nor a range", "value, or low and high")
        elif self.range[0] > self.range[1]:
            yield Problem("low", f"{self.low:g} is above high {self.high:g}", "low below high")
