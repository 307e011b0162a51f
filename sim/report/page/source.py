"""What a path holds that a report can be made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.questions.known_faults import faults_of
from sim.questions.opening import NotKeptError
from sim.questions.store import QuestionError
from sim.questions.suite_folder import MANIFEST as SUITE
from sim.questions.suite_folder import Manifest, SuiteError
from sim.questions.suite_folder import read as read_suite
from sim.sweeps.kept import Kept, kept
from sim.sweeps.loss_table import worst_paths
from sim.sweeps.plan import Plan
from sim.sweeps.stored import FORMER, MANIFEST, StoredSweep
from sim.sweeps.stored import load as load_stored
from sim.tape import TAPE, Frames, TapeError
from sim.tape import load as load_tape
from sim.tuning.question import FILE as QUESTION
from sim.tuning.result import FILE as RESULT
from sim.tuning.result import ResultError, TuningResult
from sim.tuning.result import load as load_result

VERIFIED = "verify.json"
_MAKE = (
    "make one with `ape run crash SCENARIO`, `ape run sweep SCENARIO` or `ape run tune PRESET`, or "
    "in Python with sim.run(...).save(FOLDER) or the folder of sim.sweep and sim.tune"
)


class SourceError(Exception):
    """A path that no report can be made of: which file, why, and what to do."""


class Crash(NamedTuple):
    """One run."""

    path: Path
    tape: Frames
    kind: str = "crash"


class Sweep(NamedTuple):
    """Many paths of a scenario."""

    path: Path
    stored: StoredSweep
    outcomes: pd.DataFrame
    """Of the paths that are there."""
    verified: dict[str, Any] | None
    """What `ape run verify` wrote, if it was run on this sweep."""
    kept: Kept | str
    """How the market opens and prices went; or why that cannot be shown."""
    kind: str = "sweep"

    @property
    def plan(self) -> Plan:
        """Of the paths that are there."""
        return self.stored.plan.of(self.outcomes)


class Tuning(NamedTuple):
    """A tuning study."""

    path: Path
    result: TuningResult
    kind: str = "tuning"


class Suite(NamedTuple):
    """Many scenarios."""

    path: Path
    manifest: Manifest
    kind: str = "suite"


Source = Crash | Sweep | Tuning | Suite


def open_source(path: Path) -> Source:
    """The run, sweep or study at a path: its folder, or a file of it. Raises `SourceError`."""
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; {_MAKE}")
    if path.is_dir():
        names = (RESULT, MANIFEST, FORMER, TAPE, SUITE)
        found = [name for name in names if (path / name).is_file()]
        if not found and (path / QUESTION).is_file():
            raise SourceError(
                f"{path}: a tuning study without {RESULT}: resume it, with the command that "
                "began it and --resume"
            )
        if not found:
            raise SourceError(f"{path}: neither {TAPE}, {MANIFEST} nor {RESULT} in it; {_MAKE}")
        path = path / found[0]
    try:
        if path.name == RESULT:
            return Tuning(path.parent, load_result(path.parent))
        if path.name == SUITE:
            return Suite(path.parent, read_suite(path.parent))
        if path.name in (MANIFEST, FORMER):
            return _sweep(path.parent)
        if path.suffix == ".duckdb":
            return _crash(path)
    except TapeError as error:
        raise SourceError(f"{error}; `ape run crash SCENARIO` writes one") from error
    except QuestionError as error:
        raise SourceError(f"{error}; `ape run sweep SCENARIO` writes or resumes one") from error
    except (ResultError, SuiteError) as error:
        raise SourceError(str(error)) from error
    raise SourceError(f"{path}: neither a tape (*.duckdb) nor {MANIFEST} nor {RESULT}; {_MAKE}")


def faults(source: Source) -> list[str]:
    """What is known to be wrong with results of the version that wrote this one."""
    if isinstance(source, Sweep):
        return source.stored.question.faults
    if isinstance(source, Tuning):
        return faults_of("tuning study", source.result.versions.get("breakwater"))
    return []  # a run is on integers, never compiled


def _crash(path: Path) -> Crash:
    tape = load_tape(path)
    run = tape.run.iloc[0]
    if not run["complete"]:
        why = f"{run['differences']:,} values differed" if run["differences"] else "it was stopped"
        raise SourceError(
            f"{path}: an unfinished run: {run['steps_done']:,} of {run['steps_total']:,} steps, "
            f"because {why}; play it to the end with `ape run crash {run['scenario']}`"
        )
    return Crash(path, tape)


def _sweep(folder: Path) -> Sweep:
    stored = load_stored(folder)
    verified = None
    if (folder / VERIFIED).is_file():
        try:
            verified = json.loads((folder / VERIFIED).read_text())
            if verified["digest"] != stored.question.digest:
                verified = None  # of another sweep that was here before
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{folder / VERIFIED}: not what `ape run verify` writes ({error}); run it again"
            ) from error
    outcomes = stored.outcomes(unfinished=True)
    (worst,) = worst_paths(outcomes, 1)
    try:
        kept_by: Kept | str = kept(stored, worst)
    except NotKeptError as error:
        kept_by = str(error)
    return Sweep(folder, stored, outcomes, verified, kept_by)
