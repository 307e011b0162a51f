"""Studies small enough to do often: 24 accounts, 48 steps, a millisecond a path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.questions.pools import pool
from sim.schema.tuning import Preset
from sim.tuning import question as questions
from sim.tuning import storage as kept
from sim.tuning.preset import Setup, prepare
from sim.tuning.result import Trial
from sim.tuning.study import Tuner
from tests.sweep.storms import PATHS
from tests.tape.storm import STORM

R = "protocol.reserves"
PRESET: dict[str, Any] = {
    "name": "storms",
    "title": "Two storms",
    "story": "A small market in two storms.",
    "sources": ["tests"],
    "scenarios": [
        {"name": "one", "scenario": str(STORM), "overrides": {"paths": PATHS}},
        {
            "name": "two",
            "scenario": str(STORM),
            "weight": 2.0,
            "overrides": {"paths": PATHS, "gas_price_gwei": 60.0},
        },
    ],
    "tuning": {
        "dimensions": {
            f"{R}.WETH.ltv_bps": {"low": 4000, "high": 8000, "step": 25, "bound": 300},
            f"{R}.WETH.lt_bps": {"low": 5000, "high": 9000, "step": 25, "bound": 300},
            f"{R}.WETH.max_bonus_bps": {"low": 300, "high": 1500, "step": 25, "bound": 200},
            "protocol.liquidation.engine": ["close-factor", "target-health"],
        },
        "objectives": ["borrowed", "es_99"],
        "debts": "follow-limit",
    },
}


def preset(**tuning: Any) -> Preset:
    return Preset.model_validate({**PRESET, "tuning": {**PRESET["tuning"], **tuning}})


def setup(**tuning: Any) -> Setup:
    return prepare(preset(**tuning))


@contextmanager
def tuner(
    folder: Path,
    asked: Setup | None = None,
    paths: int = 128,
    seed: int = 3,
    storage: str = "sqlite",
    resume: bool = False,
    workers: int = 2,
    race: bool = True,
    scheduler: str = "threads",
) -> Iterator[Tuner]:
    """A tuner on a study in the folder."""
    question = asked or setup()
    text = questions.question(question, paths, seed, storage, "test")
    text = questions.begin(folder, text, resume)
    study = kept.open_study(folder, question, text, storage, resume)
    with pool(scheduler, workers) as submit:
        yield Tuner(question, paths, seed, study, submit, kept.is_shared(storage), race)


def searched(folder: Path, trials: int, **options: Any) -> list[Trial]:
    """All trials of a search."""
    with tuner(folder, **options) as one:
        for _ in one.run(trials):
            pass
        return one.trials()
