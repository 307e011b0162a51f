"""HubShare: the ERC-4626 face of one hub asset."""

import pytest

from tests.contracts.deployment import feed_settings
from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    VIRTUAL_ASSETS,
    VIRTUAL_SHARES,
    WAD,
    assets_down,
    rate_model,
    reverts,
    shares_down,
    shares_up,
    up,
)

SHARE = WAD * VIRTUAL_SHARES
"""Worth a token before there was interest or loss."""


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
    assert a.cash * VIRTUAL_SHARES > a.totalShares
    return a.totalShares, a.cash


def test_share__metadata__names_the_asset(share, asset):
    """Six decimals more than the asset's: a whole share is worth a whole token at first."""
    assert share.name() == "Breakwater LENT"
    assert share.symbol() == "bwLENT"
    assert (share.asset(), share.decimals()) == (asset.address, 24)


def test_deposit__rounds_shares_down(hub, asset, share, stranger, grown):
    """deposit(assets) mints floor(assets (T + V) / (A + 1)), as previewed."""
    assets = 17 * WAD + 3
    expected = shares_down(assets, *grown)
    assert share.previewDeposit(assets) == share.convertToShares(assets) == expected
    tx = share.deposit(assets, stranger, sender=stranger)
    assert share.Deposit(stranger, stranger, assets, expected) in tx.events
    assert share.balanceOf(stranger) == expected
    assert hub.getSpoke(asset, share).addedShares == share.totalSupply()


def test_mint__rounds_assets_up(asset, share, stranger, grown):
    """mint(shares) takes ceil(shares (A + 1) / (T + V)), as previewed."""
    wanted, before = 17 * SHARE + 3, asset.balanceOf(stranger)
    expected = up(wanted, grown[1] + VIRTUAL_ASSETS, grown[0] + VIRTUAL_SHARES)
    assert share.previewMint(wanted) == expected
    share.mint(wanted, stranger, sender=stranger)
    assert share.balanceOf(stranger) == wanted
    assert before - asset.balanceOf(stranger) == expected


def test_withdraw__rounds_shares_up(asset, share, supplier, stranger, grown):
    """withdraw(assets) burns ceil(assets (T + V) / (A + 1)), as previewed."""
    assets, before = 17 * WAD + 3, share.balanceOf(supplier)
    expected = shares_up(assets, *grown)
    assert share.previewWithdraw(assets) == expected
    tx = share.withdraw(assets, stranger, supplier, sender=supplier)
    assert share.Withdraw(supplier, stranger, supplier, assets, expected) in tx.events
    assert before - share.balanceOf(supplier) == expected


def test_redeem__rounds_assets_down(asset, share, supplier, grown):
    """redeem(shares) pays floor(shares (A + 1) / (T + V)), as previewed."""
    burnt, before = 17 * SHARE + 3, asset.balanceOf(supplier)
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


def test_redeem__of_shares_worth_no_unit__is_neither_offered_nor_possible(
    hub, share, supplier, stranger, grown
):
    """Either leg at zero reverts: shares never vanish into rounding."""
    share.transfer(stranger, VIRTUAL_SHARES // 2, sender=supplier)
    assert share.maxRedeem(stranger) == share.maxWithdraw(stranger) == 0
    with reverts(share.ERC4626ExceededMaxRedeem, max=0):
        share.redeem(VIRTUAL_SHARES // 2, stranger, stranger, sender=stranger)


def test_withdraw__for_an_owner__needs_his_allowance(share, supplier, stranger, grown):
    """Shares are spent like any other token's."""
    with reverts(share.ERC20InsufficientAllowance, spender=stranger, allowance=0):
        share.withdraw(WAD, stranger, supplier, sender=stranger)
    with reverts(share.ERC20InsufficientAllowance, spender=stranger, allowance=0):
        share.redeem(SHARE, stranger, supplier, sender=stranger)
    share.approve(stranger, 2 * SHARE, sender=supplier)
    share.withdraw(WAD, stranger, supplier, sender=stranger)
    assert share.allowance(supplier, stranger) == 2 * SHARE - shares_up(WAD, *grown)


def test_withdraw__more_than_there_is__is_refused(hub, asset, share, supplier, spoke):
    """Bounded by the owner's claim and by the hub's cash."""
    share.deposit(100 * WAD, supplier, sender=supplier)
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (100 * WAD, 100 * SHARE)
    hub.draw(asset, 70 * WAD, spoke, sender=spoke)
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (30 * WAD, 30 * SHARE)
    with reverts(share.ERC4626ExceededMaxWithdraw, max=30 * WAD):
        share.withdraw(30 * WAD + 1, supplier, supplier, sender=supplier)
    with reverts(share.ERC4626ExceededMaxRedeem, max=30 * SHARE):
        share.redeem(30 * SHARE + 1, supplier, supplier, sender=supplier)
    share.redeem(30 * SHARE, supplier, supplier, sender=supplier)
    assert share.maxRedeem(supplier) == 0
    assert share.totalAssets() == 70 * WAD


def test_deposit__cap_of_the_hub__holds(hub, asset, share, admin, stranger):
    """What the hub's cap on the share token does not cover is not even offered."""
    hub.setSpoke(asset, share, 5 * WAD, 0, True, False, sender=admin)
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (5 * WAD, 5 * SHARE)
    with reverts(share.ERC4626ExceededMaxDeposit, max=5 * WAD):
        share.deposit(5 * WAD + 1, stranger, sender=stranger)
    with reverts(share.ERC4626ExceededMaxMint, max=5 * SHARE):
        share.mint(5 * SHARE + 1, stranger, sender=stranger)
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
    """With the largest cap, 2^112 - 1 less what others brought is offered, and accepted."""
    hub.setSpoke(asset, share, MAX_CAP, 0, True, False, sender=admin)
    add(asset, 3 * WAD)
    room = MAX_CAP - 3 * WAD
    assert (share.maxDeposit(stranger), share.maxMint(stranger)) == (room, room * VIRTUAL_SHARES)
    with reverts(share.ERC4626ExceededMaxDeposit, max=room):
        share.deposit(room + 1, stranger, sender=stranger)
    asset.mint(stranger, room, sender=admin)
    share.mint(room * VIRTUAL_SHARES, stranger, sender=stranger)
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


def test_available__is_all_that_leaves__and_no_unit_more(hub, asset, share, supplier, spoke):
    """Supply 5, lend 3: 2 are available, whoever asks, and a donation adds nothing."""
    share.deposit(5 * WAD, supplier, sender=supplier)
    hub.draw(asset, 3 * WAD, spoke, sender=spoke)
    asset.transfer(hub, 7 * WAD, sender=spoke)
    assert hub.available(asset) == 2 * WAD
    assert (share.maxWithdraw(supplier), share.maxRedeem(supplier)) == (2 * WAD, 2 * SHARE)
    with reverts(hub.InsufficientCash):
        hub.draw(asset, 2 * WAD + 1, spoke, sender=spoke)
    share.withdraw(2 * WAD, supplier, supplier, sender=supplier)
    assert (hub.available(asset), share.maxRedeem(supplier)) == (0, 0)


def test_donation__to_the_hub__changes_nothing(hub, asset, share, supplier, spoke, grown):
    """No view reads a balance; the donated tokens belong to nobody (invariant 1)."""
    before = hub.getAsset(asset), share.totalAssets(), share.convertToAssets(SHARE)
    asset.transfer(hub, 10**6 * WAD, sender=spoke)
    assert (hub.getAsset(asset), share.totalAssets(), share.convertToAssets(SHARE)) == before


def test_first_deposit__inflation_attack__does_not_profit(hub, asset, share, supplier, stranger):
    """One wei deposited, a fortune donated: the victim gets full shares (invariant 10)."""
    start = asset.balanceOf(stranger)
    share.deposit(1, stranger, sender=stranger)
    asset.transfer(hub, 1_000 * WAD, sender=stranger)
    share.deposit(500 * WAD, supplier, sender=supplier)
    assert share.maxWithdraw(supplier) == 500 * WAD
    share.redeem(VIRTUAL_SHARES, stranger, stranger, sender=stranger)
    assert asset.balanceOf(stranger) <= start - 1_000 * WAD


def test_first_deposit__interest_on_one_wei__cannot_inflate_the_price(
    hub, asset, share, admin, supplier, stranger, spoke, chain
):
    """Ten units at 1,000% a year: the price rises by that, and the victim loses a unit at most."""
    hub.setRateModel(asset, rate_model(base=100_000), sender=admin)
    share.deposit(10, stranger, sender=stranger)
    hub.draw(asset, 10, spoke, sender=spoke)
    chain.pending_timestamp += 365 * DAY
    share.deposit(500 * WAD, supplier, sender=supplier)
    hub.setRateModel(asset, rate_model(), sender=admin)
    lost = 500 * WAD - hub.toAssetsDown(asset, share.balanceOf(supplier))
    assert lost <= 1
    assert hub.toAssetsDown(asset, 10 * VIRTUAL_SHARES) <= hub.debtOf(asset, 10)


@pytest.fixture
def pledged(project, hub, oracle, vault, shares, feeds, weth, admin, supplier, set_reserve):
    """10 whole shares of weth, priced through its feed at $2,000, in escrow: account and feed."""
    token = shares[weth.address]
    hub.listAsset(token, rate_model(), sender=admin)
    hub.setSpoke(token, vault, MAX_CAP, 0, True, False, sender=admin)
    feed = admin.deploy(project.ShareFeed, token, feeds[weth.address])
    oracle.setFeed(token, feed_settings(feed), sender=admin)
    set_reserve(token, rehypothecate=False, borrowEnabled=False)
    token.approve(vault, MAX_UINT, sender=supplier)
    account = int(supplier.address, 16) << 8
    vault.supply(account, token, 10 * SHARE, sender=supplier)
    return account, feed


@pytest.mark.parametrize("place", ["aggregator", "fallbackAggregator"])
@pytest.mark.parametrize("wrong", ["of the asset", "of another share"])
def test_set_feed__of_a_share_token__looks_through(
    project, oracle, shares, feeds, weth, usdc, admin, pledged, place, wrong
):
    """No feed prices a share token that does not take a loss off in the moment it is reported."""
    _, feed = pledged
    token, before = shares[weth.address], oracle.getFeed(shares[weth.address])
    other = feeds[weth.address]
    if wrong == "of another share":
        other = admin.deploy(project.ShareFeed, shares[usdc.address], feeds[usdc.address])
    with reverts(oracle.InvalidFeed, asset=token):
        oracle.setFeed(token, feed_settings(feed) | {place: other}, sender=admin)
    assert oracle.getFeed(token) == before


def test_set_feed__of_a_share_of_shares__looks_through_both(
    project, hub, oracle, shares, feeds, weth, admin, pledged
):
    """Shares may be deposited for shares of their own: neither may hide a loss."""
    _, feed = pledged
    token = shares[weth.address]
    outer = admin.deploy(project.HubShare, hub, token)
    blind = admin.deploy(project.ShareFeed, outer, feeds[weth.address])
    with reverts(oracle.InvalidFeed, asset=outer):
        oracle.setFeed(outer, feed_settings(blind), sender=admin)
    through = admin.deploy(project.ShareFeed, outer, feed)
    oracle.setFeed(outer, feed_settings(through), sender=admin)
    assert oracle.getFeed(outer).aggregator == through.address


def test_supply__share_token_as_collateral__backs_debt(vault, usdc, supplier, pledged):
    """A public share can be listed like any asset: escrowed, priced, borrowed against."""
    account, *_ = pledged
    vault.borrow(account, usdc, 15_000 * 10**6, supplier, sender=supplier)
    assert vault.health(account).collateralValue == 20_000 * 10**8


def test_supply__share_token_as_collateral__loses_with_its_asset(
    hub, vault, weth, usdc, admin, supplier, spoke, pledged, set_price, feeds
):
    """A tenth of all weth is lost: so is a tenth of the collateral, in the same moment."""
    account, feed = pledged
    hub.setSpoke(weth, spoke, 0, MAX_CAP, True, False, sender=admin)
    lost = hub.totalAssets(weth) // 10
    hub.draw(weth, lost, spoke, sender=spoke)
    hub.reportDeficit(weth, lost, 0, sender=spoke)
    assert feed.latestRoundData()[1] == 1_800 * 10**8
    assert feed.latestRoundData()[2:] == feeds[weth.address].latestRoundData()[2:]
    assert vault.health(account).collateralValue == 18_000 * 10**8
    with reverts(vault.BorrowLimitExceeded):
        vault.borrow(account, usdc, 13_501 * 10**6, supplier, sender=supplier)
    vault.borrow(account, usdc, 13_500 * 10**6, supplier, sender=supplier)
    set_price(weth, 0)
    assert feed.latestRoundData()[1] == 0
