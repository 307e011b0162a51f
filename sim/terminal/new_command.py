"""Writes a scenario to begin with, once it has been seen to run."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sim.files.whole import replacing
from sim.scenario import ScenarioError, load
from sim.starter import Wanted, starter
from sim.world import build

_ROOT = Path(__file__).parents[2]
_SCHEMA = _ROOT / "docs" / "scenario.schema.json"


def new(wanted: Wanted, file: Path, console: Console) -> None:
    """Write the scenario at `file` and say what comes next.

    It is read and its market opened first; `ScenarioError` if that cannot be.
    """
    made = starter(wanted._replace(schema=_schema_from(file.absolute().parent)), file)
    with replacing(file) as draft:
        draft.write_text(made.text, encoding="utf-8")
        try:
            with console.status("Opening the market, to see that it runs."):
                book = build(load(draft)).book
        except ScenarioError as error:
            # Of the draft, which is gone: the file that it would have become.
            named = error.file.replace(str(draft), str(file))
            raise ScenarioError(named, error.problems) from error
    for line in (*made.lines, *(book.reading.lines if book.reading else ())):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"Written: {escape(str(file))}. Lines that say placeholder are yours to replace.")
    console.print(f"Next: ape run crash {escape(str(file))} --engine exact", soft_wrap=True)


def _schema_from(folder: Path) -> str | None:
    """The JSON schema as seen from a folder: by a relative path inside the checkout."""
    if not _SCHEMA.is_file():
        return None
    inside = folder.resolve().is_relative_to(_ROOT.resolve())
    return os.path.relpath(_SCHEMA, folder) if inside else str(_SCHEMA)
