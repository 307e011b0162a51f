"""No answers and no transactions: who is stopped, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engines.exact import run
from sim.protocol import operations as op
from sim.protocol import oracle
from sim.protocol.errors import OK
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
)
from sim.world import World
from tests.simulation.test_feed_faults import DAI, WBTC, WETH, at, liquidated, storm


def test_a_silent_feed_stops_liquidations_after_three_heartbeats() -> None:
    """In the first wave of Black Thursday: liquidations of ETH go on at the last answer, stop with
    the third heartbeat, and go on with the next report.
    """
    # 10:00 to 16:00; reports come at least every five minutes before.
    outage = {"kind": "outage", "asset": "WETH", "from": at(36_000), "until": at(57_600)}
    quick = {
        **{f"liquidators[{n}].max_gas_price_gwei": 1e6 for n in range(3)},
        "duration_hours": 24,
        "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
        "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 1, "DAI": 1},
        "book.two_collateral_share": 0.0,
        "suppliers.USDC": 4e7,
        "suppliers.DAI": 4e7,
    }
    assert any(120 < k < 192 for k in liquidated(list(run(storm(**quick)))))
    world = storm(outage, **quick)
    usable, when = {}, liquidated([])
    for taken in run(world):
        usable[taken.k] = oracle.read(world.state, 0, WETH).usable
        when |= liquidated([taken])
    unusable = [k for k, fine in usable.items() if not fine]
    # The last answer is at most a heartbeat older than the outage.
    assert unusable == list(range(unusable[0], 192))
    assert 120 + 24 - 1 <= unusable[0] <= 120 + 36
    assert not set(when) & set(unusable)
    assert any(k >= 192 for k in when)


def test_what_has_a_price_is_sold_while_another_feed_is_silent() -> None:
    """Accounts of WETH and WBTC in the same wave: without a price of WBTC, which counts at no less
    than its last answer, those who are unhealthy even so lose WETH and nobody loses WBTC.
    """
    outage = {"kind": "outage", "asset": "WBTC", "from": at(28_800), "until": at(86_400)}
    two = {
        **{f"liquidators[{n}].max_gas_price_gwei": 1e6 for n in range(3)},
        "duration_hours": 24,
        "book.collateral_weights": {"WETH": 1, "WBTC": 1, "USDC": 0, "DAI": 0},
        "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 1, "DAI": 1},
        "book.two_collateral_share": 1.0,
        "book.isolated_share": 0.0,
        "suppliers.USDC": 4e7,
        "suppliers.DAI": 4e7,
    }

    def sold(world: World) -> tuple[int, int]:
        """Liquidations of WETH and of WBTC from 11:00 on, three heartbeats later."""
        seized = [
            row.y
            for taken in run(world)
            for row in taken.rows
            if taken.k >= 132
            and row.kind in (op.liquidate.kind, op.flash_liquidate.kind)
            and row.code == OK
        ]
        return seized.count(WETH), seized.count(WBTC)

    of_weth, of_wbtc = sold(storm(outage, **two))
    assert of_weth > 10 and of_wbtc == 0
    assert sold(storm(**two))[1] > 0


def test_a_dead_sequencer_stops_everything_and_everyone() -> None:
    """From 10:00 to 12:00 no operation of anybody, and no word of the state changes but the clock;
    in the next step interest of the whole time accrues and feeds report.
    """
    world = storm({"kind": "sequencer-down", "from": at(36_000), "until": at(43_200)})
    s = world.state
    before: Any = None
    for taken in run(world):
        fields = [getattr(s, name).copy() for name in ("hub", "pair", "position", "feed", "oracle")]
        if 120 <= taken.k < 144:
            assert taken.rows == []
            assert all((a == b).all() for a, b in zip(before, fields, strict=True))
            assert s.clock[0] == world.market.time[taken.k]
        elif taken.k:
            kinds = {row.kind for row in taken.rows}
            assert op.accrue.kind in kinds
            if taken.k == 144:
                assert {op.post_price.kind, op.swap_in.kind, op.flash_liquidate.kind} <= kinds
                growth = s.hub[DAI, BORROW_INDEX] / before[0][DAI, BORROW_INDEX] - 1
                rate = before[0][DAI, BORROW_RATE] / 1e27
                # Since the step before the halt: 25 steps of 300 s.
                assert growth == pytest.approx(rate * 25 * 300 / 31_536_000, rel=1e-3)
        before = fields
