"""A sweep's losses are those of exact runs, or the decision is named in which they part."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines.exact import run
from sim.protocol.state import ENGINES
from sim.questions.verification import verify
from sim.scenario import Scenario, load, with_overrides
from sim.world import build
from tests.agents.pairs import DAI, KEEPER, LIQUIDATIONS, SELLER, USDC, WETH, crash, market

PAIRS = 100
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
        "venues[0].depth_usd_per_side": float(rng.uniform(3e5, 6e6)),
        "paths.volatility_per_sqrt_year": {
            "WETH": float(rng.uniform(2, 9)),
            "WBTC": float(rng.uniform(2, 7)),
        },
    }
    return with_overrides(load("black-thursday"), {**FINE, **overrides})


@pytest.mark.compiled
def test_losses_on_floats_are_those_of_exact_runs() -> None:
    """To 1e-9 for pairs of scenario and seed without a differing decision: at least 95 of 100,
    and to 1e-5 for the others.
    """
    rng = np.random.default_rng(20200312)
    same = lossy = decisions = 0
    for _ in range(PAIRS):
        found = verify(build(_random(rng)), "mc", 0, "exact")
        decisions += found.decisions.decisions
        if found.decisions.first is not None:
            assert found.decisions.differing > 0
            assert found.loss_on_floats_usd == pytest.approx(found.loss_usd, rel=1e-5, abs=1e-6)
            continue
        assert found.loss_on_floats_usd == pytest.approx(found.loss_usd, rel=1e-9, abs=1e-6)
        same += 1
        lossy += found.loss_usd > 0
    assert same >= 95
    assert lossy >= 30
    assert decisions > 2_000


@pytest.mark.compiled
def test_the_same_pairs_of_an_account_are_liquidated_on_floats(tmp_path: Path) -> None:
    """Of accounts of several collaterals and debts on thin venues, in the same order: in at least 9
    of 10 storms, and with equal losses where they are.
    """
    same = decisions = 0
    for seed in range(10):
        population = [KEEPER | {"capacity_usd_per_hour": 1e6}, SELLER]
        fine = {name.replace(".", "__"): value for name, value in FINE.items()}
        found = verify(crash(tmp_path, seed, population, **fine), "mc", 0, "exact")
        decisions += found.decisions.decisions
        if found.decisions.first is None:
            assert found.loss_on_floats_usd == pytest.approx(found.loss_usd, rel=1e-9, abs=1e-6)
            same += 1
    assert same >= 9
    assert decisions > 200


@pytest.mark.compiled
def test_debts_that_bring_the_same_are_repaid_in_one_order_on_floats(tmp_path: Path) -> None:
    """As much USDC, of 6 decimals, as DAI, of 18, and as deep a venue for either: the estimates are
    equal but for rounding, and it is USDC first on integers and on floats.
    """
    accounts = [({WETH: usd}, {USDC: usd * 0.37, DAI: usd * 0.37}) for usd in (1e5, 3e5, 7e5)]
    venues = {(WETH, USDC): 3e7, (WETH, DAI): 3e7}
    start = datetime(2020, 3, 12, tzinfo=timezone.utc)
    falling = [{"at": start, "value": 200.0}, {"at": start.replace(hour=2), "value": 170.0}]
    scenario = market(tmp_path, accounts, [SELLER], venues, assets__WETH__price_usd=falling)
    found = verify(build(scenario), "mc", 0, "exact")
    assert found.decisions.decisions >= 3 and found.decisions.differing == 0
    rows = [row for step in run(build(scenario)) for row in step.rows if row.kind in LIQUIDATIONS]
    assert rows[0][3] == USDC and {row.x for row in rows} == {USDC, DAI}
