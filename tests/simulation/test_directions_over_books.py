"""Turning a knob moves the loss the way theory says: over books, on the fall without a rebound.

Of one book alone, anything can be: who is liquidated a little sooner may be spared the low. So the
mean of paired differences over books is asked for, with its 95% interval above 0.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from sim.scenario import load, with_overrides
from sim.world import build
from tests.simulation.runs import SMALL, lost_on_floats

BOOKS = range(12)
HELD: dict[str, Any] = {"hold_at_low": True, "duration_hours": 30}
CAPACITIES = {
    f"liquidators[{n}].capacity_usd_per_hour": usd for n, usd in enumerate((4e6, 1e6, 3e5))
}
SHALLOW = {f"venues[{p}].depth_usd_per_side": 2e6 for p in range(6)}
BONUSES = {f"protocol.reserves.{a}.max_bonus_bps": 200 for a in ("WETH", "USDC", "DAI")}
BONUSES |= {f"protocol.reserves.{a}.min_bonus_bps": 100 for a in ("WETH", "USDC", "DAI")}
QUICK = {"gas_price_gwei": 20.0}
"""Everyone is there, with capacity to spare: who comes late is seen by nothing else."""

WORSE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "liquidators see an hour later": (
        QUICK,
        {f"liquidators[{n}].latency_seconds": 3_600 for n in range(3)},
    ),
    "an account is flagged an hour before it is liquidated": (
        QUICK,
        {"protocol.liquidation.delay_seconds": 3_600, "protocol.liquidation.urgent_health": 0.0},
    ),
    "gas that drives keepers away": ({"gas_price_gwei": 20.0}, {"gas_price_gwei": 200.0}),
    "a sixth of the capacity": ({}, CAPACITIES),
    "blocks with room for two calls an hour": ({}, {"blocks.liquidation_calls_per_hour": 2.0}),
    "a quarter of the depth": ({}, SHALLOW),
    "a bonus of 2% instead of 5%": ({}, BONUSES),
}
"""What is worse, as (what both have, what changes)."""


@lru_cache
def _loss(seed: int, *overrides: tuple[str, Any]) -> float:
    changes = {**SMALL, **HELD, "seed": seed, **dict(overrides)}
    return lost_on_floats(build(with_overrides(load("black-thursday"), changes)))


@pytest.mark.compiled
@pytest.mark.parametrize("what", WORSE)
def test_it_loses_more(what: str) -> None:
    common, change = WORSE[what]
    before = np.array([_loss(seed, *common.items()) for seed in BOOKS])
    after = np.array([_loss(seed, *(common | change).items()) for seed in BOOKS])
    difference = after - before
    half = student.ppf(0.975, len(BOOKS) - 1) * difference.std(ddof=1) / sqrt(len(BOOKS))
    assert difference.mean() - half > 0, (difference.mean(), half, before.mean())
