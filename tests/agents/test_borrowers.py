"""What a borrower does against the closed forms of what he wants, one account at a time."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sim.agents.leverage import HAIR
from sim.health import watchers
from sim.market.market import DELEVERAGED_VALUE, FACTOR, TOPPED_UP_VALUE
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import CASH, IS_COLLATERAL, RESERVE0, SCALED_DEBT, WALLET
from sim.protocol.vault_accounts import supplied_assets
from sim.world import World
from tests.agents.one_account import DAI, WETH, act, one, values

VECTORS = Path(__file__).parents[1] / "protocol" / "closed_form.json"
LT, LTV = Fraction(80, 100), Fraction(75, 100)  # of WETH
TOP_UP = {"kind": "top-up", "below_health": 1.15, "to_health": 1.4, "reserve_share": 1.0}
DELEVERAGE = {"kind": "deleverage", "below_health": 1.2, "to_health": 1.5, "rounds": 10}
LOOP = {"kind": "loop", "above_health": 1.3, "to_health": 1.15, "rounds": 10}
WITHDRAW = {"kind": "withdraw", "above_health": 2.0, "to_health": 1.6}


def _kinds(rows: list[Any]) -> list[str]:
    assert all(row.code == OK for row in rows)
    return [op.DECLARED[row.kind].name for row in rows]


# --- when they act --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "health"),
    [(TOP_UP, 1.16), (DELEVERAGE, 1.21), (LOOP, 1.29), (WITHDRAW, 1.99)],
)
def test_nobody_acts_on_a_health_within_his_trigger(
    behaviour: dict[str, Any], health: float
) -> None:
    """And everybody does a little beyond it."""
    assert act(one(behaviour, health), 2) == []
    beyond = health - 0.02 if "below_health" in behaviour else health + 0.02
    assert act(one(behaviour, beyond), 2) != []


def test_he_looks_as_often_as_he_says_and_acts_after_the_delay() -> None:
    """Looks every 1800 s, acts 900 s after the look that showed it: steps are of 300 s."""
    world = one({**TOP_UP, "review_seconds": 1_800, "delay_seconds": 900}, 1.3)
    first = world.market.actors.borrowers.due[0]
    assert 0 < first - world.market.time[0] <= 1_800
    looks = [k for k in range(1, 40) if (world.market.time[k] - first) // 300 % 6 == 0]
    k = 1
    while world.market.time[k] < first + 1_800:  # the first look shows nothing
        assert act(world, k) == []
        k += 1
    assert k in looks
    for later in range(k, k + 3):
        assert act(world, later, 170.0) == []
    assert _kinds(act(world, k + 3, 170.0)) == ["supply"]


def test_he_does_not_act_on_what_is_over_by_then() -> None:
    """The second look decides."""
    world = one({**TOP_UP, "delay_seconds": 900}, 1.3)
    assert act(world, 1, 170.0) == []
    for k in range(2, 10):
        assert act(world, k, 200.0) == []
    assert act(world, 10, 170.0) == []
    assert _kinds(act(world, 13, 170.0)) == ["supply"]


def test_prices_that_are_not_usable_stop_everyone() -> None:
    """A feed that is down shows a health of 0: nobody acts on it."""
    world = one(TOP_UP, 1.3)
    op.set_feed_mode(world.state, 0, WETH, 0, 1)
    assert act(world, 2, 170.0) == []
    op.set_feed_mode(world.state, 0, WETH, 0, 0)
    assert _kinds(act(world, 3, 170.0)) == ["supply"]


# --- top-up ---------------------------------------------------------------------------------------


def test_a_top_up_brings_the_health_wanted_and_no_more() -> None:
    """x = (h D - W) / LT, in whole units of a value."""
    world = one(TOP_UP, 1.3)
    _, debt, _ = values(world)
    act(world, 1, 170.0)
    purse = int(world.market.actors.borrowers.purse[0, WETH])
    supplied = int(supplied_assets(world.state, 0, WETH))
    world = one(TOP_UP, 1.3)
    before = Fraction(int(supplied_assets(world.state, 0, WETH)) * 170, 10**18)
    x = (Fraction(14, 10) * debt - LT * before) / LT
    assert purse + supplied == 2 * supplied_assets(world.state, 0, WETH)  # reserve share 1
    topped = Fraction(supplied - int(supplied_assets(world.state, 0, WETH)), 10**18)
    assert topped * 170 == pytest.approx(x, abs=1e-6)
    act(world, 1, 170.0)
    assert 0 <= values(world)[2] - Fraction(14, 10) < 1e-12
    assert world.market.tally[TOPPED_UP_VALUE] / 10**8 == pytest.approx(topped * 200, rel=1e-9)


def test_a_top_up_ends_with_the_purse() -> None:
    """A reserve of a hundredth is used up, also by someone who is liquidatable; then there is
    nothing to do.
    """
    world = one({**TOP_UP, "reserve_share": 0.01}, 1.3)
    start = int(supplied_assets(world.state, 0, WETH))
    owner = int(world.state.account_owner[0])
    assert world.state.holding[owner, WETH, WALLET] == start // 100
    assert _kinds(act(world, 1, 120.0)) == ["supply"]
    assert (
        world.market.actors.borrowers.purse[0, WETH]
        == world.state.holding[owner, WETH, WALLET]
        == 0
    )
    assert supplied_assets(world.state, 0, WETH) == start + start // 100
    assert act(world, 2, 120.0) == []


# --- deleveraging ---------------------------------------------------------------------------------


def test_deleveraging_repays_the_closed_form_on_a_deep_venue() -> None:
    """x = (h D - LT C) / (h - LT), within the hair that nobody goes closer."""
    world = one(DELEVERAGE, 1.35)
    collateral, debt, _ = values(world)
    collateral *= Fraction(175, 200)
    _move_venue(world, 175)
    assert set(_kinds(act(world, 1, 175.0))) == {"withdraw", "swap_in", "repay"}
    h = Fraction(15, 10)
    x = (h * debt - LT * collateral) / (h - LT)
    _, left, factor = values(world)
    assert debt - left == pytest.approx(x, rel=1e-3)
    assert factor == pytest.approx(h, rel=1 / HAIR)
    assert world.market.tally[DELEVERAGED_VALUE] / 10**8 == pytest.approx(debt - left, rel=1e-6)


def test_a_costly_venue_means_that_more_must_be_repaid() -> None:
    """x = (h D - LT C) / (h - LT k) where a sale of k brings 1: here a pool 5% below the oracle."""
    world = one(DELEVERAGE, 1.35)
    collateral, debt, _ = values(world)
    collateral *= Fraction(175, 200)
    _move_venue(world, Fraction(175) * 100 / 105)
    act(world, 1, 175.0)
    h, k = Fraction(15, 10), Fraction(105, 100)
    _, left, factor = values(world)
    x = (h * debt - LT * collateral) / (h - LT * k)
    assert debt - left == pytest.approx(x, rel=1e-3)
    assert factor == pytest.approx(h, rel=1 / HAIR)


def test_nobody_deleverages_where_a_sale_lowers_the_health() -> None:
    """LT k >= h: k = 2 takes the health from 1.18 down. A loss above the slippage is refused."""
    wide = {**DELEVERAGE, "max_slippage_bps": 10_000}
    for behaviour, price, sells in ((wide, 85, False), (DELEVERAGE, 150, False), (wide, 150, True)):
        world = one(behaviour, 1.35)
        _move_venue(world, price)
        assert (act(world, 1, 175.0) != []) == sells


def test_below_the_borrow_limit_only_the_purse_helps() -> None:
    """At health 1.05 = LT C / D the debt is beyond LTV C: nothing can be withdrawn. A purse is sold
    first, of which no threshold counts: x = D - LT C / h.
    """
    assert act(_at_health_105({}), 1, 175.0) == []
    world = _at_health_105({"reserve_share": 1.0})
    _, debt, _ = values(world)
    rows = act(world, 1, 175.0)
    assert _kinds(rows)[:2] == ["swap_in", "repay"] and "withdraw" not in _kinds(rows)
    _, left, factor = values(world)
    assert factor == pytest.approx(Fraction(15, 10), rel=1 / HAIR)
    assert debt - left == pytest.approx(debt * (1 - Fraction(105, 150)), rel=1e-3)


def test_deleveraging_through_a_thin_venue_makes_the_debt_dearer() -> None:
    """The price of DAI in WETH rises while it is repaid, and the more the thinner the pool
    (Klages-Mundt and Minca, arXiv:1906.02152): with reserves R, S without fee by (1 + q / R)^2.
    """
    rise = []
    for depth in (1e12, 1e8, 2e7):
        only_once = {**DELEVERAGE, "rounds": 1}
        world = one(only_once, 1.35, **{"venues[0].depth_usd_per_side": depth})
        pair = world.state.pair_of[WETH, DAI]
        _move_venue(world, 175)
        weth, dai = (Fraction(int(world.state.pair[pair, RESERVE0 + n])) for n in range(2))
        rows = act(world, 1, 175.0)
        (sold,) = [row.result0 for row in rows if row.kind == op.swap_in.kind]
        after = Fraction(int(world.state.pair[pair, RESERVE0])) / int(
            world.state.pair[pair, RESERVE0 + 1]
        )
        rise.append(after / (weth / dai))
        assert rise[-1] == pytest.approx((1 + sold / weth) ** 2, rel=1e-12)
    assert 1 < rise[0] < rise[1] < rise[2]


def _at_health_105(more: dict[str, Any]) -> World:
    world = one({**DELEVERAGE, **more}, 1.2)
    _move_venue(world, 175)
    return world


def _move_venue(world: World, price: Fraction | int) -> None:
    """Bring the WETH/DAI pool to a price: its reserve of DAI is that of WETH times it."""
    pool = world.state.pair[world.state.pair_of[WETH, DAI]]
    pool[RESERVE0 + 1] = int(pool[RESERVE0] * Fraction(price))


# --- loops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ltv_bps", "lt_bps"), [(8_050, 8_300), (9_300, 9_500)])
@pytest.mark.parametrize("rounds", [1, 2, 5, 10])
def test_n_rounds_of_a_loop_give_the_geometric_sum(rounds: int, ltv_bps: int, lt_bps: int) -> None:
    """C / (C - D) = (1 - LTV^(n+1)) / (1 - LTV) + LTV^n D0 / (C - D), with D0 the debt he had."""
    world = _looper(rounds, ltv_bps, lt_bps)
    collateral, debt, _ = values(world)
    equity, ltv = collateral - debt, Fraction(ltv_bps, 10_000)
    rows = act(world, 1)
    assert _kinds(rows) == ["borrow", "swap_in", "supply"] * rounds
    wanted = (1 - ltv ** (rounds + 1)) / (1 - ltv) + ltv**rounds * debt / equity
    collateral, debt, _ = values(world)
    assert collateral / (collateral - debt) == pytest.approx(wanted, rel=rounds * 5 / HAIR)
    if rounds == 5 and ltv_bps == 8_050:
        assert wanted == pytest.approx(_vector("lev_5_0_805"), rel=1e-3)


@pytest.mark.parametrize(("ltv_bps", "lt_bps"), [(8_050, 8_300), (9_300, 9_500)])
def test_a_looper_ends_at_the_limit_and_that_far_from_liquidation(
    ltv_bps: int, lt_bps: int
) -> None:
    """1 / (1 - LTV), and unhealthy once the collateral falls by 1 - LTV / LT."""
    world, k = _looper(10, ltv_bps, lt_bps), 1
    while act(world, k):
        k += 1
    assert k > 1
    name = f"0_{str(ltv_bps / 10_000)[2:]}"
    collateral, debt, _ = values(world)
    leverage = _vector(f"lev_inf_{name}")
    # He stops a ten-thousandth above the health at the limit, and goes no closer to it than a
    # hair: d ln(leverage) is as much as `leverage` times that of D / C.
    assert collateral / (collateral - debt) == pytest.approx(leverage, rel=3 * leverage / HAIR)
    drop = _vector(f"drop_{name}_0_{str(lt_bps / 10_000)[2:]}")
    for more, unhealthy in ((-0.001, False), (0.001, True)):
        act(world, k, 200.0 * (1 - drop - more))
        watchers.look_at(world.state, world.market, 0)
        assert (world.market.watchers.watch[0, FACTOR] < 10**18) == unhealthy


def test_a_loop_ends_at_the_health_wanted() -> None:
    """Where that is above the limit's own, LT / LTV = 1.067."""
    world = one(LOOP, 1.5)
    act(world, 1)
    assert values(world)[2] == pytest.approx(Fraction(115, 100), rel=1 / HAIR)


def test_a_loop_takes_no_more_than_the_cash() -> None:
    """Of two borrowers' wishes the hub can only lend what it has."""
    world = one(LOOP, 5.0, suppliers__DAI=1_100_000.0)
    act(world, 1)
    assert world.state.hub[DAI, CASH] == 0


def _looper(rounds: int, ltv_bps: int, lt_bps: int) -> World:
    return one(
        {
            "kind": "loop",
            "above_health": lt_bps / ltv_bps * 1.0001,
            "to_health": 1.0,
            "rounds": rounds,
        },
        500.0,
        debt=2_500.0,
        protocol__reserves__WETH={
            "ltv_bps": ltv_bps,
            "lt_bps": lt_bps,
            "max_bonus_bps": 100,
            "min_bonus_bps": 50,
            "liquidation_fee_bps": 0,
            "rehypothecate": True,
            "collateral_enabled": True,
            "borrow_enabled": True,
        },
        suppliers__DAI=1e9,
    )


def _vector(name: str) -> float:
    (found,) = [v for v in json.loads(VECTORS.read_text()) if v["id"] == "leverage_loop"]
    return float(found["outputs"][name])


# --- withdrawals ----------------------------------------------------------------------------------


def test_a_withdrawal_leaves_the_health_wanted() -> None:
    """x = (W - h D) / LT, within a few units of a token."""
    world = one(WITHDRAW, 2.5)
    collateral, debt, _ = values(world)
    (row,) = act(world, 1)
    x = (LT * collateral - Fraction(16, 10) * debt) / LT
    assert op.DECLARED[row.kind].name == "withdraw"
    assert Fraction(row.result0, 10**18) * 200 == pytest.approx(x, rel=1e-9)
    assert 0 <= values(world)[2] - Fraction(16, 10) < 1e-9


def test_nobody_withdraws_beyond_the_borrow_limit() -> None:
    """A wish for 1.02 ends at LT / LTV = 1.067, a hair above it, and is accepted."""
    world = one({**WITHDRAW, "to_health": 1.02}, 2.5)
    assert _kinds(act(world, 1)) == ["withdraw"]
    assert 0 <= values(world)[2] - LT / LTV < 2 / HAIR


def test_what_a_borrower_withdraws_is_limited_by_the_cash() -> None:
    """His own collateral is lent on: he gets what is there."""
    world = one(WITHDRAW, 2.5)
    row = world.state.hub[WETH]
    row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] + row[CASH] - 10**18, 10**18  # index 1
    (asked,) = act(world, 1)
    assert asked[9] == 10**18 and row[CASH] == 0


def test_an_account_without_debt_is_left_alone() -> None:
    """It has no health; its collateral stays."""
    world = one(WITHDRAW, 2.5)
    s = world.state
    owner = int(s.account_owner[0])
    assert op.repay(s, owner, 0, DAI, 10**30) == OK
    assert act(world, 1) == []
    assert s.position[0, WETH, IS_COLLATERAL] == 1
