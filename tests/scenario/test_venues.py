"""What a scenario may say of its venues: three ways to a depth, two to a speed, one of each."""

from __future__ import annotations

from typing import Any

import pytest

from sim.market.faults import fault_table
from sim.market.market import READS_VENUE
from sim.protocol.units import BPS
from sim.scenario import ScenarioError, load, of_json, with_overrides
from sim.schema.market import Venue

BASE = load("black-thursday")
NO_DEPTH: dict[str, Any] = {"venues[0].depth_usd_per_side": None}
NAMES = ("venues[0].name", "venues[1].name")
TWO = {"venues[1].assets": ["DAI", "WETH"], NAMES[0]: "deep", NAMES[1]: "shallow"}
READ = {"feeds.faults": [{"kind": "venue", "asset": "WETH", "venue": ["WETH", "DAI"]}]}
ATTACK = {
    **{"at": BASE.start, "asset": "WETH", "venue": ["WETH", "DAI"]},
    **{"capital_usd": 1e6, "borrow": "USDC"},
}
DEPTH = {"sale_usd": 1e6, "price_move_bps": 200}


def test_each_way_to_a_depth_is_enough() -> None:
    for field, value in (
        ("depth_usd_per_side", 1e6),
        ("depth", DEPTH),
        ("quotes", [[4e6, 24], [7.5e6, 41], [2e7, 91.5]]),
    ):
        venue = with_overrides(BASE, {**NO_DEPTH, f"venues[0].{field}": value}).venues[0]
        assert getattr(venue, field) is not None


def test_what_is_said_of_venues_survives_the_way_through_json() -> None:
    """Workers of a sweep and readers of a tape get a scenario so."""
    said = with_overrides(
        BASE,
        {
            **NO_DEPTH,
            "venues[0].quotes": [[4e6, 24], [7.5e6, 41]],
            "venues[1].depth_by_drawdown": [[0.0, 1.0], [0.4, 0.1]],
            "venues[2].depth_over_time": [{"at": BASE.start, "value": 0.5}],
            "arbitrage.half_life_seconds": 90.0,
        },
    )
    assert of_json(said.model_dump_json()) == said


def test_off_is_the_default() -> None:
    venue = Venue(assets=("WETH", "DAI"), depth_usd_per_side=1e6, fee_bps=30)
    assert venue.depth_over_time is venue.depth_by_drawdown is None


def test_a_pair_may_have_several_venues_each_of_a_name() -> None:
    """What names one of them means that one; where there is one only it needs no name."""
    named = {**READ["feeds.faults"][0], "venue_name": "shallow"}
    two = {**TWO, "feeds.faults": [named], "attack": {**ATTACK, "venue_name": "deep"}}
    found = with_overrides(BASE, two)
    assert [venue.label for venue in found.venues[:2]] == ["WETH/DAI (deep)", "DAI/WETH (shallow)"]
    weth = found.symbols.index("WETH")
    assert set(fault_table(found)[1:, weth, READS_VENUE]) == {1}
    alone = with_overrides(BASE, {**READ, "attack": ATTACK})
    assert set(fault_table(alone)[1:, weth, READS_VENUE]) == {0}
    assert alone.venues[0].label == "WETH/DAI"


@pytest.mark.parametrize(
    ("edits", "path", "problem", "remedy"),
    [
        (NO_DEPTH, "venues[0].depth_usd_per_side", "is missing", "exactly one of depth_usd_per"),
        ({"venues[0].depth": DEPTH}, "venues[0].depth", "given besides depth_usd_per_side", "null"),
        (
            {**NO_DEPTH, "venues[0].depth": DEPTH, "venues[0].quotes": [[1.0, 2]]},
            "venues[0].quotes",
            "given besides depth",
            "exactly one",
        ),
        (
            {**NO_DEPTH, "venues[0].depth": {**DEPTH, "price_move_bps": BPS}},
            "venues[0].depth.price_move_bps",
            "got 10000",
            "1..9999",
        ),
        (
            {**NO_DEPTH, "venues[0].quotes": [[2e6, 24], [1e6, 41]]},
            "venues[0].quotes[1][0]",
            "1e+06 does not exceed 2e+06",
            "above 2e+06",
        ),
        ({**NO_DEPTH, "venues[0].quotes": []}, "venues[0].quotes", "at least 1 item", "fitted"),
        (
            {**NO_DEPTH, "venues[0].quotes": [[1e6, 10_000.0]]},
            "venues[0].quotes[0][1]",
            "less than 10000",
            "below 10000",
        ),
        (
            {"venues[0].depth_by_drawdown": [[0.2, 1.0], [0.2, 0.5]]},
            "venues[0].depth_by_drawdown[1][0]",
            "0.2 does not exceed 0.2",
            "above 0.2",
        ),
        (
            {"venues[0].depth_by_drawdown": [[0.2, 0.0]]},
            "venues[0].depth_by_drawdown[0][1]",
            "got 0.0",
            ".0001..1",
        ),
        (
            {"venues[0].depth_by_drawdown": [[1.0, 0.5]]},
            "venues[0].depth_by_drawdown[0][0]",
            "less than 1",
            "0 to below 1",
        ),
        (
            {"venues[0].depth_over_time": [{"at": BASE.start, "value": 1.5}]},
            "venues[0].depth_over_time[0].value",
            "1.5 is no share",
            "from 0.0001 to 1",
        ),
        (
            {"venues[0].depth_over_time": [{"at": BASE.start, "value": 1.0}] * 2},
            "venues[0].depth_over_time[1].at",
            "does not come after",
            "rising times",
        ),
        (
            {"venues[1].assets": ["DAI", "WETH"]},
            "venues[0].name",
            "the same pair as venues[1]",
            "a name for each, or one venue",
        ),
        (
            {"venues[1].assets": ["DAI", "WETH"], **dict.fromkeys(NAMES, "deep")},
            "venues[1].name",
            "deep is taken",
            "a name of its own",
        ),
        ({"venues[0].name": "Not a name"}, "venues[0].name", "pattern", "joined by hyphens"),
        ({**TWO, **READ}, "feeds.faults[0].venue_name", "2 venues trade WETH/DAI", "one of deep, "),
        (
            {**TWO, **READ, "feeds.faults": [{**READ["feeds.faults"][0], "venue_name": "thin"}]},
            "feeds.faults[0].venue_name",
            "no venue of WETH/DAI is called thin",
            "deep",
        ),
        (
            {"feeds.faults": [{**READ["feeds.faults"][0], "venue_name": "deep"}]},
            "feeds.faults[0].venue_name",
            "no venue of WETH/DAI is called deep",
            "it has no name",
        ),
        (
            {**TWO, "attack": ATTACK},
            "attack.venue_name",
            "2 venues trade WETH/DAI",
            "one of deep, shallow",
        ),
        (
            {"arbitrage.speed_bps": 9_000},
            "arbitrage.speed_bps",
            "earlier version",
            "half_life_seconds: step_seconds ln 2 / -ln(1 - speed_bps / 10000)",
        ),
        (
            {"arbitrage.half_life_seconds": 0.5},
            "arbitrage.half_life_seconds",
            "got 0.5",
            "1 to 31536000",
        ),
    ],
)
def test_refusals_name_the_field_and_what_would_be_right(
    edits: dict[str, Any], path: str, problem: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(BASE, edits)
    found = {one.path: one for one in caught.value.problems}
    assert problem in found[path].problem and remedy in found[path].remedy
