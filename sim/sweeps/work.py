"""What a worker does with a block of paths: draw them, run them, hand back what they come to.

A worker may be a thread of this process or a process on another machine. It needs the same sources
and packages, and no files but a history if the scenario replays one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.engines.compiled import Compiled
from sim.market.draws import Sampler
from sim.market.paths import draw, observed
from sim.scenario import Scenario
from sim.sweeps.origin import origin
from sim.world import World, build

Floats = npt.NDArray[np.float64]

_DRAWN_AT_ONCE = 64  # paths: bounds the memory of a block of any size
_RUN_AT_ONCE = 8  # paths, between two looks at whether to stop: less than a second

_KEPT = 8  # worlds: blocks come book by book, so a thread has that of its last block

_building = threading.Lock()
_own = threading.local()


class Task(NamedTuple):
    """A block as it travels to a worker."""

    scenario_json: str
    origin: dict[str, str]
    """Of whoever asks, see `sim.sweeps.origin`."""
    sampler: Sampler
    book_seed: int
    first: int
    size: int
    every: int


class OriginError(Exception):
    """A worker has other sources or packages than whoever asks."""


class StoppedError(Exception):
    """The block was given up because the run ends."""


def _never() -> bool:
    return False


def run(task: Task, stopped: Callable[[], bool] = _never) -> Floats:
    """What the paths of a block come to, (size, columns), see `sim.engines.outcome.names`.

    Raises `OriginError` if this worker's numbers could differ from those of the others,
    `StoppedError` soon after `stopped` says so, and what `sim.market.paths.draw` raises.
    """
    scenario = scenario_of(task.scenario_json)
    mine = origin(scenario)
    if mine != task.origin:
        other = ", ".join(
            f"{name} {mine.get(name, 'none')} instead of {task.origin.get(name, 'none')}"
            for name in sorted(mine.keys() | task.origin.keys())
            if mine.get(name) != task.origin.get(name)
        )
        raise OriginError(f"a worker has {other}: give all workers the same checkout and packages")
    compiled = _compiled(task.scenario_json, task.book_seed)
    parts = []
    for drawn in range(0, task.size, _DRAWN_AT_ONCE):
        first, count = task.first + drawn * task.every, min(_DRAWN_AT_ONCE, task.size - drawn)
        prices = draw(scenario, task.sampler, first, count, task.every)
        seen = observed(scenario, prices)
        for start in range(0, len(prices), _RUN_AT_ONCE):
            if stopped():
                raise StoppedError(f"given up at path {first + start * task.every}")
            some = slice(start, start + _RUN_AT_ONCE)
            parts.append(compiled.outcomes(prices[some], seen[some]))
    return np.concatenate(parts)


def compile_step(scenario: Scenario) -> None:
    """Compile the step, or take it from the disk. Workers started afterwards find it there."""
    prices = np.empty((0, scenario.steps + 1, len(scenario.symbols)))
    Compiled(world_of(scenario.model_dump_json())).outcomes(prices, prices)


@lru_cache(maxsize=2)
def scenario_of(scenario_json: str) -> Scenario:
    """The scenario in JSON, as `model_dump_json` writes it."""
    # Not strict: JSON has no times.
    return Scenario.model_validate_json(scenario_json, strict=False)


def world_of(scenario_json: str, book_seed: int | None = None) -> World:
    """The world of a scenario in JSON, its book drawn with this seed instead of the scenario's; the
    last ones are kept. Raises `ScenarioError`.
    """
    with _building:  # one builds, the others wait
        return _built(scenario_json, book_seed)


@lru_cache(maxsize=_KEPT)
def _built(scenario_json: str, book_seed: int | None) -> World:
    return build(scenario_of(scenario_json), book_seed)


def _compiled(scenario_json: str, book_seed: int) -> Compiled:
    """This thread's own memory for the book."""
    if getattr(_own, "of", None) != (scenario_json, book_seed):
        _own.compiled = Compiled(world_of(scenario_json, book_seed))
        _own.of = scenario_json, book_seed
    compiled: Compiled = _own.compiled
    return compiled
