"""Several pools of a pair: how the liquidator divides a sale, and that it is one transaction."""

from decimal import Decimal

import pytest

from tests.contracts.support import BPS, MAX_AMOUNT, MAX_UINT, WAD, amount_out, reverts
from tests.lockstep.sales import Pool, check_best

HALF = 7_380 * 10**6
SEIZED = 41 * WAD // 10 * 10_450 // BPS
"""weth for it: base and nine tenths of the bonus."""


@pytest.fixture
def pool(project, admin, supplier, weth, usdc):
    """pool(weth, fee): a pool of so many weth at $1,800; its tokens the other way round."""

    def pool(depth, fee=30, price=1_800):
        made = admin.deploy(project.ConstantProductPair, usdc, weth, fee)
        for token in (weth, usdc):
            token.approve(made, MAX_UINT, sender=supplier)
        if depth:
            amounts = int(depth * price * 10**6), int(depth * WAD)
            made.addLiquidity(*amounts, sender=supplier)
        return made

    return pool


def known(pools):
    """What they hold of usdc and weth, as seen by whoever sells weth."""
    return [Pool(pool.reserve1(), pool.reserve0(), pool.feeBps()) for pool in pools]


def test_liquidate__two_pools__pays_what_one_of_their_sum_does(
    flash, vault, pair, pool, weth, usdc, supplier, stranger, unhealthy
):
    """5,000 weth in pools of 1,000 and 4,000, the first the other way round: to two units of usdc.
    Each takes its share of what is sold, to what a unit of usdc buys.
    """
    account, before = unhealthy(), usdc.balanceOf(stranger)
    small = pool(1_000)
    pair.addLiquidity(4_000 * WAD, 7_200_000 * 10**6, sender=supplier)
    once = amount_out(5_000 * WAD, 9_000_000 * 10**6, SEIZED, 30)
    tx = flash.liquidate(vault, [small, pair], account, usdc, weth, HALF, 0, sender=stranger)
    profit = usdc.balanceOf(stranger) - before
    assert once - HALF - 2 <= profit <= once - HALF
    assert flash.Profited(stranger, account, usdc, profit) in tx.events
    parts = small.reserve1() - 1_000 * WAD, pair.reserve0() - 4_000 * WAD
    assert sum(parts) == SEIZED and abs(parts[0] - SEIZED // 5) < WAD // (1_800 * 10**6)
    for token, spender in ((weth, small), (weth, pair), (usdc, vault)):
        assert token.allowance(flash, spender) == token.balanceOf(flash) == 0


def test_liquidate__one_pool_too_shallow_for_it__two_pay(
    flash, vault, pool, weth, usdc, stranger, unhealthy
):
    """All or nothing: what no pool pays for alone, two do in one transaction."""
    account, pools = unhealthy(), [pool(70), pool(70)]
    for pool_ in pools:
        with reverts(flash.ProfitTooLow):
            flash.liquidate(vault, [pool_], account, usdc, weth, HALF, 0, sender=stranger)
    flash.liquidate(vault, pools, account, usdc, weth, HALF, 0, sender=stranger)


def test_liquidate__no_pool__brings_nothing(flash, vault, weth, usdc, stranger, unhealthy):
    account = unhealthy()
    with reverts(flash.ProfitTooLow, proceeds=0, repaid=HALF, minProfit=0):
        flash.liquidate(vault, [], account, usdc, weth, HALF, 0, sender=stranger)


def test_liquidate__only_an_empty_pool__brings_nothing(
    flash, vault, pair, pool, weth, usdc, stranger, unhealthy
):
    """Of one the pair itself says so; of two nothing is asked."""
    account, empty = unhealthy(), pool(0)
    with reverts(pair.ZeroAmount):
        flash.liquidate(vault, [empty], account, usdc, weth, HALF, 0, sender=stranger)
    with reverts(flash.ProfitTooLow, proceeds=0, repaid=HALF, minProfit=0):
        flash.liquidate(vault, [empty, pool(0)], account, usdc, weth, HALF, 0, sender=stranger)


def test_liquidate__pool_of_other_tokens__is_refused(
    flash, vault, project, admin, pool, wbtc, usdc, weth, stranger, unhealthy
):
    """The pair refuses a token that is not its own; nothing of it stays."""
    account, other = unhealthy(), admin.deploy(project.ConstantProductPair, wbtc, usdc, 30)
    with reverts(other.UnknownToken):
        flash.liquidate(vault, [other], account, usdc, weth, HALF, 0, sender=stranger)


def test_liquidate__a_pool_twice__brings_less_but_harms_nobody(
    flash, vault, pool, weth, usdc, stranger, unhealthy
):
    """It takes two parts, the second at what the first left: as one sale of both."""
    account, before, one = unhealthy(), usdc.balanceOf(stranger), pool(5_000)
    once = amount_out(5_000 * WAD, 9_000_000 * 10**6, SEIZED, 30)
    flash.liquidate(vault, [one, one], account, usdc, weth, HALF, 0, sender=stranger)
    assert 0 < usdc.balanceOf(stranger) - before <= once - HALF
    assert (weth.balanceOf(flash), usdc.balanceOf(flash)) == (0, 0)


@pytest.mark.parametrize("amount", [1, 10**9, WAD, 300 * WAD, 10**6 * WAD])
def test_split__other_prices_and_fees__brings_the_most_there_is(flash, pool, weth, amount):
    """By the bound that no division passes; what is left out would pay less for its first unit."""
    pools = [pool(100, 5), pool(40, 30, 1_810), pool(300, 100, 1_805), pool(0), pool(10, 0, 1_500)]
    parts = flash.split(pools, weth, amount)
    assert sum(parts) == amount and parts[3] == 0
    trading = [(pool, part) for pool, part in zip(pools, parts, strict=True) if part]
    sold = [pool.getAmountOut(weth, part) if amount > 10**12 else 0 for pool, part in trading]
    if amount > 10**12:  # below, not one unit of usdc comes out
        check_best(known(pools), parts, sum(sold))
        last = [p.last_unit(part) for p, part in zip(known(pools), parts, strict=True) if part]
        assert max(last) <= min(last) * Decimal("1.000001")


def test_split__an_amount_beyond_all_bounds__is_divided(flash, pool, weth):
    """No product leaves 256 bits; the pairs refuse it then."""
    parts = flash.split([pool(100), pool(300)], weth, MAX_AMOUNT - 1)
    assert sum(parts) == MAX_AMOUNT - 1 and abs(3 * parts[0] - parts[1]) < 10**15
