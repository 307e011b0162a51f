"""Many scenarios, one table, start to end, for someone who watches: play those that are not done,
keep each, put them side by side.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from textwrap import shorten

from rich.console import Console

from sim.files.lock import LockedError, locked
from sim.files.whole import forget_drafts
from sim.front.asked import asked
from sim.front.run import UnderWay
from sim.questions.origin import origin, sources
from sim.questions.suite_folder import (
    MANIFEST,
    TABLE,
    Entry,
    Manifest,
    SuiteError,
    read,
    save,
    tape_of,
)
from sim.report.page import suite_page as page
from sim.report.page.render import write_page
from sim.report.suite_rows import Row, row_of, write_csv
from sim.report.suite_tables import suite_table
from sim.report.text import counted
from sim.scenario import Scenario, ScenarioError, digest, known
from sim.schema.problems import nearest
from sim.tape import TAPE, TapeError
from sim.terminal.crash_command import play
from sim.terminal.interrupts import interruptible
from sim.terminal.publish import NAME as REPORT
from sim.terminal.said import COMPLETE, FAILED, INTERRUPTED, failed
from sim.terminal.tables import printed

_TRACEBACK = "traceback.txt"
_REASON = 200  # letters of a reason at the end: in full it stands above, and on the page

Read = Callable[[str], Scenario]
"""The scenario of a name or path, with overrides; raises `ScenarioError`."""


def members(named: Sequence[str]) -> dict[str, str]:
    """What to call each scenario -> how to load it: of the known names, files and folders `named`,
    all known ones if nothing is. Raises `SuiteError` for a name that is not known, a file that is
    not there, a folder without one, and two that would have one name.
    """
    found: dict[str, str] = {}
    for one in named or known():
        for member in _members(one):
            key = Path(member).stem
            if found.setdefault(key, member) != member:
                raise SuiteError(
                    f"{found[key]} and {member} would both be called {key}: rename one, or give "
                    "them suites of their own (--out)"
                )
    return found


def _members(named: str) -> list[str]:
    path = Path(named)
    if named in known() or path.is_file():
        return [named]
    if not path.is_dir():
        remedy = nearest(named, known(), "the known ones are")
        raise SuiteError(f"{named}: neither a file or folder nor a known scenario: {remedy}")
    files = sorted(str(file) for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    if not files:
        raise SuiteError(f"{named}: no .yaml in this folder; name files, or another folder")
    return files


def suite(
    chosen: Mapping[str, str],
    read_scenario: Read,
    engine: str,
    out: Path,
    console: Console,
    overwrite: bool = False,
) -> int:
    """Play what `members` found on an engine of `sim.engines.by_name.ENGINES`; return an exit code.

    `out`, a folder that exists, keeps every run as it ends. What is there of the same scenario,
    engine and sources is not played again, unless `overwrite`. A scenario that cannot be played is
    a row that says why, and does not stop the others.
    """
    try:
        with locked(out, f"a suite of {counted(len(chosen), 'scenario')}"):
            return _suite(chosen, read_scenario, engine, out, console, overwrite)
    except (LockedError, SuiteError) as error:
        return failed(str(error), console)
    except OSError as error:
        return failed(f"Writing failed: {error}; what is done is kept", console)


def _suite(
    chosen: Mapping[str, str],
    read_scenario: Read,
    engine: str,
    out: Path,
    console: Console,
    overwrite: bool,
) -> int:
    forget_drafts(out)
    there = (out / MANIFEST).exists() and not overwrite
    manifest = Manifest(asked=list(chosen), entries=read(out).entries if there else {})
    rows: dict[str, Row] = {}
    try:
        with interruptible(engine != "exact"):
            rows |= _before(chosen, read_scenario, engine, manifest, out)
            if rows:
                console.print(f"{_done(rows, chosen)} already.")
            save(out, manifest)
            for n, (key, named) in enumerate(chosen.items(), 1):
                if key in rows:
                    continue
                console.print(f"{n} of {len(chosen)}: {key}", style="bold", markup=False)
                entry = _played(key, named, read_scenario, engine, out, console)
                manifest.entries[key] = entry
                save(out, manifest)
                rows[key] = row_of(key, entry, tape_of(out, key, entry))
            _write([rows[key] for key in chosen], out, console)
    except KeyboardInterrupt:
        if rows:
            shown = suite_table([rows[key] for key in chosen if key in rows], tight=True)
            console.print("", printed(shown), sep="\n")
        console.print(
            f"Interrupted: {_done(rows, chosen)}; the same command goes on with the rest."
        )
        return INTERRUPTED
    return FAILED if any(row.entry.why for row in rows.values()) else COMPLETE


def _done(rows: Mapping[str, Row], chosen: Mapping[str, str]) -> str:
    done = sum(not row.entry.why for row in rows.values())
    return f"{done:,} of {counted(len(chosen), 'scenario')} are done"


def _before(
    chosen: Mapping[str, str], read_scenario: Read, engine: str, manifest: Manifest, out: Path
) -> dict[str, Row]:
    """The rows of those that need not be played: whose tape would be the one that is there. What
    else is said of them is brought up to date in the manifest.
    """
    rows = {}
    for key, named in chosen.items():
        entry = manifest.entries.get(key)
        if entry is None or entry.why:
            continue
        try:
            now = _entry(read_scenario(named), named, engine)
        except ScenarioError:
            continue  # said when its turn comes
        if now.run == entry.run and (tape := tape_of(out, key, now)):
            manifest.entries[key] = now
            rows[key] = row_of(key, now, tape)
    return rows


def _entry(scenario: Scenario, named: str, engine: str) -> Entry:
    """Of a scenario that is to be played. Raises `ScenarioError`."""
    made_by = {**origin(scenario), "sources": sources("tape")}
    return Entry(
        named=named,
        engine=engine,
        title=scenario.title,
        digest=digest(scenario),
        origin=made_by,
    )


def _played(
    key: str, named: str, read_scenario: Read, engine: str, out: Path, console: Console
) -> Entry:
    """Play a scenario and keep its tape, or say why not."""
    entry = Entry(named=named, engine=engine)
    folder = out / key
    try:
        scenario = read_scenario(named)
        entry = _entry(scenario, named, engine)
        folder.mkdir(exist_ok=True)
        with locked(folder, f"a run of {scenario.name} in a suite"):
            why = _tape(scenario, engine, folder, console)
    except (ScenarioError, LockedError, TapeError, OSError) as error:
        why = str(error)
    except Exception as error:  # a fault of the program's in one scenario spares the others
        (folder / _TRACEBACK).write_text(traceback.format_exc())
        why = f"{type(error).__name__}: {error}; please report it, with {folder / _TRACEBACK}"
    if why:
        console.print(why, style="red", markup=False, soft_wrap=True)
    return entry.model_copy(update={"why": why})


def _tape(scenario: Scenario, engine: str, folder: Path, console: Console) -> str:
    """Play it and write its tape; empty, or why it did not come to its end."""
    forget_drafts(folder)
    for name in (TAPE, REPORT, _TRACEBACK):
        (folder / name).unlink(missing_ok=True)
    under_way = UnderWay(asked(scenario), engine)
    with ExitStack() as held:
        played = play(under_way, console, held)
    if played.code == INTERRUPTED:
        raise KeyboardInterrupt
    if not played.why:
        under_way.finish().save(folder)
    return played.why


def _write(rows: list[Row], out: Path, console: Console) -> None:
    """Write the table and the page, then print what they say."""
    write_csv(rows, out / TABLE)
    write_page(page.page(rows, out), out / REPORT)
    console.print("", printed(suite_table(rows, tight=True)), sep="\n")
    if failed := [row for row in rows if row.entry.why]:
        console.print(f"{counted(len(failed), 'scenario')} failed:", style="red")
        for row in failed:
            reason = shorten(row.entry.why, _REASON, placeholder=" ...")
            console.print(f"{row.key}: {reason}", style="red", markup=False, soft_wrap=True)
    console.print(
        f"Written to {out}: {MANIFEST}, {TABLE}, {REPORT}, and a folder of each with its tape; the "
        f"page of one: ape run report {out}/SCENARIO",
        markup=False,
        soft_wrap=True,
    )
