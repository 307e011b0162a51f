"""Collateral in an asset with a loss that nobody has borne: at par, but good for no new debt."""

import pytest

from tests.contracts.deployment import COVER_WINDOW
from tests.contracts.support import MAX_UINT, WAD, reverts

LOST = 1_000 * 10**6


@pytest.fixture
def lose(make_vault, hub, weth, usdc, open_position, set_feed, set_price, stranger):
    """lose(): another vault loses 1,000 usdc; the time of it."""

    def lose():
        other = make_vault()
        set_feed(weth, holdOff=0)
        account = open_position({weth: WAD}, {usdc: LOST}, sub=9, on=other)
        set_price(weth, 9)
        since = other.writeOff(account, sender=stranger).timestamp
        set_price(weth, 2_000)
        assert hub.deficitOf(usdc) == LOST
        return since

    return lose


def test_borrow__against_shares_of_an_open_deficit__waits_for_the_haircut(
    vault, hub, weth, usdc, borrower, stranger, open_position, lose, chain
):
    """10,000 usdc at par would carry 2.75 weth more; after it, what is left of them may."""
    account = open_position({usdc: 10_000 * 10**6}, {weth: WAD})
    since = lose()
    h = vault.health(account)
    assert (h.pricesOk, h.pricesUsable, h.debtPricesUsable) == (False, True, True)
    assert h.collateralValue == 10_000 * 10**8
    with reverts(vault.PriceNotOk):
        vault.borrow(account, weth, WAD, borrower, sender=borrower)
    with reverts(vault.PriceNotOk):
        vault.withdraw(account, usdc, 10**6, borrower, sender=borrower)
    vault.supply(account, usdc, 10**6, sender=borrower)
    vault.repay(account, weth, WAD // 10, sender=borrower)
    chain.pending_timestamp = since + COVER_WINDOW
    hub.socialise(usdc, sender=stranger)
    assert vault.health(account).pricesOk
    assert vault.health(account).collateralValue < 10_001 * 10**8
    vault.borrow(account, weth, WAD, borrower, sender=borrower)


def test_withdraw__everything_of_an_open_deficit__leaves_a_safe_account(
    vault, weth, usdc, wbtc, borrower, open_position, lose
):
    """What the rest of the account carries alone is not against the shares."""
    account = open_position({weth: 10 * WAD, usdc: 10**9}, {wbtc: 10**6})
    lose()
    with reverts(vault.PriceNotOk):
        vault.borrow(account, wbtc, 1, borrower, sender=borrower)
    vault.withdraw(account, usdc, MAX_UINT, borrower, sender=borrower)
    vault.borrow(account, wbtc, 1, borrower, sender=borrower)


def test_withdraw__of_an_open_deficit_without_debt__is_possible(
    vault, usdc, borrower, open_position, lose
):
    """Who owes nothing owes nobody a haircut before it comes."""
    account = open_position({usdc: 10**9}, {})
    lose()
    vault.withdraw(account, usdc, MAX_UINT, borrower, sender=borrower)


def test_borrow__against_escrow__does_not_mind_a_deficit(
    make_vault, weth, usdc, borrower, open_position, lose
):
    """Collateral that is not lent on bears no haircut."""
    vault = make_vault(rehypothecate=False)
    account = open_position({usdc: 10_000 * 10**6}, {weth: WAD}, on=vault)
    lose()
    vault.borrow(account, weth, WAD, borrower, sender=borrower)


def test_liquidate__for_shares_of_an_open_deficit__goes_on(
    vault, weth, usdc, open_position, lose, set_price, liquidate
):
    """3.75 weth at $2,200 owe $8,250 against 80% of $10,000: losses elsewhere delay nothing."""
    account = open_position({usdc: 10_000 * 10**6}, {weth: 375 * WAD // 100})
    lose()
    set_price(weth, 2_200)
    assert vault.isLiquidatable(account)
    liquidate(account, repay=WAD, debt=weth, collateral=usdc)
    assert vault.debtAssets(account, weth) == 275 * WAD // 100
