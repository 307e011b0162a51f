"""Accounts that nobody is paid to liquidate, by hand: one owes $9,000 of DAI against $10,000 of
WETH, at a health of .889, so that all may be repaid for $9,450 of WETH, of which the protocol takes
a tenth of the bonus, $45. Sold for a fee of .3% on a deep venue, the rest brings $376.78 more than
was repaid, less nine cents of impact; gas is $0.80.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.health.census import census
from sim.market.market import LIQUIDATABLE
from sim.protocol.records import arrays
from sim.protocol.state import UPDATED_AT, WALLET
from sim.protocol.vault_accounts import health
from sim.tape import Tape, frames
from sim.tape.unpaid import unpaid
from sim.world import World, build
from tests.agents.pairs import DAI, KEEPER, RICH, SELLER, WBTC, WETH, fall, market
from tests.report.test_crash_table import lines, summary_table

HIM = 0
DEEP = {(WETH, DAI): 1e9, (WBTC, DAI): 1e9}


def one(
    folder: Path, population: list[dict[str, Any]], venues: dict[tuple[int, int], float] = DEEP
) -> World:
    """His account after a fall of WETH to $160, and one that is healthy."""
    accounts = [({WETH: 12_500.0}, {DAI: 9_000.0}), ({WETH: 12_500.0}, {DAI: 2_000.0})]
    world = build(market(folder, accounts, population, venues))
    fall(world, 160.0, 8_000.0)
    return world


def found(world: World) -> list[int]:
    """The accounts that nobody is paid to liquidate, by one call for each and one for both."""
    s, w = world.state, world.market
    each = [unpaid(s, w, 1, census(s)[[a]], [a]) for a in (0, 1)]
    assert unpaid(s, w, 1, census(s), [0, 1]) == (sum(n for n, _ in each), sum(v for _, v in each))
    assert all(value == n * health(s, a).debt_value for a, (n, value) in enumerate(each))
    return [a for a, (n, _) in enumerate(each) if n]


@pytest.mark.parametrize(("floor", "expected"), [(375.5, []), (376.5, [HIM])])
def test_whether_gain_less_gas_is_the_profit_wanted_decides(
    tmp_path: Path, floor: float, expected: list[int]
) -> None:
    dear = {**SELLER, "name": "dear", "profit_floor_usd": 1e6}
    world = one(tmp_path, [dear, {**SELLER, "profit_floor_usd": floor}])
    assert found(world) == expected


@pytest.mark.parametrize(("gwei", "expected"), [(4_600, []), (4_700, [HIM])])
def test_gas_counts_and_a_bid_does_not(tmp_path: Path, gwei: int, expected: list[int]) -> None:
    """Above 1,000 gwei he is silent. At 4,600 gwei gas is $368, and he would gain his $5; at 4,700
    it is $376, and nobody gains them.
    """
    world = one(tmp_path, [SELLER])
    world.market.gas_price[1] = gwei * 10**9
    assert found(world) == expected


def test_who_has_no_capacity_or_no_capital_left_is_paid_all_the_same(tmp_path: Path) -> None:
    small = {**SELLER, **RICH, "capacity_usd_per_hour": 100.0, "latency_seconds": 3_600}
    world = one(tmp_path, [small])
    world.state.holding[world.market.liquidators.actor[0], DAI, WALLET] = 0
    world.market.liquidators.spent[0] = 100 * 10**8
    assert found(world) == []


@pytest.mark.parametrize("venues", [{(WETH, DAI): 100.0}, {(WBTC, DAI): 1e9}])
def test_where_the_venue_is_thin_or_missing_only_who_keeps_is_paid(
    tmp_path: Path, venues: dict[tuple[int, int], float]
) -> None:
    assert found(one(tmp_path, [SELLER, {**SELLER, **RICH, "name": "own"}], venues)) == [HIM]
    assert found(one(tmp_path, [SELLER, KEEPER], venues)) == []


def test_collateral_without_a_price_is_another_reason(tmp_path: Path) -> None:
    """Nobody may seize it."""
    world = one(tmp_path, [SELLER], {(WETH, DAI): 100.0})
    world.state.feed[0, WETH, UPDATED_AT] = 1
    assert census(world.state)[0, LIQUIDATABLE] == 1
    assert found(world) == []


def test_measuring_changes_nothing(tmp_path: Path) -> None:
    world = one(tmp_path, [SELLER], {(WETH, DAI): 100.0})
    before = [array.copy() for array in (*world.state[:-1], *arrays(world.market))]
    assert found(world) == [HIM]
    after = [*world.state[:-1], *arrays(world.market)]
    assert all((one == other).all() for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("depth", [100.0, 1e9])
def test_a_run_says_whom_nobody_is_paid_to_liquidate(tmp_path: Path, depth: float) -> None:
    world = one(tmp_path, [SELLER], {(WETH, DAI): depth})
    tape = Tape(world, "exact")
    tape.record(0, [], [])
    tape.record(1, [], [])
    said = lines(summary_table(frames(tape.tables(complete=False))))
    accounts, owed = (1, "$9,000") if depth < 1e9 else (0, "$0")
    assert said["accounts nobody is paid to liquidate"].split() == [
        f"{accounts}",
        "at",
        "the",
        "end",
    ]
    assert said["what these owe"] == owed
    most = said["the same when they owe most"].split(maxsplit=1)
    assert most == [owed, f"accounts: {accounts}"]
