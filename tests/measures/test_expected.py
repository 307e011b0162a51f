"""Measures of a run against sums done by hand, and the verdict on a published figure."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from sim.agents.start import ARBITRAGEURS, SUPPLIERS
from sim.market.market import LIQUIDATIONS, REFUSED_VALUE
from sim.measures.activity import hours_of_liquidations
from sim.measures.published import Compared, compare
from sim.measures.registry import MEASURES, figure, figures, of_assets
from sim.protocol import hub, vault_accounts
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import CASH, DEFICIT_REPORTED, HUB_SHARES, POSITION_DEBT, SCALED_DEBT
from sim.protocol.transaction import entries
from sim.schema.expected import Expected
from sim.tape import Frames, Tape, frames
from sim.tape.columns import TABLES
from sim.users.actions import EVERYTHING
from sim.world import build
from tests.tape.storm import play, storm

HOUR = pd.Timedelta(hours=1)
TIMES = [pd.Timestamp("2022-01-01") + k * HOUR for k in range(4)]


def asset(step: int, name: str, decimals: int, price: float, **more: Any) -> dict[str, Any]:
    zeros = ("cash", "debt", "deficit", "deficit_reported", "covered_by_fees", "covered_by_fund")
    return {
        **dict.fromkeys(
            (*zeros, "socialised", "shortfall", "lost_before", "escrow", "insurance_pool"), 0
        ),
        **{"step": step, "asset": name, "decimals": decimals, "reference_price_usd": price},
        **{"oracle_price_usd": price, "usage": 0.0, "borrow_rate_per_year": 0.0},
        **{"total_assets": 0, **more},
    }


def operation(step: int, kind: str, **more: Any) -> dict[str, Any]:
    results = {"result0": "0", "result1": "0", "result2": "0"}
    row = {
        "step": step,
        "kind": kind,
        "actor": 9,
        "account": None,
        "verdict": "ok",
        "refused": None,
    }
    return {**row, **results, **more}


def no_cash(units: str, verdict: str = "ERC4626ExceededMaxWithdraw") -> dict[str, str]:
    """Everything was asked for, and so many units were there to ask for."""
    return {"amount": str(EVERYTHING), "refused": units, "verdict": verdict}


@pytest.fixture
def tape() -> Frames:
    """GOLD with 2 decimals falls from $100 to $40 and ends at $50; CASH with 6 stays at $1. Three
    liquidations of two accounts repay 900 CASH for 30 GOLD; withdrawals, some of them refused; the
    suppliers of the model wanted $1,000 more than they asked for, and once asked for too much.
    """
    gold, oracle, full = (
        (100.0, 80.0, 40.0, 50.0),
        (100.0, 90.0, 0.0, 55.0),
        (0.5, 0.9996, 1.0, 1.0),
    )
    rows = []
    for k in range(4):
        bad = {"deficit_reported": 70 * 10**6, "shortfall": 5 * 10**6} if k == 3 else {}
        supply = {"total_assets": (4_000 - 1_000 * k) * 10**6, "usage": full[k]}
        rows += [
            asset(k, "CASH", 6, 1.0, **supply, **bad, borrow_rate_per_year=0.01 * k),
            asset(k, "GOLD", 2, gold[k], oracle_price_usd=oracle[k]),
        ]
    liquidated: dict[str, Any] = {"asset": "CASH", "x": 0, "y": 1}
    took: dict[str, Any] = {"asset": "GOLD", "x": 1, "y": 0}
    operations = [
        operation(0, "withdraw_assets", **took, amount="999900", result0="999900"),
        operation(
            1, "flash_liquidate", account=7, **liquidated, result0="300000000", result1="900"
        ),
        operation(1, "liquidate", account=7, **liquidated, result0="200000000", result1="600"),
        operation(
            2, "flash_liquidate", account=9, **liquidated, result0="400000000", result1="1500"
        ),
        operation(2, "flash_liquidate", account=8, **liquidated, verdict="ProfitTooLow"),
        operation(2, "withdraw_assets", **took, amount="200", result0="200"),
        operation(3, "redeem", **liquidated, amount="7", result0="11000000"),
        operation(2, "withdraw_assets", **took, **no_cash("900"), actor=SUPPLIERS),
        operation(2, "redeem", **took, **no_cash("600", "ERC4626ExceededMaxRedeem")),
        operation(3, "withdraw", account=7, **took, **no_cash("100", "InsufficientCash")),
        operation(3, "withdraw", account=7, **took, **no_cash("100", "Unhealthy")),
    ]
    steps = pd.DataFrame(
        {
            "step": range(4),
            "time_utc": TIMES,
            "gas_price_gwei": [5.0, 90.0, 30.0, 5.0],
            "liquidations": [0, 2, 3, 3],
            "repaid_usd": [0.0, 500.0, 900.0, 900.0],
            "seized_usd": [0.0, 1_200.0, 1_800.0, 1_800.0],
            "refused_usd": [0.0, 0.0, 400.0, 1_000.0],
            "gas_usd": 0.0,
            "liquidator_profit_usd": 0.0,
        }
    )
    # Owed beyond collateral at reference prices, the shortfall: nothing by 7; 5 of 25
    # CASH by 9, who has pledged $20 of GOLD and supplied 40 CASH that back nothing.
    accounts = [
        {
            "account": a,
            "asset": name,
            "debt_end": debt,
            "supplied_end": held,
            "is_collateral": backs,
        }
        for a, name, debt, held, backs in (
            (7, "CASH", 90 * 10**6, 0, False),
            (7, "GOLD", 0, 200, True),
            (9, "CASH", 25 * 10**6, 40 * 10**6, False),
            (9, "GOLD", 0, 40, True),
        )
    ]
    tables = {
        "steps": steps,
        "assets": pd.DataFrame(rows),
        "operations": pd.DataFrame(operations),
        "accounts": pd.DataFrame(accounts),
    }
    return Frames(**{name: tables.get(name, pd.DataFrame()) for name in Frames._fields})


BY_HAND = {
    "loss_usd": 75.0,
    "repaid_usd": 900.0,
    "seized_usd": 1_800.0,
    "liquidations": 3.0,
    "liquidated_accounts": 2.0,
    "usd_per_liquidation": 300.0,
    "liquidations_per_account": 1.5,
    "busiest_hour_liquidations": 2.0,
    "hours_of_liquidations": 2.0,
    "withdrawn_usd": 2 * 40.0 + 11.0,
    "withdrawals_refused_usd": 1_000.0 + 6 * 40.0 + 1 * 50.0,
    "highest_gas_gwei": 90.0,
    "loss_tokens.CASH": 75.0,
    "repaid_tokens.CASH": 900.0,
    "seized_tokens.GOLD": 30.0,
    "lowest_price.GOLD": 40.0,
    "highest_price.GOLD": 100.0,
    "oracle_lowest.GOLD": 55.0,
    "oracle_highest.GOLD": 100.0,
    "largest_usage.CASH": 1.0,
    "hours_at_full_usage.CASH": 3.0,
    "highest_borrow_rate.CASH": 0.03,
    "supply_left.CASH": 0.25,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(tape: Frames, name: str) -> None:
    assert figure(tape, name) == pytest.approx(BY_HAND[name], rel=1e-12)


def test_all_measures_of_an_asset_are_tested_by_hand() -> None:
    assert {name.partition(".")[0] for name in BY_HAND if "." in name} == {*of_assets()}


def test_the_other_asset_has_none_of_it(tape: Frames) -> None:
    for name in ("loss_tokens.GOLD", "repaid_tokens.GOLD", "seized_tokens.CASH"):
        assert figure(tape, name) == 0
    assert math.isnan(figure(tape, "supply_left.GOLD"))


def test_on_a_run_they_are_the_books() -> None:
    world, recorded = play(storm())
    tape = frames(recorded.tables(complete=True))
    s = world.state
    usdc = world.symbols.index("USDC")
    lost = figure(tape, "loss_tokens.USDC") * 10**6
    assert lost * (1 + 1e-12) >= int(s.hub[usdc, DEFICIT_REPORTED]) > 0
    assert figure(tape, "liquidations") == world.market.tally[LIQUIDATIONS] > 0
    assert 0 < figure(tape, "liquidated_accounts") <= figure(tape, "liquidations")
    symbols = world.symbols
    repaid = sum(figure(tape, f"repaid_tokens.{symbol}") for symbol in symbols)
    assert repaid > 0
    assert figure(tape, "lowest_price.WETH") == 800
    assert figure(tape, "highest_gas_gwei") == 300
    assert list(TABLES) == list(Frames._fields)


def test_suppliers_of_the_model_are_refused_what_their_tally_says() -> None:
    """A day of withdrawals of a tenth from a hub that has lent out most of its USDC."""
    run_ = {"base_per_day": 100.0, "branching_ratio": 0.0, "half_life_seconds": 3_600}
    world, recorded = play(storm(withdrawals={"USDC": {**run_, "size_bps": 1_000}}))
    tape = frames(recorded.tables(complete=True))
    refused = figure(tape, "withdrawals_refused_usd")
    assert refused == world.market.tally[REFUSED_VALUE] / 10**8 > 100_000
    started = tape.assets[(tape.assets["step"] == 0) & (tape.assets["asset"] == "USDC")].iloc[0]
    assert refused + figure(tape, "withdrawn_usd") < started["total_assets"] / 10**6
    assert "ERC4626ExceededMaxWithdraw" not in set(tape.operations["verdict"])


def test_who_asks_for_everything_is_refused_what_he_has() -> None:
    """All cash of WETH is lent: a depositor redeems all shares, then more than all, and an account
    withdraws everything, twice. Each of the tries is for what there is to be had.
    """
    world = build(storm())
    s, weth = world.state, world.symbols.index("WETH")
    assert op.deposit(s, ARBITRAGEURS, weth, 10**18) == OK
    a = next(
        a
        for a in range(len(s.account))
        if vault_accounts.supplied_assets(s, a, weth) and not s.position[a, weth, POSITION_DEBT]
    )
    cash = s.hub[weth, CASH]
    s.hub[weth, SCALED_DEBT] += cash  # at an index of 1
    s.hub[weth, CASH] = 0
    tape = Tape(world, "exact")
    tape.record(0, [], [])
    s.journal_length[0] = 0
    shares = int(s.holding[ARBITRAGEURS, weth, HUB_SHARES])
    for amount in (shares, shares + 1):
        op.redeem(s, ARBITRAGEURS, weth, amount)
    for amount in (EVERYTHING, EVERYTHING, 1):
        op.withdraw(s, int(s.account_owner[a]), a, weth, amount)
    tape.record(1, entries(s), [])
    found = frames(tape.tables(complete=True))
    assert (found.operations["verdict"] != "ok").sum() == 5
    deposit, held = hub.to_assets_down(s, weth, shares), vault_accounts.supplied_assets(s, a, weth)
    price = int(world.market.price[1, weth]) / 10**8
    worth = (2 * deposit + 2 * held + 1) / 10**18 * price
    assert figure(found, "withdrawals_refused_usd") == pytest.approx(worth, rel=1e-12)
    assert deposit == pytest.approx(10**18, rel=1e-6) and held > 10**17


def published(**range_: float) -> Expected:
    return Expected(measure="seized_usd", source="someone", **range_)


@pytest.mark.parametrize(
    ("given", "simulated", "verdict", "ratio"),
    [
        (published(value=100), 100, "inside", 1),
        (published(value=100), 100.4, "inside", 1.004),
        (published(value=100), 109, "near", 1.09),
        (published(value=100), 91, "near", 0.91),
        (published(value=100), 111, "off", 1.11),
        (published(value=100), 0, "off", 0),
        (published(low=100, high=200), 150, "inside", 1),
        (published(low=100, high=200), 95, "near", 0.95),
        (published(low=100, high=200), 400, "off", 2),
        (published(value=0), 0, "inside", None),
        (published(value=0), 1, "off", None),
        (published(value=100), math.nan, "off", None),
    ],
)
def test_verdicts(given: Expected, simulated: float, verdict: str, ratio: float | None) -> None:
    row = Compared(given, (simulated,))
    assert row.verdict == verdict
    assert row.ratio == (ratio if ratio is None else pytest.approx(ratio))


def test_the_verdict_is_of_the_median_and_the_range_of_all() -> None:
    """One book that happens to agree says nothing, nor one that is far off."""
    row = Compared(published(value=100), (100, 300, 200, 500, math.nan))
    assert (row.median, row.range, row.ratio) == (250, (100, 500), 2.5)
    assert row.verdict == "off"
    assert Compared(published(value=100), (900, 99.9, 100, 1, 101)).verdict == "inside"
    assert math.isnan(Compared(published(value=100), (math.nan, math.nan)).range[0])


INPUTS = ("highest_gas_gwei", "lowest_price.X", "highest_price.X", "oracle_lowest.X")


@pytest.mark.parametrize("name", [*INPUTS, "oracle_highest.X"])
def test_what_was_put_in_is_no_agreement(name: str) -> None:
    """But a run that was not given it is off."""
    given = Expected(measure=name, value=100, source="x")
    assert Compared(given, (100.0, 100.2)).verdict == "input"
    assert Compared(given, (103.0, 103.0)).verdict == "off"


def test_no_other_is_put_in() -> None:
    put_in = {name for name, one in MEASURES.items() if one.is_input}
    assert put_in == {name.partition(".")[0] for name in (*INPUTS, "oracle_highest")}


def test_names_of_before_are_read_as_what_they_meant() -> None:
    """Bad debt was bad debt and shortfall."""
    names = ("bad_debt_usd", "bad_debt_tokens.CRV", "liquidated_usd", "seized_usd")
    read = [Expected(measure=name, value=1, source="x").measure for name in names]
    assert read == ["loss_usd", "loss_tokens.CRV", "repaid_usd", "seized_usd"]


def test_comparison_keeps_the_order(tape: Frames) -> None:
    given = [published(value=1_800), Expected(measure="liquidations", value=4, source="x")]
    one = figures(tape, [each.measure for each in given])
    rows = compare([one, {**one, "liquidations": 4.0}, {**one, "liquidations": 4.0}], given)
    assert [row.simulated for row in rows] == [(1_800,) * 3, (3, 4, 4)]
    assert [row.verdict for row in rows] == ["inside", "inside"]


def test_the_shortest_time_of_nine_tenths(tape: Frames) -> None:
    """A tenth at once, eight in the third hour, a tenth in the last: from the second hour to the
    last or from the first to the third.
    """

    def hours(*repaid: float) -> float:
        times = [pd.Timestamp("2022-01-01") + k * HOUR for k in range(len(repaid))]
        steps = pd.DataFrame({"time_utc": times, "repaid_usd": repaid})
        return hours_of_liquidations(tape._replace(steps=steps)) or math.nan

    assert hours(0, 10, 10, 90, 100) == 2
    assert hours(0, 95, 100) == 1
    assert hours(0, 0, 0, 7, 7) == 1
    assert math.isnan(hours(0, 0, 0))
    evenly = [float(k) for k in range(101)]
    assert hours(*evenly) == 90
