"""What was published of an event beside what the run came to, where the scenario says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.measures.published import compare
from sim.measures.registry import figures
from sim.report.page.content import Section
from sim.report.published_table import published_table
from sim.schema.expected import Expected, of_today
from sim.tape import Frames


def sections(tape: Frames, scenario: Mapping[str, Any]) -> list[Section]:
    """One section, or none without published figures."""
    published = [Expected.model_validate(one) for one in scenario.get("expected", ())]
    if not published:
        return []
    books = _books(tape) or [figures(tape, [one.measure for one in published])]
    table = published_table(compare(books, published), sources=True)
    return [Section("expected", "Against what was published of the event", [table])]


def _books(tape: Frames) -> list[dict[str, float]]:
    """What each book came to, as the run kept it; none if it ended early."""
    return [
        dict(zip(map(of_today, rows["measure"]), rows["simulated"].astype(float), strict=True))
        for _, rows in tape.compared.groupby("book")
    ]
