"""One line for each thing that binds a run: below its tables, before it, and on its page."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from sim.measures.parties import PER_USD, profit_and_loss
from sim.report.caveats import of_paths, of_run, of_scenario
from sim.report.page.content import Table, Value, money
from sim.report.page.crash_page import page
from sim.report.page.source import Crash
from sim.tape import frames
from sim.terminal.crash_command import crash
from sim.terminal.said import COMPLETE
from tests.report.test_crash_table import lines, parties_table
from tests.tape.storm import play, storm

POOR: dict[str, Any] = {
    "arbitrage__capital_usd": 60_000,
    "venues": [{"assets": ["WETH", "USDC"], "depth_usd_per_side": 3e5, "fee_bps": 30}],
}
SAID = (
    "No venue trades WBTC: what is seized of it cannot be sold",
    "Supply of WETH, WBTC and USDC never reacts",
    "Steps of 600 s are long: feeds report within 60 s",
    "Arbitrageurs ran out of WETH",
    "More than 2% off its reference price for an hour or longer: WETH/USDC; longest WETH/USDC, ",
)


def test_one_line_each() -> None:
    _, recorded = play(storm(**POOR))
    said = of_run(frames(recorded.tables(complete=True)))
    assert len(said) == len(SAID)
    for line, start in zip(said, SAID, strict=True):
        assert line.startswith(start) and "\n" not in line
    before = of_scenario(storm(**POOR).model_dump(mode="json"))
    assert before[:2] == said[:2] and len(before) == 3
    assert " and WETH falls by " in said[2], "what only the run shows"


def test_that_there_is_no_rebound_comes_first() -> None:
    said = of_scenario(storm(hold_at_low=True).model_dump(mode="json"))
    assert said[0].startswith("No rebound: what falls stays at its lowest") and len(said) == 3


def test_a_unit_that_nobody_holds_is_said() -> None:
    """Far below a cent, which no table of dollars shows."""
    _, recorded = play(storm(), steps=6)
    tape = frames(recorded.tables(complete=False))
    assert not any("add up" in line for line in of_run(tape))
    usdc = tape.parties.index[tape.parties["asset"] == "USDC"][0]
    tape.parties.loc[usdc, "held_end"] -= 1
    assert any("nobody holds 1 units of USDC." in line for line in of_run(tape))


def test_nothing_binds_nothing_is_said() -> None:
    each = {
        "base_per_day": 1.0,
        "branching_ratio": 0.0,
        "half_life_seconds": 3_600,
        "size_bps": 100,
    }
    calm = {
        "withdrawals": dict.fromkeys(("WETH", "WBTC", "USDC"), each),
        "assets__WETH__price_usd": 2000,
        "assets__WBTC__price_usd": 30_000,
        **{f"feeds__{asset}__latency_seconds": 300 for asset in ("WETH", "WBTC", "USDC")},
    }
    _, recorded = play(storm(**calm))
    assert of_run(frames(recorded.tables(complete=True))) == []


def test_a_sweep_counts_its_paths() -> None:
    """Three of four paths without a token, two of them for an hour of twelve steps in the mean; one
    with a pool off for long, one for too short a time to say so.
    """
    outcomes = pd.DataFrame({"steps_run_out": [0, 6, 12, 18], "steps_pool_off": [0, 11, 30, 0]})
    without, off = of_paths(outcomes, 300)
    assert "on 3 of 4 paths, for 1.0 hours" in without
    assert "on 1 of 4 paths, 2.5 hours" in off
    assert of_paths(outcomes * 0, 300) == []
    assert of_paths(pd.DataFrame({"loss": [1.0]}), 300) == [], "it was not kept then"


def test_a_run_says_them_before_and_after_and_sums_everyone_up(tmp_path: Path) -> None:
    text = io.StringIO()
    console = Console(file=text, width=400)
    assert crash(storm(**POOR), "exact", tmp_path, console) == COMPLETE
    said = text.getvalue()
    before, after = said.split("Profit and loss of all parties")
    assert [before.count(line) for line in SAID] == [1, 1, 1, 0, 0]
    assert [after.count(line) for line in SAID] == [1, 1, 1, 1, 1]


def test_the_table_of_parties_shows_the_measure_and_its_sum() -> None:
    """In the terminal and on the page; the sum is computed, and shows what is missing."""
    _, recorded = play(storm(**POOR))
    tape = frames(recorded.tables(complete=True))
    figures = profit_and_loss(tape)
    shown = lines(parties_table(tape))
    assert shown["sum"].split() == ["$0", "$0", "$0"]
    for party in ("borrowers", "suppliers", "arbitrageurs", "outside market", "validators"):
        row = figures.loc[party]
        assert shown[party].split() == [money(float(value / PER_USD)).text for value in row]
    assert "attacker" not in shown
    made = page(Crash(Path("tape.duckdb"), tape))
    (summary,) = (one for one in made.sections if one.id == "summary")
    assert [part for part in summary.parts if part in of_run(tape)] == of_run(tape)
    (lost,) = (one for one in made.sections if one.id == "losses")
    (table,) = (
        part
        for part in lost.parts
        if isinstance(part, Table) and part.caption.startswith("Profit and loss")
    )
    by_name = {row[0]: row[1:] for row in table.rows}
    assert [cell.number for cell in by_name["sum"] if isinstance(cell, Value)] == [0, 0, 0]
    profit = by_name["suppliers"][2]
    assert isinstance(profit, Value)
    assert profit.number == pytest.approx(float(figures.loc["suppliers", "profit"] / PER_USD))

    tape.parties.loc[0, "held_end"] += 10**18  # a token from nowhere
    assert lines(parties_table(tape))["sum"].split() == ["$0", "$1,200", "$1,200"]
