"""HubShare: the ERC-4626 face of one hub asset."""

import pytest

from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    WAD,
    assets_down,
    down,
    rate_model,
    reverts,
    shares_down,
    shares_up,
    up,
)


@pytest.fixture
def grown(hub, asset, share, admin, supplier, spoke, chain):
    """A share price with no end of digits, and standing still: the debt has been repaid."""
    share.deposit(1_000 * WAD + 7, supplier, sender=supplier)
    hub.setRateModel(asset, rate_model(base=1_234), sender=admin)
    hub.draw(asset, 300 * WAD, spoke, sender=spoke)
    chain.pending_timestamp += 321 * DAY
    hub.setRateModel(asset, rate_model(), sender=admin)
    debt = hub.debtOf(asset, 300 * WAD)
    asset.transfer(hub, debt, sender=spoke)
    hub.restore(asset, debt, 300 * WAD, sender=spoke)
    a = hub.getAsset(asset)
    assert a.cash > a.totalShares
    return a.totalShares, a.cash


def test_share__metadata__names_the_asset(share, asset):
    """Decimals are the asset's: the virtual offset shows nowhere."""
    assert share.name() == "Breakwater LENT"
    assert share.symbol() == "bwLENT"
    assert (share.asset(), share.decimals()) == (asset.address, 18)


def test_deposit__rounds_shares_down(hub, asset, share, stranger, grown):
    """deposit(assets) mints floor(assets (T + V) / (A + V)), as previewed."""
    assets = 17 * WAD + 3
    expected = shares_down(assets, *grown)
    assert share.previewDeposit(assets) == share.convertToShares(assets) == expected
    tx = share.deposit(assets, stranger, sender=stranger)
    assert share.Deposit(stranger, stranger, assets, expected) in tx.events
    assert share.balanceOf(stranger) == expected
    assert hub.getSpoke(asset, share).addedShares == share.totalSupply()


def test_mint__rounds_assets_up(asset, share, stranger, grown):
    """mint(shares) takes ceil(shares (A + V) / (T + V)), as previewed."""
    wanted, before = 17 * WAD + 3, asset.balanceOf(stranger)
    expected = up(wanted, grown[1] + 10**6, grown[0] + 10**6)
    assert share.previewMint(wanted) == expected
    share.mint(wanted, stranger, sender=stranger)
    assert share.balanceOf(stranger) == wanted
    assert before - asset.balanceOf(stranger) == expected


def test_withdraw__rounds_shares_up(asset, share, supplier, stranger, grown):
    """withdraw(assets) burns ceil(assets (T + V) / (A + V)), as previewed."""
    assets, before = 17 * WAD + 3, share.balanceOf(supplier)
    expected = shares_up(assets, *grown)
    assert share.previewWithdraw(assets) == expected
    tx = share.withdraw(assets, stranger, supplier, sender=supplier)
    assert share.Withdraw(supplier, stranger, supplier, assets, expected) in tx.events
    assert before - share.balanceOf(supplier) == expected


def test_redeem__rounds_assets_down(asset, share, supplier, grown):
    """redeem(shares) pays floor(shares (A + V) / (T + V)), as previewed."""
    burnt, before = 17 * WAD + 3, asset.balanceOf(supplier)
    expected = assets_down(burnt, *grown)
    assert share.previewRedeem(burnt) == share.convertToAssets(burnt) == expected
    share.redeem(burnt, supplier, supplier, sender=supplier)
    assert asset.balanceOf(supplier) - before == expected


@pytest.mark.parametrize("amount", [2, 10**6 + 1, WAD + 1])
def test_deposit__then_redeem__never_profits(asset, share, stranger, grown, amount):
    """A round trip costs the rounding, one unit at most each way (invariant 8)."""
    before = asset.balanceOf(stranger)
    share.deposit(amount, stranger, sender=stranger)
    share.redeem(share.balanceOf(stranger), stranger, stranger, sender=stranger)
    assert 0 <= before - asset.balanceOf(stranger) <= 2


def test_deposit__of_a_unit_worth_no_share__is_refused(hub, share, stranger, grown):
    """Either leg at zero reverts: tokens never vanish into rounding."""
    with reverts(hub.ZeroAmount):
        share.deposit(1, stranger, sender=stranger)


def test_withdraw__for_an_owner__needs_his_allowance(share, supplier, stranger, grown):
    """Shares are spent like any other token's."""
    with reverts(share.ERC20InsufficientAllowance, spender=stranger, allowance=0):
        share.withdraw(WAD, stranger, supplier, sender=stranger)
    with reverts(share.ERC20InsufficientAllowance, spender=stranger, allowance=0):
        share.redeem(WAD, stranger, supplier, sender=stranger)
    share.approve(stranger, 2 * WAD, sender=supplier)
    share.withdraw(WAD, stranger, supplier, sender=stranger)
    assert share.allowance(supplier, stranger) == 2 * WAD - shares_up(WAD, *grown)


def test_withdraw__more_than_there_is__is_refused(hub, asset, share, supplier, spoke):
    """Bounded by the owner's claim and by the hub's cash."""
    share.deposit(100 * WAD, supplier, sender=supplier)
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (100 * WAD, 100 * WAD)
    hub.draw(asset, 70 * WAD, spoke, sender=spoke)
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (30 * WAD, 30 * WAD)
    with reverts(share.ERC4626ExceededMaxWithdraw, max=30 * WAD):
        share.withdraw(30 * WAD + 1, supplier, supplier, sender=supplier)
    with reverts(share.ERC4626ExceededMaxRedeem, max=30 * WAD):
        share.redeem(30 * WAD + 1, supplier, supplier, sender=supplier)
    share.redeem(30 * WAD, supplier, supplier, sender=supplier)
    assert share.maxRedeem(supplier) == 0
    assert share.totalAssets() == 70 * WAD


def test_deposit__cap_of_the_hub__holds(hub, asset, share, admin, stranger):
    """What the hub's cap on the share token does not cover is not even offered."""
    hub.setSpoke(asset, share, 5 * WAD, 0, True, False, sender=admin)
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (5 * WAD, 5 * WAD)
    with reverts(share.ERC4626ExceededMaxDeposit, max=5 * WAD):
        share.deposit(5 * WAD + 1, stranger, sender=stranger)
    with reverts(share.ERC4626ExceededMaxMint, max=5 * WAD):
        share.mint(5 * WAD + 1, stranger, sender=stranger)
    share.deposit(5 * WAD, stranger, sender=stranger)
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (0, 0)


@pytest.mark.parametrize("room", [1, 7, WAD + 3])
def test_deposit__all_the_room_there_is__fits(hub, asset, share, admin, stranger, grown, room):
    """At a price of many digits, what maxDeposit offers is accepted."""
    cap = share.totalAssets() + room
    hub.setSpoke(asset, share, cap, 0, True, False, sender=admin)
    assert share.maxDeposit(stranger) == room
    if share.previewDeposit(room):
        share.deposit(room, stranger, sender=stranger)
        assert share.maxDeposit(stranger) <= 1


def test_deposit__largest_amount_of_the_hub__bounds_the_room(
    hub, asset, share, admin, add, spoke, stranger
):
    """Without a cap, 2^112 - 1 less what others brought is offered, and accepted to the unit."""
    hub.setSpoke(asset, share, MAX_UINT, 0, True, False, sender=admin)
    add(asset, 3 * WAD)
    room = MAX_CAP - 3 * WAD
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (room, room)
    with reverts(share.ERC4626ExceededMaxDeposit, max=room):
        share.deposit(room + 1, stranger, sender=stranger)
    asset.mint(stranger, room, sender=admin)
    share.mint(room, stranger, sender=stranger)
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (0, 0)


def test_limits__hub_would_refuse__are_zero(hub, asset, share, admin, supplier):
    """ERC-4626: max* factor in global limits and are 0 while an operation is switched off."""
    share.deposit(5 * WAD, supplier, sender=supplier)
    hub.setSpoke(asset, share, MAX_CAP, 0, False, True, sender=admin)
    assert (share.maxDeposit(supplier), share.maxMint(supplier)) == (0, 0)
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (0, 0)
    with reverts(share.ERC4626ExceededMaxDeposit, max=0):
        share.deposit(1, supplier, sender=supplier)
    with reverts(share.ERC4626ExceededMaxRedeem, max=0):
        share.redeem(1, supplier, supplier, sender=supplier)


def test_donation__to_the_hub__changes_nothing(hub, asset, share, supplier, spoke, grown):
    """No view reads a balance; the donated tokens belong to nobody (invariant 1)."""
    before = hub.getAsset(asset), share.totalAssets(), share.convertToAssets(WAD)
    asset.transfer(hub, 10**6 * WAD, sender=spoke)
    assert (hub.getAsset(asset), share.totalAssets(), share.convertToAssets(WAD)) == before


def test_first_deposit__inflation_attack__does_not_profit(hub, asset, share, supplier, stranger):
    """One wei deposited, a fortune donated: the victim gets full shares (invariant 10)."""
    start = asset.balanceOf(stranger)
    share.deposit(1, stranger, sender=stranger)
    asset.transfer(hub, 1_000 * WAD, sender=stranger)
    share.deposit(500 * WAD, supplier, sender=supplier)
    assert share.maxWithdraw(supplier) == 500 * WAD
    share.redeem(1, stranger, stranger, sender=stranger)
    assert asset.balanceOf(stranger) <= start - 1_000 * WAD


def test_first_deposit__interest_on_one_wei__cannot_inflate_the_price(
    hub, asset, share, admin, supplier, stranger, spoke, chain
):
    """The virtual million makes dust interest go to nobody: the victim loses less than a share."""
    hub.setRateModel(asset, rate_model(base=100_000), sender=admin)
    share.deposit(10, stranger, sender=stranger)
    hub.draw(asset, 10, spoke, sender=spoke)
    chain.pending_timestamp += 365 * DAY
    share.deposit(500 * WAD, supplier, sender=supplier)
    hub.setRateModel(asset, rate_model(), sender=admin)
    lost = 500 * WAD - hub.toAssetsDown(asset, share.balanceOf(supplier))
    assert lost <= 1
    assert hub.toAssetsDown(asset, 10) <= down(10, 10**6 + 3_000, 10**6)


def test_supply__share_token_as_collateral__backs_debt(
    hub, oracle, vault, shares, feeds, weth, usdc, admin, supplier, set_reserve
):
    """A public share can be listed like any asset: escrowed, priced, borrowed against."""
    token = shares[weth.address]
    hub.listAsset(token, rate_model(), sender=admin)
    hub.setSpoke(token, vault, MAX_CAP, 0, True, False, sender=admin)
    oracle.setFeed(token, oracle.getFeed(weth), sender=admin)
    set_reserve(token, rehypothecate=False, borrowEnabled=False)
    token.approve(vault, MAX_UINT, sender=supplier)
    account = int(supplier.address, 16) << 8
    vault.supply(account, token, 10 * WAD, sender=supplier)
    vault.borrow(account, usdc, 15_000 * 10**6, supplier, sender=supplier)
    assert vault.health(account).collateralValue == 20_000 * 10**8
