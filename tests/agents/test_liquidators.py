"""Liquidators as people: bids, latency, own capital, and the choice to stop. Pairs of runs share
scenario, seed and path.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sim.agents.start import FIRST_LIQUIDATOR
from sim.engines.by_name import follower
from sim.engines.exact import run
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import BORROW_INDEX, CASH, SCALED_DEBT, WALLET
from sim.protocol.vault_accounts import supplied_assets
from sim.scenario import ScenarioError, load, with_overrides
from sim.world import World, build
from tests.simulation.runs import DEEP, SMALL, outcome

ONE: dict[str, Any] = {
    "name": "one",
    "max_gas_price_gwei": 1_000.0,
    "gas_used": 500_000,
    "profit_floor_usd": 5.0,
    "capacity_usd_per_hour": 1.2e10,
}
FLOOR = {**ONE, "profit_floor_usd": 200.0}
LOW = {"duration_hours": 26.5, "gas_price_gwei": 1.0}
RAY = 10**27
LIQUIDATIONS = (op.liquidate.kind, op.flash_liquidate.kind)


def _played(population: list[dict[str, Any]], **more: Any) -> tuple[World, list[Any]]:
    """The world at the low and the liquidations that succeeded until then."""
    overrides = {**SMALL, **LOW, **more, "liquidators": population}
    world = build(with_overrides(load("black-thursday"), overrides))
    rows = [row for step in run(world) for row in step.rows]
    return world, [row for row in rows if row.kind in LIQUIDATIONS and row.code == OK]


def test_the_higher_bid_goes_first() -> None:
    """Of two that are equal but for the bid, the lower one gets what the other cannot carry."""
    low = {**ONE, "name": "low", "max_gas_price_gwei": 500.0}
    world, rows = _played([low, ONE])
    assert list(world.market.liquidators.priority) == [1, 0]
    assert rows and {row.actor for row in rows} == {FIRST_LIQUIDATOR + 1}
    _, rows = _played([low, {**ONE, "capacity_usd_per_hour": 1e5}])
    assert {row.actor for row in rows} == {FIRST_LIQUIDATOR, FIRST_LIQUIDATOR + 1}


@pytest.mark.parametrize("call", [20_000.0, 400_000.0])
@pytest.mark.parametrize("step", [30, 150, 600])
def test_capacity_is_of_time_whatever_the_step(step: int, call: float) -> None:
    """A price that has fallen by a quarter within ten minutes leaves more to do than he can: in
    three hours he repays what three hours are for, and what one call adds to it, and no call is
    larger than he says.
    """
    start = load("black-thursday").start
    fall = [{"at": start, "value": 195.0}, {"at": start + timedelta(minutes=10), "value": 145.0}]
    one = {**ONE, "capacity_usd_per_hour": 600_000.0, "call_usd": call}
    overrides = {**DEEP, "assets.WETH.price_usd": fall, "duration_hours": 3, "step_seconds": step}
    world, rows = _played([one], **overrides)
    w, s = world.market, world.state
    values = [
        int(row.result0) / int(s.unit[row.x]) * int(w.price[-1, row.x]) / 10**8 for row in rows
    ]
    assert call * 0.999 < max(values) < call * 1.001
    assert 600_000 * (3 - 1 / 6) - call < sum(values) < 600_000 * 3 + call


@pytest.mark.compiled
def test_who_sees_late_acts_late_and_leaves_more_bad_debt() -> None:
    """On deep venues a quicker one with a lower bid takes everything; without latency, he does."""
    runs = [
        outcome({**LOW, "liquidators": [{**ONE, "latency_seconds": seconds}]})
        for seconds in (0, 1_800, 21_600)
    ]
    assert runs[0].bad_debt <= runs[1].bad_debt < runs[2].bad_debt
    quick = {**ONE, "name": "quick", "max_gas_price_gwei": 10.0}
    for latency, first in ((300, FIRST_LIQUIDATOR + 1), (0, FIRST_LIQUIDATOR)):
        _, rows = _played([{**ONE, "latency_seconds": latency}, quick], **DEEP)
        assert {row.actor for row in rows} == {first}


def test_own_capital_is_finite_where_collateral_is_kept() -> None:
    """Who keeps what he seizes repays no more than he has, and does not move the venue."""
    runs = []
    for usd in (50_000.0, 500_000.0, 1e9):
        own = {"USDC": usd, "DAI": usd, "WETH": usd, "WBTC": usd}
        keeper = {**ONE, "capital_usd": own, "keeps_collateral": True}
        world, rows = _played([keeper], **{"arbitrage.capital_usd": 0.0})
        s = world.state
        repaid = [sum(row.result0 for row in rows if row.x == i) for i in range(4)]
        capital = [int(usd * 10**8) * int(s.unit[i]) // int(p) for i, p in _opening_prices(world)]
        left = [int(s.holding[FIRST_LIQUIDATOR, i, WALLET]) for i in range(4)]
        seized = [sum(row.result1 for row in rows if row.y == i) for i in range(4)]
        for i in range(4):
            assert left[i] == capital[i] - repaid[i] + seized[i]
        assert (s.pair == build(world.scenario).state.pair).all()
        runs.append(int(world.market.tally[1]))
    assert 0 < runs[0] < runs[1] < runs[2]


def _opening_prices(world: World) -> list[tuple[int, int]]:
    return list(enumerate(build(world.scenario).market.price[0]))


def test_capital_that_is_sold_again_comes_back() -> None:
    """Who sells at once repays more than his capital over the run, and ends with more of it."""
    own = {"USDC": 200_000.0, "DAI": 200_000.0}
    world, rows = _played([{**ONE, "capital_usd": own}])
    s, symbols = world.state, world.symbols
    for symbol in ("USDC", "DAI"):
        i = symbols.index(symbol)
        capital = 200_000 * int(s.unit[i])
        assert s.holding[FIRST_LIQUIDATOR, i, WALLET] > capital
        assert sum(row.result0 for row in rows if row.x == i) > 2 * capital
    assert {row.kind for row in rows} == {op.liquidate.kind}


@pytest.mark.compiled
def test_he_stops_where_the_venue_pays_less_than_the_debt() -> None:
    """On a venue worth little, who must sell stops; who keeps the collateral goes on."""
    shallow = {f"venues[{p}].depth_usd_per_side": 10_000.0 for p in range(6)}
    seller = outcome({**LOW, **shallow, "liquidators": [ONE]})
    own = dict.fromkeys(("USDC", "DAI", "WETH", "WBTC"), 1e8)
    holder = {**ONE, "capital_usd": own, "keeps_collateral": True}
    keeper = outcome({**LOW, **shallow, "liquidators": [holder]})
    assert seller.repaid < keeper.repaid / 5
    assert seller.bad_debt > keeper.bad_debt


def test_everything_a_seller_does_pays() -> None:
    """Every flash liquidation brings the floor and the gas, at the reference price of its step."""
    world = build(
        with_overrides(load("black-thursday"), {**SMALL, **LOW, "liquidators": [dict(FLOOR)]})
    )
    w, count = world.market, 0
    for step in run(world):
        for row in step.rows:
            if row.kind == op.flash_liquidate.kind and row.code == OK:
                d = row.x
                gas = int(w.gas_price[step.k]) * 500_000 * int(w.price[step.k, 0]) // 10**18
                profit = row.result2 * int(w.price[step.k, d]) // int(world.state.unit[d])
                assert profit >= 200 * 10**8 + gas - 1
                count += 1
    assert count > 10


@pytest.mark.parametrize("name", ["keeps_collateral", "takes_shares"])
def test_keeping_needs_capital(name: str) -> None:
    """A flash loan must be repaid in its transaction."""
    with pytest.raises(ScenarioError, match=rf"liquidators\[0\].{name}: is true without capital"):
        with_overrides(load("black-thursday"), {"liquidators": [{**ONE, name: True}]})


def test_where_the_hub_has_no_cash_only_who_takes_shares_liquidates() -> None:
    """Suppliers of WETH leave until it is lent out to the last: a taker gets shares of it.

    What he takes is a position of the hub's WETH, worth what was seized, or more with interest.
    """
    leaving = {"base_per_day": 400.0, "branching_ratio": 0.5, "half_life_seconds": 3_600}
    leaving |= {"size_bps": 100, "per_usage": 0.0, "above_usage": 0.9, "per_loss": 0.0}
    dry = {
        "suppliers.WETH": 3e7,
        "book.debt_weights": {"WETH": 60, "WBTC": 0, "USDC": 20, "DAI": 20},
        "book.collateral_weights": {"WETH": 30, "WBTC": 10, "USDC": 30, "DAI": 30},
        "withdrawals": {"WETH": leaving},
    }
    own = dict.fromkeys(("USDC", "DAI", "WETH", "WBTC"), 1e8)
    taker = {**ONE, "name": "taker", "capital_usd": own, "takes_shares": True}
    world, rows = _played([taker], **dry)
    s, weth = world.state, 0
    assert len(s.account) == len(world.book.debt) + 1
    assert s.account_owner[-1] == FIRST_LIQUIDATOR
    shares = [row for row in rows if row.option == 1]
    assert shares and all(row.y == weth for row in shares)
    taken = sum(row.result1 for row in shares)
    held = supplied_assets(s, len(s.account) - 1, weth)
    assert taken <= held < taken * s.hub[weth, BORROW_INDEX] // RAY  # it earns interest since
    _, without = _played([{**taker, "takes_shares": False}], **dry)
    assert not any(row.option for row in without)


def test_who_is_paid_out_sells_even_if_the_hub_is_short_of_cash_afterwards() -> None:
    """A taker's first liquidation, from a hub whose cash is one and a half times what it pays."""
    own = dict.fromkeys(("USDC", "DAI", "WETH", "WBTC"), 1e8)
    taker = {**ONE, "name": "taker", "capital_usd": own, "takes_shares": True}
    overrides = {**SMALL, **LOW, "liquidators": [taker]}
    worlds = [build(with_overrides(load("black-thursday"), overrides)) for _ in range(2)]
    at, first = next(
        (step.k, row)
        for step in run(worlds[0])
        for row in step.rows
        if row.kind == op.liquidate.kind
    )
    c, out = first[4], first[10]
    played = run(worlds[1])
    while next(played).k < at - 1:
        pass
    hub = worlds[1].state.hub  # the rest is lent, so shares are worth what they were
    lent = hub[c, CASH] - out * 3 // 2
    hub[c, SCALED_DEBT] += lent * RAY // hub[c, BORROW_INDEX]
    hub[c, CASH] -= lent
    rows = next(played).rows
    n = [(row.kind, row.account) for row in rows].index((op.liquidate.kind, first[2]))
    paid = rows[n][10]
    assert rows[n][7] == 0 and rows[n][8] == OK and paid == pytest.approx(out, rel=0.01)
    assert worlds[1].state.hub[c, CASH] < paid
    assert rows[n + 1][0] == op.swap_in.kind and rows[n + 1][5] == paid


@pytest.mark.chain
@pytest.mark.parametrize("dry", [True, False])
def test_own_capital_and_shares_agree_with_the_contracts(dry: bool) -> None:
    """Takers, keepers and sellers with latencies on an EVM, word for word: where suppliers leave
    until there is no cash, and where they stay.
    """
    leaving = {"base_per_day": 400.0, "branching_ratio": 0.5, "half_life_seconds": 3_600}
    leaving |= {"size_bps": 100, "per_usage": 0.0, "above_usage": 0.9, "per_loss": 0.0}
    own = dict.fromkeys(("USDC", "DAI", "WETH", "WBTC"), 3e5)
    population = [
        {
            **ONE,
            "name": "taker",
            "capital_usd": own,
            "takes_shares": True,
            "capacity_usd_per_hour": 1e6,
        },
        {**ONE, "name": "keeper", "capital_usd": own, "keeps_collateral": True},
        {**ONE, "name": "late seller", "capital_usd": own, "latency_seconds": 600},
        {**ONE, "name": "flash", "latency_seconds": 1_200},
    ]
    overrides = {
        **SMALL,
        **LOW,
        "book.accounts": 24,
        "book.debt_weights": {"WETH": 60, "WBTC": 0, "USDC": 20, "DAI": 20},
        "book.collateral_weights": {"WETH": 30, "WBTC": 10, "USDC": 30, "DAI": 30},
        "suppliers.WETH": 3e7,
        "withdrawals": {"WETH": leaving} if dry else {},
        "liquidators": population,
    }
    world = build(with_overrides(load("black-thursday"), overrides))
    done = set()
    with follower("revm", world) as chain:
        for step in run(world, chain):
            done |= {
                (row.actor, row.option)
                for row in step.rows
                if row.kind in LIQUIDATIONS and not row.code
            }
        assert chain and chain.values > 100_000
    assert ((FIRST_LIQUIDATOR, 1) in done) == dry
    assert dry or len(done) > 1
