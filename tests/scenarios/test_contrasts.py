"""Every scenario that is there to show a mechanism: it lowers, or raises, what it says.

With its interval over twenty books where a brake or deleveraging is to tame a cascade; of all
others docs/mechanisms.md has these, and here the mean of four books has the sign.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.scenario import known, load

SHOWN = [name for name in known() if load(name).contrast]
PAGE = (Path(__file__).parents[2] / "docs" / "mechanisms.md").read_text(encoding="utf-8")
TWENTY = ("outflow-limit", "breaker", "deleveraging")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_it_lowers_what_it_says_and_says_what_that_costs(name: str) -> None:
    settled = name in TWENTY
    table = sim.contrast(name, books=20 if settled else 4)
    high, low = ("high", "low") if settled else ("difference", "difference")
    assert (table[table["side"] == "lowered"][high] < 0).all(), table.to_string()
    assert (table[table["side"] == "raised"][low] > 0).all(), table.to_string()
    assert table["difference"].notna().all(), "every measure has a figure on every book"


@pytest.mark.parametrize("name", SHOWN)
def test_its_figures_over_twenty_books_say_so(name: str) -> None:
    """The page that `make docs-slow` writes: a verdict for all that it is there for."""
    section = PAGE[PAGE.index(f"`ape run contrast {name}`") :].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    own = [row for row in rows if row[0] in ("| lowers", "| raises")]
    shown = load(name).contrast
    assert shown is not None
    own = own[: len(shown.lowers) + len(shown.raises)]
    assert len(own) == len(shown.lowers) + len(shown.raises)
    for side, *_, verdict in own:
        assert verdict.removesuffix(" |") == {"| lowers": "lower", "| raises": "higher"}[side]


@pytest.mark.chain
@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_without_its_mechanism_the_contracts_come_to_the_same(name: str) -> None:
    """A difference raises; with it `test_engines.py` plays every scenario."""
    contrast = load(name).contrast
    assert contrast is not None
    played = sim.run(name, engine="revm", overrides=contrast.without)
    assert played.compared > 10_000
