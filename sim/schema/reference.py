"""The reference market in a scenario: how deep it is, and what its recorded prices contain."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from sim.schema.base import Part, Symbol
from sim.schema.problems import Problem


class ReferenceDepth(Part):
    """How far sales move an asset's reference price, and for how long."""

    depth_usd_per_percent: float = Field(
        ge=1,
        le=1e12,
        description="USD sold, in the market and its pools together, that lower the reference "
        "price by 1%, 1 to 1e+12",
    )
    half_life_hours: Annotated[float, Field(gt=0, le=365 * 24)] | None = Field(
        default=None,
        description="hours in which half of what sales left in the price is gone again, above 0, "
        "at most 8760; absent: it stays",
    )


class ReferenceMarket(Part):
    """Where everybody outside trades."""

    assets: Mapping[Symbol, ReferenceDepth] = Field(
        min_length=1,
        description="per asset: depth_usd_per_percent, half_life_hours; one not listed is deep "
        "without bound",
    )
    prices_contain_impact: bool = Field(
        default=False,
        description="true: the prices named are recorded ones, with what sales of the time left "
        "in them; false: they are what prices were without",
    )
    baseline: str | None = Field(
        default=None,
        min_length=1,
        description="the scenario whose sales the recorded prices contain, a known name or the "
        "path of a file; absent: this one",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.baseline is not None and not self.prices_contain_impact:
            yield Problem(
                "baseline",
                "names whose sales are in prices that contain none",
                "prices_contain_impact: true, or no baseline",
            )
