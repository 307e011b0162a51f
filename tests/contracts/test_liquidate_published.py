"""Liquidations against closed forms that others derived or measured.

C collateral value, D debt value, lt liquidation threshold, b bonus, x repaid; in dollars.
"""

from fractions import Fraction

import pytest

from tests.contracts.support import BPS, USD, WAD, account_id


def dollars(value) -> int:
    """USD with 8 decimals"""
    return int(Fraction(value) * USD)


@pytest.fixture
def position(vault, weth, usdc, borrower, set_price, set_reserve):
    """position(C, D, ...): dollars of weth at $2,000, and dollars of usdc owed, unhealthy or not.

    The price is high while the debt is drawn and falls to $2,000 afterwards.
    """

    def position(collateral, debt, on=vault, **config):
        set_reserve(weth, on=on, liquidationFeeBps=0, **config)
        set_price(weth, 10_000)
        account = account_id(borrower)
        on.supply(account, weth, int(Fraction(collateral) / 2_000 * WAD), sender=borrower)
        on.borrow(account, usdc, int(Fraction(debt) * 10**6), borrower, sender=borrower)
        set_price(weth, 2_000)
        return account

    return position


def test_liquidate__target_health__repays_the_published_amount(
    make_vault, target_health, weth, usdc, position, liquidate
):
    """x = (D - lt C) / (1 - lt (1 + b)): 12.5 of 82 restores a health of 1 (liq_restore_hf), and
    303 hundred-millionths of a dollar by the same for roundings: 19 units.
    """
    vault = make_vault(engine=target_health)
    account = position(100_000, 82_000, on=vault)
    liquidate(account, on=vault)
    assert abs(vault.debtAssets(account, usdc) + 19 - 69_500 * 10**6) <= 1
    h = vault.health(account)
    assert abs(h.collateralValue + 1_995 - dollars(86_875)) <= 10**3  # of 10^12
    assert 0 <= h.factor - WAD <= 10**8  # never below the target; above it by the last unit repaid


def test_liquidate__target_of_105__repays_the_published_amount(
    project, admin, make_vault, weth, usdc, position, liquidate
):
    """The same account brought to 1.05 takes 29.047619047619 (vector liq_restore_hf), and 15 units
    for roundings.
    """
    engine = admin.deploy(project.TargetHealth, 105 * WAD // 100, 9 * WAD // 10)
    vault = make_vault(engine=engine)
    account = position(100_000, 82_000, on=vault)
    liquidate(account, on=vault)
    repaid = 82_000 * 10**6 - vault.debtAssets(account, usdc)
    assert abs(repaid - 15 - 29_047_619_047) <= 1
    assert 0 <= vault.health(account).factor - 105 * WAD // 100 <= 10**8


def test_liquidate__half_closed__reaches_the_published_health(
    vault, weth, usdc, position, liquidate
):
    """After x = D / 2: health 1.11121951219512195 and D / C .719929762949956 (liq_restore_hf)."""
    account = position(100_000, 82_000)
    assert vault.health(account).factor == 975_609_756_097_560_975
    liquidate(account, repay=41_000 * 10**6)
    h = vault.health(account)
    assert h.factor == 1_111_219_512_195_121_951
    assert h.debtValue * WAD // h.collateralValue == 719_929_762_949_956_101


@pytest.mark.parametrize("side", [-1, 1], ids=["below", "above"])
@pytest.mark.parametrize(
    ("bonus", "frontier"),
    [
        (100, "0.990099009900990099"),
        (500, "0.952380952380952381"),
        (800, "0.925925925925925926"),
        (1_500, "0.869565217391304348"),
    ],
)
def test_liquidate__near_the_toxic_frontier__health_turns_there(
    vault, position, liquidate, wait_long, bonus, frontier, side
):
    """A liquidation lowers health iff D / C > 1 / (1 + b) (Warmuz et al., arXiv:2212.07306)."""
    debt = round(100_000 * (Fraction(frontier) + side * Fraction(1, 10**5)), 6)
    account = position(100_000, debt, maxBonusBps=bonus, minBonusBps=bonus)
    before = vault.health(account).factor
    assert before < WAD
    wait_long(account)
    liquidate(account, repay=10_000 * 10**6)
    moved = vault.health(account).factor - before
    assert moved * side < 0


def test_liquidate__beyond_the_frontier__walks_the_published_spiral(
    vault, hub, weth, usdc, position, liquidate, wait_long
):
    """D_n = D / 2^n, C_n = C - (1 + b)(D - D_n), C = 100, D = 97 (vector toxic_spiral_path).

    At the sixth step collateral is exhausted; D - C / (1 + b) = 1.7619047619 is lost, although
    D < C at the start.
    """
    account = position(100_000, 97_000)
    wait_long(account)
    debts = ["48.5", "24.25", "12.125", "6.0625", "3.03125"]
    collaterals = ["49.075", "23.6125", "10.88125", "4.515625", "1.3328125"]
    ratios = ["0.988283239938869078", "1.02699841185812599", "1.11430212521539345"]
    ratios += ["1.34256055363321799", "2.27432590855803048"]
    for debt, collateral, ratio in zip(debts, collaterals, ratios, strict=True):
        liquidate(account, repay=int(Fraction(debt) * 10**9))
        h = vault.health(account)
        assert h.debtValue == dollars(debt) * 1_000
        assert h.collateralValue == dollars(collateral) * 1_000
        assert abs(Fraction(h.debtValue, h.collateralValue) - Fraction(ratio)) < Fraction(1, 10**17)
    liquidate(account)
    lost = Fraction(97_000) - Fraction(100_000) * BPS / 10_500
    assert abs(hub.getAsset(usdc).deficit - lost * 10**6) < 1
    assert vault.positionOf(account, weth).supplied == 0


@pytest.mark.parametrize("steps", [1, 2])
def test_liquidate__in_one_step_or_two__pays_the_published_optimum(
    vault, usdc, weth, liquidator, position, liquidate, steps
):
    """Bring health just below 1, then close half: 2.3625 against 2.05, a gain of 15.24% over half.

    r1 = (D - lt C) / (1 - lt (1 + b)) = 12.5, r2 = CF (D - r1) = 34.75 (Qin et al. 2021, vector
    qin_optimal_split): a close factor of half of all rewards splitting, so this one is both parts.
    """
    account = position(100_000, 82_000)
    usdc_before, weth_before = usdc.balanceOf(liquidator), weth.balanceOf(liquidator)
    if steps == 2:
        liquidate(account, repay=12_500 * 10**6 - 1)
        assert vault.health(account).factor < WAD
    liquidate(account)
    repaid = Fraction(usdc_before - usdc.balanceOf(liquidator), 10**9)
    seized = Fraction(weth.balanceOf(liquidator) - weth_before, WAD) * 2
    assert repaid == pytest.approx(Fraction("47.25"), rel=1e-9)
    assert seized - repaid == pytest.approx(Fraction("2.3625"), rel=1e-7)
    assert (seized - repaid) / Fraction("2.05") - 1 == pytest.approx(0.152439024390, rel=1e-6)


@pytest.mark.parametrize(("gap", "loss"), [("0.1285", False), ("0.12850001", True)])
def test_liquidate__after_a_gap__loses_beyond_the_published_tolerance(
    vault, hub, weth, usdc, open_position, set_price, set_reserve, liquidate, wait_long, gap, loss
):
    """From a health of 1, a fall g costs nothing up to 1 - lt (1 + b) = .1285 (lt 83%, b 5%)."""
    set_reserve(weth, ltBps=8_300)
    account = open_position({weth: 10 * WAD}, {usdc: 14_000 * 10**6})
    at_one = Fraction(14_000, 10) / Fraction(83, 100)
    set_price(weth, at_one * (1 - Fraction(gap)))
    wait_long(account)
    liquidate(account)
    assert vault.debtAssets(account, usdc) == 0
    assert (hub.getAsset(usdc).deficit > 1) == loss


@pytest.mark.parametrize("price", [1_845 - 1, 1_800, 1_700, 1_600, 1_550])
def test_liquidate__on_a_continuous_path__never_loses(
    make_vault, target_health, hub, weth, usdc, unhealthy, set_price, liquidate, price
):
    """lt (1 + b) < 1: while C >= (1 + b) D, here to $1,549.80, nothing is lost (Gatto 2026)."""
    vault = make_vault(engine=target_health)
    account = unhealthy(on=vault)
    set_price(weth, price)
    liquidate(account, on=vault)
    assert hub.getAsset(usdc).deficit == 0
    assert vault.health(account).factor >= WAD
