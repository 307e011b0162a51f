"""Attacks that must not work, on twin and EVM side by side.

The invariants are checked after every operation, too.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol import vault
from sim.protocol.errors import (
    BORROW_LIMIT_EXCEEDED,
    COLLATERAL_REMAINS,
    DELAY_NOT_PASSED,
    EXCEEDED_MAX_DEPOSIT,
    OK,
    PRICE_NOT_OK,
    PRICE_NOT_USABLE,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import ANSWER, CASH, DEFICIT, FLAGGED_AT, POSITION_DEBT, SUPPLIED
from sim.protocol.transaction import Operation
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
    machine = ProtocolMachine()
    machine.open_protocol()
    return machine


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = int(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def later(m: ProtocolMachine, seconds: int, **prices: float) -> None:
    """Time passes; then every feed reports."""
    m.s.clock[0] += seconds
    post(m, **prices)


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
    assert (h.prices_ok, h.prices_usable, h.debt_prices_usable) == (False, False, True)
    assert h.collateral_value // USD == 40_000 + 1_333 and h.factor < wad()
    assert market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0) == OK


def test_a_flag_is_not_shed_by_a_favourable_price(market: ProtocolMachine) -> None:
    """WETH at $160, flagged; back at $190, which is accepted; then $150 and silence. At $190 the
    account reads as healthy, but nobody may believe it.
    """
    post(market, WETH=160)
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    post(market, WETH=190)
    assert market.do(op.poke, KEEPER, WETH, 0) == OK
    post(market, WETH=150)
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

IN_DEBT, DAI_HOLDER, ESCROWED = 8, 7, 1
"""In vault 1, WETH against DAI, of actor 2; in vault 0, DAI against WBTC, of actor 2, and WBTC,
which is kept in escrow, against USDC, of actor 0.
"""


def test_shares_of_an_asset_with_an_open_deficit_carry_no_new_debt(
    market: ProtocolMachine,
) -> None:
    """WETH falls to $60: what vault 1 lent in DAI is lost in part. Until that is borne, who holds
    DAI as collateral in vault 0, at par on the books, can neither borrow nor take collateral out;
    the rest of his limit is his again once all suppliers have lost their part.
    """
    crash = (60, 3_600)
    later(market, 60, WETH=crash[0])
    assert market.do(op.poke, KEEPER, WETH, 1) == OK
    later(market, crash[1])
    assert market.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0) == OK
    market.do(op.cover, KEEPER, DAI)
    assert market.s.hub[DAI, DEFICIT] > 0

    owner = int(market.s.account_owner[DAI_HOLDER])
    some = market.amount(WBTC, 100)
    assert market.do(op.borrow, owner, DAI_HOLDER, WBTC, some) == PRICE_NOT_OK
    little = market.amount(DAI, 10)
    assert market.do(op.withdraw, owner, DAI_HOLDER, DAI, little) == PRICE_NOT_OK
    assert market.do(op.repay, owner, DAI_HOLDER, WBTC, some) == OK
    assert market.do(op.supply, owner, DAI_HOLDER, DAI, little) == OK
    assert market.do(op.borrow, KEEPER, ESCROWED, USDC, market.amount(USDC, 100)) == OK

    later(market, 3_600)
    assert market.do(op.socialise, KEEPER, DAI) == OK
    beyond = market.amount(WBTC, 50_000)
    assert market.do(op.borrow, owner, DAI_HOLDER, WBTC, beyond) == BORROW_LIMIT_EXCEEDED
    assert market.do(op.borrow, owner, DAI_HOLDER, WBTC, some) == OK


def test_an_open_deficit_does_not_stop_liquidations(market: ProtocolMachine) -> None:
    """WBTC up by 15%: the same account owes $36,000 against $50,000 of DAI at 75%, and is sold."""
    later(market, 60, WETH=60)
    assert market.do(op.poke, KEEPER, WETH, 1) == OK
    later(market, 3_600, WBTC=START_PRICES[WBTC] / USD * 1.25)
    assert market.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0) == OK
    market.do(op.cover, KEEPER, DAI)
    assert market.s.hub[DAI, DEFICIT] > 0
    assert market.do(op.liquidate, LIQUIDATOR, DAI_HOLDER, WBTC, DAI, max_uint(), 0, 0) == OK


# --- solvent accounts keep what is theirs ---------------------------------------------------------


@pytest.mark.parametrize(("price", "solvent"), [(165, True), (148, False)])
def test_a_small_account_that_covers_its_debt_is_not_written_off(
    market: ProtocolMachine, price: int, solvent: bool
) -> None:
    """$.90 of WETH, below a dust line of $1, owe $.675. At $165 the health is .88, but $.7425 are
    left: a liquidator may take what he pays for, a write-off nothing. At $148 they are $.666.
    """
    account, owner = 16, 5
    assert market.do(op.repay, owner, account, WBTC, max_uint()) == OK
    assert market.do(op.withdraw, owner, account, WETH, max_uint()) == OK
    assert market.do(op.supply, owner, account, WETH, 45 * 10**14) == OK
    assert market.do(op.borrow, owner, account, USDC, 674_999) == OK
    post(market, WETH=price)
    assert health(market.s, account).factor < wad()
    code = market.do(op.write_off, LIQUIDATOR, account)
    if solvent:
        assert code == COLLATERAL_REMAINS
        assert market.do(op.liquidate, LIQUIDATOR, account, USDC, WETH, max_uint(), 0, 0) == OK
    else:
        assert code == OK
    assert (market.s.hub[USDC, DEFICIT] == 0) == solvent
    assert market.s.position[account, USDC, POSITION_DEBT] == 0
    assert (market.s.position[account, WETH, SUPPLIED] > 0) == solvent


# --- a flag is of one fall ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "price"), [(op.supply, 135), (op.repay, 113)], ids=["supply", "repay"]
)
def test_a_flag_does_not_outlive_the_recovery_that_the_owner_paid_for(
    market: ProtocolMachine, operation: Operation[...], price: float
) -> None:
    """In vault 1, with its delay: flagged at $160, healed by $10,000 more or less, ill again."""
    owner = int(market.s.account_owner[IN_DEBT])
    asset = WETH if operation is op.supply else DAI
    post(market, WETH=160)
    assert market.do(op.flag, LIQUIDATOR, IN_DEBT) == OK
    assert market.do(operation, owner, IN_DEBT, asset, market.amount(asset, 10)) == OK
    assert market.s.account[IN_DEBT, FLAGGED_AT] != 0
    assert market.do(operation, owner, IN_DEBT, asset, market.amount(asset, 10_000)) == OK
    assert market.s.account[IN_DEBT, FLAGGED_AT] == 0
    later(market, 3_600, WETH=price)
    assert wad() * 9 // 10 < health(market.s, IN_DEBT).factor < wad()
    code = market.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, market.amount(DAI, 1_000), 0, 0)
    assert code == DELAY_NOT_PASSED


# --- what is offered is accepted ------------------------------------------------------------------


def test_the_largest_deposit_that_is_offered_fits(market: ProtocolMachine) -> None:
    """Without a cap, 2^112 - 1 less the hub's cash, and not a unit more."""
    most = 2 * UNLIMITED
    assert market.do(op.set_spoke, KEEPER, DAI, SHARE_TOKEN, most, most, 0) == OK
    room = UNLIMITED - int(market.s.hub[DAI, CASH])
    market.minted[DAI] += room
    assert market.do(op.mint_token, LIQUIDATOR, DAI, room) == OK
    code = market.do(op.deposit, LIQUIDATOR, DAI, room + 1)
    assert code == EXCEEDED_MAX_DEPOSIT
    assert market.do(op.deposit, LIQUIDATOR, DAI, room) == OK
