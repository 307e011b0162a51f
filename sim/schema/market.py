"""The market part of a scenario: assets and their prices, feeds, exit venues, arbitrage."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.protocol.soundness import MAX_HOLD_OFF, MIN_HOLD_OFF
from sim.protocol.units import BPS
from sim.schema.base import FromList, Part, PositiveUsd, Seconds, Symbol, Usd, Waypoint, unit
from sim.schema.price_file import PriceFile, PriceLevel
from sim.schema.problems import Problem

# A pair with nothing in it has no price: somebody always stays.
LEAST_DEPTH_SHARE = 1e-4
VenueName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)]
_DepthShare = Annotated[float, Field(ge=LEAST_DEPTH_SHARE, le=1)]
Kind = Literal["volatile", "stable", "lst", "lrt", "other"]


class Asset(Part):
    """One token and its reference price."""

    kind: Kind | None = Field(
        default=None,
        description="volatile, stable, lst, lrt or other: what is assumed of the asset where "
        "nothing else is said (sim/schema/kinds.yaml); absent: nothing",
    )
    decimals: int = Field(
        ge=0,
        le=18,
        description="the token's decimals, a whole number 0..18; its smallest unit is worth ten "
        "dollars at most",
    )
    address: str | None = Field(
        default=None,
        pattern=r"^0x[0-9a-fA-F]{40}$",
        description="the token's address, 0x and 40 hexadecimal digits: what files of books may "
        "call it; absent: they call it by its symbol",
    )
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
    hold_off_seconds: int = Field(
        ge=0,
        le=MAX_HOLD_OFF,
        description="how long such a move must be seen to last to be believed, in whole seconds, "
        "300 to 604800, and at least three steps; 0: no such guard",
    )
    rate_of: Symbol | None = Field(
        default=None,
        description="the asset whose feed this one follows, another key of assets: it answers rate "
        "x that answer; absent: it sees the price of its own asset",
    )
    rate: PriceLevel | None = Field(
        default=None,
        json_schema_extra=unit("tokens per token"),
        description="with rate_of: how much of that asset a token is worth: a number above 0, a "
        "list of waypoints {at, value}, or a {file}",
    )
    rate_growth_cap_bps_per_year: int | None = Field(
        default=None,
        ge=0,
        le=10 * BPS,
        description="with rate_of: the most that the rate may have grown since the start, linear, "
        "bps a year, 0..100000; absent: no cap",
    )
    replay: PriceFile | None = Field(
        default=None,
        description="a {file} of recorded rounds, which it answers at their times whatever the "
        "market does; they may be one and a half heartbeats apart unless max_gap_seconds is given",
    )

    def _problems(self) -> Iterator[Problem]:
        given = self.rate is not None or self.rate_growth_cap_bps_per_year is not None
        if self.rate_of is None and given:
            yield Problem("rate_of", "is missing", "the asset that the rate counts in")
        if self.rate_of is not None and self.rate is None:
            yield Problem("rate", "is missing", "a number, waypoints or a {file}")
        if self.rate_of is not None and self.replay is not None:
            yield Problem("replay", "given besides rate_of", "one of the two; null takes one back")
        if 0 < self.hold_off_seconds < MIN_HOLD_OFF:
            yield Problem(
                "hold_off_seconds",
                f"{self.hold_off_seconds} s leave a third of it too few blocks to be seen in",
                f"0, or {MIN_HOLD_OFF} to {MAX_HOLD_OFF}",
            )
        if self.min_price_usd >= self.max_price_usd:
            yield Problem(
                "min_price_usd",
                f"{self.min_price_usd:g} is not below max_price_usd {self.max_price_usd:g}",
                f"a number below {self.max_price_usd:g}",
            )


def _exactly_one(part: Part, names: tuple[str, ...]) -> Iterator[Problem]:
    """A problem unless one of the fields, and no more, has a value."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        yield Problem(
            given[1] if given else names[0],
            f"given besides {given[0]}" if given else "is missing",
            f"exactly one of {', '.join(names)}; null takes one back",
        )


def _rising(name: str, points: tuple[tuple[float, float], ...] | None) -> Iterator[Problem]:
    for i, (a, b) in enumerate(pairwise(points or ()), start=1):
        if a[0] >= b[0]:
            yield Problem(
                f"{name}[{i}][0]",
                f"{b[0]:g} does not exceed {a[0]:g} before it",
                f"a number above {a[0]:g}",
            )


class Depth(Part):
    """How deep a venue is, as market makers state it: $X moves the price by Y."""

    sale_usd: PositiveUsd = Field(
        description="USD of the first asset sold at once at the start, above 0, at most 1e+12"
    )
    price_move_bps: int = Field(
        ge=1, lt=BPS, description="fall of the venue's price by that sale, in bps, 1..9999"
    )


class Venue(Part):
    """A constant-product pair where seized collateral is sold."""

    assets: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair, two different symbols like [WETH, DAI]; the first is the base"
    )
    depth_usd_per_side: PositiveUsd | None = Field(
        default=None,
        description="USD on each side of the pair at the start, above 0, at most 1e+12",
    )
    depth: Depth | None = Field(
        default=None, description="instead: sale_usd, and price_move_bps that it causes"
    )
    quotes: (
        Annotated[
            tuple[
                Annotated[
                    tuple[PositiveUsd, Annotated[float, Field(gt=0, lt=BPS)]],
                    FromList,
                ],
                ...,
            ],
            FromList,
        ]
        | None
    ) = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        json_schema_extra=unit("USD, bps"),
        description="instead: a list of [USD of the first asset sold, average price impact in "
        "bps, above 0, below 10000, without fees], rising; the depth is fitted",
    )
    fee_bps: int = Field(ge=0, le=1_000, description="the swap fee in bps, 0..1000")
    name: VenueName | None = Field(
        default=None,
        description="what it is called, lower-case words joined by hyphens; needed where several "
        "venues trade the same pair",
    )
    depth_over_time: Annotated[tuple[Waypoint, ...], FromList] | None = Field(
        default=None,
        min_length=1,
        max_length=100_000,
        description="a list of waypoints {at, value}: share of the initial depth, .0001..1",
    )
    depth_by_drawdown: (
        Annotated[
            tuple[
                Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], _DepthShare], FromList], ...
            ],
            FromList,
        ]
        | None
    ) = Field(
        default=None,
        min_length=1,
        max_length=100,
        json_schema_extra=unit("share, share"),
        description="a list of [fall of the first asset from its highest reference price so far, "
        "0 to below 1, rising; share of the initial depth, .0001..1]",
    )

    REPLACED: ClassVar[Mapping[str, str]] = {
        "permanent_share_bps": "reference_market.assets: per asset the depth_usd_per_percent of "
        "the market outside the pools; a share s of the moves of a pool of R USD a side is "
        "R / (2 s) / 100"
    }

    @property
    def label(self) -> str:
        """What tables call it: WETH/DAI, WETH/DAI (deep)."""
        return "/".join(self.assets) + (f" ({self.name})" if self.name else "")

    def _problems(self) -> Iterator[Problem]:
        if self.assets[0] == self.assets[1]:
            yield Problem("assets[1]", f"{self.assets[1]} is paired with itself", "another asset")
        yield from _exactly_one(self, ("depth_usd_per_side", "depth", "quotes"))
        yield from _rising("quotes", self.quotes)
        yield from _rising("depth_by_drawdown", self.depth_by_drawdown)
        for i, (a, b) in enumerate(pairwise(self.depth_over_time or ()), start=1):
            if a.at >= b.at:
                yield Problem(
                    f"depth_over_time[{i}].at",
                    "does not come after the waypoint before it",
                    "rising times",
                )
        for i, waypoint in enumerate(self.depth_over_time or ()):
            if not LEAST_DEPTH_SHARE <= waypoint.value <= 1:
                yield Problem(
                    f"depth_over_time[{i}].value",
                    f"{waypoint.value:g} is no share of the initial depth",
                    f"a number from {LEAST_DEPTH_SHARE:g} to 1; start deeper to have more later",
                )


class Arbitrage(Part):
    """Who pulls the venues back to the reference price, and how hard."""

    half_life_seconds: float = Field(
        ge=1,
        le=365 * 86_400,
        description="seconds in which half of the gap to the reference price is closed, 1 to "
        "31536000",
    )
    capital_usd: Usd = Field(
        description="USD the arbitrageurs can hold at once, 0 (nobody arbitrages) to 1e+12"
    )

    REPLACED: ClassVar[Mapping[str, str]] = {
        "speed_bps": "half_life_seconds: step_seconds ln 2 / -ln(1 - speed_bps / 10000), so 90 "
        "for 9000 in 300 s; capital_usd 0 for no arbitrage"
    }
