"""Turning a venue's knob moves losses the way the literature says; runs of a comparison share
scenario, seed and prices.

At the low, that is: a crash that recovers forgives. Who could not be liquidated on the way down is
solvent again on the way up, so over both days of Black Thursday thinner venues can even lose less.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sim.engines.exact import run
from sim.health.census import census
from sim.market.market import COLLATERAL_VALUE, DEBT_VALUE
from sim.protocol.state import DEFICIT_REPORTED
from sim.scenario import Scenario
from sim.tape import frames
from sim.world import build
from tests.simulation.runs import Outcome, lost_on_floats, outcome
from tests.tape.storm import play, storm

pytestmark = pytest.mark.compiled

AT_LOW: dict[str, Any] = {"duration_hours": 26.5}


def at_low(field: str, value: Any, venues: tuple[int, ...] = tuple(range(6))) -> Outcome:
    return outcome({**AT_LOW, **{f"venues[{p}].{field}": value for p in venues}})


def test_deeper_venues_lose_less() -> None:
    """Sales fetch more, so more can be repaid before the low (Kao et al., 2020)."""
    runs = [at_low("depth_usd_per_side", usd) for usd in (1e6, 2e6, 4e6, 8e6)]
    assert all(a.bad_debt > b.bad_debt for a, b in pairwise(runs))
    assert all(a.repaid < b.repaid for a, b in pairwise(runs))


def test_a_depth_figure_does_what_the_same_depth_does() -> None:
    """A million that moves the price by 2% is deeper than a million that moves it by 20%."""

    def at(bps: int) -> float:
        return outcome(
            {
                **AT_LOW,
                **{f"venues[{p}].depth_usd_per_side": None for p in range(6)},
                **{
                    f"venues[{p}].depth": {"sale_usd": 1e6, "price_move_bps": bps} for p in range(6)
                },
            }
        ).bad_debt

    assert at(2_000) > at(200)


def test_the_shallower_the_reference_market_the_more_is_liquidated_and_lost() -> None:
    """Each sale lowers the price for the next account (Lehar and Parlour, BIS WP 1062). Over five
    books, at the low: of one alone, a little impact may spare who is liquidated sooner. What is
    repaid, and in how many calls, rises until what is left of the collateral repays less.
    """
    depths, seeds = (None, 1.6e6, 8e5, 4e5), range(5)
    runs = [
        [outcome({**AT_LOW, "seed": seed, **_reference(depth)}) for seed in seeds]
        for depth in depths
    ]
    liquidations = [sum(one.liquidations for one in books) for books in runs]
    bad_debt = [sum(one.bad_debt for one in books) for books in runs]
    repaid = [sum(one.repaid for one in books) for books in runs]
    assert all(a < b for a, b in pairwise(bad_debt))
    for rising in (liquidations, repaid):
        assert all(a < b for a, b in pairwise(rising[:3])) and rising[3] > rising[0]


def _reference(depth: float | None) -> dict[str, Any]:
    """USD per percent of WETH, half as many of WBTC; None: without bound."""
    if depth is None:
        return {}
    each = {"WETH": depth, "WBTC": depth / 2}
    assets = {symbol: {"depth_usd_per_percent": usd} for symbol, usd in each.items()}
    return {"reference_market": {"assets": assets}}


def test_faster_arbitrage_loses_less() -> None:
    """What arbitrage brings back is there for the next sale: liquidity resilience. From three
    quarters of the gap per step on there is nothing left to gain here.
    """
    nobody = {"arbitrage.capital_usd": 0.0}
    half_lives = [{"arbitrage.half_life_seconds": h} for h in (2_000.0, 600.0, 230.0)]
    runs = [outcome({**AT_LOW, **one}) for one in (nobody, *half_lives)]
    assert all(a.bad_debt > b.bad_debt for a, b in pairwise(runs))
    assert all(a.repaid < b.repaid for a, b in pairwise(runs))


def test_a_shorter_half_life_loses_less() -> None:
    slow, fast = (
        outcome(
            {
                **AT_LOW,
                "arbitrage.half_life_seconds": seconds,
            }
        )
        for seconds in (3_600.0, 300.0)
    )
    assert slow.bad_debt > fast.bad_debt and slow.repaid < fast.repaid


def test_depth_that_dries_up_in_the_fall_leaves_more_bad_debt() -> None:
    """The further liquidity is down at a fall of 40%, the more is lost (Gudgeon et al., 2020)."""
    runs = [
        at_low("depth_by_drawdown", [[0.0, 1.0], [0.4, share]]) for share in (1.0, 0.5, 0.25, 0.1)
    ]
    assert all(a.bad_debt < b.bad_debt for a, b in pairwise(runs))
    assert all(a.repaid > b.repaid for a, b in pairwise(runs))


def test_depth_that_is_gone_before_the_fall_leaves_more_bad_debt() -> None:
    base = outcome(AT_LOW)
    start = base.scenario.start
    gone = [
        {"at": start + timedelta(hours=9), "value": 1.0},
        {"at": start + timedelta(hours=10), "value": 0.1},
    ]
    assert at_low("depth_over_time", gone).bad_debt > base.bad_debt


def lost_usd(scenario: Scenario) -> float:
    """Bad debt of all assets and shortfall at the end of the run."""
    world = build(scenario)
    for _ in run(world):
        pass
    s, w = world.state, world.market
    lost = s.hub[:, DEFICIT_REPORTED] * w.price[-1] // s.unit
    short = (census(s)[:, DEBT_VALUE] - census(s)[:, COLLATERAL_VALUE]).clip(min=0)
    return float(sum(lost) + sum(short)) / 10**8


# --- published stress maps ------------------------------------------------------------------------

STEPS = 48


def lost_share(volatility: float, depth: float) -> float:
    """Bad debt and shortfall over debt at the end, mean of eight paths exp(sigma W - sigma^2 t/2),
    each with a book of its own, with the same W and books for every volatility and depth.
    """
    lost = 0.0
    for seed in range(8):
        noise = np.random.default_rng(seed).standard_normal(STEPS) / np.sqrt(STEPS)
        walk = np.concatenate([[0], np.cumsum(noise)])
        shares = np.exp(volatility * walk - volatility**2 / 2 * np.arange(STEPS + 1) / STEPS)
        start, step = storm().start, timedelta(seconds=600)
        paths = {
            f"assets.{symbol}.price_usd": [
                {"at": start + k * step, "value": float(usd * share)}
                for k, share in enumerate(shares)
            ]
            for symbol, usd in (("WETH", 2_000), ("WBTC", 30_000))
        }
        pools = {f"venues[{p}].depth_usd_per_side": depth for p in range(3)}
        lost += lost_on_floats(build(storm(seed=seed, **paths, **pools))) / 1.5e6 / 8
    return lost


def test_losses_rise_with_volatility_and_with_debt_over_depth() -> None:
    """The heat map of Kao et al. (Gauntlet, 2020) is monotone along both of its axes: debt over
    liquidity, and volatility; $1.5M of debt on pools of 3M, 600,000 and 120,000 a side.
    """
    volatilities, depths = (0.2, 0.4, 0.8), (3e6, 6e5, 1.2e5)
    lost = np.array([[lost_share(sigma, usd) for usd in depths] for sigma in volatilities])
    assert (np.diff(lost, axis=0) >= 0).all() and (np.diff(lost, axis=1) >= 0).all()
    assert lost[0, 0] < 0.01 < lost[-1, -1]  # their line: under-collateralised beyond 1%
    assert (np.diff(lost[-1]) > 0).all() and (np.diff(lost[:, -1]) > 0).all()


def steps_to_insolvency(size: float, depth_left: float) -> int:
    """Steps until 1% of the debt is lost, on a price that falls by 2% per step, of a book of
    `size` times the storm's whose venues' depth decays log-linearly to a share; all steps + 1 if
    never.
    """
    start, end = storm().start, storm().start + timedelta(hours=8)
    fall = 0.98**STEPS
    scenario = storm(
        **{
            "assets.WETH.price_usd": [
                {"at": start, "value": 2_000},
                {"at": end, "value": 2_000 * fall},
            ],
            "assets.WBTC.price_usd": [
                {"at": start, "value": 30_000},
                {"at": end, "value": 30_000 * fall},
            ],
            "book.total_debt_usd": 1.5e6 * size,
            "gas_price_gwei": 1.0,
            "protocol.liquidation.dust_value_usd": 10.0,
            "liquidators[0].capacity_usd_per_hour": 1.2e10,
            "liquidators[0].call_usd": None,
            **{f"suppliers.{symbol}": 3e6 * size for symbol in ("WETH", "WBTC", "USDC")},
            **{
                f"venues[{p}].depth_over_time": [
                    {"at": start, "value": 1.0},
                    {"at": end, "value": depth_left},
                ]
                for p in range(3)
            },
        }
    )
    _, tape = play(scenario)
    steps = frames(tape.tables(complete=True)).steps
    lost = (steps["bad_debt_usd"] + steps["shortfall_usd"]) / (1.5e6 * size)
    late = np.flatnonzero(lost > 0.01)
    return int(late[0]) if len(late) else STEPS + 1


def test_insolvency_comes_sooner_with_more_debt_and_with_faster_drying_venues() -> None:
    """Days to insolvency fall in the debt and in the decay of liquidity (Gudgeon et al.,
    arXiv:2002.08099).
    """
    sizes, left = (0.5, 2.0, 16.0), (1.0, 0.1, 0.01)
    steps = np.array([[steps_to_insolvency(size, share) for share in left] for size in sizes])
    assert (np.diff(steps, axis=0) <= 0).all() and (np.diff(steps, axis=1) <= 0).all()
    assert steps[0, 0] > steps[0, -1] and steps[0, 0] > steps[-1, 0] and steps[-1, -1] < STEPS


# --- no impact, no gap: no loss -------------------------------------------------------------------


@pytest.mark.parametrize("drying", [False, True])
def test_a_continuous_path_loses_nothing_while_collateral_pays(drying: bool) -> None:
    """threshold x (1 + bonus) = .8 x 1.05 and .65 x 1.15 are below 1: on small steps and deep
    venues every account is repaid in time, down to a fifth of the price. On venues that dry up
    (the control) not.
    """
    start, end = storm().start, storm().start + timedelta(hours=8)
    path = {
        f"assets.{symbol}.price_usd": [{"at": start, "value": usd}, {"at": end, "value": usd / 5}]
        for symbol, usd in (("WETH", 2_000), ("WBTC", 30_000))
    }
    feeds = {
        f"feeds.{a}.{field}": value
        for a in ("WETH", "WBTC", "USDC")
        for field, value in (
            ("deviation_bps", 1),
            ("latency_seconds", 0),
            ("max_move_bps", 100_000),
        )
    }
    depth = {f"venues[{p}].depth_usd_per_side": 1e11 for p in range(3)}
    if drying:
        depth |= {f"venues[{p}].depth_usd_per_side": 1e7 for p in range(3)}
        depth |= {f"venues[{p}].depth_by_drawdown": [[0.1, 1.0], [0.3, 0.001]] for p in range(3)}
    scenario = storm(
        **{
            "step_seconds": 30,
            "gas_price_gwei": 1.0,
            "arbitrage.half_life_seconds": 1.0,
            "arbitrage.capital_usd": 1e12,
            "liquidators[0].capacity_usd_per_hour": 1.2e10,
            "liquidators[0].call_usd": None,
            "liquidators[0].profit_floor_usd": 0.0,
            "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 1},
            "suppliers.USDC": 4e6,
        },
        **path,
        **feeds,
        **depth,
    )
    if drying:
        assert lost_on_floats(build(scenario)) > 1_000
    else:
        assert lost_usd(scenario) == 0  # to the unit: on integers
