"""What each status of a price allows: supply and repay always, the rest as the table says."""

import pytest

from tests.contracts.support import MAX_UINT, REVERTS, USD, WAD, reverts

HEARTBEAT, HOLD_OFF = 3_600, 1_800

# state -> (error of what raises risk, error of what liquidates); None: goes through
POLICY = {
    "ok": ("BorrowLimitExceeded", None),
    "stale": ("PriceNotOk", None),
    "stale for 3 heartbeats": ("PriceNotOk", "PriceNotUsable"),
    "deviated": ("PriceNotOk", "PriceNotUsable"),
    "down": ("PriceNotOk", "PriceNotUsable"),
}


@pytest.fixture
def enter(feeds, set_feed, set_price, oracle, weth, usdc, admin, chain):
    """enter(state, asset): brings the asset's price into a state, without changing what is OK."""
    for token in (weth, usdc):
        set_feed(token, heartbeat=HEARTBEAT, maxMoveBps=1_500, holdOff=HOLD_OFF)
        oracle.poke(token, sender=admin)

    def enter(state, asset):
        feed, now = feeds[asset.address], chain.blocks.head.timestamp
        price = feed.answer()
        if state == "stale":
            feed.postAt(price, now - HEARTBEAT - 60, sender=admin)
        elif state == "stale for 3 heartbeats":
            feed.postAt(price, now - 3 * HEARTBEAT, sender=admin)
        elif state == "deviated":
            feed.post(price * 8 // 10, sender=admin)
        elif state == "down":
            feed.setMode(REVERTS, sender=admin)

    return enter


def attempt(error, call):
    if error is None:
        return call()
    with reverts(error):
        return call()


@pytest.mark.parametrize("side", ["collateral", "debt"])
@pytest.mark.parametrize("state", POLICY)
def test_price_status__of_an_unhealthy_account__allows_what_the_table_says(
    vault, weth, usdc, borrower, stranger, enter, unhealthy, liquidate, state, side
):
    """Whichever side of the account the price is on."""
    account = unhealthy()
    enter(state, weth if side == "collateral" else usdc)
    risk, liquidation = (getattr(vault, e) if e else None for e in POLICY[state])
    attempt(risk, lambda: vault.borrow(account, usdc, 1, borrower, sender=borrower))
    attempt(risk, lambda: vault.withdraw(account, weth, 1, borrower, sender=borrower))
    # What leaves the account is not asked: then the debt alone exceeds a limit of nothing.
    gone = vault.BorrowLimitExceeded if side == "collateral" else risk
    attempt(gone, lambda: vault.setCollateral(account, weth, False, sender=borrower))
    assert vault.isLiquidatable(account) == (liquidation is None)
    attempt(
        liquidation or vault.CollateralRemains, lambda: vault.writeOff(account, sender=stranger)
    )
    attempt(liquidation, lambda: vault.flag(account, sender=stranger))
    attempt(liquidation, lambda: liquidate(account, repay=2_000 * 10**6))
    vault.supply(account, weth, 1, sender=borrower)
    vault.repay(account, usdc, 1_000 * 10**6, sender=stranger)


@pytest.mark.parametrize("state", [s for s in POLICY if s != "ok"])
def test_price_status__of_an_account_without_debt__is_not_asked(
    vault, weth, borrower, enter, open_position, state
):
    """Who owes nothing may leave whatever the feeds do."""
    account = open_position({weth: WAD}, {})
    enter(state, weth)
    vault.setCollateral(account, weth, False, sender=borrower)
    vault.withdraw(account, weth, MAX_UINT, borrower, sender=borrower)


def test_price_status__of_another_asset_of_the_account__blocks_too(
    vault, weth, usdc, wbtc, borrower, enter, open_position
):
    """OK is needed on every asset the account is left with, whichever the operation touches."""
    account = open_position({weth: 10 * WAD, usdc: 10**9}, {wbtc: 10**6})
    enter("stale", usdc)
    with reverts(vault.PriceNotOk):
        vault.borrow(account, wbtc, 1, borrower, sender=borrower)
    with reverts(vault.PriceNotOk):
        vault.withdraw(account, usdc, 10**9 - 1, borrower, sender=borrower)
    vault.withdraw(account, usdc, MAX_UINT, borrower, sender=borrower)
    vault.borrow(account, wbtc, 1, borrower, sender=borrower)


def test_unflag__price_down__is_refused(vault, weth, stranger, enter, unhealthy):
    """A debt without a price reads as none: that must not pass for a recovery."""
    account = unhealthy()
    vault.flag(account, sender=stranger)
    enter("down", weth)
    with reverts(vault.PriceNotUsable):
        vault.unflag(account, sender=stranger)


def test_health__price_of_the_debt_down__claims_nothing(vault, usdc, enter, unhealthy):
    """The factor reads as without debt, and says at once that it must not be used."""
    account = unhealthy()
    enter("down", usdc)
    h = vault.health(account)
    assert (h.debtValue, h.factor) == (0, MAX_UINT)
    assert (h.pricesOk, h.pricesUsable) == (False, False)


def test_liquidate__deviation_that_persists__waits_for_a_poke_and_the_hold_off(
    vault, oracle, weth, stranger, enter, unhealthy, liquidate, chain
):
    """A refused liquidation undoes its own poke: a keeper has to start the clock."""
    account = unhealthy()
    enter("deviated", weth)
    for _ in range(2):
        with reverts(vault.PriceNotUsable):
            liquidate(account)
        chain.pending_timestamp += HOLD_OFF
    assert oracle.getAnchor(weth).deviatedSince == 0
    poked = oracle.poke(weth, sender=stranger).timestamp
    chain.pending_timestamp = poked + HOLD_OFF
    liquidate(account)
    assert oracle.getAnchor(weth).price == 1_440 * USD
