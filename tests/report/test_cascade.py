"""A report says what the shock did by itself and what sales added, of the closed form's book."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engines.exact import run
from sim.measures.registry import found as measured
from sim.report.page import crash_page as page
from sim.report.page.content import Value
from sim.report.run_tables import cascade_table
from sim.tape import Frames, Tape, frames
from tests.report import test_crash_table as terminal
from tests.simulation.spiral import EDGE, deep, depth_for, even_book, falling, scenario, world_with

ACCOUNTS, SHOCK, RATIO = 100, 0.008, 0.3
TOUCHED = 20
"""Of 100 accounts over 4% below the edge, those that a fall of .8% makes liquidatable."""


def spiral(**market: Any) -> Frames:
    world = world_with(even_book(ACCOUNTS), scenario(**falling(SHOCK), **market))
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    return frames(tape.tables(complete=True))


def lines(tape: Frames) -> dict[str, str]:
    return terminal.lines(terminal.cascade_table(tape))


def test_the_terminal_says_it_first() -> None:
    """20 by the shock, 8 or 9 more by their sales: 1 / (1 - .3) from the edge of the book down."""
    said = lines(spiral(**deep(depth_for(RATIO, ACCOUNTS))))
    assert list(said)[:9] == [
        "liquidations by the shock itself",
        "debt repaid in them",
        "liquidations induced by sales",
        "debt repaid in these",
        "fall from outside",
        "fall with sales",
        "branching ratio",
        "the same by the book at the start",
        "amplification",
    ]
    alone = 1 - EDGE * (1 - SHOCK) / 2_000
    assert said["liquidations by the shock itself"] == f"{TOUCHED}"
    assert said["debt repaid in them"].startswith("$")
    assert said["fall from outside"].split() == [f"{alone:.1%}", "WETH"]
    induced = int(said["liquidations induced by sales"])
    assert induced == pytest.approx(TOUCHED * (1 / (1 - RATIO) - 1), abs=1)
    assert said["branching ratio"].split()[1:] == ["WETH"]
    assert said["the same by the book at the start"].split()[1:] == ["WETH"]


def test_without_a_reference_market_it_says_that_nothing_was_left() -> None:
    said = lines(spiral(reference_market=None))
    trace = "no sale left a trace in a reference price"
    assert said["branching ratio"].split(maxsplit=1) == ["0.000", trace]
    assert said["liquidations by the shock itself"] == f"{TOUCHED}"
    assert said["liquidations induced by sales"] == "0" and said["debt repaid in these"] == "$0"
    assert said["amplification"] == "1.000"


def test_so_does_the_page_in_numbers_and_in_words() -> None:
    tape = spiral(**deep(depth_for(RATIO, ACCOUNTS)))
    cells = [row[1] for row in cascade_table(measured(tape)).rows]
    found = {cell.name: cell.number for cell in cells if isinstance(cell, Value)}
    assert found["first_round"] == TOUCHED and 0 < found["induced"] <= TOUCHED
    assert found["fall"] > found["fall_alone"] == pytest.approx(1 - EDGE * (1 - SHOCK) / 2_000)
    assert found["amplification"] == pytest.approx(1 / (1 - found["branching_ratio"]))
    said, *_ = page.summary(tape, ["WETH"])
    assert f"{found['induced']:,} of these liquidations would not have come about" in str(said)
    plain, *_ = page.summary(spiral(reference_market=None), ["WETH"])
    assert "would not have come about" not in str(plain)
