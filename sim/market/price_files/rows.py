"""The rows of a price file below its header, and how a refusal names them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.market.price_files.columns import Columns
from sim.market.price_files.sheet import Sheet, refused, shown

Mask = npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """Rows in the order of the file, or in `order`."""

    path: str
    sheet: Sheet
    columns: Columns
    order: npt.NDArray[np.intp] | None = None

    def refuse(self, wrong: Mask, column: str, problem: str, remedy: str) -> None:
        """Raise ScenarioError if any row is wrong: for the first in the file, with how many more
        there are. Where `problem` has {text} stands what is written in `column`: one of prices, or
        else the time.
        """
        if not wrong.any():
            return
        rows = np.flatnonzero(wrong) if self.order is None else np.sort(self.order[wrong])
        first, *others = (int(row) for row in rows)
        where = self._in_file(first) + (f", {column}" if column else "")
        like = f"; {len(others)} more like it, to {self._in_file(others[-1])}" if others else ""
        what = problem.replace("{text}", self._text(first, column))
        raise refused(self.path, where, what + like, remedy)

    def text(self, row: int, column: str) -> str:
        """What is written there."""
        return self._text(row if self.order is None else int(self.order[row]), column)

    def place(self, row: int) -> str:
        """Where the row is in the file."""
        return self._in_file(int(row) if self.order is None else int(self.order[row]))

    def _in_file(self, row: int) -> str:
        return self.sheet.place(self.columns.first + row)

    def _text(self, row: int, column: str) -> str:
        at = self.columns.prices.get(column)
        columns = self.columns.times if at is None else (at,)
        return shown(" ".join(self.sheet.cells[i][self.columns.first + row] for i in columns))
