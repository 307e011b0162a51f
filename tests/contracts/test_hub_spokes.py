"""What spokes may do with the hub, what nobody else may, and how far a loss can spread."""

import ape
import pytest

from tests.contracts.support import (
    DAY,
    MAX_AMOUNT,
    MAX_CAP,
    MAX_SHARES,
    VIRTUAL_SHARES,
    WAD,
    YEAR,
    ZERO_ADDRESS,
    rate_model,
    reserve_config,
    reverts,
)


@pytest.fixture
def funded(add, hub, asset, spoke):
    """The spoke has supplied 1,000, drawn 400, escrowed 50."""
    add(asset, 1_000 * WAD)
    hub.draw(asset, 400 * WAD, spoke, sender=spoke)
    asset.transfer(hub, 50 * WAD, sender=spoke)
    hub.addEscrow(asset, 50 * WAD, sender=spoke)
    return asset


# --- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda d, x: d.hub.listAsset(d.flash, rate_model(), sender=x),
        lambda d, x: d.hub.setRateModel(d.weth, rate_model(), sender=x),
        lambda d, x: d.hub.setSpoke(d.weth, x, MAX_CAP, MAX_CAP, True, False, sender=x),
        lambda d, x: d.hub.setLossPolicy(d.fund, 0, True, sender=x),
        lambda d, x: d.hub.setOutflowLimit(d.weth, 1, 0, 1, sender=x),
        lambda d, x: d.hub.claimFees(d.weth, x, sender=x),
        lambda d, x: d.vault.setReserve(d.weth, reserve_config(), 0, sender=x),
        lambda d, x: d.vault.setPolicy((d.close_factor, 0, 0, 1, 0, ZERO_ADDRESS), sender=x),
        lambda d, x: d.vault.setDeleveraging(d.weth, (d.share, 0, 0, 0, 0, 0), sender=x),
        lambda d, x: d.oracle.setFeed(d.weth, d.oracle.getFeed(d.weth), sender=x),
        lambda d, x: d.oracle.forgetAnchor(d.weth, sender=x),
    ],
    ids=[
        *("asset", "rate", "spoke", "loss-policy", "outflow", "fees", "reserve", "policy"),
        *("deleveraging", "feed", "anchor"),
    ],
)
def test_configure__without_the_role__is_refused(deployed, hub, stranger, call):
    """Nothing that sets parameters or takes fees is open to everyone."""
    with reverts(hub.AccessControlUnauthorizedAccount, account=stranger):
        call(deployed, stranger)


def test_list_asset__again__is_refused(hub, weth, admin):
    """Listing anew would reset the index under everybody's debt."""
    with reverts(hub.AssetAlreadyListed, asset=weth):
        hub.listAsset(weth, rate_model(), sender=admin)


def test_hub__asset_not_listed__is_refused(hub, admin, spoke, flash):
    """Every entrance names the unknown asset."""
    for call in (
        lambda: hub.setSpoke(flash, spoke, 0, 0, True, False, sender=admin),
        lambda: hub.setRateModel(flash, rate_model(), sender=admin),
        lambda: hub.accrue(flash, sender=spoke),
        lambda: hub.add(flash, 1, 1, sender=spoke),
    ):
        with reverts(hub.AssetNotListed, asset=flash):
            call()


def test_set_loss_policy__without_its_fund_or_too_slow__is_refused(project, hub, fund, admin):
    """Suppliers learn within a year whether they lose."""
    other = admin.deploy(project.InsuranceFund, admin, DAY)
    for fund_, window in ((other, 0), (fund, YEAR + 1)):
        with reverts(hub.InvalidLossPolicy):
            hub.setLossPolicy(fund_, window, False, sender=admin)
    with ape.reverts():  # no contract: nobody says whose fund it is
        hub.setLossPolicy(ZERO_ADDRESS, 0, False, sender=admin)
    hub.setLossPolicy(fund, YEAR, True, sender=admin)
    assert (hub.coverWindow(), hub.immediateLoss()) == (YEAR, True)


# --- legs and bounds ------------------------------------------------------------------------------

# Per verb: arguments (assets, shares or scaled) and the error; the spoke has supplied 1,000, drawn
# 400 and escrowed 50, so the hub's cash is 600.
REFUSED = {
    "add": [
        ((0, 1), "ZeroAmount"),
        ((1, 0), "ZeroAmount"),
        ((5, 5 * VIRTUAL_SHARES + 1), "UnfairShares"),
        ((5, 5), "Unbacked"),
        ((MAX_AMOUNT, 1), "AmountTooLarge"),
        ((MAX_AMOUNT - 600 * WAD, 1), "AmountTooLarge"),
        ((1, MAX_SHARES), "AmountTooLarge"),
        ((1, MAX_SHARES - 1_000 * WAD * VIRTUAL_SHARES), "AmountTooLarge"),
    ],
    "remove": [
        ((0, 1), "ZeroAmount"),
        ((1, 0), "ZeroAmount"),
        ((6, 6 * VIRTUAL_SHARES - 1), "UnfairShares"),
        ((1, 1_000 * WAD * VIRTUAL_SHARES + 1), "InsufficientShares"),
        ((600 * WAD + 1, 700 * WAD * VIRTUAL_SHARES), "InsufficientCash"),
    ],
    "addEscrow": [
        ((0,), "ZeroAmount"),
        ((1,), "Unbacked"),
        ((MAX_AMOUNT,), "AmountTooLarge"),
        ((MAX_AMOUNT - 50 * WAD,), "AmountTooLarge"),
    ],
    "removeEscrow": [((0,), "ZeroAmount"), ((50 * WAD + 1,), "InsufficientShares")],
    "addFee": [((1_000 * WAD * VIRTUAL_SHARES + 1,), "InsufficientShares")],
    "addFeeFromEscrow": [((50 * WAD + 1,), "InsufficientShares")],
    "draw": [((0,), "ZeroAmount"), ((600 * WAD + 1,), "InsufficientCash")],
    "restore": [
        ((0, WAD), "ZeroAmount"),
        ((WAD + 1, WAD), "AmountTooLarge"),
        ((401 * WAD, 401 * WAD), "InsufficientShares"),
        ((WAD, WAD), "Unbacked"),
    ],
    "reportDeficit": [((0, 0), "ZeroAmount"), ((400 * WAD + 1, 0), "InsufficientShares")],
}
PAYS_OUT = {"remove", "removeEscrow", "draw"}


def call(hub, verb, asset, args, caller):
    receiver = (caller,) if verb in PAYS_OUT else ()
    return getattr(hub, verb)(asset, *args, *receiver, sender=caller)


@pytest.mark.parametrize("verb", REFUSED)
def test_hub__leg_out_of_bounds__is_refused(hub, funded, spoke, verb):
    """No leg is zero, unfair, unbacked, larger than what is there or larger than 2^112."""
    for args, error in REFUSED[verb]:
        with reverts(getattr(hub, error)):
            call(hub, verb, funded, args, spoke)


def test_hub__called_by_nobodys_spoke__is_refused(hub, funded, stranger):
    """An unregistered caller holds nothing, so there is nothing it can move."""
    for verb in REFUSED:
        args = (1, 1) if verb in {"add", "remove", "restore", "reportDeficit"} else (1,)
        inflow = verb in {"add", "addEscrow", "draw"}
        with reverts(hub.SpokeNotActive if inflow else hub.InsufficientShares):
            call(hub, verb, funded, args, stranger)


def test_hub__shares_of_nothing__change_nothing(hub, funded, stranger):
    """The two verbs that accept a zero amount from anyone move nothing."""
    before = hub.getAsset(funded)
    hub.addFee(funded, 0, sender=stranger)
    hub.addFeeFromEscrow(funded, 0, sender=stranger)
    after = hub.getAsset(funded)
    before.lastAccrual = after.lastAccrual
    assert after == before


def test_hub__spoke_halted__draws_nothing_but_pays_out_what_is_its_own(hub, funded, spoke, admin):
    """Who takes it out the spoke knows: a liquidator may, a withdrawal it refuses itself."""
    hub.setSpoke(funded, spoke, MAX_CAP, MAX_CAP, True, True, sender=admin)
    with reverts(hub.SpokeHalted):
        hub.draw(funded, 1, spoke, sender=spoke)
    hub.remove(funded, 1, VIRTUAL_SHARES, spoke, sender=spoke)
    hub.removeEscrow(funded, 1, spoke, sender=spoke)
    funded.transfer(hub, WAD, sender=spoke)
    hub.restore(funded, WAD, 400 * WAD, sender=spoke)
    hub.reportDeficit(funded, 399 * WAD, 0, sender=spoke)


# --- numbers that fit -----------------------------------------------------------------------------


def test_add_fee__of_any_size__fits(hub, asset, add, spoke):
    asset.mint(spoke, 2**111, sender=spoke)
    add(asset, 2**111)
    hub.addFee(asset, 2**111 * VIRTUAL_SHARES, sender=spoke)
    assert hub.getAsset(asset).feeShares == 2**111 * VIRTUAL_SHARES > 2**128


def test_add_fee_from_escrow__in_a_lost_pool__forgoes_what_does_not_fit(
    hub, asset, add, spoke, admin
):
    """1e12 shares for a unit, of 2^111 units: more than there can be."""
    asset.mint(spoke, 2**111, sender=spoke)
    add(asset, WAD)
    hub.draw(asset, WAD, spoke, sender=spoke)
    hub.reportDeficit(asset, WAD, 0, sender=spoke)
    asset.transfer(hub, 2**111, sender=spoke)
    hub.addEscrow(asset, 2**111, sender=spoke)
    hub.addFeeFromEscrow(asset, 2**111, sender=spoke)
    a = hub.getAsset(asset)
    assert (a.cash, a.totalShares) == (2**111, MAX_SHARES - 1)
    assert a.feeShares == MAX_SHARES - 1 - WAD * VIRTUAL_SHARES
    assert hub.room(asset) == 0
    hub.claimFees(asset, admin, sender=admin)
    assert hub.room(asset) > 2**111


def test_draw__scaled_debt_of_all_spokes__stays_below_its_bound(hub, asset, add, spoke, admin):
    asset.mint(spoke, 2**112, sender=spoke)
    hub.setSpoke(asset, admin, MAX_CAP, MAX_CAP, True, False, sender=admin)
    add(asset, 2**111)
    hub.draw(asset, 2**111, spoke, sender=spoke)
    add(asset, 2**111)
    with reverts(hub.AmountTooLarge):
        hub.draw(asset, 2**111, admin, sender=admin)
    hub.draw(asset, 2**111 - 1, admin, sender=admin)


# --- caps and firewall ----------------------------------------------------------------------------


def test_add__spoke_inactive__adds_only_to_what_it_has(hub, asset, funded, spoke, admin):
    """Its accounts may need it; an asset of which it has nothing it cannot begin with."""
    hub.setSpoke(funded, spoke, 0, 0, False, False, sender=admin)
    funded.transfer(hub, 2 * WAD, sender=spoke)
    hub.add(funded, WAD, WAD * VIRTUAL_SHARES, sender=spoke)
    hub.addEscrow(funded, WAD, sender=spoke)
    held = hub.getSpoke(funded, spoke)
    hub.remove(funded, 1, VIRTUAL_SHARES, spoke, sender=spoke)
    assert (held.active, held.addCap) == (False, 0)


def test_draw__after_a_loss__counts_it_against_the_cap_for_good(hub, funded, spoke, admin):
    """Of a cap of 450, 400 are drawn; 300 of them lost still leave only 50 to draw."""
    hub.setSpoke(funded, spoke, MAX_CAP, 450 * WAD, True, False, sender=admin)
    hub.reportDeficit(funded, 300 * WAD, 0, sender=spoke)
    with reverts(hub.DrawCapExceeded):
        hub.draw(funded, 50 * WAD + 1, spoke, sender=spoke)
    hub.draw(funded, 50 * WAD, spoke, sender=spoke)


def test_firewall__one_vault_loses__the_other_keeps_every_unit(
    deployed, vault, hub, fund, weth, usdc, wbtc, admin, make_vault, open_position, set_price
):
    """A's loss moves only the asset A drew, by at most A's draw cap (invariant 23)."""
    other = make_vault(rehypothecate=False)
    kept = open_position({weth: 10 * WAD}, {usdc: 10**9}, on=other)
    hub.setSpoke(usdc, vault, MAX_CAP, 20_000 * 10**6, True, False, sender=admin)
    hub.setLossPolicy(fund, 0, True, sender=admin)
    lost = open_position({wbtc: 10**8}, {usdc: 20_000 * 10**6})

    def others():
        spokes = [hub.getSpoke(t, other) for t in deployed.tokens]
        return spokes, other.accountOf(kept), other.health(kept), hub.getAsset(weth)

    before, total = others(), hub.totalAssets(usdc)
    wbtc_before = hub.getAsset(wbtc)
    worth = hub.toAssetsDown(wbtc, wbtc_before.totalShares)
    set_price(wbtc, 0.5)
    vault.writeOff(lost, sender=admin)
    assert total - hub.totalAssets(usdc) == 20_000 * 10**6
    assert others() == before
    # What was behind the debt is the protocol's now; nobody's claim on it changed in worth.
    wbtc_before.feeShares += 10**8 * VIRTUAL_SHARES
    wbtc_after = hub.getAsset(wbtc)
    wbtc_after.lastAccrual = wbtc_before.lastAccrual
    assert wbtc_after == wbtc_before
    assert hub.toAssetsDown(wbtc, wbtc_before.totalShares) == worth
    with reverts(hub.DrawCapExceeded):
        open_position({weth: 10 * WAD}, {usdc: 1}, sub=1)
