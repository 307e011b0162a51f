"""One account against the reflection principle: how often a random price takes it to health 1."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from math import sqrt
from pathlib import Path

import pytest

from sim.engines.compiled import Compiled
from sim.engines.outcome import NUMBER_LIQUIDATED
from sim.market.paths import draw, observed
from sim.scenario import Scenario, load, with_overrides
from sim.world import build

VECTORS = Path(__file__).parents[1] / "protocol" / "closed_form.json"
START = datetime(2020, 3, 12, tzinfo=timezone.utc)


def _one_account(health: float, sigma: float, days: int) -> Scenario:
    """A borrower of DAI against WETH on a martingale, and someone who liquidates it at once.

    Hourly steps; no interest, no latency, and feeds that report every basis point.
    """
    free = {"base_rate_bps": 0, "slope1_bps": 0, "slope2_bps": 0}
    return with_overrides(
        load("black-thursday"),
        {
            "start": START,
            "duration_hours": 24.0 * days,
            "step_seconds": 3_600,
            "assets.WETH.price_usd": [{"at": START + timedelta(hours=1), "value": 200.0}],
            "assets.WBTC.price_usd": 8_000.0,
            "gas_price_gwei": 1e-6,
            "feeds.WETH.deviation_bps": 1,
            "feeds.WETH.latency_seconds": 0,
            "feeds.WETH.max_move_bps": 100_000,
            **{f"protocol.rates.DAI.{name}": bps for name, bps in free.items()},
            "book.accounts": 1,
            "book.total_debt_usd": 10_000.0,
            "book.max_account_share": 1.0,
            "book.health_quantiles": [[0.0, health], [1.0, health * (1 + 1e-9)]],
            "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
            "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 0, "DAI": 1},
            "book.two_collateral_share": 0.0,
            "paths.copula": "gaussian",
            "paths.volatility_per_sqrt_year.WETH": sigma,
            "liquidators[2].profit_floor_usd": 0.0,
        },
    )


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("vector", "paths"),
    [("first_passage_HF1.1_s0.8_1d", 30_000), ("first_passage_HF1.5_s0.8_30d", 6_000)],
)
def test_first_passage(vector: str, paths: int) -> None:
    """Within 3 standard errors, and 2 % of it for what the correction itself leaves out.

    P_hourly_BGK is the reflection principle with the barrier moved for hourly looks (Broadie,
    Glasserman, Kou 1997).
    """
    found = next(v for v in json.loads(VECTORS.read_text()) if v["id"] == vector)
    health, sigma = float(found["inputs"]["HF0"]), float(found["inputs"]["sigma"])
    probability = float(found["outputs"]["P_hourly_BGK"])
    scenario = _one_account(health, sigma, int(found["inputs"]["days"]))
    compiled, hits = Compiled(build(scenario)), 0
    for first in range(0, paths, 1_000):
        prices = draw(scenario, "mc", first, 1_000)
        outcomes = compiled.outcomes(prices, observed(scenario, prices))
        hits += int((outcomes[:, NUMBER_LIQUIDATED] > 0).sum())
    error = sqrt(probability * (1 - probability) / paths)
    assert hits / paths == pytest.approx(probability, abs=3 * error + 0.02 * probability)
