"""Which pair a liquidator takes of accounts made by hand, against what is due by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.protocol import operations as op
from sim.protocol.state import (
    CASH,
    IS_COLLATERAL,
    SCALED_DEBT,
)
from sim.protocol.vault_accounts import debt_assets, debt_value
from sim.world import build
from tests.agents.pairs import (
    DAI,
    KEEPER,
    SELLER,
    TAKER,
    USDC,
    WBTC,
    WETH,
    liquidate,
    market,
)
from tests.agents.test_pairs import DEEP, liquidatable


@pytest.mark.parametrize("depth", [1_000.0, None], ids=["thin", "missing"])
def test_an_account_whose_largest_collateral_cannot_be_sold_is_liquidated_for_the_other(
    tmp_path: Path, depth: float | None
) -> None:
    """At .957 with $0.9M of WBTC, for which nobody pays, and $0.4M of WETH, for which all do."""
    venues = {(WETH, DAI): 1e8} | ({} if depth is None else {(WBTC, DAI): depth})
    accounts = [({WBTC: 1e6, WETH: 5e5}, {DAI: 9.5e5})]
    world = build(market(tmp_path, accounts, [SELLER], venues))
    rows = liquidate(world, 170.0, 7_000.0)
    assert rows and {(row.x, row.y) for row in rows} == {(DAI, WETH)}
    assert world.state.position[0, WETH, IS_COLLATERAL] == 0


def test_an_account_whose_largest_debt_has_no_venue_is_liquidated_for_the_other(
    tmp_path: Path,
) -> None:
    """$0.5M of USDC against WETH, which nobody buys for USDC, and $0.3M of DAI."""
    accounts = [({WETH: 1.05e6}, {USDC: 5e5, DAI: 3e5})]
    world = build(market(tmp_path, accounts, [SELLER], {(WETH, DAI): 1e8, (WBTC, USDC): 1e8}))
    rows = liquidate(world, 188.0, 8_000.0)
    assert rows and {(row.x, row.y) for row in rows} == {(DAI, WETH)}
    assert liquidatable(world.state) == []


@pytest.mark.parametrize("who", [KEEPER, TAKER], ids=["keeper", "taker"])
def test_who_keeps_needs_no_venue(tmp_path: Path, who: dict[str, Any]) -> None:
    """The keeper takes WETH; the taker takes shares of it where the hub has no cash, and sells,
    which he cannot here, where it has.
    """
    accounts = [({WETH: 1e6}, {DAI: 7.9e5})]
    world = build(market(tmp_path, accounts, [who], {(WBTC, DAI): 1e8}))
    if who is TAKER:
        assert liquidate(world, 190.0, 8_000.0) == []
        hub = world.state.hub[WETH]  # its index is 1
        hub[SCALED_DEBT], hub[CASH] = hub[SCALED_DEBT] + hub[CASH], 0
    rows = liquidate(world, 190.0, 8_000.0)
    assert rows and {(row.kind, row.option) for row in rows} == {
        (op.liquidate.kind, int(who is TAKER))
    }


def test_what_would_leave_dust_is_cut_to_what_leaves_enough(tmp_path: Path) -> None:
    """Half of $10,500 may be repaid: of a debt of $5,500 that leaves $250, which the vault refuses.
    All but $1,010 of it can be repaid.
    """
    accounts = [({WETH: 13_600.0}, {USDC: 5_500.0, DAI: 5_000.0})]
    world = build(market(tmp_path, accounts, [SELLER], {(WETH, USDC): 1e8, (WBTC, DAI): 1e8}))
    (row,) = liquidate(world, 192.0, 8_000.0)
    s = world.state
    assert (row.x, row.y) == (USDC, WETH)
    left = debt_value(debt_assets(s, 0, USDC), 10**8, s.unit[USDC])
    assert 1_000 * 10**8 < left < 1_011 * 10**8


def test_after_one_pair_the_account_is_looked_at_again_and_others_pay(tmp_path: Path) -> None:
    """Below .95 all of a pair may be repaid: both collaterals go, and both debts."""
    accounts = [({WETH: 6e5, WBTC: 6e5}, {USDC: 4e5, DAI: 4.2e5})]
    world = build(market(tmp_path, accounts, [SELLER], DEEP))
    rows = liquidate(world, 150.0, 6_000.0)
    assert {row.x for row in rows} == {USDC, DAI} and {row.y for row in rows} == {WETH, WBTC}
    assert liquidatable(world.state) == []
