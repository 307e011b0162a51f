"""RiskGuard: roles, terms, and what a vault that has one refuses; and the hub's outflow limit."""

import pytest

from tests.contracts.support import (
    BPS,
    DAY,
    HOUR,
    USD,
    WAD,
    ZERO_ADDRESS,
    reverts,
)

BORROW, WITHDRAW, LIQUIDATE = range(3)


def terms(**changes) -> tuple:
    """Pauses of a day at most, a day apart; an hour of grace; 20% in an hour trips for two."""
    usual = {
        "maxPause": DAY,
        "pauseGap": DAY,
        "grace": HOUR,
        "tripWindow": HOUR,
        "coolOff": 2 * HOUR,
        "tripBps": 2_000,
        "breakerStopsLiquidation": False,
        "urgentExempt": False,
        "sequencerFeed": ZERO_ADDRESS,
    }
    assert changes.keys() <= usual.keys()
    return tuple((usual | changes).values())


@pytest.fixture
def guard(project, oracle, admin, stranger):
    """The stranger is the guardian."""
    return admin.deploy(project.RiskGuard, oracle, terms(), admin, stranger)


@pytest.fixture
def guarded(make_vault, guard):
    """A vault that asks it."""
    return make_vault(guard=guard, urgent=9 * WAD // 10)


def test_guard__as_deployed__stops_nothing(guard, oracle, weth, admin, stranger):
    assert guard.oracle() == oracle.address
    assert (guard.stressBps(), guard.MIN_STRESS(), guard.RING()) == (BPS, BPS // 2, 8)
    assert guard.hasRole(guard.DEFAULT_ADMIN_ROLE(), admin)
    assert guard.hasRole(guard.GUARDIAN(), stranger)
    assert guard.terms().coolOff == 2 * HOUR
    assert guard.brakeOf(weth).trippedAt == guard.seenOf(weth, 0).at == 0
    for action in (BORROW, WITHDRAW, LIQUIDATE):
        guard.check(action, [weth], False)


@pytest.mark.parametrize(
    "changes",
    [
        {"maxPause": 0},
        {"maxPause": 14 * DAY + 1},
        {"pauseGap": HOUR - 1},
        {"grace": DAY + 1},
        {"tripWindow": 0},
        {"tripWindow": 14 * DAY + 1},
        {"coolOff": 0},
        {"coolOff": 14 * DAY + 1},
    ],
    ids=str,
)
def test_terms__out_of_bounds__are_refused(guard, admin, changes):
    """No pause without an end, and no breaker that never closes."""
    with reverts(guard.InvalidTerms):
        guard.setTerms(terms(**changes), sender=admin)
    tx = guard.setTerms(terms(tripBps=0, tripWindow=0, coolOff=0), sender=admin)
    assert len(tx.decode_logs(guard.TermsSet)) == 1


def test_guard__without_the_role__is_refused(guard, weth, admin, stranger, supplier):
    """The guardian stops and lowers, the owner sets and ends; nobody does both or either."""
    owners = (
        lambda x: guard.setTerms(terms(), sender=x),
        lambda x: guard.unpause(weth, 7, sender=x),
        lambda x: guard.setStress(BPS, sender=x),
    )
    guardians = (
        lambda x: guard.pause(weth, 1, 1, sender=x),
        lambda x: guard.lowerStress(BPS - 1, sender=x),
    )
    for calls, others in ((owners, (stranger, supplier)), (guardians, (admin, supplier))):
        for call in calls:
            for other in others:
                with reverts(guard.AccessControlUnauthorizedAccount, account=other):
                    call(other)


def test_guard__never__is_given_tokens(guard):
    """It has no function that could move any, and nothing to pay in."""
    named = {method.name for method in guard.contract_type.mutable_methods}
    assert named == {
        *("setTerms", "pause", "unpause", "poke", "trip", "setStress", "lowerStress"),
        *("grantRole", "revokeRole", "renounceRole"),
    }
    assert not any(method.is_payable for method in guard.contract_type.mutable_methods)


def test_pause__bits__stop_what_they_say(guard, weth, usdc, stranger, chain):
    """Bit by bit, the first asset's only, but for liquidation, which any of them stops."""
    tx = guard.pause(weth, 5, HOUR, sender=stranger)
    until = tx.timestamp + HOUR
    assert guard.Paused(weth, 5, until) in tx.events
    brake = guard.brakeOf(weth)
    assert (brake.borrowPausedUntil, brake.withdrawPausedUntil) == (until, 0)
    assert brake.liquidatePausedUntil == until
    with reverts(guard.ActionPaused):
        guard.check(BORROW, [weth, usdc], False)
    guard.check(BORROW, [usdc, weth], False)
    guard.check(WITHDRAW, [weth], False)
    for assets in ([weth, usdc], [usdc, weth]):
        with reverts(guard.ActionPaused):
            guard.check(LIQUIDATE, assets, True)
    guard.check(LIQUIDATE, [usdc], False)


def test_unpause__by_the_owner__ends_it_now_and_grace_begins(guard, weth, admin, stranger):
    guard.pause(weth, 4, HOUR, sender=stranger)
    tx = guard.unpause(weth, 7, sender=admin)
    assert guard.Unpaused(weth, 7) in tx.events
    brake = guard.brakeOf(weth)
    assert brake.liquidatePausedUntil == tx.timestamp
    assert brake.borrowPausedUntil == 0  # what was not paused stays as it was
    with reverts(guard.InGrace):
        guard.check(LIQUIDATE, [weth], True)
    with reverts(guard.PausedLately):
        guard.pause(weth, 4, HOUR, sender=stranger)


def test_trip__after_a_fall__stops_borrowing(
    guard, guarded, oracle, weth, usdc, wbtc, set_feed, set_price, borrower, stranger, open_position
):
    """Of the asset and against it; noted by anyone, tripped by anyone."""
    set_feed(weth, holdOff=0)
    account = open_position({weth: 10 * WAD}, {usdc: 1_000 * 10**6}, on=guarded)
    tx = guard.poke(weth, sender=borrower)
    assert guard.PriceNoted(weth, 2_000 * USD) in tx.events
    with reverts(guard.NotMoved):
        guard.trip(weth, sender=borrower)
    set_price(weth, 1_599)
    tx = guard.trip(weth, sender=borrower)
    assert guard.Tripped(weth, 1_599 * USD) in tx.events
    assert guard.seenOf(weth, 1).price == 1_599 * USD
    with reverts(guard.BreakerOpen):
        guarded.borrow(account, usdc, 10**6, borrower, sender=borrower)
    with reverts(guard.BreakerOpen):
        guarded.withdraw(account, weth, 1, borrower, sender=borrower)
    guarded.supply(account, weth, WAD, sender=borrower)
    guarded.repay(account, usdc, 10**6, sender=borrower)


def test_breaker__that_stops_liquidation__does(project, guard, weth, set_feed, set_price, admin):
    set_feed(weth, holdOff=0)
    guard.poke(weth, sender=admin)
    set_price(weth, 1_000)
    guard.trip(weth, sender=admin)
    guard.check(LIQUIDATE, [weth], False)
    guard.setTerms(terms(breakerStopsLiquidation=True), sender=admin)
    with reverts(guard.BreakerOpen):
        guard.check(LIQUIDATE, [weth], True)


def test_liquidation__paused_or_in_grace__is_refused_and_then_is_not(
    guard, guarded, weth, stranger, unhealthy, liquidate, chain
):
    """An hour after the pause: borrowers first. A write-off waits as well."""
    account = unhealthy(on=guarded)
    until = guard.pause(weth, 4, HOUR, sender=stranger).timestamp + HOUR
    with reverts(guard.ActionPaused):
        liquidate(account, on=guarded)
    chain.pending_timestamp = until + HOUR - 1
    with reverts(guard.InGrace):
        liquidate(account, on=guarded)
    chain.pending_timestamp = until + HOUR
    liquidate(account, on=guarded)


def test_write_off__while_liquidation_is_paused__waits(
    guard, guarded, weth, usdc, open_position, set_price, stranger, admin, chain
):
    account = open_position({weth: WAD}, {usdc: 1_000 * 10**6}, on=guarded)
    set_price(weth, 9)
    guard.pause(usdc, 4, HOUR, sender=stranger)
    with reverts(guard.ActionPaused):
        guarded.writeOff(account, sender=stranger)
    guard.setTerms(terms(grace=0), sender=admin)
    guard.unpause(usdc, 4, sender=admin)
    guarded.writeOff(account, sender=stranger)


@pytest.mark.parametrize("feed", ["up", "down", "reverts", "burns", "nobody", "nonsense"])
def test_sequencer_feed__that_is_broken__holds_nobody_up(project, guard, weth, admin, chain, feed):
    """Down is what it says; what does not answer says nothing, and must not stop liquidations."""
    status = admin.deploy(project.PriceFeed, 0)
    status.post(0, sender=admin)
    chain.pending_timestamp += 2 * HOUR
    address = status
    if feed == "down":
        status.post(1, sender=admin)
    elif feed in ("reverts", "burns"):
        status.setMode({"reverts": 1, "burns": 4}[feed], sender=admin)
    elif feed == "nobody":
        address = admin
    elif feed == "nonsense":
        status.setMode(3, sender=admin)
    guard.setTerms(terms(sequencerFeed=address), sender=admin)
    if feed == "down":
        with reverts(guard.InGrace):
            guard.check(LIQUIDATE, [weth], True)
    else:
        guard.check(LIQUIDATE, [weth], False)


def test_stress__lowers_what_may_be_borrowed(guard, guarded, weth, usdc, stranger, open_position):
    """80% of 75% of $20,000; the health is what it was."""
    account = open_position({weth: 10 * WAD}, {usdc: 10_000 * 10**6}, on=guarded)
    before = guarded.health(account)
    tx = guard.lowerStress(8_000, sender=stranger)
    assert guard.StressSet(8_000) in tx.events
    after = guarded.health(account)
    assert (before.weightedLimit, after.weightedLimit) == (15_000 * USD * BPS, 12_000 * USD * BPS)
    assert after.factor == before.factor
    with reverts(guard.InvalidStress):
        guard.lowerStress(8_000, sender=stranger)


def test_set_policy__guard_of_another_router__is_refused(project, vault, close_factor, admin):
    other = admin.deploy(project.OracleRouter, admin)
    guard = admin.deploy(project.RiskGuard, other, terms(), admin, admin)
    with reverts(vault.InvalidPolicy):
        vault.setPolicy((close_factor, 0, 0, USD, 0, guard), sender=admin)


# --- the hub's outflow limit ----------------------------------------------------------------------


@pytest.fixture
def limited(hub, asset, add, admin):
    """1,000 of the asset, of which a tenth may leave at once, and a tenth more in an hour."""
    add(asset, 1_000 * WAD)
    return hub.setOutflowLimit(asset, 1_000, 0, HOUR, sender=admin)


def test_outflow__beyond_the_bucket__is_refused(hub, asset, limited, spoke, chain):
    """At once 100, after a third of the window 33 1/3, down; what comes back makes room."""
    assert hub.OutflowLimitSet(asset, 1_000, 0, HOUR) in limited.events
    assert hub.available(asset) == 100 * WAD
    with reverts(hub.OutflowLimited):
        hub.draw(asset, 100 * WAD + 1, spoke, sender=spoke)
    tx = hub.draw(asset, 100 * WAD, spoke, sender=spoke)
    chain.pending_timestamp = tx.timestamp + HOUR // 3
    with reverts(hub.OutflowLimited):
        hub.draw(asset, 100 * WAD // 3 + 1, spoke, sender=spoke)
    chain.pending_timestamp = tx.timestamp + HOUR // 3
    shares = hub.toSharesUp(asset, 100 * WAD // 3)
    hub.remove(asset, 100 * WAD // 3, shares, spoke, sender=spoke)
    assert hub.getOutflow(asset).level == 100 * WAD
    asset.transfer(hub, 40 * WAD, sender=spoke)
    hub.restore(asset, 40 * WAD, 100 * WAD, sender=spoke)
    outflow = hub.getOutflow(asset)
    assert 0 <= 60 * WAD - outflow.level <= WAD // 10  # of some seconds
    assert outflow.capacity == 100 * WAD


def test_outflow__more_than_there_is__is_cash_that_is_missing(hub, asset, limited, spoke):
    with reverts(hub.InsufficientCash):
        hub.draw(asset, 1_000 * WAD + 1, spoke, sender=spoke)


@pytest.mark.parametrize("setting", [(0, 0, 1), (BPS + 1, 0, 1), (1, 0, 30 * DAY + 1)], ids=str)
def test_set_outflow_limit__unsound__is_refused(hub, asset, admin, setting):
    with reverts(hub.InvalidOutflowLimit):
        hub.setOutflowLimit(asset, *setting, sender=admin)


def test_max_withdraw__under_a_limit__is_what_goes(hub, weth, shares, supplier, admin):
    """What the share token offers is paid, and not a unit more."""
    share = shares[weth.address]
    hub.setOutflowLimit(weth, 0, 7 * WAD, HOUR, sender=admin)
    assert share.maxWithdraw(supplier) == 7 * WAD
    redeemable = share.maxRedeem(supplier)
    assert share.previewRedeem(redeemable) == 7 * WAD
    with reverts(share.ERC4626ExceededMaxRedeem):
        share.redeem(redeemable + 10**6, supplier, supplier, sender=supplier)
    share.redeem(redeemable, supplier, supplier, sender=supplier)
    assert share.maxWithdraw(supplier) < WAD // 100
    hub.setOutflowLimit(weth, 0, 0, 0, sender=admin)
    assert share.maxWithdraw(supplier) > 7 * WAD


def test_liquidator__under_a_limit__is_paid_what_goes(
    hub, vault, weth, unhealthy, liquidate, admin
):
    """Half a weth in tokens; in shares all of it."""
    account = unhealthy()
    hub.setOutflowLimit(weth, 0, WAD // 2, HOUR, sender=admin)
    tx = liquidate(account)
    (event,) = tx.decode_logs(vault.Liquidated)
    assert WAD * 49 // 100 < event.collateralOut <= WAD // 2
    liquidate(account, as_shares=True)
