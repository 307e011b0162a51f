"""`contrast`: a scenario against itself without the mechanism that it is there to show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sim.books.seeds import seed_of
from sim.front.asked import asked, changed, whole
from sim.front.several_books import Figures, drawn, on_book
from sim.front.shown import bar
from sim.measures.contrasts import contrasted
from sim.scenario import Scenario, ScenarioError
from sim.schema.contrast import Contrast
from sim.schema.problems import Problem

_SIDES = {"lowers": "lowered", "raises": "raised", "costs": "cost"}
_COLUMNS = ["with", "without", "difference", "low", "high", "unit", "side", "verdict"]


def shown_by(scenario: Scenario) -> Contrast:
    """What the scenario is there to show. Raises `ScenarioError` if nothing."""
    if scenario.contrast is None:
        remedy = "contrast: {without: ..., lowers: [...], costs: [...]}"
        problem = Problem("contrast", "shows no mechanism", remedy)
        raise ScenarioError(f"scenario '{scenario.name}'", [problem])
    return scenario.contrast


def pairs(scenario: Scenario, books: int, beside: bool = False) -> Iterator[tuple[Figures, ...]]:
    """What each book, `drawn` of them, comes to with the mechanism and without, and if asked in
    every way that the scenario names `beside` it. Raises `ScenarioError` before anything is run,
    and as `sim.run`.
    """
    shows = shown_by(scenario)
    others = (shows.without, *(shows.beside.values() if beside else ()))
    ways = [asked(scenario), *(asked(changed(scenario, overrides=one)) for one in others)]
    for book in range(drawn(scenario, books)):
        seed = seed_of(scenario.seed, book)
        yield tuple(on_book(way, seed, shows.measures) for way in ways)


def contrast(scenario: str | Path | Scenario, books: int = 20) -> pd.DataFrame:
    """A scenario (a shipped one by its name, a file, or one of `sim.load`) against itself without
    its mechanism, as its `contrast` says, on the twin over `books` books, the same in both. Rows by
    measure: mean with and without, the mean of their difference on each book with its 95% interval
    (`sim.measures.contrasts`), the side (lowered, raised, or a cost) and the verdict: lower,
    higher, or not settled. Raises `ScenarioError`, `QuestionError` for a number of books below 1
    and as `sim.run`.
    """
    one, number = changed(scenario), whole("books", books, 1) or 1
    shows = shown_by(one)
    found = []
    with bar(f"{one.name}, books", drawn(one, number)) as advance:
        for pair in pairs(one, number):
            found.append(pair)
            advance(1)
    on, off = zip(*found, strict=True)
    rows = {
        row.name: [
            row.on,
            row.off,
            row.difference.value,
            row.difference.low,
            row.difference.high,
            row.measure.unit,
            _SIDES[row.part],
            row.verdict,
        ]
        for row in contrasted(shows, on, off)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis("measure")
