"""Vault.setCollateral and isolated sub-accounts."""

import pytest

from tests.contracts.support import MAX_UINT, WAD, account_id, reverts


def test_set_collateral__off_and_on__changes_what_backs_the_debt(vault, weth, borrower):
    """The position stays; only its weight in the account changes."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    tx = vault.setCollateral(account, weth, False, sender=borrower)
    assert vault.CollateralSet(account, weth, False) in tx.events
    assert vault.health(account).collateralValue == 0
    vault.setCollateral(account, weth, True, sender=borrower)
    assert vault.health(account).collateralValue == 2_000 * 10**8


def test_supply__on_top_of_what_backs_nothing__says_so(vault, weth, borrower):
    """More of it counts as what is there, and whoever supplies can see that it is no collateral."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    tx = vault.supply(account, weth, WAD, sender=borrower)
    assert not tx.decode_logs(vault.CollateralSet)
    vault.setCollateral(account, weth, False, sender=borrower)
    tx = vault.supply(account, weth, WAD, sender=borrower)
    assert vault.CollateralSet(account, weth, False) in tx.events
    assert vault.health(account).collateralValue == 0


def test_set_collateral__off_while_debt_needs_it__is_refused(
    vault, weth, usdc, wbtc, borrower, open_position
):
    """What remains must carry the debt alone."""
    account = open_position({weth: 10 * WAD, wbtc: 10**8}, {usdc: 15_000 * 10**6 + 1})
    with reverts(vault.BorrowLimitExceeded):
        vault.setCollateral(account, wbtc, False, sender=borrower)
    vault.repay(account, usdc, 1, sender=borrower)
    vault.setCollateral(account, wbtc, False, sender=borrower)
    assert vault.accountOf(account).collateralBits == 0b001


def test_set_collateral__nothing_supplied__is_refused(vault, weth, borrower):
    """A bit without a balance would be read for nothing in every health check."""
    for enabled in (True, False):
        with reverts(vault.InsufficientSupply):
            vault.setCollateral(account_id(borrower), weth, enabled, sender=borrower)


def test_set_collateral__reserve_closed_for_it__is_refused(vault, weth, borrower, set_reserve):
    """What is collateral stays; what is not cannot become it."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    set_reserve(weth, collateralEnabled=False)
    assert vault.health(account).collateralValue == 2_000 * 10**8
    vault.setCollateral(account, weth, False, sender=borrower)
    with reverts(vault.CollateralDisabled):
        vault.setCollateral(account, weth, True, sender=borrower)


def test_set_collateral__by_anyone_else__is_refused(vault, weth, borrower, stranger):
    """Switching off another's collateral would get him liquidated."""
    vault.supply(account_id(borrower), weth, WAD, sender=borrower)
    with reverts(vault.NotAuthorised):
        vault.setCollateral(account_id(borrower), weth, False, sender=stranger)


def test_set_collateral__asset_not_listed__is_refused(vault, asset, borrower):
    """An unknown asset is named in the error."""
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.setCollateral(account_id(borrower), asset, True, sender=borrower)


# --- isolation ------------------------------------------------------------------------------------


@pytest.fixture
def isolated(vault, weth, usdc, borrower):
    """Sub-account 7, isolated, with 10 weth supplied and 100 usdc owed."""
    account = account_id(borrower, 7)
    tx = vault.setIsolated(account, True, sender=borrower)
    assert vault.IsolationSet(account, True) in tx.events
    vault.supply(account, weth, 10 * WAD, sender=borrower)
    vault.borrow(account, usdc, 100 * 10**6, borrower, sender=borrower)
    return account


def test_isolated__second_collateral__is_refused(vault, weth, wbtc, borrower, isolated):
    """It can be supplied, but backs nothing."""
    vault.supply(isolated, wbtc, 10**8, sender=borrower)
    assert vault.accountOf(isolated).collateralBits == 0b001
    assert vault.health(isolated).collateralValue == 20_000 * 10**8
    with reverts(vault.IsolatedLimit):
        vault.setCollateral(isolated, wbtc, True, sender=borrower)


def test_isolated__second_debt__is_refused(vault, weth, usdc, borrower, isolated):
    """More of the same is fine, another asset is not."""
    vault.borrow(isolated, usdc, 100 * 10**6, borrower, sender=borrower)
    with reverts(vault.IsolatedLimit):
        vault.borrow(isolated, weth, 1, borrower, sender=borrower)


def test_isolated__emptied__may_use_other_assets(vault, weth, usdc, wbtc, borrower, isolated):
    """The limit is on what is held now, not on history."""
    vault.repay(isolated, usdc, MAX_UINT, sender=borrower)
    vault.withdraw(isolated, weth, MAX_UINT, borrower, sender=borrower)
    vault.supply(isolated, wbtc, 10**8, sender=borrower)
    vault.borrow(isolated, weth, WAD, borrower, sender=borrower)
    account = vault.accountOf(isolated)
    assert (account.collateralBits, account.debtBits) == (0b100, 0b001)


def test_isolated__with_positions__cannot_be_changed(vault, weth, usdc, borrower, isolated):
    """Neither with debt nor with collateral alone."""
    with reverts(vault.AccountNotEmpty):
        vault.setIsolated(isolated, False, sender=borrower)
    vault.repay(isolated, usdc, MAX_UINT, sender=borrower)
    with reverts(vault.AccountNotEmpty):
        vault.setIsolated(isolated, False, sender=borrower)
    vault.withdraw(isolated, weth, MAX_UINT, borrower, sender=borrower)
    vault.setIsolated(isolated, False, sender=borrower)
    assert not vault.accountOf(isolated).isolated


def test_isolated__by_anyone_else__is_refused(vault, borrower, stranger):
    """Only the owner and the manager shape an account."""
    with reverts(vault.NotAuthorised):
        vault.setIsolated(account_id(borrower), True, sender=stranger)


def test_isolated__liquidated_to_the_end__leaves_siblings_alone(
    vault, weth, usdc, isolated, open_position, liquidate, set_price
):
    """An isolated account's loss ends with the account: its sibling keeps every unit."""
    sibling = open_position({weth: WAD}, {usdc: 10**7}, sub=8)
    before = vault.positionOf(sibling, weth), vault.positionOf(sibling, usdc)
    set_price(weth, 9)
    liquidate(isolated)
    assert vault.positionOf(isolated, weth).supplied == 0
    assert vault.positionOf(isolated, usdc).scaledDebt == 0
    assert (vault.positionOf(sibling, weth), vault.positionOf(sibling, usdc)) == before
