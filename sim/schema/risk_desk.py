"""Ratios that follow risk: the bounds of a steward, and the desk that proposes."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from sim.protocol.soundness import RAMP_PER_BPS, most_returned
from sim.protocol.units import BPS, to_wad
from sim.schema.base import Bps, FromList, Part, Share, Symbol, unit
from sim.schema.problems import Problem, unknown

Volatility = Annotated[float, Field(ge=0, le=20)]
Option = Literal["buffer", "stressed", "floor"]


class Steward(Part):
    """By how much and how often parameters change without the admin (RiskSteward.sol)."""

    max_change_bps: int = Field(
        default=100,
        ge=1,
        le=BPS,
        description="most that a ratio or a slope changes at once, in bps, 1..10000",
    )
    max_cap_change_bps: int = Field(
        default=2_000,
        ge=1,
        le=BPS,
        description="most that a cap changes at once, in bps of it, 1..10000",
    )
    ramp_hours: float = Field(
        default=24,
        gt=0,
        le=365 * 24,
        description="hours in which a lowered threshold comes into force, at least .24 for each of "
        "max_change_bps",
    )
    min_delay_hours: float = Field(
        default=24,
        gt=0,
        le=365 * 24,
        description="hours from a change of a parameter to the next, at least ramp_hours",
    )

    def _problems(self) -> Iterator[Problem]:
        least = self.max_change_bps * RAMP_PER_BPS
        if round(self.ramp_hours * 3_600) < least:
            yield Problem(
                "ramp_hours",
                f"{self.ramp_hours:g} hours are too short for {self.max_change_bps} bps",
                f"at least {least / 3_600:g}, or a smaller max_change_bps",
            )
        if self.min_delay_hours < self.ramp_hours:
            yield Problem(
                "min_delay_hours",
                f"{self.min_delay_hours:g} is below ramp_hours {self.ramp_hours:g}",
                f"at least {self.ramp_hours:g}",
            )

    def bounds(self) -> list[int]:
        """In the units of the contract: the columns of the twin's bounds."""
        seconds = [round(hours * 3_600) for hours in (self.min_delay_hours, self.ramp_hours)]
        return [self.max_change_bps, self.max_cap_change_bps, *seconds]


class RiskDesk(Part):
    """Who proposes thresholds and borrow limits to the steward, by what prices did until then."""

    assets: Annotated[tuple[Symbol, ...], FromList] = Field(
        min_length=1, max_length=64, description="a list of the collaterals reviewed, of assets"
    )
    review_seconds: int = Field(
        ge=1,
        le=30 * 86_400,
        description="how often, and from one return to the next, in whole seconds, 1..2592000",
    )
    estimator: Literal["ewma", "garch"] = Field(
        default="ewma",
        description="ewma: squared returns, less by half after half_life_hours; garch: a "
        "GARCH(1,1), Student-t, and DCC(1,1) correlations, fitted to the history",
    )
    half_life_hours: float | None = Field(
        default=None, gt=0, le=365 * 24, description="ewma only: half of a return's weight is gone"
    )
    history: str | None = Field(
        default=None,
        min_length=1,
        description="garch only: a file with a column of prices per asset, before the run",
    )
    volatility_per_sqrt_year: Mapping[Symbol, Volatility] = Field(
        json_schema_extra=unit("per square root of a year"),
        description="per asset, of log returns over the long run, 0 to 20: where estimates begin; "
        "absent: 0",
    )
    stressed_volatility_per_sqrt_year: Mapping[Symbol, Volatility] = Field(
        default_factory=dict,
        json_schema_extra=unit("per square root of a year"),
        description="stressed only: per asset, of the worst time known, 0 to 20",
    )
    correlation: float = Field(
        default=0.0,
        ge=-1,
        le=1,
        json_schema_extra=unit("correlation"),
        description="of returns of any two over the long run, -1..1",
    )
    horizon_hours: float = Field(
        gt=0, le=90 * 24, description="how long a liquidation may take, in hours, above 0 to 2160"
    )
    deviations: float = Field(
        gt=0,
        le=10,
        json_schema_extra=unit("standard deviations"),
        description="z: of a move that is to be borne, above 0 to 10",
    )
    floor_bps: Bps = Field(description="the lowest threshold proposed, in bps, 0..10000")
    ceiling_bps: Bps = Field(description="the highest threshold proposed, in bps, 0..10000")
    buffer_bps: Bps = Field(description="the borrow limit is so much below, in bps, 0..10000")
    against_procyclicality: Annotated[tuple[Option, ...], FromList] = Field(
        default=(),
        max_length=3,
        description="a list of buffer (haircuts of 1.25 times the estimate, used up before they "
        "rise), stressed (a quarter of them is of stressed volatility), floor (none is below that "
        "of the long run); absent: none",
    )
    sale_share: Share = Field(
        default=1.0,
        description="share of an account's collateral that is sold at once, for its slippage, 0..1",
    )

    def _problems(self) -> Iterator[Problem]:
        for name, estimator in (("half_life_hours", "ewma"), ("history", "garch")):
            given, needed = getattr(self, name) is not None, self.estimator == estimator
            if needed and not given:
                wanted = str(type(self).model_fields[name].description)
                yield Problem(name, f"is missing for estimator {estimator}", wanted)
            if given and not needed:
                yield Problem(name, f"means nothing for estimator {self.estimator}", "remove it")
        if not self.buffer_bps < self.floor_bps <= self.ceiling_bps:
            yield Problem(
                "floor_bps",
                f"{self.floor_bps} is not above buffer_bps {self.buffer_bps} and at most "
                f"ceiling_bps {self.ceiling_bps}",
                "buffer_bps < floor_bps <= ceiling_bps",
            )
        if "stressed" in self.against_procyclicality and not self.stressed_volatility_per_sqrt_year:
            yield Problem(
                "stressed_volatility_per_sqrt_year", "is missing for stressed", "one per asset"
            )

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        for n, symbol in enumerate(self.assets):
            yield from unknown(whole.assets, f"assets[{n}]", symbol)
        for name in ("volatility_per_sqrt_year", "stressed_volatility_per_sqrt_year"):
            for symbol in getattr(self, name):
                yield from unknown(whole.assets, f"{name}.{symbol}", symbol)
        if self.review_seconds < whole.step_seconds:
            yield Problem(
                "review_seconds",
                f"{self.review_seconds} s are less than a step of {whole.step_seconds} s, and it "
                "sees a price a step",
                f"at least {whole.step_seconds}",
            )
        if whole.protocol.steward is None:
            yield Problem("assets", "nobody may change them", "a protocol.steward, or no risk_desk")
        policy = whole.protocol.policy()
        health = {
            "target-health": policy["hf_for_max_bonus"],
            "close-factor": policy["full_close_health"],
        }.get(whole.protocol.liquidation.engine, to_wad(1))
        for symbol in self.assets:
            if symbol not in whole.protocol.reserves:
                continue
            bonus = whole.protocol.reserves[symbol].max_bonus_bps
            most = most_returned(health) // (BPS + bonus)
            if self.ceiling_bps > most:
                remedy = f"at most {most}"
                problem = f"the vault refuses {self.ceiling_bps} for {symbol}, of bonus {bonus}"
                yield Problem("ceiling_bps", problem, remedy)
