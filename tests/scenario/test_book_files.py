"""Books from files: exact to the token unit, refused by line, and opened as they are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import at_start, describe, recorded
from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.lockstep import Lockstep
from sim.health.census import census
from sim.health.watchers import valuing_everyone
from sim.market.market import FACTOR
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import ANCHOR, ANSWER
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.world import World, build

WAD = 10**18
# At the start's prices (WETH 194.61, WBTC 7900, stables 1) and thresholds .80, .65, .80, .80.
GOOD = """account,asset,supplied,debt,isolated
alice,WETH,10,0,
bob,WETH,1000,0,no

alice,DAI,0,1000.000000000000000001,
bob,DAI,0,170000.5,no
carol,WBTC,2.00000001,0,yes
carol,USDC,,12000,yes
dave,WETH,3,0,
dave,USDC,5000,0.0,
dave,DAI,0,2000,
dave,WBTC,0,0.4,
erin,WETH,100,10,
erin,DAI,0,14000,
frank,USDC,100000,0,
frank,WETH,0,500,
""".replace("carol,USDC,,", "carol,USDC,0,")


def read_from(folder: Path, text: str | bytes, **overrides: Any) -> Scenario:
    """Black Thursday with a book of this text, for two hours."""
    file = folder / "book.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return with_overrides(
        load("black-thursday"), {"book": {"file": str(file)}, "duration_hours": 2, **named}
    )


def test_amounts_are_exact_and_accounts_in_order_of_appearance(tmp_path: Path) -> None:
    scenario = read_from(tmp_path, GOOD)
    book = recorded(scenario)
    weth, wbtc, usdc, dai = range(4)
    assert book.collateral.shape == book.debt.shape == (6, 4)
    assert book.collateral[0].tolist() == [10 * WAD, 0, 0, 0]
    assert book.debt[0, dai] == 1000 * WAD + 1, "a float would lose the last unit"
    assert book.debt[1, dai] == 1_700_005 * 10**17
    assert book.collateral[2, wbtc] == 200_000_001 and book.debt[2, usdc] == 12_000 * 10**6
    assert book.collateral[3].tolist() == [3 * WAD, 0, 5_000 * 10**6, 0]
    assert book.debt[3].tolist() == [0, 40_000_000, 0, 2_000 * WAD]
    assert book.collateral[4, weth] == 100 * WAD and book.debt[4, weth] == 10 * WAD
    assert book.isolated.tolist() == [False, False, True, False, False, False]
    assert {type(amount) for amount in [*book.collateral.flat, *book.debt.flat]} == {int}


def test_a_file_is_the_book_whatever_the_seed(tmp_path: Path) -> None:
    scenario = read_from(tmp_path, GOOD)
    books = [at_start(scenario, [1] * 4, np.random.default_rng(seed)) for seed in (1, 2)]
    assert books[0].debt.tolist() == books[1].debt.tolist() == recorded(scenario).debt.tolist()


def test_files_of_spreadsheets_are_read(tmp_path: Path) -> None:
    """A byte order mark, carriage returns, quoted cells, trailing zeros beyond the decimals."""
    text = '\ufeffaccount,asset,supplied,debt\r\n"a",WBTC,"1.500000000000",0\r\n'
    book = recorded(read_from(tmp_path, text))
    assert book.collateral.tolist() == [[0, 150_000_000, 0, 0]]


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("bob,WETH", "bob,WETHH", "line 3, asset", "'WETHH' is not an asset"),
        ("bob,WETH", ",WETH", "line 3, account", "is empty"),
        ("WETH,1000,", "WETH,-1000,", "line 3, supplied", "'-1000' is negative"),
        ("WETH,1000,", "WETH,1e1000,", "line 3, supplied", "'1e1000' is no decimal number"),
        ("WETH,1000,", "WETH,-1e-30,", "line 3, supplied", "'-1e-30' is negative"),
        ("WETH,1000,", "WETH,nan,", "line 3, supplied", "'nan' is no decimal number"),
        ("WETH,1000,", "WETH,1_000,", "line 3, supplied", "is no decimal number"),
        ("WETH,1000,", "WETH,\u0661,", "line 3, supplied", "is no decimal number"),
        ("WETH,1000,", "WETH,.,", "line 3, supplied", "is no decimal number"),
        ("WETH,1000,", "WETH,inf,", "line 3, supplied", "is no decimal number"),
        ("WETH,1000,", "WETH,NaN,", "line 3, supplied", "'NaN' is no decimal number"),
        ("WETH,1000,", 'WETH,"1,000",', "line 3, supplied", "is no decimal number"),
        ("WETH,1000,", "WETH,1,000,", "line 3", "has 6 cells"),
        ("WETH,1000,", f"WETH,{2**112 // WAD + 1},", "line 3, supplied", "2^112 token units"),
        ("WETH,1000,", f"WETH,{'9' * 200},", "line 3, supplied", "2^112 token units"),
        ("WETH,1000,", f"WETH,{'9' * 201},", "line 3, supplied", "more than 200 characters"),
        ("12000,yes", "12000,no", "line 8, isolated", "'no', but 'yes' on line 7"),
        ("12000,yes", "12000,maybe", "line 8, isolated", "'maybe' is no answer"),
        ("carol,USDC,0,", "carol,USDC,7,", "line 8, supplied", "a second asset of isolated"),
        ("bob,DAI", "Bob,DAI", "line 6, account", "'Bob' is 'bob' of line 3 in other letters"),
        ("bob,DAI", "b\u200bob,DAI", "line 6, account", "a character that cannot be seen"),
        ("bob,DAI", "b\u043eb,DAI", "line 6, account", "or told from another"),
        ("account,", "who,", "line 1", "there is no column account"),
        (",debt", ",owed", "line 1", "there is no column debt"),
        (",isolated", ",debt", "line 1", "2 columns are named debt"),
        (GOOD, "", "(file)", "is empty"),
        (GOOD, "account,asset,supplied,debt\n", "line 2", "there are no accounts"),
        ("alice,DAI", '"alice,DAI', "line 5", "opens a quote that nothing closes"),
    ],
)
def test_bad_books_are_refused_by_line(
    tmp_path: Path, old: str, new: str, where: str, problem: str
) -> None:
    assert old in GOOD
    scenario = read_from(tmp_path, GOOD.replace(old, new, 1) if old != GOOD else new)
    with pytest.raises(ScenarioError) as caught:
        build(scenario)
    assert caught.value.file == str(tmp_path / "book.csv")
    found = [one for one in caught.value.problems if one.path == where]
    assert any(problem in one.problem for one in found), caught.value
    assert all(one.remedy for one in caught.value.problems)


def test_more_assets_than_an_account_may_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the line of the first too many, in a file; by the account, in a book that is handed over:
    here of at most three, for there are four.
    """
    scenario = read_from(tmp_path, GOOD)
    book = recorded(scenario)
    for module in ("sim.books.recorded", "sim.world"):
        monkeypatch.setattr(sys.modules[module], "MOST_ASSETS", 3)
    with pytest.raises(ScenarioError) as caught:
        build(scenario)
    (problem,) = caught.value.problems
    assert (problem.path, caught.value.file) == ("line 12, asset", str(tmp_path / "book.csv"))
    assert problem.problem == "account dave has or owes more than 3 assets"
    with pytest.raises(ScenarioError) as caught:
        build(scenario, book=book)
    (problem,) = caught.value.problems
    assert (problem.path, problem.problem) == ("book (dave)", "has or owes 4 assets")


@pytest.mark.parametrize("raw", [b"account,asset,supplied,debt\n\xff\xfe,WETH,1,0\n", b"a\x00,b\n"])
def test_text_that_is_none(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(ScenarioError, match=r"book\.csv: \d problem"):
        build(read_from(tmp_path, raw))


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    rows = "".join(f"a{n},WETH,-1,x\n" for n in range(40))
    with pytest.raises(ScenarioError) as caught:
        recorded(read_from(tmp_path, f"account,asset,supplied,debt\n{rows}"))
    assert len(caught.value.problems) == 80
    assert str(caught.value).endswith("... and 60 more")


def test_absent_file(tmp_path: Path) -> None:
    scenario = read_from(tmp_path, GOOD)
    (tmp_path / "book.csv").unlink()
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        build(scenario)


def test_a_file_or_distributions_not_both() -> None:
    base = load("black-thursday")
    with pytest.raises(ScenarioError, match=r"book\.accounts: unknown field: .*file"):
        with_overrides(base, {"book": {"file": "book.csv", "accounts": 5}})
    with pytest.raises(ScenarioError, match=r"book\.accounts: is missing"):
        with_overrides(base, {"book": {}})


# --- opening ----------------------------------------------------------------------------------


def opened(folder: Path, **overrides: Any) -> World:
    return build(read_from(folder, GOOD, **overrides))


def test_every_account_starts_with_what_the_file_says(tmp_path: Path) -> None:
    """Interest of the opening itself, less than a minute of it, is all that is owed more."""
    world = opened(tmp_path)
    s = world.state
    for a in range(6):
        for i in range(4):
            held, owed = world.book.collateral[a, i], world.book.debt[a, i]
            assert abs(int(supplied_assets(s, a, i)) - held) <= 1 + held // 10**8
            assert 0 <= int(debt_assets(s, a, i)) - owed <= 1 + owed // 10**6


def test_the_unhealthy_start_unhealthy_and_are_reported(tmp_path: Path) -> None:
    """Health by hand: 10 x 194.61 x .8 / 1000 = 1.557 for alice, and so on."""
    world = opened(tmp_path)
    by_hand = [
        10 * 194.61 * 0.8 / 1_000,
        1_000 * 194.61 * 0.8 / 170_000.5,
        2.00000001 * 7_900 * 0.65 / 12_000,
        (3 * 194.61 * 0.8 + 5_000 * 0.8) / (2_000 + 0.4 * 7_900),
        100 * 194.61 * 0.8 / (10 * 194.61 + 14_000),
        100_000 * 0.8 / (500 * 194.61),
    ]
    health = [int(factor) / WAD for factor in census(world.state)[:, FACTOR]]
    assert health == pytest.approx(by_hand, rel=1e-6)
    figures = describe(world.book, world.scenario, list(world.market.price[0]))
    below = [1, 2, 3, 4, 5]
    assert [a for a in range(6) if by_hand[a] < 1] == below
    assert figures["liquidatable_accounts"] == len(below)
    owed = 170_000.5 + 12_000 + 2_000 + 0.4 * 7_900 + 10 * 194.61 + 14_000 + 500 * 194.61
    assert figures["liquidatable_debt_usd"] == pytest.approx(owed)
    hot = world.market.watchers.hot.nonzero()[0].tolist()
    assert hot == below, "watchers know of them before the first step"


def test_prices_are_the_start_s_again_when_the_run_begins(tmp_path: Path) -> None:
    """And no router doubts them: every move on the way was one that it believes."""
    world = opened(tmp_path)
    s, start = world.state, world.market.price[0]
    assert s.feed[0, :, ANSWER].tolist() == start.tolist()
    assert set(s.oracle[0, :, ANCHOR].tolist()) <= {0, *start.tolist()}
    rows = [row for block in world.opening for row in block.rows]
    assert all(row.code == OK for row in rows)
    cheaper = [row for row in rows if row.kind == op.post_price.kind and row.amount < start[row.x]]
    assert cheaper, "otherwise nobody could have borrowed beyond his limit"


def test_within_the_limit_no_price_moves(tmp_path: Path) -> None:
    world = build(read_from(tmp_path, "account,asset,supplied,debt\na,WETH,10,0\na,DAI,0,1000\n"))
    posted = [
        row for block in world.opening for row in block.rows if row.kind == op.post_price.kind
    ]
    assert len(posted) == 4


def test_unhealthy_accounts_are_liquidated_in_the_first_step(tmp_path: Path) -> None:
    world = opened(tmp_path, gas_price_gwei=10)
    steps = run(world)
    next(steps)
    rows = next(steps).rows
    liquidated = {
        row.account for row in rows if row.kind == op.flash_liquidate.kind and row.code == OK
    }
    assert liquidated and liquidated <= {1, 2, 3, 4, 5}


def test_watchers_miss_nobody_who_starts_below_one(tmp_path: Path) -> None:
    """The same operations as when everyone is checked at every step."""

    def journal(world: World) -> list[Any]:
        return [row for step in run(world) for row in step.rows]

    world = opened(tmp_path)
    everyone = opened(tmp_path)
    everyone = everyone._replace(market=valuing_everyone(everyone.market))
    assert journal(world) == journal(everyone)


def test_everyone_supplies_before_anyone_borrows(tmp_path: Path) -> None:
    """What the first account borrows is there only because the last one supplies it."""
    text = "account,asset,supplied,debt\na,WETH,10,0\na,DAI,0,1000\nb,DAI,5000,0\n"
    world = build(read_from(tmp_path, text, suppliers__DAI=0))
    assert int(debt_assets(world.state, 0, 3)) >= 1_000 * WAD


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,DAI,0,5", "is bad debt from before, which opens only where"),
        ("a,DAI,100,90", "is bad debt from before, which opens only where"),
        ("a,WETH,0.0001,0\na,DAI,0,1000", "could only borrow DAI at 7.78e-06 USD"),
    ],
)
def test_accounts_that_no_price_opens_are_named(tmp_path: Path, row: str, problem: str) -> None:
    healthy = "account,asset,supplied,debt\nx,WETH,10,0\nx,DAI,0,100\n"
    with pytest.raises(ScenarioError) as caught:
        build(read_from(tmp_path, f"{healthy}{row}\n"))
    (found,) = caught.value.problems
    assert found.path == "book (a)"
    assert problem in found.problem and "leave it out" in found.remedy


def test_the_largest_move_of_a_feed_does_not_matter(tmp_path: Path) -> None:
    """Routers forget where prices were, on the way down and back."""
    narrow = opened(tmp_path, feeds__USDC__max_move_bps=1)
    wide = opened(tmp_path)
    assert (narrow.state.position == wide.state.position).all()
    assert (narrow.state.oracle[:, :, ANCHOR] == wide.state.oracle[:, :, ANCHOR]).all()


@pytest.mark.chain
def test_a_book_under_water_opens_on_a_chain(tmp_path: Path) -> None:
    """Every operation of the opening and of three steps, every word of state compared."""
    world = opened(tmp_path, duration_hours=0.25)
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    assert lockstep.values > 1_000
