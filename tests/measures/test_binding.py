"""What binds a run: wallets against the state's, gaps against prices and pools in closed form."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from sim.agents.start import ARBITRAGEURS
from sim.engines.exact import run
from sim.measures.binding import (
    EMPTY,
    _arbitrageurs,
    coarse,
    falls_beyond_bonus,
    pools_off,
    run_out,
    unmoved_supply,
    without_venue,
)
from sim.measures.borrowers import scenario_of
from sim.protocol.state import WALLET
from sim.scenario import load
from sim.tape import Frames, Tape, frames
from sim.world import build
from tests.scenarios.library import played, small
from tests.tape.storm import play, storm

LEVELS = {"WETH": 2_000.0, "WBTC": 30_000.0}
LEAVING = {
    "base_per_day": 1.0,
    "branching_ratio": 0.0,
    "half_life_seconds": 3_600,
    "size_bps": 100,
}


def of(**overrides: Any) -> Frames:
    _, tape = play(storm(**overrides))
    return frames(tape.tables(complete=True))


def test_the_wallet_of_arbitrageurs_is_that_of_the_state() -> None:
    """To the unit after every step, from their operations alone; and where it is empty."""
    scenario = storm(arbitrage__capital_usd=60_000)
    world = build(scenario)
    tape, wallets = Tape(world, "exact"), []
    for step in run(world):
        tape.record(step.k, step.rows, step.gas)
        wallets.append(world.state.holding[ARBITRAGEURS, :, WALLET].copy())
    recorded = frames(tape.tables(complete=True))
    pairs = [list(venue.assets) for venue in scenario.venues]
    found = _arbitrageurs(recorded, pairs)
    assert list(found) == ["WETH", "USDC", "WBTC"]
    state = np.array(wallets)
    for symbol, units in found.items():
        assert units.tolist() == state[:, world.symbols.index(symbol)].astype(float).tolist()
    expected = {}
    for symbol, units in zip(world.symbols, state.T, strict=True):
        without = [k for k, amount in enumerate(units) if amount <= EMPTY * units[0]]
        if without:
            expected[symbol] = (len(without) / 6, recorded.steps["time_utc"].iloc[without[0]])
    assert {one.asset: (one.hours, one.since) for one in run_out(recorded)} == expected
    assert expected, "a sixtieth of what it takes"


def test_nobody_runs_out_of_plenty_or_of_nothing() -> None:
    assert run_out(of(arbitrage__capital_usd=1e8)) == []
    everything = {one.asset for one in run_out(of(arbitrage__capital_usd=0))}
    assert everything == {"WETH", "WBTC", "USDC"}


def test_a_pool_that_nobody_trades_is_off_as_the_price_moves() -> None:
    """WETH from 2,000 to 800 between hours 1 and 3, log-linear, back to 1,200 at hour 5: without
    trades the pool stays at 2,000, off by more than 2% from the first step below 2,000 / 1.02 on.
    WBTC/WETH stays at 15: the ratio rises to 18.75 at hour 3 and falls to 12.5 from there.
    """
    tape = of(liquidators=[], arbitrage__capital_usd=0.0)
    off = {one.pair: one for one in pools_off(tape)}
    assert list(off) == ["WETH/USDC", "WBTC/USDC", "WBTC/WETH"], "the longest first"
    weth, cross = off["WETH/USDC"], off["WBTC/WETH"]
    # A step of ten minutes takes 7.3% off: the first one after the hour is beyond.
    assert f"{weth.since:%H:%M}" == "01:10" and weth.hours == pytest.approx(8 - 7 / 6)
    assert weth.largest == pytest.approx(2000 / 800 - 1)
    # ln(18.75 / 15) over 12 steps: 1.9% in the first, then ln(12.5 / 18.75) over 12, and flat: off
    # below 15 from hour 4:06 on. The second spell is longer.
    assert f"{cross.since:%H:%M}" == "04:20" and cross.hours == pytest.approx(8 - 13 / 3)
    assert cross.largest == pytest.approx(15 / 12.5 - 1)


@pytest.mark.parametrize(("minutes", "reported"), [(50, False), (60, True)])
def test_an_hour_is_what_it_takes(minutes: int, reported: bool) -> None:
    """WETH 5% lower for so long, and back at once; nobody trades."""
    fall = datetime(2021, 6, 1, 1, tzinfo=timezone.utc)
    step, stay = timedelta(minutes=10), timedelta(minutes=minutes)
    levels = [(fall, 2000), (fall + step, 1900), (fall + step + stay, 1900)]
    levels.append((fall + 2 * step + stay, 2000))
    tape = of(
        liquidators=[],
        arbitrage__capital_usd=0.0,
        assets__WETH__price_usd=[{"at": at, "value": value} for at, value in levels],
        assets__WBTC__price_usd=30_000,
    )
    off = {one.pair: one for one in pools_off(tape)}
    assert set(off) == ({"WETH/USDC", "WBTC/WETH"} if reported else set())
    assert {one.hours for one in off.values()} <= {1.0}


def test_what_a_scenario_cannot_do() -> None:
    """An asset out of every pair, and suppliers who are not said to leave."""
    whole = storm().model_dump(mode="json")
    assert without_venue(whole) == [] and unmoved_supply(whole) == ["WETH", "WBTC", "USDC"]
    venues = [{"assets": ["WETH", "USDC"], "depth_usd_per_side": 3e5, "fee_bps": 30}]
    changed = {"venues": venues, "withdrawals": {"USDC": LEAVING}, "suppliers__WBTC": 0}
    part = storm(**changed).model_dump(mode="json")
    assert without_venue(part) == ["WBTC"] and unmoved_supply(part) == ["WETH"]
    answers = {"supply_per_point": 0.1, "half_life_hours": 24.0}
    inert = {"borrowing_per_point": 0.1, "half_life_hours": 24.0}
    part = storm(rate_response={"USDC": answers, "WBTC": inert}).model_dump(mode="json")
    assert unmoved_supply(part) == ["WETH", "WBTC"]


def test_why_a_step_is_long() -> None:
    """Of 600 s: feeds see within 60, and WETH falls from 2,000 to 800 in twelve of them."""
    fall = 1 - 0.4 ** (1 / 12)
    tape = of()
    assert coarse(scenario_of(tape)) == ["feeds report within 60 s"]
    beyond = [f"WETH falls by {fall:.1%} in one, more than its bonus"]
    assert falls_beyond_bonus(tape) == beyond
    late = {"liquidators[0].latency_seconds": 120}
    quick = of(arbitrage__half_life_seconds=74.0, **late)
    assert coarse(scenario_of(quick)) == [
        "arbitrage halves a gap in 74 s",
        "feeds report within 60 s",
        "liquidators act within 120 s",
    ]
    assert falls_beyond_bonus(quick) == beyond
    flat: dict[str, Any] = {f"assets__{a}__price_usd": usd for a, usd in LEVELS.items()}
    flat |= {f"feeds__{a}__latency_seconds": 300 for a in (*LEVELS, "USDC")}
    calm = of(**flat, arbitrage__half_life_seconds=75.0)
    assert coarse(scenario_of(calm)) == falls_beyond_bonus(calm) == []


@pytest.mark.parametrize("held", [False, True])
def test_arbitrage_no_longer_binds_on_black_thursday(held: bool) -> None:
    """With 40 million of capital DAI is gone for most of the 13th and WETH/DAI is off until the
    end; with as much of every token as the book owes neither, whatever is sold for it.
    """
    tape = played(small("black-thursday", 240, hold_at_low=held))
    assert run_out(tape) == []
    end = tape.steps["time_utc"].iloc[-1]
    for one in pools_off(tape):
        assert one.hours < 6, "while liquidators sell faster than arbitrage buys"
        assert one.since + np.timedelta64(6, "h") < end
    scenario = load("black-thursday")
    each = scenario.arbitrage.capital_usd / len(scenario.assets)
    assert each >= scenario_of(tape)["book"]["total_debt_usd"]


def test_it_did_with_the_capital_that_it_had() -> None:
    tape = played(small("black-thursday", 240, arbitrage__capital_usd=40e6))
    (dai,) = run_out(tape)
    assert dai.asset == "DAI" and dai.hours > 17
    off = pools_off(tape)[0]
    assert off.pair == "WETH/DAI" and off.hours > 17 and off.largest < -0.15
