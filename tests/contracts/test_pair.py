"""ConstantProductPair: x y = k with a fee of 30 bps."""

from decimal import Decimal, getcontext

import pytest

from tests.contracts.support import (
    BPS,
    MAX_AMOUNT,
    MAX_UINT,
    RAY,
    WAD,
    amount_in,
    amount_out,
    reverts,
    up,
)

getcontext().prec = 50
R, S = 1_000 * WAD, 2_000_000 * 10**6
FEE = 30


@pytest.fixture
def pool(pair, stranger):
    """1,000 weth and 2,000,000 usdc, all of it the stranger's."""
    pair.addLiquidity(R, S, sender=stranger)
    return pair


@pytest.fixture
def trader(borrower):
    return borrower


def test_add_liquidity__first__locks_a_thousand_shares(pool, stranger):
    """liquidity = sqrt(x y) - 1,000: the locked part makes a share's price safe to round by."""
    root = (R * S) ** 0.5
    supply = pool.totalSupply()
    assert supply**2 <= R * S < (supply + 1) ** 2
    assert supply == pytest.approx(root)
    assert pool.balanceOf(stranger) == supply - 1_000
    assert (pool.reserve0(), pool.reserve1()) == (R, S)


def test_add_liquidity__later__takes_the_reserves_ratio_up(pool, trader, weth, usdc):
    """The scarcer side decides the shares; both legs then round up against the provider."""
    before, supply = (weth.balanceOf(trader), usdc.balanceOf(trader)), pool.totalSupply()
    pool.addLiquidity(10 * WAD + 7, 10**12, sender=trader)
    liquidity = (10 * WAD + 7) * supply // R
    assert pool.balanceOf(trader) == liquidity
    paid = before[0] - weth.balanceOf(trader), before[1] - usdc.balanceOf(trader)
    assert paid == (up(liquidity, R, supply), up(liquidity, S, supply))


def test_remove_liquidity__pays_both_legs_down(pool, stranger, weth, usdc):
    """A provider never takes out more than his part."""
    before, supply = (weth.balanceOf(stranger), usdc.balanceOf(stranger)), pool.totalSupply()
    pool.removeLiquidity(supply // 3, sender=stranger)
    paid = weth.balanceOf(stranger) - before[0], usdc.balanceOf(stranger) - before[1]
    assert paid == (supply // 3 * R // supply, supply // 3 * S // supply)
    assert (pool.reserve0(), pool.reserve1()) == (R - paid[0], S - paid[1])


@pytest.mark.parametrize("side", ["weth", "usdc"])
def test_swap_exact_in__pays_the_curve_down(pool, deployed, trader, stranger, side):
    """out = S q (1 - f) / (R + q (1 - f)), and k does not fall."""
    sold, bought = deployed.weth, deployed.usdc
    reserves, amount = (R, S), 12 * WAD + 345
    if side == "usdc":
        sold, bought, reserves, amount = bought, sold, (S, R), 12_345 * 10**6 + 7
    expected = amount_out(*reserves, amount, FEE)
    assert pool.getAmountOut(sold, amount) == expected
    before = bought.balanceOf(stranger)
    tx = pool.swapExactIn(sold, amount, expected, stranger, sender=trader)
    assert pool.Swapped(trader, sold, amount, expected, stranger) in tx.events
    assert bought.balanceOf(stranger) - before == expected
    assert pool.reserve0() * pool.reserve1() >= R * S


@pytest.mark.parametrize("side", ["weth", "usdc"])
def test_swap_exact_out__takes_the_curve_up(pool, deployed, trader, side):
    """in = R out / ((S - out) (1 - f)), and k does not fall."""
    sold, bought = deployed.weth, deployed.usdc
    reserves, amount = (R, S), 12_345 * 10**6 + 7
    if side == "usdc":
        sold, bought, reserves, amount = bought, sold, (S, R), 12 * WAD + 345
    expected = amount_in(*reserves, amount, FEE)
    assert pool.getAmountIn(sold, amount) == expected
    before = sold.balanceOf(trader)
    pool.swapExactOut(sold, amount, expected, trader, sender=trader)
    assert before - sold.balanceOf(trader) == expected
    assert amount_out(*reserves, expected, FEE) >= amount > amount_out(*reserves, expected - 1, FEE)
    assert pool.reserve0() * pool.reserve1() >= R * S


def test_swap__there_and_back__never_profits(pool, trader, weth, usdc):
    """Two fees and two roundings, all the pool's."""
    before = weth.balanceOf(trader)
    pool.swapExactIn(weth, WAD, 0, trader, sender=trader)
    bought = amount_out(R, S, WAD, FEE)
    pool.swapExactIn(usdc, bought, 0, trader, sender=trader)
    assert before - weth.balanceOf(trader) >= 2 * WAD * FEE // BPS * 99 // 100


def test_swap__cumulative_prices__sum_price_by_time(pool, trader, weth, usdc, chain):
    """Each second counts at the price that was in force, not the one a swap leaves."""
    start = pool.lastUpdate()
    chain.pending_timestamp = start + 500
    sold = pool.swapExactIn(weth, 100 * WAD, 0, trader, sender=trader).timestamp
    assert pool.cumulative0() == S * RAY // R * (sold - start)
    assert pool.cumulative1() == R * RAY // S * (sold - start)
    first, r, s = pool.cumulative0(), pool.reserve0(), pool.reserve1()
    chain.pending_timestamp = sold + 77
    again = pool.swapExactIn(usdc, 10**6, 0, trader, sender=trader).timestamp
    assert pool.cumulative0() - first == s * RAY // r * (again - sold)


def test_donation__to_the_pair__changes_nothing(pool, trader, weth):
    """Reserves are booked, not measured."""
    weth.transfer(pool, 500 * WAD, sender=trader)
    assert (pool.reserve0(), pool.reserve1()) == (R, S)
    assert pool.getAmountOut(weth, WAD) == amount_out(R, S, WAD, FEE)


@pytest.mark.parametrize("bonus", ["0.05", "0.08", "0.15"])
def test_sale_of_seized_collateral__breaks_even_at_the_published_size(pool, weth, bonus):
    """Repaying spot over (1 + b), a sale of q pays up to q_max = R ((1 + b) - 1 / (1 - f)).

    It pays most at q* = R (sqrt((1 - f)(1 + b)) - 1) / (1 - f).
    """
    one_plus_b, one_less_f = 1 + Decimal(bonus), 1 - Decimal(FEE) / BPS

    def profit(q):
        return pool.getAmountOut(weth, int(q)) - q * S / R / one_plus_b

    largest = R * (one_plus_b - 1 / one_less_f)
    assert profit(largest * Decimal("0.9999")) > 0 > profit(largest * Decimal("1.0001"))
    best = R * ((one_less_f * one_plus_b).sqrt() - 1) / one_less_f
    assert profit(best) > profit(best * Decimal("0.99"))
    assert profit(best) > profit(best * Decimal("1.01"))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda p, t, u, x: p.swapExactIn(t, 0, 0, x, sender=x), "ZeroAmount"),
        (lambda p, t, u, x: p.swapExactIn(t, 1, 0, x, sender=x), "ZeroAmount"),
        (lambda p, t, u, x: p.swapExactIn(t, MAX_AMOUNT, 0, x, sender=x), "AmountTooLarge"),
        (lambda p, t, u, x: p.swapExactIn(t, MAX_AMOUNT - R, 0, x, sender=x), "AmountTooLarge"),
        (lambda p, t, u, x: p.swapExactIn(p, 1, 0, x, sender=x), "UnknownToken"),
        (lambda p, t, u, x: p.swapExactIn(t, WAD, 2_000 * 10**6, x, sender=x), "Slippage"),
        (lambda p, t, u, x: p.swapExactOut(t, 0, 0, x, sender=x), "ZeroAmount"),
        (lambda p, t, u, x: p.swapExactOut(t, S, MAX_UINT, x, sender=x), "InsufficientLiquidity"),
        (lambda p, t, u, x: p.swapExactOut(t, 10**6, WAD // 2_000, x, sender=x), "Slippage"),
        (lambda p, t, u, x: p.swapExactOut(p, 1, 0, x, sender=x), "UnknownToken"),
        (lambda p, t, u, x: p.addLiquidity(MAX_AMOUNT, 1, sender=x), "AmountTooLarge"),
        (lambda p, t, u, x: p.addLiquidity(1, MAX_AMOUNT, sender=x), "AmountTooLarge"),
        (lambda p, t, u, x: p.addLiquidity(0, 10**6, sender=x), "ZeroAmount"),
        (lambda p, t, u, x: p.removeLiquidity(0, sender=x), "InsufficientLiquidity"),
        (lambda p, t, u, x: p.removeLiquidity(1, sender=x), "InsufficientLiquidity"),
    ],
)
def test_pair__terms_that_do_not_fit__are_refused(pool, weth, usdc, trader, call, error):
    """Zero legs, sizes beyond 2^112, strange tokens, prices beyond the limit, absent shares."""
    with reverts(getattr(pool, error)):
        call(pool, weth, usdc, trader)


def test_pair__extremes_of_a_pool__are_refused(project, admin, stranger, pair, weth, usdc):
    """Too small to open, too large to grow, too small a share to pay both legs."""
    other = admin.deploy(project.ConstantProductPair, weth, usdc, 0)
    for token in (weth, usdc):
        token.mint(stranger, MAX_AMOUNT, sender=admin)
        token.approve(other, MAX_UINT, sender=stranger)
    with reverts(pair.InsufficientLiquidity):
        other.addLiquidity(1_000, 1_000, sender=stranger)
    other.addLiquidity(MAX_AMOUNT - 1, 10**6, sender=stranger)
    with reverts(pair.AmountTooLarge):
        other.addLiquidity(MAX_AMOUNT - 1, 10**6, sender=stranger)
    with reverts(pair.ZeroAmount):
        other.removeLiquidity(1, sender=stranger)


def test_pair__deployed_out_of_bounds__is_refused(project, admin, pair, weth, usdc):
    """One token twice, or a fee above 10%."""
    for args in ((weth, weth, 30), (weth, usdc, 1_001)):
        with reverts(pair.InvalidPair):
            admin.deploy(project.ConstantProductPair, *args)
