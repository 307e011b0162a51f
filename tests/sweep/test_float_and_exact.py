"""A sweep's losses are those of exact runs, or the decision is named in which they part."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from sim.protocol.state import ENGINES
from sim.scenario import Scenario, load, with_overrides
from sim.sweep.verify import verify
from sim.world import build

PAIRS = 60
FINE = {f"assets.{symbol}.decimals": 18 for symbol in ("WBTC", "USDC")}
"""Units so small that the integers of an exact run round below 1e-9 of any loss."""


def _random(rng: np.random.Generator) -> Scenario:
    """The hours of the crash with another book, engine, delay, depth and market."""
    engine = str(rng.choice(ENGINES))
    overrides: dict[str, Any] = {
        "start": datetime(2020, 3, 12, 10, tzinfo=timezone.utc),
        "seed": int(rng.integers(2**31)),
        "duration_hours": float(rng.integers(4, 16)),
        "book.accounts": int(rng.integers(15, 40)),
        "book.max_account_share": 0.3,
        "book.total_debt_usd": float(rng.uniform(2e6, 6e7)),
        "protocol.liquidation.engine": engine,
        "protocol.liquidation.delay_seconds": int(rng.choice([0, 0, 900])),
        "suppliers": dict.fromkeys(("WETH", "WBTC", "USDC", "DAI"), 2e8),
        "venues[0].depth_usd_per_side": float(rng.uniform(1e6, 2e7)),
        "paths.volatility_per_sqrt_year": {
            "WETH": float(rng.uniform(2, 9)),
            "WBTC": float(rng.uniform(2, 7)),
        },
    }
    return with_overrides(load("black-thursday"), {**FINE, **overrides})


@pytest.mark.compiled
def test_losses_on_floats_are_those_of_exact_runs() -> None:
    """To 1e-9 for pairs of scenario and seed without a differing decision: at least 50 of 60."""
    rng = np.random.default_rng(20200312)
    same = lossy = decisions = 0
    for _ in range(PAIRS):
        found = verify(build(_random(rng)), "mc", 0, "exact")
        decisions += found.decisions.decisions
        if found.decisions.first is not None:
            assert found.decisions.differing > 0
            continue
        assert found.loss_on_floats_usd == pytest.approx(found.loss_usd, rel=1e-9, abs=1e-6)
        same += 1
        lossy += found.loss_usd > 0
    assert same >= 50
    assert lossy >= 15
    assert decisions > 1_000
