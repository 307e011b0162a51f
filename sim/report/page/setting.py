"""What the current and the recommended setting make of the borrowers of a study.

The study's result names its scenarios by their digests only. The first of them is built again from
the preset that the study's command names, and is taken if its digest is the one in the result.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from sim.market.levels import PRICE_SCALE
from sim.market.tables import price_table
from sim.measures import book as books
from sim.report.page import crash, market, sweep
from sim.report.page.source import SourceError, Tuning
from sim.scenario import Scenario, ScenarioError, digest, with_overrides
from sim.sweep.work import world_of
from sim.tape import Frames
from sim.tuning import preset
from sim.tuning.borrowing import Amounts
from sim.tuning.result import FILE, TuningResult
from sim.world import build

_MOVED = 0.02
_FILES = (".yaml", ".yml")


class Setting(NamedTuple):
    """What a parameter setting makes of a market, as a run of its first scenario begins."""

    title: str
    tape: Frames
    book: books.Book
    pools: books.Pools
    falling: list[str]
    bonuses: Mapping[str, float]
    rates: Mapping[str, Any]
    usage: Mapping[str, float]


def settings(source: Tuning) -> tuple[Setting, Setting] | None:
    """The current and the recommended setting; None where the scenario cannot be had again.

    Borrowers are those of the study, by its convention (`sim.tuning.borrowing`). Raises
    `SourceError` if the scenario refuses the recommendation.
    """
    scenario = _scenario(source.result)
    if scenario is None:
        return None
    try:
        proposed = with_overrides(scenario, source.result.recommendation.values)
    except ScenarioError as error:
        raise SourceError(
            f"{source.path / FILE}: the recommended setting is none that its scenario can have "
            f"({'; '.join(': '.join(problem) for problem in error.problems)}); tune again"
        ) from error
    world = world_of(scenario.model_dump_json())
    debts = source.result.debts
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]), debts)
    tapes = [
        sweep.opening(world),
        sweep.opening(build(proposed, book=amounts.book_under(proposed))),
    ]
    now, then = (_setting(one, tape) for one, tape in zip((scenario, proposed), tapes, strict=True))
    return now, then


def _setting(scenario: Scenario, tape: Frames) -> Setting:
    document, falling = scenario.model_dump(mode="json"), _falling(scenario)
    return Setting(
        scenario.title,
        tape,
        books.book(tape),
        books.pools(tape),
        falling,
        crash.bonuses(document, falling),
        crash.borrowed(tape, document["protocol"]["rates"]),
        market.usages(tape)["at the start"],
    )


def _scenario(result: TuningResult) -> Scenario | None:
    """The first scenario of the study under the current parameters, the same to its digest."""
    words = shlex.split(result.command)
    files = [word for word in words if word.endswith(_FILES) and Path(word).is_file()]
    named = [result.preset] if result.preset in preset.known() else []
    for one in files + named:
        with suppress(ScenarioError):  # not this one then
            asked = preset.load(one)
            setup = preset.prepare(asked, result.accounts, result.seed, _overrides(words))
            if digest(setup.scenarios[0]) == result.scenarios[0].digest:
                return setup.scenarios[0]
    return None


def _overrides(words: list[str]) -> dict[str, Any]:
    """What the command sets: `--set PATH=VALUE` or `--set=PATH=VALUE`, the value in YAML."""
    given = [after for word, after in pairwise(words) if word == "--set"]
    given += [word.removeprefix("--set=") for word in words if word.startswith("--set=")]
    pairs = (one.partition("=") for one in given)
    return {path.strip(): yaml.safe_load(text) for path, _, text in pairs}


def _falling(scenario: Scenario) -> list[str]:
    """The assets whose named level leaves its start, or whose paths vary around it."""
    level = price_table(scenario).astype(np.float64) / PRICE_SCALE
    moved = np.abs(level / level[0] - 1).max(axis=0) > _MOVED
    varied = scenario.paths.volatility_per_sqrt_year if scenario.paths else {}
    return [
        symbol
        for symbol, moves in zip(scenario.symbols, moved, strict=True)
        if moves or varied.get(symbol, 0)
    ]
