"""A run beside what was published of its event, on its own book and others, for who watches."""

from __future__ import annotations

from rich.console import Console
from rich.progress import track

from sim.front.run import Run
from sim.front.several_books import Figures, drawn, of_books


def figures(own: Run, books: int, console: Console) -> list[Figures]:
    """What the run, and runs on other books, come to of everything that was published. Ctrl-C ends
    it early, with the books done.
    """
    found: list[Figures] = []
    name, number = own.scenario.name, drawn(own.scenario, books)
    runs = of_books(own, number, [one.measure for one in own.scenario.expected])
    text = f"{name}, other books"
    try:
        for one in track(runs, text, total=number, console=console, transient=True):
            found.append(one)
    except KeyboardInterrupt:
        if not found:
            raise
        console.print(f"Interrupted: {len(found)} of {books} books are compared.")
    return found
