"""Vault.withdraw: pays out of the hub's cash and leaves the account safe."""

from tests.contracts.support import MAX_AMOUNT, MAX_UINT, VIRTUAL_SHARES, WAD, account_id, reverts


def test_withdraw__everything__empties_the_position(vault, weth, borrower, stranger):
    """type(uint256).max takes all; the asset then stops being collateral."""
    account, before = account_id(borrower), weth.balanceOf(stranger)
    vault.supply(account, weth, 3 * WAD, sender=borrower)
    tx = vault.withdraw(account, weth, MAX_UINT, stranger, sender=borrower)
    assert vault.Withdrawn(account, weth, stranger, 3 * WAD, 3 * WAD * VIRTUAL_SHARES) in tx.events
    assert weth.balanceOf(stranger) == before + 3 * WAD
    assert vault.positionOf(account, weth).supplied == 0
    assert vault.accountOf(account).collateralBits == 0


def test_withdraw__part_in_escrow__pays_token_units(make_vault, hub, weth, borrower):
    """Escrow pays from what was set aside and leaves the lendable cash alone."""
    vault = make_vault(rehypothecate=False)
    account, cash = account_id(borrower), hub.getAsset(weth).cash
    vault.supply(account, weth, 3 * WAD, sender=borrower)
    vault.withdraw(account, weth, WAD, borrower, sender=borrower)
    assert vault.suppliedAssets(account, weth) == hub.getAsset(weth).escrow == 2 * WAD
    vault.withdraw(account, weth, MAX_UINT, borrower, sender=borrower)
    assert hub.getAsset(weth).escrow == 0
    assert hub.getAsset(weth).cash == cash


def test_withdraw__with_debt__stops_at_the_borrow_limit(vault, weth, usdc, borrower, open_position):
    """7,500 of debt at a limit of 75% needs 5 of 10 weth at $2,000: not one wei less."""
    account = open_position({weth: 10 * WAD}, {usdc: 7_500 * 10**6})
    with reverts(vault.BorrowLimitExceeded):
        vault.withdraw(account, weth, 5 * WAD + 1, borrower, sender=borrower)
    vault.withdraw(account, weth, 5 * WAD, borrower, sender=borrower)
    h = vault.health(account)
    assert h.weightedLimit == h.debtValue * 10**4


def test_withdraw__more_than_supplied__is_refused(vault, weth, borrower):
    """Not one unit more, and nothing from an account that has nothing."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    with reverts(vault.InsufficientSupply):
        vault.withdraw(account, weth, WAD + 1, borrower, sender=borrower)
    with reverts(vault.AmountTooLarge):
        vault.withdraw(account, weth, MAX_AMOUNT, borrower, sender=borrower)


def test_withdraw__nothing__is_refused(vault, hub, weth, borrower):
    """Neither zero nor everything of an empty position."""
    for amount in (0, MAX_UINT):
        with reverts(hub.ZeroAmount):
            vault.withdraw(account_id(borrower), weth, amount, borrower, sender=borrower)


def test_withdraw__tokens_lent_out__has_to_wait(
    vault, hub, shares, weth, usdc, supplier, borrower, open_position
):
    """At full usage suppliers are stuck: the claim stands, the cash is gone."""
    account = account_id(borrower, 1)
    vault.supply(account, weth, 5 * WAD, sender=borrower)
    cash = hub.getAsset(weth).cash
    open_position({usdc: 30 * 10**12}, {weth: cash - WAD})
    with reverts(hub.InsufficientCash):
        vault.withdraw(account, weth, WAD + 1, borrower, sender=borrower)
    assert shares[weth.address].maxWithdraw(supplier) == WAD
    vault.withdraw(account, weth, WAD, borrower, sender=borrower)
    assert hub.getAsset(weth).cash == 0
    assert vault.suppliedAssets(account, weth) == 4 * WAD


def test_withdraw__spoke_halted__nothing_leaves(vault, hub, weth, admin, borrower, make_vault):
    """A halt holds lent and escrowed collateral alike."""
    for each in (vault, make_vault(rehypothecate=False)):
        account = account_id(borrower)
        each.supply(account, weth, WAD, sender=borrower)
        hub.setSpoke(weth, each, 0, 0, False, True, sender=admin)
        with reverts(each.SpokeHalted):
            each.withdraw(account, weth, WAD, borrower, sender=borrower)


def test_withdraw__spoke_inactive__may_still_leave(vault, hub, weth, admin, borrower):
    """Inactive means no new business; existing positions can be wound down."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    hub.setSpoke(weth, vault, 0, 0, False, False, sender=admin)
    vault.withdraw(account, weth, MAX_UINT, borrower, sender=borrower)


def test_withdraw__by_anyone_else__is_refused(vault, weth, borrower, stranger):
    """Only the owner and the manager move an account's assets."""
    vault.supply(account_id(borrower), weth, WAD, sender=borrower)
    with reverts(vault.NotAuthorised):
        vault.withdraw(account_id(borrower), weth, WAD, stranger, sender=stranger)


def test_withdraw__asset_not_listed__is_refused(vault, asset, borrower):
    """An unknown asset is named in the error."""
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.withdraw(account_id(borrower), asset, 1, borrower, sender=borrower)
