"""Recorded prices of an asset, as a scenario names them: the file, and how it becomes a level."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sim.schema.base import Level, Part


class PriceFile(Part):
    """A CSV file with a price per time, or with candles; `sim.market.history` reads it.

    The times of candles are those of their beginnings.
    """

    file: str = Field(
        min_length=1,
        max_length=1_000,
        description="a CSV file: time and a column per asset, or time,open,high,low,close; its "
        "path seen from the scenario file",
    )
    column: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="the column of a file that has several; not used with candles",
    )
    within_bar: Literal["low", "high", "both", "close"] = Field(
        default="low",
        description="what else of a candle is met besides its close at its end: its low or its "
        "high in the middle; both, the nearer to its open after a third and the other after two "
        "thirds; or close for nothing",
    )
    between: Literal["log-linear", "last"] = Field(
        default="log-linear",
        description="between two known prices: log-linear, or the last one until the next",
    )
    max_gap_seconds: int | None = Field(
        default=None,
        ge=1,
        le=365 * 86_400,
        description="the longest time between two rows, in whole seconds; absent: one and a half "
        "times the median",
    )


PriceLevel = Annotated[
    Annotated[Level, Tag("<Level>")] | Annotated[PriceFile, Tag("<PriceFile>")],
    Discriminator(
        lambda value: "<PriceFile>" if isinstance(value, dict | PriceFile) else "<Level>"
    ),
]
"""A level, or a file of recorded prices."""
