"""Books under a fall of prices: against the closed forms, and against the protocol's own health."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.measures.borrowers import Book, Pools, book, pools
from sim.measures.positions import largest_accounts, liquidation_events
from sim.measures.shocks import bad_debt, depth_usd, liquidatable
from sim.tape import Frames, frames
from tests.tape.storm import play, storm

ETH, USD = 0, 1
# One account: 10 ETH at $100 for $600, threshold 80%: liquidatable once ETH is below $75.
ONE = Book(
    ["ETH", "USD"],
    np.array([100.0, 1.0]),
    np.array([0.8, 0.9]),
    np.array([[10.0, 0.0]]),
    np.array([[0.0, 600.0]]),
)
# 20 ETH against $2,000, no fee: k = 40,000.
POOL = Pools(["ETH/USD"], [("ETH", "USD")], np.array([[20.0, 2_000.0]]), np.array([0.0]))


@pytest.fixture(scope="module")
def tape() -> Frames:
    _, played = play(storm())
    return frames(played.tables(complete=True))


def test_liquidatable_from_its_liquidation_price_on() -> None:
    table = liquidatable(ONE, ["ETH"], [0.0, 0.2499, 0.2501, 0.5])
    assert table["accounts"].tolist() == [0, 0, 1, 1]
    assert table["debt_usd"].tolist() == [0, 0, 600, 600]
    assert table["collateral_usd"].tolist() == pytest.approx([0, 0, 749.9, 500])


def test_debt_in_a_falling_asset_falls() -> None:
    short = ONE._replace(collateral=np.array([[0.0, 900.0]]), debt=np.array([[6.0, 0.0]]))
    assert short.health(short.prices)[0] == pytest.approx(900 * 0.9 / 600)
    assert liquidatable(short, ["ETH"], [0.5])["accounts"].tolist() == [0]
    assert short.health(short.prices * [0.5, 1])[0] == pytest.approx(2 * 900 * 0.9 / 600)


def test_without_impact_bad_debt_is_what_collateral_does_not_cover() -> None:
    drops = np.array([0.0, 0.3, 0.4, 0.5, 0.9])
    found = bad_debt(ONE, POOL, ["ETH"], drops, [math.inf])[math.inf]
    assert found.tolist() == pytest.approx([0, 0, 0, 100, 500])


@pytest.mark.parametrize("depth", [0.25, 1.0, 3.0])
def test_a_sale_moves_along_the_constant_product(depth: float) -> None:
    """Ten ETH into a pool that arbitrage has moved to the price after the fall."""
    price = 50.0
    k = depth**2 * 40_000  # both reserves scaled
    eth, usd = math.sqrt(k / price), math.sqrt(k * price)
    proceeds = usd - k / (eth + 10)
    found = bad_debt(ONE, POOL, ["ETH"], [0.5], [depth])[depth].iloc[0]
    assert found == pytest.approx(600 - proceeds, rel=1e-12)


def test_a_fee_is_lost() -> None:
    paid = bad_debt(ONE, POOL._replace(fees=np.array([0.01])), ["ETH"], [0.5], [1.0])
    free = bad_debt(ONE, POOL, ["ETH"], [0.5], [1.0])
    assert 600 - paid.iloc[0, 0] == pytest.approx(0.99 * (600 - free.iloc[0, 0]))


def test_nobody_to_sell_to_brings_nothing() -> None:
    none = Pools([], [], np.empty((0, 2)), np.empty(0))
    assert bad_debt(ONE, none, ["ETH"], [0.5], [1.0]).iloc[0, 0] == 600
    assert bad_debt(ONE, none, ["ETH"], [0.5], [math.inf]).iloc[0, 0] == 100


def test_a_pool_of_two_falling_assets_is_no_exit_where_there_is_another() -> None:
    three = Book(
        ["ETH", "BTC", "USD"],
        np.array([100.0, 1_000.0, 1.0]),
        np.ones(3),
        np.zeros((0, 3)),
        np.zeros((0, 3)),
    )
    both = Pools(
        ["BTC/ETH", "ETH/USD"],
        [("BTC", "ETH"), ("ETH", "USD")],
        np.array([[1.0, 10.0], [5.0, 500.0]]),
        np.zeros(2),
    )
    assert depth_usd(three, both, ["ETH", "BTC"]).tolist() == pytest.approx([500, 1_000, 500])
    assert depth_usd(three, both, ["ETH"]).tolist() == pytest.approx([1_500, 1_000, 500])
    # A fall of three quarters halves the worth of a side: sqrt(1 - d).
    assert depth_usd(three, both, ["ETH", "BTC"], 0.75)[0] == pytest.approx(250)


def test_shallower_and_lower_is_never_better(tape: Frames) -> None:
    table = bad_debt(book(tape), pools(tape), ["WETH", "WBTC"], [0.2, 0.4, 0.6], [math.inf, 1, 0.5])
    assert (table[math.inf] <= table[1.0]).all() and (table[1.0] <= table[0.5]).all()
    assert table[0.5].iloc[-1] > table[math.inf].iloc[-1] > 0


@pytest.mark.parametrize("when", ["start", "end"])
def test_health_is_the_protocols(tape: Frames, when: str) -> None:
    """The vault's own health factors, to the rounding of doubles and of USD to 8 decimals."""
    factors = tape.accounts.groupby("account")[f"health_{when}"].first().to_numpy(dtype=float)
    found = book(tape, when)  # type: ignore[arg-type]
    mine = found.health(found.prices)
    owes = ~np.isnan(factors)
    assert owes.sum() > 10
    assert mine[owes] == pytest.approx(factors[owes], rel=1e-6)


def test_pools_hold_what_the_scenario_says(tape: Frames) -> None:
    found, begun = pools(tape), book(tape)
    worth = dict(zip(begun.symbols, begun.prices, strict=True))
    sides = [
        reserve * worth[symbol]
        for pair, reserves in zip(found.pairs, found.reserves, strict=True)
        for symbol, reserve in zip(pair, reserves, strict=True)
    ]
    assert sides == pytest.approx([300_000] * 6, rel=1e-6)
    assert found.fees.tolist() == [0.003] * 3


def test_events_add_up_to_what_was_repaid(tape: Frames) -> None:
    events = liquidation_events(tape)
    assert len(events) == tape.steps["liquidations"].iloc[-1] > 10
    assert events["repaid_usd"].sum() == pytest.approx(tape.steps["repaid_usd"].iloc[-1], rel=1e-6)
    # The storm takes at most six tenths of the price of WETH and half of that of WBTC.
    assert events["fall"].between(-0.01, 0.6001).all()
    assert events["fall"][events["collateral"] == "WBTC"].max() <= 0.5001


def test_accounts_add_up_to_all_debt(tape: Frames) -> None:
    everyone = largest_accounts(tape, most=1_000)
    steps = tape.steps
    assert len(everyone) == 24
    assert everyone["debt_start"].sum() == pytest.approx(steps["debt_usd"].iloc[0], rel=1e-6)
    assert everyone["debt_end"].sum() == pytest.approx(steps["debt_usd"].iloc[-1], rel=1e-6)
    assert everyone["debt_start"].is_monotonic_decreasing
    assert everyone["liquidations"].sum() == steps["liquidations"].iloc[-1]
    assert largest_accounts(tape, most=3).index.tolist() == everyone.index[:3].tolist()
