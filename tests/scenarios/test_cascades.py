"""Scenarios that cascade: what their own sales add to the fall, and the closed form 1 / (1 - R).

In logarithms a fall F is what came from outside, f, and what sales left, V: F = f + V. With R the
share V / F that a fall of F sells off, F = f / (1 - R). Nothing of the run itself is needed to say
what R is: a market without bound, in which nobody's sales leave anything, is brought down by F from
outside, and what is sold until then, over the depth, is V.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from sim.engines.exact import run
from sim.measures.cascade import Spiral, rounds, spirals
from sim.protocol.state import COVERED_BY_FUND, DEFICIT_REPORTED
from sim.scenario import Scenario, baseline_of, known, load, with_overrides
from sim.tape import Frames
from sim.world import build
from tests.scenarios.library import EVENTS, SYNTHETIC, played

Floats = np.ndarray[Any, np.dtype[np.float64]]

CASCADES = [name for name in known() if load(name).reference_market]
WITHIN = {"taken": (0.02, 0.05), "named": (0.05, 0.15)}
"""How far amplification and branching ratio may be off, of themselves: feeds see an impact in whole
steps and a price between them; and what is sold hangs on the way down, too.
"""
CLOSED_FORM = [(name, seed) for name in SYNTHETIC if name in CASCADES for seed in (None, 6)]


def test_at_least_three_cascade_one_of_them_historical() -> None:
    """A branching ratio above a tenth, and liquidations that nothing but others' sales caused."""
    found = []
    for name in CASCADES:
        tape = _tape(name, None)
        if spirals(tape)[0].branching_ratio > 0.1 and rounds(tape).induced > 0:
            found.append(name)
    assert len(found) >= 3 and set(found) & set(EVENTS) and set(found) & set(SYNTHETIC)


@pytest.mark.parametrize("name", [name for name in CASCADES if name in EVENTS])
def test_recorded_prices_come_out_as_recorded(name: str) -> None:
    """An event as it is written is its own baseline: its prices, liquidations and losses are those
    of a market without bound on the same prices, to the unit.
    """
    scenario = load(name)
    assert scenario.reference_market and scenario.reference_market.prices_contain_impact
    assert baseline_of(scenario) == scenario
    worlds = [build(scenario), build(with_overrides(scenario, {"reference_market": None}))]
    for world in worlds:
        for _ in run(world):
            pass
    mine, other = (world.market for world in worlds)
    assert (mine.price == other.price).all() and (mine.feeds.observed == other.feeds.observed).all()
    assert mine.tally.tolist() == other.tally.tolist()
    kept = [world.state.hub[:, [DEFICIT_REPORTED, COVERED_BY_FUND]] for world in worlds]
    assert (kept[0] == kept[1]).all()
    assert (mine.reference.impact[-1] != 10**18).any()


@pytest.mark.parametrize("name", [name for name in CASCADES if name in EVENTS])
def test_without_liquidators_an_event_is_what_came_from_outside(name: str) -> None:
    """A change that sells nothing: recorded over the baseline's impact, to the unit."""
    world, base = build(with_overrides(load(name), {"liquidators": []})), build(load(name))
    for one in (base, world):
        for _ in run(one):
            pass
    outside = base.market.price * 10**18 // base.market.reference.impact
    assert (world.market.price == outside).all()
    assert (outside > base.market.price).any()


@pytest.mark.parametrize("path", ["taken", "named"])
@pytest.mark.parametrize(("name", "seed"), CLOSED_FORM)
def test_the_amplification_is_the_closed_form_of_a_market_without_impact(
    name: str, seed: int | None, path: str
) -> None:
    """Of every asset with a depth, brought down along the path that the run took, or along the
    named one, deeper by as much, of which nothing but the depth of the fall is the run's. Sales are
    read off the liquidations, not off the impact.
    """
    scenario = _scenario(name, seed)
    fell = {one.asset: one for one in spirals(_tape(name, seed)) if one.fall_alone > 0}
    assert scenario.reference_market
    depths = scenario.reference_market.assets
    fallen = _brought_down(scenario, seed, fell, path)
    for asset, of in depths.items():
        spiral = fell[asset]
        assert of.half_life_hours is None, "what is sold stays"
        whole = -np.log1p(-spiral.fall)
        sold = _sold(fallen, asset, spiral)
        left = float(
            np.sum(np.sign(sold) * np.log1p(np.abs(sold) / 100 / of.depth_usd_per_percent))
        )
        ratio = left / whole
        assert ratio > 0.03
        amplification, branching = WITHIN[path]
        assert spiral.amplification == pytest.approx(1 / (1 - ratio), rel=amplification), asset
        assert spiral.branching_ratio == pytest.approx(ratio, rel=branching), asset
    assert max(spiral.branching_ratio for spiral in fell.values()) > 0.1


def _scenario(name: str, seed: int | None) -> Scenario:
    return load(name) if seed is None else with_overrides(load(name), {"seed": seed})


@lru_cache
def _tape(name: str, seed: int | None) -> Frames:
    return played(_scenario(name, seed))


def _brought_down(
    scenario: Scenario, seed: int | None, fell: dict[str, Spiral], path: str
) -> Frames:
    """The same without impact, on paths from outside that fall by as much: those that the run took,
    or the named ones to the power of the amplification.
    """
    tape = _tape(scenario.name, seed)
    paths: dict[str, Any] = {"reference_market": None}
    for asset, spiral in fell.items():
        rows = tape.assets[tape.assets["asset"] == asset]
        levels = rows["reference_price_usd"].to_numpy(dtype=float)
        if path == "named":
            named = levels / rows["impact"].to_numpy()
            levels = named[0] * (named / named[0]) ** spiral.amplification
        paths[f"assets.{asset}.price_usd"] = [
            {"at": scenario.start + timedelta(seconds=scenario.step_seconds * k), "value": level}
            for k, level in enumerate(levels.tolist())
        ]
    return played(with_overrides(scenario, paths))


def _sold(tape: Frames, asset: str, spiral: Spiral) -> Floats:
    """USD of an asset that liquidations sold, less what they bought to repay, before the low."""
    symbols = list(dict.fromkeys(tape.assets["asset"]))
    prices = tape.assets[tape.assets["asset"] == asset].set_index("step")["reference_price_usd"]
    decimals = int(tape.assets.loc[tape.assets["asset"] == asset, "decimals"].iloc[0])
    low = int(tape.steps.loc[tape.steps["time_utc"] == spiral.end_utc, "step"].iloc[0])
    net = np.zeros(low)
    done = tape.operations[tape.operations["verdict"] == "ok"]
    for row in done[done["kind"] == "flash_liquidate"].itertuples():
        if row.step >= low:
            continue
        if symbols[int(row.y)] == asset:  # all that was seized
            net[row.step] += float(row.result1)
        if row.asset == asset:  # what was repaid, and the profit
            net[row.step] -= float(row.result0) + float(row.result2)
    return net / 10.0**decimals * prices.to_numpy(dtype=float)[:low]
