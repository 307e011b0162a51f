"""Recorded prices of an asset: which level they make, and what is refused by line."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.market.history import recorded, recorded_at
from sim.market.level_tables import observed_table, price_table
from sim.market.levels import waypoint_seconds
from sim.market.paths import draw
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.price_file import PriceFile

START = datetime(2020, 3, 12, tzinfo=timezone.utc).timestamp()
# Falls 200 -> 180 by way of 150, then rises 180 -> 220 by way of 100: the low of a rising bar.
CANDLES = """Timestamp,Open,High,Low,Close,Volume
2020-03-12T00:00:00Z,200,210,150,180,7
2020-03-12T01:00:00Z,180,230,100,220,0
"""
CLOSES = """time,WETH,WBTC
2020-03-12T00:00:00Z,200,8000
2020-03-12T01:00:00Z,100,7000
2020-03-12T02:00:00Z,400,
"""


def written(folder: Path, text: str) -> str:
    file = folder / "prices.csv"
    file.write_text(text)
    return str(file)


def replay(folder: Path, text: str, **options: Any) -> Scenario:
    """Two hours of Black Thursday, WETH from a file of this text."""
    file = {"file": written(folder, text), **options}
    return with_overrides(
        load("black-thursday"),
        {"duration_hours": 2, "step_seconds": 600, "assets.WETH.price_usd": file},
    )


@pytest.mark.parametrize(
    ("within_bar", "minutes", "prices"),
    [
        ("low", [0, 30, 60, 90, 120], [200, 150, 180, 100, 220]),
        ("high", [0, 30, 60, 90, 120], [200, 210, 180, 230, 220]),
        ("close", [0, 60, 120], [200, 180, 220]),
        # The high, 10 from the open, comes before the low, 50 from it; in the second bar too.
        ("both", [0, 20, 40, 60, 80, 100, 120], [200, 210, 150, 180, 230, 100, 220]),
    ],
)
def test_candles_by_hand(
    tmp_path: Path, within_bar: Any, minutes: list[int], prices: list[float]
) -> None:
    file = PriceFile(file=written(tmp_path, CANDLES), within_bar=within_bar)
    times, found = recorded(file)
    assert ((times - START) / 60).tolist() == pytest.approx(minutes)
    assert found.tolist() == prices


def test_the_default_meets_every_low(tmp_path: Path) -> None:
    table = price_table(replay(tmp_path, CANDLES))[:, 0] / 1e8
    expected = {0: 200, 3: 150, 6: 180, 9: 100, 12: 220, 1: 200 * 0.75 ** (1 / 3)}
    for step, price in expected.items():
        assert table[step] == pytest.approx(price, abs=1e-8)
    assert table.min() == 100


def test_between_two_prices(tmp_path: Path) -> None:
    """Halfway in time the geometric mean, or the last price, up to the very second."""
    seconds = [0, 1_800, 3_599, 3_600, 5_400, 7_200]
    file = PriceFile(file=written(tmp_path, CLOSES), column="WETH")
    level = recorded_at(file, START, seconds)
    assert level[[0, 3, 5]] == pytest.approx([200, 100, 400])
    assert level[[1, 4]] == pytest.approx([100 * math.sqrt(2), 200])
    last = recorded_at(file.model_copy(update={"between": "last"}), START, seconds)
    assert last.tolist() == [200, 200, 200, 100, 100, 400]


def test_only_the_wanted_column_must_be_whole(tmp_path: Path) -> None:
    """WBTC lacks its last price: fine for WETH, refused for itself."""
    assert price_table(replay(tmp_path, CLOSES, column="WETH"))[-1, 0] == 400 * 10**8
    with pytest.raises(ScenarioError, match="line 4, WBTC: is empty"):
        price_table(replay(tmp_path, CLOSES, column="WBTC"))


def test_a_bar_does_not_stretch_over_missing_ones(tmp_path: Path) -> None:
    rows = [f"2020-03-12T00:{minute:02}:00Z,2,2,1,2" for minute in (0, 1, 2, 9, 10)]
    text = "\n".join(["time,open,high,low,close", *rows])
    with pytest.raises(
        ScenarioError, match=r"line 5, time: .* is 420 s after the time before it \(line 4\)"
    ):
        recorded(PriceFile(file=written(tmp_path, text)))
    times, _ = recorded(PriceFile(file=written(tmp_path, text), max_gap_seconds=420))
    assert (times - START).tolist() == [0, 30, 60, 90, 120, 150, 180, 570, 600, 630, 660]


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("2020-03-12T01", "2020-03-12T00", "line 3, Timestamp", "another price on line 2"),
        ("T01:00:00Z", "T01:00:00", "line 3, Timestamp", "says no zone, other rows do"),
        ("180,230", "0,230", "line 3, open", "'0' is no price"),
        ("100,220", "-1,220", "line 3, low", "'-1' is no price"),
        ("100,220", "NaN,220", "line 3, low", "'NaN' is no price"),
        ("100,220", ",220", "line 3, low", "is empty"),
        ("100,220", "181,220", "line 3", "lies outside low to high"),
        ("230,100", "219,100", "line 3", "lies outside low to high"),
        (",Low", ",Lower", "line 1", "are candles without low"),
        (",Volume", ",High", "line 1", "columns 3 and 6 are both high"),
    ],
)
def test_bad_candles_are_refused_by_line(
    tmp_path: Path, old: str, new: str, where: str, problem: str
) -> None:
    assert old in CANDLES
    scenario = replay(tmp_path, CANDLES.replace(old, new, 1))
    with pytest.raises(ScenarioError) as caught:
        price_table(scenario)
    assert caught.value.file == str(tmp_path / "prices.csv")
    (found,) = [one for one in caught.value.problems if one.path == where]
    assert problem in found.problem and found.remedy


def test_a_missing_row_is_a_gap(tmp_path: Path) -> None:
    """Also where rows come at irregular times: 60 and 80 minutes are no gap, 121 are."""
    minutes = [0, 60, 140, 200, 321]
    rows = [f"2020-03-12T{m // 60:02}:{m % 60:02}:00Z,1" for m in minutes]
    file = written(tmp_path, "\n".join(["time,X", *rows]))
    with pytest.raises(ScenarioError) as caught:
        recorded(PriceFile(file=file))
    (found,) = caught.value.problems
    assert found.path == "line 6, time" and "a gap of more than 6300 s" in found.problem
    assert "max_gap_seconds" in found.remedy
    assert len(recorded(PriceFile(file=file, max_gap_seconds=7_260))[0]) == 5


@pytest.mark.parametrize("column", [None, "WETHH"])
def test_a_column_must_be_named(tmp_path: Path, column: str | None) -> None:
    options = {"column": column} if column else {}
    with pytest.raises(ScenarioError, match=r"line 1: has .*WETH, WBTC"):
        price_table(replay(tmp_path, CLOSES, **options))


@pytest.mark.parametrize(
    ("overrides", "covers"),
    [({"start": datetime(2020, 3, 11, 23, 55, tzinfo=timezone.utc)}, True), ({}, False)],
)
def test_a_file_must_cover_the_run(tmp_path: Path, overrides: Any, covers: bool) -> None:
    scenario = replay(tmp_path, CANDLES)
    longer = with_overrides(scenario, {"duration_hours": 2.5, **overrides})
    message = r"covers 2020-03-12T00:00:00Z to 2020-03-12T02:00:00Z: a file that covers the run"
    with pytest.raises(ScenarioError, match=message):
        price_table(longer)
    price_table(scenario)  # to its very end


def test_feeds_see_the_file_a_latency_ago(tmp_path: Path) -> None:
    """And before its first price that price."""
    scenario = with_overrides(replay(tmp_path, CANDLES), {"feeds.WETH.latency_seconds": 600})
    reference, observed = price_table(scenario)[:, 0], observed_table(scenario)[:, 0]
    assert observed[1:].tolist() == reference[:-1].tolist()
    assert observed[0] == 200 * 10**8


def test_noise_is_drawn_around_the_file_and_pinned_to_it(tmp_path: Path) -> None:
    scenario = with_overrides(replay(tmp_path, CANDLES), {"paths.model": "bridge"})
    assert waypoint_seconds(scenario, scenario.assets["WETH"].price_usd) == [
        1_800.0 * n for n in range(5)
    ]
    prices = draw(scenario, "mc", 0, 4)[:, :, 0]
    assert (prices[:, ::3] == price_table(scenario)[::3, 0].astype(float)).all()
    assert len(np.unique(prices[:, 1])) == 4


def test_a_token_unit_of_recorded_prices_is_small(tmp_path: Path) -> None:
    scenario = with_overrides(replay(tmp_path, CANDLES), {"assets.WETH.decimals": 3})
    price_table(scenario)
    dear = CANDLES.replace("210", "10001")
    with pytest.raises(ScenarioError, match=r"assets\.WETH\.decimals: at 10001 USD"):
        price_table(
            with_overrides(replay(tmp_path, dear, within_bar="high"), {"assets.WETH.decimals": 3})
        )


@pytest.mark.parametrize(
    ("options", "path", "problem"),
    [
        ({"within_bar": "mid"}, "within_bar", "should be"),
        ({"between": "linear"}, "between", "should be"),
        ({"max_gap_seconds": 0}, "max_gap_seconds", "greater than or equal to 1"),
        ({"colour": "WETH"}, "colour", "unknown field"),
        ({"file": ""}, "file", "at least 1 character"),
        ({"file": 7}, "file", "should be a valid string"),
    ],
)
def test_what_a_scenario_may_say_of_a_file(
    tmp_path: Path, options: Any, path: str, problem: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        replay(tmp_path, CANDLES, **options)
    (found,) = caught.value.problems
    assert found.path == f"assets.WETH.price_usd.{path}" and problem in found.problem
    if path == "colour":
        assert "did you mean column?" in found.remedy
