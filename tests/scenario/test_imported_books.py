"""Books in the shapes that people have: read for what they say, or refused by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import recorded
from sim.books.amounts import amount
from sim.health.census import census
from sim.market.market import FACTOR
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.world import build

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
