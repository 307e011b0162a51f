"""The market part of a scenario: assets and their prices, feeds, exit venues, arbitrage."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from sim.schema.base import BPS, Bps, FromList, Part, PositiveUsd, Seconds, Symbol, Usd
from sim.schema.price_file import PriceLevel
from sim.schema.problems import Problem


class Asset(Part):
    """One token and its reference price."""

    decimals: int = Field(ge=6, le=18, description="the token's decimals, a whole number 6..18")
    price_usd: PriceLevel = Field(
        description="USD per token: a number above 0, a list of waypoints {at, value}, or a "
        "{file} of recorded prices"
    )


class Feed(Part):
    """How an asset's price reaches the protocol: the feed's reporting and the router's guards."""

    heartbeat_seconds: int = Field(
        ge=1, le=30 * 86_400, description="the longest silence in whole seconds, 1..2592000"
    )
    deviation_bps: int = Field(
        ge=1, le=BPS, description="the move that triggers a report, in bps, 1..10000"
    )
    latency_seconds: Seconds = Field(description="from trigger to chain, in whole seconds, >= 0")
    min_price_usd: float = Field(
        ge=1e-8, le=1e11, description="USD; an answer below it is refused, 1e-8 to 1e+11"
    )
    max_price_usd: float = Field(
        ge=1e-8, le=1e11, description="USD; an answer above it is refused, 1e-8 to 1e+11"
    )
    max_move_bps: int = Field(
        ge=1, le=10 * BPS, description="the move that starts a hold-off, in bps, 1..100000"
    )
    hold_off_seconds: Seconds = Field(
        description="how long such a move must last to be believed, in whole seconds, >= 0"
    )

    def _problems(self) -> Iterator[Problem]:
        if self.min_price_usd >= self.max_price_usd:
            yield Problem(
                "min_price_usd",
                f"{self.min_price_usd:g} is not below max_price_usd {self.max_price_usd:g}",
                f"a number below {self.max_price_usd:g}",
            )


class Venue(Part):
    """A constant-product pair where seized collateral is sold."""

    assets: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair, two different symbols like [WETH, DAI]"
    )
    depth_usd_per_side: PositiveUsd = Field(
        description="USD on each side of the pair at the start, above 0, at most 1e+12"
    )
    fee_bps: int = Field(ge=0, le=1_000, description="the swap fee in bps, 0..1000")

    def _problems(self) -> Iterator[Problem]:
        if self.assets[0] == self.assets[1]:
            yield Problem("assets[1]", f"{self.assets[1]} is paired with itself", "another asset")


class Arbitrage(Part):
    """Who pulls the venues back to the reference price, and how hard."""

    speed_bps: Bps = Field(
        description="share of the gap to the reference price closed per step, in bps, 0..10000"
    )
    capital_usd: Usd = Field(description="USD the arbitrageurs can hold at once, 0 to 1e+12")
