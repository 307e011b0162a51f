"""Tables of `sim.report`, as a terminal shows them."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from sim.report.page import content
from sim.report.page.content import Value, text_of

BARE: dict[str, Any] = {"box": None, "pad_edge": False, "header_style": "bold"}
TITLED: dict[str, Any] = {"title_justify": "left", "title_style": "", "padding": (0, 1)}


def printed(table: content.Table | str, header: bool = True) -> Table:
    """All of its columns, with its title above and its legend below; or a line as a header."""
    if isinstance(table, str):
        return Table(table, **BARE)
    shown = Table(title=table.caption, show_header=header, **TITLED, **BARE)
    shown.caption, shown.caption_justify = table.legend or None, "left"
    for column, name in enumerate(table.header):
        cells = [row[column] for row in table.rows]
        words = column in table.words and not any(isinstance(one, Value) for one in cells)
        shown.add_column(name, justify="left" if words else "right")
    for number, row in enumerate(table.rows):
        style = "bold" if number in table.strong else "dim" if number in table.faint else ""
        shown.add_row(*map(text_of, row), style=style)
    return shown
