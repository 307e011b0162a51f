"""Small exact runs for tests, and what came of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import names
from sim.health.census import census
from sim.market.market import DEBT_VALUE, LIQUIDATIONS, REPAID_VALUE, TALLY
from sim.market.paths import observed
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

CALLED: dict[str, Any] = {"protocol.liquidation.margin_call_health": 1.3}

PEOPLE: dict[str, Any] = {
    "borrowers": [
        {
            "name": "savers",
            "kind": "top-up",
            "share": 0.3,
            "below_health": 1.15,
            "to_health": 1.4,
            "review_seconds": 600,
            "delay_seconds": 1_800,
            "probability": 0.6,
            "reserve_share": 0.5,
        },
        {
            "name": "deleveragers",
            "kind": "deleverage",
            "share": 0.2,
            "below_health": 1.2,
            "to_health": 1.3,
            "review_seconds": 600,
            "delay_seconds": 600,
            "probability": 0.8,
            "rounds": 5,
            "reserve_share": 0.02,
        },
        {
            "name": "loopers",
            "kind": "loop",
            "share": 0.2,
            "above_health": 1.3,
            "to_health": 1.15,
            "review_seconds": 3_600,
            "delay_seconds": 0,
            "probability": 1.0,
            "rounds": 3,
        },
        {
            "name": "leavers",
            "kind": "withdraw",
            "share": 0.2,
            "above_health": 2.0,
            "to_health": 1.6,
            "review_seconds": 3_600,
            "delay_seconds": 0,
            "probability": 1.0,
        },
    ],
    "withdrawals": {
        symbol: {
            "base_per_day": 20.0,
            "branching_ratio": 0.8,
            "half_life_seconds": 3_600,
            "size_bps": size,
            "per_usage": 4.0,
            "above_usage": 0.8,
            "per_loss": 100.0,
        }
        for symbol, size in (("USDC", 100), ("DAI", 100), ("WBTC", 2_000))
    },
}
"""Everyone reacts: every kind of borrower, and suppliers of three assets."""

ANSWERING: dict[str, Any] = {
    **PEOPLE,
    "withdrawals": {"WBTC": PEOPLE["withdrawals"]["WBTC"]},
    "rate_response": {
        "DAI": {"supply_per_point": 0.1, "borrowing_per_point": 0.1, "half_life_hours": 6.0},
        "USDC": {"supply_per_point": 0.2, "borrowing_per_point": 0.1, "half_life_hours": 3.0},
    },
    "protocol.rates.DAI.slope1_bps": 1_200,
    "protocol.rates.USDC.slope1_bps": 100,
}
"""So do all who answer to rates: of DAI it pays to repay and to supply, of USDC to borrow more and
to leave.
"""


DEEP: dict[str, Any] = {f"venues[{k}].depth_usd_per_side": 1e11 for k in range(6)} | {
    "arbitrage.capital_usd": 1e12,
    "arbitrage.half_life_seconds": 1.0,
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


def lost_on_floats(world: World) -> float:
    """Bad debt and shortfall at the end in USD, by the compiled loop: for means over many worlds.
    That it comes to what exact runs do is tests/sweep/test_float_and_exact.py.
    """
    prices = np.ascontiguousarray(world.market.price, dtype=np.float64)
    seen = np.ascontiguousarray(observed(world.scenario, prices))
    (numbers,) = Compiled(world).outcomes(prices[np.newaxis], seen[np.newaxis])
    found = dict(zip(names(world.symbols), numbers, strict=True))
    return float(found["bad_debt"] + found["shortfall"]) / 1e8
