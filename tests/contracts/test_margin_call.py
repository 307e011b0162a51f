"""Vault.marginCall and endMarginCall: the time between health and illness."""

import pytest

from tests.contracts.support import MAX_UINT, NORMAL, REVERTS, WAD, ZERO_ADDRESS, reverts

CALLS = 11 * WAD // 10


@pytest.fixture
def calling(make_vault):
    """A vault that calls for margin below a health of 1.1."""
    return make_vault(calls=CALLS)


@pytest.fixture
def position(open_position, weth, usdc, calling):
    """10 weth at $2,000 owe 14,760 usdc, at a threshold of 80%: a health of 16,000 / 14,760."""
    return open_position({weth: 10 * WAD}, {usdc: 14_760 * 10**6}, on=calling)


@pytest.fixture
def called(calling, position, stranger):
    """The same, called."""
    calling.marginCall(position, sender=stranger)
    return position


def test_margin_call__near__is_noted(calling, position, stranger):
    """Anyone may, once; the event tells how near the account was."""
    tx = calling.marginCall(position, sender=stranger)
    assert calling.MarginCalled(position, 16_000 * WAD // 14_760) in tx.events
    assert calling.accountOf(position).calledAt == tx.timestamp
    assert calling.isCalled(position)
    with reverts(calling.AlreadyCalled):
        calling.marginCall(position, sender=stranger)


def test_margin_call__at_the_bounds__is_refused(calling, position, set_price, weth, stranger):
    """At a health of 1.1, $2,029.50 x 8 / 14,760, it is early, and below 1, under $1,845, late."""
    set_price(weth, 2_029.5)
    with reverts(calling.AccountHealthy):
        calling.marginCall(position, sender=stranger)
    set_price(weth, 1_844.99)
    with reverts(calling.Unhealthy):
        calling.marginCall(position, sender=stranger)
    set_price(weth, 1_845)
    calling.marginCall(position, sender=stranger)


def test_margin_call__without_a_policy_of_calls__is_refused(
    vault, open_position, set_price, weth, usdc, stranger
):
    """At a health of exactly 1."""
    account = open_position({weth: 10 * WAD}, {usdc: 14_760 * 10**6})
    set_price(weth, 1_845)
    with reverts(vault.AccountHealthy):
        vault.marginCall(account, sender=stranger)
    with reverts(vault.NotCalled):
        vault.endMarginCall(account, sender=stranger)


def test_margin_call__of_an_account_without_debt__is_refused(
    calling, open_position, weth, stranger
):
    account = open_position({weth: WAD}, {}, on=calling)
    with reverts(calling.AccountHealthy):
        calling.marginCall(account, sender=stranger)


def test_called__raises_no_risk(calling, called, weth, usdc, wbtc, borrower):
    """Not by a unit; who is not called may borrow in the same health."""
    calling.supply(called, wbtc, 10**4, sender=borrower)
    with reverts(calling.UnderMarginCall):
        calling.borrow(called, usdc, 1, borrower, sender=borrower)
    with reverts(calling.UnderMarginCall):
        calling.withdraw(called, weth, 1, borrower, sender=borrower)
    with reverts(calling.UnderMarginCall):
        calling.setCollateral(called, wbtc, False, sender=borrower)


def test_not_called__may_borrow_below_the_health_of_calls(calling, position, usdc, borrower):
    """A call must be made before it binds."""
    calling.borrow(position, usdc, 10**6, borrower, sender=borrower)


def test_called__may_borrow_what_leaves_it_at_the_health_of_calls(
    calling, called, feeds, weth, usdc, borrower, set_price
):
    """At $2,200 its health is 17,600 / 14,760 = 1.1924; with 1,240 more it is exactly 1.1."""
    set_price(weth, 2_200)
    with reverts(calling.UnderMarginCall):
        calling.borrow(called, usdc, 1_240 * 10**6 + 1, borrower, sender=borrower)
    tx = calling.borrow(called, usdc, 1_240 * 10**6, borrower, sender=borrower)
    assert calling.health(called).factor == CALLS
    assert calling.MarginCallEnded(called) in tx.events
    calling.borrow(called, usdc, 1, borrower, sender=borrower)


@pytest.mark.parametrize("verb", ["supply", "repay"])
def test_supply_and_repay__that_reach_the_health_of_calls__end_it(
    calling, called, weth, usdc, borrower, verb
):
    """16,000 / 14,760: .1475 of weth more, $236 at 80%, make it 1.1, or 214.55 usdc less."""
    steps = {"supply": (weth, 1_475 * 10**14 - 10**12), "repay": (usdc, 214_545_000)}
    asset, almost = steps[verb]
    getattr(calling, verb)(called, asset, almost, sender=borrower)
    assert calling.isCalled(called)
    rest = 10**12 if verb == "supply" else 1_000
    tx = getattr(calling, verb)(called, asset, rest, sender=borrower)
    assert calling.MarginCallEnded(called) in tx.events
    assert calling.accountOf(called).calledAt == 0
    with reverts(calling.AccountHealthy):
        calling.marginCall(called, sender=borrower)


def test_end_margin_call__by_price_alone__is_told_by_whoever_cares(
    calling, called, weth, set_price, stranger
):
    """$2,029.49 is a cent short."""
    set_price(weth, 2_029.49)
    with reverts(calling.Unhealthy):
        calling.endMarginCall(called, sender=stranger)
    set_price(weth, 2_029.5)
    tx = calling.endMarginCall(called, sender=stranger)
    assert calling.MarginCallEnded(called) in tx.events
    with reverts(calling.NotCalled):
        calling.endMarginCall(called, sender=stranger)


def test_price_that_is_not_usable__ends_no_call(
    calling, called, feeds, weth, usdc, set_price, admin, borrower, stranger
):
    """A factor in the account's favour answers nothing; the last debt repaid does."""
    set_price(weth, 2_100)
    feeds[weth.address].setMode(REVERTS, sender=admin)
    with reverts(calling.PriceNotUsable):
        calling.endMarginCall(called, sender=stranger)
    calling.supply(called, weth, WAD, sender=borrower)
    assert calling.isCalled(called)
    calling.repay(called, usdc, MAX_UINT, sender=borrower)
    assert not calling.isCalled(called)
    feeds[weth.address].setMode(NORMAL, sender=admin)


def test_called__is_liquidated_as_anyone__and_stays_called_while_it_is_near(
    calling, called, weth, usdc, set_price, liquidate
):
    """At $1,800 the health is .9756: 4,000 usdc for $4,180 leave 11,056 / 10,760 = 1.0275; of the
    debt the close factor lets half be repaid, and with it 1.1 is never reached.
    """
    set_price(weth, 1_800)
    liquidate(called, on=calling, repay=4_000 * 10**6)
    assert WAD < calling.health(called).factor < CALLS
    assert calling.isCalled(called)


def test_write_off__ends_the_call(calling, called, weth, usdc, set_price, liquidate):
    """Nobody is called for what was forgiven."""
    set_price(weth, 300)
    liquidate(called, on=calling)
    assert calling.debtAssets(called, usdc) == 0
    assert not calling.isCalled(called)


def test_policy_without_calls__suspends_those_that_stand(
    calling, called, close_factor, weth, usdc, borrower, admin
):
    """With one again they stand again."""
    policy = (close_factor, 0, 0, calling.policy().dustValue)
    calling.setPolicy((*policy, 0, ZERO_ADDRESS), sender=admin)
    assert not calling.isCalled(called)
    calling.borrow(called, usdc, 10**6, borrower, sender=borrower)
    calling.setPolicy((*policy, CALLS, ZERO_ADDRESS), sender=admin)
    with reverts(calling.UnderMarginCall):
        calling.borrow(called, usdc, 1, borrower, sender=borrower)
