"""Margin calls in exact runs: who is called and when, who answers, and what is measured of it."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.engines.exact import run
from sim.health.census import census
from sim.market.market import CALLS_ANSWERED, DEBT_VALUE, FACTOR, MARGIN_CALLS
from sim.measures.registry import found
from sim.protocol import operations as op
from sim.protocol.errors import OK, UNDER_MARGIN_CALL
from sim.protocol.transaction import changed
from sim.protocol.vault_flags import is_called
from sim.scenario import load, with_overrides
from sim.world import build
from tests.simulation.runs import CALLED, PEOPLE, SMALL, outcome

CALLS = 1.3
SAVERS = {
    "name": "called savers",
    "kind": "top-up",
    "share": 1.0,
    "on_margin_call": True,
    "to_health": 1.4,
    "review_seconds": 600,
    "delay_seconds": 1_800,
    "probability": 1.0,
    "reserve_share": 5.0,
}


def _scenario(**overrides: Any) -> sim.Scenario:
    return with_overrides(load("black-thursday"), {**SMALL, **overrides})


def test_whoever_is_near_is_called_and_nobody_else() -> None:
    """After every step, of all whom nobody has acted on in it: 1 <= health < 1.3 or not."""
    world, near = build(_scenario(**CALLED)), 0
    for step in run(world):
        s = world.state
        seen, moved = census(s), set(changed(s, step.rows))
        for a in range(len(s.account)):
            factor = seen[a, FACTOR] / 1e18
            if a in moved or seen[a, DEBT_VALUE] == 0 or factor < 1 or abs(factor - CALLS) < 1e-9:
                continue
            assert is_called(s, a) == (factor < CALLS), (step.k, a, factor)
            near += factor < CALLS
    assert near > 100


def test_without_a_health_of_calls_nobody_waits_for_one() -> None:
    """Who would answer calls changes nothing but what he has in hand."""
    alone, with_savers = (
        [step.rows for step in run(build(_scenario(borrowers=those)))] for those in ([], [SAVERS])
    )
    assert alone[1:] == with_savers[1:]
    assert not any(row.kind == op.margin_call.kind for rows in alone for row in rows)


def test_who_answers_does_so_his_delay_after_the_call() -> None:
    """With enough in hand and every price usable, once, half an hour later, unless somebody ends
    the call before: a price, or a liquidator.
    """
    world = build(_scenario(**CALLED, borrowers=[SAVERS]))
    since: dict[int, int] = {}
    answers = 0
    for step in run(world):
        now = int(world.state.clock[0])
        for row in step.rows:
            if row.code != OK:
                continue
            if row.kind == op.margin_call.kind:
                since[row.account] = now
            elif row.kind == op.end_margin_call.kind:
                del since[row.account]
            elif row.kind == op.supply.kind and step.k > 0:
                assert now - since.pop(row.account) == SAVERS["delay_seconds"]
                answers += 1
    tally = world.market.tally
    assert answers == tally[CALLS_ANSWERED] > 5
    assert tally[MARGIN_CALLS] >= answers


def test_the_more_answer_calls_the_less_is_liquidated() -> None:
    """Probability 0, 1/2 and 1."""
    runs = [
        outcome({**CALLED, "borrowers": [{**SAVERS, "probability": share}]})
        for share in (0.0, 0.5, 1.0)
    ]
    assert runs[0].repaid > runs[1].repaid > runs[2].repaid


@pytest.mark.parametrize("calls", [True, False])
def test_the_measures_are_what_the_journal_says(calls: bool) -> None:
    """Where there are calls their rows are shown; where there are none nothing is."""
    scenario = _scenario(**PEOPLE, **(CALLED if calls else {}), duration_hours=24)
    world, kinds, refused = build(scenario), 0, 0
    for step in run(world):
        kinds += sum(row.kind == op.margin_call.kind and row.code == OK for row in step.rows)
        refused += sum(row.code == UNDER_MARGIN_CALL for row in step.rows)
    figures = {name: one.value for name, (_, one) in found(sim.run(scenario).raw.tape).items()}
    assert figures["call_refusals"] == refused
    assert ("margin_calls" in figures) == ("calls_answered" in figures) == calls
    if calls:
        assert figures["margin_calls"] == kinds > 20 < refused
        share = world.market.tally[CALLS_ANSWERED] / kinds
        assert figures["calls_answered"] == pytest.approx(share)
