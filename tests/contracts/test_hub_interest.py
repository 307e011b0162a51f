"""The hub's interest: index, rate, fees, against published numbers and the formulas."""

from fractions import Fraction

import pytest

from tests.contracts.support import (
    BPS,
    RAY,
    VIRTUAL_ASSETS,
    VIRTUAL_SHARES,
    WAD,
    YEAR,
    borrow_rate,
    down,
    growth,
    rate_model,
    reverts,
    up,
)

WETH_APRIL_2026 = {"optimal": 9_200, "slope1": 235, "slope2": 600}


@pytest.fixture
def lend(add, hub, spoke):
    """lend(asset, supplied, drawn): the spoke's debt and the timestamp of it."""

    def lend(asset, supplied, drawn):
        add(asset, supplied)
        return hub.draw(asset, drawn, spoke, sender=spoke).timestamp

    return lend


@pytest.fixture
def accrue_at(hub, stranger, chain):
    """accrue_at(asset, timestamp): books interest in a block of exactly that time."""

    def accrue_at(asset, timestamp):
        chain.pending_timestamp = timestamp
        tx = hub.accrue(asset, sender=stranger)
        assert tx.timestamp == timestamp
        return tx

    return accrue_at


@pytest.mark.parametrize(
    ("rate_bps", "seconds", "index"),
    [
        (500, 2_592_000, 1004118044969757105730597891),
        (1_000, YEAR, 1105166666666666666666666667),
        (10_000, YEAR, 2666666666666666666666666666),
    ],
)
def test_accrue__published_rates__give_aaves_exact_index(
    hub, admin, asset, lend, accrue_at, rate_bps, seconds, index
):
    """1 + x + x^2/2 + x^3/6 in RAY, to the last digit (vector aave_compound_interest_ray)."""
    hub.setRateModel(asset, rate_model(base=rate_bps), sender=admin)
    drawn = lend(asset, 1_000 * WAD, 400 * WAD)
    tx = accrue_at(asset, drawn + seconds)
    assert hub.Accrued(asset, index, 0) in tx.events
    assert hub.getAsset(asset).borrowIndex == index
    assert hub.debtOf(asset, 400 * WAD) == up(400 * WAD, index, RAY)


@pytest.mark.parametrize(
    ("debt", "rate"),
    [
        (886_275, "0.0226385461956521739"),
        (920_000, "0.0235"),
        (950_000, "0.046"),
        (1_000_000, "0.0835"),
    ],
)
def test_draw__usage_of_the_april_2026_weth_market__gives_its_rate(
    hub, admin, asset, lend, debt, rate
):
    """Two slopes at usage .886275, .92, .95 and 1 (vector aave_rate_weth_apr2026)."""
    hub.setRateModel(asset, rate_model(**WETH_APRIL_2026), sender=admin)
    lend(asset, 10**6 * WAD, debt * WAD)
    seen = hub.getAsset(asset).borrowRate
    assert abs(Fraction(seen, RAY) - Fraction(rate)) < Fraction(1, 10**18)
    assert seen == borrow_rate((10**6 - debt) * WAD, debt * WAD, 9_200, 0, 235, 600)


def test_accrue__all_lent_out__suppliers_get_the_published_rate(hub, admin, asset, lend, accrue_at):
    """.0835 x (1 - 15%) = .070975 a year at usage 1 (liquidity_rate_U1)."""
    hub.setRateModel(asset, rate_model(reserve_factor=1_500, **WETH_APRIL_2026), sender=admin)
    drawn = lend(asset, 10**6 * WAD, 10**6 * WAD)
    accrue_at(asset, drawn + 60)
    a = hub.getAsset(asset)
    gain = hub.toAssetsDown(asset, a.totalShares - a.feeShares) - 10**6 * WAD
    assert gain * YEAR / 60 / (10**6 * WAD) == pytest.approx(0.070975, rel=1e-6)


def test_accrue__reserve_factor__mints_fee_shares_at_the_price_after_the_fee(
    hub, admin, asset, lend, accrue_at
):
    """fee = down(interest f), shares = down(fee (T + V) / (A' - fee + 1))."""
    hub.setRateModel(asset, rate_model(reserve_factor=1_234, base=789), sender=admin)
    supplied, debt = 1_000 * WAD + 7, 333 * WAD + 1
    drawn = lend(asset, supplied, debt)
    accrue_at(asset, drawn + 12_345_678)
    index = growth(789 * RAY // BPS, 12_345_678)
    interest = up(debt, index, RAY) - debt
    fee = down(interest, 1_234, BPS)
    shares = supplied * VIRTUAL_SHARES
    minted = down(fee, shares + VIRTUAL_SHARES, supplied + interest - fee + VIRTUAL_ASSETS)
    a = hub.getAsset(asset)
    assert (a.borrowIndex, a.feeShares, a.totalShares) == (index, minted, shares + minted)
    assert a.feeRemainder == interest * 1_234 - fee * BPS
    assert hub.totalAssets(asset) == supplied + interest


def test_accrue__nobody_owes__only_time_moves(hub, admin, asset, add, accrue_at):
    """A base rate on no debt earns nothing."""
    hub.setRateModel(asset, rate_model(base=1_000), sender=admin)
    add(asset, WAD)
    accrue_at(asset, hub.getAsset(asset).lastAccrual + YEAR)
    a = hub.getAsset(asset)
    expected = RAY, WAD * VIRTUAL_SHARES, WAD
    assert (a.borrowIndex, a.totalShares, hub.totalAssets(asset)) == expected


def test_set_rate_model__interest_so_far__is_booked_at_the_old_rate(
    hub, admin, asset, lend, accrue_at, chain
):
    """A month at 5%, then a month at 20%: the product of two growths, half up."""
    month = 2_592_000
    hub.setRateModel(asset, rate_model(base=500), sender=admin)
    drawn = lend(asset, 1_000 * WAD, 400 * WAD)
    chain.pending_timestamp = drawn + month
    hub.setRateModel(asset, rate_model(base=2_000), sender=admin)
    assert hub.getAsset(asset).borrowRate == RAY // 5
    accrue_at(asset, drawn + 2 * month)
    first, second = growth(RAY // 20, month), growth(RAY // 5, month)
    assert hub.getAsset(asset).borrowIndex == (first * second + RAY // 2) // RAY


def test_draw__after_interest__books_scaled_debt_up(hub, admin, asset, spoke, lend, chain):
    """scaled = up(assets RAY / index): the debt is never less than what was lent."""
    hub.setRateModel(asset, rate_model(base=1_000), sender=admin)
    drawn = lend(asset, 1_000 * WAD, 400 * WAD)
    chain.pending_timestamp = drawn + 1_000_003
    hub.draw(asset, 7 * WAD + 1, spoke, sender=spoke)
    index, scaled = hub.getAsset(asset).borrowIndex, hub.getAsset(asset).scaledDebt - 400 * WAD
    assert scaled == up(7 * WAD + 1, RAY, index)
    assert scaled * index >= (7 * WAD + 1) * RAY


def test_views__between_accruals__include_interest_to_now(hub, admin, asset, lend, chain):
    """Debt and totals read as accrual would leave them in this block."""
    hub.setRateModel(asset, rate_model(base=1_000), sender=admin)
    drawn = lend(asset, 1_000 * WAD, 400 * WAD)
    chain.mine(timestamp=drawn + YEAR)
    assert hub.debtOf(asset, 400 * WAD) == up(400 * WAD, 1105166666666666666666666667, RAY)
    assert hub.totalAssets(asset) == 600 * WAD + hub.debtOf(asset, 400 * WAD)
    assert hub.getAsset(asset).borrowIndex == RAY


def test_accrue__index_at_its_bound__still_lets_debt_be_repaid(
    hub, admin, asset, spoke, lend, accrue_at
):
    """1,000% for a year is a factor 227.7: the index stops at 2^96 - 1 and nothing is bricked."""
    hub.setRateModel(asset, rate_model(base=100_000), sender=admin)
    drawn = lend(asset, 1_000 * WAD, WAD)
    accrue_at(asset, drawn + YEAR)
    assert hub.getAsset(asset).borrowIndex == 2**96 - 1
    debt = hub.debtOf(asset, WAD)
    asset.transfer(hub, debt, sender=spoke)
    hub.restore(asset, debt, WAD, sender=spoke)
    assert hub.getAsset(asset).scaledDebt == 0


@pytest.mark.parametrize(
    "model",
    [
        {"reserve_factor": BPS},
        {"optimal": 0},
        {"optimal": BPS},
        {"base": 100_001},
        {"slope1": 100_001},
        {"slope2": 100_001},
        {"base": 50_000, "slope1": 50_000, "slope2": 1},
    ],
    ids=str,
)
def test_set_rate_model__curve_out_of_bounds__is_refused(hub, admin, asset, model):
    """0 < kink < 1, reserve factor < 1, at most 1,000% a year in all."""
    with reverts(hub.InvalidRateModel):
        hub.setRateModel(asset, rate_model(**model), sender=admin)


def test_set_rate_model__at_the_bounds__is_accepted(hub, admin, asset):
    """The largest numbers that are still allowed."""
    model = rate_model(reserve_factor=BPS - 1, optimal=1, base=100_000)
    tx = hub.setRateModel(asset, model, sender=admin)
    assert hub.RateUpdated(asset, 10 * RAY) in tx.events
