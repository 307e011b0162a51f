"""The attacker of a scenario: who borrows against a price that is too high."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from sim.schema.base import FromList, Instant, Part, PositiveUsd, Seconds, Symbol, iso
from sim.schema.market import VenueName
from sim.schema.problems import Problem, unknown
from sim.schema.venues import name_problems


class Attack(Part):
    """Buys an asset on a venue, then borrows against it if that pays more than selling it back."""

    at: Instant = Field(description="a time with its zone: when the attacker buys")
    asset: Symbol = Field(description="the asset bought and pledged, a key of assets")
    venue: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair it is bought on, as under venues, like [CRV, USDC]"
    )
    venue_name: VenueName | None = Field(
        default=None,
        description="the name of that venue, where several trade the pair; absent: the only one",
    )
    capital_usd: PositiveUsd = Field(
        description="USD of the venue's other asset, all of it spent, above 0, at most 1e+12"
    )
    borrow: Symbol = Field(description="the asset borrowed, a key of assets")
    wait_seconds: Seconds = Field(
        default=0, description="from buying to borrowing, in whole seconds: feeds and hold-offs"
    )

    def _problems(self) -> Iterator[Problem]:
        if self.asset not in self.venue:
            yield Problem(
                "asset",
                f"{self.asset} is not traded on the venue {self.venue[0]}/{self.venue[1]}",
                "one of the venue's two assets",
            )
        if self.borrow == self.asset:
            yield Problem("borrow", f"{self.borrow} is what is pledged", "another asset")

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        for field, symbol in (("asset", self.asset), ("borrow", self.borrow)):
            yield from unknown(whole.assets, field, symbol)
        if frozenset(self.venue) not in [frozenset(venue.assets) for venue in whole.venues]:
            there = ", ".join(f"[{', '.join(venue.assets)}]" for venue in whole.venues)
            yield Problem("venue", "no such venue", f"the venues are: {there or 'none'}")
        else:
            yield from name_problems(whole.venues, self.venue, self.venue_name)
        if not whole.start <= self.at <= whole.end:
            remedy = f"a time from {iso(whole.start)} to {iso(whole.end)}"
            yield Problem("at", "outside the run", remedy)
