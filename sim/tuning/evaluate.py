"""Runs settings on paths: what a worker does, and how the work is handed out and gathered.

A worker builds the world of a scenario and book once; other parameters open it again
(`sim.engines.reopening`). Prices depend neither on parameters nor on books: every trial sees the
same ones, and they are drawn once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.engines.compiled import Compiled
from sim.engines.outcome import OUTCOME
from sim.engines.reopening import Reopening
from sim.market.paths import draw, observed
from sim.scenario import Scenario, ScenarioError, with_overrides
from sim.schema.tuning import Debts
from sim.sweeps.origin import origin, sources
from sim.sweeps.run import interrupts_as_news
from sim.sweeps.work import OriginError, StoppedError, scenario_of, world_of
from sim.tuning.borrowing import Amounts
from sim.tuning.preset import Setup
from sim.tuning.result import Value

Floats = npt.NDArray[np.float64]

_DRAWN_AT_ONCE = 32  # paths
_RUN_AT_ONCE = 8  # paths, between two looks at whether to stop
PATHS_OF_A_JOB = 128
"""At most: a second of work for a thousand accounts."""

_OPENINGS = 2_048  # books of scenarios that are kept: each setting needs all of them again

_building = threading.Lock()


class Part(NamedTuple):
    """Some paths of one book."""

    book: int
    seed: int
    """What it is drawn with."""
    paths: tuple[int, ...]
    """None: only what is known at the start is asked."""


class Job(NamedTuple):
    """One setting on some paths of one scenario, as it travels to a worker."""

    scenario_json: str
    """Under the current parameters."""
    origin: dict[str, str]
    values: Mapping[str, Value]
    parts: tuple[Part, ...]
    fill: tuple[str, float] | None = None
    """Path of a cap and tokens: the market with this cap used in full."""
    debts: Debts = "same-positions"


class Evaluated(NamedTuple):
    """What a job comes to."""

    outcomes: Floats
    """(paths, OUTCOME), of all parts."""
    at_start: dict[int, tuple[float, float]]
    """By book: borrowing power and debt at the start, USD."""


def origin_of(scenario: Scenario) -> dict[str, str]:
    """As `sim.sweeps.origin`, with what searches and judges. Raises `ScenarioError`."""
    return {**origin(scenario), "search": sources("measures", "tuning")}


def _never() -> bool:
    return False


def run(job: Job, stopped: Callable[[], bool] = _never) -> Evaluated:
    """Raises `ScenarioError` if no world has these parameters, and as `sim.sweeps.work.run`."""
    base = scenario_of(job.scenario_json)
    if _origin_of(job.scenario_json) != job.origin:
        raise OriginError("a worker has other sources: give all workers the same checkout")
    scenario = with_overrides(base, job.values)
    found, at_start = [np.empty((0, len(OUTCOME)))], {}
    for book, seed, paths in job.parts:
        reopening, amounts = _opening(job.scenario_json, seed, job.debts)
        opened = scenario
        if job.fill:
            opened, collateral, debt = amounts.filled(scenario, *job.fill)
        else:
            collateral, debt = amounts.under(scenario)
        power = amounts.borrowing_power(opened, collateral)
        at_start[book] = power, float((debt @ amounts.value).sum())
        if not paths:
            continue
        compiled = Compiled.at(reopening.at(opened, collateral, debt), opened.steps)
        for start in range(0, len(paths), _RUN_AT_ONCE):
            if stopped():
                raise StoppedError(f"given up at path {paths[start]}")
            tables = [_path(job.scenario_json, k) for k in paths[start : start + _RUN_AT_ONCE]]
            prices, seen = (np.stack(table) for table in zip(*tables, strict=True))
            found.append(compiled.outcomes(prices, seen)[:, : len(OUTCOME)])
    return Evaluated(np.concatenate(found), at_start)


def jobs(
    setup: Setup,
    values: Mapping[str, Value],
    scenario: int,
    paths: Sequence[int],
    fill: tuple[str, float] | None = None,
    at_start_of: Iterable[int] = (),
) -> list[Job]:
    """One setting on paths of one scenario, counted from 0 and ascending, for several workers.

    Of the books `at_start_of` is asked at least what is known at the start.
    """
    text = setup.scenarios[scenario].model_dump_json()
    first = setup.first_path(scenario)
    by_book: dict[int, list[int]] = {book: [] for book in at_start_of}
    for path in paths:
        by_book.setdefault(setup.book_of(int(path)), []).append(first + int(path))
    found: list[list[Part]] = []
    room = 0
    for book in sorted(by_book):
        numbers, seed = by_book[book], setup.book_seed(scenario, book)
        for begin in range(0, max(len(numbers), 1), PATHS_OF_A_JOB):
            part = Part(book, seed, tuple(numbers[begin : begin + PATHS_OF_A_JOB]))
            if not found or len(part.paths) > room:
                found.append([])
                room = PATHS_OF_A_JOB
            found[-1].append(part)
            room -= len(part.paths)
    debts = setup.preset.tuning.debts
    return [Job(text, _origin_of(text), dict(values), tuple(p), fill, debts) for p in found]


def gather(
    submit: Callable[[Job], Future[Evaluated]], wanted: Iterable[Job]
) -> list[Evaluated | ScenarioError]:
    """Run all jobs; what each comes to, in order, or why no world has its parameters.

    Raises what else a job raises, and KeyboardInterrupt after Ctrl-C.
    """
    finished: SimpleQueue[Any] = SimpleQueue()
    with interrupts_as_news(finished):
        futures = [submit(job) for job in wanted]
        for future in futures:
            future.add_done_callback(finished.put)
        for _ in futures:
            if finished.get() is None:
                raise KeyboardInterrupt
    return [_result(future) for future in futures]


def _result(future: Future[Evaluated]) -> Evaluated | ScenarioError:
    try:
        return future.result()
    except ScenarioError as error:
        return error


@lru_cache(maxsize=64)
def _origin_of(scenario_json: str) -> dict[str, str]:
    """Looked up once in a process: sources do not change under it."""
    return origin_of(scenario_of(scenario_json))


def _opening(scenario_json: str, seed: int, debts: Debts) -> tuple[Reopening, Amounts]:
    with _building:  # one builds, the others wait
        return _opening_of(scenario_json, seed, debts)


@lru_cache(maxsize=_OPENINGS)
def _opening_of(scenario_json: str, seed: int, debts: Debts) -> tuple[Reopening, Amounts]:
    world = world_of(scenario_json, seed)
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]), debts)
    return Reopening(world), amounts


def _path(scenario_json: str, path: int) -> tuple[Floats, Floats]:
    """(reference prices, what feeds see of them) of one path, each (steps + 1, assets)."""
    block, row = divmod(path, _DRAWN_AT_ONCE)
    prices, seen = _drawn(scenario_json, block)
    return prices[row], seen[row]


@lru_cache(maxsize=512)
def _drawn(scenario_json: str, block: int) -> tuple[Floats, Floats]:
    scenario = scenario_of(scenario_json)
    prices = draw(scenario, "mc", block * _DRAWN_AT_ONCE, _DRAWN_AT_ONCE)
    return prices, observed(scenario, prices)
