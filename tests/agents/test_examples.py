"""The worked examples, and that their knobs turn the right way: pairs share scenario and paths."""

from __future__ import annotations

from typing import Any

from sim.engines.exact import run
from sim.measures.agents import AgentOutcome, agent_outcomes
from sim.protocol.state import (
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    RESERVE0,
    RESERVE1,
    SOCIALISED,
)
from sim.tape import Tape, frames
from sim.world import World, build
from tests.agents.test_compiled import CONTRARIAN, RISE
from tests.agents.thin import WETH, thin
from tests.tape.storm import storm

LOSSES = [DEFICIT_REPORTED, COVERED_BY_FEES, COVERED_BY_FUND, SOCIALISED, DEFICIT]


def played(scenario: Any) -> tuple[World, AgentOutcome]:
    world = build(scenario)
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    (outcome,) = agent_outcomes(frames(tape.tables(complete=True)))
    return world, outcome


def contrarian(capital: float = 50_000.0, **knobs: int) -> tuple[World, AgentOutcome]:
    one = {
        **CONTRARIAN,
        "capital_usd": {"USDC": capital},
        "parameters": {"pair": 1, "threshold_bps": 100, **knobs},
    }
    return played(
        thin(
            attack=None,
            agents=[one],
            arbitrage__capital_usd=1e7,
            arbitrage__half_life_seconds=930.0,
            assets__WETH__price_usd=RISE,
        )
    )


def test_the_contrarian_keeps_the_pool_at_the_market() -> None:
    """With enough money the pool is never further from the reference price than the threshold."""
    one = {**CONTRARIAN, "capital_usd": {"USDC": 5e6, "WETH": 5e6}}
    world = build(thin(attack=None, agents=[one], assets__WETH__price_usd=RISE))
    without = build(thin(attack=None, assets__WETH__price_usd=RISE))
    assert 0.001 < max(gaps(world)) < 0.01 < 0.19 < max(gaps(without))


def gaps(world: World) -> list[float]:
    """How far the pool is from the reference price, after every step of a run."""
    found = []
    for step in run(world):
        usdc, weth = world.state.pair[1, RESERVE1], world.state.pair[1, RESERVE0]
        price = (int(usdc) / 10**6) / (int(weth) / 10**18)
        found.append(abs(price / (int(world.market.price[step.k, WETH]) / 10**8) - 1))
    return found


def test_a_contrarian_earns_more_with_more_money_and_less_of_it() -> None:
    """Profit rises with capital, return on capital falls: the venue's depth is shared."""
    small, large = (contrarian(capital)[1].profit_usd for capital in (20_000.0, 200_000.0))
    assert 0 < small < large < 10 * small


def test_a_contrarian_with_a_higher_threshold_trades_less() -> None:
    eager, patient, never = (
        contrarian(5e6, threshold_bps=bps)[1].done for bps in (100, 300, 5_000)
    )
    assert eager > patient > never == 0


def treasury(capital: float) -> tuple[World, AgentOutcome]:
    one = {
        "name": "treasury",
        "path": "sim.examples.treasury:Treasury",
        "capital_usd": {"USDC": capital},
        "parameters": {"least_usd": 20_000},
    }
    return played(storm(agents=[one], duration_hours=12))  # until the last debt is written off


def test_a_treasury_bears_what_suppliers_would_have_borne() -> None:
    """The richer it is, the smaller the haircut and the larger its own loss; it and those who had
    staked before bear what the fund bears.
    """
    usdc = 2
    runs = [treasury(capital) for capital in (0, 1_000, 200_000)]
    haircuts = [int(world.state.hub[usdc, SOCIALISED]) for world, _ in runs]
    losses = [-outcome.profit_usd for _, outcome in runs]
    assert haircuts[0] > haircuts[1] > haircuts[2] == 0
    assert 0 == losses[0] < losses[1] < losses[2]
    for (world, _), loss in zip(runs, losses, strict=True):
        reported, fees, fund, *rest = (int(n) for n in world.state.hub[usdc, LOSSES])
        assert reported == fees + fund + sum(rest)
        assert loss <= fund / 10**6 <= loss + 2_000 + 1e-6  # the stakers had 2,000 dollars
