"""Results that are on the disk already."""

from __future__ import annotations

from pathlib import Path

from sim.front import studies, sweeps
from sim.front.run import Run
from sim.front.studies import Study
from sim.front.sweeps import Sweep
from sim.questions.suite_folder import tape_of
from sim.report.page import source
from sim.scenario import of_json
from sim.schema.arguments import path_of
from sim.tape import TAPE, Frames


def read(path: str | Path) -> Run | Sweep | Study | dict[str, Run]:
    """What a folder holds that a command or the front door wrote, or a tape (*.duckdb); of a suite,
    its runs by the names of their scenarios.

    Raises `sim.report.page.source.SourceError`: which file, why, and what to do; `TypeError` for
    what is no path.
    """
    found = source.open_source(path_of("path", path))
    if isinstance(found, source.Sweep):
        return sweeps.opened(found.path)
    if isinstance(found, source.Tuning):
        return studies.opened(found.path)
    if isinstance(found, source.Suite):
        tapes = {
            key: tape_of(found.path, key, found.manifest.entries[key])
            for key in found.manifest.asked
            if key in found.manifest.entries
        }
        return {
            key: _run(tape, found.path / key / TAPE)
            for key, tape in tapes.items()
            if tape is not None
        }
    return _run(found.tape, found.path)


def _run(tape: Frames, path: Path) -> Run:
    text = tape.run["scenario_json"].iloc[0]
    return Run(of_json(text), tape, kept=path)
