"""The world that benchmarks run: Black Thursday at any size, after a day of calm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sim.scenario import Scenario, load, with_overrides

_ACCOUNTS = 240
"""Of the scenario as it comes."""


def calm_to_crash(accounts: int, **overrides: Any) -> Scenario:
    """A day of quiet noise, then the crash of 12 March 2020: 576 steps of five minutes, 4 assets.

    Everything that the number of borrowers makes larger is larger: debts, deposits, venues,
    liquidators' capacity.
    """
    scenario = load("black-thursday")
    size = accounts / _ACCOUNTS
    scaled: dict[str, Any] = {
        "start": scenario.start - timedelta(days=1),
        "book.accounts": accounts,
        "book.total_debt_usd": scenario.book.total_debt_usd * size,
        "arbitrage.capital_usd": scenario.arbitrage.capital_usd * size,
    }
    for symbol in scenario.symbols:
        scaled[f"suppliers.{symbol}"] = scenario.suppliers[symbol] * size
        capital = scenario.protocol.insurance.capital_usd[symbol]
        scaled[f"protocol.insurance.capital_usd.{symbol}"] = capital * size
    for n, venue in enumerate(scenario.venues):
        scaled[f"venues[{n}].depth_usd_per_side"] = venue.depth_usd_per_side * size
    for n, liquidator in enumerate(scenario.liquidators):
        for limit in ("capacity_usd_per_hour", "call_usd"):
            scaled[f"liquidators[{n}].{limit}"] = getattr(liquidator, limit) * size
    return with_overrides(scenario, {**scaled, **overrides})


LIVELY: dict[str, Any] = {
    "reference_market": {
        "assets": {
            "WETH": {"depth_usd_per_percent": 2e6, "half_life_hours": 12.0},
            "WBTC": {"depth_usd_per_percent": 1e6},
        }
    },
    "venues[0].depth_by_drawdown": [[0.0, 1.0], [0.3, 0.5]],
    "borrowers": [
        {
            "name": "savers",
            "kind": "top-up",
            "share": 0.3,
            "below_health": 1.15,
            "to_health": 1.4,
            "review_seconds": 1_800,
            "delay_seconds": 1_800,
            "probability": 0.6,
            "reserve_share": 0.5,
        }
    ],
}
"""A market that feels what is sold into it, and borrowers who look after themselves."""
