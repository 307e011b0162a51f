"""Turning the knobs of people who react: runs of a pair share scenario, seed and paths."""

from __future__ import annotations

from typing import Any

import pytest

from sim.market.market import (
    DELEVERAGED_VALUE,
    LOOPED_VALUE,
    REFUSED_VALUE,
    TALLY,
    TOPPED_UP_VALUE,
    WITHDRAWN_VALUE,
)
from sim.protocol.state import CASH, RESERVE0, RESERVE1
from sim.scenario import load, with_overrides
from sim.simulation import step
from sim.world import World, build
from tests.simulation.runs import SMALL, Outcome, outcome
from tests.simulation.test_directions import CAPABLE, DEEP

pytestmark = pytest.mark.compiled

WETH, DAI = 0, 3
SAVERS = {
    "name": "savers",
    "kind": "top-up",
    "share": 1.0,
    "below_health": 1.1,
    "to_health": 1.4,
    "review_seconds": 600,
    "delay_seconds": 600,
    "probability": 1.0,
    "reserve_share": 0.5,
}
DELEVERAGERS = {
    "name": "deleveragers",
    "kind": "deleverage",
    "share": 1.0,
    "below_health": 1.2,
    "to_health": 1.4,
    "review_seconds": 600,
    "delay_seconds": 0,
    "probability": 1.0,
    "rounds": 5,
}
LOOPERS = {
    "name": "loopers",
    "kind": "loop",
    "share": 1.0,
    "above_health": 1.3,
    "to_health": 1.1,
    "review_seconds": 1_800,
    "delay_seconds": 0,
    "probability": 1.0,
    "rounds": 5,
}
RUN = {
    "base_per_day": 40.0,
    "branching_ratio": 0.0,
    "half_life_seconds": 3_600,
    "size_bps": 100,
}


def _with(behaviour: dict[str, Any], **changes: Any) -> Outcome:
    return outcome({"borrowers": [{**behaviour, **changes}]})


# --- borrowers ------------------------------------------------------------------------------------


def test_the_more_borrowers_top_up_the_fewer_are_liquidated() -> None:
    """Probability 0, 1/2 and 1; with 0 it is the run without them, to the last operation's sum."""
    runs = [_with(SAVERS, probability=share) for share in (0.0, 0.5, 1.0)]
    assert runs[0].repaid > runs[1].repaid > runs[2].repaid
    assert runs[0].liquidations > runs[2].liquidations
    assert runs[0].bad_debt > runs[2].bad_debt
    topped = [run.end.market.tally[TOPPED_UP_VALUE] for run in runs]
    assert topped[0] == 0 < topped[1] < topped[2]
    assert (runs[0].repaid, runs[0].bad_debt) == ((none := outcome({})).repaid, none.bad_debt)


def test_the_later_they_react_the_more_is_liquidated() -> None:
    """Delays of nothing, three hours and a day: the crash does not wait."""
    runs = [_with(SAVERS, delay_seconds=seconds) for seconds in (0, 3 * 3_600, 86_400)]
    assert runs[0].repaid < runs[1].repaid < runs[2].repaid


def test_the_seldomer_they_look_the_more_is_liquidated() -> None:
    """Every ten minutes, every six hours, once in two days."""
    runs = [_with(SAVERS, review_seconds=seconds) for seconds in (600, 21_600, 172_800)]
    assert runs[0].repaid < runs[1].repaid < runs[2].repaid


def test_whoever_deleverages_in_time_is_not_liquidated() -> None:
    """Debt repaid by selling takes the place of debt repaid by liquidators."""
    runs = [_with(DELEVERAGERS, probability=share) for share in (0.0, 0.5, 1.0)]
    assert runs[0].repaid > runs[1].repaid > runs[2].repaid
    repaid = [run.end.market.tally[DELEVERAGED_VALUE] for run in runs]
    assert repaid[0] == 0 < repaid[1] < repaid[2]


def test_deleveraging_presses_the_venue_and_the_more_the_thinner_it_is() -> None:
    """WETH in DAI at the first wave, with nobody to bring the pool back; the debt asset becomes
    dearer while it is repaid (Klages-Mundt and Minca, arXiv:1906.02152).
    """
    lowest = []
    for depth in (1e8, 8e6):
        for share in (0.0, 1.0):
            world = _world(
                {
                    "venues[0].depth_usd_per_side": depth,
                    "arbitrage.capital_usd": 0.0,
                    "liquidators": [],
                    "duration_hours": 12,
                    "borrowers": [
                        {**DELEVERAGERS, "probability": share, "max_slippage_bps": 9_000}
                    ],
                }
            )
            pair = world.state.pair[world.state.pair_of[WETH, DAI]]
            before = pair[RESERVE1] / pair[RESERVE0]
            for k in range(1, world.scenario.steps + 1):
                _step(world, k)
            lowest.append(pair[RESERVE1] / pair[RESERVE0] / before)
    deep_alone, deep, thin_alone, thin = lowest
    assert deep_alone == thin_alone == 1.0  # nobody else trades there
    assert thin < deep < 1


def test_more_loopers_mean_more_liquidations_in_a_crash() -> None:
    """Leverage taken on before is closed by liquidators after, if they can carry it. Of one book
    loops make the liquidations larger, and more of them only as a rule: their number is of five.
    """

    def of(share: float, **other: int) -> Outcome:
        return outcome(
            {
                **CAPABLE,
                **DEEP,
                "borrowers": [{**LOOPERS, "probability": share}],
                "suppliers.DAI": 1e8,
                "suppliers.USDC": 1e8,
                **other,
            }
        )

    runs = [of(share) for share in (0.0, 0.5, 1.0)]
    assert runs[0].repaid < runs[1].repaid < runs[2].repaid
    without, with_ = (
        sum(of(share, seed=seed).liquidations for seed in range(5)) for share in (0.0, 1.0)
    )
    assert without < with_
    looped = [run.end.market.tally[LOOPED_VALUE] for run in runs]
    assert looped[0] == 0 < looped[1] < looped[2]


def test_who_withdraws_collateral_before_a_crash_is_liquidated_more() -> None:
    """Down to health 1.2 from above 1.5."""
    leavers = {
        **{name: LOOPERS[name] for name in LOOPERS if name != "rounds"},
        "kind": "withdraw",
        "above_health": 1.5,
        "to_health": 1.2,
    }
    runs = [_with(leavers, probability=share) for share in (0.0, 0.5, 1.0)]
    assert runs[0].repaid < runs[1].repaid < runs[2].repaid


# --- suppliers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knob", "values"),
    [
        ("branching_ratio", (0.0, 0.5, 0.9)),
        ("base_per_day", (20.0, 40.0, 100.0)),
        ("size_bps", (50, 100, 300)),
        ("per_usage", (0.0, 2.0, 10.0)),
    ],
)
def test_a_stronger_run_empties_the_hub_earlier_and_more_is_refused(
    knob: str, values: tuple[float, ...]
) -> None:
    """Flat prices: only the suppliers of DAI move. Earlier, or at all where others do not; and
    more, until all that they have was asked for; interest of two days adds a thousandth to it.
    """
    empty, refused, asked = [], [], []
    for value in values:
        world = _world(
            {
                "assets.WETH.price_usd": 200.0,
                "assets.WBTC.price_usd": 8_000.0,
                "duration_hours": 48,
                "withdrawals": {"DAI": {**RUN, "above_usage": 0.5, knob: value}},
            }
        )
        empty.append(_empty_at(world))
        refused.append(int(world.market.tally[REFUSED_VALUE]))
        asked.append(refused[-1] + int(world.market.tally[WITHDRAWN_VALUE]))
    assert empty[0] > empty[1] > empty[2]
    assert refused[0] < refused[2] and asked[0] < asked[2]
    supply = world.scenario.suppliers["DAI"] * 10**8
    assert max(asked) == pytest.approx(supply, rel=2e-3)
    assert refused[0] < refused[1] < refused[2] or min(asked[1:]) >= supply


def test_a_shorter_half_life_brings_the_same_withdrawals_earlier() -> None:
    """The branching ratio counts them, the half-life says when."""
    empty = []
    for seconds in (300, 4 * 3_600, 86_400):
        process = {**RUN, "branching_ratio": 0.8, "half_life_seconds": seconds}
        world = _world(
            {
                "assets.WETH.price_usd": 200.0,
                "assets.WBTC.price_usd": 8_000.0,
                "duration_hours": 48,
                "withdrawals": {"DAI": process},
            }
        )
        empty.append(_empty_at(world))
    assert empty[0] < empty[1] < empty[2]


def test_suppliers_who_mind_losses_leave_after_one() -> None:
    """Until the first loss the runs are one; then the more they mind it the more they withdraw."""
    wanted = []
    for per_loss in (0.0, 100.0, 1_000.0):
        each = {**RUN, "size_bps": 20, "per_loss": per_loss}
        run = outcome({"duration_hours": 48, "withdrawals": {"DAI": each, "USDC": each}})
        assert run.reported > run.by_fees
        tally = run.end.market.tally
        wanted.append(int(tally[WITHDRAWN_VALUE] + tally[REFUSED_VALUE]))
    assert wanted[0] < wanted[1] < wanted[2]


def test_a_hub_without_cash_cannot_be_liquidated_from() -> None:
    """Collateral that is lent on is not there for liquidators, who have to pay out of it."""
    run = {**RUN, "base_per_day": 500.0, "size_bps": 500}
    # Someone has to borrow WETH for its cash to run out.
    demand = {"book.debt_weights": {"WETH": 60, "WBTC": 2, "USDC": 18, "DAI": 20}}
    more = {
        "suppliers.WETH": 2e7,
        "book.collateral_weights": {"WETH": 60, "WBTC": 4, "USDC": 18, "DAI": 18},
    }
    with_cash = outcome({**demand, **more})
    without = outcome({**demand, **more, "withdrawals": {"WETH": run}})
    assert without.end.state.hub[WETH, CASH] < with_cash.end.state.hub[WETH, CASH]
    assert without.repaid < with_cash.repaid


def test_nothing_is_tallied_where_nobody_reacts() -> None:
    """Passive borrowers, faithful suppliers: the reference for all of the above."""
    tally = dict(zip(TALLY, outcome({"duration_hours": 12}).end.market.tally, strict=True))
    assert tally["liquidations"] > 0
    for name in TALLY[TALLY.index("topped_up_value") :]:
        assert tally[name] == 0, name


def _world(overrides: dict[str, Any]) -> World:
    return build(with_overrides(load("black-thursday"), {**SMALL, **overrides}))


def _step(world: World, k: int) -> None:
    world.state.journal_length[0] = 0
    step(world.state, world.market, k)


def _empty_at(world: World) -> int:
    """The first step after which the hub has no DAI, or one beyond the last."""
    first = world.scenario.steps + 1
    for k in range(1, world.scenario.steps + 1):
        _step(world, k)
        if world.state.hub[DAI, CASH] == 0:
            first = min(first, k)
    return first
