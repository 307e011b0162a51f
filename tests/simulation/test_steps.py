"""What a run comes to does not depend on the length of its steps."""

from __future__ import annotations

from datetime import datetime, timezone
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student

from sim.market.paths import draw, observed
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build, on_path
from tests.simulation.runs import lost_on_floats

FINE, COARSE = 60, {150: 0.15, 300: 0.3, 600: 0.75}
BOOKS = range(40)
STORM: dict[str, Any] = {
    "start": datetime(2020, 3, 12, tzinfo=timezone.utc),
    "duration_hours": 30,
    "book.accounts": 60,
    "hold_at_low": True,
}
"""Both waves of Black Thursday, from 195 to 86 dollars, without a rebound."""


def storm(seed: int, step: int, **more: Any) -> Scenario:
    return with_overrides(
        load("black-thursday"), {**STORM, "seed": seed, "step_seconds": step, **more}
    )


def on_one_path(seed: int, step: int) -> World:
    """A book and a path of its own: the same minutes of it at every step."""
    fine = storm(seed, FINE)
    prices = draw(fine, "mc", seed, 1)[0]
    minutes = np.arange(len(prices)) * FINE
    times = np.arange(0, minutes[-1] + 1, step)  # of 150 s, every other is in the middle of two
    logs = [np.interp(times, minutes, column) for column in np.log(prices).T]
    prices = np.rint(np.exp(np.array(logs).T))
    scenario = storm(seed, step)
    return on_path(build(scenario), prices, observed(scenario, prices))


@pytest.fixture(scope="module")
def losses() -> dict[int, np.ndarray[Any, Any]]:
    """By step, one for each book and path: thousands of USD."""
    return {
        step: np.array([lost_on_floats(on_one_path(seed, step)) for seed in BOOKS]) / 1e3
        for step in (FINE, *COARSE)
    }


@pytest.mark.parametrize("step", COARSE)
def test_losses_are_those_of_steps_of_a_minute(
    losses: dict[int, np.ndarray[Any, Any]], step: int
) -> None:
    """The 95% interval of the mean paired difference, one book and one path each, is within the
    share of the mean loss that `COARSE` states. It grows with the step, as feeds and liquidators
    act at its end: half a step late in the mean.
    """
    base, difference = losses[FINE], losses[step] - losses[FINE]
    half = student.ppf(0.975, len(BOOKS) - 1) * difference.std(ddof=1) / sqrt(len(BOOKS))
    assert base.mean() > 100
    assert abs(difference.mean()) + half < COARSE[step] * base.mean(), (
        difference.mean(),
        half,
        base.mean(),
    )
