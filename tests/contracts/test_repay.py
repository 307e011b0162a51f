"""Vault.repay: anyone, for anyone, at any time."""

import pytest

from tests.contracts.support import DAY, MAX_UINT, RAY, WAD, account_id, growth, rate_model, reverts


def test_repay__part__burns_that_much(vault, hub, weth, usdc, borrower, open_position):
    """Debt, ledger and event move by the amount."""
    account = open_position({weth: WAD}, {usdc: 1_000 * 10**6})
    cash = hub.getAsset(usdc).cash
    tx = vault.repay(account, usdc, 300 * 10**6, sender=borrower)
    assert vault.Repaid(account, usdc, borrower, 300 * 10**6, 300 * 10**6) in tx.events
    assert vault.debtAssets(account, usdc) == 700 * 10**6
    assert hub.getAsset(usdc).cash == cash + 300 * 10**6


def test_repay__more_than_is_owed__takes_only_the_debt(
    vault, weth, usdc, borrower, stranger, open_position
):
    """A stranger pays the whole debt of another and keeps the rest of his tokens."""
    account = open_position({weth: WAD}, {usdc: 1_000 * 10**6})
    before = usdc.balanceOf(stranger)
    vault.repay(account, usdc, MAX_UINT, sender=stranger)
    assert usdc.balanceOf(stranger) == before - 1_000 * 10**6
    assert vault.accountOf(account).debtBits == 0
    assert vault.health(account).factor == MAX_UINT


@pytest.mark.parametrize("whole", [True, False], ids=["all", "part"])
def test_repay__after_interest__rounds_against_the_payer(
    vault, hub, weth, usdc, admin, borrower, open_position, chain, whole
):
    """All costs the debt rounded up; a part burns scaled debt rounded down."""
    account = open_position({usdc: 10**12}, {weth: 10 * WAD + 1})
    opened = hub.setRateModel(weth, rate_model(base=777), sender=admin).timestamp
    chain.pending_timestamp = opened + 300 * DAY
    amount = MAX_UINT if whole else 3 * WAD
    before = weth.balanceOf(borrower)
    tx = vault.repay(account, weth, amount, sender=borrower)
    index = growth(777 * RAY // 10**4, tx.timestamp - opened)
    assert hub.getAsset(weth).borrowIndex == index
    paid = before - weth.balanceOf(borrower)
    if whole:
        assert paid == -(-(10 * WAD + 1) * index // RAY)
        assert vault.positionOf(account, weth).scaledDebt == 0
    else:
        assert paid == amount
        assert vault.positionOf(account, weth).scaledDebt == 10 * WAD + 1 - amount * RAY // index


def test_repay__no_debt__is_refused(vault, weth, usdc, borrower, open_position):
    """Neither a zero amount nor a debt that is not there."""
    account = open_position({weth: WAD}, {usdc: 100 * 10**6})
    with reverts(vault.ZeroAmount):
        vault.repay(account, usdc, 0, sender=borrower)
    with reverts(vault.ZeroAmount):
        vault.repay(account, weth, WAD, sender=borrower)


def test_repay__asset_not_listed__is_refused(vault, asset, borrower):
    """An unknown asset is named in the error."""
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.repay(account_id(borrower), asset, 1, sender=borrower)


@pytest.mark.parametrize("halted", [False, True], ids=["inactive", "halted"])
def test_repay__spoke_switched_off__is_never_blocked(
    vault, hub, weth, usdc, admin, borrower, open_position, halted
):
    """Whatever the hub's switches say, debt can be repaid."""
    account = open_position({weth: WAD}, {usdc: 100 * 10**6})
    hub.setSpoke(usdc, vault, 0, 0, False, halted, sender=admin)
    vault.repay(account, usdc, MAX_UINT, sender=borrower)
    assert vault.debtAssets(account, usdc) == 0


def test_repay__last_debt_of_a_flagged_account__is_a_sighting(vault, usdc, borrower, unhealthy):
    """Who could close and borrow again at another price in a block would shed any flag."""
    account = unhealthy()
    vault.flag(account, sender=borrower)
    vault.repay(account, usdc, 10**6, sender=borrower)
    tx = vault.repay(account, usdc, MAX_UINT, sender=borrower)
    assert vault.RecoverySeen(account, tx.timestamp) in tx.events
    assert vault.isFlagged(account) and not vault.isLiquidatable(account)
