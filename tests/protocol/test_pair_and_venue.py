"""The constant-product venue: closed forms of trading, sizing and impact."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.market import venue
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.state import FEE_BPS, RESERVE0, RESERVE1, WALLET, State, empty
from sim.protocol.vault_accounts import collateral_value, debt_value

UNIT = 10**18
amounts = st.integers(1, 10**30)


def _pool(reserve0: int, reserve1: int, fee_bps: int) -> State:
    s = empty([UNIT, UNIT], 1, [], [], 2, [(0, 1)], 1_000, 0)
    s.pair[0, [RESERVE0, RESERVE1, FEE_BPS]] = [reserve0, reserve1, fee_bps]
    s.holding[1, :, WALLET] = 10**33
    return s


@given(amounts, amounts, amounts, st.integers(0, 1_000), st.integers(0, 1))
def test_output_is_the_exact_quotient_rounded_down(
    reserve0: int, reserve1: int, sold: int, fee: int, side: int
) -> None:
    """out = floor(S g q / (R + g q)) as fractions, and the product of reserves never falls."""
    s = _pool(reserve0, reserve1, fee)
    code, out = pair.amount_out(s, 0, side, sold)
    r, q = (reserve0, reserve1)[side], Fraction(sold * (10_000 - fee), 10_000)
    exact = (reserve0, reserve1)[1 - side] * q / (r + q)
    assert out == int(exact) if code == OK else int(exact) == 0
    if code == OK:
        assert pair.swap_exact_in(s, 1, 0, side, sold, 0) == OK
        assert s.pair[0, RESERVE0] * s.pair[0, RESERVE1] >= reserve0 * reserve1


@given(amounts, amounts, st.integers(0, 10**30), st.integers(0, 1_000))
def test_input_is_the_least_that_buys_the_amount(
    reserve0: int, reserve1: int, bought: int, fee: int
) -> None:
    """Paying one unit less for an exact output would not buy it."""
    s = _pool(reserve0, reserve1, fee)
    code, paid = pair.amount_in(s, 0, 0, bought)
    if code == OK:
        assert pair.amount_out(s, 0, 0, paid)[1] >= bought
        less, out = pair.amount_out(s, 0, 0, paid - 1) if paid > 1 else (1, 0)
        assert less != OK or out < bought


@given(amounts, amounts, amounts, st.integers(0, 1_000))
def test_a_round_trip_never_profits(reserve0: int, reserve1: int, sold: int, fee: int) -> None:
    """Selling and buying back in the same block leaves at most what there was."""
    s = _pool(reserve0, reserve1, fee)
    before = s.holding[1, :, WALLET].copy()
    there = pair.swap_exact_in(s, 1, 0, 0, sold, 0)
    if there == OK and pair.swap_exact_in(s, 1, 0, 1, int(s.result[1]), 0) == OK:
        assert (s.holding[1, :, WALLET] <= before).all()


@pytest.mark.parametrize("bonus", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("fee_bps", [0, 5, 30])
def test_liquidation_sizes_match_the_closed_forms(bonus: float, fee_bps: int) -> None:
    """Break-even q_max = R ((1+b) - 1/(1-f)), best q* = R (sqrt((1-f)(1+b)) - 1) / (1-f)."""
    reserve, cost = 10**6 * UNIT, UNIT
    units = int((1 + bonus) * 10**6) * UNIT // 10**6  # the bonus: more units for the same cost
    s = _pool(reserve, reserve, fee_bps)
    g = 1 - fee_bps / 10_000
    best = venue.best_sale(s, 0, 0, cost, units)
    expected = max(reserve * (sqrt(g * (1 + bonus)) - 1) / g, 0)
    assert best == pytest.approx(expected, rel=1e-9, abs=1e6)

    def profit(q: float) -> float:
        return pair.amount_out(s, 0, 0, int(q))[1] - q / (1 + bonus)

    largest = reserve * ((1 + bonus) - 1 / g)
    if largest > 0:
        assert profit(largest) == pytest.approx(0, abs=reserve * 1e-12)
    if best:
        assert profit(best) > 0
        assert profit(best) >= max(profit(best * f) for f in (0.5, 0.9, 0.99, 1.01, 1.1, 1.5))


@pytest.mark.parametrize("share", ["0", "0.05", "0.5"])
def test_venue_impact_tightens_the_toxic_frontier(share: str) -> None:
    """Frontier 1 / ((1 + b)(1 + 2 c / R)): the sale marks down what the borrower keeps."""
    frontier = {
        "0": "0.952380952380952381",
        "0.05": "0.865800865800865801",
        "0.5": "0.47619047619047619",
    }[share]
    collateral = 10**9 * UNIT
    reserve = 10**9 * collateral if share == "0" else int(collateral / Fraction(share))
    s = _pool(reserve, reserve, 0)
    for shift, falls in ((Fraction(-1, 10**4), False), (Fraction(1, 10**4), True)):
        debt = int(collateral * Fraction(frontier) * (1 + shift))
        repaid = debt // 10**8
        seized = repaid * 105 // 100
        _, out = pair.amount_out(s, 0, 0, seized)
        price = Fraction(reserve - out, reserve + seized)  # spot after the sale
        before = Fraction(collateral, debt)
        assert ((collateral - seized) * price / (debt - repaid) < before) == falls


def test_leverage_loops_multiply_as_the_geometric_series() -> None:
    """Five loops at 80.5% reach 3.7327 times; the debt value rounds up, so never more."""
    equity, ltv_bps = 10**6 * 10**8, 8_050
    collateral = debt = lent = equity
    debt = 0
    for _ in range(5):
        lent = lent * ltv_bps // 10_000
        debt += lent
        collateral += lent
        limit = collateral_value(collateral, 10**8, 10**8) * ltv_bps // 10_000
        assert debt_value(debt, 10**8, 10**8) <= limit
    assert collateral / equity == pytest.approx(3.732670328125, rel=1e-9)
