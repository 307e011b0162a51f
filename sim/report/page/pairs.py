"""What every comparison of A and B says: what was set differently, and how far figures differ."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from sim.report.page import provenance
from sim.report.page.content import NONE, Cell, Listing, Part, Section, Table, Value, money, points
from sim.report.text import usd

NAMES = ("A", "B")


def with_difference(table: Table) -> Table:
    """A table of A and B with what B is more than A."""
    rows: list[list[Cell]] = []
    for row in table.rows:
        a, b = row[1], row[2]
        if isinstance(a, Value) and isinstance(b, Value) and math.isfinite(b.number - a.number):
            rows.append([*row, _as(b.number - a.number, a.text)])
        else:
            rows.append([*row, NONE])
    return table._replace(header=[*table.header, "B less A"], rows=rows)


def _as(difference: float, like: str) -> Value:
    """A difference, written as the numbers it is of."""
    if "$" in like:
        return money(difference)
    number = like.rstrip("% abcdefghijklmnopqrstuvwxyz")  # without its unit
    decimals, unit = len(number.partition(".")[2]), like[len(number) :]
    if unit == "%":
        return points(difference, decimals)
    return Value(f"{difference:,.{decimals}f}{unit}", difference)


def said(what: str, a: float, b: float) -> str:
    if round(a, 2) == round(b, 2):
        return f"The {what} is the same in both: {usd(a)}."
    more = f"{usd(abs(b - a))} {'more' if b > a else 'less'}"
    share_of = f", {abs(b - a) / a:.1%}" if a else ""
    return f"The {what} is {usd(a)} in A and {usd(b)} in B: {more}{share_of}."


def parameters(one: Mapping[str, Any], other: Mapping[str, Any]) -> Section:
    rows: list[list[Cell]] = [
        [path, short(a), short(b)] for path, (a, b) in provenance.differing(one, other).items()
    ]
    part: Part = (
        Table("Fields of the scenario that differ", ["field", *NAMES], rows, words=(0, 1, 2))
        if rows
        else "Nothing in the scenarios differs."
    )
    return Section("parameters", "What was set differently", [part])


def short(value: Any) -> str:
    """The value of a field in a cell."""
    text = "absent" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def twice(a: Section, b: Section) -> list[Section]:
    """Both sections, and what is in them, under the names of whom they are about."""
    return [
        Section(
            f"{section.id}-{name}",
            f"{name}: {section.title[0].lower()}{section.title[1:]}",
            [part if isinstance(part, str) else named(part, name) for part in section.parts],
        )
        for name, section in zip(NAMES, (a, b), strict=True)
    ]


def named(part: Part, name: str) -> Part:
    """A table, a listing or a line, with whose it is."""
    if isinstance(part, Table):
        return part._replace(caption=f"{name}: {part.caption}")
    if isinstance(part, str):
        return f"{name}: {part}"
    return part._replace(summary=f"{name}: {part.summary}") if isinstance(part, Listing) else part
