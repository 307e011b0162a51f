"""How far thresholds were cut: counted by hand on made-up operations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from sim.measures.ratios import largest_cut

LT = 1


def tape(*rows: tuple[float, str, int, int, int, str]) -> Any:
    """Of (hours, asset, parameter, before, after, verdict)."""
    found = [
        {
            "kind": "update_parameter",
            "time_utc": pd.Timestamp("2026-01-01") + pd.Timedelta(hours=hours),
            "asset": asset,
            "y": 0,
            "option": str(parameter),
            "result0": str(before),
            "amount": str(after),
            "verdict": verdict,
        }
        for hours, asset, parameter, before, after, verdict in rows
    ]
    columns = ["kind", "time_utc", "asset", "y", "option", "result0", "amount", "verdict"]
    return SimpleNamespace(operations=pd.DataFrame(found, columns=columns))


def test_cuts_within_a_day_and_over_all() -> None:
    """80, 79, 78 within 24 hours, up to 78.5, then 77.5, 76.5: 2 points in a day, 3.5 in all."""
    played = tape(
        (0, "WETH", LT, 8_000, 7_900, "ok"),
        (24, "WETH", LT, 7_900, 7_800, "ok"),
        (48, "WETH", LT, 7_800, 7_850, "ok"),
        (73, "WETH", LT, 7_850, 7_750, "ok"),
        (98, "WETH", LT, 7_750, 7_650, "ok"),
        (98, "WBTC", LT, 7_000, 6_950, "ok"),
        (98, "WETH", 0, 7_000, 6_000, "ok"),
        (98, "WETH", LT, 7_650, 5_000, "CoolingDown"),
    )
    assert largest_cut(played, 24) == pytest.approx(0.02)
    assert largest_cut(played, 23) == pytest.approx(0.01)
    assert largest_cut(played, 120) == pytest.approx(0.035)
    assert largest_cut(played, 97) == pytest.approx(0.025)
    assert largest_cut(played) == pytest.approx(0.035)


def test_what_only_rose_was_not_cut() -> None:
    assert largest_cut(tape((0, "WETH", LT, 8_000, 8_100, "ok"))) == 0


def test_a_run_without_a_steward_has_no_such_figure() -> None:
    assert largest_cut(tape()) is None
