"""Vault.supply: adds to an account, reads no price, makes the first supply collateral."""

import pytest

from tests.contracts.support import (
    DAY,
    MAX_AMOUNT,
    VIRTUAL_SHARES,
    WAD,
    account_id,
    rate_model,
    reverts,
    shares_down,
)


def test_supply__first_of_an_asset__becomes_collateral(vault, hub, weth, borrower):
    """Position, ledger, token and events all move by the same amount."""
    account = account_id(borrower)
    before = hub.getAsset(weth).cash
    tx = vault.supply(account, weth, 3 * WAD, sender=borrower)
    assert vault.CollateralSet(account, weth, True) in tx.events
    assert vault.Supplied(account, weth, borrower, 3 * WAD, 3 * WAD * VIRTUAL_SHARES) in tx.events
    assert vault.accountOf(account).collateralBits == 0b001
    assert vault.suppliedAssets(account, weth) == 3 * WAD
    assert hub.getAsset(weth).cash == before + 3 * WAD
    assert hub.getSpoke(weth, vault).addedShares == vault.positionOf(account, weth).supplied
    assert weth.balanceOf(hub) == hub.getAsset(weth).cash


def test_supply__more_of_an_asset_taken_out_of_collateral__stays_out(vault, weth, borrower):
    """Only the first supply decides; what the owner then chose is respected."""
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    vault.setCollateral(account, weth, False, sender=borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    assert vault.accountOf(account).collateralBits == 0


def test_supply__reserve_not_collateral__is_held_without_backing(
    vault, weth, borrower, set_reserve
):
    """The asset is supplied and can be withdrawn, but counts for nothing."""
    set_reserve(weth, collateralEnabled=False)
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    assert vault.suppliedAssets(account, weth) == WAD
    assert vault.health(account).collateralValue == 0


def test_supply__reserve_in_escrow__is_never_lent(make_vault, hub, weth, borrower):
    """Escrow counts token units, not shares, and leaves cash and claims alone."""
    vault = make_vault(rehypothecate=False)
    account = account_id(borrower)
    before = hub.getAsset(weth)
    vault.supply(account, weth, 2 * WAD, sender=borrower)
    after = hub.getAsset(weth)
    assert vault.positionOf(account, weth).supplied == 2 * WAD
    assert after.escrow == hub.getSpoke(weth, vault).escrowed == 2 * WAD
    assert (after.cash, after.totalShares) == (before.cash, before.totalShares)


def test_supply__share_worth_more_than_a_unit__mints_shares_down(
    vault, hub, weth, usdc, admin, borrower, open_position, chain
):
    """shares = floor(assets (totalShares + V) / (totalAssets + 1)) at the totals of that second."""
    open_position({usdc: 10**12}, {weth: 100 * WAD})
    hub.setRateModel(weth, rate_model(base=1_000), sender=admin)
    chain.pending_timestamp += 400 * DAY
    account, amount = account_id(borrower, 1), 7 * WAD + 5
    vault.supply(account, weth, amount, sender=borrower)
    totals, minted = hub.getAsset(weth), vault.positionOf(account, weth).supplied
    debt = -(-totals.scaledDebt * totals.borrowIndex // 10**27)
    assets = totals.cash - amount + debt
    assert minted == shares_down(amount, totals.totalShares - minted, assets)
    assert minted < amount * VIRTUAL_SHARES
    assert amount - 1 <= vault.suppliedAssets(account, weth) <= amount


def test_supply__by_anyone_else__is_refused(vault, weth, borrower, stranger):
    """Nobody can push assets, and with them a collateral, into another's account."""
    with reverts(vault.NotAuthorised):
        vault.supply(account_id(borrower), weth, WAD, sender=stranger)


@pytest.mark.parametrize(("amount", "error"), [(0, "ZeroAmount"), (MAX_AMOUNT, "AmountTooLarge")])
def test_supply__amount_out_of_bounds__is_refused(vault, weth, borrower, amount, error):
    """0 < amount < 2^112."""
    with reverts(getattr(vault, error)):
        vault.supply(account_id(borrower), weth, amount, sender=borrower)


def test_supply__asset_not_listed__is_refused(vault, asset, borrower):
    """A hub asset is not a reserve of the vault until it is configured there."""
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.supply(account_id(borrower), asset, 1, sender=borrower)


@pytest.mark.parametrize("rehypothecate", [True, False], ids=["lent", "escrow"])
def test_supply__cap_of_the_vault__holds_to_the_unit(make_vault, weth, borrower, rehypothecate):
    """The cap bounds the whole vault's total, in token units."""
    vault = make_vault(supplyCap=5 * WAD, rehypothecate=rehypothecate)
    vault.supply(account_id(borrower), weth, 2 * WAD, sender=borrower)
    with reverts(vault.SupplyCapExceeded):
        vault.supply(account_id(borrower, 1), weth, 3 * WAD + 1, sender=borrower)
    vault.supply(account_id(borrower, 1), weth, 3 * WAD, sender=borrower)


def test_supply__spoke_cap_of_the_hub__holds_to_the_unit(vault, hub, weth, admin, borrower):
    """The hub's own cap on the vault binds whatever the vault's configuration says."""
    account = account_id(borrower)
    hub.setSpoke(weth, vault, 5 * WAD, 0, True, False, sender=admin)
    with reverts(vault.AddCapExceeded):
        vault.supply(account, weth, 5 * WAD + 1, sender=borrower)
    vault.supply(account, weth, 5 * WAD, sender=borrower)


def test_supply__unhealthy_account__is_not_blocked(vault, weth, borrower, unhealthy):
    """Topping up is how a borrower rescues an account: .8 x (18,000 + 450) = 14,760."""
    account = unhealthy()
    assert vault.health(account).factor < WAD
    vault.supply(account, weth, WAD // 4, sender=borrower)
    assert vault.health(account).factor == WAD
