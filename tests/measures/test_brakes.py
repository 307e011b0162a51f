"""What brakes cost: held against who was liquidated when, with and without them, against pauses and
trips of the tape, and on floats against integers.
"""

from __future__ import annotations

import numpy as np
import pytest

import sim
from sim.engines.compiled import Compiled
from sim.engines.outcome import names
from sim.measures.activity import braked_hours
from sim.measures.registry import figure
from sim.scenario import Scenario, load
from sim.tape import Frames
from sim.world import build
from tests.scenarios.library import small

PAUSE = 7_200
GUARDIAN = {
    "fall_bps": 500,
    "window_seconds": 3_600,
    "delay_seconds": 0,
    "pauses": ["liquidate"],
    "pause_seconds": PAUSE,
}


def falling(guardian: dict[str, object] | None) -> Scenario:
    """ETH halves from 04:00 to 06:00; with a guardian nobody whom it backs is liquidated for two
    hours of it, and nothing backs him besides.
    """
    changes = {"protocol.guard": {}, "guardian": guardian, "duration_hours": 12.0}
    book = {"book.accounts": 30, "book.two_collateral_share": 0.0}
    return load("single-crash").with_({"step_seconds": 600, **book, **changes})


def first_liquidated(tape: Frames) -> dict[int, int]:
    """Account -> seconds from the start to its first liquidation."""
    rows = tape.operations
    done = rows[rows["kind"].str.contains("liquidate") & (rows["verdict"] == "ok")]
    return {int(a): int(step) * 600 for a, step in done.groupby("account")["step"].min().items()}


def test_the_longest_wait_is_that_of_the_first_who_was_kept_from_liquidators() -> None:
    """Until the pause begins both runs are the same; whoever is liquidated in it without a guard is
    first refused in that step, and liquidated when it ends.
    """
    tape, free = (sim.run(falling(one)).raw.tape for one in (GUARDIAN, None))
    rows = tape.operations
    paused = rows[(rows["kind"] == "pause") & (rows["asset"] == "WETH") & (rows["step"] > 0)]
    begin = int(paused["step"].iloc[0]) * 600
    mine, others = first_liquidated(tape), first_liquidated(free)
    kept = {a: at for a, at in others.items() if begin <= at < begin + PAUSE}
    assert len(kept) > 3 and not any(begin <= at < begin + PAUSE for at in mine.values())
    first = min(kept.values())
    waited = {mine[a] - first for a, at in kept.items() if at == first}
    assert figure(tape, "longest_held_up_minutes") == max(waited) / 60
    assert 3 < figure(tape, "held_up") <= len(mine)
    assert 0 < figure(tape, "mean_held_up_minutes") <= max(waited) / 60
    assert figure(free, "longest_held_up_minutes") == figure(free, "held_up") == 0
    assert np.isnan(figure(free, "mean_held_up_minutes"))


def test_who_still_waits_at_the_end_counts_so_far() -> None:
    """A pause beyond the end of the run: nobody was liquidated, and the longest wait is open."""
    guardian = {**GUARDIAN, "pause_seconds": 86_400}
    tape, free = (sim.run(falling(one)).raw.tape for one in (guardian, None))
    first = min(first_liquidated(free).values())
    assert not first_liquidated(tape) and figure(tape, "held_up") == 0
    assert figure(tape, "longest_held_up_minutes") == (12 * 3_600 - first) / 60


def test_what_the_limit_holds_back_is_what_the_cash_would_have_paid() -> None:
    """All that is refused while there is cash; without a limit nothing."""
    scenario = small("outflow-limit", 30, attack=None)
    tape = sim.run(scenario).raw.tape
    usage = tape.assets[tape.assets["asset"] == "WETH"]["usage"]
    assert usage.max() < 0.9, "there always was cash"
    refused = float(tape.steps["refused_usd"].iloc[-1])
    assert figure(tape, "held_back_usd") == pytest.approx(refused) and refused > 1e5
    without = sim.run(scenario, overrides={"protocol.outflow": {}}).raw.tape
    assert np.isnan(figure(without, "held_back_usd")), "there is no limit"


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["breaker-stops-all", "guardian", "outflow-limit"])
def test_a_path_of_a_sweep_has_the_same_figures(name: str) -> None:
    """Compiled, on the prices that the scenario names; hours by the tape's pauses and trips."""
    scenario = small(name, 30)
    world, tape = build(scenario), sim.run(scenario).raw.tape
    tables = (world.market.price, world.market.feeds.observed)
    found = Compiled(world).outcomes(*(table.astype(np.float64)[np.newaxis] for table in tables))
    row = dict(zip(names(scenario.symbols), found[0], strict=True))
    last = tape.steps.iloc[-1]
    assert row["held_up"] == last["held_up"]
    assert row["longest_held_up"] == last["longest_held_up_seconds"]
    assert row["held_back"] / 1e8 == pytest.approx(last["held_back_usd"], rel=1e-9)
    guard, hours = scenario.protocol.guard, row["steps_braked"] * scenario.step_seconds / 3_600
    assert hours == (braked_hours(tape, [guard.cool_off_seconds]) if guard else 0)
    shown = {"guardian": "steps_braked", "outflow-limit": "held_back"}
    assert row[shown.get(name, "longest_held_up")] > 0
