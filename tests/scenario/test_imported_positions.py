"""What of an imported position backs its debt, whose it is, and how healthy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import recorded
from sim.engines.exact import run
from sim.health.census import census
from sim.market.market import FACTOR
from sim.protocol.state import IS_COLLATERAL
from sim.protocol.vault_accounts import supplied_assets
from sim.questions.opening import opening
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.tape import Tape, frames
from sim.terminal.opening_book import print_book
from sim.world import World, build
from tests.scenario.test_imported_books import (
    ADDRESS,
    HEAD,
    MARKET,
    WAD,
    WBTC,
    WETH,
)


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
