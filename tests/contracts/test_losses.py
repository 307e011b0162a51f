"""Who bears a loss: fees, then the fund, then every supplier pro rata, all at once."""

import pytest

from tests.contracts.deployment import COVER_WINDOW, list_asset
from tests.contracts.support import (
    BPS,
    MAX_CAP,
    MAX_UINT,
    RAY,
    VIRTUAL_ASSETS,
    VIRTUAL_SHARES,
    WAD,
    YEAR,
    assets_down,
    down,
    growth,
    rate_model,
    reverts,
    set_balance,
    shares_up,
    up,
)

SUPPLIED, DRAWN = 1_000 * WAD, 400 * WAD
SHARES = SUPPLIED * VIRTUAL_SHARES
INDEX = growth(RAY // 10, YEAR)
DEBT = up(DRAWN, INDEX, RAY)
INTEREST = DEBT - DRAWN
FEE = down(INTEREST, 1_000, BPS)
FEE_SHARES = down(FEE, SHARES + VIRTUAL_SHARES, SUPPLIED + INTEREST - FEE + VIRTUAL_ASSETS)
TOTALS = SHARES + FEE_SHARES, SUPPLIED + INTEREST
BY_FEES = assets_down(FEE_SHARES, *TOTALS)


@pytest.fixture
def lent(add, hub, asset, spoke, admin, chain):
    """A year at 10% on 400 of 1,000, a tenth of it for the protocol; then no rate at all."""
    add(asset, SUPPLIED)
    hub.setRateModel(asset, rate_model(reserve_factor=1_000, base=1_000), sender=admin)
    drawn = hub.draw(asset, DRAWN, spoke, sender=spoke).timestamp
    chain.pending_timestamp = drawn + YEAR
    hub.setRateModel(asset, rate_model(), sender=admin)
    return asset


@pytest.fixture
def lose(hub, lent, spoke):
    """lose(scaled): the spoke reports so much of its debt as unpayable."""

    def lose(scaled=DRAWN):
        return hub.reportDeficit(lent, scaled, 0, sender=spoke)

    return lose


@pytest.fixture
def insure(fund, lent, spoke):
    """insure(amount): the spoke stakes so much of the asset in the fund."""

    def insure(amount):
        fund.stake(lent, amount, sender=spoke)

    return insure


def test_report_deficit__larger_than_all_cover__is_borne_in_order_to_the_wei(
    hub, fund, lent, lose, insure, spoke
):
    """Fees, fund, suppliers: three layers that sum to the loss, each exhausted before the next."""
    insure(100 * WAD)
    tx = lose()
    rest = DEBT - BY_FEES - 100 * WAD
    reported, covered, opened = (
        hub.DeficitReported(lent, spoke, DEBT, DRAWN),
        hub.DeficitCovered(lent, BY_FEES, FEE_SHARES, 100 * WAD),
        hub.DeficitOpened(lent, rest, 0),
    )
    assert tx.events.index(reported) < tx.events.index(covered) < tx.events.index(opened)
    a = hub.getAsset(lent)
    assert (a.coveredByFees, a.coveredByFund, a.deficit) == (BY_FEES, 100 * WAD, rest)
    assert BY_FEES + 100 * WAD + rest == a.deficitReported == DEBT
    assert (a.scaledDebt, a.feeShares, a.deficitSince) == (0, 0, tx.timestamp)
    assert hub.getSpoke(lent, spoke).reportedDeficit == DEBT
    assert fund.assetsOf(lent) == 0
    assert hub.totalAssets(lent) == a.cash == SUPPLIED - DRAWN + 100 * WAD
    assert hub.toAssetsDown(lent, SHARES) in (a.cash, a.cash - 1)


def test_report_deficit__fees_alone_suffice__burns_only_what_is_needed(
    hub, fund, lent, lose, insure
):
    """A loss of 1 costs up(1 (T + V) / (A + 1)) fee shares, the fund nothing, suppliers nothing."""
    insure(100 * WAD)
    tx = lose(WAD)
    loss = up(WAD, INDEX, RAY)
    burnt = shares_up(loss, *TOTALS)
    assert hub.DeficitCovered(lent, loss, burnt, 0) in tx.events
    a = hub.getAsset(lent)
    assert (a.feeShares, a.coveredByFees, a.deficit) == (FEE_SHARES - burnt, loss, 0)
    assert a.deficitSince == 0
    assert fund.assetsOf(lent) == 100 * WAD
    assert hub.toAssetsDown(lent, SHARES) >= assets_down(SHARES, *TOTALS)


def test_report_deficit__fund_suffices__leaves_suppliers_whole(hub, fund, lent, lose, insure):
    """What the fund pays arrives as cash; the suppliers' claim does not fall by a wei."""
    insure(1_000 * WAD)
    before = hub.toAssetsDown(lent, SHARES)
    lose()
    a = hub.getAsset(lent)
    assert a.coveredByFees + a.coveredByFund == DEBT
    assert fund.assetsOf(lent) == 1_000 * WAD - a.coveredByFund
    assert a.cash == SUPPLIED - DRAWN + a.coveredByFund
    assert hub.toAssetsDown(lent, SHARES) >= before


def test_report_deficit__fund_reverts__is_a_fund_that_pays_nothing(
    hub, fund, lent, lose, insure, chain
):
    """The token refuses to leave the fund: nobody is kept from reporting the loss."""
    insure(100 * WAD)
    balance = lent.balanceOf(fund)
    set_balance(chain, lent, fund, 0)
    lose()
    a = hub.getAsset(lent)
    assert (a.coveredByFund, a.deficit) == (0, DEBT - BY_FEES)
    assert fund.assetsOf(lent) == balance
    set_balance(chain, lent, fund, balance)


def test_report_deficit__without_a_fund__is_borne_by_the_others(
    project, asset, admin, spoke, supplier
):
    """A hub on which no policy was set yet."""
    hub = admin.deploy(project.LiquidityHub, admin)
    hub.listAsset(asset, rate_model(), sender=admin)
    hub.setSpoke(asset, spoke, MAX_CAP, MAX_CAP, True, False, sender=admin)
    asset.transfer(hub, WAD, sender=spoke)
    hub.add(asset, WAD, WAD * VIRTUAL_SHARES, sender=spoke)
    hub.draw(asset, WAD // 2, spoke, sender=spoke)
    hub.reportDeficit(asset, WAD // 2, 0, sender=spoke)
    assert hub.getAsset(asset).deficit == WAD // 2


def test_interest__after_a_loss__makes_good_what_suppliers_bore(
    hub, asset, add, spoke, admin, stranger, chain
):
    """500 lent at 10% with a tenth for the protocol: for the window all of it is suppliers'."""
    add(asset, SUPPLIED)
    hub.draw(asset, 600 * WAD, spoke, sender=spoke)
    hub.setRateModel(asset, rate_model(reserve_factor=1_000, base=1_000), sender=admin)
    since = hub.reportDeficit(asset, 100 * WAD, 0, sender=spoke).timestamp
    before = hub.getAsset(asset)
    held, owed = hub.totalAssets(asset), hub.debtOf(asset, 500 * WAD)
    chain.pending_timestamp = since + COVER_WINDOW - 1
    tx = hub.accrue(asset, sender=stranger)
    interest = hub.debtOf(asset, 500 * WAD) - owed
    recovered = (interest * 1_000 + before.feeRemainder) // BPS
    assert recovered > 0 and hub.DeficitRecovered(asset, recovered) in tx.events
    a = hub.getAsset(asset)
    assert (before.deficit - a.deficit, a.feeShares) == (recovered, 0)
    assert a.coveredByFees == before.coveredByFees + recovered
    assert hub.totalAssets(asset) == held + interest
    assert a.totalShares == before.totalShares


def test_socialise__window__is_that_of_the_last_loss(hub, lent, lose, stranger, chain):
    """A later loss has a whole window of its own; closing moves no share price."""
    since = lose(DRAWN // 2).timestamp
    chain.pending_timestamp = since + COVER_WINDOW - 1
    with reverts(hub.CoverWindowOpen):
        hub.socialise(lent, sender=stranger)
    later = lose(DRAWN // 4).timestamp
    assert hub.getAsset(lent).deficitSince == later > since
    chain.pending_timestamp = later + COVER_WINDOW - 1
    with reverts(hub.CoverWindowOpen):
        hub.socialise(lent, sender=stranger)
    chain.pending_timestamp = later + COVER_WINDOW
    before = hub.getAsset(lent)
    tx = hub.socialise(lent, sender=stranger)
    assert hub.DeficitSocialised(lent, before.deficit) in tx.events
    a = hub.getAsset(lent)
    assert (a.deficit, a.deficitSince, a.socialised) == (0, 0, before.deficit)
    assert (a.totalShares, a.cash) == (before.totalShares, before.cash)
    with reverts(hub.NoDeficit):
        hub.socialise(lent, sender=stranger)


def test_report_deficit__immediate_mode__opens_nothing(hub, fund, lent, lose, admin, stranger):
    """The order stays, the window goes."""
    hub.setLossPolicy(fund, COVER_WINDOW, True, sender=admin)
    lose()
    a = hub.getAsset(lent)
    assert (a.deficit, a.deficitSince, a.feeShares) == (0, 0, 0)
    assert a.coveredByFees + a.socialised == DEBT
    with reverts(hub.NoDeficit):
        hub.socialise(lent, sender=stranger)


@pytest.mark.parametrize("immediate", [False, True])
def test_report_deficit__collateral_was_kept__is_paid_for_by_the_protocol(
    hub, fund, lent, insure, spoke, admin, stranger, chain, immediate
):
    """60 of the loss are what its collateral is worth: fees pay them, now and later, not the fund;
    neither a window nor its absence ends what is owed.
    """
    hub.setLossPolicy(fund, COVER_WINDOW, immediate, sender=admin)
    insure(1_000 * WAD)
    tx = hub.reportDeficit(lent, DRAWN, 60 * WAD, sender=spoke)
    owed = 60 * WAD - BY_FEES
    assert owed > 0 and hub.DeficitOpened(lent, owed, owed) in tx.events
    a = hub.getAsset(lent)
    assert (a.coveredByFees, a.coveredByFund) == (BY_FEES, DEBT - 60 * WAD)
    assert (a.deficit, a.deficitOwed, a.socialised) == (owed, owed, 0)
    chain.pending_timestamp = tx.timestamp + COVER_WINDOW
    with reverts(hub.NoDeficit):
        hub.socialise(lent, sender=stranger)
    hub.setRateModel(lent, rate_model(reserve_factor=9_900, base=1_000), sender=admin)
    hub.draw(lent, 600 * WAD, spoke, sender=spoke)
    chain.pending_timestamp += YEAR
    hub.accrue(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert (a.deficit, a.deficitOwed, a.deficitSince) == (0, 0, 0)
    assert a.coveredByFees == 60 * WAD and a.feeShares > 0


def test_stake__after_a_loss__does_not_pay_for_it(hub, fund, lent, lose, insure, stranger, chain):
    """Whoever insures from now on insures what is still there."""
    since = lose().timestamp
    insure(100 * WAD)
    chain.pending_timestamp = since + COVER_WINDOW
    hub.socialise(lent, sender=stranger)
    assert fund.assetsOf(lent) == 100 * WAD


def test_socialise__two_suppliers__lose_pro_rata(
    hub, fund, asset, share, admin, spoke, supplier, add
):
    """600 and 200 supplied, 100 lost: 75 and 25."""
    hub.setLossPolicy(fund, 0, True, sender=admin)
    share.deposit(200 * WAD, supplier, sender=supplier)
    add(asset, 600 * WAD)
    hub.draw(asset, 100 * WAD, spoke, sender=spoke)
    hub.reportDeficit(asset, 100 * WAD, 0, sender=spoke)
    assert hub.toAssetsDown(asset, 600 * WAD * VIRTUAL_SHARES) == 525 * WAD
    assert share.maxWithdraw(supplier) == 175 * WAD
    assert hub.toAssetsDown(asset, 800 * WAD * VIRTUAL_SHARES) == hub.getAsset(asset).cash


def test_claim_fees__no_deficit__pays_all_of_them(hub, lent, admin, stranger):
    """The protocol's shares are worth at most the fee, and nothing else moves."""
    worth = BY_FEES
    assert worth in (FEE, FEE - 1)
    before = lent.balanceOf(stranger)
    tx = hub.claimFees(lent, stranger, sender=admin)
    assert hub.FeesClaimed(lent, stranger, worth, FEE_SHARES) in tx.events
    assert lent.balanceOf(stranger) - before == worth
    with reverts(hub.ZeroAmount):
        hub.claimFees(lent, stranger, sender=admin)


def test_make_good__what_is_owed__lets_the_fees_go(hub, lent, spoke, supplier, admin, stranger):
    """60 of the loss are what its collateral was worth. Nobody takes a fee, of this asset or of
    another, before anyone has paid them; more is not taken.
    """
    with reverts(hub.NoDeficit):
        hub.makeGood(lent, 1, sender=supplier)
    hub.reportDeficit(lent, DRAWN, 60 * WAD, sender=spoke)
    owed = 60 * WAD - BY_FEES
    assert hub.owing() == 1
    with reverts(hub.LossesFirst):
        hub.claimFees(lent, admin, sender=admin)
    with reverts(hub.ZeroAmount):
        hub.makeGood(lent, 0, sender=supplier)
    with reverts(lent.ERC20InsufficientAllowance):
        hub.makeGood(lent, 1, sender=stranger)
    lent.approve(hub, MAX_UINT, sender=supplier)
    before, total = hub.getAsset(lent), hub.totalAssets(lent)
    hub.makeGood(lent, WAD, sender=supplier)
    tx = hub.makeGood(lent, MAX_UINT, sender=supplier)
    assert hub.DeficitMadeGood(lent, supplier, 0, 0, owed - WAD) in tx.events
    after = hub.getAsset(lent)
    assert hub.totalAssets(lent) - total == after.cash - before.cash == owed
    assert before.deficit - after.deficit == owed and after.deficitOwed == hub.owing() == 0
    assert after.coveredByFees - before.coveredByFees == owed
    with reverts(hub.ZeroAmount):  # the fees bore the loss
        hub.claimFees(lent, admin, sender=admin)


def test_make_good__fees_came_in_since__takes_them_first(hub, lent, spoke, supplier, stranger):
    """A spoke hands 10 to the protocol: nobody pays those."""
    hub.reportDeficit(lent, DRAWN, 60 * WAD, sender=spoke)
    lent.transfer(hub, 10 * WAD, sender=supplier)
    shares = hub.toSharesDown(lent, 10 * WAD)
    hub.add(lent, 10 * WAD, shares, sender=spoke)
    hub.addFee(lent, shares, sender=spoke)
    (made,) = hub.makeGood(lent, 0, sender=stranger).events.filter(hub.DeficitMadeGood)
    assert 10 * WAD - 1 <= made.byFees <= 10 * WAD and made.feeSharesBurnt == shares
    assert hub.getAsset(lent).deficitOwed == 60 * WAD - BY_FEES - made.byFees
    assert hub.owing() == 1


def test_claim_fees__tokens_lent_out__has_to_wait(hub, lent, spoke, admin):
    """The protocol waits for cash like everybody else."""
    hub.draw(lent, SUPPLIED - DRAWN, spoke, sender=spoke)
    with reverts(hub.InsufficientCash):
        hub.claimFees(lent, admin, sender=admin)


@pytest.mark.parametrize("decimals", [0, 2, 6, 18])
def test_redeem__after_a_haircut__the_last_gets_his_part_too(
    project, hub, fund, admin, spoke, supplier, stranger, decimals
):
    """50,000 supplied, 45,000 lost: 2,500 for each of two, whatever the decimals."""
    token = admin.deploy(project.TestToken, "FEW", decimals)
    share = list_asset(project, hub, token, admin)
    hub.setSpoke(token, spoke, 0, MAX_CAP, True, False, sender=admin)
    hub.setLossPolicy(fund, 0, True, sender=admin)
    unit = 10**decimals
    for actor in (supplier, stranger):
        token.mint(actor, 25_000 * unit, sender=admin)
        token.approve(share, 25_000 * unit, sender=actor)
        share.deposit(25_000 * unit, actor, sender=actor)
    hub.draw(token, 45_000 * unit, spoke, sender=spoke)
    hub.reportDeficit(token, 45_000 * unit, 0, sender=spoke)
    claims = [share.maxWithdraw(actor) for actor in (supplier, stranger)]
    assert sum(claims) <= hub.getAsset(token).cash == 5_000 * unit
    for actor in (supplier, stranger):
        share.redeem(share.balanceOf(actor), actor, actor, sender=actor)
        assert 0 <= 2_500 * unit - token.balanceOf(actor) <= 1
