"""The levels that a scenario names, on the grid of its steps, as integers."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from sim.market.paths import to_integers, to_price_units, waypoint_path
from sim.scenario import Scenario
from sim.schema.base import Level

_WEI_PER_GWEI = 10**9


def price_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """Reference prices in USD with 8 decimals, (steps + 1, assets); row 0 is the start."""
    columns = [_on_grid(scenario, asset.price_usd) for asset in scenario.assets.values()]
    return to_price_units(np.stack(columns, axis=1))


def observed_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """What each asset's feed sees: its reference price a latency ago; shaped as `price_table`."""
    columns = [
        _on_grid(scenario, asset.price_usd, scenario.feeds[symbol].latency_seconds)
        for symbol, asset in scenario.assets.items()
    ]
    return to_price_units(np.stack(columns, axis=1))


def gas_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """Gas prices in wei per gas, (steps + 1,); row 0 is the start."""
    gwei = _on_grid(scenario, scenario.gas_price_gwei)
    # At least 1 wei: the smallest level that a scenario may name would round to 10.
    return to_integers(np.rint(gwei * _WEI_PER_GWEI))


def _on_grid(scenario: Scenario, level: Level, ago: int = 0) -> npt.NDArray[np.float64]:
    """A level at the start and after every step, or `ago` seconds before, (steps + 1,)."""
    times = np.arange(scenario.steps + 1) * scenario.step_seconds - ago
    if not isinstance(level, tuple):
        return np.full(times.shape, level)
    seconds = [(w.at - scenario.start) / timedelta(seconds=1) for w in level]
    return waypoint_path(list(zip(seconds, (w.value for w in level), strict=True)), times)
