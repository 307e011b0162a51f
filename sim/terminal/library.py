"""The events of the library, each over several books, beside what was published of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from sim.measures.expected import Compared, compare
from sim.scenario import Scenario
from sim.terminal.expected_table import (
    SIZED,
    expected_table,
    figure,
    legend,
    notes,
    published,
    spread,
    verdict,
)
from sim.terminal.other_books import drawn, figures

_HEAD = """# The library, held against what was published

Every event is run over {books} books: the scenario's own and others drawn from the same
distributions, on the twin. A verdict is of the median: *inside* what was published (or within half
a percent of it), *near* (a tenth) or *off*, with the factor. Inputs, which the scenario was given
as they were published, are listed and judged by nothing. {sized} marks figures that sizes of the
scenario were chosen with in view: they say less. Where a figure is off, the scenario's own file
says what it leaves out.

Made by `ape run library --books {books} --out FILE`.

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

    Raises as `sim.world.build` does. Ctrl-C during an event's further books shows those done.
    """
    events = []
    for scenario in scenarios:
        rows = compare(figures(scenario, books, console), scenario.expected)
        events.append(Event(scenario, rows))
        console.print(f"\n{scenario.title}", style="bold", markup=False)
        if any(row.verdict != "input" for row in rows):
            console.print(expected_table(rows))
        for line in (*legend(rows), *notes(rows)):
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
        books=books, sized=f"`{SIZED}`", judged=verdicts.total(), tally=_tally(verdicts)
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
        mark = f" {SIZED}" if row.expected.sized else ""
        cells = (
            f"`{row.expected.measure}`{mark}",
            published(row),
            figure(row.median),
            spread(row),
            verdict(row),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if inputs := [row for row in event.rows if row.verdict == "input"]:
        named = ", ".join(f"`{row.expected.measure}` {figure(row.median)}" for row in inputs)
        lines += ["", f"Inputs: {named}."]
    lines += [line for note in notes(event.rows) for line in ("", note)]
    return "\n".join(lines) + "\n"


def _tally(verdicts: Counter[str]) -> str:
    return ", ".join(f"{verdicts[name]} are {name}" for name in ("inside", "near", "off"))
