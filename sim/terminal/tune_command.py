"""A tuning study, start to end, for someone who watches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from sim.books.borrowing import SAID
from sim.engines.compilation import is_compiled
from sim.engines.failures import ChainError
from sim.files.lock import LockedError
from sim.front.studies import Search, Study, Wanted, begun
from sim.measures.borrowers import book
from sim.questions.pools import PoolError
from sim.questions.store import QuestionError
from sim.questions.work import Subject, run
from sim.report.recommendation import recommendation
from sim.report.study_tables import (
    baseline_table,
    cap_table,
    choice_table,
    difference_table,
    front_table,
    one_by_one_table,
    sensitivity_table,
)
from sim.report.text import counted, of_books, owing, usd
from sim.schema.book import BookFile
from sim.schema.tuning import Preset
from sim.tape import Frames, TapeError
from sim.terminal.interrupts import interruptible
from sim.terminal.progress import TuneProgress
from sim.terminal.said import COMPLETE, FAILED, INTERRUPTED, failed, line
from sim.terminal.tables import printed
from sim.terminal.workers import COMPILING, Workers, are_here
from sim.tuning.answer import confirmed
from sim.tuning.evaluate import tasks
from sim.tuning.kept import CURRENT, RECOMMENDED
from sim.tuning.kept import kept as openings
from sim.tuning.objectives import Sample
from sim.tuning.preset import Setup
from sim.tuning.result import TuningResult, save
from sim.tuning.storage import is_shared
from sim.tuning.study import SearchError


class Confirm(NamedTuple):
    """What to hold against the contracts."""

    paths: int
    """So many of the worst."""
    engine: str


def tune(
    preset: Preset,
    wanted: Wanted,
    workers: Workers,
    confirm: Confirm | None,
    out: Path,
    console: Console,
) -> int:
    """Search, recommend, confirm; return an exit code.

    `out`, a folder that exists, gets tuning.json and study.db as the search goes and at its end
    result.json and, for its report, current.duckdb and recommended.duckdb. Interrupted or failed it
    keeps every finished trial. Raises `ScenarioError`, before anything is written, if the preset
    cannot be run.
    """
    try:
        with begun(preset, wanted, out) as search:
            return _tune(search, workers, confirm, console)
    except LockedError as error:
        more = ": a study on a database is joined from a folder of one's own, with --resume"
        return failed(f"{error}{more if is_shared(wanted.storage) else ''}", console)
    except (QuestionError, PoolError, TapeError) as error:
        return failed(str(error), console)
    except ChainError as error:
        return failed(f"The chain failed: {error}", console)
    except SearchError as error:
        return failed(f"Stopped: {error}", console)
    except OSError as error:
        return failed(f"Writing failed: {error}; finished trials are kept for --resume", console)


def _tune(search: Search, workers: Workers, confirm: Confirm | None, console: Console) -> int:
    head(search.setup, search.wanted, workers, console)
    try:
        with interruptible(confirm is not None and confirm.engine != "revm"):
            _compile(search.setup, workers, console)
            with search.workers(*workers):
                _trials(search, console)
                study, sample = _answer(search, console)
                _show(study.result, console)
                for text in _below_one(*openings(study.folder, study.result)):
                    line(text, console, "yellow")
                code = _confirm(search, study, sample, confirm, console) if confirm else COMPLETE
                names = f"result.json, tuning.json, {CURRENT}, {RECOMMENDED}"
                line(f"Written to {study.folder}: {names}", console)
                return code
    except KeyboardInterrupt:
        console.print(
            "Interrupted; every finished trial is kept. "
            "The same command with --resume goes on from there."
        )
        return INTERRUPTED


def _trials(search: Search, console: Console) -> None:
    done = search.tuner.trials()
    if done:
        console.print(f"{len(done):,} trials are there already.")
    with TuneProgress(search.setup, done, search.wanted.trials, console) as progress:
        for trial in search.trials():
            progress.add(trial)
    console.print(progress.summary())


def _answer(search: Search, console: Console) -> tuple[Study, Sample]:
    said: list[str] = []

    def say(text: str) -> None:
        status.update(text)
        topic = text.partition(":")[0]
        if not console.is_terminal and topic not in said:
            said.append(topic)
            line(text, console)

    with console.status("") as status:
        return search.finish(say)


def _confirm(
    search: Search, study: Study, sample: Sample, wanted: Confirm, console: Console
) -> int:
    """Run the worst paths on the contracts and say what they said."""
    text = f"The {wanted.paths} worst paths of the recommended setting on {wanted.engine}."
    with console.status(text) as status:

        def watch(scenario: int, path: int, steps: int) -> Any:
            name = search.setup.preset.scenarios[scenario].name
            return lambda k, repaid, lost: status.update(
                f"{text} Path {path:,} of {name}: step {k:,} of {steps:,}."
            )

        found, difference = confirmed(
            search.tuner, study.result, sample, wanted.paths, wanted.engine, watch
        )
    save(study.result.model_copy(update={"confirmation": found}), study.folder)
    said = (
        f"{found.operations:,} operations, {found.values_compared:,} values compared, "
        f"{found.differing:,} differ; state {found.state_hash}; {found.seconds:,.0f} s"
    )
    if not found.holds:
        line(f"NOT confirmed on {found.engine}: {said}", console, "red")
        for text in filter(None, (difference, *found.apart)):
            line(text, console, "red")
        return FAILED
    line(f"Confirmed on {found.engine}: {said}", console, "green")
    if found.loss_error is not None:
        line(f"Losses in the search were the exact ones but for {found.loss_error:.0e}.", console)
    return COMPLETE


def _below_one(now: Frames, then: Frames) -> Iterator[str]:
    """Who can be liquidated at the start, under the current setting and the recommended one, and
    what was lost before and is in no loss.
    """
    if before := float(now.steps["shortfall_usd"].iloc[0]):
        yield (
            f"No loss here includes the {usd(before)} of bad debt from before; who bears it, "
            "suppliers' haircuts among them, does."
        )
    for name, tape in (("current", now), ("recommended", then)):
        start = book(tape)
        health = start.health(start.prices)
        owed = start.values(start.prices)[1][health < 1].sum()
        if count := int((health < 1).sum()):
            yield f"Liquidatable at the start under the {name} setting: {owing(count, owed)}."


def _show(result: TuningResult, console: Console) -> None:
    searched = (
        front_table(result),
        difference_table(result),
        choice_table(result, measures=False),
        *([one_by_one_table(result)] if result.one_by_one else []),
        *(sensitivity_table(result, measure) for measure in result.measures),
    )
    of_all = (baseline_table(result), cap_table(result))
    for table in (*(searched if result.parameters else ()), *of_all):
        if table.rows:
            console.print("", printed(table), sep="\n")
    console.print("")
    if result.parameters:
        line(recommendation(result), console, "bold")
    for edge in result.edges:
        line(edge.note, console, "yellow")
    line(result.given, console)


def head(setup: Setup, wanted: Wanted, workers: Workers, console: Console) -> None:
    """What is searched, by what, on whom, and where."""
    scenario, tuning = setup.scenarios[0], setup.preset.tuning
    books = setup.book_of(wanted.paths - 1) + 1
    console.print(setup.preset.title, style="bold", markup=False)
    asked = f"{wanted.trials:,} trials of {len(setup.space.axes)} parameters ({tuning.sampler})"
    if not setup.space.axes:
        asked = f"{counted(len(tuning.caps), 'cap')} of the current setting"
    line(
        f"{asked} on {of_books(wanted.paths, books)} in {len(setup.scenarios)} scenarios each, "
        f"{setup.accounts:,} accounts, seed {scenario.seed}, on {workers}.",
        console,
    )
    if setup.space.axes:
        line(f"Objectives: {', '.join(tuning.objectives)}.", console)
    own = [setup.preset.parameters, *(one.overrides for one in setup.preset.scenarios)]
    if recorded := isinstance(scenario.book, BookFile):
        line(
            f"The book is that of {Path(scenario.book.file).name}: {SAID[tuning.debts]}. Who is "
            "beyond a limit or a cap keeps what he has and can add nothing.",
            console,
        )
    if not recorded and any(
        path.startswith("protocol.reserves") for fields in own for path in fields
    ):
        line(
            "The book is drawn under the preset's own thresholds and limits: one of another preset "
            "is another book.",
            console,
        )


def _compile(setup: Setup, workers: Workers, console: Console) -> None:
    """Compile what workers run, or take it from the disk; workers of this machine find it there.

    One path of the current setting of every scenario: a world that cannot be is refused here.
    """
    are_here(workers, console)
    text = "Building the worlds." if is_compiled() else COMPILING
    with console.status(text):
        if not console.is_terminal:
            console.print(text)
        for i, scenario in enumerate(setup.scenarios):
            (task,) = tasks(setup, Subject.of(scenario), setup.space.current, i, [0])
            run(task)
