"""A scenario on other books than its own, on the twin: how far a figure is the draw's."""

from __future__ import annotations

from rich.console import Console
from rich.progress import track

from sim.books.seeds import seed_of
from sim.engines.exact import run
from sim.measures.expected import measures
from sim.scenario import Scenario
from sim.schema.book import BookFile
from sim.tape import Frames, Tape, frames
from sim.world import build

BOOKS = 20
"""As many as a published figure is held against, where nobody says otherwise."""


def played(scenario: Scenario, book: int = 0, root: int | None = None) -> Frames:
    """The tape of a run on the twin, `root` that of the books instead of the scenario's seed.
    Raises as `sim.world.build` and the user's agents do.
    """
    world = build(scenario, seed_of(scenario.seed if root is None else root, book))
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(step.k, step.rows, step.gas)
    return frames(tape.tables(complete=True))


def drawn(scenario: Scenario, books: int) -> int:
    """How many books there are of up to `books`: a recorded one is one."""
    return 1 if isinstance(scenario.book, BookFile) else books


def figures(
    scenario: Scenario, books: int, console: Console, own: Frames | None = None
) -> list[dict[str, float]]:
    """What the run, whose tape may be at hand, and runs on other books come to of everything that
    was published. Ctrl-C ends it early, with the books done.
    """
    first = played(scenario) if own is None else own
    found, root = [measures(first, scenario.expected)], int(first.run["book_seed"].iloc[0])
    others = range(1, drawn(scenario, books))
    try:
        for book in track(others, f"{scenario.name}, other books", console=console, transient=True):
            found.append(measures(played(scenario, book, root), scenario.expected))
    except KeyboardInterrupt:
        console.print(f"Interrupted: {len(found)} of {books} books are compared.")
    return found
