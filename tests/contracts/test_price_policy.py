"""What each status of a price allows: supply and repay always, the rest as the table says.

The debt that is repaid and the collateral that is seized need a price that can be used; all others
count in the account's favour for a stated time, and against it afterwards.
"""

import pytest

from tests.contracts.support import MAX_UINT, REVERTS, USD, WAD, reverts

HEARTBEAT, HOLD_OFF = 3_600, 1_800

# state -> (error of what raises risk, error of what buys or sells by it); None: goes through
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
            feed.post(price * (12 if asset == usdc else 8) // 10, sender=admin)
        elif state == "down":
            feed.setMode(REVERTS, sender=admin)

    return enter


@pytest.fixture
def accept(oracle, admin):
    """accept(asset): the price of now is the last one accepted, whatever was before."""

    def accept(asset):
        oracle.forgetAnchor(asset, sender=admin)
        oracle.poke(asset, sender=admin)

    return accept


def attempt(error, call):
    if error is None:
        return call()
    with reverts(error):
        return call()


@pytest.mark.parametrize("side", ["collateral", "debt"])
@pytest.mark.parametrize("state", POLICY)
def test_price_status__of_an_unhealthy_account__allows_what_the_table_says(
    vault, weth, usdc, borrower, stranger, enter, accept, unhealthy, liquidate, state, side
):
    """Whichever side of the account the price is on: it is judged by the last price accepted, but
    neither sold nor repaid at that.
    """
    account = unhealthy()
    accept(weth)
    enter(state, weth if side == "collateral" else usdc)
    risk, liquidation = (getattr(vault, e) if e else None for e in POLICY[state])
    attempt(risk, lambda: vault.borrow(account, usdc, 1, borrower, sender=borrower))
    attempt(risk, lambda: vault.withdraw(account, weth, 1, borrower, sender=borrower))
    # What leaves the account is not asked: then the debt alone exceeds a limit of nothing.
    gone = vault.BorrowLimitExceeded if side == "collateral" else risk
    attempt(gone, lambda: vault.setCollateral(account, weth, False, sender=borrower))
    assert vault.isLiquidatable(account)
    attempt(vault.CollateralRemains, lambda: vault.writeOff(account, sender=stranger))
    vault.flag(account, sender=stranger)
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


@pytest.mark.parametrize("side", ["collateral", "debt"])
def test_unflag__price_down__is_refused(
    vault, oracle, weth, usdc, stranger, enter, unhealthy, set_price, side
):
    """Collateral counts at the last price accepted, here $2,000 instead of $1,800, and a debt at
    that which it has: neither must pass for a recovery.
    """
    account = unhealthy()
    vault.flag(account, sender=stranger)
    if side == "debt":
        set_price(weth, 1_900)
    enter("down", weth if side == "collateral" else usdc)
    assert vault.health(account).factor >= WAD
    with reverts(vault.PriceNotUsable):
        vault.unflag(account, sender=stranger)


@pytest.mark.parametrize(
    ("state", "last", "counted"),
    [
        ("stale", 1.1, 1.1),
        ("stale for 3 heartbeats", 1.1, 1),
        ("stale for 3 heartbeats", 0.9, 1),
        ("deviated", 1, 1),
        ("down", 0.9, 1),
    ],
)
def test_health__price_of_the_debt_not_usable__counts_what_was_accepted(
    vault, usdc, enter, unhealthy, set_price, state, last, counted
):
    """The last price accepted, $1, whatever the last answer: of a disputed one the lower."""
    account = unhealthy()
    set_price(usdc, last)
    enter(state, usdc)
    h = vault.health(account)
    assert h.debtValue == 14_760 * round(counted * USD)
    assert (h.pricesOk, h.pricesUsable) == (False, state == "stale")


@pytest.mark.parametrize(
    ("state", "last", "counted"),
    [
        ("stale", 1_800, 1_800),
        ("stale for 3 heartbeats", 1_800, 2_000),
        ("stale for 3 heartbeats", 2_100, 2_000),
        ("deviated", 2_000, 2_000),
        ("down", 1_800, 2_000),
    ],
)
def test_health__price_of_the_collateral_not_usable__counts_what_was_accepted(
    vault, weth, usdc, enter, open_position, set_price, state, last, counted
):
    """The last price accepted, $2,000, whatever the last answer."""
    account = open_position({weth: 10 * WAD}, {usdc: 1_000 * 10**6})
    set_price(weth, last)
    enter(state, weth)
    h = vault.health(account)
    assert h.collateralValue == 10 * counted * USD
    assert h.weightedLimit == 10 * counted * USD * 7_500
    assert h.factor == 8 * counted * WAD // 1_000
    assert (h.pricesOk, h.pricesUsable) == (False, state == "stale")


# --- a broken feed shields nobody -----------------------------------------------------------------


@pytest.mark.parametrize("state", ["stale for 3 heartbeats", "deviated", "down"])
def test_liquidate__one_unit_of_an_asset_without_a_price__shields_nobody(
    vault,
    hub,
    oracle,
    weth,
    wbtc,
    usdc,
    borrower,
    stranger,
    enter,
    set_feed,
    unhealthy,
    liquidate,
    set_price,
    state,
):
    """The least amount of wbtc, supplied while its feed is broken, changes nothing about weth."""
    set_feed(wbtc, heartbeat=HEARTBEAT, maxMoveBps=1_500, holdOff=HOLD_OFF)
    oracle.poke(wbtc, sender=stranger)
    account = unhealthy()
    enter(state, wbtc)
    vault.supply(account, wbtc, 1, sender=borrower)
    assert not vault.health(account).pricesUsable
    assert vault.isLiquidatable(account)
    vault.flag(account, sender=stranger)
    with reverts(vault.PriceNotUsable):
        liquidate(account, collateral=wbtc)
    before = vault.debtAssets(account, usdc)
    liquidate(account, repay=1_000 * 10**6)
    assert before - vault.debtAssets(account, usdc) == 1_000 * 10**6
    set_feed(weth, holdOff=0)
    set_price(weth, 0.9)
    owed = vault.debtAssets(account, usdc)
    vault.writeOff(account, sender=stranger)
    assert hub.getAsset(usdc).deficit == owed


def test_write_off__collateral_without_a_price_is_worth_more_than_dust__is_refused(
    vault, oracle, weth, wbtc, usdc, stranger, enter, set_feed, open_position, set_price, chain
):
    """$9 of weth and wbtc last accepted at $40,000: .0004 are $16, whatever the feed says now.
    Seen down for three days they are forgotten.
    """
    set_feed(wbtc, heartbeat=HEARTBEAT)
    set_feed(weth, holdOff=0)
    account = open_position({weth: WAD, wbtc: 40_000}, {usdc: 1_000 * 10**6})
    set_price(weth, 9)
    enter("down", wbtc)
    with reverts(vault.CollateralRemains):
        vault.writeOff(account, sender=stranger)
    for _ in range(76):  # looked at more often than every hour
        chain.pending_timestamp += 3_500
        set_price(weth, 9)
        oracle.poke(wbtc, sender=stranger)
    vault.writeOff(account, sender=stranger)
    assert vault.accountOf(account).debtBits == 0


def test_liquidate__healed_while_a_price_is_not_usable__keeps_the_flag(
    vault, oracle, weth, wbtc, usdc, stranger, enter, set_feed, open_position, set_price, liquidate
):
    """Half repaid, the rest is healthy; what wbtc is worth nobody knows, so the clock goes on."""
    set_feed(wbtc, heartbeat=HEARTBEAT)
    account = open_position({weth: 10 * WAD, wbtc: 10**5}, {usdc: 14_800 * 10**6})
    set_price(weth, 1_780)
    enter("down", wbtc)
    flagged = vault.flag(account, sender=stranger).timestamp
    liquidate(account)
    assert vault.health(account).factor >= WAD
    assert vault.accountOf(account).flaggedAt == flagged


def test_liquidate__deviation_that_persists__waits_for_pokes_and_the_hold_off(
    vault, oracle, weth, usdc, stranger, enter, accept, unhealthy, liquidate, set_price, chain
):
    """A refused liquidation undoes its own poke: a keeper has to see the price. Its last sight of
    it may be the liquidation.
    """
    account = unhealthy()
    accept(weth)
    enter("deviated", weth)
    with reverts(vault.PriceNotUsable):
        liquidate(account)
    assert oracle.getAnchor(weth).disputedAt == 0
    since = oracle.poke(weth, sender=stranger).timestamp
    for seconds in (HOLD_OFF // 3, 2 * HOLD_OFF // 3):
        chain.pending_timestamp = since + seconds - 1
        set_price(weth, 1_440)
        chain.pending_timestamp = since + seconds
        oracle.poke(weth, sender=stranger)
    for token, price in ((usdc, 1), (weth, 1_440)):
        set_price(token, price)
    chain.pending_timestamp = since + HOLD_OFF
    liquidate(account)
    assert oracle.getAnchor(weth).price == 1_440 * USD
