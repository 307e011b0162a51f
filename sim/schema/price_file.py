"""Recorded prices of an asset, as a scenario names them: the file, and how it becomes a level."""

from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Discriminator, Field, Tag

from sim.schema.base import Level, Part


def known_zone(name: str) -> str:
    """The name of a time zone. Raises ValueError for any other."""
    if name not in available_timezones():
        near = get_close_matches(name, available_timezones(), n=1, cutoff=0.4)
        raise ValueError(f"should be the name of a time zone, like {(near or ['UTC'])[0]}")
    return name


Zone = Annotated[str, AfterValidator(known_zone)]


class PriceFile(Part):
    """A file with a price per time, with candles or with the rounds of a feed, in most shapes that
    exchanges, data services and explorers export; `sim.market.price_files` reads it.

    The times of candles are those of their beginnings.
    """

    file: str = Field(
        min_length=1,
        max_length=1_000,
        description="a CSV or JSON file: times and prices, candles or a feed's rounds (`ape run "
        "import prices FILE` shows how it is read); its path seen from the scenario file",
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
        "times the median, 25 hours for the rounds of a feed",
    )
    zone: Zone | None = Field(
        default=None,
        description="the zone of times that name none, like Europe/Berlin; absent: UTC",
    )
    decimals: int | None = Field(
        default=None,
        ge=0,
        le=36,
        description="the price is the number in the file / 10^decimals, 0..36; absent: as it is "
        "written, and whole answers of a feed's rounds by their size as of 8 or 18",
    )


PriceLevel = Annotated[
    Annotated[Level, Tag("<Level>")] | Annotated[PriceFile, Tag("<PriceFile>")],
    Discriminator(
        lambda value: "<PriceFile>" if isinstance(value, dict | PriceFile) else "<Level>"
    ),
]
"""A level, or a file of recorded prices."""
