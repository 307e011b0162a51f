"""Small exact runs for tests, and what came of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.agents.census import census
from sim.engines.exact import run
from sim.market.market import DEBT_VALUE, LIQUIDATIONS, REPAID_VALUE, TALLY
from sim.protocol.state import (
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    SOCIALISED,
)
from sim.scenario import load, with_overrides
from sim.world import World, build

SMALL: dict[str, Any] = {
    "book.accounts": 60,
    "book.total_debt_usd": 40_000_000.0,
    "duration_hours": 36,
}


DEEP: dict[str, Any] = {f"venues[{k}].depth_usd_per_side": 1e11 for k in range(6)} | {
    "arbitrage.capital_usd": 1e12,
    "arbitrage.speed_bps": 10_000,
}
"""Venues and arbitrage that sales do not move."""


class Outcome(NamedTuple):
    """USD with 8 decimals; per-asset losses summed at par, which holds for the stables borrowed."""

    world: World
    reported: int
    by_fees: int
    by_fund: int
    socialised: int
    still_open: int
    shortfall: int
    """Debt beyond collateral that is not written off yet."""
    liquidations: int
    repaid: int
    debt: int

    @property
    def bad_debt(self) -> int:
        """Realised and not yet realised."""
        return self.reported + self.shortfall


def outcome(overrides: dict[str, Any], name: str = "black-thursday") -> Outcome:
    """Run a scenario with overrides on the exact engine."""
    world = build(with_overrides(load(name), {**SMALL, **overrides}))
    for _ in run(world):
        pass
    s, w = world.state, world.market
    watch = census(s)

    def value(column: int) -> int:
        return sum(
            int(s.hub[i, column]) * int(w.price[-1, i]) // int(s.unit[i])
            for i in range(len(s.unit))
        )

    assert len(TALLY) == len(w.tally)
    return Outcome(
        world=world,
        reported=value(DEFICIT_REPORTED),
        by_fees=value(COVERED_BY_FEES),
        by_fund=value(COVERED_BY_FUND),
        socialised=value(SOCIALISED),
        still_open=value(DEFICIT),
        shortfall=sum(max(0, int(debt - collateral)) for collateral, debt in watch[:, 1:3]),
        liquidations=int(w.tally[LIQUIDATIONS]),
        repaid=int(w.tally[REPAID_VALUE]),
        debt=int(watch[:, DEBT_VALUE].sum()),
    )
