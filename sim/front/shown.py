"""What whoever waits and whoever looks is shown: progress, pages, and tables in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from sim.schema.arguments import path_of

if TYPE_CHECKING:
    from sim.report.page.source import Source

Advance = Callable[[float], None]
"""Told how much more is done."""


@contextmanager
def bar(what: str, total: float) -> Iterator[Advance]:
    """A bar on standard error for the time of the block in a terminal, a line in a notebook;
    elsewhere, as in a script whose output goes to a file, there is none.
    """
    console = Console(stderr=True)
    if console.is_jupyter:
        with _line(what, total) as advance:
            yield advance
        return
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)


@contextmanager
def _line(what: str, total: float) -> Iterator[Advance]:
    """How far it is, in a notebook: rich's bar would need ipywidgets there, and warns without."""
    from IPython.display import display  # there is a kernel, so there is IPython

    def text(shown: str) -> dict[str, str]:
        return {"text/plain": shown}

    line = display(text(what), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    done, percent = 0.0, 0

    def advance(more: float) -> None:
        nonlocal done, percent
        done += more
        if (reached := int(100 * done / total)) > percent:
            percent = reached
            line.update(text(f"{what}  {percent}%"), raw=True)

    try:
        yield advance
    finally:
        line.update(text(""), raw=True)


@contextmanager
def drawing() -> Iterator[None]:
    """For the block that imports what draws: without matplotlib ImportError says what to do."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise ImportError(
            "plots need matplotlib, which is not installed: "
            "pip install 'breakwater[notebook]', in a checkout pip install '.[notebook]'",
            name="matplotlib",
        ) from error


def page(path: str | Path, source: Source) -> Path:
    """Write the page of a result as one HTML file. Raises `TypeError` for what is no path, and
    `ValueError` for a folder.
    """
    from sim.report.page.pages import page_of
    from sim.report.page.render import write_page

    target = path_of("path", path)
    if target.is_dir():
        raise ValueError(f"{target}: is a folder: name a file in it, like {target / 'page.html'}")
    write_page(page_of([source]), target)
    return target


def as_html(title: str, figures: Mapping[str, str], line: str = "") -> str:
    """A title, a table of figures, and a line below it."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in figures.items()
    )
    below = f"<p><small>{escape(line)}</small></p>" if line else ""
    return f"<p><b>{escape(title)}</b></p><table>{rows}</table>{below}"


def as_text(title: str, figures: Mapping[str, str], line: str = "") -> str:
    """The same for a terminal."""
    width = max(map(len, figures), default=0)
    rows = [f"  {name:{width}}  {value}" for name, value in figures.items()]
    return "\n".join(filter(None, [title, *rows, line]))
