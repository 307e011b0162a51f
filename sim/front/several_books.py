"""A scenario on other books than its own, on the twin, beside what was published of the event."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sim.books.seeds import seed_of
from sim.front.run import Run, UnderWay
from sim.front.shown import bar
from sim.measures.published import compare, measures
from sim.scenario import Scenario
from sim.schema.book import BookFile

_COLUMNS = [
    "published_low",
    "published_high",
    "value",
    "median",
    "lowest",
    "highest",
    "verdict",
    "source",
]
Figures = dict[str, float]
"""What a run came to of everything that was published: measure, with its asset -> value."""


def drawn(scenario: Scenario, books: int) -> int:
    """How many books there are of up to `books`: a recorded one is one."""
    return 1 if isinstance(scenario.book, BookFile) else books


def of_books(own: Run, books: int) -> Iterator[Figures]:
    """What the run and then runs on other books, `drawn` in all, come to. Raises as `sim.run`."""
    yield measures(own.raw.tape, own.scenario.expected)
    asked = own.again()
    root = int(own.raw.tape.run["book_seed"].iloc[0])
    for book in range(1, drawn(own.scenario, books)):
        other = UnderWay(asked, "exact", seed_of(root, book))
        for _ in other.steps():
            pass
        yield measures(other.finish().raw.tape, own.scenario.expected)


def beside(own: Run, books: int) -> pd.DataFrame:
    """The table of `Run.published`."""
    found = []
    with bar(f"{own.scenario.name}, books", drawn(own.scenario, books)) as advance:
        for one in of_books(own, books):
            found.append(one)
            advance(1)
    rows = {
        one.expected.measure: [
            *one.expected.range,
            one.simulated[0],
            one.median,
            *one.range,
            one.verdict,
            one.expected.source,
        ]
        for one in compare(found, own.scenario.expected)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS).rename_axis("measure")
