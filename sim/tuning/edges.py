"""Which values of a recommended setting stand at the edge of what was searched.

A search cannot say that a value at the end of its range is best: what lies beyond was not tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.tuning.result import Edge, Value, short_path
from sim.tuning.space import Axis, Space

_OF_RANGE = 0.01
"""What counts as a step where there is no grid."""


def edges(space: Space, values: Mapping[str, Value]) -> list[Edge]:
    """The numbers of a setting that are an end of their range, or within a step of it: of what was
    searched with the rest of the setting, which is less than the preset says where the contracts
    accept less.
    """
    found = []
    for axis in space.axes:
        value = values[axis.path]
        if not axis.dimension.names and isinstance(value, int | float):
            found += list(_edges(space, values, axis, value))
    return found


def _edges(space: Space, values: Mapping[str, Value], axis: Axis, value: float) -> Iterator[Edge]:
    low, high = space.limits(axis, values)
    step = axis.step or (high - low) * _OF_RANGE
    to_low, to_high = value - low, high - value
    if min(to_low, to_high) > step or to_low == to_high:
        return
    is_low = to_low < to_high
    limit, beyond = (low, low - step) if is_low else (high, high + step)
    is_open = space.accepts({**values, axis.path: round(beyond) if axis.is_whole else beyond})
    ends_there = limit == 0 and is_low  # no parameter is negative
    if value != limit and ends_there:
        return
    end = f"the {'low' if is_low else 'high'} end"
    where = f"is {end}" if value == limit else f"is within a step of {end}, {limit:,.10g},"
    then = "a better value may lie beyond it"
    if ends_there:
        then = "nothing lies below it"
    elif not is_open:
        then += ", but with the rest as recommended the contracts accept none there"
    yield Edge(
        path=axis.path,
        value=value,
        end="low" if is_low else "high",
        limit=limit,
        is_open=is_open,
        note=f"{short_path(axis.path)} {value:,.10g} {where} of the searched range: {then}.",
    )
