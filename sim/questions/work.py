"""What a worker does with a task: some paths of a scenario, run on their books.

    of a sweep     the world as it is; every path is met once
    of a search    the world opened again under a setting (`sim.engines.reopening`); every setting
                   meets the same paths, so these are drawn once

A worker may be a thread of this process or a process on another machine. It needs the same sources
and packages, and the files that the scenario names.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.books.borrowing import Amounts
from sim.engines.compiled import Compiled
from sim.engines.outcome import width
from sim.engines.reopening import Reopening
from sim.market.draws import Sampler
from sim.market.paths import draw, observed
from sim.questions.origin import origin
from sim.scenario import Scenario, digest, with_overrides
from sim.schema.tuning import Debts
from sim.world import World, build

Floats = npt.NDArray[np.float64]

_DRAWN_AT_ONCE = 64  # paths: bounds the memory of a task of any size
_RUN_AT_ONCE = 8  # paths, between two looks at whether to stop: less than a second

_WORLDS = 8  # tasks of a sweep come book by book, so a thread has the world of its last one
_OPENINGS = 2_048  # books of scenarios: each setting of a search needs all of them again
_DRAWN = 256  # times _DRAWN_AT_ONCE paths of a search

_building = threading.Lock()
_own = threading.local()


@dataclass(frozen=True)
class Subject:
    """A scenario and what its numbers come from besides, see `sim.questions.origin`: two are equal
    where their numbers are.
    """

    digest: str
    origin: tuple[tuple[str, str], ...]
    scenario: Scenario = field(compare=False)

    @classmethod
    def of(cls, scenario: Scenario) -> Subject:
        """Raises `ScenarioError` if a file of the scenario or an agent cannot be had."""
        return cls(digest(scenario), tuple(sorted(origin(scenario).items())), scenario)


class Part(NamedTuple):
    """Some paths of one book."""

    book: int
    seed: int
    """What it is drawn with."""
    paths: Sequence[int]
    """Their numbers, ascending; of a sweep a range. None: only what is known at the start is
    asked.
    """


class Setting(NamedTuple):
    """Parameters, and who has and owes what under them."""

    values: Mapping[str, object]
    """By the path of a field."""
    debts: Debts = "same-positions"
    fill: tuple[str, float] | None = None
    """Path of a cap and tokens: the market with this cap used in full."""


class Task(NamedTuple):
    """Some paths of one scenario, as they travel to a worker."""

    subject: Subject
    sampler: Sampler
    parts: tuple[Part, ...]
    setting: Setting | None = None
    """None: the scenario as it is."""


class Done(NamedTuple):
    """What a task comes to."""

    outcomes: Floats
    """(paths, columns) of all parts, see `sim.engines.outcome.names`."""
    at_start: dict[int, tuple[float, float]]
    """By book, under a setting: borrowing power and debt at the start, USD."""
    seconds: tuple[float, ...] = ()
    """That each part took, building its world included where the worker had none."""


class OriginError(Exception):
    """A worker has other sources or packages than whoever asks."""


class StoppedError(Exception):
    """The task was given up because the run ends."""


def _never() -> bool:
    return False


def run(task: Task, stopped: Callable[[], bool] = _never) -> Done:
    """Raises `OriginError` if this worker's numbers could differ from those of the others,
    `StoppedError` soon after `stopped` says so, `ScenarioError` if no world has the parameters of
    the setting, and what `sim.market.paths.draw` raises.
    """
    _check_origin(task.subject)
    scenario = task.subject.scenario
    found, at_start = (
        [np.empty((0, width(len(scenario.symbols), len(scenario.protocol.vaults))))],
        {},
    )
    seconds = []
    under = with_overrides(scenario, task.setting.values) if task.setting else scenario
    for part in task.parts:
        begin = time.perf_counter()
        if task.setting is None:
            compiled = _compiled(task.subject, part.seed)
        else:
            opened, at_start[part.book] = _opened(task.subject, part, task.setting, under)
            if opened is None:
                continue
            compiled = opened
        found += _played(task, compiled, part.paths, stopped)
        seconds.append(time.perf_counter() - begin)
    return Done(np.concatenate(found), at_start, tuple(seconds))


def compile_step(scenario: Scenario) -> None:
    """Compile the step, or take it from the disk. Workers started afterwards find it there."""
    prices = np.empty((0, scenario.steps + 1, len(scenario.symbols)))
    Compiled(world_of(scenario)).outcomes(prices, prices)


def world_of(scenario: Scenario, book_seed: int | None = None) -> World:
    """The world of a scenario, its book drawn with this seed instead of the scenario's; the last
    ones are kept. Raises `ScenarioError`.
    """
    return _world(Subject.of(scenario), book_seed)


def _check_origin(subject: Subject) -> None:
    mine, theirs = origin(subject.scenario), dict(subject.origin)
    if mine != theirs:
        other = ", ".join(
            f"{name} {mine.get(name, 'none')} instead of {theirs.get(name, 'none')}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        )
        raise OriginError(f"a worker has {other}: give all workers the same checkout and packages")


# --- worlds ---------------------------------------------------------------------------------------


def _world(subject: Subject, book_seed: int | None) -> World:
    with _building:  # one builds, the others wait
        return _built(subject, book_seed)


@lru_cache(maxsize=_WORLDS)
def _built(subject: Subject, book_seed: int | None) -> World:
    return build(subject.scenario, book_seed)


def _compiled(subject: Subject, book_seed: int) -> Compiled:
    """This thread's own memory for the book."""
    if getattr(_own, "of", None) != (subject, book_seed):
        _own.compiled = Compiled(_world(subject, book_seed))
        _own.of = subject, book_seed
    compiled: Compiled = _own.compiled
    return compiled


def _opened(
    subject: Subject, part: Part, setting: Setting, under: Scenario
) -> tuple[Compiled | None, tuple[float, float]]:
    """A book's world under a setting, None if no path of it is asked; borrowing power and debt."""
    with _building:
        reopening, amounts = _reopening(subject, part.seed, setting.debts)
    if setting.fill:
        under, collateral, debt = amounts.filled(under, *setting.fill)
    else:
        collateral, debt = amounts.under(under)
    at_start = amounts.borrowing_power(under, collateral), float((debt @ amounts.value).sum())
    if not part.paths:
        return None, at_start
    return Compiled.at(reopening.at(under, collateral, debt), under.steps), at_start


@lru_cache(maxsize=_OPENINGS)
def _reopening(subject: Subject, book_seed: int, debts: Debts) -> tuple[Reopening, Amounts]:
    world = _built(subject, book_seed)
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]), debts)
    return Reopening(world), amounts


# --- paths ----------------------------------------------------------------------------------------


def _played(
    task: Task, compiled: Compiled, paths: Sequence[int], stopped: Callable[[], bool]
) -> Iterator[Floats]:
    """What the paths come to, a few at a time."""
    for drawn in range(0, len(paths), _DRAWN_AT_ONCE):
        some = paths[drawn : drawn + _DRAWN_AT_ONCE]
        prices, seen = _tables(task, some)
        for start in range(0, len(some), _RUN_AT_ONCE):
            if stopped():
                raise StoppedError(f"given up at path {some[start]}")
            few = slice(start, start + _RUN_AT_ONCE)
            yield compiled.outcomes(prices[few], seen[few])


def _tables(task: Task, paths: Sequence[int]) -> tuple[Floats, Floats]:
    """(reference prices, what feeds see of them), each (paths, steps + 1, assets)."""
    if task.setting is None:
        assert isinstance(paths, range)
        return _draw(task.subject, task.sampler, paths)
    found = []
    for path in paths:
        block, row = divmod(path, _DRAWN_AT_ONCE)
        found.append([table[row] for table in _drawn(task.subject, task.sampler, block)])
    prices, seen = (np.stack(tables) for tables in zip(*found, strict=True))
    return prices, seen


@lru_cache(maxsize=_DRAWN)
def _drawn(subject: Subject, sampler: Sampler, block: int) -> tuple[Floats, Floats]:
    first = block * _DRAWN_AT_ONCE
    return _draw(subject, sampler, range(first, first + _DRAWN_AT_ONCE))


def _draw(subject: Subject, sampler: Sampler, paths: range) -> tuple[Floats, Floats]:
    prices = draw(subject.scenario, sampler, paths.start, len(paths), paths.step)
    return prices, observed(subject.scenario, prices)
