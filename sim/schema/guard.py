"""What brakes the protocol of a scenario: a vault's guard, limits on what leaves the hub, and the
guardian who uses them.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from sim.protocol.soundness import (
    LEAST_PAUSE_GAP,
    MIN_STRESS,
    MOST_GRACE,
    MOST_OUTFLOW_WINDOW,
    MOST_PAUSE,
)
from sim.protocol.units import BPS
from sim.schema.base import Bps, FromList, Part, Seconds, unit
from sim.schema.problems import Problem

_Window = Annotated[int, Field(ge=1, le=MOST_PAUSE)]


class OutflowLimit(Part):
    """What may leave the hub of an asset, net of what comes (LiquidityHub.sol): a leaky bucket."""

    limit_bps: Bps = Field(
        default=0,
        description="of all there is of it when nothing has left lately, what may leave at once, "
        "in bps, 0..10000",
    )
    floor_tokens: float = Field(
        default=0,
        ge=0,
        le=1e15,
        json_schema_extra=unit("tokens"),
        description="or so much if that is more, in tokens, 0 to 1e+15",
    )
    window_seconds: int = Field(
        ge=1,
        le=MOST_OUTFLOW_WINDOW,
        description="in which what left is forgotten, evenly, in whole seconds, 1..2592000",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.limit_bps == 0 and self.floor_tokens == 0:
            yield Problem("limit_bps", "nothing could ever leave", "above 0, or floor_tokens")


class Guard(Part):
    """Brakes of the vault that release themselves (RiskGuard.sol); the keepers trip the breaker."""

    max_pause_seconds: int = Field(
        default=86_400,
        ge=1,
        le=MOST_PAUSE,
        description="most seconds of a pause, 1..1209600",
    )
    pause_gap_seconds: int = Field(
        default=86_400,
        ge=LEAST_PAUSE_GAP,
        le=365 * 86_400,
        description="from the end of a pause until the same may be paused again, in whole "
        "seconds, 3600 to a year",
    )
    grace_seconds: int = Field(
        default=0,
        ge=0,
        le=MOST_GRACE,
        description="for which nobody is liquidated after a pause of that, and after an outage of "
        "the sequencer, in whole seconds, 0..86400",
    )
    urgent_exempt: bool = Field(
        default=False,
        description="true: grace holds nobody up who is below liquidation.urgent_health",
    )
    trip_bps: int = Field(
        default=0,
        ge=0,
        le=6 * BPS,
        description="the breaker opens if the accepted price moved by more, in bps, 0..60000; 0: "
        "no breaker",
    )
    trip_window_seconds: _Window = Field(
        default=3_600, description="within so many seconds, 1..1209600"
    )
    cool_off_seconds: _Window = Field(
        default=3_600, description="for which it stays open, whole seconds, 1..1209600"
    )
    breaker_stops_liquidation: bool = Field(
        default=False, description="true: nobody is liquidated either while it is open"
    )


class Guardian(Part):
    """Watches market and hub; pauses and lowers borrow limits once it has made up its mind."""

    fall_bps: Bps = Field(
        default=0,
        description="it acts on an asset whose reference price fell by so much, in bps, 0..10000; "
        "0: on no fall",
    )
    outflow_bps: Bps = Field(
        default=0,
        description="or of whose cash in the hub so much has left, in bps, 0..10000; 0: on none",
    )
    window_seconds: Seconds = Field(
        description="both within so many seconds, in whole seconds, to a year"
    )
    delay_seconds: Seconds = Field(
        description="from what it sees to what it does, in whole seconds, 0 to a year"
    )
    pauses: Annotated[tuple[Literal["borrow", "withdraw", "liquidate"], ...], FromList] = Field(
        default=(), max_length=3, description="what it pauses of the asset: borrow, withdraw..."
    )
    pause_seconds: int = Field(
        default=3_600, ge=1, le=MOST_PAUSE, description="for so many seconds, 1..1209600"
    )
    stress_bps: int = Field(
        default=BPS,
        ge=MIN_STRESS,
        le=BPS,
        description="what it lowers borrow limits to, in bps of what they are, 5000..10000; 10000: "
        "it leaves them",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.fall_bps == 0 and self.outflow_bps == 0:
            yield Problem("fall_bps", "it never acts", "above 0, or outflow_bps")
        if not self.pauses and self.stress_bps == BPS:
            yield Problem("pauses", "it would do nothing", "what to pause, or a lower stress_bps")
        if len(set(self.pauses)) != len(self.pauses):
            yield Problem("pauses", "an action is named twice", "each once")

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        guards = [one.guard for one in whole.protocol.each if one.guard is not None]
        most = min((guard.max_pause_seconds for guard in guards), default=MOST_PAUSE)
        if not guards:
            yield Problem("fall_bps", "there is no guard to use", "protocol.guard as well")
        elif self.pauses and self.pause_seconds > most:
            yield Problem(
                "pause_seconds",
                f"longer than the guard allows, {most}",
                f"at most {most}, or protocol.guard.max_pause_seconds",
            )
        steps = -(-self.window_seconds // whole.step_seconds)
        if not 1 <= steps <= whole.steps:
            yield Problem(
                "window_seconds",
                "no step of the run is so far back",
                f"from {whole.step_seconds} to {whole.steps * whole.step_seconds}",
            )
