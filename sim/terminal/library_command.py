"""The events of the library, each over several books, beside what was published of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from sim.front.run import run
from sim.front.several_books import drawn
from sim.measures.published import Compared, compare
from sim.report.published_table import notes, published_table, verdict
from sim.scenario import Scenario
from sim.terminal.other_books import figures
from sim.terminal.tables import printed

_SIZED = "*"
"""Marks a figure that a size of the scenario was chosen with in view."""

_HEAD = """# The library, held against what was published

Every event is run over {books} books: the scenario's own and others drawn from the same
distributions, on the twin. A verdict is of the median: *inside* what was published (or within half
a percent of it), *near* (a tenth) or *off*, with the factor. Inputs, which the scenario was given
as they were published, are listed and judged by nothing. {sized} marks figures that sizes of the
scenario were chosen with in view: they say less. Where a figure is off, the scenario's own file
says what it leaves out.

Made by `ape run library --books {books} --out FILE`; docs/library.md by `make docs-slow`.

Of {judged} figures that are no inputs {tally}.
"""


class Event(NamedTuple):
    """One scenario and its comparison."""

    scenario: Scenario
    rows: list[Compared]


def library(
    scenarios: Sequence[Scenario], books: int, out: Path | None, console: Console
) -> list[Event]:
    """Run and print each; write all as Markdown to `out`, if named, when the last is done.

    Raises as `sim.run` does. Ctrl-C during an event's further books shows those done.
    """
    events = []
    for scenario in scenarios:
        rows = compare(figures(run(scenario), books, console), scenario.expected)
        events.append(Event(scenario, rows))
        console.print(f"\n{scenario.title}", style="bold", markup=False)
        console.print(printed(published_table(rows)))
        for line in notes(rows):
            console.print(line, style="dim", markup=False)
    console.print(f"\n{summary(events)}")
    if out:
        out.write_text(markdown(events, books))
        console.print(f"Written to {out}")
    return events


def summary(events: Sequence[Event]) -> str:
    """How many figures came to what."""
    verdicts = Counter(row.verdict for event in events for row in event.rows)
    inputs = verdicts.pop("input", 0)
    return f"{_tally(verdicts)}; {inputs} inputs, which are no agreement."


def markdown(events: Sequence[Event], books: int) -> str:
    """The page that `docs/library.md` is."""
    verdicts = Counter(row.verdict for event in events for row in event.rows)
    verdicts.pop("input", None)
    text = _HEAD.format(
        books=books, sized=f"`{_SIZED}`", judged=verdicts.total(), tally=_tally(verdicts)
    )
    return text + "".join(f"\n{_section(event, books)}" for event in events)


def _section(event: Event, books: int) -> str:
    scenario = event.scenario
    lines = [f"## {scenario.title}", "", f"`ape run crash {scenario.name}`"]
    if drawn(scenario, books) == 1:
        lines.append("This book is recorded: there is no other draw of it.")
    judged = [row for row in event.rows if row.verdict != "input"]
    if judged:
        lines += ["", "| measure | published | median | range | verdict |", "|---|---|---|---|---|"]
    for row in judged:
        mark = f" {_SIZED}" if row.expected.sized else ""
        cells = (
            f"`{row.expected.measure}`{mark}",
            _ends(*row.expected.range),
            _figure(row.median),
            _ends(*row.range),
            verdict(row),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if inputs := [row for row in event.rows if row.verdict == "input"]:
        named = ", ".join(f"`{row.expected.measure}` {_figure(row.median)}" for row in inputs)
        lines += ["", f"Inputs: {named}."]
    lines += [line for note in notes(event.rows) for line in ("", note)]
    return "\n".join(lines) + "\n"


def _tally(verdicts: Counter[str]) -> str:
    return ", ".join(f"{verdicts[name]} are {name}" for name in ("inside", "near", "off"))


def _ends(low: float, high: float) -> str:
    """A figure, or its range."""
    return _figure(low) if low == high or low != low else f"{_figure(low)} to {_figure(high)}"


def _figure(value: float) -> str:
    """Four digits, thousands separated: prices, counts and dollars alike; millions as such."""
    if value != value:
        return "-"
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.4g}M" if abs(value) < 1e9 else f"{value / 1e9:,.4g}B"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
