"""How far thresholds were cut: counted by hand on made-up operations."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.measures.ratios import largest_cut
from sim.measures.registry import MEASURES

LT = 1


def tape(*rows: tuple[int, str, int, int, int, str]) -> Any:
    """Of (hours, asset, parameter, before, after, verdict), in steps of an hour."""
    found = [
        {
            "kind": "update_parameter",
            "step": hours,
            "asset": asset,
            "y": 0,
            "option": str(parameter),
            "result0": str(before),
            "amount": str(after),
            "verdict": verdict,
        }
        for hours, asset, parameter, before, after, verdict in rows
    ]
    columns = ["kind", "step", "asset", "y", "option", "result0", "amount", "verdict"]
    times = pd.date_range("2026-01-01", periods=200, freq="h")
    steps = pd.DataFrame({"step": range(200), "time_utc": times})
    return SimpleNamespace(operations=pd.DataFrame(found, columns=columns), steps=steps)


def test_cuts_within_a_day_and_over_all() -> None:
    """80, 79 and a day later 78, up to 78.5, then 77.5, 76.5: a point in any day, 3.5 in all."""
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
    assert largest_cut(played, 24) == pytest.approx(0.01)
    assert largest_cut(played, 24.1) == pytest.approx(0.02)
    assert largest_cut(played, 120) == pytest.approx(0.035)
    assert largest_cut(played, 97) == pytest.approx(0.025)
    assert largest_cut(played) == pytest.approx(0.035)


def test_what_only_rose_was_not_cut() -> None:
    assert largest_cut(tape((0, "WETH", LT, 8_000, 8_100, "ok"))) == 0


def test_what_nobody_set_was_not_cut() -> None:
    """A figure where there is a steward, as dynamic ratios are compared with; none without."""
    assert largest_cut(tape()) == 0
    cut = MEASURES["largest_cut_1d"]
    for steward, figure in (({"ramp_hours": 24}, 0.0), (None, None)):
        scenario = {"protocol": {"steward": steward}}
        row = pd.DataFrame({"scenario_json": [json.dumps(scenario)]})
        played = SimpleNamespace(**vars(tape()), run=row)
        assert cut.found(SimpleNamespace(tape=played)).value == figure  # type: ignore[arg-type]


def test_cuts_of_a_run_are_those_of_its_reserves() -> None:
    """A desk that sees volatility rise: how far thresholds are below their highest until then."""
    run = sim.run("dynamic-ratios", accounts=10, overrides={"duration_hours": 120})
    rows = run.raw.tape.operations.query("kind == 'update_parameter' and option == '1'")
    fallen = []
    for _, one in rows.groupby("asset"):
        thresholds = np.array([int(one["result0"].iloc[0]), *map(int, one["amount"])])
        fallen.append((np.maximum.accumulate(thresholds) - thresholds).max() / 10_000)
    found = run.figures["value"]
    assert found["peak_to_trough"] == pytest.approx(max(fallen)) and max(fallen) > 0
    assert found["largest_cut_1d"] == pytest.approx(0.01), "the most that it may in a day"
