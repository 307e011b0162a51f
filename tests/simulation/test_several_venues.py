"""The same depth in one, two or four venues: equal fees make no difference, unequal ones do."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from sim.engines.exact import run
from sim.market.market import (
    DELEVERAGED_VALUE,
    LIQUIDATIONS,
    LOOPED_VALUE,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
)
from sim.protocol import operations as op
from sim.protocol.state import RESERVE0, RESERVE1, Entry
from sim.scenario import load, with_overrides
from sim.world import World, build
from tests.agents.thin import CRV, thin

OTHER = {"assets": ["WBTC", "USDC"], "depth_usd_per_side": 2e7, "fee_bps": 5}
CENT = 10**6
"""USD with 8 decimals."""
LEVERED = [
    {"name": "out", "kind": "deleverage", "share": 0.3, "below_health": 1.05, "to_health": 1.2}
    | {"review_seconds": 300, "delay_seconds": 0, "probability": 0.8, "rounds": 3},
    {"name": "on", "kind": "loop", "share": 0.3, "above_health": 1.3, "to_health": 1.15}
    | {"review_seconds": 600, "delay_seconds": 0, "probability": 1.0, "rounds": 2},
]
KINDS = {
    "repaid": REPAID_VALUE,
    "seized": SEIZED_VALUE,
    "profit": PROFIT_VALUE,
    "deleveraged": DELEVERAGED_VALUE,
    "looped": LOOPED_VALUE,
}


def venues(*fees: int) -> list[dict[str, Any]]:
    """As many of WETH/USDC, each of the same depth and every second one the other way round."""
    pair, depth = ["WETH", "USDC"], 12e6 / len(fees)
    listed = [
        {"assets": pair[:: -1 if n % 2 else 1], "name": f"v{n}", "fee_bps": fee}
        | {"depth_usd_per_side": depth}
        for n, fee in enumerate(fees)
    ]
    return [*listed, OTHER]


@cache
def played(fees: tuple[int, ...], half_life: float, own_capital: bool = False) -> dict[str, int]:
    """What liquidations and leverage came to, and what the venues of WETH/USDC hold in the end."""
    overrides = {
        **{"book.accounts": 40, "duration_hours": 6, "venues": venues(*fees)},
        **{"arbitrage.half_life_seconds": half_life, "borrowers": LEVERED},
        # So little that gas keeps no arbitrageur from a small gap: theirs are smaller trades here.
        "gas_price_gwei": 1e-3,
    }
    if own_capital:
        overrides["liquidators[0].capital_usd"] = {"USDC": 1e7}
    world = build(with_overrides(load("fragmented-venues"), overrides))
    for _ in run(world):
        pass
    tally = world.market.tally
    assert tally[LIQUIDATIONS] > 10
    found = {name: int(tally[column]) for name, column in KINDS.items()}
    return found | dict(zip(("weth", "usdc"), held(world), strict=True))


def held(world: World) -> tuple[int, int]:
    """Of WETH and of USDC, in all venues that trade them."""
    s, weth, usdc = world.state, world.symbols.index("WETH"), world.symbols.index("USDC")
    sums, p = [0, 0], int(s.pair_of[weth, usdc])
    while p >= 0:
        side = s.pair_tokens[p].tolist().index(weth)
        sums[0] += int(s.pair[p, RESERVE0 + side])
        sums[1] += int(s.pair[p, RESERVE1 - side])
        p = int(s.next_pair[p])
    return sums[0], sums[1]


@pytest.mark.parametrize("fees", [(5, 5), (5, 5, 5, 5)])
@pytest.mark.parametrize(
    ("half_life", "own_capital"), [(300.0, False), (300.0, True), (7_200.0, False)]
)
def test_venues_of_one_fee_are_one_venue(
    fees: tuple[int, ...], half_life: float, own_capital: bool
) -> None:
    """To a cent of what millionths of a dollar round in each sale, and what is held to a billionth:
    whoever sells, at whatever speed of arbitrage.
    """
    one, several = (played(each, half_life, own_capital) for each in ((5,), fees))
    for name, value in one.items():
        assert value > 0, name
        slack = {"abs": CENT} if name in KINDS else {"rel": 1e-9}
        assert several[name] == pytest.approx(value, **slack), name


def test_of_venues_of_unequal_fees_the_cheap_ones_are_used_first() -> None:
    """Sellers lose less than on one venue of the mean fee, and more than on one of the least."""
    dear, mixed, cheap = (played(fees, 300.0)["profit"] for fees in ((34,), (1, 5, 30, 100), (1,)))
    assert dear < mixed < cheap


@pytest.mark.parametrize("named", ["first", "second"])
@pytest.mark.parametrize("shrinks", [False, True])
def test_an_attacker_buys_on_the_venue_that_is_named_and_sells_back_on_all(
    named: str, shrinks: bool
) -> None:
    """What it bought goes back where it brings most: where it came from, as its price is up there;
    but if most of the liquidity has left that venue in between, on the other one, too.
    """
    base = thin()
    assert base.attack is not None
    (place,) = (p for p, one in enumerate(base.venues) if "CRV" in one.assets)
    bought, decided = base.attack.at, base.attack.at + timedelta(minutes=30)
    leaves = [{"at": bought, "value": 1.0}, {"at": decided, "value": 0.1}]
    one = base.venues[place].model_dump()
    both = [
        one | {"name": name, "depth_over_time": leaves if shrinks and name == named else None}
        for name in ("first", "second")
    ]
    others = [venue.model_dump() for p, venue in enumerate(base.venues) if p != place]
    overrides = {
        "venues": [*both, *others],
        "attack.venue_name": named,
        "attack.wait_seconds": 1800,
    }
    world = build(with_overrides(base, overrides))
    actor = int(world.market.actors.attacker.who[0])
    rows: list[Entry] = []
    for step in run(world):
        rows += [row for row in step.rows if row.actor == actor and row.kind == op.swap_in.kind]
    first, *back = rows
    its_place = ("first", "second").index(named)
    assert first.x == its_place
    assert {row.x for row in back} == ({0, 1} if shrinks else {its_place})
    assert all(world.state.pair_tokens[row.x, row.y] == CRV for row in back)
