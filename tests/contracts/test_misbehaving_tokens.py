"""Tokens that take a fee, move nothing or lie about it: no ledger ever counts what is not there."""

import pytest

from tests.contracts.deployment import feed_settings, list_asset
from tests.contracts.support import (
    MAX_CAP,
    MAX_UINT,
    USD,
    WAD,
    account_id,
    reverts,
    set_balance,
)

TOKENS = {
    "FeeToken": "Unbacked",
    "LyingToken": "Unbacked",
    "FalseToken": "SafeERC20FailedOperation",
}


@pytest.fixture(params=TOKENS)
def bad(request, project, deployed, hub, oracle, admin, borrower, liquidator, set_reserve, vault):
    """A token listed everywhere, held and approved by borrower and liquidator; and its error."""
    token = admin.deploy(getattr(project, request.param))
    feed = admin.deploy(project.PriceFeed, 8)
    feed.post(USD, sender=admin)
    oracle.setFeed(token, feed_settings(feed), sender=admin)
    token.share = list_asset(project, hub, token, admin)
    hub.setSpoke(token, vault, MAX_CAP, MAX_CAP, True, False, sender=admin)
    set_reserve(token)
    for actor in (borrower, liquidator):
        token.mint(actor, 10**6 * WAD, sender=admin)
        token.approve(vault, MAX_UINT, sender=actor)
    token.error = getattr(hub, TOKENS[request.param])
    return token


def test_supply__token_delivers_less_than_it_says__is_refused(
    vault, hub, bad, borrower, set_reserve
):
    """Lent or in escrow, the hub compares its ledger with its holding."""
    account = account_id(borrower)
    for rehypothecate in (True, False):
        set_reserve(bad, rehypothecate=rehypothecate)
        with reverts(bad.error):
            vault.supply(account, bad, WAD, sender=borrower)
    a = hub.getAsset(bad)
    assert (a.cash, a.escrow, a.totalShares) == (0, 0, 0)
    assert bad.balanceOf(borrower) == 10**6 * WAD


def test_deposit_and_stake__token_delivers_less_than_it_says__is_refused(fund, bad, borrower):
    """The share token and the fund hold nothing they did not get."""
    for spender in (bad.share, fund):
        bad.approve(spender, MAX_UINT, sender=borrower)
    with reverts(bad.error):
        bad.share.deposit(WAD, borrower, sender=borrower)
    with reverts(bad.error):
        fund.stake(bad, WAD, sender=borrower)
    assert (bad.share.totalSupply(), fund.assetsOf(bad)) == (0, 0)


def test_pair__token_delivers_less_than_it_says__is_refused(project, bad, usdc, admin, borrower):
    """It cannot become liquidity."""
    pair = admin.deploy(project.ConstantProductPair, bad, usdc, 30)
    for token in (bad, usdc):
        token.approve(pair, MAX_UINT, sender=borrower)
    with reverts(bad.error):
        pair.addLiquidity(WAD, 10**6, sender=borrower)
    assert (pair.totalSupply(), pair.reserve0()) == (0, 0)


@pytest.mark.parametrize(
    ("bad", "withheld"), [("FeeToken", WAD // 100), ("LyingToken", WAD)], indirect=["bad"]
)
def test_swap__token_delivers_less_than_it_says__is_refused(
    project, bad, withheld, usdc, admin, borrower
):
    """Where a gift made up for it once, it cannot be sold."""
    pair = admin.deploy(project.ConstantProductPair, bad, usdc, 30)
    for token in (bad, usdc):
        token.approve(pair, MAX_UINT, sender=borrower)
    bad.mint(pair, withheld, sender=admin)
    pair.addLiquidity(WAD, 10**6, sender=borrower)
    assert bad.balanceOf(pair) == pair.reserve0() == WAD
    with reverts(bad.error):
        pair.swapExactIn(bad, WAD, 0, borrower, sender=borrower)


@pytest.mark.parametrize(
    ("bad", "withheld"), [("FeeToken", 10), ("LyingToken", 1_000)], indirect=["bad"]
)
def test_repay__token_delivers_less_than_it_says__is_refused(
    vault, hub, bad, withheld, weth, admin, borrower, liquidator, set_price
):
    """A debt in such a token, supplied by making up for it, is neither repaid nor liquidated."""
    bad.mint(hub, withheld * WAD, sender=admin)
    vault.supply(account_id(liquidator), bad, 1_000 * WAD, sender=liquidator)
    account = account_id(borrower)
    vault.supply(account, weth, WAD, sender=borrower)
    vault.borrow(account, bad, 1_000 * WAD, borrower, sender=borrower)
    assert bad.balanceOf(hub) == 0
    with reverts(bad.error):
        vault.repay(account, bad, MAX_UINT, sender=borrower)
    set_price(weth, 1_100)
    with reverts(bad.error):
        vault.liquidate(account, bad, weth, MAX_UINT, 0, False, b"", sender=liquidator)
    assert vault.debtAssets(account, bad) == 1_000 * WAD
    assert vault.suppliedAssets(account, weth) == WAD


# --- a token that takes from who holds it ---------------------------------------------------------


@pytest.fixture
def short(hub, usdc, unhealthy, chain):
    """The hub holds one unit of usdc less than it booked; an unhealthy account owes some."""
    account = unhealthy()
    a = hub.getAsset(usdc)
    set_balance(chain, usdc, hub, a.cash + a.escrow - 1)
    yield account
    a = hub.getAsset(usdc)
    set_balance(chain, usdc, hub, a.cash + a.escrow)  # for the books after the test


def test_hub__short_of_a_unit__takes_what_heals(vault, usdc, short, liquidate, borrower):
    """Repayments and liquidations bring what they say: what is missing is not missing by them."""
    owed = vault.debtAssets(short, usdc)
    vault.repay(short, usdc, 10**6, sender=borrower)
    vault.supply(short, usdc, 10**6, sender=borrower)
    liquidate(short)
    assert vault.debtAssets(short, usdc) < owed - 10**6


def test_hub__short_of_a_unit__takes_nothing_that_does_not_arrive(
    hub, usdc, short, spoke, admin, supplier, shares
):
    """Nobody who enters is served; a spoke has to say in the same call what was missing before."""
    with reverts(hub.Unbacked):
        shares[usdc.address].deposit(10**6, supplier, sender=supplier)
    hub.setSpoke(usdc, spoke, MAX_CAP, MAX_CAP, True, False, sender=admin)
    hub.draw(usdc, 10**6, spoke, sender=spoke)
    hub.noteShortage(usdc, sender=spoke)  # of another transaction
    usdc.mint(hub, 10**6, sender=admin)
    with reverts(hub.Unbacked):
        hub.restore(usdc, 10**6, 10**6, sender=spoke)
