"""Scenarios against themselves without their mechanism, for someone who watches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from sim.files.whole import replacing
from sim.front.contrasts import pairs, shown_by
from sim.front.several_books import drawn
from sim.measures.contrasts import Contrasted, contrasted
from sim.report.page.content import NONE, Cell, Table, shown, text_of
from sim.scenario import Scenario
from sim.terminal.tables import printed

_HEAD = """# What mechanisms lower, and what that costs

Every scenario is played over {books} books, each with its mechanism and without, on the twin: means
of both, and the mean difference of a book, with less without, with its 95% interval. *Lower* and
*higher* are said where that leaves 0 out. What a scenario sets to be without its mechanism is in
its own file (`contrast:`). The figures are of these scenarios, their books and the named path.

Made by `ape run contrast --books {books} --out FILE`; docs/mechanisms.md by `make docs-slow`.
"""


class Shown(NamedTuple):
    """One scenario and what its mechanism does."""

    scenario: Scenario
    books: int
    rows: list[Contrasted]
    beside: dict[str, list[Contrasted]]
    """By the name of another way: that one less the mechanism."""


def contrasts(
    scenarios: Sequence[Scenario], books: int, out: Path | None, console: Console
) -> list[Shown]:
    """Play and print each; write all as Markdown to `out`, if named, when the last is done.

    Raises as `sim.front.contrasts.pairs` does. Ctrl-C shows the books done, and ends it.
    """
    found = []
    for scenario in scenarios:
        one, whole = _played(scenario, books, console)
        found.append(one)
        console.print(f"\n{scenario.title}", style="bold", markup=False)
        console.print(printed(table(one)))
        for name in one.beside:
            console.print(printed(table_beside(one, name)))
        if not whole:
            raise KeyboardInterrupt
    if out:
        with replacing(out) as draft:
            draft.write_text(markdown(found, books))
        console.print(f"Written to {out}")
    return found


def _played(scenario: Scenario, books: int, console: Console) -> tuple[Shown, bool]:
    number, found = drawn(scenario, books), []
    text, whole = f"{scenario.name}, books", True
    try:
        for pair in track(
            pairs(scenario, books, beside=True), text, total=number, console=console, transient=True
        ):
            found.append(pair)
    except KeyboardInterrupt:
        if not found:
            raise
        whole = False
        console.print(f"Interrupted: {len(found)} of {number} books are compared.")
    shows, (on, off, *ways) = shown_by(scenario), zip(*found, strict=True)
    beside = {
        name: contrasted(shows, way, on) for name, way in zip(shows.beside, ways, strict=True)
    }
    return Shown(scenario, len(found), contrasted(shows, on, off), beside), whole


def table(one: Shown) -> Table:
    """A measure per row, what the mechanism is there for first."""
    return Table(
        f"With the mechanism and without, on the same {one.books} books",
        ["measure", "with", "without", "difference", "95% from", "95% to", "verdict"],
        [_row(row) for row in one.rows],
        words=(0, 6),
        legend="Mean over books. Unbounded: fewer than six books tell the two apart.",
        faint=[n for n, row in enumerate(one.rows) if row.part == "costs"],
    )


def table_beside(one: Shown, name: str) -> Table:
    """The same measures in another way: all three means, and the difference of the two ways."""
    rows = []
    for row, other in zip(one.rows, one.beside[name], strict=True):
        title, mine, without, *_ = _row(row)
        _, way, _, *difference = _row(other)
        rows.append([title, without, mine, way, *difference])
    return Table(
        f"Without, with the mechanism, and {name}, on the same {one.books} books",
        ["measure", "without", "with", name, f"{name} less with", "95% from", "95% to", "verdict"],
        rows,
        words=(0, 7),
        legend="Mean over books. Unbounded: fewer than six books tell the two apart.",
        faint=[n for n, row in enumerate(one.rows) if row.part == "costs"],
    )


def markdown(found: Sequence[Shown], books: int) -> str:
    """The page that `docs/mechanisms.md` is."""
    return _HEAD.format(books=books) + "".join(f"\n{_section(one)}" for one in found)


def _section(one: Shown) -> str:
    shows = shown_by(one.scenario)
    without = ", ".join(f"`{path}={value}`" for path, value in shows.without.items())
    lines = _lines(one, table(one))
    for name, fields in shows.beside.items():
        ways = ", ".join(f"`{path}={value}`" for path, value in fields.items())
        lines += ["", f"Beside it, {name}: {ways}.", "", *_lines(one, table_beside(one, name))]
    head = [
        f"## {one.scenario.title}",
        "",
        f"`ape run contrast {one.scenario.name}`; without: {without}.",
    ]
    return "\n".join([*head, "", *lines]) + "\n"


def _lines(one: Shown, rows: Table) -> list[str]:
    """A table of the measures in Markdown."""
    cells = [["", *rows.header]]
    cells += [
        [row.part, *(text_of(cell) for cell in line)]
        for row, line in zip(one.rows, rows.rows, strict=True)
    ]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    lines.insert(1, "|---" * len(cells[0]) + "|")
    return lines


def _row(row: Contrasted) -> list[Cell]:
    unit, digits, end = row.measure.unit, row.measure.digits, row.difference

    def cell(value: float, what: str) -> Cell:
        return NONE if value != value else shown(value, unit, digits, f"{what} {row.name}")

    asset = row.name.partition(".")[2]
    return [
        f"{row.measure.title}, {asset}" if asset else row.measure.title,
        cell(row.on, "with"),
        cell(row.off, "without"),
        cell(end.value, "difference of"),
        *(
            "unbounded" if abs(x) == float("inf") else cell(x, "end of")
            for x in (end.low, end.high)
        ),
        row.verdict,
    ]
