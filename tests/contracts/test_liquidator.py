"""Liquidator: seizes, sells on pools inside the callback, repays, hands over the rest."""

import pytest

from tests.contracts.support import BPS, MAX_UINT, WAD, amount_out, reverts

HALF = 7_380 * 10**6
"""Of 14,760 usdc, and less than what may be repaid."""


@pytest.fixture
def market(pair, weth, usdc, supplier):
    """market(weth): a pool of so many weth at $1,800."""

    def market(depth):
        pair.addLiquidity(int(depth * WAD), int(depth * 1_800 * 10**6), sender=supplier)
        return pair

    return market


@pytest.fixture
def flash_liquidate(flash, vault, pair, weth, usdc, stranger):
    """flash_liquidate(account, repay, profit): by a stranger without capital."""

    def flash_liquidate(account, repay=MAX_UINT, profit=0):
        return flash.liquidate(vault, [pair], account, usdc, weth, repay, profit, sender=stranger)

    return flash_liquidate


def test_liquidate__deep_market__hands_over_the_profit(
    flash, vault, pair, weth, usdc, stranger, unhealthy, market, flash_liquidate
):
    """What the pair pays for the seized weth, less 7,380, to the unit; nothing stays behind."""
    account, before = unhealthy(), usdc.balanceOf(stranger)
    market(5_000)
    seized = 41 * WAD // 10 * 10_450 // BPS  # base and nine tenths of the bonus
    proceeds = amount_out(5_000 * WAD, 9_000_000 * 10**6, seized, 30)
    profit = proceeds - HALF
    tx = flash_liquidate(account, HALF, profit)
    assert flash.Profited(stranger, account, usdc, profit) in tx.events
    assert usdc.balanceOf(stranger) - before == profit > 0
    assert (weth.balanceOf(flash), usdc.balanceOf(flash)) == (0, 0)
    assert weth.allowance(flash, pair) == usdc.allowance(flash, vault) == 0
    assert vault.debtAssets(account, usdc) == HALF


def test_liquidate__asking_one_unit_more__is_refused(
    flash, unhealthy, market, flash_liquidate, usdc, stranger
):
    """All or nothing: the error names proceeds, repayment and wish."""
    account = unhealthy()
    market(5_000)
    seized = 41 * WAD // 10 * 10_450 // BPS
    proceeds = amount_out(5_000 * WAD, 9_000_000 * 10**6, seized, 30)
    wish = proceeds - HALF + 1
    named = {"proceeds": proceeds, "repaid": HALF, "minProfit": wish}
    with reverts(flash.ProfitTooLow, **named):
        flash_liquidate(account, HALF, wish)


@pytest.mark.parametrize(("slack", "pays"), [("0.999", True), ("1.001", False)])
def test_liquidate__shallow_market__pays_up_to_the_published_depth(
    flash, weth, unhealthy, market, flash_liquidate, set_reserve, slack, pays
):
    """Seizing q pays iff q < R ((1 + b) - 1 / (1 - f)): the pool has to be 21.28 q deep."""
    set_reserve(weth, liquidationFeeBps=0)
    account = unhealthy()
    seized = 4.305
    market(seized / (1.05 - 1 / 0.997) / float(slack))
    if pays:
        flash_liquidate(account, HALF)
    else:
        with reverts(flash.ProfitTooLow):
            flash_liquidate(account, HALF)


def test_liquidate__healthy_account__changes_nothing(
    flash, vault, weth, usdc, open_position, market, flash_liquidate
):
    """The vault's refusal comes through."""
    account = open_position({weth: 10 * WAD}, {usdc: 10**7})
    market(5_000)
    with reverts(vault.AccountHealthy):
        flash_liquidate(account)


def test_liquidate__borrower_calls_it_on_himself__is_paid_the_bonus(
    flash, usdc, borrower, vault, pair, weth, unhealthy, market
):
    """The vault sees the contract, not its caller: SelfLiquidation stops only direct calls."""
    account = unhealthy()
    market(5_000)
    before = usdc.balanceOf(borrower)
    flash.liquidate(vault, [pair], account, usdc, weth, MAX_UINT, 0, sender=borrower)
    assert usdc.balanceOf(borrower) > before


def test_on_liquidate__called_by_anyone__is_refused(flash, vault, usdc, weth, stranger):
    """Only the vault being called may call back."""
    with reverts(flash.UnexpectedCallback):
        flash.onLiquidate(0, usdc, weth, 1, 1, b"", sender=stranger)
