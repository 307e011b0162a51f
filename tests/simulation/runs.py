"""Small runs for tests, and what came of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.engines.compiled import Compiled
from sim.engines.memory import Memory
from sim.engines.outcome import names
from sim.market.paths import observed
from sim.scenario import Scenario, load, with_overrides
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
    """USD with 8 decimals, as `sim.engines.outcome` has them, and the world at the end."""

    scenario: Scenario
    end: Memory
    reported: float
    by_fees: float
    by_fund: float
    socialised: float
    shortfall: float
    """Debt beyond collateral that is not written off yet."""
    liquidations: float
    repaid: float

    @property
    def bad_debt(self) -> float:
        """Realised and not yet realised."""
        return self.reported + self.shortfall


def outcome(overrides: dict[str, Any], name: str = "black-thursday") -> Outcome:
    """Run a scenario with overrides by the compiled loop."""
    world = build(with_overrides(load(name), {**SMALL, **overrides}))
    found, end = _on_floats(world)
    return Outcome(
        scenario=world.scenario,
        end=end,
        reported=found["bad_debt"],
        by_fees=found["by_fees"],
        by_fund=found["by_fund"],
        socialised=found["by_suppliers"],
        shortfall=found["shortfall"],
        liquidations=found["liquidations"],
        repaid=found["repaid"],
    )


def lost_on_floats(world: World) -> float:
    """Bad debt and shortfall at the end in USD, by the compiled loop."""
    found, _ = _on_floats(world)
    return (found["bad_debt"] + found["shortfall"]) / 1e8


def _on_floats(world: World) -> tuple[dict[str, float], Memory]:
    """What the world's own path comes to by the compiled loop, and its end, for comparisons of many
    runs. That it comes to what exact runs do is tests/sweep/test_float_and_exact.py.
    """
    prices = np.ascontiguousarray(world.market.price, dtype=np.float64)
    seen = np.ascontiguousarray(observed(world.scenario, prices))
    compiled = Compiled(world)
    (numbers,) = compiled.outcomes(prices[np.newaxis], seen[np.newaxis])
    return dict(zip(names(world.symbols), numbers.tolist(), strict=True)), compiled.memory
