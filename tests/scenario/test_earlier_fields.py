"""Fields of earlier versions: read as those of today where they say the same, or refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from sim.agents.arbitrageurs import speeds
from sim.scenario import Scenario, ScenarioError, load

MARKET = """
name: from-before
extends: aave-v3
title: t
story: s
sources: [made up]
start: 2025-02-02T00:00:00Z
duration_hours: 1
step_seconds: {step}
seed: 1
gas_price_gwei: 10
assets:
  WETH: {{price_usd: 3000}}
  USDC: {{price_usd: 1.0}}
venues: [{{assets: [WETH, USDC], depth_usd_per_side: 100000000, fee_bps: 5}}]
suppliers: {{WETH: 0, USDC: 1000000}}
book: {{file: book.csv}}
"""
LIMITS = "max_gas_price_gwei: 300, gas_used: 500000, profit_floor_usd: 20"
HOURLY = "capacity_usd_per_hour: 1"


def market(folder: Path, more: str, step: int = 600) -> Scenario:
    file = folder / "market.yaml"
    file.write_text(MARKET.format(step=step) + more)
    return load(file)


@pytest.mark.parametrize("step", [60, 600])
@pytest.mark.parametrize("speed", [1, 500, 9_000, 9_999])
def test_a_speed_closes_the_same_share_of_a_gap_in_a_step(
    speed: int, step: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Instead of the half-life of the base, whose capital stays; and it is said."""
    found = market(tmp_path, f"arbitrage: {{speed_bps: {speed}}}", step)
    left = 0.5 ** (step / found.arbitrage.half_life_seconds)
    assert 1 - left == pytest.approx(speed / 10_000, rel=1e-12)
    assert speeds(found.arbitrage, step)[-1] == pytest.approx(speed * 10**14, rel=1e-12)
    assert found.arbitrage.capital_usd == 2.0e10
    (line,) = caplog.messages
    assert "market.yaml" in line and f"speed_bps {speed} a step of {step} s as half_life" in line


def test_a_capacity_of_a_step_is_that_of_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """600 s are a sixth of an hour; the number of calls, which it limits itself, is left out."""
    bots = (
        f"liquidators: [{{name: a, {LIMITS}, capacity_usd_per_step: 200000,"
        " max_actions_per_step: 9},"
        f" {{name: b, {LIMITS}, capacity_usd_per_step: 1.5e+6}},"
        f" {{name: c, {LIMITS}, capacity_usd_per_hour: 7}}]"
    )
    found = market(tmp_path, bots).liquidators
    assert [one.capacity_usd_per_hour for one in found] == [1.2e6, 9e6, 7]
    (line,) = caplog.messages
    assert line.count("max_actions_per_step") == 1 and "liquidators[1]" in line


def test_what_a_newer_file_says_of_an_older_one(tmp_path: Path) -> None:
    """A file that extends one with a speed may say a half-life, if it removes the speed."""
    market(tmp_path, "arbitrage: {speed_bps: 9000}")
    newer = tmp_path / "newer.yaml"
    newer.write_text("{name: newer, extends: market.yaml, arbitrage: {half_life_seconds: 7}}")
    with pytest.raises(ScenarioError, match=r"arbitrage\.speed_bps: is a field of an earlier"):
        load(newer)
    arbitrage = "{half_life_seconds: 7, speed_bps: null}"
    newer.write_text(f"{{name: newer, extends: market.yaml, arbitrage: {arbitrage}}}")
    assert load(newer).arbitrage.half_life_seconds == 7


@pytest.mark.parametrize(
    ("more", "path", "remedy"),
    [
        ("arbitrage: {speed_bps: 10000}", "arbitrage.speed_bps", "half_life_seconds"),
        ("arbitrage: {speed_bps: 0}", "arbitrage.speed_bps", "capital_usd 0"),
        ("arbitrage: {speed_bps: fast}", "arbitrage.speed_bps", "half_life_seconds"),
        (
            "arbitrage: {speed_bps: 9000, half_life_seconds: 90}",
            "arbitrage.speed_bps",
            "half_life_seconds",
        ),
        (
            f"liquidators: [{{name: a, {LIMITS}, {HOURLY}, capacity_usd_per_step: 1}}]",
            "liquidators[0].capacity_usd_per_step",
            "3600 / step_seconds",
        ),
        (
            f"liquidators: [{{name: a, {LIMITS}, {HOURLY}, max_actions_per_step: 1}}]",
            "liquidators[0].max_actions_per_step",
            "nothing",
        ),
    ],
)
def test_what_says_nothing_of_today_is_refused(
    more: str, path: str, remedy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ScenarioError) as caught:
        market(tmp_path, more)
    found: dict[str, Any] = {problem.path: problem for problem in caught.value.problems}
    assert found[path].problem == "is a field of an earlier version"
    assert remedy in found[path].remedy
    assert not caplog.messages


def test_the_warning_is_one_line_for_people(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Python shows it where nobody has asked for logs."""
    logger = logging.getLogger("sim.scenario")
    monkeypatch.setattr(logger, "propagate", False)
    market(tmp_path, "arbitrage: {speed_bps: 9000}")
    said = capfd.readouterr().err
    assert said.startswith(f"{tmp_path}/market.yaml: fields of an earlier version") and (
        said.count("\n") == 1
    )
