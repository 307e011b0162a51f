"""The book of a study's first scenario under the current and under the recommended setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from sim.market.levels import PRICE_SCALE
from sim.market.tables import price_table
from sim.measures import book as books
from sim.report.page import crash, market, sweep
from sim.scenario import Scenario, ScenarioError, digest, known, load, with_overrides
from sim.tuning import preset
from sim.tuning.result import TuningResult

_MOVED = 0.02
_BPS = 10_000


class Setting(NamedTuple):
    """What a parameter setting makes of a book."""

    title: str
    book: books.Book
    pools: books.Pools
    falling: list[str]
    bonuses: Mapping[str, float]
    rates: Mapping[str, Any]
    usage: Mapping[str, float]


def settings(result: TuningResult) -> tuple[Setting | None, Setting | None]:
    """Both settings; None where the scenario is none that this version knows."""
    scenario = _scenario(result)
    if scenario is None:
        return None, None
    try:
        proposed = with_overrides(scenario, result.recommendation.values)
    except ScenarioError:
        return None, None
    tape = sweep.opening(scenario)
    book, falling = books.book(tape), _falling(scenario)
    usage = market.usages(tape)["at the start"]
    found = []
    for one in (scenario, proposed):
        document = one.model_dump(mode="json")
        reserves = document["protocol"]["reserves"]
        thresholds = np.array([reserves[symbol]["lt_bps"] for symbol in book.symbols]) / _BPS
        found.append(
            Setting(
                one.title,
                book._replace(thresholds=thresholds),
                books.pools(tape),
                falling,
                crash.bonuses(document, falling),
                crash.borrowed(tape, document["protocol"]["rates"]),
                usage,
            )
        )
    return found[0], found[1]


def _scenario(result: TuningResult) -> Scenario | None:
    """The first scenario of the study, if it can be had again to the digest."""
    wanted = result.scenarios[0].digest
    return next((one for one in _candidates(result) if digest(one) == wanted), None)


def _candidates(result: TuningResult) -> Iterator[Scenario]:
    """Scenarios that the study may have been of: its preset's, or a known one."""
    if result.preset in preset.known():
        with suppress(ScenarioError):
            prepared = preset.prepare(preset.load(result.preset), result.accounts, result.seed)
            yield prepared.scenarios[0]
    name, values = result.scenarios[0].name, result.choices.current.values
    if name in known():
        shared = {"book.accounts": result.accounts, "seed": result.seed}
        with suppress(ScenarioError):
            yield with_overrides(load(name), {**values, **shared})


def _falling(scenario: Scenario) -> list[str]:
    """The assets whose named level leaves its start."""
    level = price_table(scenario).astype(np.float64) / PRICE_SCALE
    moved = np.abs(level / level[0] - 1).max(axis=0) > _MOVED
    varied = scenario.paths.volatility_per_sqrt_year if scenario.paths else {}
    return [
        symbol
        for symbol, moves in zip(scenario.symbols, moved, strict=True)
        if moves or varied.get(symbol, 0)
    ]
