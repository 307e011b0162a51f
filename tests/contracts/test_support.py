"""The tests' own tools."""

import pytest

from tests.contracts.support import RAY, WAD, YEAR, borrow_rate, growth, half, reverts, up


def test_reverts__another_error__fails(vault, hub, weth, borrower, stranger):
    """Also where the error comes from a contract below the one that was called."""
    account = int(borrower.address, 16) << 8
    with pytest.raises(AssertionError, match="instead of"), reverts(vault.ZeroAmount):
        vault.supply(account, weth, 1, sender=stranger)
    with pytest.raises(AssertionError, match="instead of"), reverts(hub.InsufficientCash):
        vault.withdraw(account, weth, 0, borrower, sender=borrower)
    with pytest.raises(AssertionError, match="did not revert"), reverts(vault.ZeroAmount):
        vault.supply(account, weth, 1, sender=borrower)


def test_reverts__other_inputs__fail(vault, weth, asset, borrower):
    """The error's arguments are part of it."""
    account = int(borrower.address, 16) << 8
    with (
        pytest.raises(AssertionError, match="asset is"),
        reverts(vault.ReserveNotListed, asset=weth),
    ):
        vault.supply(account, asset, 1, sender=borrower)


def test_formulas__published_numbers__are_met():
    """The formulas the tests compare with, held against the vectors themselves."""
    assert growth(RAY // 20, 2_592_000) == 1004118044969757105730597891
    assert growth(RAY // 10, YEAR) == 1105166666666666666666666667
    assert growth(RAY, YEAR) == 2666666666666666666666666666
    assert borrow_rate(0, WAD, 9_200, 0, 235, 600) == 835 * RAY // 10_000
    assert borrow_rate(8 * WAD, 92 * WAD, 9_200, 0, 235, 600) == 235 * RAY // 10_000
    assert (half(5, 1, 2), half(4, 1, 3), up(7, 1, 2)) == (3, 1, 4)
