"""A run beside what was published: in the page only where the scenario says something."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sim.measures.borrowers import scenario_of
from sim.report.page import crash_page
from sim.report.page.content import Table, Value, text_of
from sim.report.page.market_costs import rate_per_year
from sim.report.page.published_section import sections
from sim.report.page.source import Crash
from sim.scenario import load, with_overrides
from sim.tape import Frames, frames
from tests.tape.storm import play, storm


@pytest.fixture(scope="module")
def tape() -> Frames:
    _, played = play(storm())
    return frames(played.tables(complete=True))


def test_nothing_published_nothing_shown(tape: Frames) -> None:
    assert sections(tape, scenario_of(tape)) == []


def test_published_and_simulated(tape: Frames) -> None:
    """The storm's own levels are the truth: the lowest price of WETH is $800."""
    published = [
        {"measure": "lowest_price.WETH", "value": 800, "source": "the file", "note": "a level"},
        {"measure": "lowest_price.WBTC", "low": 15_500, "high": 16_000, "source": "made up"},
        {"measure": "highest_gas_gwei", "value": 100, "source": "made up"},
    ]
    scenario = {**scenario_of(tape), "expected": json.loads(json.dumps(published))}
    (section,) = sections(tape, scenario)
    (table,) = section.parts
    assert isinstance(table, Table)
    weth, wbtc, gas = ([text_of(cell) for cell in row] for row in table.rows)
    assert table.header == ["measure", "published", "this book", "verdict", "source"]
    assert isinstance(own := table.rows[0][2], Value) and own.number == pytest.approx(800)
    assert weth == ["lowest price, WETH", "$800", "$800", "input", "the file; a level"]
    assert wbtc[1] == "$15,500 to $16,000", "an input is met or it is not"
    assert wbtc[3].startswith("off, x ") and table.wrong == [1, 2] and table.faint == [0]
    assert gas == ["highest gas", "100 gwei", "300 gwei", "off, x 3", "made up"]


def test_the_verdict_is_of_the_books_that_the_run_kept(tape: Frames) -> None:
    figures = [3.0, 10.0, 12.0]
    rows = [
        {"book": b, "measure": "liquidations", "simulated": figure}
        for b, figure in enumerate(figures)
    ]
    published = [{"measure": "liquidations", "value": 10, "source": "someone", "sized": True}]
    kept = tape._replace(compared=pd.DataFrame(rows))
    (section,) = sections(kept, {**scenario_of(tape), "expected": published})
    (table,) = section.parts
    assert isinstance(table, Table)
    (row,) = table.rows
    assert [text_of(cell) for cell in row[2:5]] == ["3", "10", "3 to 12"]
    assert row[5] == "inside, sized" and table.header[3] == "median of 3"


def test_a_tape_of_before_has_the_names_of_before(tape: Frames) -> None:
    """What it kept of books is found under the name of today."""
    published = [{"measure": "bad_debt_usd", "value": 10, "source": "made up"}]
    rows = [{"book": n, "measure": "bad_debt_usd", "simulated": 10.0 + n} for n in range(3)]
    kept = tape._replace(compared=pd.DataFrame(rows))
    (section,) = sections(kept, {**scenario_of(tape), "expected": published})
    (table,) = section.parts
    assert isinstance(table, Table)
    (row,) = table.rows
    assert [text_of(cell) for cell in row[:4]] == ["bad debt and shortfall", "$10", "$10", "$11"]


def _played(name: str) -> Frames:
    """An event of the library with few accounts, on the twin."""
    _, played = play(with_overrides(load(name), {"book.accounts": 40}))
    return frames(played.tables(complete=True))


@pytest.mark.parametrize("name", ["black-thursday", "supplier-run"])
def test_an_event_of_the_library(name: str) -> None:
    """Every published figure is in the report of its run, beside what the tape says, computed here
    a second way, and with the verdict that the two numbers on the page deserve.
    """
    tape = _played(name)
    page = crash_page.page(Crash(Path("tape.duckdb"), tape))
    (section,) = [one for one in page.sections if one.id == "expected"]
    (table,) = section.parts
    assert isinstance(table, Table)
    published = load(name).expected
    assert len(table.rows) == len(published) >= 4
    second_way = _of_a_tape(tape)
    computed = 0
    for row, one in zip(table.rows, published, strict=True):
        simulated, verdict = row[2], str(row[3]).partition(",")[0]
        assert isinstance(simulated, Value) and simulated.name == f"simulated {one.measure}"
        if one.measure in second_way:
            computed += 1
            assert simulated.number == pytest.approx(second_way[one.measure], rel=1e-9), row[0]
        low, high = one.range
        nearest = min(max(simulated.number, low), high)
        away = abs(simulated.number - nearest)
        wanted = "inside" if away <= 0.005 * nearest else "near" if away <= nearest / 10 else "off"
        put_in = one.measure.startswith(("lowest_price", "highest_gas"))
        assert verdict == ("input" if put_in else wanted), row[0]
        assert one.source in str(row[4]) and (one.note or "") in str(row[4])
    assert computed >= 4


def _of_a_tape(tape: Frames) -> dict[str, float]:
    """Measures from the columns of a tape."""
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()]
    units = 10.0 ** last["decimals"].astype(float) / last["reference_price_usd"]
    lost = (last["deficit_reported"] + last["shortfall"]).astype(float)
    found = {
        "highest_gas_gwei": float(tape.steps["gas_price_gwei"].max()),
        "loss_usd": float((lost / units).sum()),
        "liquidations": float(tape.steps["liquidations"].iloc[-1]),
    }
    for symbol, rows in tape.assets.groupby("asset"):
        found[f"lowest_price.{symbol}"] = float(rows["reference_price_usd"].min())
        usage = float(rows["usage"].astype(float).max())
        found[f"largest_usage.{symbol}"] = usage
        curve = scenario_of(tape)["protocol"]["rates"][symbol]
        found[f"highest_borrow_rate.{symbol}"] = float(rate_per_year(curve, usage))
    return found
