"""The people in a scenario who act: liquidators."""

from pydantic import Field

from sim.schema.base import Part, PositiveUsd, Usd


class Liquidator(Part):
    """One kind of liquidator: what limits it."""

    name: str = Field(min_length=1, max_length=64, description="a name, 1 to 64 characters")
    max_gas_price_gwei: float = Field(
        ge=0, le=1e9, description="gwei; above this gas price it does nothing"
    )
    gas_used: int = Field(
        ge=21_000, le=30_000_000, description="gas per liquidation, 21000..30000000"
    )
    profit_floor_usd: Usd = Field(description="USD; it does nothing for less, 0 to 1e+12")
    capacity_usd_per_step: PositiveUsd = Field(
        description="USD of debt it can repay per step, above 0, at most 1e+12"
    )
    max_actions_per_step: int = Field(
        ge=1, le=100_000, description="liquidations per step, 1..100000"
    )
