"""A run beside what was published: in the page only where the scenario says something."""

from __future__ import annotations

import json

import pytest

from sim.measures.book import scenario_of
from sim.report.page.content import Table, Value
from sim.report.page.expected import sections
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
    weth, wbtc, gas = table.rows
    assert isinstance(weth[2], Value) and weth[2].number == pytest.approx(800)
    assert weth[1] == "$800" and weth[4] == "inside" and weth[5] == "the file; a level"
    assert wbtc[1] == "$15,500 to $16,000" and wbtc[4] == "near"
    assert isinstance(gas[2], Value) and gas[2].text == "300.0" and gas[4] == "off"
    assert gas[3] == "3.00"
