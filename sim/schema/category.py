"""One of a vault's efficiency modes: what moves together counts for more against each other."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from sim.protocol.soundness import ANY_HEALTH, most_returned
from sim.protocol.units import BPS
from sim.schema.base import Bps, FromList, Part, Symbol
from sim.schema.problems import Problem


class Category(Part):
    """What accounts that opted into it count by; they may owe only what it lends."""

    collateral: Annotated[tuple[Symbol, ...], FromList] = Field(
        min_length=1,
        max_length=64,
        description="a list of the assets that count with its values, however large a tier; others "
        "count with their own",
    )
    borrow: Annotated[tuple[Symbol, ...], FromList] = Field(
        min_length=1,
        max_length=64,
        description="a list of the assets that an account in it may owe",
    )
    ltv_bps: Bps = Field(description="borrow limit per collateral value, in bps, 0..10000")
    lt_bps: int = Field(
        ge=1,
        le=BPS,
        description="liquidation threshold, in bps, 1..10000, at least that of each collateral",
    )
    max_bonus_bps: Bps = Field(description="largest liquidation bonus, in bps, 0..10000")

    def _problems(self) -> Iterator[Problem]:
        if self.ltv_bps > self.lt_bps:
            yield Problem(
                "ltv_bps",
                f"borrow limit {self.ltv_bps} is above the liquidation threshold {self.lt_bps}",
                f"at most {self.lt_bps}: who borrows to the limit must not be liquidatable",
            )
        if self.returned > most_returned(ANY_HEALTH):
            yield Problem(
                "max_bonus_bps",
                f"lt {self.lt_bps} x (1 + bonus {self.max_bonus_bps}) >= 1, so a liquidation can "
                "leave bad debt on a continuous price path",
                self.lower(most_returned(ANY_HEALTH)),
            )

    @property
    def returned(self) -> int:
        """lt x (10000 + the largest bonus), bps squared."""
        return self.lt_bps * (BPS + self.max_bonus_bps)

    def lower(self, most: int) -> str:
        """The remedy where that must be at most `most`."""
        bonus = most // self.lt_bps - BPS
        remedy = f"the threshold to at most {most // (BPS + self.max_bonus_bps)}"
        return (
            f"lower the bonus to at most {bonus} or {remedy}" if bonus >= 0 else f"lower {remedy}"
        )

    def symbols(self) -> Iterator[tuple[str, str]]:
        """(path, symbol) of every asset that it names."""
        for name in ("collateral", "borrow"):
            for n, symbol in enumerate(getattr(self, name)):
                yield f"{name}[{n}]", symbol

    def counts(self, symbol: str) -> bool:
        """Whether the asset is collateral of it."""
        return symbol in self.collateral

    def lends(self, symbol: str) -> bool:
        """Whether the asset may be owed in it."""
        return symbol in self.borrow
