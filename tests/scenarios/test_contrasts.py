"""Every scenario that is there to show a mechanism: it lowers, or raises, what it says, over books.

Over twenty where that is claimed of a brake or of deleveraging, which costs least; over eight, two
more than an interval needs, of all others: docs/mechanisms.md has twenty of each.
"""

from __future__ import annotations

import pytest

import sim
from sim.scenario import known, load

SHOWN = [name for name in known() if load(name).contrast]
TWENTY = ("outflow-limit", "breaker", "deleveraging")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_it_lowers_what_it_says_and_says_what_that_costs(name: str) -> None:
    table = sim.contrast(name, books=20 if name in TWENTY else 8)
    lowered = table[table["side"] == "lowered"]
    assert (lowered["high"] < 0).all(), table.to_string()
    assert (table[table["side"] == "raised"]["low"] > 0).all(), table.to_string()
    assert table["difference"].notna().all(), "every measure has a figure on every book"


@pytest.mark.chain
@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_without_its_mechanism_the_contracts_come_to_the_same(name: str) -> None:
    """A difference raises; with it `test_engines.py` plays every scenario."""
    contrast = load(name).contrast
    assert contrast is not None
    played = sim.run(name, engine="revm", overrides=contrast.without)
    assert played.compared > 10_000
