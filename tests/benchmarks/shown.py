"""Tables of a benchmark, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from rich.table import Table


class Shown(NamedTuple):
    """A table, and what bounds its figures."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    bound: str = ""

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, title_justify="left", caption=self.bound)
        for n, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if n else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = ["|".join(["", *cells, ""]) for cells in (self.headings, *self.rows)]
        lines.insert(1, "|---" + "|---:" * (len(self.headings) - 1) + "|")
        below = [f"What bounds it: {self.bound}.", ""] if self.bound else []
        return "\n".join([f"## {self.title}", "", *lines, "", *below])


def rate(measure: Callable[[], float]) -> float:
    """What `measure` returns, per second."""
    begin = perf_counter()
    return measure() / (perf_counter() - begin)


def seconds(call: Callable[..., object], *arguments: object) -> float:
    """How long a call takes."""
    begin = perf_counter()
    call(*arguments)
    return perf_counter() - begin


def millions(each: float) -> str:
    """Per second."""
    return f"{each / 1e6:,.2f} M" if each < 10e6 else f"{each / 1e6:,.0f} M"
