"""The world that benchmarks run: Black Thursday at any size, after a day of calm."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from sim.scenario import Scenario, load, of_json, with_overrides

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


def crash_alone(accounts: int, scaled: bool) -> Scenario:
    """Black Thursday as it is shipped with so many borrowers: its debt and all else shared among
    them, so that many debts are too small to pay for their liquidation, or `scaled` as above.
    """
    if scaled:
        start = load("black-thursday").start
        return calm_to_crash(accounts, start=start)
    return with_overrides(load("black-thursday"), {"book.accounts": accounts})


def with_assets(scenario: Scenario, number: int) -> Scenario:
    """With 2 assets, WETH and DAI, or with more by copies of WBTC and of its pools."""
    document = json.loads(scenario.model_dump_json())
    document["expected"] = []
    if number < len(scenario.symbols):
        kept = ["WETH", "DAI"]
        document["paths"]["correlation"] = []
        document["book"]["two_collateral_share"] = 0.0  # of two assets one is owed
        document["venues"] = [v for v in document["venues"] if set(v["assets"]) <= set(kept)]
        gone = set(scenario.symbols) - set(kept)
        _each(document, lambda one: [one.pop(symbol, None) for symbol in gone])
    for n in range(number - len(scenario.symbols)):
        copy = f"BTC{n + 1}"
        document["paths"]["correlation"] += [
            {"assets": [symbol, copy], "value": 0.8}
            for symbol in document["paths"]["volatility_per_sqrt_year"]
        ]
        document["venues"] += [
            {**venue, "assets": [copy if s == "WBTC" else s for s in venue["assets"]]}
            for venue in document["venues"]
            if venue["assets"] in (["WBTC", "DAI"], ["WBTC", "USDC"])
        ]
        _each(document, partial(_copy, copy))
    return of_json(json.dumps(document))


def _copy(symbol: str, one: dict[str, Any]) -> None:
    if "WBTC" in one:
        one[symbol] = one["WBTC"]


def _each(document: Any, change: Callable[[dict[str, Any]], Any]) -> None:
    """Every mapping in a document, changed."""
    if isinstance(document, dict):
        change(document)
    for part in document.values() if isinstance(document, dict) else document:
        if isinstance(part, dict | list):
            _each(part, change)


def lively(accounts: int) -> dict[str, Any]:
    """Overrides for a market that feels what is sold into it, as deep as it is large, and borrowers
    who look after themselves.
    """
    size = accounts / _ACCOUNTS
    depths = {
        "WETH": {"depth_usd_per_percent": 2e6 * size, "half_life_hours": 12.0},
        "WBTC": {"depth_usd_per_percent": 1e6 * size},
    }
    savers = {
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
    return {
        "reference_market": {"assets": depths},
        "venues[0].depth_by_drawdown": [[0.0, 1.0], [0.3, 0.5]],
        "borrowers": [savers],
    }
