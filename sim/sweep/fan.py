"""The fan of the price paths of a sweep: quantiles over paths, at every time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.market.levels import PRICE_SCALE
from sim.market.paths import draw
from sim.market.tables import price_table
from sim.sweep.plan import Plan

Floats = npt.NDArray[np.float64]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_PATHS = 10_000
"""More would not change what the eye sees, and quantiles need all of them in memory."""
_CHUNK = 100  # paths drawn at once
_MOST_ROWS = 400  # of time, per path
_MOVED = 0.02  # an asset that never leaves this distance from its start is not worth a panel


class Fan(NamedTuple):
    """Prices in USD of the assets that move. T times, m assets."""

    symbols: list[str]
    rows: npt.NDArray[np.int64]
    """(T,) steps."""
    quantiles: Floats
    """(QUANTILES, T, m) over the first `paths` paths."""
    level: Floats
    """(T, m) as the scenario names it."""
    worst: Floats
    """(steps + 1, m) one path in full."""
    paths: int


def fan(plan: Plan, worst: int) -> Fan:
    """Draw the paths of a plan again, a few at a time, and sum them up; `worst` is kept in full.

    Memory is bounded by MOST_PATHS paths at _MOST_ROWS times: 32 MB per asset.
    """
    scenario = plan.scenario
    own = draw(scenario, plan.sampler, worst, 1)[0] / PRICE_SCALE
    level = price_table(scenario).astype(np.float64) / PRICE_SCALE
    count = min(plan.paths, MOST_PATHS)
    every = -(-(scenario.steps + 1) // _MOST_ROWS)
    rows = np.unique(np.append(np.arange(0, scenario.steps + 1, every), scenario.steps))
    drawn = np.empty((count, len(rows), len(scenario.symbols)), dtype=np.float64)
    for first in range(0, count, _CHUNK):
        some = slice(first, min(first + _CHUNK, count))
        drawn[some] = draw(scenario, plan.sampler, first, some.stop - first)[:, rows]
    drawn /= PRICE_SCALE
    moving = [
        i
        for i in range(len(scenario.symbols))
        if np.abs(drawn[:, :, i] / level[0, i] - 1).max() > _MOVED
    ]
    quantiles = (
        np.stack([np.quantile(drawn[:, :, i], QUANTILES, axis=0) for i in moving], axis=-1)
        if moving
        else np.empty((len(QUANTILES), len(rows), 0))
    )
    symbols = [scenario.symbols[i] for i in moving]
    return Fan(symbols, rows, quantiles, level[rows][:, moving], own[:, moving], count)
