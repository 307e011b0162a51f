"""Attacks that must not work, on twin and EVM side by side.

The invariants are checked after every operation, too.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.protocol import hub, vault
from sim.protocol import operations as op
from sim.protocol.errors import (
    BORROW_LIMIT_EXCEEDED,
    COLLATERAL_REMAINS,
    DEBT_TOO_SMALL,
    EXCEEDED_MAX_DEPOSIT,
    INVALID_POLICY,
    OK,
    PRICE_NOT_OK,
    PRICE_NOT_USABLE,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ADD_CAP,
    ANSWER,
    CASH,
    DEFICIT,
    DEFICIT_REPORTED,
    FLAGGED_AT,
    POSITION_DEBT,
    SUPPLIED,
)
from sim.protocol.vault_accounts import health
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import START_PRICES, UNLIMITED

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
SHARE_TOKEN = 2
"""The spoke after both vaults."""
USD = 10**8
KEEPER, BORROWER, LIQUIDATOR = 0, 1, 3
ACCOUNT = 4
"""Of the borrower, in vault 0: $50,000 of WETH owe $33,750 of USDC, 90% of its limit."""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = int(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def later(m: ProtocolMachine, seconds: int, **prices: float) -> None:
    """Time passes; then every feed reports."""
    m.s.clock[0] += seconds
    post(m, **prices)


def believed(m: ProtocolMachine, v: int, **prices: float) -> None:
    """WETH is seen at a price for half an hour, until the router of the vault accepts it."""
    for seconds in (60, 600, 600, 600):
        later(m, seconds, **prices)
        assert m.do(op.poke, KEEPER, WETH, v) == OK


# --- a broken feed is no shield -------------------------------------------------------------------


@pytest.mark.parametrize("mode", [1, 2, 3, 4], ids=["reverts", "incomplete", "garbled", "burns"])
def test_one_unit_of_an_asset_whose_feed_is_broken_shields_nobody(
    market: ProtocolMachine, mode: int
) -> None:
    """At $160 the health is .8 x 40,000 / 33,750 = .948, whatever dust is added to the account: it
    can be flagged and sold, only the dust cannot.
    """
    post(market, WETH=160)
    assert market.do(op.set_feed_mode, KEEPER, WBTC, 0, mode) == OK
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, 1) == OK
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    repay = market.amount(USDC, 1_000)
    code = market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WBTC, repay, 0, 0)
    assert code == PRICE_NOT_USABLE
    assert market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, repay, 0, 0) == OK
    assert market.do(op.write_off, KEEPER, ACCOUNT) == COLLATERAL_REMAINS
    assert market.do(op.borrow, BORROWER, ACCOUNT, USDC, 1) == PRICE_NOT_OK


def test_a_feed_that_burns_all_gas_gives_way_to_its_fallback(market: ProtocolMachine) -> None:
    """WETH has a fallback, which is fresh."""
    post(market, WETH=160)
    assert market.do(op.post_price, KEEPER, WETH, 1, 160 * USD) == OK
    assert market.do(op.set_feed_mode, KEEPER, WETH, 0, 4) == OK
    assert market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0) == OK


def test_an_asset_that_nobody_poked_while_it_drifted_shields_nobody(
    market: ProtocolMachine,
) -> None:
    """WBTC up a third in steps of a percent, each from a sound feed: too far from the price last
    accepted in vault 0. It counts at the higher price, and blocks nothing.
    """
    assert market.do(op.poke, KEEPER, WBTC, 0) == OK
    drifted = START_PRICES[WBTC] / USD * 4 / 3
    later(market, 3_600, WETH=160, WBTC=drifted)
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, market.amount(WBTC, 1_000)) == OK
    h = health(market.s, ACCOUNT)
    assert (h.prices_ok, h.prices_usable) == (False, False)
    assert h.collateral_value // USD == 40_000 + 1_333 and h.factor < wad()
    assert market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0) == OK


def test_a_flag_is_not_shed_by_a_favourable_price(market: ProtocolMachine) -> None:
    """WETH at $160, flagged; then its feed breaks. At $200, accepted last, the account reads as
    healthy, but nobody may believe it.
    """
    post(market, WETH=160)
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    for slot in range(2):
        assert market.do(op.set_feed_mode, KEEPER, WETH, slot, 1) == OK
    assert health(market.s, ACCOUNT).factor >= wad()
    assert market.do(op.unflag, BORROWER, ACCOUNT) == PRICE_NOT_USABLE
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, 1) == OK
    assert market.s.account[ACCOUNT, FLAGGED_AT] != 0
    for slot in range(2):
        assert market.do(op.set_feed_mode, KEEPER, WETH, slot, 0) == OK
    assert vault.is_liquidatable(market.s, ACCOUNT)
    assert market.s.position[ACCOUNT, USDC, POSITION_DEBT] > 0


# --- a haircut is not left to others --------------------------------------------------------------

IN_DEBT, DAI_HOLDER = 8, 7
"""In vault 1, WETH against DAI; in vault 0, DAI against WBTC; both of actor 2."""


def test_shares_carry_no_more_debt_than_a_loss_has_left_of_them(market: ProtocolMachine) -> None:
    """WETH falls to $60: what vault 1 lent in DAI is lost in part. Who holds DAI as collateral in
    vault 0 has lost his part in the same moment, and may do what the rest of it carries.
    """
    believed(market, 1, WETH=60)
    before = health(market.s, DAI_HOLDER)
    assert market.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0) == OK
    now, row = health(market.s, DAI_HOLDER), market.s.hub[DAI]
    assert row[DEFICIT] > 0
    held = hub.total_assets(market.s, DAI)
    price = Fraction(int(held), int(held + row[DEFICIT]))
    assert abs(now.collateral_value - before.collateral_value * price) <= 2
    assert now.debt_value == before.debt_value

    owner = int(market.s.account_owner[DAI_HOLDER])
    room = (now.weighted_limit // 10_000 - now.debt_value) // USD
    beyond, some = (market.amount(WBTC, usd) for usd in (room + 10, room - 10))
    assert market.do(op.borrow, owner, DAI_HOLDER, WBTC, beyond) == BORROW_LIMIT_EXCEEDED
    assert market.do(op.borrow, owner, DAI_HOLDER, WBTC, some) == OK
    assert market.do(op.withdraw, owner, DAI_HOLDER, DAI, market.amount(DAI, 1)) == OK


def test_a_loss_does_not_stop_liquidations(market: ProtocolMachine) -> None:
    """WBTC up by 15%: the same account owes $36,000 against $50,000 of DAI at 75%, and is sold."""
    believed(market, 1, WETH=60)
    post(market, WBTC=START_PRICES[WBTC] / USD * 1.25)
    assert market.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0) == OK
    assert market.s.hub[DAI, DEFICIT] > 0
    assert market.do(op.liquidate, LIQUIDATOR, DAI_HOLDER, WBTC, DAI, max_uint(), 0, 0) == OK


# --- solvent accounts keep what is theirs ---------------------------------------------------------


@pytest.mark.parametrize(("price", "solvent"), [(145, True), (115, False)])
def test_a_small_account_that_covers_its_debt_is_not_written_off(
    market: ProtocolMachine, price: int, solvent: bool
) -> None:
    """.00668 WETH owe $.802: $1.002, what may be borrowed at $200, above a dust line of $1, but for
    a repayment. At $145 the health is .966, but $.9686 are left, below the dust line: a liquidator
    may take what he pays for, a write-off nothing. At $115 they are $.7682.
    """
    account, owner = 16, 5
    assert market.do(op.repay, owner, account, WBTC, max_uint()) == OK
    assert market.do(op.withdraw, owner, account, WETH, max_uint()) == OK
    assert market.do(op.supply, owner, account, WETH, 668 * 10**13) == OK
    assert market.do(op.borrow, owner, account, USDC, 1_001_999) == OK
    assert market.do(op.repay, owner, account, USDC, 199_999) == OK
    believed(market, 0, WETH=price)
    assert health(market.s, account).factor < wad()
    code = market.do(op.write_off, LIQUIDATOR, account)
    if solvent:
        assert code == COLLATERAL_REMAINS
        assert market.do(op.liquidate, LIQUIDATOR, account, USDC, WETH, max_uint(), 0, 0) == OK
    else:
        assert code == OK
    assert (market.s.hub[USDC, DEFICIT_REPORTED] == 0) == solvent
    assert market.s.position[account, USDC, POSITION_DEBT] == 0
    assert (market.s.position[account, WETH, SUPPLIED] > 0) == solvent


# --- a debt of a cent is none ---------------------------------------------------------------------


def test_a_debt_below_the_dust_line_is_not_opened(market: ProtocolMachine) -> None:
    """$1 in these vaults, by account and asset: not by borrowing, and what is repaid to less leaves
    the collateral where it is, so that no cent of a loss can be made on purpose.
    """
    account, owner = 16, 5
    assert market.do(op.repay, owner, account, WBTC, max_uint()) == OK
    for cent in (1, 10_000, 999_999):
        assert market.do(op.borrow, owner, account, USDC, cent) == DEBT_TOO_SMALL
    assert market.do(op.borrow, owner, account, USDC, 1_000_000) == OK
    assert market.do(op.borrow, owner, account, DAI, 10**16) == DEBT_TOO_SMALL
    assert market.do(op.repay, owner, account, USDC, 990_000) == OK
    some = market.amount(WETH, 100)
    assert market.do(op.withdraw, owner, account, WETH, some) == DEBT_TOO_SMALL
    assert market.do(op.set_collateral, owner, account, WETH, 0) == BORROW_LIMIT_EXCEEDED
    assert market.do(op.borrow, owner, account, DAI, 10**18) == DEBT_TOO_SMALL
    assert market.do(op.supply, owner, account, WETH, some) == OK
    assert market.do(op.repay, owner, account, USDC, max_uint()) == OK
    assert market.do(op.withdraw, owner, account, WETH, max_uint()) == OK


def test_the_dust_line_can_be_moved(market: ProtocolMachine) -> None:
    """By the admin, above nothing and to what a partial liquidation leaves."""
    account, owner = 16, 5
    assert market.do(op.set_dust_value, KEEPER, 0, 1_000 * USD + 1) == INVALID_POLICY
    assert market.do(op.set_dust_value, KEEPER, 0, 0) == INVALID_POLICY
    assert market.do(op.set_dust_value, KEEPER, 0, 1_000 * USD) == OK
    hundred = market.amount(USDC, 100)
    assert market.do(op.borrow, owner, account, USDC, hundred) == DEBT_TOO_SMALL
    assert market.do(op.set_dust_value, KEEPER, 0, 1) == OK
    assert market.do(op.borrow, owner, account, USDC, hundred) == OK


# --- what is offered is accepted ------------------------------------------------------------------


def test_the_largest_deposit_that_is_offered_fits(market: ProtocolMachine) -> None:
    """With the largest cap, 2^112 - 1 less the hub's cash, and not a unit more."""
    assert market.s.spoke[SHARE_TOKEN, DAI, ADD_CAP] == UNLIMITED
    room = UNLIMITED - int(market.s.hub[DAI, CASH])
    market.minted[DAI] += room
    assert market.do(op.mint_token, LIQUIDATOR, DAI, room) == OK
    code = market.do(op.deposit, LIQUIDATOR, DAI, room + 1)
    assert code == EXCEEDED_MAX_DEPOSIT
    assert market.do(op.deposit, LIQUIDATOR, DAI, room) == OK
