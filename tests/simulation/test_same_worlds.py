"""What is skipped, changes nothing: every shipped world under every engine, with and without delay.

A run that values every account at every look, as the contract does, knows no limits, levels or
estimates.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.health.watchers import checking_everyone, valuing_everyone
from sim.market.paths import draw, observed
from sim.protocol.soundness import ENGINES
from sim.scenario import ScenarioError, known, load, with_overrides
from sim.world import build

PATHS = 2
ACCOUNTS = 40
DELAYS = (0, 900)


@pytest.mark.compiled
@pytest.mark.parametrize("name", known())
def test_outcomes_are_those_of_valuing_everyone(name: str) -> None:
    """Bit for bit; combinations that the scenario's parameters rule out are left out, not all."""
    shipped = with_overrides(load(name), {"book.accounts": ACCOUNTS})
    played = 0
    for engine, delay in product(ENGINES, DELAYS):
        wanted = {
            "protocol.liquidation.engine": engine,
            "protocol.liquidation.delay_seconds": delay,
        }
        try:
            scenario = with_overrides(shipped, wanted)
        except ScenarioError as refused:
            assert "splitting a liquidation pays" in str(refused)
            continue
        prices = draw(scenario, "mc", 0, PATHS)
        tables = prices, observed(scenario, prices)
        world = build(scenario)
        lazy = Compiled(world).outcomes(*tables)
        for everyone in (valuing_everyone, checking_everyone):
            eager = world._replace(market=everyone(world.market))
            np.testing.assert_array_equal(Compiled(eager).outcomes(*tables), lazy)
        played += 1
    assert played >= len(DELAYS)
