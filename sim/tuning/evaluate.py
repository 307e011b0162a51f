"""The paths of a setting as tasks for workers, and what these come to, gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from sim.questions.pools import Submit, handed_out
from sim.questions.work import Done, Part, Setting, Subject, Task
from sim.scenario import ScenarioError
from sim.tuning.preset import Setup
from sim.tuning.result import Value

PATHS_OF_A_TASK = 128
"""At most: a second of work for a thousand accounts."""


def tasks(
    setup: Setup,
    subject: Subject,
    values: Mapping[str, Value],
    scenario: int,
    paths: Sequence[int],
    fill: tuple[str, float] | None = None,
    at_start_of: Iterable[int] = (),
) -> list[Task]:
    """One setting on paths of one scenario, which `subject` is of, counted from 0 and ascending,
    for several workers.

    Of the books `at_start_of` is asked at least what is known at the start.
    """
    first = setup.first_path(scenario)
    by_book: dict[int, list[int]] = {book: [] for book in at_start_of}
    for path in paths:
        by_book.setdefault(setup.book_of(int(path)), []).append(first + int(path))
    found: list[list[Part]] = []
    room = 0
    for book in sorted(by_book):
        numbers, seed = by_book[book], setup.book_seed(scenario, book)
        for begin in range(0, max(len(numbers), 1), PATHS_OF_A_TASK):
            part = Part(book, seed, tuple(numbers[begin : begin + PATHS_OF_A_TASK]))
            if not found or len(part.paths) > room:
                found.append([])
                room = PATHS_OF_A_TASK
            found[-1].append(part)
            room -= len(part.paths)
    setting = Setting(dict(values), setup.preset.tuning.debts, fill)
    return [Task(subject, "mc", tuple(parts), setting) for parts in found]


def gather(submit: Submit, wanted: Iterable[Task]) -> list[Done | ScenarioError]:
    """Run all tasks; what each comes to, in order, or why no world has its parameters.

    Raises what else a task raises, and KeyboardInterrupt after Ctrl-C.
    """
    found: dict[int, Done | ScenarioError] = {}
    with closing(handed_out(submit, enumerate(wanted))) as ended:
        for n, future in ended:
            try:
                found[n] = future.result()
            except ScenarioError as error:
                found[n] = error
    return [found[n] for n in range(len(found))]
