"""Two suites: the same scenarios under other settings."""

from __future__ import annotations

from collections.abc import Sequence

from sim.measures.measure import Measure
from sim.measures.registry import of_suites
from sim.report.page import provenance
from sim.report.page.content import Cell, Chart, Part, Section, Table
from sim.report.page.pairs import NAMES, short, with_difference
from sim.report.page.source import Suite
from sim.report.page.suite_page import share_chart
from sim.report.suite_rows import Row, rows_of
from sim.report.suite_tables import cells
from sim.report.text import listed, sentence


def sections(one: Suite, other: Suite) -> list[Section]:
    """Of the scenarios that both have played. Raises `SuiteError`."""
    a, b = (
        {row.key: row for row in rows_of(suite.path, suite.manifest) if not row.entry.why}
        for suite in (one, other)
    )
    pairs = [(a[key], b[key]) for key in a if key in b]
    both = listed([one.key for one, _ in pairs]) or "no scenario"
    parts: list[Part] = [f"Played in both: {both}."]
    for name, keys in zip(NAMES, (a.keys() - b.keys(), b.keys() - a.keys()), strict=True):
        if keys:
            parts.append(f"Only in {name}: {listed(sorted(keys))}.")
    if not pairs:
        return [Section("summary", "Summary", parts)]
    parts += [_both(one, pairs) for one in of_suites("compared").values()]
    return [
        Section("summary", "Summary", [*parts, _chart(pairs)]),
        Section("parameters", "What was set differently", [_fields(pairs)]),
    ]


def _both(measure: Measure, pairs: Sequence[tuple[Row, Row]]) -> Table:
    rows: list[list[Cell]] = []
    for pair in pairs:
        named = [
            row._replace(key=f"{row.key} of {name}") for row, name in zip(pair, NAMES, strict=True)
        ]
        rows.append([pair[0].key, *(cell for row in named for cell in cells(row, [measure.name]))])
    meaning = sentence(measure.meaning) + "." if measure.meaning else ""
    table = Table(sentence(measure.title), ["scenario", *NAMES], rows, note=meaning)
    return with_difference(table)


def _chart(pairs: Sequence[tuple[Row, Row]]) -> Chart:
    shares = {
        name: [pair[n].lost_share(at_its_peak=True) for pair in pairs]
        for n, name in enumerate(NAMES)
    }
    reading = "A bar per scenario and suite: the peak loss over the most that was owed in that run."
    return share_chart(reading, [pair[0].key for pair in pairs], shares)


def _fields(pairs: Sequence[tuple[Row, Row]]) -> Part:
    """What differs in the scenarios, each once, with where it does."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for one, other in pairs:
        for path, (a, b) in provenance.differing(one.scenario, other.scenario).items():
            where.setdefault((path, short(a), short(b)), []).append(one.key)
    if not where:
        return "Nothing in the scenarios differs."
    rows = [
        [path, a, b, "all" if len(keys) == len(pairs) else ", ".join(keys)]
        for (path, a, b), keys in where.items()
    ]
    header = ["field", *NAMES, "in"]
    return Table("Fields of the scenarios that differ", header, rows, words=(0, 1, 2, 3))
