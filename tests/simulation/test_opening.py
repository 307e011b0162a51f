"""The start is what the book says: the opening takes no time, so no interest accrues in it."""

from datetime import datetime, timezone
from math import exp
from pathlib import Path

import numpy as np
import pytest

from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.lockstep import Lockstep
from sim.protocol.fixed_point import ray
from sim.protocol.state import BORROW_INDEX, CASH, TOTAL_SHARES
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build

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


def test_suppliers_start_with_what_they_have_deposited() -> None:
    """One share per unit: no interest has been paid."""
    world = build(with_overrides(load("black-thursday"), {"book.accounts": 300, **_expensive()}))
    owed = world.book.debt.sum(axis=0)
    for i in range(len(world.symbols)):
        assert world.state.hub[i, TOTAL_SHARES] == world.state.hub[i, CASH] + owed[i]


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
