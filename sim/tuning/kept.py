"""What a study keeps for its report besides `result.json`: how its first scenario opens.

current.duckdb       under the current setting, a tape as `sim.questions.opening` makes it
recommended.duckdb   under the recommended one, with the same borrowers
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.measures.borrowers import scenario_of
from sim.questions.opening import NotKeptError, kept_opening, opening
from sim.tape import Frames, write
from sim.tuning.confirm import world_under
from sim.tuning.preset import Setup
from sim.tuning.result import TuningResult

CURRENT, RECOMMENDED = "current.duckdb", "recommended.duckdb"
_AGAIN = "resuming the study, or where that is refused a new one."


def keep(folder: Path, setup: Setup, result: TuningResult) -> None:
    """Write both into the study's folder. Raises `TapeError`."""
    for name, choice in ((CURRENT, result.choices.current), (RECOMMENDED, result.recommendation)):
        write(opening(world_under(setup, 0, choice.values)), folder / name)


def kept(folder: Path, result: TuningResult) -> tuple[Frames, Frames]:
    """(current, recommended), of this result and no other. Raises `NotKeptError`."""
    now = kept_opening(folder / CURRENT, result.scenarios[0].digest, _AGAIN)
    then = kept_opening(folder / RECOMMENDED, None, _AGAIN)
    document = scenario_of(then)
    for path, value in result.recommendation.values.items():
        if _field(document, path) != value:
            raise NotKeptError(f"{RECOMMENDED} is of another recommendation: {_AGAIN}")
    return now, then


def _field(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[name]
    return document
