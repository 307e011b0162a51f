"""Texts as numbers, read by pandas once it is clear which mark is the decimal one.

    3,085.42    thousands by commas, a decimal point, as in 1e-05
    3.085,42    thousands by points, a decimal comma
    3 085,42    thousands by spaces or apostrophes, either mark

The marks of a file are those that more of its numbers follow. 3,085 follows both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


_MARKS = {"spaces": r"[ \u00a0\u202f]", "apostrophes": r"['\u2019]"}
"""Of no other meaning between a digit and three digits."""


def _form(thousands: str, decimal: str) -> str:
    groups = rf"[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+"
    return rf"[+-]?(?:{groups}|\d*)(?:{decimal}\d*)?(?:[eE][+-]?\d+)?"


_POINT, _COMMA = _form(",", r"\."), _form(r"\.", ",")


class AmbiguousError(ValueError):
    """Numbers whose commas can be decimal marks, or stand between thousands."""


def numbers(cells: pd.DataFrame) -> tuple[Floats, str]:
    """(the numbers that stripped texts are, NaN where they are none, of the shape of `cells`; how
    they are written where that is not plain).

    Raises AmbiguousError.
    """
    plain = _parsed(cells)
    if not np.isnan(plain).any():
        return plain, ""
    cells = cells.apply(lambda column: column.str.removeprefix("$"))
    marks = []
    for name, mark in _MARKS.items():
        apart = rf"(?<=\d){mark}(?=\d{{3}}(?!\d))"
        together = cells.apply(
            lambda column, apart=apart: column.str.replace(apart, "", regex=True)
        )
        if (together != cells).to_numpy().any():
            marks.append(name)
        cells = together
    spaced = f"{' and '.join(marks)} between thousands" if marks else ""
    texts = pd.Series(cells.to_numpy().ravel(), dtype=str)
    texts = texts[texts != ""]
    if not texts.str.contains(",", regex=False).any():
        return _parsed(cells), spaced
    by_point, by_comma = (int(texts.str.fullmatch(form).sum()) for form in (_POINT, _COMMA))
    if by_point == by_comma:
        raise AmbiguousError
    if by_point > by_comma:
        regular = cells.apply(lambda column: column.str.fullmatch(_POINT)).to_numpy(np.bool_)
        cells = cells.apply(lambda column: column.str.replace(",", "", regex=False))
        said = "commas between thousands"
    else:
        regular = cells.apply(lambda column: column.str.fullmatch(_COMMA)).to_numpy(np.bool_)
        cells = cells.apply(
            lambda column: column.str.replace(".", "", regex=False).str.replace(
                ",", ".", regex=False
            )
        )
        said = "decimal commas"
    said = f"{spaced}, {said}" if spaced else said
    return np.where(regular, _parsed(cells), np.nan), said


def _parsed(cells: pd.DataFrame) -> Floats:
    columns = [pd.to_numeric(cells[column], errors="coerce") for column in cells]
    return np.stack([column.to_numpy(dtype=np.float64) for column in columns], axis=1)
