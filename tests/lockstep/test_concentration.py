"""How much of what a vault has of an asset one account may have as collateral, on twin and EVM side
by side: to the unit, by no detour, and never in the way of what heals.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import CONCENTRATION_EXCEEDED, INVALID_RESERVE, OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ADDED_SHARES,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    ESCROWED,
    IS_COLLATERAL,
    SUPPLIED,
)
from sim.protocol.vault_accounts import health
from tests.lockstep.machine import ProtocolMachine

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD, SATS = 10**8, 10**8
KEEPER, OWNER, LIQUIDATOR = 0, 3, 5
ACCOUNT, SECOND, LENT = 9, 10, 12
"""In vault 0: of the owner, 6.25 WBTC, a third of the vault's 18.75, which are held in escrow, and
an account without any; of another, 250 WETH, a quarter of the vault's 1,000, which are lent on.
Each is worth $50,000, and nine tenths of its limit are borrowed.
"""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""

    class Credulous(ProtocolMachine):
        hold_off = 0
        delay = 0

    return Credulous()


def most(m: ProtocolMachine, i: int, bps: int, floor: int = 0) -> int:
    """No account of vault 0 may grow beyond a share of an asset, or a value in USD."""
    return m.configure(i, 0, {CONCENTRATION: bps, CONCENTRATION_FLOOR: floor * USD}, 0)


def supply(m: ProtocolMachine, amount: int, i: int = WBTC, account: int = ACCOUNT) -> int:
    """By whoever owns the account."""
    return m.do(op.supply, int(m.s.account_owner[account]), account, i, amount)


def test_a_share_is_reached_to_the_unit(market: ProtocolMachine) -> None:
    """(6.25 + x) / (18.75 + x) = 1/2 at x = 6.25."""
    m = market
    assert m.s.spoke[0, WBTC, ESCROWED] == 1_875 * SATS // 100
    assert most(m, WBTC, 5_000) == OK
    assert supply(m, 625 * SATS // 100 + 1) == CONCENTRATION_EXCEEDED
    assert supply(m, 625 * SATS // 100) == OK
    assert supply(m, 1) == CONCENTRATION_EXCEEDED


def test_of_what_is_lent_on_shares_are_compared(market: ProtocolMachine) -> None:
    """(250 + x) / (1,000 + x) = 2/5 at x = 250."""
    m = market
    assert most(m, WETH, 4_000) == OK
    total, own = m.s.spoke[0, WETH, ADDED_SHARES], m.s.position[LENT, WETH, SUPPLIED]
    assert own * 4 == total
    assert supply(m, 251 * 10**18, WETH, LENT) == CONCENTRATION_EXCEEDED
    assert supply(m, 249 * 10**18, WETH, LENT) == OK


def test_a_floor_is_for_the_small(market: ProtocolMachine) -> None:
    """$60,000, which is 7.5 WBTC, whatever the share; not a unit more."""
    m = market
    assert most(m, WBTC, 1, floor=60_000) == OK
    assert supply(m, 125 * SATS // 100 + 1) == CONCENTRATION_EXCEEDED
    assert supply(m, 125 * SATS // 100) == OK


@pytest.mark.parametrize("share", [10_001, 65_535])
def test_a_share_above_all_is_refused(market: ProtocolMachine, share: int) -> None:
    """All of it is none."""
    assert most(market, WBTC, share) == INVALID_RESERVE
    assert most(market, WBTC, 10_000) == OK
    assert supply(market, 10**3 * SATS) == OK


def test_what_backs_nothing_may_be_supplied_but_not_turned_on(market: ProtocolMachine) -> None:
    """Nor turned off for long enough to supply beyond the share."""
    m = market
    assert most(m, WBTC, 5_000) == OK
    assert m.do(op.repay, OWNER, ACCOUNT, WETH, max_uint()) == OK
    assert m.do(op.set_collateral, OWNER, ACCOUNT, WBTC, 0) == OK
    assert supply(m, 10 * SATS) == OK
    assert m.do(op.set_collateral, OWNER, ACCOUNT, WBTC, 1) == CONCENTRATION_EXCEEDED
    assert m.do(op.withdraw, OWNER, ACCOUNT, WBTC, 10 * SATS) == OK
    assert m.do(op.set_collateral, OWNER, ACCOUNT, WBTC, 1) == OK


def test_others_leave_and_nothing_is_taken_from_who_stays(market: ProtocolMachine) -> None:
    """A share that grew by itself stops only what would add to it."""
    m = market
    assert most(m, WBTC, 5_000) == OK
    for a in (1, 13):
        for i in range(4):
            m.do(op.repay, int(m.s.account_owner[a]), a, i, max_uint())
        assert m.do(op.withdraw, int(m.s.account_owner[a]), a, WBTC, max_uint()) == OK
    assert m.s.position[ACCOUNT, WBTC, SUPPLIED] == m.s.spoke[0, WBTC, ESCROWED]
    assert supply(m, 1) == CONCENTRATION_EXCEEDED
    assert m.do(op.borrow, OWNER, ACCOUNT, WETH, m.amount(WETH, 100)) == OK
    assert m.do(op.repay, OWNER, ACCOUNT, WETH, m.amount(WETH, 200)) == OK
    assert m.do(op.withdraw, OWNER, ACCOUNT, WBTC, SATS // 100) == OK


def test_who_is_beyond_the_borrow_limit_is_kept_from_nothing_that_heals(
    market: ProtocolMachine,
) -> None:
    """And a liquidator takes shares of any size; until it adds to them."""
    m = market
    assert most(m, WBTC, 1) == OK
    assert supply(m, SATS) == CONCENTRATION_EXCEEDED
    assert m.do(op.post_price, KEEPER, WBTC, 0, 6_300 * USD) == OK
    assert health(m.s, ACCOUNT).factor < wad()
    assert supply(m, 1) == OK
    taken = m.do(op.liquidate, LIQUIDATOR, ACCOUNT, WETH, WBTC, max_uint(), 0, 1)
    own = int(m.s.own_account[0, LIQUIDATOR])
    assert taken == OK and m.s.position[own, WBTC, IS_COLLATERAL]
    assert m.do(op.supply, LIQUIDATOR, own, WBTC, 1) == CONCENTRATION_EXCEEDED


def test_two_accounts_of_one_owner_have_a_share_each(market: ProtocolMachine) -> None:
    """What a limit per account is worth: the second one takes what the first could not."""
    m = market
    assert most(m, WBTC, 5_000) == OK
    assert supply(m, 10 * SATS) == CONCENTRATION_EXCEEDED
    assert supply(m, 5 * SATS) == OK
    assert supply(m, 5 * SATS, WBTC, SECOND) == OK
