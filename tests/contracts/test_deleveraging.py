"""Auto-deleveraging: which terms are accepted, what its parts let whom do. What it takes from whom
is in `tests/lockstep/test_deleveraging.py`.
"""

import pytest

from tests.contracts.support import (
    DAY,
    MAX_CAP,
    MAX_UINT,
    WAD,
    ZERO_ADDRESS,
    deleveraging_terms,
    reverts,
)

OFF = (ZERO_ADDRESS, 0, 0, 0, 0, 0)


@pytest.fixture
def set_terms(vault, usdc, shares, admin):
    """set_terms(**changes): the usual terms for who owes usdc, changed."""

    def set_terms(**changes):
        terms = deleveraging_terms(shares[usdc.address], **changes)
        return vault.setDeleveraging(usdc, terms, sender=admin)

    return set_terms


@pytest.fixture
def strained(vault, hub, usdc, weth, set_terms, open_position, stranger, chain):
    """An account of health .8 x 20,000 / 14,000 = 1.143, and the mode that takes from it."""
    set_terms(usageBps=1, usageFor=600, ramp=0)
    account = open_position({weth: 10 * WAD}, {usdc: 14_000 * 10**6})
    for _ in range(3):
        chain.pending_timestamp += 400
        vault.pokeDeleveraging(usdc, sender=stranger)
    assert vault.deleveragingOf(usdc).onSince > 0
    return account


# --- terms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"usageBps": 0},
        {"usageBps": 10_001},
        {"usageFor": 599},
        {"usageFor": 30 * DAY + 1},
        {"ramp": 30 * DAY + 1},
        {"maxHealth": WAD - 1},
        {"maxHealth": 2 * WAD + 1},
        {"targetHealth": 10 * WAD + 1},
        {"targetHealth": 0},
    ],
    ids=str,
)
def test_set_deleveraging__terms_unsound__are_refused(vault, set_terms, changes):
    with reverts(vault.InvalidDeleveraging):
        set_terms(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"usageBps": 1},
        {"usageBps": 10_000},
        {"usageFor": 600},
        {"usageFor": 30 * DAY, "ramp": 30 * DAY},
        {"ramp": 0},
        {"maxHealth": WAD},
        {"maxHealth": 10 * WAD, "targetHealth": 10 * WAD},
    ],
    ids=str,
)
def test_set_deleveraging__terms_at_the_bounds__are_accepted(vault, usdc, set_terms, changes):
    set_terms(**changes)
    seen = vault.deleveragingOf(usdc).terms
    assert {name: getattr(seen, name) for name in changes} == changes


def test_set_deleveraging__share_of_another__is_refused(vault, usdc, weth, shares, admin):
    """Of another asset; a token of no hub has no `hub()` at all."""
    with reverts(vault.InvalidDeleveraging):
        terms = deleveraging_terms(shares[weth.address])
        vault.setDeleveraging(usdc, terms, sender=admin)


def test_set_deleveraging__of_no_reserve__is_refused(vault, asset, share, admin):
    with reverts(vault.ReserveNotListed, asset=asset):
        vault.setDeleveraging(asset, deleveraging_terms(share), sender=admin)


def test_set_deleveraging__again__begins_anew(vault, usdc, weth, strained, set_terms, stranger):
    """Or ends it: nobody is deleveraged, and nothing can be seen."""
    set_terms()
    mode = vault.deleveragingOf(usdc)
    assert (mode.onSince, mode.turningSince, mode.seenAt) == (0, 0, 0)
    with reverts(vault.DeleveragingOff):
        vault.deleverage(strained, usdc, weth, 10**9, False, sender=stranger)


def test_set_deleveraging__all_zero__is_off(vault, usdc, strained, admin, stranger):
    vault.setDeleveraging(usdc, OFF, sender=admin)
    with reverts(vault.DeleveragingOff):
        vault.pokeDeleveraging(usdc, sender=stranger)


# --- what it moves --------------------------------------------------------------------------------


def test_deleverage__in_tokens__pays_collateral_of_equal_value(
    vault, hub, usdc, weth, strained, stranger
):
    """1,000 usdc for half a weth at $2,000."""
    had, cash = weth.balanceOf(stranger), hub.getAsset(usdc).cash
    tx = vault.deleverage(strained, usdc, weth, 1_000 * 10**6, False, sender=stranger)
    assert weth.balanceOf(stranger) - had == WAD // 2
    assert hub.getAsset(usdc).cash - cash == 1_000 * 10**6
    assert vault.debtAssets(strained, usdc) == 13_000 * 10**6
    (event,) = tx.events.filter(vault.Deleveraged)
    assert (event.accountId, event.repaid, event.shares) == (strained, 1_000 * 10**6, 0)


def test_deleverage__in_shares__needs_no_cash(
    vault, hub, usdc, weth, strained, shares, supplier, open_position, liquidator
):
    """All cash is borrowed; a lender's shares pay, and the vault keeps none of them."""
    cash = hub.available(usdc)
    open_position({weth: 10**4 * WAD}, {usdc: cash}, owner=liquidator)
    share = shares[usdc.address]
    with reverts(share.ERC20InsufficientAllowance):
        vault.deleverage(strained, usdc, weth, 1_000 * 10**6, True, sender=supplier)
    share.approve(vault, MAX_UINT, sender=supplier)
    had, owned = weth.balanceOf(supplier), share.balanceOf(supplier)
    vault.deleverage(strained, usdc, weth, 1_000 * 10**6, True, sender=supplier)
    assert hub.available(usdc) == 0
    assert weth.balanceOf(supplier) - had == WAD // 2
    assert owned - share.balanceOf(supplier) == 1_000 * 10**12
    assert hub.getSpoke(usdc, vault).addedShares == 0
    assert hub.getSpoke(usdc, share).addedShares == share.totalSupply()


def test_deleverage__of_ones_own__is_refused(vault, usdc, weth, strained, borrower):
    with reverts(vault.SelfLiquidation):
        vault.deleverage(strained, usdc, weth, 10**9, False, sender=borrower)


def test_code__called_by_itself__deleverages_nobody(project, vault, usdc, weth, strained, stranger):
    """It has no terms, so no mode."""
    code = project.VaultLiquidation.at(vault.liquidation())
    with reverts(code.DeleveragingOff):
        code.pokeDeleveraging(usdc, sender=stranger)
    with reverts(code.DeleveragingOff):
        code.deleverage(strained, usdc, weth, 10**9, False, sender=stranger)


# --- shares that are handed over ------------------------------------------------------------------


def test_hand_over__by_whom_the_owner_lets__gives_him_hub_shares(hub, asset, share, spoke, add):
    """The caller is the hub's creditor then: of so much, and for nobody else's shares."""
    add(asset, 100 * WAD)
    share.deposit(10 * WAD, spoke, sender=spoke)
    shares, mine = share.balanceOf(spoke), hub.getSpoke(asset, spoke).addedShares
    share.handOver(spoke, shares, sender=spoke)
    assert share.totalSupply() == 0
    assert hub.getSpoke(asset, spoke).addedShares - mine == shares
    assert hub.getSpoke(asset, share).addedShares == 0


def test_hand_over__of_others_or_of_more__is_refused(hub, asset, share, spoke, supplier, add):
    add(asset, 100 * WAD)
    share.deposit(10 * WAD, spoke, sender=spoke)
    with reverts(share.ERC20InsufficientAllowance):
        share.handOver(spoke, 1, sender=supplier)
    with reverts(share.ERC20InsufficientBalance):
        share.handOver(spoke, share.balanceOf(spoke) + 1, sender=spoke)
    with reverts(hub.ZeroAmount):
        share.handOver(spoke, 0, sender=spoke)


def test_hand_over__while_halted__is_refused(hub, asset, share, spoke, admin, add):
    add(asset, 100 * WAD)
    share.deposit(10 * WAD, spoke, sender=spoke)
    hub.setSpoke(asset, share, MAX_CAP, 0, True, True, sender=admin)
    with reverts(share.SpokeHalted):
        share.handOver(spoke, 1, sender=spoke)


def test_give__more_than_there_is__is_refused(hub, asset, spoke, share, add, stranger):
    add(asset, 100 * WAD)
    more = hub.getSpoke(asset, spoke).addedShares + 1
    with reverts(hub.InsufficientShares):
        hub.give(asset, share, more, sender=spoke)
    with reverts(hub.InsufficientShares):
        hub.give(asset, share, 1, sender=stranger)


def test_restore_with_shares__not_rounded_against_the_spoke__is_refused(hub, asset, spoke, add):
    """100 owed: shares of 40 pay 40 of it, one less does not; nobody pays more than he owes."""
    add(asset, 1_000 * WAD)
    hub.draw(asset, 100 * WAD, spoke, sender=spoke)
    fair = hub.toSharesUp(asset, 40 * WAD)
    with reverts(hub.UnfairShares):
        hub.restoreWithShares(asset, 40 * WAD, fair - 1, 100 * WAD, sender=spoke)
    with reverts(hub.AmountTooLarge):
        hub.restoreWithShares(asset, 101 * WAD, 3 * fair, 40 * WAD, sender=spoke)
    with reverts(hub.InsufficientShares):
        hub.restoreWithShares(asset, 40 * WAD, 2**143, 100 * WAD, sender=spoke)
    with reverts(hub.ZeroAmount):
        hub.restoreWithShares(asset, 0, 0, 100 * WAD, sender=spoke)
    before = hub.getAsset(asset)
    hub.restoreWithShares(asset, 40 * WAD, fair, 100 * WAD, sender=spoke)
    after = hub.getAsset(asset)
    assert before.scaledDebt - after.scaledDebt == 40 * WAD
    assert before.totalShares - after.totalShares == fair
    assert after.cash == before.cash
