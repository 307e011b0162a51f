"""Who brakes: keepers who trip, a guardian who pauses late; and what is refused of a scenario."""

from __future__ import annotations

import pytest

import sim
from sim.agents.guardian import GUARDIAN_ACTOR, is_alarming
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import (
    GUARDED,
    MAX_PAUSE,
    PAUSE_GAP,
    SEQUENCER_FEED,
    STRESS,
    TRIP,
    TRIPPED_AT,
    WINDOW,
)
from sim.scenario import Scenario, load
from sim.schema.problems import ScenarioError
from sim.users.view import PAUSES, View, at
from sim.world import build

GUARDIAN = {
    "fall_bps": 2_000,
    "window_seconds": 3_600,
    "delay_seconds": 1_200,
    "pauses": ["borrow", "withdraw"],
    "pause_seconds": 7_200,
    "stress_bps": 8_000,
}


def falling(**guardian: object) -> Scenario:
    """ETH halves from 04:00 to 06:00, and a guardian watches."""
    changes = {"duration_hours": 8.0, "protocol.guard": {}, "guardian": {**GUARDIAN, **guardian}}
    return load("single-crash").with_({"step_seconds": 600, **changes})


def test_it_acts_a_delay_after_the_price_fell_that_far() -> None:
    """The step of the alarm is found in the prices of the run; the pause comes two steps of ten
    minutes later, once.
    """
    run = sim.run(falling(), accounts=8)
    tape = run.raw.tape
    eth = tape.assets[tape.assets["asset"] == "WETH"].set_index("step")["reference_price_usd"]
    highest = eth.rolling(7, min_periods=1).max()
    first = int(((1 - eth / highest) >= 0.2).idxmax())
    did = tape.operations[(tape.operations["step"] > 0) & (tape.operations["verdict"] == "ok")]
    pauses = did[did["kind"] == "pause"]
    assert pauses["step"].iloc[0] == first + 2
    assert int(pauses["amount"].iloc[0]) == 7_200
    assert did[did["kind"] == "lower_stress"]["step"].tolist() == [first + 2]
    assert set(pauses["asset"]) == {"WETH"}
    assert run.figures.loc["braked_hours", "value"] == 2.0


def test_a_vault_may_have_a_guard_alone_or_with_terms_of_its_own() -> None:
    """The others are as `protocol.guard` says: without any if it is absent."""
    vaults = {"one": {}, "two": {"guard": {"max_pause_seconds": 7_200, "trip_bps": 500}}}
    several = falling().with_({"protocol.vaults": vaults})
    state = build(several).state
    assert state.guard[:, GUARDED].tolist() == [1, 1]
    assert state.guard[:, MAX_PAUSE].tolist() == [86_400, 7_200]
    assert state.guard[:, TRIP].tolist() == [0, 500]
    assert state.guard[0, PAUSE_GAP] == state.guard[1, PAUSE_GAP], "what it does not say"
    alone = build(several.with_({"protocol.guard": None})).state
    assert (alone.guard[0] == 0).all() and (alone.guard[1] == state.guard[1]).all()
    with pytest.raises(ScenarioError, match="longer than the guard allows, 7200"):
        several.with_({"guardian.pause_seconds": 7_201})


@pytest.mark.chain
def test_a_guardian_brakes_only_where_there_is_a_guard() -> None:
    """On the contracts as well: there is nobody to ask in the other vault."""
    vaults = {"one": {}, "two": {"guard": {"max_pause_seconds": 7_200}}}
    only = falling().with_({"protocol.guard": None, "protocol.vaults": vaults})
    run = sim.run(only, accounts=8, engine="revm")
    did = run.raw.tape.operations
    pauses = did[did["kind"] == "pause"]
    assert len(pauses) > 0 and (pauses["verdict"] == "ok").all() and (pauses["y"] == 1).all()
    assert run.figures.loc["braked_hours", "value"] == 2.0, "those of one vault count as well"


def test_hours_of_breakers_are_those_of_the_vault_that_tripped() -> None:
    """Two vaults, the same prices: both open an hour, and two hours, from the first trip on."""
    found = {}
    for cool_off in (3_600, 7_200):
        guard = {"trip_bps": 2_000, "cool_off_seconds": cool_off}
        vaults = {"one": {}, "two": {"guard": guard}}
        changes = {"protocol.guard": None, "guardian": None, "protocol.vaults": vaults}
        run = sim.run(falling().with_({**changes, "duration_hours": 12.0}), accounts=8)
        trips = run.raw.tape.operations.query("kind == 'trip' and verdict == 'ok'")
        assert (trips["y"] == 1).all()
        times, hours = sorted(set(trips["step"] / 6)), cool_off / 3_600
        ends = [*times[1:], times[-1] + hours]
        total = sum(min(end - at, hours) for at, end in zip(times, ends, strict=True))
        found[cool_off] = run.figures.loc["braked_hours", "value"]
        assert found[cool_off] == pytest.approx(total)
    assert found[7_200] > found[3_600]


def test_without_a_guardian_nobody_pauses() -> None:
    run = sim.run(falling().with_({"guardian": None}), accounts=8)
    assert not run.raw.tape.operations["kind"].isin(["pause", "lower_stress"]).any()


@pytest.mark.parametrize(("left", "alarmed"), [(901, False), (900, True)])
def test_it_sees_cash_leave(left: int, alarmed: bool) -> None:
    """A tenth of what was there within the window, and not what was there before it."""
    world = build(falling(fall_bps=0, outflow_bps=1_000))
    own = world.market.actors.guardian
    own.cash[:, 0] = 1_000
    own.cash[3, 0] = 5_000
    own.cash[10, 0] = left
    assert is_alarming(world.market, 10, own, 0) is alarmed
    assert is_alarming(world.market, 9, own, 0)  # of the 5,000 six steps ago


def test_the_world_has_what_the_scenario_says() -> None:
    outflow = {"USDC": {"limit_bps": 500, "window_seconds": 86_400}}
    state = build(falling().with_({"protocol.outflow": outflow})).state
    assert (state.guard[0, [GUARDED, SEQUENCER_FEED, STRESS]] == [1, 0, 10_000]).all()
    limited = state.outflow[:, WINDOW] != 0
    assert limited.sum() == 1 and limited[falling().symbols.index("USDC")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"protocol.guard": None}, "guardian.fall_bps: there is no guard to use"),
        ({"guardian.pause_seconds": 86_401}, "guardian.pause_seconds: longer than the guard"),
        ({"guardian.fall_bps": 0}, "guardian.fall_bps: it never acts"),
        ({"guardian.pauses": [], "guardian.stress_bps": 10_000}, "it would do nothing"),
        ({"guardian.pauses": ["borrow", "borrow"]}, "named twice"),
        ({"guardian.window_seconds": 60_000}, "no step of the run is so far back"),
        ({"protocol.guard.pause_gap_seconds": 3_599}, "pause_gap_seconds"),
        ({"protocol.guard.max_pause_seconds": 14 * 86_400 + 1}, "max_pause_seconds"),
        ({"protocol.outflow": {"ETH": {"limit_bps": 1, "window_seconds": 1}}}, "outflow.ETH"),
        ({"protocol.outflow": {"WETH": {"window_seconds": 1}}}, "nothing could ever leave"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ScenarioError, match=says.replace(".", r"\.")):
        falling().with_(changes)


def test_agents_see_what_is_paused_and_what_can_leave() -> None:
    """A pause to the second and its grace, a breaker, the stress multiplier, the bucket."""
    outflow = {"USDC": {"limit_bps": 500, "window_seconds": 86_400}}
    changes = {"protocol.outflow": outflow, "protocol.guard.grace_seconds": 60}
    world = build(falling().with_({**changes, "protocol.guard.trip_bps": 1_000}))
    s, cool_off = world.state, 3_600
    view = at(View(s, world.market, world.symbols, actor=1, account=0), 0, ())
    assert not any(view.is_paused(asset, one) for asset in view.assets for one in PAUSES)
    assert view.stress_bps == 10_000 and not view.is_breaker_open("WETH")
    i = world.symbols.index("WETH")
    assert op.pause(s, GUARDIAN_ACTOR, i, 0, 600, 0b101) == OK
    assert op.lower_stress(s, GUARDIAN_ACTOR, 0, 7_000) == OK
    s.brake[0, i, TRIPPED_AT] = s.clock[0]
    paused = [(asset, one) for asset in view.assets for one in PAUSES if view.is_paused(asset, one)]
    assert paused == [("WETH", "borrow"), ("WETH", "liquidate")]
    assert view.stress_bps == 7_000 and view.is_breaker_open("WETH")
    s.clock[0] += 600
    assert not view.is_paused("WETH", "borrow") and view.is_paused("WETH", "liquidate")
    s.clock[0] += 60
    assert not view.is_paused("WETH", "liquidate")
    assert view.is_breaker_open("WETH")
    s.clock[0] += cool_off - 660
    assert not view.is_breaker_open("WETH")
    total = hub.preview(s, view.assets.index("USDC")).total_assets
    assert view.available("USDC") == total * 500 // 10_000 < view.cash("USDC")
    without = build(falling().with_({"protocol.guard": None, "guardian": None}))
    view = at(View(without.state, without.market, without.symbols, actor=1, account=0), 0, ())
    assert view.stress_bps == 10_000 and not view.is_paused("WETH", "borrow")
