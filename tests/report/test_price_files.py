"""What is said of price files when a scenario that names them is run, and the small picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sim.scenario import Scenario, ScenarioError
from sim.terminal import crash_command as module
from sim.terminal.crash_command import crash
from sim.terminal.price_files import history_lines, picture, price_lines
from sim.terminal.said import COMPLETE
from tests.tape.storm import storm

HOURS = [f"2021-06-01 {hour:02}:00" for hour in range(9)]


def closes(folder: Path, **columns: list[float]) -> str:
    file = folder / "closes.csv"
    rows = zip(HOURS, *columns.values(), strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    file.write_text("\n".join([",".join(["time", *columns]), *lines]))
    return str(file)


@pytest.fixture
def named(tmp_path: Path) -> Scenario:
    """The storm with both prices from columns of one file."""
    file = closes(tmp_path, ETH=[2_000.0 - 100 * n for n in range(9)], BTC=[30_000.0] * 9)
    levels = {"WETH": {"file": file, "column": "ETH"}, "WBTC": {"file": file, "column": "BTC"}}
    return storm(**{f"assets__{symbol}__price_usd": level for symbol, level in levels.items()})


SAID = (
    "closes.csv: ETH, BTC at time (no zone, so UTC); 9 rows 1 h apart, 2021-06-01T00:00:00Z to "
    "2021-06-01T08:00:00Z"
)


def test_a_line_per_file(named: Scenario) -> None:
    assert price_lines(named) == [SAID]
    assert price_lines(storm()) == []


def test_histories_are_of_sweeps_and_feeds_of_runs(tmp_path: Path) -> None:
    """A run does not read what paths are drawn from, and is not refused for it."""
    history = closes(tmp_path, WETH=[100.0] * 9)
    replayed = {"model": "replay", "history": history, "volatility_per_sqrt_year": {}}
    scenario = storm(paths=replayed, feeds__WBTC__replay={"file": history})
    said = "closes.csv: WETH at time (no zone, so UTC); 9 rows 1 h apart, "
    assert [line.startswith(said) for line in history_lines(scenario)] == [True]
    assert [line.startswith(said) for line in price_lines(scenario)] == [True]
    Path(history).write_text("nonsense")
    assert price_lines(storm(paths=replayed)) == [] == history_lines(storm())
    with pytest.raises(ScenarioError):
        history_lines(scenario)


def test_a_run_says_it_once(
    named: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_crash_figure", lambda *_: [])
    printed = io.StringIO()
    console = Console(file=printed, width=80, highlight=False)
    assert crash(named, "exact", tmp_path, console) == COMPLETE
    assert printed.getvalue().splitlines().count(SAID) == 1


def test_a_picture_by_hand() -> None:
    """Four parts; from 1, an eighth, to 8, all of a row; 15 sixteenths of two rows between."""
    times, prices = np.arange(5.0), np.array([8.0, 1.0, 4.0, 4.0, 8.0])
    assert picture(times, prices, 4, 1) == ["█▁▄▄"]
    assert picture(times, prices, 4, 2) == ["█   ", "█▁▇▇"]
    assert picture(times, np.full(5, 3.0), 4, 1) == ["▁▁▁▁"]
    assert picture(times[:1], prices[:1], 4, 1) == ["▁▁▁▁"], "one price is no error"
    assert picture(np.array([0.0, 4.0]), np.array([2.0, 1.0]), 4, 1) == ["███▁"], "or the last one"
