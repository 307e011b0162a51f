"""What a study keeps for its report besides `result.json`: how its first scenario opens.

current.duckdb       under the current setting, a tape as `sim.sweeps.opening` makes it
recommended.duckdb   under the recommended one, with the same borrowers
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sim.sweeps.opening import NotKeptError, kept_opening, opening
from sim.tape import Frames, write
from sim.tuning.confirm import world_under
from sim.tuning.preset import Setup
from sim.tuning.result import TuningResult

CURRENT, RECOMMENDED = "current.duckdb", "recommended.duckdb"
_AGAIN = "the command of the study with --resume, or where that is refused a new study."


def keep(folder: Path, setup: Setup, result: TuningResult) -> None:
    """Write both into the study's folder. Raises `TapeError`."""
    for name, choice in ((CURRENT, result.choices.current), (RECOMMENDED, result.recommendation)):
        write(opening(world_under(setup, 0, choice.values)), folder / name)


def kept(folder: Path, result: TuningResult) -> tuple[Frames, Frames]:
    """(current, recommended), of this result and no other. Raises `NotKeptError`."""
    now = kept_opening(folder / CURRENT, result.scenarios[0].digest, _AGAIN)
    then = kept_opening(folder / RECOMMENDED, None, _AGAIN)
    document = json.loads(then.run["scenario_json"].iloc[0])
    for path, value in result.recommendation.values.items():
        if _field(document, path) != value:
            raise NotKeptError(f"{RECOMMENDED} is of another recommendation: {_AGAIN}")
    return now, then


def _field(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[name]
    return document
