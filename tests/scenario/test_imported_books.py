"""Books in the shapes that people have: read for what they say, or refused by line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import recorded
from sim.books.amounts import amount
from sim.engines.by_name import follower
from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.failures import LockstepError
from sim.engines.lockstep import Lockstep
from sim.health.census import census
from sim.market.market import FACTOR
from sim.measures.solvency import losses, peak_loss
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_DISABLED, OK
from sim.protocol.state import IS_COLLATERAL
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.report.caveats import of_scenario
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.sweeps.opening import opening
from sim.tape import Tape, frames
from sim.terminal.book import print_book
from sim.world import World, build
from tests.tape.storm import storm

CASES = Path(__file__).parents[3] / "shared" / "cases"
WAD = 10**18
HEAD = "account,asset,supplied,debt\n"
ADDRESS = "0xAbCdEf0123456789aBcDeF0123456789AbCdEf01"
WETH, WBTC, CRV, USDC, USDT = range(5)
MARKET = """
name: shapes
extends: aave-v3
title: t
story: s
sources: [made up]
start: 2025-02-02T00:00:00Z
duration_hours: 1
step_seconds: 600
seed: 1
gas_price_gwei: 10
assets:
  WETH: {price_usd: 3000, address: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"}
  WBTC: {price_usd: 90000}
  CRV: {price_usd: 0.6}
  USDC: {price_usd: 1.0}
  USDT: {price_usd: 1.0}
venues: [{assets: [WETH, USDC], depth_usd_per_side: 100000000, fee_bps: 5}]
suppliers: {WETH: 20000000, WBTC: 10000000, CRV: 1000000, USDC: 40000000, USDT: 100000000}
"""


@pytest.fixture
def market(tmp_path: Path) -> Any:
    """A market with a book of these lines, and of these fields."""

    def made(text: str, more: str = "", **book: object) -> Scenario:
        (tmp_path / "book.csv").write_text(text)
        file = tmp_path / "market.yaml"
        file.write_text(f"{MARKET}{more}\nbook: {{file: book.csv}}\n")
        return with_overrides(load(file), {f"book.{name}": value for name, value in book.items()})

    return made


def said(world: World, capsys: pytest.CaptureFixture[str]) -> str:
    from rich.console import Console

    print_book(world, Console(width=10_000, highlight=False))
    return capsys.readouterr().out


# --- shapes that are read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "book", "understood"),
    [
        (f"{HEAD}a,WETH,100,0\na,USDC,0,200000\n", {}, "2 rows, 1 account; amounts in tokens."),
        (f"{HEAD}a,weth,100,0\na,Usdc,0,2e5\n", {}, "2 rows"),
        (f"{HEAD}a,WETH,1.0e2,\na,USDC,-0.0,200000.0\n", {}, "1 empty amount read as 0"),
        (
            f"{HEAD}a,WETH,60,0\na,WETH,40,0\na,USDC,0,150000\na,USDC,0,5e4\n",
            {},
            "2 rows added to others of one account and asset",
        ),
        (
            f"{HEAD}a,WETH,{10**20},0\na,USDC,0,{2 * 10**11}\n",
            {"units": "base"},
            "amounts in base units",
        ),
        (f"\ufeff{HEAD}a,WETH,100,0\n\na,USDC,0,200000\n".replace("\n", "\r\n"), {}, "2 rows"),
        (f"{HEAD}a,WETH,100,0\na,USDC,0,200000\n".replace(",", ";"), {}, "2 rows"),
        (
            "asset,debt,supplied,account,block\nWETH,0,100,a,7\nUSDC,200000,0,a,7\n",
            {},
            "columns not used: block",
        ),
        (
            "user_address,symbol,collateral,borrow\na,WETH,100,0\na,USDC,0,200000\n",
            {
                "columns": {
                    "account": "User_Address",
                    "asset": "symbol",
                    "supplied": "collateral",
                    "debt": "borrow",
                }
            },
            "columns account = User_Address, asset = symbol",
        ),
        (
            f"{HEAD}{ADDRESS},0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2,100,0\n"
            f"{ADDRESS.lower()},USDC,0,200000\n",
            {},
            "2 rows, 1 account",
        ),
    ],
)
def test_the_same_account_in_every_shape(
    market: Any, text: str, book: dict[str, Any], understood: str
) -> None:
    """100 WETH against 200,000 USDC, to the unit."""
    found = recorded(market(text, **book))
    assert found.collateral.tolist() == [[100 * WAD, 0, 0, 0, 0]]
    assert found.debt.tolist() == [[0, 0, 0, 200_000 * 10**6, 0]]
    assert found.reading is not None and understood in found.reading.lines[0]
    assert found.name(0) in ("a", ADDRESS)


@pytest.mark.parametrize(
    ("rows", "supplied", "owed", "health"),
    [
        # The loan's asset among what is pledged: (400,000 x .6 x .41 + 230,000 x .78) / 97,000.
        (
            "kim,CRV,400000,0\nkim,USDC,230000,97000\n",
            [[0, 0, 400_000 * WAD, 230_000 * 10**6, 0]],
            [[0, 0, 0, 97_000 * 10**6, 0]],
            [(400_000 * 0.6 * 0.41 + 230_000 * 0.78) / 97_000],
        ),
        # And nothing else.
        (
            "kim,USDC,230000,170000\n",
            [[0, 0, 0, 230_000 * 10**6, 0]],
            [[0, 0, 0, 170_000 * 10**6, 0]],
            [230_000 * 0.78 / 170_000],
        ),
        # Who owes nothing, also with one unit of a token; the first borrows what others brought.
        (
            "a,WETH,100,0\na,USDC,0,200000\nlender,USDC,500000,0\ndusty,WETH,1e-18,0\n"
            "dustier,USDC,0.000001,0\n",
            [[100 * WAD, 0, 0, 0, 0], [0, 0, 0, 5 * 10**11, 0], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0]],
            [[0, 0, 0, 200_000 * 10**6, 0], *[[0] * 5] * 3],
            [100 * 3_000 * 0.83 / 200_000],
        ),
    ],
    ids=["the same asset on both sides", "nothing but that", "suppliers, and one unit"],
)
def test_positions_of_every_shape_open(
    market: Any, rows: str, supplied: list[Any], owed: list[Any], health: list[float]
) -> None:
    """To the unit, and with the health that is theirs by hand."""
    s = build(market(f"{HEAD}{rows}")).state
    accounts, assets = range(len(owed)), range(5)
    assert [[int(supplied_assets(s, a, i)) for i in assets] for a in accounts] == supplied
    assert [[int(debt_assets(s, a, i)) for i in assets] for a in accounts] == owed
    found = [int(factor) / WAD for factor in census(s)[: len(health), FACTOR]]
    assert found == pytest.approx(health, rel=1e-9)


def test_nan_and_an_empty_row(market: Any) -> None:
    """NaN is refused by its line; -0.0 and empty cells are none."""
    text = f"{HEAD}a,WETH,100,-0.0\na,USDC,NaN,200000\nb,WETH,,\n"
    with pytest.raises(ScenarioError) as caught:
        recorded(market(text))
    (problem,) = caught.value.problems
    assert problem.path == "line 3, supplied" and "'NaN'" in problem.problem
    found = recorded(market(text.replace("NaN", "")))
    assert found.collateral.tolist() == [[100 * WAD, 0, 0, 0, 0], [0] * 5]
    assert found.debt.tolist() == [[0, 0, 0, 200_000 * 10**6, 0], [0] * 5]


def test_what_no_unit_can_say_is_rounded_against_the_account(market: Any) -> None:
    """Collateral down and debt up, and exact otherwise: no float is in between."""
    text = (
        f"{HEAD}a,WETH,100.00000000000001421085471520200372,0\na,USDC,0,200000.12345678\n"
        "b,WBTC,1.0000000099,0\nb,USDC,0,1e-30\n"
    )
    found = recorded(market(text))
    assert found.collateral[0, WETH] == 100_000_000_000_000_014_210
    assert found.debt[0, USDC] == 200_000_123_457
    assert (found.collateral[1, WBTC], found.debt[1, USDC]) == (100_000_000, 1)
    assert found.reading is not None
    assert "4 amounts rounded against the account" in found.reading.lines[0]


@pytest.mark.parametrize(
    ("text", "decimals", "up", "units"),
    [
        ("1.5", 18, False, 1_500_000_000_000_000_000),
        ("1.5", 0, False, 1),
        ("1.5", 0, True, 2),
        ("-0.0", 6, True, 0),
        ("0.000000000000000001", 18, False, 1),
        ("123456789012345.678901234567890123", 18, False, 123456789012345678901234567890123),
        ("1e-999", 18, True, 1),
        ("1e-999", 18, False, 0),
        (".5", 2, False, 50),
        ("+7.", 2, False, 700),
        ("", 18, True, 0),
    ],
)
def test_amounts(text: str, decimals: int, up: bool, units: int) -> None:
    assert amount(text, decimals, up).units == units


def test_unlisted_assets_are_said_once_and_left_out_if_allowed(market: Any) -> None:
    rows = "".join(f"x{n},WETH,1,0\nx{n},USDC,0,100\nx{n},FRAX,2.5,0\n" for n in range(50))
    text = f"{HEAD}{rows}y,FRAX,10,0\ny,USDC,0,5\n"
    with pytest.raises(ScenarioError) as caught:
        recorded(market(text))
    (problem,) = caught.value.problems
    assert problem.path == "line 4, asset" and "book.unlisted: drop" in problem.remedy
    assert "(51 rows, 135 supplied and 0 owed)" in problem.problem
    found = recorded(market(text, unlisted="drop"))
    assert found.reading is not None
    understood, left_out = found.reading.lines
    assert "100 rows, 50 accounts" in understood
    assert "FRAX (51 rows, 135 supplied and 0 owed); 51 accounts have them" in left_out
    assert "1 of which have no other collateral and are left out whole" in left_out
    assert "y" not in found.reading.names


def test_symbols_that_differ_in_case_only_are_told_apart(market: Any) -> None:
    """Exactly spelt they are clear, and otherwise refused."""
    more = (
        "  usdc: {kind: stable, decimals: 6, price_usd: 1}\n"
        "protocol: {reserves: {usdc: {ltv_bps: 0, lt_bps: 0}}}"
    )
    text = f"{HEAD}a,WETH,1,0\na,usdc,0,5\na,USDC,0,7\n"
    placed = MARKET.replace("venues:", f"{more}\nvenues:")
    file = market(text).book.file
    path = Path(file).with_name("two.yaml")
    path.write_text(f"{placed}\nbook: {{file: book.csv}}\n")
    assert recorded(load(path)).debt[0].tolist() == [0, 0, 0, 7_000_000, 0, 5_000_000]
    Path(file).write_text(text.replace("a,usdc", "a,Usdc"))
    with pytest.raises(ScenarioError, match=r"line 3, asset: 'Usdc' is USDC or usdc"):
        recorded(load(path))


# --- names ----------------------------------------------------------------------------------------


def test_names_and_owners_are_on_the_tape(market: Any) -> None:
    text = (
        "account,asset,supplied,debt,owner\n"
        f"vault-1,WETH,100,0,{ADDRESS}\nvault-1,USDC,0,245000,{ADDRESS}\nsolo,WBTC,1,0,\n"
    )
    world = build(market(text, "hold_at_low: false"))
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(step.k, step.rows, [], 0)
    shown = frames(tape.tables(complete=True))
    accounts = shown.accounts.drop_duplicates("account")
    assert accounts["name"].tolist() == ["vault-1", "solo"]
    assert accounts["owner"].tolist() == [ADDRESS, "solo"]
    borrowed = shown.operations[shown.operations["kind"] == "borrow"]
    assert borrowed["account_name"].tolist() == ["vault-1"]
    assert borrowed["actor_name"].tolist() == [ADDRESS]


def test_a_refused_account_is_named(market: Any) -> None:
    """More than all suppliers have: the message says whose debt it is."""
    text = f"{HEAD}{ADDRESS},WETH,90000,0\n{ADDRESS},USDC,0,90000000\n"
    with pytest.raises(ScenarioError, match=rf"book \({ADDRESS}\): the protocol refuses it"):
        build(market(text))


# --- what is used as collateral -------------------------------------------------------------------


def test_positions_that_back_nothing(market: Any) -> None:
    """Supplied and not pledged: opened so, counted in no health factor."""
    text = (
        "account,asset,supplied,debt,used_as_collateral\n"
        "a,WETH,100,0,yes\na,WBTC,5,0,false\na,USDC,0,200000,\n"
    )
    world = build(market(text))
    s = world.state
    assert int(supplied_assets(s, 0, WBTC)) == 5 * 10**8
    assert [int(s.position[0, i, IS_COLLATERAL]) for i in (WETH, WBTC)] == [1, 0]
    assert census(s)[0, FACTOR] / WAD == pytest.approx(100 * 3_000 * 0.83 / 200_000, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("a,WETH,1,0,yes,no,,\na,WETH,1,0,no,no,,", "line 3, used_as_collateral", "another answer"),
        ("a,WETH,1,0,perhaps,no,,", "line 2, used_as_collateral", "'perhaps' is no answer"),
        ("a,WETH,1,0,,no,x,\na,USDC,0,1,,no,y,", "line 3, owner", "'y', but 'x' on line 2"),
        ("a,WETH,1,0,,yes,,\na,USDC,0,1,,no,,", "line 3, isolated", "'no', but 'yes' on line 2"),
        ("a,WETH,1,0,,yes,,\na,WBTC,1,0,,yes,,", "line 3, supplied", "second asset of isolated"),
        ("a,WETH,1,0,,no,,healthy", "line 2, health", "'healthy' is no health factor"),
        ("a,,1,0,,no,,", "line 2, asset", "is empty"),
        ("a,WETH,1,NaN,,no,,", "line 2, debt", "'NaN' is no decimal number"),
        ("a,WETH,1,-1,,no,,", "line 2, debt", "'-1' is negative"),
        ("a,WETH,1e40,0,,no,,", "line 2, supplied", "2^112"),
        ("a,WETH,5e15,0,,no,,\na,WETH,1e15,0,,no,,", "line 3", "the sum of these rows"),
        ("a,WETH,1,0,,no,,,,", "line 2", "has 10 cells, the header names 8"),
        ("a,WETH,1,0,,no,,\nb,WETH,1", "line 3", "has 3 cells, the header names 8"),
        ("a,WETH,1,0,,no,,1.5\na,USDC,0,1,,no,,1.6", "line 3, health", "than 1.5 before"),
        ("\u0430,WETH,1,0,,no,,", "line 2, account", "cannot be seen or told from another"),
        ("Ann,WETH,1,0,,no,,\nann,WETH,1,0,,no,,", "line 3, account", "in other letters"),
    ],
)
def test_rows_that_are_refused(market: Any, text: str, place: str, problem: str) -> None:
    head = "account,asset,supplied,debt,used_as_collateral,isolated,owner,health\n"
    with pytest.raises(ScenarioError) as caught:
        recorded(market(f"{head}{text}\n"))
    (found,) = caught.value.problems
    assert found.path == place and problem in found.problem and found.remedy
    assert caught.value.file.endswith("book.csv")


@pytest.mark.parametrize(
    ("text", "book", "problem", "remedy"),
    [
        (f"{HEAD}a,WETH,{10**20},0\n", {}, "2^112 token units", "book.units: base"),
        (f"{HEAD}a,WETH,1.5,0\n", {"units": "base"}, "no whole number", "book.units: tokens"),
        ("user,asset,supplied,debt\na,WETH,1,0\n", {}, "no column account", "book.columns.account"),
        (f"{HEAD}a,WETH,1,0\n", {"columns": {"debt": "owed"}}, "no column owed", "book.columns"),
        (HEAD, {}, "there are no accounts", "a row per account"),
        (f"{HEAD}a,FRAX,1,0\n", {"unlisted": "drop"}, "names no account with an asset", "rows"),
    ],
)
def test_files_that_are_refused(
    market: Any, text: str, book: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        recorded(market(text, **book))
    (found,) = caught.value.problems
    assert problem in found.problem and remedy in found.remedy


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"book.units": "wei"}, "book.units"),
        ({"book.columns": {"who": "user"}}, "book.columns.who"),
        ({"book.columns": {"account": ""}}, "book.columns.account"),
        ({"book.unlisted": "ignore"}, "book.unlisted"),
        ({"assets.WETH.address": "0x12"}, "assets.WETH.address"),
        (
            {"assets.USDC.address": "0xC02AAA39b223fe8d0a0e5c4f27ead9083c756cc2"},
            "assets.USDC.address",
        ),
        ({"opened_under": {"XYZ": {"ltv_bps": 1}}}, "opened_under.XYZ"),
        ({"opened_under": {"CRV": {"lt_bps": 1}}}, "opened_under.CRV.lt_bps"),
    ],
)
def test_fields_that_are_refused(market: Any, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        with_overrides(market(f"{HEAD}a,WETH,1,0\n"), fields)
    (found,) = caught.value.problems
    assert found.path == path and found.remedy


# --- bad debt from before -------------------------------------------------------------------------


def test_bad_debt_from_before_is_opened_and_kept_apart(
    market: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It owes to the unit what the file says, against a seed of two millionths; at the start's
    prices and under the scenario's own settings; and what a run adds is counted without it.
    """
    world = build(
        market(f"{HEAD}a,WETH,100,0\na,USDC,0,200000\nzoe,USDT,0,553\nmo,CRV,1,0\nmo,USDC,9,10\n")
    )
    s = world.state
    assert int(debt_assets(s, 1, USDT)) == 553 * 10**6
    seed = int(supplied_assets(s, 1, WETH)) / WAD * 3_000
    assert 0 < seed < 553 * 2.1e-6
    assert s.reserve.tolist() == world.genesis.reserve.tolist()
    assert all(row.code == OK for block in world.opening for row in block.rows)
    text = said(world, capsys)
    assert "2 accounts owe $553 more than is pledged for it: bad debt from before" in text
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(step.k, step.rows, [], 0)
    shown = frames(tape.tables(complete=True))
    after = losses(shown)
    assert after.loc["USDT", "before"] == pytest.approx(553e6, rel=1e-6)
    assert after["added"].tolist() == [0] * 5
    assert peak_loss(shown).loss_usd == 0
    assert shown.steps["loss_usd"].tolist() == [0] * 7
    written_off = shown.operations[shown.operations["kind"] == "write_off"]
    assert written_off["account_name"].tolist()[0] == "zoe"


def test_bad_debt_that_owes_everything_that_could_seed_it(market: Any) -> None:
    every = "".join(f"z,{symbol},0,1\n" for symbol in ("WETH", "WBTC", "CRV", "USDC", "USDT"))
    with pytest.raises(ScenarioError, match=r"book \(z\): .*no asset is left to seed it"):
        build(market(f"{HEAD}{every}"))


# --- markets as they are --------------------------------------------------------------------------

FROZEN = """
protocol:
  reserves:
    CRV: {ltv_bps: 0, collateral_enabled: false, borrow_enabled: false, supply_cap: 1000000}
    USDT: {borrow_enabled: false, borrow_cap: 1000000}
opened_under: {CRV: {ltv_bps: 3500, collateral_enabled: true}}
"""
WHALE = f"{HEAD}whale,CRV,308333333,0\nwhale,USDT,0,67000000\nwhale,USDC,0,700000\n"


def test_a_whale_in_a_frozen_market(market: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Opened under what was; then today's settings are in force, and forbid all of it anew."""
    world = build(market(WHALE, FROZEN))
    s = world.state
    by_hand = 308_333_333 * 0.6 * 0.41 / 67_700_000
    assert census(s)[0, FACTOR] / WAD == pytest.approx(by_hand, rel=1e-9)
    assert s.reserve.tolist() == world.genesis.reserve.tolist()
    settings = [
        row for block in world.opening for row in block.rows if row.kind == op.set_reserve.kind
    ]
    assert len(settings) >= 4 and all(row.code == OK for row in settings)
    text = said(world, capsys)
    assert "USDT cannot be borrowed; the $67M owed in it were borrowed before." in text
    assert "Nothing more can be borrowed against CRV; $185M of it back debts." in text
    assert "308,333,333 CRV are supplied at the start, beyond the cap of 1,000,000" in text


def test_without_what_was_it_says_what_is_missing(
    market: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    world = build(market(WHALE, FROZEN.replace("opened_under", "# opened_under")))
    assert "opened_under: {CRV: {collateral_enabled: true}}" in said(world, capsys)
    assert census(world.state)[0, FACTOR] / WAD < 1e-3


def test_positions_of_a_file_stay_when_settings_change(market: Any) -> None:
    """An override of what may become collateral does not undo what has, nor a second one."""
    once = with_overrides(
        market(f"{HEAD}a,WETH,100,0\na,USDC,0,200000\n"),
        {"protocol.reserves.WETH.collateral_enabled": False},
    )
    assert once.opened_under["WETH"].collateral_enabled is True
    twice = with_overrides(once, {"protocol.reserves.WETH.ltv_bps": 0})
    for changed in (once, twice):
        state = build(changed).state
        assert census(state)[0, FACTOR] / WAD == pytest.approx(1.245, rel=1e-9)
    back = with_overrides(
        twice,
        {
            "protocol.reserves.WETH.ltv_bps": 8050,
            "protocol.reserves.WETH.collateral_enabled": True,
        },
    )
    assert back.opened_under == {}


# --- health ---------------------------------------------------------------------------------------


def test_health_is_held_against_that_of_the_file(
    market: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first agrees with 100 x 3,000 x .83 / 200,000 = 1.245, the second does not; who owes
    nothing is not compared.
    """
    text = (
        "account,asset,supplied,debt,health\n"
        "a,WETH,100,0,1.245\na,USDC,0,200000,1.245\n"
        "b,WETH,100,0,1.5\nb,USDC,0,200000,\nc,WETH,1,0,inf\n"
    )
    world = build(market(text))
    line = next(line for line in said(world, capsys).splitlines() if "Health factors" in line)
    accounts = frames(opening(world)).accounts.drop_duplicates("account")
    recorded_there = accounts["health_recorded"].tolist()
    assert recorded_there[:2] == [1.245, 1.5] and np.isnan(recorded_there[2])
    assert accounts["health_start"].tolist()[:2] == pytest.approx([1.245, 1.245])
    assert "1 of 2 within 1%" in line
    assert "furthest is b, 1.5000 in the file and 1.2450 here" in line


# --- on a chain -----------------------------------------------------------------------------------


@pytest.mark.chain
@pytest.mark.parametrize(
    ("text", "more"),
    [
        (f"{HEAD}a,WETH,100,0\na,USDC,0,200000\nzoe,USDT,0,553\nzoe,WBTC,0,0.5\n", ""),
        (
            "account,asset,supplied,debt,used_as_collateral\n"
            "a,WETH,100,0,yes\na,WBTC,5,0,no\na,USDC,0,200000,\n",
            "",
        ),
        (WHALE, FROZEN),
    ],
    ids=["bad debt from before", "deposits that back nothing", "a frozen market"],
)
def test_books_as_they_are_open_on_a_chain(market: Any, text: str, more: str) -> None:
    """Every operation of the opening and of six steps, every word of state compared."""
    world = build(market(text, more))
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    assert lockstep.values > 1_000


@pytest.mark.chain
def test_a_difference_names_the_account(market: Any) -> None:
    """A journal that says of a loan that it was refused, and a chain that gives it."""
    world = build(market(f"{HEAD}{ADDRESS},WETH,100,0\n{ADDRESS},USDC,0,200000\n"))
    block = world.opening[-1]
    for n, row in enumerate(block.rows):
        if row.kind == op.borrow.kind:
            block.rows[n] = row._replace(code=BORROW_DISABLED)
    with follower("revm", world) as chain, pytest.raises(LockstepError) as caught:
        next(iter(run(world, chain)))
    assert f"account 0 ({ADDRESS})" in str(caught.value)


@pytest.mark.chain
@pytest.mark.parametrize("decimals", [0, 2])
def test_tokens_of_few_decimals_on_a_chain(decimals: int) -> None:
    """A storm whose dollars have them, liquidations and bad debt included."""
    world = build(
        with_overrides(storm(), {"assets.USDC.decimals": decimals, "duration_hours": 3.0})
    )
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    done = {row.kind for step in run(world, lockstep) for row in step.rows if row.code == OK}
    assert op.flash_liquidate.kind in done and lockstep.values > 1_000
    (line,) = [
        line for line in of_scenario(world.scenario.model_dump(mode="json")) if "dec" in line
    ]
    assert f"a million of these ({10 ** (6 - decimals):,} USDC)" in line


def test_a_base_an_own_price_file_and_an_own_book(tmp_path: Path) -> None:
    """Nothing is left of the base's drawn book; both files are beside the scenario."""
    hours = "".join(f"{1738454400 + 3600 * n},{2_600 - 100 * n}\n" for n in range(4))
    (tmp_path / "prices.csv").write_text(f"time,WETH\n{hours}")
    (tmp_path / "one.csv").write_text(f"{HEAD}0xA1,WETH,100,0\n0xA1,USDC,0,200000\n")
    text = """
name: mine
extends: aave-v3
title: t
story: s
sources: [made up]
start: 2025-02-02T01:00:00Z
duration_hours: 2
step_seconds: 600
seed: 1
assets:
  WETH: {price_usd: {file: prices.csv}}
  USDC: {price_usd: 1.0}
gas_price_gwei: 10
venues: [{assets: [WETH, USDC], depth_usd_per_side: 100000000, fee_bps: 5}]
suppliers: {WETH: 0, USDC: 1000000}
book: {file: one.csv}
"""
    (tmp_path / "mine.yaml").write_text(text)
    world = build(load(tmp_path / "mine.yaml"))
    assert [world.book.name(a) for a in range(1)] == ["0xA1"]
    assert world.market.price[[0, 6, 12], 0].tolist() == [2_500e8, 2_400e8, 2_300e8]
    assert census(world.state)[0, FACTOR] / WAD == pytest.approx(100 * 2_500 * 0.83 / 200_000)


def test_the_example_of_the_readme_is_five_lines_that_open(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = re.findall(r"```yaml\n(name: my-market.*?)```", readme, re.DOTALL)
    assert len(example.splitlines()) == 5
    (tmp_path / "my-market.yaml").write_text(example)
    rows = "0xA1,weth,100,0\n0xa1,USDC,0,150000\n0xB2,WBTC,2,\n0xB2,USDC,0,9e4\n"
    (tmp_path / "positions.csv").write_text(f"user_address,symbol,collateral,borrow\n{rows}")
    world = build(load(tmp_path / "my-market.yaml"))
    assert [world.book.name(a) for a in range(2)] == ["0xA1", "0xB2"]
    assert world.scenario.protocol.reserves["WETH"].lt_bps == 8_200
    assert census(world.state)[0, FACTOR] / WAD == pytest.approx(100 * 3_000 * 0.82 / 150_000)


# --- the shared cases -----------------------------------------------------------------------------

needs_cases = pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
_ROWS = {
    "b0_ok.csv": 2,
    "b10_same_asset_both_sides.csv": 1,
    "b10b_same_asset_only.csv": 1,
    "b11_suppliers_in_book.csv": 4,
    "b12_one_wei.csv": 3,
    "b13_whale.csv": 1,
    "b16_bom_crlf.csv": 1,
    "b17_lowercase_symbols.csv": 1,
    "b1c_two_rows_same_asset.csv": 1,
    "b2_scientific.csv": 2,
    "b2b_float_noise.csv": 1,
    "b7_old_bad_debt.csv": 2,
    "b7c_one_cent_collateral.csv": 2,
}


@needs_cases
@pytest.mark.parametrize(("name", "accounts"), list(_ROWS.items()))
def test_shared_books_open(name: str, accounts: int, market: Any) -> None:
    whole = market(f"{HEAD}a,WETH,1,0\n")
    world = build(with_overrides(whole, {"book": {"file": str(CASES / "books" / name)}}))
    assert world.state.account.shape[0] == accounts
    held = np.array([[int(supplied_assets(world.state, a, i)) for i in range(5)] for a in range(1)])
    assert (held >= world.book.collateral[:1]).all()


@needs_cases
def test_shared_price_template_runs_with_a_file_that_is_there(tmp_path: Path) -> None:
    """Its book takes the place of the base's drawn one, and no field of that is left."""
    text = (CASES / "price_template.yaml").read_text().replace("formats/", f"{CASES}/prices/")
    (tmp_path / "mine.yaml").write_text(text.replace("books/", f"{CASES}/books/"))
    world = build(load(tmp_path / "mine.yaml"))
    assert world.book.reading is not None and world.book.reading.names == ("0xA1",)
