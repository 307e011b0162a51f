"""Tables of `sim.report`, as a terminal shows them: nothing else of the terminal makes any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import TextWrapper
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table

from sim.report.page import content
from sim.report.page.content import Value, text_of


def printed(table: content.Table | str, header: bool = True) -> RenderableType:
    """All of its columns, with its title above and its legend below; or a line as a header."""
    if isinstance(table, str):
        return Table(table, box=None, pad_edge=False, header_style="bold")
    return _Printed(table, header)


class _Printed(NamedTuple):
    table: content.Table
    header: bool

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        table, gap = self.table, 1 if self.table.tight else 2
        texts = [[text_of(cell, table.tight) for cell in row] for row in table.rows]
        columns = list(zip(*([table.header] if self.header else []), *texts, strict=True))
        widths = _widths(columns, options.max_width - gap * (len(columns) - 1))
        shown = Table(
            title=table.caption or None,
            title_justify="left",
            title_style="",
            caption=table.legend or None,
            caption_justify="left",
            show_header=self.header,
            header_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, gap, 0, 0),
        )
        for column, (name, width) in enumerate(zip(table.header, widths, strict=True)):
            numbers = any(isinstance(row[column], Value) for row in table.rows)
            left = column in table.words and not numbers
            shown.add_column(
                _folded(name, width), justify="left" if left else "right", no_wrap=True, width=width
            )
        styles = {"red": table.wrong, "dim": table.faint, "bold": table.strong}
        for number, row in enumerate(texts):
            style = next((name for name, rows in styles.items() if number in rows), "")
            shown.add_row(*map(_folded, row, widths), style=style)
        yield shown


class _Folding(TextWrapper):
    """Folds names of parameters and scenarios at their joints, where spaces do not suffice."""

    wordsep_re = re.compile(r"(\s+)|(?<=\w[-._])(?=[A-Za-z])")


def _joints(text: str) -> list[str]:
    return [part for part in _Folding.wordsep_re.split(text) if part]


def _folded(text: str, width: int) -> str:
    return "\n".join("\n".join(_Folding(width).wrap(line)) for line in text.splitlines())


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Of columns in as much room: the widest give way first, all as far as their words go, then as
    the joints of their words do, and only then further.
    """
    lines, words, joints = (
        [max(len(part) for text in column for part in parts(text) or [""]) for column in columns]
        for parts in (str.splitlines, str.split, _joints)
    )
    widths = lines
    for least in (words, joints, [1] * len(widths)):
        while sum(widths) > room:
            foldable = [n for n, width in enumerate(widths) if width > least[n]]
            if not foldable:
                break
            widths[max(foldable, key=widths.__getitem__)] -= 1
    return widths
