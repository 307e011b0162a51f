"""What the market knows of blocks when a run starts: their room for liquidations, and how long each
liquidator waits.

The gas price that lets a transaction into a single block scatters around the level g of the time,
lognormally with spread s. A bid b gets into a block with the chance N(ln(b / g) / s), so it waits

    seconds / N(ln(b / g) / s)

in the mean: two blocks at the level, hardly more than one far above it, for ever far below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy  # its parts, slow to import, come when they are used

from sim.market.levels import on_grid, to_integers
from sim.market.market import CALL_ROOM, NEVER
from sim.scenario import Scenario


def room_table(scenario: Scenario) -> Any:
    """Calls that find room in the blocks of a step, in units of 1 / CALL_ROOM, (steps + 1,); (0,)
    where there is room for all.
    """
    level = scenario.blocks.liquidation_calls_per_hour
    if level is None:
        return np.full(0, 0, dtype=object)
    calls = on_grid(scenario, level) * (scenario.step_seconds / 3_600)
    return to_integers(np.maximum(np.rint(calls * CALL_ROOM), 1))


def delay_table(scenario: Scenario) -> Any:
    """Seconds from the step in which an account is found liquidatable to acting on it, by step and
    liquidator, (steps + 1, L): its latency and its wait for a block, less half a step, as accounts
    become liquidatable within steps; `NEVER` for whoever is silent.
    """
    population = scenario.liquidators
    gas = on_grid(scenario, scenario.gas_price_gwei)[:, np.newaxis]
    bids = np.array([one.max_gas_price_gwei for one in population])[np.newaxis]
    latencies = np.array([one.latency_seconds for one in population])[np.newaxis]
    waits = _waits(scenario, gas, bids)
    delays = np.maximum(latencies + waits - scenario.step_seconds / 2, 0)
    return to_integers(np.rint(np.where(waits < NEVER, delays, NEVER)))


def _waits(scenario: Scenario, gas: Any, bids: Any) -> Any:
    """Seconds until a block takes the bid, (steps + 1, L)."""
    blocks = scenario.blocks
    if blocks.seconds is None or blocks.gas_price_spread is None:
        return np.where(gas > bids, float(NEVER), 0.0)
    with np.errstate(divide="ignore"):  # a bid of 0, or a chance below the smallest double: never
        chance = scipy.special.ndtr(np.log(bids / gas) / blocks.gas_price_spread)
        return np.minimum(blocks.seconds / chance, float(NEVER))
