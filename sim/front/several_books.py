"""A scenario on other books than its own, on the twin, beside what was published of the event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from sim.books.seeds import seed_of
from sim.front.asked import Asked
from sim.front.run import Run, UnderWay
from sim.front.shown import bar
from sim.measures.published import compare
from sim.measures.registry import figures
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
"""What a run came to of what was asked: measure, with its asset -> value."""


def drawn(scenario: Scenario, books: int) -> int:
    """How many books there are of up to `books`: a recorded one is one."""
    return 1 if isinstance(scenario.book, BookFile) else books


def of_books(own: Run, books: int, names: Sequence[str]) -> Iterator[Figures]:
    """What the run and then runs on other books, `drawn` in all, come to of these measures. Raises
    as `sim.run`.
    """
    yield figures(own.raw.tape, names)
    asked = own.again()
    root = int(own.raw.tape.run["book_seed"].iloc[0])
    for book in range(1, drawn(own.scenario, books)):
        yield on_book(asked, seed_of(root, book), names)


def on_book(asked: Asked, seed: int, names: Sequence[str]) -> Figures:
    """What a run on the book of this seed comes to of these measures. Raises as `sim.run`."""
    other = UnderWay(asked, "exact", seed)
    for _ in other.steps():
        pass
    return figures(other.finish().raw.tape, names)


def beside(own: Run, books: int) -> pd.DataFrame:
    """The table of `Run.published`."""
    found = []
    with bar(f"{own.scenario.name}, books", drawn(own.scenario, books)) as advance:
        for one in of_books(own, books, [one.measure for one in own.scenario.expected]):
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
