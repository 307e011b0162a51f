"""Supply and borrowing that answer to rates in whole runs: on every engine, and what they bring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.agents.rate_response import NOTICED
from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.lockstep import Lockstep
from sim.engines.outcome import OUTCOME
from sim.protocol import operations as op
from sim.questions.verification import verify
from sim.scenario import load, with_overrides
from sim.world import build
from tests.agents.test_rate_response import BOTH, DAI, OFF, SYMBOLS, earned
from tests.scenarios.library import small
from tests.simulation.runs import ANSWERING, SMALL


@pytest.mark.chain
def test_the_contracts_do_the_same_wei_for_wei() -> None:
    """A crash in which they repay and supply DAI, and borrow and withdraw USDC."""
    changed = {**SMALL, **ANSWERING, "duration_hours": 20, "book.accounts": 24}
    changed |= {"book.max_account_share": 0.2}
    world = build(with_overrides(load("black-thursday"), changed))
    chain = Lockstep(RevmChain(), world.genesis, world.symbols)
    done = {
        (op.DECLARED[row.kind].name, row.x)
        for one in run(world, chain)
        for row in one.rows
        if one.k
    }
    usdc = SYMBOLS.index("USDC")
    assert {("deposit", DAI), ("repay", DAI), ("borrow", usdc), ("withdraw_assets", usdc)} <= done
    assert chain.values > 40_000


@pytest.mark.compiled
@pytest.mark.chain
def test_every_engine_comes_to_the_same() -> None:
    """As for every scenario of the package: `tests/scenarios/test_engines.py`."""
    answering = {name.replace(".", "__"): value for name, value in ANSWERING.items()}
    found = verify(build(small("black-thursday", 24, **answering)), "mc", 0, "revm")
    assert found.differences == 0, found.difference
    assert found.decisions.first is not None or all(
        found.on_floats[name] == pytest.approx(found.exact[name], rel=1e-6, abs=1e8)
        for name in OUTCOME
        if name != "operations"
    )


SLOPES = (400, 800, 1_200, 1_600, 2_400, 3_600, 6_000)


SHARES = (500, 2_000, 4_000, 6_000, 8_000, 9_999)


LEAVING = {"supply_per_point": 0.45, "borrowing_per_point": 0.3, "half_life_hours": 2.0}


def test_the_slope_has_a_best_value_only_where_somebody_answers() -> None:
    """Rate x borrowing has a maximum inside; without elasticities it rises in proportion."""
    inert = np.array([earned(OFF, {"slope1_bps": slope}) for slope in SLOPES])
    assert inert[:, 0] == pytest.approx(inert[:, 1], rel=2e-3)
    assert inert[:, 1] / inert[0, 1] == pytest.approx(np.array(SLOPES) / SLOPES[0], rel=1e-9)
    found = np.array([earned(BOTH, {"slope1_bps": slope}) for slope in SLOPES])
    assert found[:, 0] == pytest.approx(found[:, 1], rel=5 / NOTICED)
    _has_a_best_inside(found[:, 0])


def test_the_reserve_factor_has_a_best_value_only_where_somebody_answers() -> None:
    """With all of the interest for the protocol suppliers leave, the rate rises and borrowers go;
    without elasticities all of it is best.
    """
    inert = np.array([earned(OFF, {"reserve_factor_bps": share}) for share in SHARES])
    assert inert[:, 0] == pytest.approx(inert[:, 1], rel=2e-3)
    assert (np.diff(inert[:, 0]) > 0).all()
    found = np.array([earned(LEAVING, {"reserve_factor_bps": share}) for share in SHARES])
    assert found[:, 0] == pytest.approx(found[:, 1], rel=5 / NOTICED)
    _has_a_best_inside(found[:, 0])


def _has_a_best_inside(values: Any) -> None:
    best = int(np.argmax(values))
    assert 0 < best < len(values) - 1
    assert values[best] > 1.05 * max(values[0], values[-1])
    assert (np.diff(values[: best + 1]) > 0).all() and (np.diff(values[best:]) < 0).all()
