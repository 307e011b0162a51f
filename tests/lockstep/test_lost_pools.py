"""A pool of which all was lost stays of use: on twin and EVM side by side."""

from __future__ import annotations

import pytest

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import CASH, FEE_SHARES, HUB_SHARES, TOTAL_SHARES
from sim.protocol.units import SHARES_OF_A_LOST_POOL
from sim.protocol.vault_accounts import health
from tests.lockstep.exploits import (
    ADMIN,
    LIQUIDATOR,
    SUPPLIER,
    USDC,
    VICTIM,
    WETH,
    lost_pool,
)
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_attacks import later

pytestmark = pytest.mark.chain

BORROWER, ACCOUNT = 4, 12
"""Who has nothing yet, and his account in vault 0."""
ETHER, MILLION = 10**18, 10**6 * 10**6


@pytest.fixture
def lost() -> ProtocolMachine:
    """Of $1.02 in WETH nothing is left but its shares."""
    return lost_pool()


def test_whoever_supplies_a_lost_pool_makes_up_for_a_millionth_of_it(lost: ProtocolMachine) -> None:
    shares = int(lost.s.hub[WETH, TOTAL_SHARES])
    assert lost.do(op.deposit, VICTIM, WETH, 5_000 * ETHER) == OK
    assert lost.do(op.deposit, SUPPLIER, WETH, 4_000 * ETHER) == OK
    given = -(-(shares + hub.VIRTUAL_SHARES) // SHARES_OF_A_LOST_POOL)
    assert given < 51 * 10**14 // 10**6 + 2
    for who, paid in ((VICTIM, 5_000 * ETHER), (SUPPLIER, 4_000 * ETHER)):
        worth = hub.to_assets_down(lost.s, WETH, int(lost.s.holding[who, WETH, HUB_SHARES]))
        assert paid - given - 2 <= worth <= paid
    assert lost.s.hub[WETH, TOTAL_SHARES] < 9_001 * ETHER * SHARES_OF_A_LOST_POOL


def test_shares_of_a_lost_pool_are_seized_and_topped_up(lost: ProtocolMachine) -> None:
    """They are many, and so are those of the fee."""
    assert lost.do(op.deposit, VICTIM, WETH, 5_000 * ETHER) == OK
    assert lost.do(op.deposit, SUPPLIER, USDC, MILLION) == OK
    assert lost.do(op.supply, BORROWER, ACCOUNT, WETH, 100 * ETHER) == OK
    assert lost.do(op.borrow, BORROWER, ACCOUNT, USDC, 14_900 * 10**6) == OK
    later(lost, 60, WETH=180)
    fees = int(lost.s.hub[WETH, FEE_SHARES])
    assert lost.do(op.supply, BORROWER, ACCOUNT, WETH, 10**9) == OK
    assert health(lost.s, ACCOUNT).factor < 10**18
    assert lost.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0) == OK
    assert lost.s.hub[WETH, FEE_SHARES] > fees
    assert lost.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0) != OK


def test_a_lost_pool_bears_interest_and_fees(lost: ProtocolMachine) -> None:
    """For two months, booked each day; then all leave."""
    assert lost.do(op.deposit, VICTIM, WETH, 4_000 * ETHER) == OK
    assert lost.do(op.supply, BORROWER, ACCOUNT, USDC, 900_000 * 10**6) == OK
    assert lost.do(op.borrow, BORROWER, ACCOUNT, WETH, 3_000 * ETHER) == OK
    for _ in range(60):
        later(lost, 86_400)
        assert lost.do(op.withdraw_assets, VICTIM, WETH, 10**15) == OK
    assert lost.s.hub[WETH, FEE_SHARES] > 0
    assert lost.do(op.repay, BORROWER, ACCOUNT, WETH, max_uint()) == OK
    assert lost.do(op.claim_fees, ADMIN, WETH) == OK
    shares = int(lost.s.holding[VICTIM, WETH, HUB_SHARES])
    assert lost.do(op.redeem, VICTIM, WETH, shares) == OK
    assert lost.s.hub[WETH, CASH] < 10**12
