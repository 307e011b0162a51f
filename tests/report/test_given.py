"""One line says what figures are conditional on: prices, horizon, books, impact of sales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.engines.exact import run
from sim.measures.clusters import Split
from sim.report.given import Books, books_of_plan, of_plan, of_run
from sim.report.sweep_words import scope, split_line, title
from sim.scenario import Scenario, load, with_overrides
from sim.sweeps.plan import Plan
from sim.tape import frames
from sim.tape.recorder import Tape
from sim.world import build
from tests.sweep.storms import storms
from tests.sweep.test_books import recorded
from tests.tape.storm import storm

MODEL = storms().paths


def plan(scenario: Scenario, books: int = 1) -> Plan:
    return Plan(scenario, "mc", 100, 64, books, 77)


def test_a_crash_names_its_book() -> None:
    """The seed is that of the book, which a path of a sweep has another of."""
    world = build(storms(), 77)
    tape = Tape(world, "exact")
    first = next(iter(run(world)))
    tape.record(first.k, first.rows, first.gas)
    assert of_run(frames(tape.tables(complete=False))) == (
        "Given: the prices of storm; 8 hours; one book of 24 accounts drawn with seed 77; impact "
        "of sales in pools only."
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({}, "the prices of black-thursday x noise of gbm; 2 days;"),
        ({"hold_at_low": True}, "the prices of black-thursday, held at their low, x noise of gbm;"),
        (
            {"reference_market": {"assets": {"WETH": {"depth_usd_per_percent": 2e6}}}},
            "; sales move reference prices (1% for WETH $2M).",
        ),
        (
            {
                "reference_market": {
                    "assets": {
                        "WETH": {"depth_usd_per_percent": 2e6},
                        "WBTC": {"depth_usd_per_percent": 5e5},
                    },
                    "prices_contain_impact": True,
                }
            },
            "(1% for WETH $2M and WBTC $500k) beyond the impact they contain.",
        ),
    ],
)
def test_what_a_sweep_is_given(overrides: dict[str, Any], words: str) -> None:
    line = of_plan(plan(with_overrides(load("black-thursday"), overrides), 20))
    assert words in line and "20 books of 240 accounts drawn with seed 77;" in line


def test_prices_without_a_fall_are_the_models() -> None:
    still = {f"assets.{symbol}.price_usd": 1_000.0 for symbol in storms().symbols}
    assert "prices simulated by gbm;" in of_plan(plan(with_overrides(storms(), still)))


def test_recorded_windows_and_books(tmp_path: Path) -> None:
    scenario = recorded(tmp_path)
    line = of_plan(plan(scenario))
    assert "; this recorded book; " in line and "seed" not in line
    history = tmp_path / "days.csv"
    history.write_text("time,WETH\n2020-01-01T00:00:00Z,100\n2020-01-03T00:00:00Z,101\n")
    replay = storm(paths={"model": "replay", "history": str(history)})
    assert "windows of the prices in days.csv;" in of_plan(plan(replay))


def test_headings(tmp_path: Path) -> None:
    """Of one book: which; of a recorded one that it is."""
    many, one = (books_of_plan(plan(storms(), n)) for n in (20, 1))
    assert title(2_000, many).endswith("; 2,000 paths of 20 books")
    assert title(2_000, one).endswith("; 2,000 paths of this book (seed 77)")
    own = books_of_plan(plan(recorded(tmp_path)))
    assert title(2_000, own).endswith("; 2,000 paths of this recorded book")
    assert "over books and paths" in scope(many)
    assert "this book alone" in scope(one) and "recorded" in scope(own)
    assert "first of 20" in many.shown and "first" not in one.shown


def test_the_split_in_words() -> None:
    assert split_line(Split(3.0, 1.0, 0.91)) == (
        "variance: book 75%, path 25% of one loss; books 91% of the error of the mean"
    )
    assert Books(2, 1, 3).said == "2 books of 3 accounts drawn with seed 1"
