"""Records in compiled code: a pointer, whatever is nested in them, to the arrays of the caller."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from sim.engines.by_reference import by_reference
from sim.protocol.fixed_point import jitable
from sim.protocol.records import arrays, copy, mapped


class Inner(NamedTuple):
    counts: Any
    table: Any


class Outer(NamedTuple):
    first: Any
    inner: Inner
    other: Inner
    last: Any


def record() -> Outer:
    inner, other = (
        Inner(np.arange(3) + base, np.arange(6.0).reshape(2, 3) + base) for base in (10, 20)
    )
    return Outer(np.arange(2.0), inner, other, np.array([7]))


@jitable
def _touch(inner: Inner, by: int) -> float:
    inner.counts[by] += 100
    inner.table[1, 2] = -1.0
    return float(inner.table.sum())


@numba.njit
def _through(given: Any) -> Any:
    one = by_reference(given)
    one.first[1] = one.inner.table[0, 1] + one.last[0]
    return _touch(one.other, 2), one.inner.counts.shape[0]


def test_what_is_written_through_a_reference_is_in_the_array() -> None:
    compiled, plain = record(), record()
    plain.first[1] = plain.inner.table[0, 1] + plain.last[0]
    expected = _touch(plain.other, 2), 3
    assert _through(compiled) == expected
    for found, wanted in zip(arrays(compiled), arrays(plain), strict=True):
        assert found.dtype == wanted.dtype and (found == wanted).all()


def test_a_field_that_is_none_is_refused() -> None:
    @numba.njit
    def reads(given: Any) -> Any:
        return by_reference(given).inner.second[0]

    with pytest.raises(TypingError, match="second"):
        reads(record())


def test_a_copy_is_alike_and_independent() -> None:
    one = record()
    other = copy(one)
    assert type(other) is Outer and type(other.inner) is Inner
    for a, b in zip(arrays(one), arrays(other), strict=True):
        assert (a == b).all() and not np.shares_memory(a, b)
    assert [array.size for array in arrays(one)] == [2, 3, 6, 3, 6, 1]
    doubled = mapped(one, lambda array: array * 2)
    assert doubled.other.counts.tolist() == [40, 42, 44] and one.other.counts.tolist() == [
        20,
        21,
        22,
    ]
