"""The levels that a scenario names, on the grid of its steps, as integers."""

import numpy as np
import numpy.typing as npt

from sim.market.faults import ages
from sim.market.levels import on_grid, price_on_grid, to_integers, to_price_units
from sim.scenario import Scenario

_WEI_PER_GWEI = 10**9


def price_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """Reference prices in USD with 8 decimals, (steps + 1, assets); row 0 is the start.

    Raises ScenarioError if recorded prices cannot be used.
    """
    columns = [price_on_grid(scenario, symbol) for symbol in scenario.symbols]
    scenario.check_units(
        {s: float(c.max()) for s, c in zip(scenario.symbols, columns, strict=True)}
    )
    return to_price_units(np.stack(columns, axis=1))


def observed_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """What each asset's feed sees: its reference price some age ago; shaped as `price_table`."""
    columns = [price_on_grid(scenario, s, ages(scenario, s)) for s in scenario.symbols]
    return to_price_units(np.stack(columns, axis=1))


def gas_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """Gas prices in wei per gas, (steps + 1,); row 0 is the start."""
    gwei = on_grid(scenario, scenario.gas_price_gwei)
    # At least 1 wei: the smallest level that a scenario may name would round to 10.
    return to_integers(np.rint(gwei * _WEI_PER_GWEI))
