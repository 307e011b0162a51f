"""Records: named tuples of arrays, and of such records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

R = TypeVar("R", bound=tuple[Any, ...])


def arrays(record: tuple[Any, ...]) -> Iterator[Any]:
    """All arrays of a record and of those in it, in the order of their fields."""
    for member in record:
        if isinstance(member, np.ndarray):
            yield member
        else:
            yield from arrays(member)


def mapped(record: R, function: Callable[[Any], Any]) -> R:
    """A record like this one with every array replaced by what the function makes of it."""
    members = (
        function(one) if isinstance(one, np.ndarray) else mapped(one, function) for one in record
    )
    return type(record)(*members)


def copy(record: R) -> R:
    """An independent copy of a record."""
    return mapped(record, np.copy)
