"""Sections `borrowers`, `withdrawals` and `rate_response`: what is refused, how a population is
drawn, and under which curve a market has settled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.agents.habits import BEHAVES, REVIEW, TARGET, TRIGGER
from sim.engines.exact import run
from sim.protocol import operations as op
from sim.scenario import Scenario, ScenarioError, digest, load, with_overrides
from sim.world import World, build
from tests.simulation.runs import PEOPLE, SMALL

NAME = "black-thursday"
TOP_UP, DELEVERAGE, LOOP, WITHDRAW = PEOPLE["borrowers"]
RUN = PEOPLE["withdrawals"]["DAI"]


def _scenario(**overrides: Any) -> Scenario:
    return with_overrides(load(NAME), {**SMALL, **overrides})


def _without(behaviour: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in behaviour.items() if name not in names}


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("borrowers", "path", "problem", "remedy"),
    [
        ([{**TOP_UP, "kind": "topup"}], "[0].kind", "got 'topup'", "top-up, deleverage, loop or"),
        ([{**TOP_UP, "share": 1.1}], "[0].share", "got 1.1", "0..1"),
        ([{**TOP_UP, "probability": -0.1}], "[0].probability", "got -0.1", "0..1"),
        ([{**TOP_UP, "below_health": 0.99}], "[0].below_health", "got 0.99", "1 to 1000"),
        ([{**LOOP, "to_health": 0.9}], "[0].to_health", "got 0.9", "1 to 1000"),
        ([{**TOP_UP, "review_seconds": 0}], "[0].review_seconds", "got 0", "1..2592000"),
        ([{**TOP_UP, "delay_seconds": -1}], "[0].delay_seconds", "got -1", "0 to a year"),
        ([{**LOOP, "rounds": 11}], "[0].rounds", "got 11", "1..10"),
        ([{**TOP_UP, "reserve_share": 0}], "[0].reserve_share", "got 0", "above 0"),
        ([{**LOOP, "max_slippage_bps": 10_001}], "[0].max_slippage_bps", "10001", "0..10000"),
        # what a kind needs and what it does not know
        ([_without(TOP_UP, "below_health")], "[0].below_health", "missing for kind top-up", "act"),
        ([_without(TOP_UP, "reserve_share")], "[0].reserve_share", "is missing", "own tokens"),
        ([_without(LOOP, "rounds")], "[0].rounds", "missing for kind loop", "most rounds"),
        ([_without(WITHDRAW, "above_health")], "[0].above_health", "missing", "1 to 1000"),
        ([{**TOP_UP, "above_health": 2.0}], "[0].above_health", "means nothing for", "remove it"),
        ([{**WITHDRAW, "rounds": 2}], "[0].rounds", "means nothing for", "remove it"),
        ([{**LOOP, "reserve_share": 0.5}], "[0].reserve_share", "means nothing", "remove it"),
        ([{**TOP_UP, "max_slippage_bps": 5}], "[0].max_slippage_bps", "means nothing", "remove it"),
        # the right side of the trigger
        ([{**TOP_UP, "to_health": 1.15}], "[0].to_health", "not above below_health", "above 1.15"),
        ([{**LOOP, "to_health": 1.3}], "[0].to_health", "not below above_health", "below 1.3"),
        # who waits for a margin call
        ([{**TOP_UP, "on_margin_call": True}], "[0].below_health", "who waits for", "remove it"),
        ([{**LOOP, "on_margin_call": True}], "[0].on_margin_call", "for kind loop", "remove it"),
        # together
        ([TOP_UP, {**LOOP, "name": "savers"}], "[1].name", "savers is taken", "of its own"),
        ([{**TOP_UP, "share": 0.6}, {**LOOP, "share": 0.5}], "", "add up to 1.1", "at most 1"),
    ],
)
def test_borrowers_that_make_no_sense_are_refused(
    borrowers: list[Any], path: str, problem: str, remedy: str
) -> None:
    _refused({"borrowers": borrowers}, f"borrowers{path}", problem, remedy)


def test_who_answers_a_margin_call_must_want_to_end_it() -> None:
    """To the health of calls or above; without calls any health will do, and he does nothing."""
    one = {**_without(TOP_UP, "below_health"), "on_margin_call": True, "to_health": 1.2}
    calls = "protocol.liquidation.margin_call_health"
    overrides = {"borrowers": [one], calls: 1.21}
    _refused(overrides, "borrowers[0].to_health", "1.2 answers no margin call", "from 1.21 to")
    _scenario(**{**overrides, calls: 1.2})
    _scenario(**{**overrides, calls: None})


@pytest.mark.parametrize(
    ("withdrawals", "path", "problem", "remedy"),
    [
        ({"DAI": {**RUN, "branching_ratio": 1.0}}, ".DAI.branching_ratio", "got 1.0", "to 0.99"),
        ({"DAI": {**RUN, "base_per_day": -1}}, ".DAI.base_per_day", "got -1", "0 to 1e+5"),
        ({"DAI": {**RUN, "half_life_seconds": 0}}, ".DAI.half_life_seconds", "got 0", "seconds"),
        ({"DAI": {**RUN, "size_bps": 0}}, ".DAI.size_bps", "got 0", "1..10000"),
        ({"DAI": {**RUN, "above_usage": 1.0}}, ".DAI.above_usage", "got 1.0", "below 1"),
        ({"DAI": {**RUN, "per_loss": -1.0}}, ".DAI.per_loss", "got -1", "0 to 1000"),
        ({"DAI": _without(RUN, "size_bps")}, ".DAI.size_bps", "is missing", "in bps of"),
        ({"DIA": RUN}, ".DIA", "not an asset", "did you mean DAI"),
        (
            {"DAI": {**RUN, "base_per_day": 1e4, "branching_ratio": 0.9}},
            ".DAI.base_per_day",
            "withdrawals are to be expected",
            "at most 100000",
        ),
    ],
)
def test_withdrawals_that_make_no_sense_are_refused(
    withdrawals: dict[str, Any], path: str, problem: str, remedy: str
) -> None:
    _refused({"withdrawals": withdrawals}, f"withdrawals{path}", problem, remedy)


def test_withdrawals_of_what_nobody_supplies_are_refused() -> None:
    overrides = {"suppliers.WBTC": 0.0, "withdrawals": {"WBTC": RUN}}
    _refused(overrides, "withdrawals.WBTC", "nobody supplies", "suppliers.WBTC above 0")


ANSWER = {"supply_per_point": 0.1, "borrowing_per_point": 0.1, "half_life_hours": 24.0}


@pytest.mark.parametrize(
    ("response", "path", "problem", "remedy"),
    [
        ({**ANSWER, "supply_per_point": -0.1}, ".supply_per_point", "got -0.1", "0 to 10"),
        ({**ANSWER, "supply_per_point": 11.0}, ".supply_per_point", "got 11", "0 to 10"),
        ({**ANSWER, "borrowing_per_point": -1.0}, ".borrowing_per_point", "got -1", "0 to 10"),
        (
            {**ANSWER, "borrowing_per_point": 1e9},
            ".borrowing_per_point",
            "got 1000000000.0",
            "0 to 10",
        ),
        ({**ANSWER, "half_life_hours": 0.0}, ".half_life_hours", "got 0", "0.01 to 8760"),
        ({**ANSWER, "half_life_hours": 1e4}, ".half_life_hours", "got 10000", "0.01 to 8760"),
        ({**ANSWER, "least_health": 0.9}, ".least_health", "got 0.9", "1 to 1000"),
        (_without(ANSWER, "half_life_hours"), ".half_life_hours", "is missing", "hours"),
        ({**ANSWER, "per_point": 1.0}, ".per_point", "unknown field", "mean supply_per_point"),
        (
            {**ANSWER, "settled_under": {"slope1_bps": 400}},
            ".settled_under.reserve_factor_bps",
            "is missing",
            "0..9999",
        ),
    ],
)
def test_responses_that_make_no_sense_are_refused(
    response: dict[str, Any], path: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        _scenario(rate_response={"DAI": response})
    found = caught.value.problems[0]
    assert found.path == f"rate_response.DAI{path}"
    assert problem in found.problem and remedy in found.remedy


def test_responses_that_do_not_fit_the_rest_are_refused() -> None:
    said = "did you mean DAI"
    _refused({"rate_response": {"DIA": ANSWER}}, "rate_response.DIA", "not an asset", said)
    path, both = "rate_response.DAI.supply_per_point", {"rate_response": {"DAI": ANSWER}}
    nobody = {**both, "suppliers.DAI": 0.0, "book.debt_weights.DAI": 0, "book.debt_weights.USDC": 1}
    _refused(nobody, path, "nobody supplies this asset", "suppliers.DAI above 0, or 0")
    leaving = {**both, "withdrawals": {"DAI": RUN}}
    _refused(leaving, path, "withdrawals.DAI says already", "0, or no withdrawals.DAI")
    only_borrowing = {"rate_response": {"DAI": {**ANSWER, "supply_per_point": 0.0}}}
    assert _scenario(**only_borrowing, withdrawals={"DAI": RUN}).responding == ("DAI",)


def test_a_market_has_settled_under_the_curve_before_an_override() -> None:
    """As positions stay: of a curve that is set otherwise the one before is remembered, and it is
    forgotten where the book is redrawn or the curve is the same again; what is said holds.
    """
    slope, base = "protocol.rates.DAI.slope1_bps", _scenario(rate_response={"DAI": ANSWER})
    own = base.protocol.rates["DAI"]
    assert base.rate_response["DAI"].settled_under is None
    steeper = with_overrides(base, {slope: 900})
    assert steeper.rate_response["DAI"].settled_under == own
    assert with_overrides(steeper, {slope: 1_200}).rate_response["DAI"].settled_under == own
    assert with_overrides(steeper, {slope: own.slope1_bps}) == base
    assert with_overrides(base, {"book.accounts": 50}).rate_response == base.rate_response
    redrawn = with_overrides(steeper, {}, redraw_book=True)
    assert redrawn.rate_response["DAI"].settled_under is None
    assert redrawn.protocol.rates["DAI"].slope1_bps == 900
    at_once = _scenario(**{"rate_response": {"DAI": ANSWER}, slope: 900})
    assert at_once.rate_response["DAI"].settled_under == own
    before = {**own.model_dump(), "slope1_bps": 100}
    said = {"rate_response": {"DAI": {**ANSWER, "settled_under": before}}}
    for redraw in (False, True):
        found = with_overrides(base, said, redraw_book=redraw).rate_response["DAI"].settled_under
        assert found is not None and found.slope1_bps == 100
    assert digest(steeper) != digest(with_overrides(steeper, said))


def _refused(overrides: dict[str, Any], path: str, problem: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        _scenario(**overrides)
    (found,) = caught.value.problems
    assert found.path == path
    assert problem in found.problem
    assert remedy in found.remedy


def test_a_field_of_a_behaviour_can_be_overridden_and_counts_in_the_digest() -> None:
    people = _scenario(**PEOPLE)
    later = with_overrides(people, {"borrowers[0].delay_seconds": 3_600})
    assert later.borrowers[0].delay_seconds == 3_600
    assert with_overrides(people, {"withdrawals.DAI.size_bps": 7}).withdrawals["DAI"].size_bps == 7
    assert digest(later) != digest(people) != digest(_scenario())


# --- the population -------------------------------------------------------------------------------


def _world(*borrowers: dict[str, Any], **overrides: Any) -> World:
    return build(_scenario(borrowers=list(borrowers), **overrides))


def test_shares_and_probabilities_are_shares_of_the_accounts() -> None:
    """Of 2,000 accounts 30% and 20%, exactly; of the first 60% react, within 4 standard errors."""
    first = {**TOP_UP, "share": 0.3, "probability": 0.6}
    second = {**LOOP, "share": 0.2, "probability": 1.0}
    big = {"book.accounts": 2_000, "suppliers.DAI": 1e8, "suppliers.USDC": 1e8, "duration_hours": 1}
    world = _world(first, second, **big)
    w, counts = world.market, np.bincount(world.market.actors.borrowers.habit)
    own = w.actors.borrowers
    assert counts[1] == 400
    assert counts[0] == pytest.approx(360, abs=4 * (600 * 0.6 * 0.4) ** 0.5)
    assert (np.diff(own.account) > 0).all()
    assert own.behaviour[1, [BEHAVES, TRIGGER, TARGET, REVIEW]].tolist() == [
        2,
        13 * 10**17,
        115 * 10**16,
        3_600,
    ]
    phase = (own.due - w.time[0])[own.habit == 1].astype(float) / 3_600
    assert 0 < phase.min() < 0.02 and 0.98 < phase.max() <= 1
    assert phase.mean() == pytest.approx(0.5, abs=4 / (12 * 400) ** 0.5)


def test_a_larger_share_or_probability_adds_people_to_those_before() -> None:
    """Common random numbers: nobody leaves, and nobody looks at another time."""
    for knob, values in (("share", (0.2, 0.5, 1.0)), ("probability", (0.2, 0.5, 1.0))):
        before: dict[int, int] = {}
        for value in values:
            w = _world({**TOP_UP, "share": 0.8, knob: value}).market
            own = w.actors.borrowers
            now = dict(zip(own.account.tolist(), own.due.tolist(), strict=True))
            assert before.items() < now.items()
            before = now


def test_reserves_are_minted_and_change_nothing_else_at_the_start() -> None:
    """Book, positions and draws of the path are those of the scenario without people."""
    alone, people = build(_scenario()), build(_scenario(**PEOPLE))
    assert (alone.book.collateral == people.book.collateral).all()
    assert (alone.book.debt == people.book.debt).all()
    assert (alone.state.position == people.state.position).all()
    minted, before = (
        sum(
            row.amount
            for block in world.opening
            for row in block.rows
            if row.kind == op.mint_token.kind
        )
        for world in (people, alone)
    )
    assert minted > before
    w = people.market
    own = w.actors.borrowers
    savers = own.account[own.habit == 0]
    assert len(savers) > 0
    assert (own.purse[own.habit == 0] == people.book.collateral[savers] // 2).all()
    assert (own.purse[own.habit >= 2] == 0).all()


def test_people_who_never_react_change_no_operation() -> None:
    """Row by row after the opening, the run is that without them."""
    idle = [{**behaviour, "probability": 0.0} for behaviour in PEOPLE["borrowers"]]
    calm = {"DAI": {**RUN, "base_per_day": 0.0}}
    runs = [
        [step.rows for step in run(build(_scenario(**people))) if step.k > 0]
        for people in ({}, {"borrowers": idle, "withdrawals": calm})
    ]
    assert runs[0] == runs[1]


def test_arrivals_of_an_asset_depend_on_nobody_else() -> None:
    """Neither on other assets that run nor on the table's length, but on the seed."""

    def row(seed: int, **withdrawals: Any) -> list[int]:
        w = build(_scenario(withdrawals=withdrawals), seed).market
        return w.actors.suppliers.arrival[w.actors.suppliers.asset.tolist().index(3)][:50].tolist()

    alone = row(1, DAI=RUN)
    assert alone == row(1, DAI={**RUN, "branching_ratio": 0.5}, USDC={**RUN, "per_loss": 900.0})
    assert alone != row(2, DAI=RUN)
    assert row(1, DAI=RUN, USDC=RUN) == alone


def test_what_answers_and_is_no_asset_is_named_first() -> None:
    """Whatever is wrong inside."""
    with pytest.raises(ScenarioError) as caught:
        with_overrides(load("black-thursday"), {"rate_response": {"WETG": {"speed": 1}}})
    (problem,) = caught.value.problems
    assert (problem.path, problem.problem) == ("rate_response.WETG", "not an asset")
    assert "did you mean WETH?" in problem.remedy
