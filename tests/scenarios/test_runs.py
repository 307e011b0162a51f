"""Every scenario runs on the twin and keeps the books, and shows what its event was about."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from sim.engines.exact import run
from sim.measures.registry import figure
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.world import build
from tests.lockstep.invariants import check_state
from tests.scenarios.library import EVENTS, SYNTHETIC, of, played, small

ACCOUNTS = 24


@pytest.mark.parametrize("name", EVENTS + SYNTHETIC)
def test_it_runs_and_conserves_value(name: str) -> None:
    """All of it, the state invariants checked every two hours or so, minted tokens included."""
    world = build(small(name, ACCOUNTS))
    minted = [0] * len(world.symbols)
    steps = 0
    for step in run(world):
        for row in step.rows:
            if row.kind in (op.mint_token.kind, op.receive_message.kind) and row.code == OK:
                minted[row.x] += row.amount
        if step.k % 24 == 0 or step.k == world.scenario.steps:
            check_state(world.state, minted)
        steps = step.k
    assert steps == world.scenario.steps
    assert (world.state.clock[0] - world.scenario.start.timestamp()) == steps * (
        world.scenario.step_seconds
    )


# --- what each is about ---------------------------------------------------------------------------


def flat(**prices: float) -> dict[str, Any]:
    """Overrides that hold prices still."""
    return {f"assets__{symbol}__price_usd": price for symbol, price in prices.items()}


def test_the_squeeze_is_a_rise_of_what_is_owed() -> None:
    """Collateral at par throughout: the loss is of the debt asset's price alone."""
    tape = played(small("crv-squeeze", 24))
    assert figure(tape, "loss_tokens.CRV") > 100_000
    assert figure(tape, "seized_tokens.USDC") > 0.9 * 63.6e6
    assert of("crv-squeeze", "loss_tokens.CRV", 24, **flat(CRV=0.498)) == 0
    assert of("crv-squeeze", "liquidations", 24, **flat(CRV=0.60)) == 0, "below .608 he is safe"


def test_the_founders_loan_is_safe_above_its_published_liquidation_price() -> None:
    """.3767: the run names no such number, only collateral, debt and threshold."""
    assert of("crv-founder-2023", "liquidations", 24) == 0

    def falling_to(low: float) -> dict[str, Any]:
        start, end = (datetime(2023, 7, day, 15, tzinfo=timezone.utc) for day in (30, 31))
        levels = [{"at": start, "value": 0.734}, {"at": end, "value": low}]
        return {"duration_hours": 26, "assets__CRV__price_usd": levels}

    # The feed tells of a move of 1% only.
    assert of("crv-founder-2023", "liquidations", 24, **falling_to(0.3800)) == 0
    assert of("crv-founder-2023", "liquidations", 24, **falling_to(0.3720)) > 0


def test_a_year_later_the_same_collateral_leaves_bad_debt() -> None:
    assert of("crv-founder-2024", "loss_usd", 24) > 1e6
    assert of("crv-founder-2024", "loss_usd", 24, **flat(CRV=0.36)) == 0


@pytest.mark.parametrize("name", ["may-2021", "ftx", "august-2024", "february-2025"])
def test_deep_markets_bear_a_crash_of_a_night(name: str) -> None:
    """Liquidations, and no bad debt: the thresholds held on all of these days."""
    tape = played(small(name, 240))
    assert figure(tape, "liquidations") > 20
    assert figure(tape, "loss_usd") < 1e-3 * figure(tape, "repaid_usd")


def test_the_depeg_hurts_efficiency_mode_only() -> None:
    """At the thresholds outside of it a fall of 12.6% is borne."""
    assert of("usdc-depeg", "loss_usd") > 100
    outside = {"ltv_bps": 7500, "lt_bps": 7800, "max_bonus_bps": 450}
    plain: dict[str, Any] = {f"protocol__reserves__USDC__{f}": v for f, v in outside.items()}
    plain["book__drawn_under"] = None  # who borrowed there has room for it
    assert of("usdc-depeg", "loss_usd", **plain) == 0


def test_absent_keepers_cost_more_than_gas() -> None:
    away = of("absent-keepers", "loss_usd", 120)
    present = of("absent-keepers", "loss_usd", 120, gas_price_gwei=20)
    assert away > 2 * present


def test_correlation_is_what_makes_a_crash_bad() -> None:
    """The same fall of ETH and the same people: worse when the others fall too."""
    alone = of("correlated-crash", "loss_usd", 120, **flat(WBTC=90_000, LINK=15))
    assert of("correlated-crash", "loss_usd", 120) > alone


def test_depth_is_what_a_drought_lacks() -> None:
    """Same fall, venues as they usually are: more is liquidated, less is lost."""
    usual = {f"venues[{i}].depth_usd_per_side": 200e6 for i in range(4)}
    usual |= {"arbitrage__half_life_seconds": 90.0}
    assert of("liquidity-drought", "repaid_usd", **usual) > 3 * of(
        "liquidity-drought", "repaid_usd"
    )
    assert of("liquidity-drought", "loss_usd") > of("liquidity-drought", "loss_usd", **usual)


def test_a_loop_unwinds_by_its_discount_not_by_the_price_of_ether() -> None:
    """wstETH at 1.23 WETH throughout, whatever WETH does: nobody is liquidated."""
    assert of("loop-unwind", "liquidations") > 10
    assert of("loop-unwind", "liquidations", **flat(WETH=3000, wstETH=3690)) == 0
    assert of("loop-unwind", "liquidations", **flat(WETH=1500, wstETH=1845)) == 0


def test_full_usage_needs_suppliers_who_leave() -> None:
    """The market of the run at its published size and usage; rates are the observed ones."""
    tape = played(small("supplier-run", 240))
    start = tape.assets[tape.assets["step"] == 0].set_index("asset")
    assert start.loc["WETH", "usage"] == pytest.approx(0.886275, rel=0.01)
    assert start.loc["WETH", "borrow_rate_per_year"] == pytest.approx(0.0226375, rel=0.01)
    assert start.loc["WETH", "total_assets"] / 1e18 == pytest.approx(3.014e6, rel=0.01)
    assert start.loc["USDC", "total_assets"] / 1e6 == pytest.approx(3.345e9, rel=0.01)


def test_the_rate_at_full_usage_is_the_observed_one() -> None:
    """The curve's end: .0835 for WETH in April 2026, 14% for USDC."""
    rates = small("supplier-run", 16).protocol.rates
    for symbol, bps in (("WETH", 835), ("USDC", 1_400)):
        curve = rates[symbol]
        assert curve.base_rate_bps + curve.slope1_bps + curve.slope2_bps == bps
