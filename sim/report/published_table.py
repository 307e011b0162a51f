"""What was published of an event beside what its runs came to: for a page, and for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sim.measures.published import Compared
from sim.report.page.content import NONE, Cell, Range, Table, Value, shown


def published_table(rows: Sequence[Compared], sources: bool = False) -> Table:
    """One published figure per row; `sources`: with where it is from and what to know of it."""
    books = max(len(row.simulated) for row in rows)
    of = f"the median over {books} books" if books > 1 else "this book alone"
    more = [f"median of {books}", "range"] if books > 1 else []
    note = (
        f"Verdicts are of {of}. Inside: within what was published, or half a percent of it, as "
        "that is rounded. Near: within a tenth. Off: by more. Input: put in as published, so no "
        "agreement. Sized: sizes of the scenario were chosen with the figure in view."
    )
    return Table(
        "Against what was published",
        ["measure", "published", "this book", *more, "verdict", *(["source"] if sources else [])],
        [_row(row, bool(more), sources) for row in rows],
        words=(0, 3 + len(more), 4 + len(more)),
        note=note,
        legend=note,
        faint=[n for n, row in enumerate(rows) if row.verdict == "input"],
        tight=not sources,
        wrong=[n for n, row in enumerate(rows) if row.verdict == "off"],
    )


def verdict(row: Compared) -> str:
    """With the factor where it is not inside."""
    if row.verdict in ("inside", "input") or row.ratio is None:
        return row.verdict
    return f"{row.verdict}, x {row.ratio:.3g}"


def notes(rows: Sequence[Compared]) -> list[str]:
    """What to know when comparing: one line per figure that has a note."""
    return [f"{row.expected.measure}: {row.expected.note}" for row in rows if row.expected.note]


def _row(one: Compared, several: bool, sources: bool) -> list[Cell]:
    note = f"; {one.expected.note}" if one.expected.note else ""
    return [
        _named(one),
        _ends(one.expected.range, one),
        _shown(one.simulated[0], one, "simulated"),
        *([_shown(one.median, one, "median"), _ends(one.range, one)] if several else []),
        f"{verdict(one)}{', sized' if one.expected.sized else ''}",
        *([f"{one.expected.source}{note}"] if sources else []),
    ]


def _ends(ends: tuple[float, float], one: Compared) -> Cell:
    low, high = (_shown(end, one) for end in ends)
    return low if low == high else Range(low, high)


def _named(one: Compared) -> str:
    """The measure in words, and its asset. The unit stands at the figures."""
    asset = one.expected.asset
    return f"{one.measure.title}, {asset}" if asset else one.measure.title


def _shown(value: float, one: Compared, what: str = "") -> Value | str:
    """A figure in the unit of its measure; a dash where there is none."""
    if value != value:
        return NONE
    name = f"{what} {one.expected.measure}" if what else ""
    return shown(value, one.measure.unit, one.measure.digits, name)
