"""Margin calls, on twin and EVM side by side: who is near is called, and kept from raising his risk
until he is well. The invariants are checked after every operation, too.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    ALREADY_CALLED,
    BORROW_LIMIT_EXCEEDED,
    NOT_CALLED,
    OK,
    PRICE_NOT_USABLE,
    UNDER_MARGIN_CALL,
    UNHEALTHY,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ANSWER,
    CALLED_AT,
    FLAGGED_AT,
    MARGIN_CALL_HEALTH,
    POSITION_DEBT,
)
from sim.protocol.vault_accounts import health
from sim.protocol.vault_flags import is_called
from tests.lockstep.machine import ProtocolMachine

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
KEEPER, BORROWER, OTHER = 0, 2, 3
ACCOUNT = 8
"""Of the borrower, in vault 1, which calls below a health of 1.2: $50,000 of WETH at $200 owe
$33,750 of DAI. At a threshold of 80% its health is 1.2 at $202.50, 1.1852 at $200, 1 at $168.75.
"""
SAFE = 6
"""Of the same owner, in vault 0, where nobody is called: $50,000 of USDC owe WETH."""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = round(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def call(m: ProtocolMachine) -> int:
    """What becomes of a call by somebody."""
    return m.do(op.margin_call, OTHER, ACCOUNT)


def withdraw(m: ProtocolMachine, usd: int) -> int:
    """What becomes of taking out WETH worth so much at $200."""
    return m.do(op.withdraw, BORROWER, ACCOUNT, WETH, m.amount(WETH, usd))


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (202.5, ACCOUNT_HEALTHY),
        (202.49999999, OK),
        (168.75, OK),
        (168.74999999, UNHEALTHY),
    ],
)
def test_who_may_be_called(market: ProtocolMachine, price: float, code: int) -> None:
    """From a health of 1 to below 1.2, to the last unit of the price."""
    post(market, WETH=price)
    assert call(market) == code
    assert bool(market.s.account[ACCOUNT, CALLED_AT]) == (code == OK)


def test_a_vault_without_a_policy_of_calls_calls_nobody(market: ProtocolMachine) -> None:
    """Of the two vaults of one hub."""
    assert market.do(op.margin_call, OTHER, SAFE) == ACCOUNT_HEALTHY
    assert market.do(op.end_margin_call, OTHER, SAFE) == NOT_CALLED


def test_nobody_is_called_twice_and_the_call_keeps_its_time(market: ProtocolMachine) -> None:
    """Else whoever calls again could move the time from which an answer counts."""
    assert call(market) == OK
    at = market.s.account[ACCOUNT, CALLED_AT]
    market.s.clock[0] += 60
    assert call(market) == ALREADY_CALLED
    assert market.s.account[ACCOUNT, CALLED_AT] == at


def test_who_is_called_raises_no_risk_and_may_pay_and_supply(market: ProtocolMachine) -> None:
    """What he may take out once he repaid is the closed form: with debt D and collateral W = .8 C,
    the health is 1.2 at W = 1.2 D.
    """
    assert call(market) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, 10**18) == UNDER_MARGIN_CALL
    assert withdraw(market, 1) == UNDER_MARGIN_CALL
    assert market.do(op.set_collateral, BORROWER, ACCOUNT, WETH, 0) == BORROW_LIMIT_EXCEEDED
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, 10**15) == OK
    assert is_called(market.s, ACCOUNT)
    assert market.do(op.repay, BORROWER, ACCOUNT, DAI, 3_750 * 10**18) == OK
    assert not is_called(market.s, ACCOUNT)
    assert call(market) == ACCOUNT_HEALTHY
    room = 50_000.2 - 1.2 * 30_000 / 0.8  # USD; interest of a second takes less than a cent
    assert withdraw(market, int(room)) == OK
    assert health(market.s, ACCOUNT).factor / 1e18 == pytest.approx(1.2, abs=1e-5)
    assert withdraw(market, 10) == OK  # below it, but nobody called
    assert call(market) == OK
    assert withdraw(market, 10) == UNDER_MARGIN_CALL


def test_a_called_account_may_end_its_call_by_what_leaves_it_well(market: ProtocolMachine) -> None:
    """The price recovered and nobody told the vault: it sees that as it lets him borrow."""
    assert call(market) == OK
    post(market, WETH=240)  # 1.4222
    assert is_called(market.s, ACCOUNT)
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, 6_251 * 10**18) == UNDER_MARGIN_CALL
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, 6_249 * 10**18) == OK  # 48,000 / 39,999
    assert not is_called(market.s, ACCOUNT)


def test_a_price_pushed_for_a_block_ends_a_call_for_that_block(market: ProtocolMachine) -> None:
    """Unlike a flag a call needs no row of sightings: whoever is near again is called again, and a
    call takes nothing from anyone that would have to be kept safe from that.
    """
    assert call(market) == OK
    post(market, WETH=210)
    assert market.do(op.end_margin_call, BORROWER, ACCOUNT) == OK
    post(market, WETH=200)
    assert call(market) == OK


@pytest.mark.parametrize("i", [WETH, DAI])
def test_no_call_ends_while_a_price_cannot_be_used(market: ProtocolMachine, i: int) -> None:
    """What counts in the account's favour answers nothing, unless nothing is owed."""
    assert call(market) == OK
    for slot in range(2):
        market.do(op.set_feed_mode, KEEPER, i, slot, 1)
    assert market.do(op.end_margin_call, BORROWER, ACCOUNT) == PRICE_NOT_USABLE
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, market.amount(WETH, 50_000)) == OK
    assert is_called(market.s, ACCOUNT)
    assert market.do(op.repay, BORROWER, ACCOUNT, DAI, max_uint()) == OK
    assert not is_called(market.s, ACCOUNT)


def test_a_call_and_a_flag_mind_each_their_own(market: ProtocolMachine) -> None:
    """Called at 1.185, flagged at .948, repaid to 1.15: the flag counts the recovery, the call
    stands; a liquidation in between leaves the call as it is.
    """
    assert call(market) == OK
    post(market, WETH=160)
    assert market.do(op.flag, OTHER, ACCOUNT) == OK
    market.s.clock[0] += 600
    post(market)
    assert market.do(op.liquidate, OTHER, ACCOUNT, DAI, WETH, 10**21, 0, 0) == OK
    assert is_called(market.s, ACCOUNT)
    assert market.do(op.repay, BORROWER, ACCOUNT, DAI, 5_000 * 10**18) == OK
    assert wad() < health(market.s, ACCOUNT).factor < 1.2 * wad()
    assert is_called(market.s, ACCOUNT) and market.s.account[ACCOUNT, FLAGGED_AT]


def test_a_write_off_ends_the_call(market: ProtocolMachine) -> None:
    """All at once: the account has nothing that a call could keep."""
    assert call(market) == OK
    post(market, WETH=140)
    post(market, WETH=100)
    for _ in range(4):
        market.s.clock[0] += 600
        post(market)
        market.do(op.poke, KEEPER, WETH, 1)
    while market.s.position[ACCOUNT, DAI, POSITION_DEBT]:
        assert market.do(op.liquidate, OTHER, ACCOUNT, DAI, WETH, max_uint(), 0, 0) == OK
    assert market.s.account[ACCOUNT, CALLED_AT] == 0


def test_whoever_seizes_shares_answers_his_own_call_with_them(market: ProtocolMachine) -> None:
    """What he gets backs his debts: it ends his call, as a supply would."""
    own = int(market.s.own_account[1, OTHER])
    market.s.clock[0] += 1
    post(market)
    factor = health(market.s, own).factor
    assert wad() < factor < 1.2 * wad()
    assert market.do(op.margin_call, KEEPER, own) == OK
    post(market, WETH=150)
    assert health(market.s, own).factor == pytest.approx(factor, rel=1e-6)  # has and owes no WETH
    assert market.do(op.liquidate, OTHER, ACCOUNT, DAI, WETH, max_uint(), 0, 1) == OK
    assert health(market.s, own).factor > 1.2 * wad()
    assert not is_called(market.s, own)


def test_without_a_policy_no_call_stands(market: ProtocolMachine) -> None:
    """The twin's rule; the contracts' is in `tests/contracts/test_margin_call.py`."""
    assert call(market) == OK
    market.s.policy[1, MARGIN_CALL_HEALTH] = 0
    assert not is_called(market.s, ACCOUNT)
    market.s.policy[1, MARGIN_CALL_HEALTH] = 1_200 * 10**15
    assert is_called(market.s, ACCOUNT)
