"""Sweeps and searches whose recorded prices contain the impact of sales: one baseline for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.engines.baseline import settled
from sim.engines.compiled import Compiled, impact_of
from sim.engines.exact import run as exactly
from sim.engines.memory import on_floats
from sim.engines.outcome import OUTCOME, REPAID, names
from sim.market.market import REPAID_VALUE
from sim.questions.verification import verify
from sim.questions.work import Subject, run, world_of
from sim.scenario import with_overrides
from sim.schema.tuning import Preset
from sim.tuning.confirm import world_under
from sim.tuning.evaluate import tasks
from sim.tuning.preset import Setup, prepare
from sim.world import build
from tests.sweep.storms import PATHS, storms
from tests.tape.storm import STORM
from tests.tuning.small import PRESET

RECORDED: dict[str, Any] = {
    "assets": {
        "WETH": {"depth_usd_per_percent": 5_000.0, "half_life_hours": 6.0},
        "WBTC": {"depth_usd_per_percent": 10_000.0},
    },
    "prices_contain_impact": True,
}
LOWER = {"protocol.reserves.WETH.lt_bps": 6_000, "protocol.reserves.WETH.ltv_bps": 5_500}
PATH = 4


def searched() -> Setup:
    overrides = {"paths": PATHS, "reference_market": RECORDED}
    one = {"name": "one", "scenario": str(STORM), "overrides": overrides}
    return prepare(Preset.model_validate({**PRESET, "scenarios": [one]}))


@pytest.mark.compiled
def test_the_named_prices_come_out_of_a_sweeps_world_as_they_are() -> None:
    """Its own sales over those of the baseline, which are the same: every price, to a rounding, and
    every liquidation.
    """
    world = world_of(storms(reference_market=RECORDED))
    compiled = Compiled(world)
    table, seen = (
        t.astype(np.float64)[np.newaxis] for t in (world.market.price, world.market.feeds.observed)
    )
    outcome = compiled.outcomes(table, seen)[0]
    assert (compiled.memory.market.reference.impact[-1, :2] < 0.97e18).all()
    np.testing.assert_allclose(compiled.memory.market.price, table[0], rtol=1e-7)
    base = build(storms(reference_market=RECORDED))
    for _ in exactly(base):
        pass
    assert outcome[REPAID] == pytest.approx(float(base.market.tally[REPAID_VALUE]), rel=1e-6)
    known = settled(world, impact_of).market.reference.baseline_impact
    assert {type(cell) for cell in known.flat} == {int}
    np.testing.assert_allclose(
        known.astype(float), base.market.reference.impact.astype(float), rtol=1e-7
    )
    assert (settled(world).market.reference.baseline_impact == base.market.reference.impact).all()


@pytest.mark.compiled
@pytest.mark.chain
def test_a_path_of_such_a_sweep_is_the_same_on_every_engine() -> None:
    """And it is not the path drawn: on it other sales are made than on the recorded prices."""
    world = build(storms(reference_market=RECORDED))
    found = verify(world, "mc", PATH, "revm")
    assert found.differences == 0 and found.operations > 200
    for name in names(world.symbols):
        exact = pytest.approx(found.exact[name], rel=1e-6, abs=1e7)
        assert found.on_floats[name] == exact, name
    plain = verify(build(storms()), "mc", PATH, "exact")
    assert found.exact["repaid"] != pytest.approx(plain.exact["repaid"], rel=1e-4)


@pytest.mark.compiled
def test_candidates_of_a_search_are_held_against_the_scenario_as_it_is_written() -> None:
    """What the search sees of a candidate on a path is what the confirmation runs exactly, and the
    impact that prices contain is that of the current setting in both.
    """
    setup = searched()
    base = settled(world_of(setup.scenarios[0]), impact_of)
    under = world_under(setup, 0, LOWER)
    assert (under.market.reference.baseline_impact == base.market.reference.baseline_impact).all()
    assert under.market.reference.is_baseline[0] == 0
    (task,) = tasks(setup, Subject.of(setup.scenarios[0]), LOWER, 0, [PATH])
    seen = run(task).outcomes[0]
    exact = verify(under, "mc", setup.first_path(0) + PATH, "exact").exact
    for name, value in zip(OUTCOME, seen[: len(OUTCOME)], strict=True):
        assert value == pytest.approx(exact[name], rel=1e-6, abs=1e7), name
    # As its own baseline it would come to something else.
    own = verify(build(with_overrides(setup.scenarios[0], LOWER)), "mc", PATH, "exact").exact
    assert own["repaid"] != pytest.approx(exact["repaid"], rel=1e-6)


@pytest.mark.compiled
def test_worlds_under_other_parameters_share_nothing_that_a_run_writes() -> None:
    setup = searched()
    base = settled(world_of(setup.scenarios[0]), impact_of)
    before = base.market.reference.baseline_impact.copy()
    one = world_under(setup, 0, LOWER)
    for _ in exactly(one):
        pass
    assert (base.market.reference.baseline_impact == before).all()
    assert (one.market.reference.impact != before).any()


def test_compiled_code_refuses_a_world_that_is_its_own_baseline() -> None:
    """On drawn prices it would take its own sales for those that they contain."""
    world = build(storms(reference_market=RECORDED))
    with pytest.raises(ValueError, match="its own prices only"):
        Compiled.at(on_floats(world), world.scenario.steps)
