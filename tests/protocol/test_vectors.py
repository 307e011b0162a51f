"""Closed forms: liquidation, interest and constant product, on the exact twin.

The vectors are decimal strings of own derivations; values below are USD with 8 decimals.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sim.protocol import liquidation, vault
from sim.protocol.fixed_point import borrow_rate, growth_factor, wad
from sim.protocol.liquidation import Pair
from tests.protocol.one_pair import PRICE, UNIT, context, pair

VECTORS: dict[str, Any] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent / "closed_form.json").read_text())
}
SCALE = 10**6 * 10**8
"""Vectors speak of 100 dollars; dust rules do not matter at a million times that."""


def _value(text: str) -> int:
    return int(Fraction(text) * SCALE)


def _health(collateral: int, debt: int, lt_bps: int) -> int:
    return vault.health_factor(collateral * lt_bps, debt)


def test_interest_equals_the_integer_vectors() -> None:
    """Index growth is Aave's three-term Taylor form, to the last ray."""
    outputs = VECTORS["aave_compound_interest_ray"]["outputs"]
    checked = 0
    for key, expected in outputs.items():
        form, rate, dt = key.split("_")
        if form == "taylor":
            assert growth_factor(int(rate), int(dt)) == int(expected)
            checked += 1
    assert checked == 3


def test_borrow_rate_equals_the_observed_weth_curve() -> None:
    """The two-slope curve of a live market in April 2026, and its value at full usage."""
    outputs = VECTORS["aave_rate_weth_apr2026"]["outputs"]
    for usage in ("0.886275", "0.92", "0.95", "1"):
        debt = int(Fraction(usage) * 10**24)
        rate = borrow_rate(10**24 - debt, debt, 9_200, 0, 235, 600)
        assert rate == pytest.approx(float(outputs[f"r_{usage}"]) * 1e27, rel=1e-15)
    assert borrow_rate(0, 10**24, 9_200, 0, 235, 600) * 85 // 100 == pytest.approx(
        float(outputs["liquidity_rate_U1"]) * 1e27, rel=1e-15
    )


@pytest.mark.parametrize(("target", "key"), [("1", "x_to_HF1"), ("1.05", "x_to_HF1_05")])
def test_target_health_repays_what_restores_it(target: str, key: str) -> None:
    """x = (h D - LT C) / (h - LT (1 + b)), and the health reached is the target."""
    vector = VECTORS["liq_restore_hf"]["outputs"]
    collateral, debt = _value("100"), _value("82")
    health = _health(collateral, debt, 8_000)
    assert health == pytest.approx(float(vector["HF0"]) * 1e18, rel=1e-15)
    repay = liquidation.target_health_max_repay(
        context(health, collateral, debt), int(Fraction(target) * wad()), 500
    )
    assert repay == pytest.approx(_value(vector[key]), rel=1e-12)
    repaid, seized, _ = liquidation.seize(repay, pair(collateral), 500, 0)
    after = _health(collateral - seized, debt - repaid, 8_000)
    assert after == pytest.approx(float(target) * 1e18, rel=1e-13)
    if target == "1":
        assert collateral - seized == pytest.approx(_value(vector["C_after"]), rel=1e-12)
        assert debt - repaid == pytest.approx(_value(vector["D_after"]), rel=1e-12)


def test_half_close_reaches_the_stated_health() -> None:
    """After a 50% close: health 1.1112 and LTV .71993."""
    vector = VECTORS["liq_restore_hf"]["outputs"]
    collateral, debt = _value("100"), _value("82")
    repaid, seized, _ = liquidation.seize(debt // 2, pair(collateral), 500, 0)
    after = _health(collateral - seized, debt - repaid, 8_000)
    assert after == pytest.approx(float(vector["HF_after_50pct"]) * 1e18, rel=1e-13)
    ltv = (debt - repaid) / (collateral - seized)
    assert ltv == pytest.approx(float(vector["LTV_after_50pct"]), rel=1e-13)


@pytest.mark.parametrize("bonus_bps", [100, 500, 800, 1_500])
def test_a_liquidation_lowers_health_exactly_beyond_the_toxic_frontier(bonus_bps: int) -> None:
    """Health falls iff LTV > 1 / (1 + b)."""
    vector = VECTORS[f"toxic_frontier_b{bonus_bps / 10_000:g}"]
    frontier = Fraction(vector["outputs"]["LTV_star"])
    assert frontier == pytest.approx(Fraction(10_000, 10_000 + bonus_bps), rel=1e-17)
    collateral = _value("100")
    for shift, falls in ((Fraction(-1, 10**6), False), (Fraction(1, 10**6), True)):
        debt = int(collateral * frontier * (1 + shift))
        repaid, seized, _ = liquidation.seize(debt // 100, pair(collateral), bonus_bps, 0)
        before = _health(collateral, debt, 8_000)
        assert (_health(collateral - seized, debt - repaid, 8_000) < before) == falls


def test_half_closes_beyond_the_frontier_spiral_to_exhaustion() -> None:
    """D_n = D (1 - k)^n, C_n = C - (1 + b)(D - D_n); at the end D - C / (1 + b) is left unpaid."""
    vector = VECTORS["toxic_spiral_path"]["outputs"]
    collateral, debt, paid = _value("100"), _value("97"), 0
    for debt_n, collateral_n, ltv_n in zip(
        vector["D_n"], vector["C_n"], vector["LTV_n"], strict=True
    ):
        assert debt == pytest.approx(_value(debt_n), rel=1e-12)
        assert collateral == pytest.approx(_value(collateral_n), rel=1e-12)
        assert debt / collateral == pytest.approx(float(ltv_n), rel=1e-11)
        repaid, seized, _ = liquidation.seize(debt // 2, pair(collateral), 500, 0)
        collateral, debt, paid = collateral - seized, debt - repaid, paid + repaid
    assert collateral == 0
    assert debt == pytest.approx(_value(vector["bad_debt_exhausted"]), rel=1e-12)
    assert paid == pytest.approx(_value("100") * 100 // 105, rel=1e-12)


def test_one_step_is_allowed_the_published_optimum_of_two() -> None:
    """Restore first, then half of the rest: 15.24% more profit than half in one step, which is why
    the close factor is both at once.
    """
    vector = VECTORS["qin_optimal_split"]["outputs"]
    collateral, debt = _value("100"), _value("82")
    of_account = context(_health(collateral, debt, 8_000), collateral, debt)
    first = liquidation.target_health_max_repay(of_account, wad(), 500)
    assert first == pytest.approx(_value(vector["r1"]), rel=1e-12)
    second = (debt - first) // 2
    assert second == pytest.approx(_value(vector["r2"]), rel=1e-12)

    def profit(repay: int) -> int:
        repaid, seized, _ = liquidation.seize(repay, pair(collateral), 500, 0)
        return seized - repaid

    one_step, two_steps = profit(debt // 2), profit(first) + profit(second)
    assert one_step == pytest.approx(_value(vector["profit_up_to_close_factor"]), rel=1e-12)
    assert two_steps == pytest.approx(_value(vector["profit_opt"]), rel=1e-12)
    gain = float(vector["relative_gain"])
    assert two_steps / one_step - 1 == pytest.approx(gain, rel=1e-10)
    assert liquidation.close_factor_max_repay(of_account, 0) == pytest.approx(
        first + second, abs=20
    )


@pytest.mark.parametrize("theta_bps", [0, 50, 100, 200])
def test_no_loss_for_gaps_up_to_the_stated_tolerance(theta_bps: int) -> None:
    """An oracle theta above the market: collateral pays while 1 - g >= LT (1+b)/(1-theta)."""
    outputs = VECTORS["gap_tolerance_oracle"]["outputs"]
    tolerance = Fraction(outputs[f"theta_{theta_bps / 10_000:g}"])
    collateral = _value("100")
    oracle_value = collateral * 10_000 // (10_000 - theta_bps)
    debt = oracle_value * 83 // 100  # health is 1 at the oracle's price, LT .83
    for shift, pays in ((Fraction(-1, 10**6), True), (Fraction(1, 10**6), False)):
        price = int(PRICE * 10**4 * (1 - tolerance - shift))
        p = Pair(debt, collateral, PRICE * 10**4, UNIT, price, UNIT, 0)
        repaid, _, _ = liquidation.seize(debt, p, 500, 0)
        assert (repaid == debt) == pays
