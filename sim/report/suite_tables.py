"""The tables of a suite, declared once: its page shows them, and a terminal prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.measures.registry import of_suites
from sim.report.page.content import NONE, Cell, Table, Value
from sim.report.run_tables import explained, of_whom
from sim.report.suite_rows import Row

_DIFFER = " Differ: values in which chain and twin were not equal."


def suite_table(rows: Sequence[Row], tight: bool = False) -> Table:
    """Losses, cascade, warnings, differences and time of each; `tight`: under short names."""
    measures = of_suites("summary")
    chain = any(row.entry.engine != "exact" for row in rows)
    last = ["differences", "seconds"] if chain else ["seconds"]
    done: list[list[Cell]] = [
        [
            row.key,
            *cells(row, measures),
            Value(f"{len(row.warnings)}", len(row.warnings), f"warnings of {row.key}"),
            *cells(row, last),
        ]
        for row in rows
    ]
    note = (
        f"{explained([*measures.values()], short=tight)} No branching ratio where no sale left a "
        f"trace in a reference price. {'Warn.' if tight else 'Warnings'}: what to know of a run, "
        f"a line each on the page.{_DIFFER if chain else ''}"
    )
    return Table(
        "What every scenario comes to",
        [
            "scenario",
            *(one.heading if tight else one.title for one in measures.values()),
            "warn." if tight else "warnings",
            *(["differ"] if chain else []),
            "time",
        ],
        [
            [row.key, "failed", *[NONE] * (len(shown) - 2)] if row.entry.why else shown
            for row, shown in zip(rows, done, strict=True)
        ],
        note=note,
        legend=note,
        wrong=[n for n, row in enumerate(rows) if row.entry.why],
        tight=tight,
    )


def cells(row: Row, names: Iterable[str]) -> list[Cell]:
    """Figures of a scenario, which say whose they are."""
    return [of_whom(row.cell(name), row.key) for name in names]
