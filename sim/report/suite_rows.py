"""What the scenarios of a suite come to, a row each, and as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from sim.files.whole import replacing
from sim.measures.borrowers import scenario_of
from sim.measures.cascade import spirals
from sim.measures.registry import found
from sim.questions.suite_folder import Entry, Manifest, SuiteError, tape_of
from sim.report import caveats, given
from sim.report.page.content import NONE, Cell, Value
from sim.report.run_tables import values
from sim.tape import Frames


class Row(NamedTuple):
    """One scenario and what it came to."""

    key: str
    entry: Entry
    figures: Mapping[str, Value] = {}
    """By name, of all measures of a run; none if it failed."""
    asset: str = ""
    """Whose price the cascade is about; empty where no sale left a trace in one."""
    given: str = ""
    warnings: Sequence[str] = ()
    scenario: Mapping[str, Any] = {}
    """As JSON says it."""

    @property
    def reason(self) -> str:
        """Why it failed, in one line; empty if it did not."""
        return " ".join(self.entry.why.split())

    def cell(self, name: str) -> Cell:
        """A figure; a dash where there is none. A branching ratio says of which asset it is, where
        there is room.
        """
        found = self.figures.get(name)
        if name == "branching_ratio" and found:
            if not self.asset:
                return NONE
            return found._replace(text=f"{found.text} {self.asset}", short=found.text)
        return found or NONE

    def lost_share(self, at_its_peak: bool = False) -> float:
        """Bad debt and shortfall at the end, or at their peak, over the most that was owed."""
        names = ("peak_loss_usd",) if at_its_peak else ("bad_debt_usd", "shortfall_usd")
        lost = float(sum(self.figures[name].number for name in names))
        return lost / float(self.figures["most_debt_usd"].number) if lost else 0.0


def row_of(key: str, entry: Entry, tape: Frames | None) -> Row:
    """The row of a scenario, with its tape unless it failed."""
    if tape is None:
        return Row(key, entry)
    worst = spirals(tape)[0]
    trace = worst.asset if worst.fall_alone < worst.fall else ""
    lines = given.of_run(tape), caveats.of_run(tape)
    return Row(key, entry, values(found(tape)), trace, *lines, scenario_of(tape))


def rows_of(folder: Path, manifest: Manifest) -> list[Row]:
    """The rows of what was asked last. Raises `SuiteError` if something of it was not played."""
    rows, missing = [], manifest.missing()
    for key in manifest.asked:
        entry = manifest.entries.get(key)
        tape = None if entry is None or entry.why else tape_of(folder, key, entry)
        if entry is None or (tape is None and not entry.why):
            missing = [*missing, key] if key not in missing else missing
        else:
            rows.append(row_of(key, entry, tape))
    if missing:
        raise SuiteError(
            f"{folder}: {len(missing):,} of {len(manifest.asked):,} scenarios are not there "
            f"({', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}); the command of the "
            "suite goes on with them"
        )
    return rows


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Every figure of every scenario, unrounded; who failed has none."""
    records: list[dict[str, Any]] = [
        {
            "scenario": row.key,
            "title": row.entry.title,
            "engine": row.entry.engine,
            "failed": row.reason,
            **{name: value.number for name, value in row.figures.items()},
            "cascade_asset": row.asset,
            "warnings": None if row.entry.why else len(row.warnings),
            "digest": row.entry.digest,
        }
        for row in rows
    ]
    with replacing(path) as draft:
        pd.DataFrame(records).convert_dtypes().to_csv(draft, index=False)
