"""The start is what the book says: the opening takes no time, so no interest accrues in it."""

from datetime import datetime, timezone
from math import exp
from pathlib import Path

import numpy as np
import pytest

from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.lockstep import Lockstep
from sim.health.watchers import look
from sim.market import lost_before
from sim.market.market import Market
from sim.protocol.errors import OK
from sim.protocol.fixed_point import ray
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.operations import execute
from sim.protocol.records import copy
from sim.protocol.state import BORROW_INDEX, CASH, TOTAL_SHARES, State
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.scenario import Scenario, known, load, with_overrides
from sim.schema.book import BorrowerBook
from sim.world import World, build, start_of
from sim.world.surroundings import surroundings

YEAR_HOURS = 8760


def _recorded(folder: Path, rows: str, **more: object) -> Scenario:
    (folder / "book.csv").write_text(f"account,asset,supplied,debt\n{rows}\n")
    given = {path.replace("__", "."): value for path, value in more.items()}
    book = {"file": str(folder / "book.csv")}
    return with_overrides(load("black-thursday"), {"book": book, **given})


def _expensive() -> dict[str, object]:
    """50% a year at any usage: 1.6e-8 a second, visible in amounts of 18 decimals after one."""
    flat = {"base_rate_bps": 5_000, "slope1_bps": 0, "slope2_bps": 0}
    names = ("WETH", "WBTC", "USDC", "DAI")
    return {f"protocol.rates.{name}.{k}": v for name in names for k, v in flat.items()}


def _held(world: World) -> tuple[list[list[int]], list[list[int]]]:
    """(supplied, owed) as the vault tells them, by account and asset."""
    accounts, assets = range(len(world.book.debt)), range(len(world.symbols))
    return tuple(  # type: ignore[return-value]
        [[int(of(world.state, a, i)) for i in assets] for a in accounts]
        for of in (supplied_assets, debt_assets)
    )


def _assert_as_in_the_book(world: World) -> None:
    assert world.state.clock[0] == world.market.time[0], "interest counts from the start on"
    supplied, owed = _held(world)
    assert supplied == world.book.collateral.tolist()
    assert owed == world.book.debt.tolist()
    assert world.state.hub[:, BORROW_INDEX].tolist() == [ray()] * len(world.symbols)


@pytest.mark.parametrize("accounts", [3, 600])  # one block, and several
def test_a_drawn_book_is_owed_to_the_unit(accounts: int) -> None:
    overrides = {"book.accounts": accounts, "book.max_account_share": 1.0, **_expensive()}
    world = build(with_overrides(load("black-thursday"), overrides))
    assert (len(world.opening) > 1) == (accounts > 100)
    _assert_as_in_the_book(world)


def test_a_recorded_book_is_owed_to_the_unit(tmp_path: Path) -> None:
    """Accounts beyond their limit, which borrow at other prices, included."""
    rows = "a,WETH,10,0\na,DAI,0,1000\nb,WETH,10.000000000000000001,0\nb,USDC,0,1900.000001"
    _assert_as_in_the_book(build(_recorded(tmp_path, rows, **_expensive())))


def _one_by_one(world: World) -> State:
    """The state after the operations of the opening, each carried out."""
    state = copy(world.genesis)
    for block in world.opening:
        for row in block.rows:
            assert execute(state, row) == row.code == OK
    return state


def _looked_at_one_by_one(world: World) -> Market:
    """The market at the start as one look at everyone after another leaves it."""
    start = start_of(world.scenario, world.book, world.market.price, world.book_seed)
    market = surroundings(start, len(world.state.account), world.agents)
    look(world.state, market)
    lost_before.begin(world.state, market)
    return market


@pytest.mark.parametrize("name", [*known(), "unpledged", "late", "isolated"])
def test_at_once_is_the_same_as_one_operation_after_another(name: str, tmp_path: Path) -> None:
    """Every number of the state, and its type: only scratch and journal are of operations."""
    rows = {
        "unpledged": "a,WETH,1,0,0,1\na,DAI,0,5,0,1\na,WBTC,1,0,0,0\nb,USDC,9,0,0,1\nb,DAI,0,1,0,1",
        "late": "a,WETH,10,0,0,1\na,DAI,0,1000,0,1\nb,WETH,10,0,0,1\nb,USDC,0,1890.5,0,1",
        "isolated": "a,WETH,10,0,1,1\na,DAI,0,1000,1,1\nb,WBTC,1,0,1,0\nc,WBTC,1,0,1,1",
    }
    if name in rows:
        columns = "account,asset,supplied,debt,isolated,used_as_collateral"
        (tmp_path / "book.csv").write_text(f"{columns}\n{rows[name]}\n")
        book = {"file": str(tmp_path / "book.csv")}
        world = build(with_overrides(load("black-thursday"), {"book": book}))
    else:
        drawn = isinstance(load(name).book, BorrowerBook)
        few = {"book.accounts": 60, "book.isolated_share": 0.3} if drawn else {}
        world = build(with_overrides(load(name), few))
    expected, market = _one_by_one(world), _looked_at_one_by_one(world)
    for field, found in world.state._asdict().items():
        if field not in ("undo", "result", "journal", "journal_length"):
            wanted = getattr(expected, field)
            assert found.dtype == wanted.dtype and found.tolist() == wanted.tolist(), field
            assert set(map(type, found.ravel())) == set(map(type, wanted.ravel())), field
    for field, found in world.market.watchers._asdict().items():
        assert found.tolist() == getattr(market.watchers, field).tolist(), field
    assert world.market.lost_before.tolist() == market.lost_before.tolist()


def test_suppliers_start_with_what_they_have_deposited() -> None:
    """A million shares per unit: no interest has been paid."""
    world = build(with_overrides(load("black-thursday"), {"book.accounts": 300, **_expensive()}))
    owed = world.book.debt.sum(axis=0)
    for i in range(len(world.symbols)):
        held = world.state.hub[i, CASH] + owed[i]
        assert world.state.hub[i, TOTAL_SHARES] == held * VIRTUAL_SHARES


def test_a_year_at_a_constant_rate_is_its_closed_form(tmp_path: Path) -> None:
    """365 steps at 50% a year: the debt of 1,000,000 grows by (1 + x + x^2/2 + x^3/6)^365 with
    x = .5 / 365, which is e^.5 to 365 x^4 / 24 = 5.4e-11 of it: +64.8721%. Another hour would make
    it +64.8815%.

    Rounding: the rate per step, the growth and the index are each rounded to 1e-27, 365 times.
    """
    scenario = _recorded(
        tmp_path,
        "a,WETH,100000,0\na,USDC,0,1000000",
        duration_hours=float(YEAR_HOURS),
        step_seconds=86_400,
        start=datetime(2020, 3, 1, tzinfo=timezone.utc),
        gas_price_gwei=1,
        **{f"assets.{name}.price_usd": 200.0 for name in ("WETH", "WBTC")},
        **_expensive(),
    )
    world = build(scenario)
    for _ in run(world):
        pass
    usdc = world.symbols.index("USDC")
    owed = int(debt_assets(world.state, 0, usdc)) / 1e12
    x = 0.5 / 365
    assert owed == pytest.approx((1 + x + x**2 / 2 + x**3 / 6) ** 365, abs=2e-12, rel=0)
    assert owed == pytest.approx(exp(0.5), rel=6e-11)


@pytest.mark.chain
def test_a_chain_opens_in_blocks_of_one_time() -> None:
    """More operations than a block holds, and the first step; every word of state compared."""
    overrides = {"book.accounts": 150, "duration_hours": 1 / 12, **_expensive()}
    world = build(with_overrides(load("black-thursday"), overrides))
    assert len(world.opening) > 1 and np.ptp([block.time for block in world.opening]) == 0
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    assert lockstep.values > 1_000
