"""Delegation to a manager, and several calls in one transaction."""

from tests.contracts.support import MAX_UINT, WAD, ZERO_ADDRESS, account_id, reverts


def test_set_manager__may_act_on_that_sub_account_only(vault, weth, usdc, borrower, stranger):
    """The manager pays for a supply and directs a loan; the sibling stays closed to it."""
    account = account_id(borrower)
    tx = vault.setManager(account, stranger, sender=borrower)
    assert vault.ManagerSet(account, stranger) in tx.events
    vault.supply(account, weth, WAD, sender=stranger)
    vault.borrow(account, usdc, 10**7, stranger, sender=stranger)
    vault.setCollateral(account, weth, True, sender=stranger)
    vault.repay(account, usdc, MAX_UINT, sender=stranger)
    vault.withdraw(account, weth, MAX_UINT, stranger, sender=stranger)
    vault.setIsolated(account, True, sender=stranger)
    with reverts(vault.NotAuthorised):
        vault.supply(account_id(borrower, 1), weth, WAD, sender=stranger)


def test_set_manager__by_the_manager__is_refused(vault, borrower, stranger, liquidator):
    """A manager can neither pass its power on nor keep it against the owner."""
    account = account_id(borrower)
    vault.setManager(account, stranger, sender=borrower)
    with reverts(vault.NotAuthorised):
        vault.setManager(account, liquidator, sender=stranger)


def test_set_manager__to_nobody__ends_it(vault, weth, borrower, stranger):
    """Revocation is immediate."""
    account = account_id(borrower)
    vault.setManager(account, stranger, sender=borrower)
    vault.setManager(account, ZERO_ADDRESS, sender=borrower)
    with reverts(vault.NotAuthorised):
        vault.supply(account, weth, WAD, sender=stranger)


def test_owner_of__any_sub_account__is_the_address_in_the_id(vault, borrower):
    """accountId = uint160(owner) << 8 | subAccount"""
    assert {vault.ownerOf(account_id(borrower, sub)) for sub in (0, 1, 255)} == {borrower.address}


def calls(vault, *encoded):
    return [getattr(vault, name).encode_input(*args) for name, *args in encoded]


def test_multicall__supply_and_borrow__happen_in_one_transaction(vault, weth, usdc, borrower):
    """The sender stays the sender inside."""
    account, before = account_id(borrower), usdc.balanceOf(borrower)
    steps = calls(
        vault,
        ("supply", account, weth, 10 * WAD),
        ("borrow", account, usdc, 15_000 * 10**6, borrower),
    )
    vault.multicall(steps, sender=borrower)
    assert usdc.balanceOf(borrower) == before + 15_000 * 10**6


def test_multicall__one_step_fails__undoes_all(vault, weth, usdc, borrower):
    """The error of the failing step comes through and nothing has moved."""
    account, before = account_id(borrower), weth.balanceOf(borrower)
    steps = calls(
        vault,
        ("supply", account, weth, 10 * WAD),
        ("borrow", account, usdc, 15_000 * 10**6 + 1, borrower),
    )
    with reverts(vault.BorrowLimitExceeded):
        vault.multicall(steps, sender=borrower)
    assert weth.balanceOf(borrower) == before
    assert vault.positionOf(account, weth).supplied == 0


def test_multicall__on_anothers_account__is_refused(vault, weth, borrower, stranger):
    """Wrapping a call does not lend it authority."""
    vault.supply(account_id(borrower), weth, WAD, sender=borrower)
    steps = calls(vault, ("withdraw", account_id(borrower), weth, WAD, stranger))
    with reverts(vault.NotAuthorised):
        vault.multicall(steps, sender=stranger)


def test_multicall__unsafe_in_between__is_refused_step_by_step(
    vault, weth, usdc, borrower, open_position
):
    """Every step stands alone: health is not deferred to the end of the batch."""
    account = open_position({weth: 10 * WAD}, {usdc: 15_000 * 10**6})
    steps = calls(
        vault,
        ("withdraw", account, weth, WAD, borrower),
        ("repay", account, usdc, MAX_UINT),
    )
    with reverts(vault.BorrowLimitExceeded):
        vault.multicall(steps, sender=borrower)
    vault.multicall(steps[::-1], sender=borrower)
