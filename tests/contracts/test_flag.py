"""Vault.flag and unflag: the clock between falling ill and being liquidated."""

import pytest

from tests.contracts.support import NORMAL, REVERTS, WAD, reverts

DELAY = 1_800


@pytest.fixture
def slow(make_vault):
    """A vault that waits half an hour, unless health is below .9."""
    return make_vault(delay=DELAY, urgent=9 * WAD // 10)


def test_flag__unhealthy__starts_the_clock(vault, unhealthy, stranger):
    """Anyone may; the event tells how ill the account was: 14,400 / 14,760."""
    account = unhealthy()
    tx = vault.flag(account, sender=stranger)
    assert vault.Flagged(account, 144 * 10**18 * 100 // 14_760) in tx.events
    assert vault.accountOf(account).flaggedAt == tx.timestamp
    with reverts(vault.AlreadyFlagged):
        vault.flag(account, sender=stranger)


def test_flag__healthy__is_refused(vault, weth, unhealthy, set_price, stranger):
    """At a health of exactly 1, $1,845 x 10 x .8 = 14,760, nobody starts a clock."""
    account = unhealthy()
    set_price(weth, 1_845)
    assert vault.health(account).factor == WAD
    with reverts(vault.AccountHealthy):
        vault.flag(account, sender=stranger)


def test_unflag__recovered_for_half_an_hour__clears_the_clock(
    vault, weth, unhealthy, set_price, stranger, chain
):
    """Recovery by price alone is told to the vault by whoever cares, every ten minutes; a health of
    1.01 is $1,863.45.
    """
    account = unhealthy()
    vault.flag(account, sender=stranger)
    set_price(weth, 1_863)
    with reverts(vault.Unhealthy):
        vault.unflag(account, sender=stranger)
    set_price(weth, 1_864)
    since = vault.unflag(account, sender=stranger).timestamp
    for seen in (600, 1_200, 1_799):
        chain.pending_timestamp = since + seen
        tx = vault.unflag(account, sender=stranger)
        assert vault.RecoverySeen(account, since) in tx.events
        assert vault.isFlagged(account)
    chain.pending_timestamp = since + 1_800
    tx = vault.unflag(account, sender=stranger)
    assert vault.Unflagged(account) in tx.events
    assert vault.accountOf(account).flaggedAt == 0
    with reverts(vault.NotFlagged):
        vault.unflag(account, sender=stranger)


def test_flag__of_a_flagged_account__ends_the_row_of_sightings(
    vault, weth, unhealthy, set_price, stranger
):
    """Whoever sees it ill again says so."""
    account = unhealthy()
    vault.flag(account, sender=stranger)
    set_price(weth, 1_900)
    vault.unflag(account, sender=stranger)
    with reverts(vault.AccountHealthy):
        vault.flag(account, sender=stranger)
    set_price(weth, 1_800)
    tx = vault.flag(account, sender=stranger)
    assert vault.RecoverySeen(account, 0) in tx.events
    assert (vault.accountOf(account).wellSince, vault.accountOf(account).wellAt) == (0, 0)
    with reverts(vault.AlreadyFlagged):
        vault.flag(account, sender=stranger)


def test_flag__six_hours_after_its_delay__has_lapsed(slow, unhealthy, liquidate, stranger, chain):
    """To the second; then it takes another."""
    account = unhealthy(on=slow)
    flagged = slow.flag(account, sender=stranger).timestamp
    chain.pending_timestamp = flagged + DELAY + slow.FLAG_VALIDITY()
    with reverts(slow.DelayNotPassed):
        liquidate(account, on=slow)
    assert not slow.isFlagged(account)
    with reverts(slow.NotFlagged):
        slow.unflag(account, sender=stranger)
    assert slow.flag(account, sender=stranger).timestamp == slow.accountOf(account).flaggedAt


@pytest.mark.parametrize("verb", ["supply", "repay"])
def test_supply_and_repay__that_heal_the_account__are_sightings(
    vault, weth, usdc, unhealthy, borrower, stranger, chain, verb
):
    """14,400 / 14,760: .3525 of weth more, $634.50 at 80%, make it 1.01, or 502.58 usdc less."""
    account = unhealthy()
    vault.flag(account, sender=stranger)
    steps = {"supply": (weth, 3_525 * 10**14 - 1), "repay": (usdc, 502_574_257)}
    asset, almost = steps[verb]
    getattr(vault, verb)(account, asset, almost, sender=borrower)
    assert vault.accountOf(account).wellSince == 0
    since = getattr(vault, verb)(account, asset, 10**6, sender=borrower).timestamp
    assert vault.health(account).factor >= vault.RECOVERY_HEALTH()
    assert vault.accountOf(account).wellSince == since
    for later in (600, 1_200, 1_800):
        assert vault.isFlagged(account)
        chain.pending_timestamp = since + later
        tx = getattr(vault, verb)(account, asset, 10**6, sender=borrower)
    assert vault.Unflagged(account) in tx.events
    assert vault.accountOf(account).flaggedAt == 0


def test_supply__while_a_price_is_not_usable__leaves_the_clock(
    vault, feeds, weth, usdc, unhealthy, admin, borrower, stranger
):
    """Healthy at the last price accepted is no recovery; with the feed back it is one."""
    account = unhealthy()
    vault.flag(account, sender=stranger)
    feeds[weth.address].setMode(REVERTS, sender=admin)
    vault.supply(account, weth, WAD, sender=borrower)
    vault.repay(account, usdc, 10**6, sender=borrower)
    assert vault.health(account).factor > WAD
    assert vault.accountOf(account).wellSince == 0
    feeds[weth.address].setMode(NORMAL, sender=admin)
    vault.supply(account, weth, 1, sender=borrower)
    assert vault.accountOf(account).wellSince != 0


def test_borrow__by_a_recovered_account__is_a_sighting(
    vault, weth, usdc, unhealthy, set_price, borrower
):
    """Any operation that proves the account safe."""
    account = unhealthy()
    vault.flag(account, sender=borrower)
    set_price(weth, 2_000)
    tx = vault.borrow(account, usdc, 1, borrower, sender=borrower)
    assert vault.RecoverySeen(account, tx.timestamp) in tx.events
    assert vault.isFlagged(account)


def test_liquidate__before_the_delay__is_refused(slow, unhealthy, liquidate, stranger, chain):
    """Never without a flag, not a second early, and in time from the flag on."""
    account = unhealthy(on=slow)
    with reverts(slow.DelayNotPassed):
        liquidate(account, on=slow)
    flagged = slow.flag(account, sender=stranger).timestamp
    chain.pending_timestamp = flagged + DELAY - 1
    with reverts(slow.DelayNotPassed):
        liquidate(account, on=slow)
    assert not slow.isLiquidatable(account)
    chain.mine(timestamp=flagged + DELAY + 5)
    assert slow.isLiquidatable(account)
    liquidate(account, on=slow)


def test_liquidate__exactly_at_the_delay__is_allowed(slow, unhealthy, liquidate, stranger, chain):
    """The first second that counts is flaggedAt + delay."""
    account = unhealthy(on=slow)
    chain.pending_timestamp = slow.flag(account, sender=stranger).timestamp + DELAY
    liquidate(account, on=slow)


@pytest.mark.parametrize(("price", "urgent"), [(1_660.5, False), (1_660.49, True)])
def test_liquidate__health_below_urgent__needs_no_delay(
    slow, weth, unhealthy, liquidate, set_price, price, urgent
):
    """.9 x 14,760 / (.8 x 10) = $1,660.50: at it the delay holds, below it does not."""
    account = unhealthy(on=slow)
    set_price(weth, price)
    assert slow.isLiquidatable(account) == urgent
    if urgent:
        liquidate(account, on=slow)
    else:
        with reverts(slow.DelayNotPassed):
            liquidate(account, on=slow)


def test_liquidate__account_healed_by_it__is_seen_recovered(vault, unhealthy, liquidate, stranger):
    """Half closed, health is 1.1112: the flag ends if it stays so."""
    account = unhealthy()
    vault.flag(account, sender=stranger)
    tx = liquidate(account)
    assert vault.RecoverySeen(account, tx.timestamp) in tx.events
    assert vault.isFlagged(account)


@pytest.mark.parametrize("verb", ["supply", "repay", "liquidate"])
def test_delay__of_an_account_that_was_urgent__is_not_bought_by_dust(
    slow, weth, usdc, unhealthy, liquidate, set_price, borrower, verb
):
    """.9 x 14,760 / 8 = $1,660.50: a cent below, a thousandth of a weth or $5 less lift it."""
    account = unhealthy(on=slow)
    set_price(weth, 1_660.49)
    assert slow.isLiquidatable(account)
    tx = {
        "supply": lambda: slow.supply(account, weth, WAD // 1_000, sender=borrower),
        "repay": lambda: slow.repay(account, usdc, 5 * 10**6, sender=borrower),
        "liquidate": lambda: liquidate(account, repay=100 * 10**6, on=slow),
    }[verb]()
    assert 9 * WAD // 10 <= slow.health(account).factor < WAD
    assert slow.Flagged(account, slow.health(account).factor) in tx.events
    assert slow.DelayWaived(account) in tx.events
    assert slow.isLiquidatable(account)
    liquidate(account, on=slow)


def test_liquidate__account_still_unhealthy__keeps_its_flag(vault, unhealthy, liquidate, stranger):
    """A nibble does not restart the clock."""
    account = unhealthy()
    flagged = vault.flag(account, sender=stranger).timestamp
    liquidate(account, repay=100 * 10**6)
    assert vault.health(account).factor < WAD
    assert vault.accountOf(account).flaggedAt == flagged


@pytest.mark.parametrize(
    ("waited", "bonus"), [(0, 200), (900, 350), (1_800, 500), (3_600, 800), (9_000, 800)]
)
def test_liquidate__dutch_bonus__grows_with_the_time_flagged(
    make_vault, dutch_bonus, weth, unhealthy, liquidate, stranger, liquidator, chain, waited, bonus
):
    """2% at the flag, 8% an hour later, linear between: 1,800 of debt buys (1 + b) weth."""
    vault = make_vault(engine=dutch_bonus, minBonusBps=200, maxBonusBps=800, liquidationFeeBps=0)
    account, before = unhealthy(on=vault), weth.balanceOf(liquidator)
    if waited:
        flagged = vault.flag(account, sender=stranger).timestamp
        chain.pending_timestamp = flagged + waited
    liquidate(account, repay=1_800 * 10**6, on=vault)
    assert weth.balanceOf(liquidator) - before == WAD * (10**4 + bonus) // 10**4
