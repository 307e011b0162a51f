"""The market around the protocol when a run starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.agents.actors import Actors
from sim.agents.start import FIRST_LIQUIDATOR, Start, integers, owner
from sim.health.levels import SLACK
from sim.health.watchers import BLOCK, GROUP, UNKNOWN
from sim.market.faults import fault_table, halted_table
from sim.market.level_tables import gas_table, observed_table
from sim.market.market import (
    LIQUIDATOR,
    LOST_BEFORE,
    PLEDGE,
    SALE,
    TALLY,
    WATCH,
    WORTH,
    Feeds,
    Liquidators,
    Market,
    Prospects,
    Watchers,
)
from sim.protocol.units import USD
from sim.scenario import Scenario
from sim.users.user_agents import Agent
from sim.world.actors import first_own_account, own
from sim.world.block_space import delay_table, room_table
from sim.world.bridges import bridges
from sim.world.reference_market import reference_market

_ANY_CALL_USD = 1e12


def surroundings(start: Start, accounts: int, agents: Sequence[Agent] = ()) -> Market:
    """Tables of what will happen, and empty scratch pads."""
    scenario, symbols = start.scenario, start.scenario.symbols
    begin = int(scenario.start.timestamp())
    return Market(
        time=integers([begin + k * scenario.step_seconds for k in range(scenario.steps + 1)]),
        price=start.prices,
        gas_price=gas_table(scenario),
        native=np.array([symbols.index(scenario.native_asset)]),
        feeds=_feeds(scenario),
        reference=reference_market(scenario),
        bridges=bridges(scenario, accounts),
        watchers=_watchers(accounts, len(symbols), len(scenario.protocol.each)),
        prospects=_prospects(len(symbols), len(scenario.liquidators)),
        liquidators=_liquidators(scenario, accounts),
        actors=Actors.of(start),
        **_users(scenario, agents, accounts),
        lost_before=np.full((len(symbols), len(LOST_BEFORE)), 0, dtype=object),
        missing=integers([0] * len(symbols)),
        tally=integers([0] * len(TALLY)),
    )


def _users(scenario: Scenario, agents: Sequence[Agent], accounts: int) -> dict[str, Any]:
    """The fields of the users' own agents; empty without any."""
    end = first_own_account(scenario, accounts) + len(own(scenario))
    theirs = np.arange(end - len(scenario.agents), end, dtype=np.int64)
    most = max((len(agent.parameters) for agent in agents if agent.jitable), default=0)
    parameters = np.full((len(theirs), most), 0, dtype=object)
    for me, agent in enumerate(agents):
        if agent.jitable:
            parameters[me, : len(agent.parameters)] = list(agent.parameters.values())
    return {
        "agent_actor": owner(scenario, 0) + theirs,
        "agent_account": theirs,
        "agent_parameter": parameters,
    }


def _feeds(scenario: Scenario) -> Feeds:
    feeds = [scenario.feeds[symbol] for symbol in scenario.symbols]
    return Feeds(
        observed=observed_table(scenario),
        fault=fault_table(scenario),
        halted=halted_table(scenario),
        heartbeat=integers([feed.heartbeat_seconds for feed in feeds]),
        # Every recorded answer is one, whether the price moved or not.
        deviation=integers([0 if feed.replay else feed.deviation_bps for feed in feeds]),
    )


def _watchers(accounts: int, assets: int, vaults: int) -> Watchers:
    blocks, levels = -(-accounts // BLOCK), vaults * assets**2 + 1
    rows = blocks + -(-blocks // GROUP) + 1
    return Watchers(
        watch=np.full((accounts, len(WATCH)), 0, dtype=object),
        since=integers([0] * accounts),
        hot=np.zeros(accounts, dtype=np.int64),
        hot_in=np.zeros(blocks, dtype=np.int64),
        hot_count=np.zeros(1, dtype=np.int64),
        ruined=np.zeros(blocks, dtype=np.int64),
        lacking=np.full(blocks, np.inf),
        owed=np.zeros((blocks + 1, assets)),
        limit=np.full(accounts, np.inf),
        kind=np.full(accounts, levels - 1, dtype=np.int64),
        pair=np.full(accounts, UNKNOWN, dtype=np.int64),
        pledge=np.zeros((accounts, len(PLEDGE))),
        nearest=np.full((rows, levels), np.inf),
        reached=np.zeros(levels, dtype=np.int64),
        reached_count=np.zeros(1, dtype=np.int64),
        level=np.ones(levels),
        worth=np.zeros((vaults, assets, len(WORTH))),
        least_value=np.zeros(assets),
        slack=np.full(1, SLACK),
        skips=np.ones(1, dtype=np.int64),
    )


def _prospects(assets: int, liquidators: int) -> Prospects:
    return Prospects(
        sale=np.zeros((assets, assets, len(SALE))),
        reach=np.zeros((assets + 1, assets)),
        wanted=np.zeros(liquidators),
        pairs=np.full(assets**2, -1, dtype=np.int64),
        brings=np.zeros(assets**2),
    )


def _liquidators(scenario: Scenario, accounts: int) -> Liquidators:
    population, delays = scenario.liquidators, delay_table(scenario)
    terms = [
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
    return Liquidators(
        terms=integers(terms).reshape(len(population), len(LIQUIDATOR)),
        actor=np.arange(len(population), dtype=np.int64) + FIRST_LIQUIDATOR,
        priority=np.argsort([-one.max_gas_price_gwei for one in population], kind="stable"),
        delay=delays,
        spent=integers([0] * len(population)),
        lively=np.zeros(1, dtype=np.int64),
        room=room_table(scenario),
        taken=integers([0]),
        waits=integers([0] * accounts),
        held=integers([0] * (accounts if scenario.protocol.guard else 0)),
        candidate=np.full(accounts, -1, dtype=np.int64),
        rank=np.zeros(accounts),
    )
