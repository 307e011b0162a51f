"""Recorded histories: what is accepted, how refusals name the line, and replayed windows."""

from pathlib import Path

import numpy as np
import pytest

from sim.market.history import read_history
from sim.market.level_tables import price_table
from sim.market.paths import draw
from sim.protocol.units import USD
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.terminal.price_files import history_lines

GOOD = """time,WETH,WBTC
2020-03-12T00:00:00Z,200,8000
2020-03-12T02:00:00+01:00,190.5,7.9e3

2020-03-12T01:30Z,180,7700
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "history.csv"
    file.write_text(text)
    return file


def test_naive_times_are_of_the_zone_that_is_named(tmp_path: Path) -> None:
    """One o'clock in Berlin in March is midnight."""
    naive = GOOD.replace("00:00:00Z", "01:00").replace("02:00:00+01:00", "02:00")
    file = written(tmp_path, naive.replace("01:30Z", "02:30"))
    history = read_history(file, zone="Europe/Berlin")
    assert (history.times - 1_583_971_200).tolist() == [0, 3_600, 5_400]
    assert (read_history(file).times - history.times == 3_600).all()


def test_the_zone_of_a_history_reaches_the_paths(tmp_path: Path) -> None:
    """The same windows as of a history that says its zone, and others without it."""
    rows = [f"2020-03-01 {h:02}:00,{200 + h},{8_000 - h}" for h in range(24)]
    naive = written(tmp_path, "\n".join(["time,WETH,WBTC", *rows]))
    said = tmp_path / "said.csv"
    said.write_text(naive.read_text().replace(":00,", ":00+01:00,"))

    def drawn(file: Path, **more: str) -> bytes:
        paths = {"model": "replay", "history": str(file), **more}
        made = with_overrides(load("black-thursday"), {"duration_hours": 12, "paths": paths})
        lines = history_lines(made)
        return draw(made, "mc", 0, 4).tobytes() + lines[0].partition(";")[2].encode()

    there = drawn(said)
    assert drawn(naive, history_zone="Europe/Berlin") == there != drawn(naive)


def test_a_zone_that_is_none(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    for zone, problem in (("Berlin", "should be the name"), ("Europe/Berlin", "means nothing")):
        paths = {"model": "replay", "history": str(file), "history_zone": zone}
        with pytest.raises(ScenarioError, match=problem):
            made = with_overrides(load("black-thursday"), {"duration_hours": 1, "paths": paths})
            draw(made, "mc", 0, 1)


def test_history_is_read_in_utc_seconds(tmp_path: Path) -> None:
    history = read_history(written(tmp_path, GOOD))
    assert history.symbols == ("WETH", "WBTC")
    assert (history.times - 1_583_971_200).tolist() == [0, 3_600, 5_400]
    assert history.prices.tolist() == [[200, 8_000], [190.5, 7_900], [180, 7_700]]


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("190.5", "", "line 3, WETH", "is empty"),
        ("180,7700", "180", "line 5, WBTC", "is empty"),
        ("190.5", "0", "line 3, WETH", "'0' is no price"),
        ("190.5", "-3", "line 3, WETH", "'-3' is no price"),
        ("7.9e3", "nan", "line 3, WBTC", "'nan' is no price"),
        ("7.9e3", "inf", "line 3, WBTC", "'inf' is no price"),
        ("7700", "much", "line 5, WBTC", "'much' is no price"),
        ("2020-03-12T01:30Z", "2020-03-12T01:30", "line 5, time", "says no zone, other rows do"),
        ("2020-03-12T01:30Z", "2020-03-12", "line 5, time", "says no zone, other rows do"),
        ("2020-03-12T01:30Z", "2020-13-12T01:30Z", "line 5, time", "is no time"),
        ("2020-03-12T01:30Z", "2020-03-12T01:00Z", "line 5, time", "price on line 3"),
        (",WETH,WBTC", "", "line 2", "has 3 columns and no header"),
        (GOOD, "", "(file)", "is empty"),
        (GOOD, "time\n2020-03-12T00:00:00Z\n", "line 1", "no header"),
        ("WBTC", "WETH", "line 1", "columns 2 and 3 are both named 'WETH'"),
        ("WBTC", "", "line 1", "column 3 has no name"),
        (GOOD, "time,WETH\n", "line 2", "no prices"),
        ("190.5", "190.5,1", "line 3", "has 4 cells, the header names 3"),
        ("2020-03-12T01:30Z", "2020-03-12T04:01Z", "line 5, time", "10860 s after"),
        ("190.5", "1e-9", "line 3, WETH", "'1e-9' is no price"),
        ("190.5", "1e12", "line 3, WETH", "'1e12' is no price"),
    ],
)
def test_bad_histories_are_refused_by_line(
    tmp_path: Path, old: str, new: str, where: str, problem: str
) -> None:
    file = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        read_history(file)
    assert caught.value.file == str(file)
    (found,) = caught.value.problems
    assert found.path == where
    assert problem in found.problem
    assert found.remedy


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_history(tmp_path / name)


def test_text_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_bytes(b"time,WETH\n\xff\xfe\n")
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_history(file)


# --- replay -----------------------------------------------------------------------------------

ROWS = 60
RECORDED = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.02, (ROWS, 2)), axis=0))


@pytest.fixture
def replay(tmp_path: Path) -> Scenario:
    """Two hours in steps of 20 minutes over 60 rows of half an hour, of WBTC and WETH."""
    lines = [
        f"2020-02-{1 + row // 48:02}T{row % 48 // 2:02}:{row % 2 * 30:02}:00Z,{btc!r},{eth!r}"
        for row, (btc, eth) in enumerate(RECORDED.tolist())
    ]
    file = written(tmp_path, "\n".join(["time,WBTC,WETH", *lines]))
    return with_overrides(
        load("black-thursday"),
        {
            "duration_hours": 2,
            "step_seconds": 1_200,
            "paths.model": "replay",
            "paths.history": str(file),
        },
    )


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
def test_replayed_paths_are_windows_of_the_history(replay: Scenario, sampler: str) -> None:
    """Rescaled to the level at the start; a row is the last price known at its time."""
    prices = draw(replay, sampler, 0, 640)  # type: ignore[arg-type]
    level = price_table(replay).astype(float)
    known = np.arange(7) * 20 // 30  # rows of the history after the window's start
    windows = {
        start: np.rint(level[0, :2] * RECORDED[start + known][:, ::-1] / RECORDED[start, ::-1])
        for start in range(ROWS - 4)
    }
    found = [start for path in prices for start in windows if (path[:, :2] == windows[start]).all()]
    assert len(found) == 640
    assert set(found) == set(windows), "every window that fits is drawn, the last one too"
    assert (prices[:, :, 2:] == level[:, 2:]).all(), "an asset not in the file follows its level"
    assert USD == 10**8 and level[0, 0] == 19_461_000_000


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
def test_replays_do_not_depend_on_the_block(replay: Scenario, sampler: str) -> None:
    whole = draw(replay, sampler, 0, 40)  # type: ignore[arg-type]
    for first, count in ((0, 1), (1, 22), (23, 17)):
        block = draw(replay, sampler, first, count)  # type: ignore[arg-type]
        assert block.tobytes() == whole[first : first + count].tobytes()


def test_the_whole_history_is_one_window(replay: Scenario) -> None:
    exact = with_overrides(replay, {"duration_hours": 29.5, "step_seconds": 1_800})
    assert len({path.tobytes() for path in draw(exact, "mc", 0, 5)}) == 1
    longer = with_overrides(replay, {"duration_hours": 30, "step_seconds": 1_800})
    with pytest.raises(ScenarioError, match=r"paths\.history: covers 29\.5 h, the run takes 30 h"):
        draw(longer, "mc", 0, 1)


def test_columns_must_be_assets(replay: Scenario, tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("WBTC", "WBT"))
    with pytest.raises(
        ScenarioError, match=r"paths\.history: WBT is not an asset: did you mean WBTC"
    ):
        draw(replay, "mc", 0, 1)
