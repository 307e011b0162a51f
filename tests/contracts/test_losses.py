"""Who bears a loss: fees, then the fund, then, after the window, every supplier pro rata."""

import pytest

from tests.contracts.deployment import COVER_WINDOW
from tests.contracts.support import (
    BPS,
    DAY,
    RAY,
    VIRTUAL,
    WAD,
    YEAR,
    assets_down,
    down,
    growth,
    rate_model,
    reverts,
    shares_up,
    up,
)

SUPPLIED, DRAWN = 1_000 * WAD, 400 * WAD
INDEX = growth(RAY // 10, YEAR)
DEBT = up(DRAWN, INDEX, RAY)
INTEREST = DEBT - DRAWN
FEE = down(INTEREST, 1_000, BPS)
FEE_SHARES = down(FEE, SUPPLIED + VIRTUAL, SUPPLIED + INTEREST - FEE + VIRTUAL)


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
        return hub.reportDeficit(lent, scaled, sender=spoke)

    return lose


@pytest.fixture
def insure(fund, lent, spoke):
    """insure(amount): the spoke stakes so much of the asset in the fund."""

    def insure(amount):
        fund.stake(lent, amount, sender=spoke)

    return insure


def test_report_deficit__unpayable_debt__moves_and_stops_bearing_interest(
    hub, lent, lose, spoke, admin, stranger, chain
):
    """The debt rounded up becomes deficit; totalAssets stays, then and a year later."""
    before = hub.totalAssets(lent)
    tx = lose()
    assert hub.DeficitReported(lent, spoke, DEBT, DRAWN) in tx.events
    hub.setRateModel(lent, rate_model(base=1_000), sender=admin)
    chain.pending_timestamp += YEAR
    hub.accrue(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert (a.deficit, a.deficitReported, a.scaledDebt) == (DEBT, DEBT, 0)
    assert hub.totalAssets(lent) == before == SUPPLIED + INTEREST
    assert hub.getSpoke(lent, spoke).reportedDeficit == DEBT


def test_losses__larger_than_all_cover__are_borne_in_order_to_the_wei(
    hub, fund, lent, lose, insure, stranger, chain
):
    """Fees, fund, suppliers: three layers that sum to the loss, each exhausted before the next."""
    insure(100 * WAD)
    since = lose().timestamp
    by_fees = assets_down(FEE_SHARES, SUPPLIED + FEE_SHARES, SUPPLIED + INTEREST)
    with reverts(hub.CoverWindowOpen):
        hub.socialise(lent, sender=stranger)
    tx = hub.cover(lent, sender=stranger)
    assert hub.DeficitCovered(lent, by_fees, FEE_SHARES, 100 * WAD) in tx.events
    assert fund.assetsOf(lent) == 0
    chain.pending_timestamp = since + COVER_WINDOW - 1
    with reverts(hub.CoverWindowOpen):
        hub.socialise(lent, sender=stranger)
    chain.pending_timestamp = since + COVER_WINDOW
    tx = hub.socialise(lent, sender=stranger)
    rest = DEBT - by_fees - 100 * WAD
    assert hub.DeficitSocialised(lent, rest) in tx.events
    a = hub.getAsset(lent)
    assert (a.coveredByFees, a.coveredByFund, a.socialised) == (by_fees, 100 * WAD, rest)
    assert by_fees + 100 * WAD + rest == a.deficitReported == DEBT
    assert (a.deficit, a.deficitSince, a.feeShares) == (0, 0, 0)
    assert hub.totalAssets(lent) == a.cash == SUPPLIED - DRAWN + 100 * WAD
    # The supplier's claim is what is there, but for what the virtual share's loss adds to it.
    assert 0 <= hub.toAssetsDown(lent, SUPPLIED) - a.cash <= VIRTUAL


def test_cover__fees_alone_suffice__burns_only_what_is_needed(
    hub, fund, lent, lose, insure, stranger
):
    """A loss of 1 costs up(1 (T + V) / (A + V)) fee shares and the fund nothing."""
    insure(100 * WAD)
    lose(WAD)
    loss = up(WAD, INDEX, RAY)
    totals = SUPPLIED + FEE_SHARES, SUPPLIED + INTEREST
    burnt = shares_up(loss, *totals)
    tx = hub.cover(lent, sender=stranger)
    assert hub.DeficitCovered(lent, loss, burnt, 0) in tx.events
    a = hub.getAsset(lent)
    assert (a.feeShares, a.coveredByFees, a.deficit) == (FEE_SHARES - burnt, loss, 0)
    assert a.deficitSince == 0
    assert fund.assetsOf(lent) == 100 * WAD
    assert hub.toAssetsDown(lent, SUPPLIED) >= assets_down(SUPPLIED, *totals)


def test_cover__fund_suffices__leaves_suppliers_whole(hub, fund, lent, lose, insure, stranger):
    """What the fund pays arrives as cash; the suppliers' claim does not fall by a wei."""
    insure(1_000 * WAD)
    before = hub.toAssetsDown(lent, SUPPLIED)
    lose()
    hub.cover(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert a.coveredByFees + a.coveredByFund == DEBT
    assert fund.assetsOf(lent) == 1_000 * WAD - a.coveredByFund
    assert a.cash == SUPPLIED - DRAWN + a.coveredByFund
    assert hub.toAssetsDown(lent, SUPPLIED) >= before


def test_cover__nothing_left_to_cover_with__is_refused(hub, lent, lose, stranger):
    """A second call would otherwise pretend to have done something."""
    lose()
    hub.cover(lent, sender=stranger)
    with reverts(hub.ZeroAmount):
        hub.cover(lent, sender=stranger)


def test_losses__no_deficit__is_refused(hub, lent, stranger):
    """Neither layer can be charged without a loss."""
    for verb in (hub.cover, hub.socialise):
        with reverts(hub.NoDeficit):
            verb(lent, sender=stranger)


def test_socialise__nobody_covered_before__empties_the_earlier_layers_first(
    hub, fund, lent, lose, insure, stranger, chain
):
    """The order cannot be skipped by not calling cover, nor blocked by a late stake of one wei."""
    insure(100 * WAD)
    since = lose().timestamp
    chain.pending_timestamp = since + COVER_WINDOW
    tx = hub.socialise(lent, sender=stranger)
    by_fees = assets_down(FEE_SHARES, SUPPLIED + FEE_SHARES, SUPPLIED + INTEREST)
    rest = DEBT - by_fees - 100 * WAD
    covered, socialised = (
        hub.DeficitCovered(lent, by_fees, FEE_SHARES, 100 * WAD),
        hub.DeficitSocialised(lent, rest),
    )
    assert tx.events.index(covered) < tx.events.index(socialised)
    a = hub.getAsset(lent)
    assert (a.coveredByFees, a.coveredByFund, a.socialised) == (by_fees, 100 * WAD, rest)
    assert (a.deficit, fund.assetsOf(lent)) == (0, 0)


def test_socialise__earlier_layers_suffice__charges_no_supplier(
    hub, fund, lent, lose, insure, stranger, chain
):
    """After the window, too, suppliers pay only what nobody else can."""
    insure(1_000 * WAD)
    before, since = hub.toAssetsDown(lent, SUPPLIED), lose().timestamp
    chain.pending_timestamp = since + COVER_WINDOW
    hub.socialise(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert (a.deficit, a.deficitSince, a.socialised) == (0, 0, 0)
    assert hub.toAssetsDown(lent, SUPPLIED) >= before


def test_socialise__immediate_mode__skips_the_window(hub, fund, lent, lose, admin, stranger):
    """The order stays, the waiting goes."""
    hub.setLossPolicy(fund, COVER_WINDOW, True, sender=admin)
    lose()
    hub.socialise(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert (a.deficit, a.feeShares) == (0, 0)
    assert a.coveredByFees + a.socialised == DEBT


def test_socialise__window__starts_with_the_first_open_loss(hub, lent, lose, stranger, chain):
    """A later loss neither restarts nor shares the clock of its own; a full cover ends it."""
    since = lose(DRAWN // 2).timestamp
    hub.cover(lent, sender=stranger)
    chain.pending_timestamp = since + DAY
    lose(DRAWN // 4)
    assert hub.getAsset(lent).deficitSince == since
    chain.pending_timestamp = since + COVER_WINDOW
    hub.socialise(lent, sender=stranger)
    tx = lose(DRAWN // 4)
    assert hub.getAsset(lent).deficitSince == tx.timestamp


def test_socialise__two_suppliers__lose_pro_rata(
    hub, fund, asset, share, admin, spoke, supplier, add, stranger
):
    """600 and 200 supplied, 100 lost: 75 and 25."""
    hub.setLossPolicy(fund, 0, True, sender=admin)
    share.deposit(200 * WAD, supplier, sender=supplier)
    add(asset, 600 * WAD)
    hub.draw(asset, 100 * WAD, spoke, sender=spoke)
    hub.reportDeficit(asset, 100 * WAD, sender=spoke)
    hub.socialise(asset, sender=stranger)
    # What the virtual share loses is at most the slack of invariant 2.
    assert 0 <= hub.toAssetsDown(asset, 600 * WAD) - 525 * WAD <= VIRTUAL
    assert 0 <= share.maxWithdraw(supplier) - 175 * WAD <= VIRTUAL
    assert 0 <= hub.toAssetsDown(asset, 800 * WAD) - hub.getAsset(asset).cash <= VIRTUAL


def test_claim_fees__no_deficit__pays_all_of_them(hub, lent, admin, stranger):
    """The protocol's shares are worth at most the fee, and nothing else moves."""
    worth = assets_down(FEE_SHARES, SUPPLIED + FEE_SHARES, SUPPLIED + INTEREST)
    assert worth in (FEE, FEE - 1)
    before = lent.balanceOf(stranger)
    tx = hub.claimFees(lent, stranger, sender=admin)
    assert hub.FeesClaimed(lent, stranger, worth, FEE_SHARES) in tx.events
    assert lent.balanceOf(stranger) - before == worth
    with reverts(hub.ZeroAmount):
        hub.claimFees(lent, stranger, sender=admin)


def test_claim_fees__deficit_open__is_refused(hub, lent, lose, admin, stranger):
    """Fees bear losses first: they cannot leave while one is open."""
    lose(1)
    with reverts(hub.DeficitOpen):
        hub.claimFees(lent, admin, sender=admin)
    hub.cover(lent, sender=stranger)
    hub.claimFees(lent, admin, sender=admin)


def test_claim_fees__tokens_lent_out__has_to_wait(hub, lent, spoke, admin):
    """The protocol waits for cash like everybody else."""
    hub.draw(lent, SUPPLIED - DRAWN, spoke, sender=spoke)
    with reverts(hub.InsufficientCash):
        hub.claimFees(lent, admin, sender=admin)


def test_socialise__other_debts_still_bear_interest__is_possible(
    hub, lent, lose, admin, stranger, chain
):
    """Every second of interest mints fees: the haircut must not demand that there are none."""
    since = lose(DRAWN // 2).timestamp
    hub.setRateModel(lent, rate_model(reserve_factor=1_000, base=1_000), sender=admin)
    chain.pending_timestamp = since + COVER_WINDOW
    hub.cover(lent, sender=stranger)
    chain.pending_timestamp += 12
    hub.socialise(lent, sender=stranger)
    a = hub.getAsset(lent)
    assert a.deficit == 0
    assert a.coveredByFees + a.socialised == a.deficitReported
