"""The folder of a suite: what was asked, and what became of every scenario.

    suite.json               the manifest: what was asked last, every scenario that came to its end
    <scenario>/tape.duckdb   its run, as `ape run crash` keeps it
    suite.csv, report.html   what they come to

Every file appears whole or not at all, so a killed suite leaves finished runs and nothing else that
counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.files.whole import write_json
from sim.tape import TAPE, Frames, TapeError, load

MANIFEST, TABLE = "suite.json", "suite.csv"


class SuiteError(Exception):
    """A folder that is no suite, or not a finished one: why, and what to do."""


class Entry(BaseModel):
    """One scenario that was played to its end, or cannot be."""

    model_config = ConfigDict(frozen=True)

    named: str
    """As `sim.scenario.load` takes it."""
    engine: str
    title: str = ""
    digest: str = ""
    """Of the scenario as played, overrides included; empty if it could not be read."""
    origin: dict[str, str] = {}
    """Versions and digests of all that its tape depends on besides."""
    why: str = ""
    """Why there is no run of it; empty if there is one."""

    @property
    def run(self) -> tuple[str, str, dict[str, str]]:
        """What its tape is of: two of the same are the same, whatever it was called."""
        return self.digest, self.engine, self.origin


class Manifest(BaseModel):
    """What was asked last, in order, and all that came to its end in this folder."""

    format: Literal[1] = 1
    asked: list[str]
    entries: dict[str, Entry] = {}

    def missing(self) -> list[str]:
        """What was asked and has neither been played nor failed."""
        return [key for key in self.asked if key not in self.entries]


def read(folder: Path) -> Manifest:
    """The manifest in `folder`. Raises `SuiteError` if there is none that this version reads."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SuiteError(f"{folder}: no {MANIFEST} here; make one with `ape run suite`") from None
    except (OSError, ValidationError) as error:
        raise SuiteError(
            f"{path}: not what this version of `ape run suite` writes; name another folder with "
            "--out, or play everything again with --overwrite"
        ) from error


def save(folder: Path, manifest: Manifest) -> None:
    """Write the manifest. Raises `OSError`."""
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))


def tape_of(folder: Path, key: str, entry: Entry) -> Frames | None:
    """The run that an entry is about; None if what is in its folder is not that, or not whole."""
    try:
        tape = load(folder / key / TAPE)
    except TapeError:
        return None
    run = tape.run.iloc[0]
    own = (run["digest"], run["engine"]) == (entry.digest, entry.engine)
    return tape if own and run["complete"] else None
