"""Vault.liquidate: who may be, how much of what, and what everyone is left with."""

import pytest

from tests.contracts.support import (
    BPS,
    MAX_UINT,
    VIRTUAL_SHARES,
    WAD,
    account_id,
    reverts,
    up,
)

HALF = 7_380 * 10**6
"""Of 14,760 usdc, and less than what may be repaid."""


def test_liquidate__half_of_the_debt__moves_all_parties(
    vault, hub, weth, usdc, borrower, liquidator, unhealthy, liquidate
):
    """7,380 of 14,760 at $1,800: 4.1 weth and 5% on it, a tenth of the bonus to the protocol."""
    account = unhealthy()
    usdc_before, weth_before = usdc.balanceOf(liquidator), weth.balanceOf(liquidator)
    repaid, base = HALF, 41 * WAD // 10
    tx = liquidate(account, repay=repaid)
    seized = base * 105 // 100
    fee = (seized - base) // 10
    assert usdc.balanceOf(liquidator) == usdc_before - repaid
    assert weth.balanceOf(liquidator) == weth_before + seized - fee
    assert vault.debtAssets(account, usdc) == 14_760 * 10**6 - repaid
    assert vault.suppliedAssets(account, weth) == 10 * WAD - seized
    assert hub.getAsset(weth).feeShares == fee * VIRTUAL_SHARES
    event = vault.Liquidated(
        *(account, liquidator, usdc, weth, repaid, repaid, seized - fee),
        *(seized * VIRTUAL_SHARES, fee, False),
    )
    assert event in tx.events


@pytest.mark.parametrize(("price", "eligible"), [(1_845, False), (1_844.99999999, True)])
def test_liquidate__health_around_one__decides(
    vault, weth, unhealthy, liquidate, set_price, price, eligible
):
    """.8 x 10 x $1,845 = $14,760: at a health of exactly 1 not, one price unit lower yes."""
    account = unhealthy()
    set_price(weth, price)
    assert vault.isLiquidatable(account) == eligible
    if eligible:
        liquidate(account)
    else:
        with reverts(vault.AccountHealthy):
            liquidate(account)


def test_liquidate__published_example__flips_at_a_fall_of_one_eighth(
    vault, weth, usdc, open_position, set_price, set_reserve
):
    """c = 1, price 100, K = .8, debt 70: liquidatable beyond -12.5% (Perez et al. 2021, Eq. 3)."""
    set_price(weth, 100)
    account = open_position({weth: WAD}, {usdc: 70 * 10**6})
    set_price(weth, 87.5)
    assert not vault.isLiquidatable(account)
    set_price(weth, 87.49999999)
    assert vault.isLiquidatable(account)


@pytest.mark.parametrize(
    ("price", "left"),
    [(1_752.75000001, 5_073.75), (1_752.75, 0)],
    ids=["above .95", "at .95"],
)
def test_liquidate__close_factor__leaves_half_of_the_rest_until_health_095(
    vault, weth, usdc, unhealthy, liquidate, set_price, price, left
):
    """.95 x 14,760 / 8 = $1,752.75: there and below everything may be repaid. Above it 14,760 x .05
    / .16 = $4,612.50 heal.
    """
    account = unhealthy()
    set_price(weth, price)
    liquidate(account)
    assert vault.debtAssets(account, usdc) == pytest.approx(left * 10**6, abs=10)


@pytest.mark.parametrize(
    ("usdc_part", "closes"), [(10_000, 8_505), (7_000, 7_000)], ids=["above it", "below it"]
)
def test_liquidate__two_debts__close_factor_counts_the_total(
    vault, weth, usdc, wbtc, open_position, liquidate, set_price, usdc_part, closes
):
    """The limit on one pair is what heals and half of everything else owed: 2,250 + 12,510 / 2."""
    other = (14_760 - usdc_part) * 10**8 // 40_000
    account = open_position({weth: 10 * WAD}, {usdc: usdc_part * 10**6, wbtc: other})
    set_price(weth, 1_800)
    liquidate(account)
    assert (usdc_part - closes) * 10**6 - vault.debtAssets(account, usdc) in range(20)
    assert vault.debtAssets(account, wbtc) == other


def test_liquidate__pair_below_2000_dollars__may_be_closed_whole(
    vault, weth, usdc, open_position, liquidate, set_price
):
    """A debt of $1,476 is not worth two visits."""
    account = open_position({weth: WAD}, {usdc: 1_476 * 10**6})
    set_price(weth, 1_800)
    liquidate(account)
    assert vault.debtAssets(account, usdc) == 0
    assert vault.suppliedAssets(account, weth) == WAD - up(1_476 * WAD, 105, 180_000)


@pytest.mark.parametrize("repay", [1_952_000_000, 1_952_000_001, 2_952_000_000])
def test_liquidate__leaving_less_than_1000_dollars__takes_what_leaves_as_much(
    vault, weth, usdc, open_position, liquidate, set_price, repay
):
    """Of a debt of $2,952 may remain $1,000 or nothing, but not $999.999999."""
    account = open_position({weth: 2 * WAD}, {usdc: 2_952 * 10**6})
    set_price(weth, 1_700)
    liquidate(account, repay=repay)
    taken = 1_952_000_000 if repay == 1_952_000_001 else repay
    assert vault.debtAssets(account, usdc) == 2_952 * 10**6 - taken


def test_liquidate__where_nothing_leaves_1000_dollars__is_refused(
    vault, weth, usdc, wbtc, open_position, liquidate, set_price
):
    """Of $1,000 owed in usdc nothing can be left but nothing, or all of it."""
    account = open_position({weth: 5 * WAD}, {usdc: 1_000 * 10**6, wbtc: 15 * 10**6})
    set_price(weth, 1_700)
    with reverts(vault.MustNotLeaveDust):
        liquidate(account, repay=500 * 10**6)
    liquidate(account)
    assert vault.debtAssets(account, usdc) == 0


def test_liquidate__collateral_short__takes_all_and_pays_for_what_there_is(
    vault, hub, weth, usdc, liquidator, unhealthy, liquidate, set_price, wait_long
):
    """10 weth at $1,400 pay for up(14,000 / 1.05); the rest of the debt is written off."""
    account = unhealthy()
    set_price(weth, 1_400)
    wait_long(account)
    before, weth_before = usdc.balanceOf(liquidator), weth.balanceOf(liquidator)
    tx = liquidate(account)
    repaid = up(14_000 * 10**6, BPS, 10_500)
    loss = 14_760 * 10**6 - repaid
    fee = up(10 * WAD - 10 * WAD * BPS // 10_500, 1, 10)
    assert before - usdc.balanceOf(liquidator) == repaid
    assert weth.balanceOf(liquidator) - weth_before == 10 * WAD - fee
    assert vault.WrittenOff(account, usdc, loss, loss) in tx.events
    assert hub.getAsset(usdc).deficit == hub.getSpoke(usdc, vault).reportedDeficit == loss
    a = vault.accountOf(account)
    assert (a.collateralBits, a.debtBits) == (0, 0)


def test_liquidate__same_asset_on_both_sides__works(
    vault, weth, usdc, wbtc, open_position, liquidate, set_price
):
    """usdc collateral pays for usdc debt when another collateral fell."""
    account = open_position({usdc: 10**10, weth: 10 * WAD}, {usdc: 20_000 * 10**6})
    set_price(weth, 1_200)
    liquidate(account, repay=5_000 * 10**6, collateral=usdc)
    assert vault.debtAssets(account, usdc) == 15_000 * 10**6
    assert vault.suppliedAssets(account, usdc) == 10**10 - 5_250 * 10**6


def test_liquidate__for_shares__credits_the_liquidators_account(
    vault, hub, weth, liquidator, unhealthy, liquidate
):
    """The claim changes hands inside the vault: cash does not move, the fee does."""
    account, cash = unhealthy(), hub.getAsset(weth).cash
    liquidate(account, repay=HALF, as_shares=True)
    seized = 41 * WAD // 10 * 105 // 100
    fee = 41 * WAD // 10 * 5 // 1_000
    assert vault.suppliedAssets(account_id(liquidator), weth) == seized - fee
    assert hub.getAsset(weth).cash == cash
    assert hub.getSpoke(weth, vault).addedShares == (10 * WAD - fee) * VIRTUAL_SHARES
    vault.withdraw(account_id(liquidator), weth, MAX_UINT, liquidator, sender=liquidator)


def test_liquidate__cash_short__shares_are_the_way_out(
    vault, hub, weth, usdc, borrower, unhealthy, liquidate, open_position
):
    """With every weth lent out a liquidator cannot be paid in tokens, but can take the claim."""
    account = unhealthy()
    cash = hub.getAsset(weth).cash
    open_position({usdc: 30 * 10**12}, {weth: cash}, sub=1)
    with reverts(hub.InsufficientCash):
        liquidate(account)
    liquidate(account, as_shares=True)


def test_liquidate__escrowed_collateral__pays_from_escrow(
    make_vault, hub, weth, liquidator, unhealthy, liquidate
):
    """Only the fee turns into lendable cash and protocol shares."""
    vault = make_vault(rehypothecate=False)
    account = unhealthy(on=vault)
    before, cash = weth.balanceOf(liquidator), hub.getAsset(weth).cash
    liquidate(account, repay=HALF, on=vault)
    seized, fee = 41 * WAD // 10 * 105 // 100, 41 * WAD // 10 * 5 // 1_000
    a = hub.getAsset(weth)
    assert weth.balanceOf(liquidator) - before == seized - fee
    assert (a.cash - cash, a.escrow) == (fee, 10 * WAD - seized)
    assert a.feeShares == fee * VIRTUAL_SHARES


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"repay": 0}, "ZeroAmount"),
        ({"repay": 1, "debt": "wbtc"}, "NoDebt"),
        ({"collateral": "wbtc"}, "NotCollateral"),
        ({"repay": HALF, "minimum": 43 * WAD // 10}, "InsufficientCollateralOut"),
    ],
)
def test_liquidate__terms_that_do_not_fit__are_refused(
    vault, deployed, unhealthy, liquidate, options, error
):
    """4.1 weth and nine tenths of the bonus are 4.2845: not the 4.3 asked for."""
    options = {k: getattr(deployed, v) if isinstance(v, str) else v for k, v in options.items()}
    with reverts(getattr(vault, error)):
        liquidate(unhealthy(), **options)


def test_liquidate__asset_not_listed__is_refused(vault, asset, unhealthy, liquidate):
    """On either side; the asset is named in the error."""
    account = unhealthy()
    for side in ("debt", "collateral"):
        with reverts(vault.ReserveNotListed, asset=asset):
            liquidate(account, **{side: asset})


def test_liquidate__own_account__is_refused(vault, borrower, unhealthy, liquidate):
    """Nobody collects a bonus from himself."""
    with reverts(vault.SelfLiquidation):
        liquidate(unhealthy(), by=borrower)


def test_liquidate__engine_asks_for_everything__vault_clamps(
    make_vault, greedy_engine, weth, usdc, liquidator, unhealthy, liquidate
):
    """A bad engine can misprice but not steal: at most the debt, at most the largest bonus."""
    vault = make_vault(engine=greedy_engine, liquidationFeeBps=0)
    account, before = unhealthy(on=vault), weth.balanceOf(liquidator)
    liquidate(account, on=vault)
    assert vault.debtAssets(account, usdc) == 0
    assert weth.balanceOf(liquidator) - before == 14_760 * WAD * 105 // 100 // 1_800
