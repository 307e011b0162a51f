"""Turning a knob moves the outcome the way theory says; runs of a pair share scenario and seed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.simulation.runs import DEEP, Outcome, outcome

pytestmark = pytest.mark.compiled

START = datetime(2020, 3, 12, tzinfo=timezone.utc)
NOBODY = {f"liquidators[{k}].max_gas_price_gwei": 0.0 for k in range(3)}
CAPABLE: dict[str, Any] = {
    "liquidators[2].capacity_usd_per_hour": 1.2e10,
    "liquidators[2].call_usd": None,
    "liquidators[2].profit_floor_usd": 0.0,
    "gas_price_gwei": 1.0,
}


@pytest.fixture(scope="module")
def base() -> Outcome:
    """Black Thursday with 60 accounts."""
    return outcome({})


def test_the_base_run_reaches_every_layer(base: Outcome) -> None:
    """Otherwise the comparisons below would compare nothing."""
    assert base.liquidations > 0 and base.by_fees > 0 and base.by_fund > 0 and base.reported > 0


def test_without_liquidators_there_is_more_bad_debt(base: Outcome) -> None:
    """Nobody acts: collateral keeps falling, debts stay."""
    nobody = outcome(NOBODY)
    assert nobody.liquidations == 0
    worst = outcome({**NOBODY, "duration_hours": 26.5})  # ends at the low
    assert worst.bad_debt > outcome({"duration_hours": 26.5}).bad_debt


def test_a_continuous_path_with_capable_liquidators_leaves_no_bad_debt() -> None:
    """threshold x (1 + bonus) < 1: on small steps and deep venues collateral always pays."""
    path = [
        {"at": START, "value": 200.0},
        {"at": START + timedelta(hours=36), "value": 60.0},
    ]
    smooth = outcome(
        {
            **CAPABLE,
            **DEEP,
            "assets.WETH.price_usd": path,
            "assets.WBTC.price_usd": 8_000.0,
            "feeds.WETH.deviation_bps": 1,
            "feeds.WETH.latency_seconds": 0,
        }
    )
    assert smooth.liquidations > 50
    assert smooth.bad_debt == 0


def test_a_gap_in_the_path_leaves_bad_debt_even_then() -> None:
    """The same fall in one step: the control of the test above."""
    gap_at = START + timedelta(hours=6)
    path = [
        {"at": gap_at, "value": 200.0},
        {"at": gap_at + timedelta(minutes=5), "value": 60.0},
    ]
    gap = outcome(
        {
            **CAPABLE,
            **DEEP,
            "assets.WETH.price_usd": path,
            "assets.WBTC.price_usd": 8_000.0,
            "feeds.WETH.max_move_bps": 100_000,
        }
    )
    assert gap.reported > 0


def test_a_deeper_venue_means_fewer_debts_left_unpaid(base: Outcome) -> None:
    """Sales bring more, so liquidations keep up; at the low less debt is beyond its collateral."""
    at_low = {"duration_hours": 26.5}
    shallow = {f"venues[{k}].depth_usd_per_side": 500_000.0 for k in range(6)}
    deep = outcome({**at_low, **CAPABLE, **DEEP})
    assert deep.bad_debt < outcome({**at_low, **CAPABLE, **shallow}).bad_debt
    assert outcome({**at_low, **shallow}).repaid < base.repaid


def test_a_larger_fund_means_a_smaller_haircut_and_the_same_bad_debt() -> None:
    """The fund bears what suppliers would; the loss itself does not depend on it.

    Without the two ways back from a loss to the accounts: interest (which depends on cash) and
    collateral that is lent on (which a haircut devalues).
    """
    assets = ("WETH", "WBTC", "USDC", "DAI")
    apart: dict[str, Any] = {f"protocol.reserves.{a}.rehypothecate": False for a in assets}
    for a in assets:
        for part in ("base_rate_bps", "slope1_bps", "slope2_bps"):
            apart[f"protocol.rates.{a}.{part}"] = 0
    apart |= {f"suppliers.{a}": 40_000_000.0 for a in assets}
    funds = [
        outcome({**apart, **{f"protocol.insurance.capital_usd.{a}": usd for a in assets}})
        for usd in (0.0, 20_000.0, 100_000_000.0)
    ]
    assert funds[0].socialised > funds[1].socialised > funds[2].socialised == 0
    assert funds[0].reported == funds[1].reported == funds[2].reported > 0
    assert funds[0].by_fund == 0 < funds[1].by_fund < funds[2].by_fund


def test_a_longer_delay_means_more_bad_debt() -> None:
    """Accounts fall further before they may be liquidated."""
    at_low = {**CAPABLE, **DEEP, "duration_hours": 26.5, "protocol.liquidation.urgent_health": 0.0}
    delays = [
        outcome({**at_low, "protocol.liquidation.delay_seconds": seconds}).bad_debt
        for seconds in (0, 3 * 3_600, 12 * 3_600)
    ]
    assert delays[0] <= delays[1] < delays[2]
    assert delays[0] < delays[2]


def test_more_capacity_means_more_liquidated_and_less_at_risk_at_the_low() -> None:
    """What liquidators can carry per hour bounds what they carry in a crash."""
    runs = [
        outcome(
            {
                **DEEP,
                "duration_hours": 26.5,
                "gas_price_gwei": 1.0,
                "liquidators[0].max_gas_price_gwei": 0.0,
                "liquidators[1].max_gas_price_gwei": 0.0,
                "liquidators[2].capacity_usd_per_hour": 12 * usd,
                "liquidators[2].call_usd": usd,
            }
        )
        for usd in (5_000.0, 50_000.0, 5_000_000.0)
    ]
    assert runs[0].repaid < runs[1].repaid < runs[2].repaid
    assert runs[0].bad_debt > runs[2].bad_debt


def test_target_health_liquidates_less_than_the_close_factor() -> None:
    """Just enough instead of half or all, on the same path with the same liquidators."""
    engines = {
        engine: outcome({**CAPABLE, **DEEP, "protocol.liquidation.engine": engine}).repaid
        for engine in ("close-factor", "target-health")
    }
    assert engines["target-health"] < engines["close-factor"]
