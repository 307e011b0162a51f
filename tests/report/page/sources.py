"""Small runs, sweeps and studies to make pages of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sim.engines.outcome import OUTCOME
from sim.sweep.study import Study, begin
from sim.tape import write
from sim.tuning.result import save
from tests.report.page.studies import study
from tests.sweep.storms import storms
from tests.tape.storm import play, storm

VALUE = 1e-8  # USD per unit of an outcome


def crashed(folder: Path, **overrides: Any) -> Path:
    """A storm on the twin."""
    folder.mkdir()
    _, tape = play(storm(**overrides))
    write(tape.tables(complete=True), folder / "tape.duckdb")
    return folder


def swept(folder: Path, seed: int, paths: int = 400, **overrides: Any) -> tuple[Path, Any]:
    """A sweep whose outcomes nobody computed: half of the paths lose, with a heavy tail; and the
    loss of every path, USD.
    """
    random = np.random.default_rng(seed)
    outcomes = np.round(random.random((paths, len(OUTCOME))) * 1e14)
    # What losses are made of: bad debt by bearer, and shortfall.
    for name in OUTCOME[: OUTCOME.index("repaid")]:
        outcomes[:, OUTCOME.index(name)] = 0
    bad = np.round((random.random(paths) < 0.5) * random.pareto(2.5, paths) * 1e13)
    outcomes[:, OUTCOME.index("bad_debt")] = bad
    outcomes[:, OUTCOME.index("by_fund")] = bad
    outcomes[:, OUTCOME.index("largest_usage")] = random.random(paths)
    made: Study = begin(folder, storms(**overrides), paths=paths, block=100)
    made.start()
    for block in made.missing():
        made.write(block, outcomes[block.first : block.first + block.size])
    made.finish()
    return folder, bad * VALUE


def tuned(folder: Path, confirmed: bool) -> Path:
    """A made-up tuning study."""
    folder.mkdir()
    save(study(confirmed), folder)
    return folder
