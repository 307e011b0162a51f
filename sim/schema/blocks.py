"""The blocks that liquidations must find room in."""

from collections.abc import Iterator

from pydantic import Field

from sim.schema.base import Level, Part, unit
from sim.schema.problems import Problem


class Blocks(Part):
    """How much room blocks have for liquidations, and how long a low bid waits for it."""

    liquidation_calls_per_hour: Level | None = Field(
        default=None,
        description="liquidations that find room in an hour's blocks: a number above 0, or a list "
        "of waypoints {at, value}; absent: as many as there are",
    )
    seconds: float | None = Field(
        default=None, ge=0.1, le=3_600, description="from block to block, in seconds, .1 to 3600"
    )
    gas_price_spread: float | None = Field(
        default=None,
        ge=0.01,
        le=3,
        json_schema_extra=unit("standard deviation of the logarithm"),
        description="how much gas prices of single blocks scatter around gas_price_gwei, standard "
        "deviation of the logarithm, .01 to 3: a bid waits for a block that it pays for; absent: "
        "one below gas_price_gwei is silent",
    )

    def _problems(self) -> Iterator[Problem]:
        if (self.seconds is None) != (self.gas_price_spread is None):
            missing = "seconds" if self.seconds is None else "gas_price_spread"
            yield Problem(missing, "is missing", "both of seconds and gas_price_spread, or neither")
