"""Functions that only compiled code calls: linked into it, and translated with it alone."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba.core.codegen import JITCodeLibrary

from sim.protocol.fixed_point import inlined, jitable, mul_div_up


@jitable
def third(x: int) -> int:
    return mul_div_up(x, 1, 3)


@inlined
def twice(values: Any) -> int:
    return third(values[0]) + third(values[1])


@pytest.fixture
def translated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is taken to machine code."""
    names: list[str] = []
    whole = JITCodeLibrary._finalize_specific

    def watched(library: Any) -> None:
        names.append(library.name)
        whole(library)

    monkeypatch.setattr(JITCodeLibrary, "_finalize_specific", watched)
    return names


def test_parts_do_what_they_do_in_python(translated: list[str]) -> None:
    @numba.njit
    def whole(values: Any) -> Any:
        return twice(values) + third(values[1])

    values = np.array([30.0, 60.0])
    assert whole(values) == twice([30, 60]) + third(60) == 50
    (name,) = (one for one in translated if one != "nrt")  # its runtime, once a process
    assert "whole" in name


def test_a_part_may_be_linked_by_several() -> None:
    """In either order, and by one that calls another that has it, too."""

    @numba.njit
    def first(x: Any) -> Any:
        return third(x)

    @numba.njit
    def second(x: Any) -> Any:
        return first(x) + third(2 * x)

    assert (first(3.0), second(3.0), first(6.0)) == (1, 3, 2)
