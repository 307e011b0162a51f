"""What a report consists of, before it is HTML or printed: sections of text, tables and charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from sim.measures.measure import Unit
from sim.report.text import short, short_usd, usd


class Value(NamedTuple):
    """A number as a reader sees it, with the number itself: <data value="...">."""

    text: str
    number: float | int
    name: str = ""
    """Which figure of the run it is, for whoever reads the page by program."""
    short: str = ""
    """The same where there is little room; nothing: the text."""


class Range(NamedTuple):
    """From one number to another; words for an end that there is not."""

    low: str | Value
    high: str | Value


Cell = str | Value | Range
_DIGITS: dict[Unit, int] = {
    "share": 2,
    "ratio": 3,
    "number": 1,  # a mean of whole ones
    "hours": 2,
    "times": 2,
    "minutes": 0,
    "seconds": 1,
}
_ENDS: dict[Unit, str] = {"hours": " hours", "minutes": " min", "seconds": " s"}
_AMOUNTS: dict[Unit, str] = {"tokens": "", "gwei": " gwei"}
"""Of any size -> how a short one ends."""
NONE = "\N{EN DASH}"
"""A cell with nothing to say."""


class Table(NamedTuple):
    """Rows under a header; the first cell of a row names it."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: Sequence[int] = (0,)
    """Columns of words; all others are right-aligned numbers."""
    note: str = ""
    """How to read it, on a page."""
    legend: str = ""
    """The same in short lines, in a terminal."""
    strong: Sequence[int] = ()
    """Rows that stand out, like sums."""
    faint: Sequence[int] = ()
    """Rows that stand back, like the same in another unit."""
    wrong: Sequence[int] = ()
    """Rows of something that went wrong."""
    tight: bool = False
    """Whether a terminal has too little room: numbers are short there, and close together."""


class Chart(NamedTuple):
    """A figure for plotly, what to see in it, and the numbers that it shows."""

    id: str
    title: str
    reading: str
    """How to read it, in a sentence or two; also what a screen reader says instead of it."""
    figure: dict[str, Any]
    """`data` and `layout`."""
    table: Table
    height: int = 380


class Timeline(NamedTuple):
    """A chart over time with a slider: the moment's numbers and events."""

    chart: Chart
    at: Sequence[str]
    """Simulated times on the x axis of the chart, ISO, UTC."""
    readings: Sequence[tuple[str, Sequence[str]]]
    """Names of numbers, and their texts at every time."""
    events: Sequence[Sequence[str]]
    """What happened in the time before each of `at`, a line each."""
    start: int
    """Where the slider stands at first."""


class Commands(NamedTuple):
    """What to type, and why."""

    why: str
    lines: Sequence[str]


class Listing(NamedTuple):
    """A long text that is folded away."""

    summary: str
    text: str


Part = str | Table | Chart | Timeline | Commands | Listing
"""A plain string is a paragraph."""


class Section(NamedTuple):
    """A heading and what stands below it."""

    id: str
    title: str
    parts: Sequence[Part]


class Page(NamedTuple):
    """A whole report."""

    title: str
    kind: str
    """crash, sweep, tuning, or a comparison of two."""
    subtitle: str
    sections: Sequence[Section]
    notices: Sequence[str] = ()
    """What to know before reading anything else, above all of it."""


def text_of(cell: Cell, short: bool = False) -> str:
    """A cell as a reader sees it."""
    if isinstance(cell, Range):
        return f"{text_of(cell.low, short)} to {text_of(cell.high, short)}"
    if isinstance(cell, Value):
        return (short and cell.short) or cell.text
    return cell


def shown(number: float, unit: Unit, digits: int | None = None, name: str = "") -> Value:
    """A measure in its unit; `digits` are its decimals, None: those usual for the unit."""
    if unit == "USD":
        return money(number, name)
    if unit == "price":
        return Value(f"${number:,.4g}", number, name) if number < 10 else money(number, name)
    if unit in _AMOUNTS:
        text = f"{number:,.5g}" if abs(number) < 10_000 else f"{number:,.0f}"
        return Value(f"{text} {unit}", float(number), name, short(number) + _AMOUNTS[unit])
    if unit == "number" and digits is None and float(number).is_integer():
        return count(number, name)
    if unit == "share":
        return share(number, _DIGITS[unit] if digits is None else digits, name)
    decimals = _DIGITS[unit] if digits is None else digits
    return Value(f"{number:,.{decimals}f}{_ENDS.get(unit, '')}", float(number), name)


def money(dollars: float, name: str = "") -> Value:
    """USD."""
    size = abs(float(dollars))
    sign = "-" if round(dollars, 2) < 0 else ""  # a rounding error is no loss
    return Value(f"{sign}{usd(size)}", float(dollars), name, f"{sign}{short_usd(round(size, 2))}")


def share(fraction: float, digits: int = 2, name: str = "") -> Value:
    """A fraction as a percentage."""
    return Value(f"{fraction:.{digits}%}", float(fraction), name)


def points(fraction: float, digits: int = 2, name: str = "") -> Value:
    """A difference of two percentages, in percentage points: not a percentage of either."""
    return Value(f"{100 * fraction:,.{digits}f} points", float(fraction), name)


def count(number: float, name: str = "") -> Value:
    """Whole things."""
    return Value(f"{int(number):,}", int(number), name)


def ratio(number: float | None, digits: int = 3, name: str = "") -> Cell:
    """A health factor or the like; a dash where there is none."""
    if number is None or math.isnan(number):
        return NONE
    return Value(f"{number:,.{digits}f}", float(number), name)
