"""Checking only accounts that can matter changes nothing: the same operations in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.health import watchers
from sim.health.census import census
from sim.market.market import COLLATERAL_VALUE, DEBT_VALUE, FACTOR, LIQUIDATIONS, USABLE
from sim.market.paths import draw, observed
from sim.protocol import oracle
from sim.protocol.records import copy
from sim.protocol.state import IS_COLLATERAL, POSITION_DEBT, SUPPLIED
from sim.protocol.vault_accounts import health
from sim.scenario import Scenario, known, load, with_overrides
from sim.world import World, build, on_path
from tests.simulation.runs import ANSWERING, CALLED, PEOPLE, SMALL

WAD = 10**18
WILD = {"paths.model": "gbm", "paths.volatility_per_sqrt_year": {"WETH": 6.0, "WBTC": 5.0}}
RATIOS_THAT_MOVE: dict[str, Any] = {
    **WILD,
    "protocol.steward": {"max_change_bps": 40, "ramp_hours": 9.6, "min_delay_hours": 9.6},
    "risk_desk": {
        "assets": ["WETH", "WBTC", "USDC", "DAI"],
        "review_seconds": 600,
        "half_life_hours": 2,
        "volatility_per_sqrt_year": {"WETH": 1.0},
        "horizon_hours": 6,
        "deviations": 2,
        "floor_bps": 4_000,
        "ceiling_bps": 8_100,
        "buffer_bps": 300,
    },
}
"""Up at once, down over hours, and up again."""
BRACKETS: dict[str, Any] = {
    "protocol.reserves.WETH.tiers": [
        {"above_usd": 2_000, "lt_bps": 7_000},
        {"above_usd": 100_000, "lt_bps": 5_000},
    ],
    "protocol.reserves.WBTC.tiers": [{"above_usd": 50_000, "lt_bps": 4_000}],
    "protocol.reserves.USDC.tiers": [{"above_usd": 10_000, "lt_bps": 6_000}],
}
"""Under which most of what is pledged counts in several."""
VARIANTS: dict[str, dict[str, Any]] = {
    "close factor": {},
    "delay": {"protocol.liquidation.delay_seconds": 1_800},
    "auction": {"protocol.liquidation.engine": "dutch-bonus"},
    "target health": {"protocol.liquidation.engine": "target-health"},
    "debts that rise": {
        "book.debt_weights": {"WETH": 40, "WBTC": 30, "USDC": 20, "DAI": 10},
        **{f"suppliers.{symbol}": 5e7 for symbol in ("WETH", "WBTC", "USDC", "DAI")},
    },
    "haircuts at once": {"protocol.loss_mode": "immediate", **WILD},
    "a feed that stalls": {"feeds.WETH.max_move_bps": 300, "feeds.WETH.hold_off_seconds": 7_200},
    "a feed out of bounds": {"feeds.WETH.min_price_usd": 120.0},
    "two collaterals": {"book.two_collateral_share": 1.0, "book.isolated_share": 0.0},
    "two collaterals, one without a price": {
        "book.two_collateral_share": 1.0,
        "book.isolated_share": 0.0,
        "feeds.WBTC.min_price_usd": 5_500.0,
    },
    "people": PEOPLE,
    "margin calls": {**PEOPLE, **CALLED},
    "margin calls and a delay": {**CALLED, "protocol.liquidation.delay_seconds": 1_800},
    "margin calls on a wild path": {**CALLED, **WILD, "book.two_collateral_share": 0.5},
    "people who answer to rates": ANSWERING,
    "loopers who look once": {
        "borrowers": [{**PEOPLE["borrowers"][2], "share": 1.0, "review_seconds": 86_400}],
        **{f"suppliers.{symbol}": 5e7 for symbol in ("WETH", "WBTC", "USDC", "DAI")},
    },
    "impact that lasts": {
        "reference_market": {
            "assets": {
                "WETH": {"depth_usd_per_percent": 4e5, "half_life_hours": 6.0},
                "WBTC": {"depth_usd_per_percent": 2e5},
            }
        },
        "venues[0].depth_by_drawdown": [[0.0, 1.0], [0.4, 0.3]],
    },
    "thresholds that move": RATIOS_THAT_MOVE,
    "brackets": BRACKETS,
    "brackets, two collaterals": {
        **BRACKETS,
        "book.two_collateral_share": 1.0,
        "book.isolated_share": 0.0,
    },
    "brackets, debts that rise": {
        **BRACKETS,
        "protocol.liquidation.engine": "target-health",
        "book.debt_weights": {"WETH": 40, "WBTC": 30, "USDC": 20, "DAI": 10},
        **{f"suppliers.{symbol}": 5e7 for symbol in ("WETH", "WBTC", "USDC", "DAI")},
    },
    "escrow": {f"protocol.reserves.{a}.rehypothecate": False for a in ("WETH", "WBTC")},
}


def _scenario(overrides: dict[str, Any]) -> Scenario:
    return with_overrides(load("black-thursday"), {**SMALL, **overrides})


def _valuing_everyone(world: World) -> World:
    return world._replace(market=watchers.valuing_everyone(world.market))


def _checking_everyone(world: World) -> World:
    return world._replace(market=watchers.checking_everyone(world.market))


@pytest.mark.parametrize("variant", VARIANTS)
def test_exact_runs_do_the_same_operations(variant: str) -> None:
    """Every row of the journal is equal, results included."""
    scenario = _scenario({"book.accounts": 30, **VARIANTS[variant]})
    world = build(scenario)
    lazy = [step.rows for step in run(world)]
    assert world.market.tally[LIQUIDATIONS] > 0
    for eager in (_valuing_everyone, _checking_everyone):
        assert lazy == [step.rows for step in run(eager(build(scenario)))]


@pytest.mark.parametrize("name", known())
def test_every_shipped_world_does_the_same_operations(name: str) -> None:
    scenario = with_overrides(load(name), {"book.accounts": 24})
    for lazy, eager in zip(
        run(build(scenario)), run(_valuing_everyone(build(scenario))), strict=True
    ):
        assert lazy.rows == eager.rows, lazy.k


@pytest.mark.compiled
@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_runs_do_the_same_operations(variant: str) -> None:
    """On random paths, bit for bit."""
    scenario = _scenario({"book.accounts": 300, "duration_hours": 30, **VARIANTS[variant]})
    world = build(scenario)
    prices = draw(scenario, "mc", 0, 3)
    tables = [(path, observed(scenario, path)) for path in prices]
    lazy, eager = Compiled(world, 4_000), Compiled(_valuing_everyone(world), 4_000)
    checked = Compiled(_checking_everyone(world), 4_000)
    acted = 0
    for table in tables:
        three = (one.journal(*table) for one in (lazy, eager, checked))
        for rows, same, too in zip(*three, strict=True):
            np.testing.assert_array_equal(rows, same)
            np.testing.assert_array_equal(rows, too)
        acted += int(lazy.memory.market.tally[LIQUIDATIONS])
    assert acted > 20


def test_only_some_accounts_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above compares two different things, and the lazy one is lazy."""
    looks = [0]
    look_at = watchers.look_at

    def counted(*arguments: Any) -> None:
        looks[0] += 1
        look_at(*arguments)

    monkeypatch.setattr(watchers, "look_at", counted)
    scenario = _scenario({"liquidators": []})
    everyone = scenario.book.accounts * scenario.steps
    for world in (build(scenario), _valuing_everyone(build(scenario))):
        looks[0] = 0
        for _ in run(world):
            pass
        if world.market.watchers.slack[0] < np.inf:
            assert looks[0] < everyone / 4
        else:
            assert looks[0] >= everyone


def test_an_account_that_is_not_checked_is_healthy() -> None:
    """At every step of a wild path everyone below 1 is on the list."""
    scenario = _scenario({**WILD, "duration_hours": 12})
    prices = draw(scenario, "mc", 1, 1)[0]
    world = on_path(build(scenario), prices, observed(scenario, prices))
    unhealthy = 0
    for _ in run(world):
        s, w = world.state, world.market
        factors = census(s)[:, FACTOR]
        hot = set(w.watchers.hot.nonzero()[0].tolist())
        below = {a for a, factor in enumerate(factors) if factor < 10**18}
        assert below <= hot
        unhealthy += len(below)
    assert unhealthy > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_census_is_what_looking_at_everyone_finds(variant: str) -> None:
    """At steps of a wild path: to the wei wherever an account is not plainly healthy, and else to
    what is rounded there, a unit of value and one of the token per asset.
    """
    scenario = _scenario({**WILD, **VARIANTS[variant], "duration_hours": 12})
    prices = draw(scenario, "mc", 2, 1)[0]
    world = on_path(build(scenario), prices, observed(scenario, prices))
    for step in run(world):
        if step.k % 24 == 0:
            s, w = world.state, world.market
            everyone = copy(w)
            for a in range(len(s.account)):
                watchers.look_at(s, everyone, a)
            found, exact = census(s), everyone.watchers.watch
            below = exact[:, FACTOR] < WAD
            assert ((found[:, FACTOR] < WAD) == below).all()
            assert (found[below, 1:] == exact[below, 1:].astype(float)).all()
            assert (found[:, USABLE:] == exact[:, USABLE:]).all()
            rounded = 0.0
            for i, unit in enumerate(s.unit):
                seen = oracle.read(s, 0, i)
                rounded += 1 + max(seen.collateral_price, seen.debt_price) / unit
            values = slice(COLLATERAL_VALUE, DEBT_VALUE + 1)
            off = found[:, values] - exact[:, values].astype(float)
            assert (abs(off) <= rounded + 1e-14 * found[:, values]).all()


def test_a_health_of_one_unit_below_one_is_found_by_the_census() -> None:
    """Where doubles cannot tell, integers do: a price that leaves an account at 1 - 1e-18."""
    s = build(_scenario({"protocol.reserves.WETH.rehypothecate": False})).state
    symbols = load("black-thursday").symbols
    weth, dai = symbols.index("WETH"), symbols.index("DAI")
    s.position[:2] = 0
    s.position[:2, dai, POSITION_DEBT] = 10**10 * 10**18
    s.position[:2, weth, IS_COLLATERAL] = 1
    low, high = 0, 10**12 * 10**18
    while high - low > 1:
        middle = (low + high) // 2
        s.position[0, weth, SUPPLIED] = middle
        low, high = (low, middle) if health(s, 0).factor >= WAD else (middle, high)
    s.position[:2, weth, SUPPLIED] = [high, low]
    factors = [health(s, a).factor for a in (0, 1)]
    assert WAD - 3 <= factors[1] < WAD <= factors[0]
    assert [factor < WAD for factor in census(s)[:2, FACTOR]] == [False, True]
