"""Sweeps small enough to do often: 24 accounts, 48 steps, half a millisecond a path."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sim.questions.pools import pool
from sim.scenario import Scenario
from sim.sweeps.run import run
from sim.sweeps.stored import StoredSweep, begin
from tests.tape.storm import storm

PATHS = {
    "model": "gbm",
    "volatility_per_sqrt_year": {"WETH": 8.0, "WBTC": 6.0},
    "correlation": [{"assets": ["WETH", "WBTC"], "value": 0.8}],
}


def storms(**overrides: Any) -> Scenario:
    """The storm with prices that vary."""
    return storm(paths=PATHS, **overrides)


def swept(
    folder: Path,
    paths: int = 100,
    block: int = 16,
    workers: int = 2,
    resume: bool = False,
    books: int = 1,
) -> StoredSweep:
    """A finished study on threads."""
    study = begin(folder, storms(), paths=paths, block=block, books=books, resume=resume)
    with pool(workers=workers) as submit:
        study.start()
        for _ in run(study, submit):
            pass
    study.finish()
    return study


def bits(study: StoredSweep) -> str:
    """Digest of every number of every path."""
    table = study.outcomes().reset_index()
    assert table["path"].tolist() == list(range(study.plan.paths))
    return hashlib.sha256(b"".join(table[name].to_numpy().tobytes() for name in table)).hexdigest()
