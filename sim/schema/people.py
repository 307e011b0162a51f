"""How people react during a run: borrowers who mind their accounts, suppliers who leave, and all
who answer to interest rates.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from sim.protocol.units import BPS
from sim.schema.base import Bps, Part, Seconds, Share, unit
from sim.schema.deployment import Rates
from sim.schema.problems import Problem

MOST_ROUNDS = 10
MOST_WITHDRAWALS = 100_000
GREATEST_LOSS = 0.1
"""Share of the supply up to which the table of arrivals is made to last."""

Health = Annotated[float, Field(ge=1, le=1_000)]
Rounds = Annotated[int, Field(ge=1, le=MOST_ROUNDS)]
Sensitivity = Annotated[float, Field(ge=0, le=1_000)]
PerPoint = Annotated[float, Field(ge=0, le=10)]

# Per kind: the fields that it needs, and those that it may have besides.
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "top-up": (("below_health", "reserve_share"), ()),
    "deleverage": (("below_health", "rounds"), ("reserve_share", "max_slippage_bps")),
    "loop": (("above_health", "rounds"), ("max_slippage_bps",)),
    "withdraw": (("above_health",), ()),
}


class Behaviour(Part):
    """What a share of the borrowers does when their health is beyond a level."""

    name: str = Field(min_length=1, max_length=64, description="a name, 1 to 64 characters")
    kind: Literal["top-up", "deleverage", "loop", "withdraw"] = Field(
        description="top-up, deleverage, loop or withdraw: add tokens of their own; sell "
        "collateral to repay; borrow to buy collateral; take collateral out"
    )
    share: Share = Field(description="share of all accounts that behave like this, 0..1")
    below_health: Health | None = Field(
        default=None,
        description="top-up, deleverage: they act below this health factor, 1 to 1000",
    )
    above_health: Health | None = Field(
        default=None, description="loop, withdraw: they act above this health factor, 1 to 1000"
    )
    on_margin_call: bool = Field(
        default=False,
        description="top-up, deleverage: true if they act when their account is called for margin, "
        "instead of below a health of their own; absent: false",
    )
    to_health: Health = Field(description="the health factor they want, 1 to 1000")
    review_seconds: int = Field(
        ge=1,
        le=30 * 86_400,
        description="how often they look, and try again under a call, whole seconds, 1..2592000",
    )
    delay_seconds: Seconds = Field(
        description="from the look, or the call, to the action, in whole seconds, 0 to a year"
    )
    probability: Share = Field(description="share of them that react at all, 0..1")
    rounds: Rounds | None = Field(
        default=None,
        json_schema_extra=unit("rounds"),
        description=f"deleverage, loop: most rounds each time, a whole number 1..{MOST_ROUNDS}",
    )
    reserve_share: float | None = Field(
        default=None,
        gt=0,
        le=10,
        description="top-up, deleverage: own tokens at the start as a share of the collateral, "
        "above 0 to 10",
    )
    max_slippage_bps: Bps | None = Field(
        default=None,
        description="deleverage, loop: the most lost by a sale against the oracle prices, in bps, "
        "0..10000; absent: 1000",
    )

    def _problems(self) -> Iterator[Problem]:
        needed, possible = _FIELDS[self.kind]
        if self.on_margin_call and "below_health" not in needed:
            yield Problem("on_margin_call", f"means nothing for kind {self.kind}", "remove it")
        elif self.on_margin_call:  # which stands in for a health of their own
            needed = tuple(name for name in needed if name != "below_health")
        for name in ("below_health", "above_health", "rounds", "reserve_share", "max_slippage_bps"):
            given = getattr(self, name) is not None
            if name in needed and not given:
                wanted = str(type(self).model_fields[name].description)
                yield Problem(name, f"is missing for kind {self.kind}", wanted)
            if given and name not in needed + possible:
                whom = f"kind {self.kind}"
                if self.on_margin_call and name == "below_health":
                    whom = "who waits for a margin call"
                yield Problem(name, f"means nothing for {whom}", "remove it")
        if self.below_health is not None and self.to_health <= self.below_health:
            yield Problem(
                "to_health",
                f"{self.to_health:g} is not above below_health {self.below_health:g}",
                f"a number above {self.below_health:g}",
            )
        if self.above_health is not None and self.to_health >= self.above_health:
            yield Problem(
                "to_health",
                f"{self.to_health:g} is not below above_health {self.above_health:g}",
                f"a number from 1 to below {self.above_health:g}",
            )

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        called = whole.protocol.liquidation.margin_call_health
        if self.on_margin_call and called is not None and self.to_health < called:
            yield Problem(
                "to_health",
                f"{self.to_health:g} answers no margin call, which ends at {called:g}",
                f"a number from {called:g} to 1000",
            )

    @property
    def trigger(self) -> float:
        """The health factor beyond which they act."""
        return self.below_health or self.above_health or 0.0


class Withdrawals(Part):
    """How the suppliers of one asset leave: a Hawkes process of withdrawals.

        rate = base [1 + per_usage max(0, usage - above_usage) / (1 - above_usage)
                       + per_loss loss] + excitation

    Each withdrawal makes `branching_ratio` more in the mean, half of them within the half-life.
    """

    base_per_day: float = Field(
        ge=0,
        le=1e5,
        json_schema_extra=unit("withdrawals per day"),
        description="withdrawals per day that nothing provokes, 0 to 1e+5",
    )
    branching_ratio: float = Field(
        ge=0,
        le=0.99,
        json_schema_extra=unit("withdrawals per withdrawal"),
        description="withdrawals that each one provokes, in the mean, 0 to 0.99",
    )
    half_life_seconds: int = Field(
        ge=1, le=30 * 86_400, description="half of those come within it, seconds, 1..2592000"
    )
    size_bps: int = Field(
        ge=1, le=BPS, description="size of each in bps of the asset's first supply, 1..10000"
    )
    per_usage: Sensitivity = Field(
        default=0.0,
        json_schema_extra=unit("multiple of the base rate"),
        description="added to the base rate, as a multiple, at full usage, 0 to 1000",
    )
    above_usage: float = Field(
        default=0.9, ge=0, lt=1, description="usage at which that begins, 0 to below 1"
    )
    stuck: Literal["wait", "first-come", "pro-rata"] = Field(
        default="wait",
        description="what those do who find no cash, once protocol.deleveraging lets them: wait "
        "for it; take collateral first-come, of whoever may be deleveraged first; or pro-rata, of "
        "everyone who may be, by what he owes; absent: wait",
    )
    per_loss: Sensitivity = Field(
        default=0.0,
        json_schema_extra=unit("multiple of the base rate"),
        description="added to the base rate, as a multiple, per supply that is lost, 0 to 1000",
    )

    def most_expected(self, hours: float) -> float:
        """Withdrawals expected if usage were full and a tenth of the supply lost all the time:
        base hours / 24 (1 + per_usage + per_loss / 10) / (1 - branching_ratio).
        """
        strain = 1 + self.per_usage + self.per_loss * GREATEST_LOSS
        return self.base_per_day * hours / 24 * strain / (1 - self.branching_ratio)


class RateResponse(Part):
    """How supply and borrowing of one asset answer to its rates, in percentage points a year:

        supply wanted    = usual (1 + supply_per_point (supply rate - usual rate))
        borrowing wanted = usual (1 - borrowing_per_point (borrow rate - usual rate))

    approached with the half-life. Usual is what there would be at the usual rates: those at the
    start, under `settled_under`. So nobody moves until the curve or the usage changes.
    """

    supply_per_point: PerPoint = Field(
        default=0.0,
        description="share of the supply that comes per percentage point that suppliers earn more, "
        "0 to 10; absent or 0: it does not answer",
    )
    borrowing_per_point: PerPoint = Field(
        default=0.0,
        description="share of the borrowing that is repaid per percentage point that it costs "
        "more, 0 to 10; absent or 0: it does not answer",
    )
    half_life_hours: float = Field(
        ge=0.01, le=365 * 24, description="half of a change happens within it, hours, 0.01 to 8760"
    )
    least_health: Health = Field(
        default=1.25,
        description="nobody borrows more below this health factor, 1 to 1000; absent: 1.25",
    )
    settled_under: Rates | None = Field(
        default=None,
        description="the interest curve that there was before, under which the market has settled: "
        "reserve_factor_bps, optimal_usage_bps...; absent: protocol.rates",
    )
