"""Results that are on the disk already."""

from __future__ import annotations

from pathlib import Path

from sim.front import studies, sweeps
from sim.front.run import Run
from sim.front.studies import Study
from sim.front.sweeps import Sweep
from sim.report.page import source
from sim.scenario import Scenario


def read(path: str | Path) -> Run | Sweep | Study:
    """What a folder holds that a command or the front door wrote, or a tape (*.duckdb).

    Raises `sim.report.page.source.SourceError`: which file, why, and what to do.
    """
    found = source.open_source(Path(path))
    if isinstance(found, source.Sweep):
        return sweeps.opened(found.path)
    if isinstance(found, source.Tuning):
        return studies.opened(found.path)
    text = found.tape.run["scenario_json"].iloc[0]
    return Run(Scenario.model_validate_json(text, strict=False), found.tape)
