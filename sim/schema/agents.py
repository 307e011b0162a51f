"""The people in a scenario who act: liquidators."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from sim.schema.base import Part, PositiveUsd, Seconds, Symbol, Usd
from sim.schema.problems import Problem


class Liquidator(Part):
    """One kind of liquidator: what limits it."""

    name: str = Field(min_length=1, max_length=64, description="a name, 1 to 64 characters")
    max_gas_price_gwei: float = Field(
        ge=0,
        le=1e9,
        description="gwei: its bid; the highest acts first, and above it it does nothing",
    )
    gas_used: int = Field(
        ge=21_000, le=30_000_000, description="gas per liquidation, 21000..30000000"
    )
    profit_floor_usd: Usd = Field(description="USD; it does nothing for less, 0 to 1e+12")
    capacity_usd_per_hour: PositiveUsd = Field(
        description="USD of debt it repays per hour when there is enough to do: after a call of X "
        "it is busy for X / capacity; above 0, at most 1e+12"
    )
    call_usd: PositiveUsd | None = Field(
        default=None,
        description="USD of debt it repays in one call at most, above 0, at most 1e+12; absent: "
        "all that may be repaid",
    )
    latency_seconds: Seconds = Field(
        default=0,
        description="from the step in which an account can be liquidated to acting, seconds",
    )
    capital_usd: Mapping[Symbol, Usd] | None = Field(
        default=None, description="per asset: USD of its own to repay with; absent: flash loans"
    )
    keeps_collateral: bool = Field(
        default=False, description="true: keeps what it seizes, at the reference price; own capital"
    )
    takes_shares: bool = Field(
        default=False,
        description="true: takes a position where the hub has not the cash; own capital only",
    )

    REPLACED: ClassVar[Mapping[str, str]] = {
        "capacity_usd_per_step": "capacity_usd_per_hour: it times 3600 / step_seconds; and "
        "call_usd, the most repaid in one call",
        "max_actions_per_step": "nothing; capacity_usd_per_hour and call_usd say how many calls "
        "there are",
    }

    def _problems(self) -> Iterator[Problem]:
        if self.capital_usd is None:
            for name in ("keeps_collateral", "takes_shares"):
                if getattr(self, name):
                    yield Problem(name, "is true without capital", "capital_usd, or false")
