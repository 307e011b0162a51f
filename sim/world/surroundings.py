"""The market around the protocol when a run starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.health.watchers import BLOCK, SLACK
from sim.market.faults import fault_table, halted_table
from sim.market.market import LIQUIDATOR, LOST_BEFORE, NEVER, SALE, TALLY, WATCH, WORTH, Market
from sim.market.tables import gas_table, observed_table
from sim.protocol.units import USD
from sim.scenario import Scenario
from sim.users.user_agents import Agent
from sim.world.actors import ARBITRAGEURS, FIRST_LIQUIDATOR
from sim.world.blocks import delay_table, room_table
from sim.world.own_agents import agent_arrays, attack_arrays
from sim.world.people import People
from sim.world.reference import reference_arrays
from sim.world.venues import venue_arrays

_ANY_CALL_USD = 1e12


def surroundings(
    scenario: Scenario,
    prices: Any,
    accounts: int,
    people: People,
    agents: Sequence[Agent] = (),
) -> Market:
    """Tables of what will happen, and empty scratch pads; `prices` are the reference prices."""
    steps, symbols = scenario.steps, scenario.symbols
    start = int(scenario.start.timestamp())
    population = scenario.liquidators
    delays = delay_table(scenario)
    return Market(
        time=_integers([start + k * scenario.step_seconds for k in range(steps + 1)]),
        price=prices,
        observed=observed_table(scenario),
        fault=fault_table(scenario),
        halted=halted_table(scenario),
        gas_price=gas_table(scenario),
        heartbeat=_integers([scenario.feeds[symbol].heartbeat_seconds for symbol in symbols]),
        # Every recorded answer is one, whether the price moved or not.
        deviation=_integers(
            [
                0 if feed.replay else feed.deviation_bps
                for feed in map(scenario.feeds.__getitem__, symbols)
            ]
        ),
        **venue_arrays(scenario, prices),
        **reference_arrays(scenario),
        liquidator=_integers(
            [
                [
                    one.gas_used,
                    round(one.profit_floor_usd * USD),
                    round(one.capacity_usd_per_hour * USD * scenario.step_seconds / 3_600),
                    round((one.call_usd or _ANY_CALL_USD) * USD),
                    int(one.capital_usd is not None),
                    int(one.keeps_collateral),
                    int(one.takes_shares),
                ]
                for one in population
            ]
        ).reshape(len(population), len(LIQUIDATOR)),
        liquidator_actor=np.arange(len(population), dtype=np.int64) + FIRST_LIQUIDATOR,
        priority=np.argsort([-one.max_gas_price_gwei for one in population], kind="stable"),
        timed=np.array([int(((delays > 0) & (delays < NEVER)).any())]),
        delay=delays,
        room=room_table(scenario),
        arbitrageur=np.array([ARBITRAGEURS]),
        **attack_arrays(scenario, accounts),
        **agent_arrays(scenario, agents, accounts),
        native=np.array([symbols.index(scenario.native_asset)]),
        watch=np.full((accounts, len(WATCH)), 0, dtype=object),
        since=_integers([0] * accounts),
        hot=np.full(accounts, -1, dtype=np.int64),
        hot_before=np.full(accounts, -1, dtype=np.int64),
        hot_count=np.zeros(1, dtype=np.int64),
        limit=np.full(accounts, np.inf),
        kind=np.full(accounts, len(symbols) ** 2, dtype=np.int64),
        pair=np.full(accounts, -1, dtype=np.int64),
        nearest=np.full((-(-accounts // BLOCK) + 1, len(symbols) ** 2 + 1), np.inf),
        level=np.ones(len(symbols) ** 2 + 1),
        worth=np.zeros((1, len(symbols), len(WORTH))),
        least_value=np.zeros(len(symbols)),
        slack=np.full(1, SLACK),
        lively=np.zeros(1, dtype=np.int64),
        taken=_integers([0]),
        waits=_integers([0] * accounts),
        spent=_integers([0] * len(population)),
        sale=np.zeros((len(symbols), len(symbols), len(SALE))),
        wanted=np.zeros(len(population)),
        pairs=np.full(len(symbols) ** 2, -1, dtype=np.int64),
        brings=np.zeros(len(symbols) ** 2),
        candidate=np.full(accounts, -1, dtype=np.int64),
        rank=np.zeros(accounts),
        **people.fields,
        lost_before=np.full((len(symbols), len(LOST_BEFORE)), 0, dtype=object),
        missing=_integers([0] * len(symbols)),
        tally=_integers([0] * len(TALLY)),
    )


def _integers(values: list[Any]) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=object)
