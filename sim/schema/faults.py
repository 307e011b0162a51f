"""The feeds part of a scenario: one feed per asset, and what goes wrong with them.

A fault holds from `from` until just before `until`. Every kind is one class here; what it does to
the answers is in `sim.market.faults` and `sim.market.feeds`.
"""

from collections.abc import Collection, ItemsView, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag

from sim.protocol.units import BPS
from sim.schema.base import FromList, Instant, Level, Magnitude, Part, Symbol, Waypoint
from sim.schema.market import Feed, Venue, VenueName
from sim.schema.problems import InconsistentError, Problem, nearest
from sim.schema.venues import name_problems, places_of


class Window(Part):
    """When a fault holds: every kind has these two."""

    # `from` is a word of Python; files and messages have the alias.
    model_config = ConfigDict(serialize_by_alias=True)

    from_: Instant | None = Field(
        default=None, alias="from", description="a time with its zone; absent: from the start"
    )
    until: Instant | None = Field(
        default=None, description="a time with its zone, not included; absent: to the end"
    )


class AssetFault(Window):
    """A fault of one asset's feed."""

    asset: Symbol = Field(description="the asset whose feed is meant, a key of assets")


class Outage(AssetFault):
    """No reports, not even at the heartbeat."""

    kind: Literal["outage"] = Field(description="outage")


class Delay(AssetFault):
    """Reports take a random time longer, each its own; the newest that has arrived counts."""

    kind: Literal["delay"] = Field(description="delay")
    mean_seconds: float = Field(
        gt=0, le=86_400, description="mean of the exponential extra latency, above 0 to 86400 s"
    )


class GasDelay(AssetFault):
    """Reports take longer while gas is dear."""

    kind: Literal["gas-delay"] = Field(description="gas-delay")
    above_gwei: float = Field(
        ge=0, le=1e6, description="gwei per gas up to which there is no extra latency, 0 to 1e+6"
    )
    seconds_per_gwei: float = Field(
        gt=0, le=86_400, description="extra latency per gwei above that, above 0 to 86400 s"
    )


class Floor(AssetFault):
    """A stuck minAnswer: the feed never answers less."""

    kind: Literal["floor"] = Field(description="floor")
    answer_usd: Magnitude = Field(description="USD; the lowest answer, 1e-8 to 1e+11")


class WrongAnswer(AssetFault):
    """The right answer times a factor."""

    kind: Literal["wrong-answer"] = Field(description="wrong-answer")
    factor: Level = Field(
        description="wrong answer / right answer: 1e-8 to 1e+11, or a list of waypoints {at, value}"
    )


class WrongDecimals(AssetFault):
    """The right answer with the point elsewhere."""

    kind: Literal["wrong-decimals"] = Field(description="wrong-decimals")
    digits: int = Field(
        ge=-12, le=12, description="the answer is the right one times 10^digits, -12..12, not 0"
    )

    def _problems(self) -> Iterator[Problem]:
        if self.digits == 0:
            yield Problem("digits", "0 is no fault", "-12..12, not 0")


class Spike(AssetFault):
    """A single venue's print: log-linear to the peak in the middle of the window, and back."""

    kind: Literal["spike"] = Field(description="spike")
    peak_factor: float = Field(
        ge=1e-4, le=1e4, description="answer / right answer at the peak, 1e-4 to 1e+4"
    )


class RateCap(AssetFault):
    """An adapter that caps a rate, and can fall behind it."""

    kind: Literal["rate-cap"] = Field(description="rate-cap")
    of: Symbol = Field(description="the asset that the rate counts in, another key of assets")
    ratio: float = Field(
        ge=1e-8, le=1e8, description="the highest rate when the cap begins, 1e-8 to 1e+8"
    )
    growth_bps_per_year: int = Field(
        default=0, ge=0, le=10 * BPS, description="linear growth of the cap, bps a year, 0..100000"
    )

    def _problems(self) -> Iterator[Problem]:
        if self.of == self.asset:
            yield Problem("of", f"{self.of} is capped by itself", "another asset")


class VenuePrice(AssetFault):
    """The feed reads one pool, where anyone can trade."""

    kind: Literal["venue"] = Field(description="venue")
    venue: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair of one of venues that holds the asset, like [CRV, USDC]"
    )
    venue_name: VenueName | None = Field(
        default=None,
        description="the name of that venue, where several trade the pair; absent: the only one",
    )


class SequencerDown(Window):
    """No transaction of anybody is included; for a while after it nobody borrows or liquidates."""

    kind: Literal["sequencer-down"] = Field(description="sequencer-down")
    grace_seconds: int = Field(
        default=0,
        ge=0,
        le=7 * 86_400,
        description="from `until` on, seconds in which no price counts for borrowing and "
        "liquidation yet, 0..604800",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.grace_seconds and self.until is None:
            yield Problem("grace_seconds", "the outage has no end", "until as well")


_KINDS: dict[str, type[Window]] = {
    "outage": Outage,
    "delay": Delay,
    "gas-delay": GasDelay,
    "floor": Floor,
    "wrong-answer": WrongAnswer,
    "wrong-decimals": WrongDecimals,
    "spike": Spike,
    "rate-cap": RateCap,
    "venue": VenuePrice,
    "sequencer-down": SequencerDown,
}


def _kind(fault: Any) -> Any:
    return fault.get("kind") if isinstance(fault, Mapping) else getattr(fault, "kind", None)


def _of_known_kind(fault: Any) -> Any:
    if isinstance(fault, Mapping) and _kind(fault) not in list(_KINDS):  # a list is no key
        remedy = nearest(str(_kind(fault)), _KINDS, "the kinds are")
        problem = "is no kind of fault" if "kind" in fault else "is missing"
        raise InconsistentError([Problem("kind", problem, remedy)])
    return fault


Fault = Annotated[
    Annotated[Outage, Tag("<outage>")]
    | Annotated[Delay, Tag("<delay>")]
    | Annotated[GasDelay, Tag("<gas-delay>")]
    | Annotated[Floor, Tag("<floor>")]
    | Annotated[WrongAnswer, Tag("<wrong-answer>")]
    | Annotated[WrongDecimals, Tag("<wrong-decimals>")]
    | Annotated[Spike, Tag("<spike>")]
    | Annotated[RateCap, Tag("<rate-cap>")]
    | Annotated[VenuePrice, Tag("<venue>")]
    | Annotated[SequencerDown, Tag("<sequencer-down>")],
    Discriminator(
        lambda fault: f"<{_kind(fault)}>",
        custom_error_type="no_fault",
        custom_error_message="should be a mapping with a kind",
    ),
    BeforeValidator(_of_known_kind),
]


class Feeds(Part):
    """The feed of every asset, by its symbol, and the faults of all of them."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Symbol, Feed] = Field(init=False)

    faults: Annotated[tuple[Fault, ...], FromList] = Field(
        default=(),
        max_length=1_000,
        description="a list of faults: kind, asset, from, until...; absent: none",
    )

    def __getitem__(self, symbol: str) -> Feed:
        return self.__pydantic_extra__[symbol]

    def items(self) -> ItemsView[str, Feed]:
        """The feeds by symbol, without the faults."""
        return self.__pydantic_extra__.items()

    def _rate_problems(self, assets: Collection[str]) -> Iterator[Problem]:
        """A feed follows one that follows none."""
        for symbol, feed in self.items():
            base = feed.rate_of
            if base is None:
                continue
            others = [name for name in assets if name != symbol]
            if base not in others:
                remedy = nearest(base, others, "the other assets are")
                yield Problem(f"feeds.{symbol}.rate_of", "not another asset", remedy)
            elif (known := self.__pydantic_extra__.get(base)) and known.rate_of:
                problem = f"{base}'s feed follows another itself"
                remedy = f"{known.rate_of}, and the product of the rates"
                yield Problem(f"feeds.{symbol}.rate_of", problem, remedy)

    def problems_in(
        self,
        assets: Collection[str],
        venues: Sequence[Venue],
        start: datetime,
        steps: int,
        step_seconds: int,
    ) -> Iterator[Problem]:
        """What is wrong with feeds and faults in a run of these assets, venues and times."""
        yield from self._rate_problems(assets)
        end = start + timedelta(seconds=steps * step_seconds)
        windows = [
            (f.from_ or start, f.until or datetime.max.replace(tzinfo=start.tzinfo))
            for f in self.faults
        ]
        for n, (fault, (begin, stop)) in enumerate(zip(self.faults, windows, strict=True)):
            path = f"feeds.faults[{n}]"
            for name in ("asset", "of"):
                symbol = getattr(fault, name, None)
                if symbol is not None and symbol not in assets:
                    remedy = nearest(symbol, assets, "the assets are")
                    yield Problem(f"{path}.{name}", "not an asset", remedy)
            feed = self.__pydantic_extra__.get(_asset(fault) or "")
            if feed and (feed.rate_of or feed.replay) and isinstance(fault, _OF_THE_PRICE_SEEN):
                problem = f"{fault.asset}'s feed does not see the price of its asset"
                yield Problem(f"{path}.kind", problem, "another kind of fault, or another feed")
            if isinstance(fault, VenuePrice):
                yield from _venue_problems(fault, venues, path)
            if isinstance(fault, WrongAnswer) and isinstance(fault.factor, tuple):
                yield from _factor_problems(fault.factor, begin, min(stop, end), path)
            yield from _window_problems(fault, begin, stop, start, end, step_seconds, path)
            for m, (other, (other_begin, other_stop)) in enumerate(
                zip(self.faults[:n], windows[:n], strict=True)
            ):
                same = fault.kind == other.kind and _asset(fault) == _asset(other)
                if same and begin < other_stop and other_begin < stop:
                    yield Problem(
                        path,
                        f"overlaps feeds.faults[{m}], of the same kind",
                        "windows that follow each other, or one fault",
                    )


_OF_THE_PRICE_SEEN = (Delay, GasDelay, VenuePrice)
"""Faults of how a feed comes to see the price of its asset."""


def _asset(fault: Window) -> str | None:
    return fault.asset if isinstance(fault, AssetFault) else None


def _venue_problems(fault: VenuePrice, venues: Sequence[Venue], path: str) -> Iterator[Problem]:
    if not places_of(venues, fault.venue):
        names = ["/".join(venue.assets) for venue in venues]
        remedy = nearest("/".join(fault.venue), names, "the venues are")
        yield Problem(f"{path}.venue", "not a venue", remedy)
    elif fault.asset not in fault.venue:
        yield Problem(
            f"{path}.venue", f"{fault.asset} is not traded there", f"a venue of {fault.asset}"
        )
    else:
        for found in name_problems(venues, fault.venue, fault.venue_name):
            yield found._replace(path=f"{path}.{found.path}")


def _factor_problems(
    factor: tuple[Waypoint, ...], begin: datetime, stop: datetime, path: str
) -> Iterator[Problem]:
    if factor[0].at > stop or factor[-1].at < begin:
        yield Problem(
            f"{path}.factor", "all waypoints lie outside the window", "others, or one number"
        )


def _window_problems(
    fault: Window,
    begin: datetime,
    stop: datetime,
    start: datetime,
    end: datetime,
    step_seconds: int,
    path: str,
) -> Iterator[Problem]:
    inside = f"a time from {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}"
    outside = [
        name
        for name, at in (("from", fault.from_), ("until", fault.until))
        if at is not None and not start <= at <= end
    ]
    for name in outside:
        yield Problem(f"{path}.{name}", "lies outside the run", inside)
    # The first step ends one step after the start; the start itself is not one.
    first = max(ceil((begin - start).total_seconds() / step_seconds), 1)
    if not outside and start + timedelta(seconds=first * step_seconds) >= stop:
        yield Problem(
            f"{path}.until",
            f"no step lies from {begin:%Y-%m-%dT%H:%M:%SZ} until then",
            f"a later time: steps are {step_seconds} s apart",
        )
