"""A tuning study, start to end, for someone who watches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from sim.engines.compilation import is_compiled
from sim.engines.failures import ChainError
from sim.files.lock import LockedError, locked
from sim.measures.book import book
from sim.report import given
from sim.report.recommendation import recommendation
from sim.report.text import counted, of_books, owing, usd
from sim.schema.book import BookFile
from sim.schema.tuning import Preset
from sim.sweeps.pools import LOCAL, THREADS, PoolError, cores, pool_of
from sim.tape import Frames, TapeError
from sim.terminal.crash import COMPLETE, FAILED, INTERRUPTED
from sim.terminal.interrupts import interruptible
from sim.terminal.tune_progress import TuneProgress
from sim.terminal.tune_table import (
    baseline_table,
    cap_table,
    choice_table,
    front_table,
    one_by_one_table,
    parameter_table,
    sensitivity_table,
)
from sim.tuning import storage as kept
from sim.tuning.answer import answer, confirmed
from sim.tuning.borrowing import SAID
from sim.tuning.evaluate import jobs, run
from sim.tuning.kept import CURRENT, RECOMMENDED, keep
from sim.tuning.kept import kept as kept_openings
from sim.tuning.preset import Setup, nested, prepare
from sim.tuning.result import TuningResult, save
from sim.tuning.study import SearchError, Tuner


class Wanted(NamedTuple):
    """What a user asks for."""

    trials: int = 200
    paths: int = 500
    seed: int | None = None
    accounts: int | None = None
    books: int | None = None
    overrides: Mapping[str, Any] = {}
    storage: str = kept.SQLITE
    scheduler: str = THREADS
    workers: int | None = None
    resume: bool = False
    confirm: int = 0
    """Worst paths to run on the contracts; 0: none."""
    engine: str = "devnet"
    sensitivity: int = 32
    """Base points of the Sobol' indices; 0: none."""
    command: str = ""


def tune(preset: Preset, wanted: Wanted, out: Path, console: Console) -> int:
    """Search, recommend, confirm; return an exit code.

    `out`, a folder that exists, gets tuning.json and study.db as the search goes and at its end
    result.json and, for its report, current.duckdb and recommended.duckdb. Interrupted or failed it
    keeps every finished trial. Raises `ScenarioError`, before anything is written, if the preset
    cannot be run.
    """
    try:
        with locked(out, f"a study of {preset.name}"):
            return _tune(preset, wanted, out, console)
    except LockedError as error:
        said = str(error)
        if kept.is_shared(wanted.storage):
            said += ": a study on a database is joined from a folder of one's own, with --resume"
        return _failed(said, console)


def _tune(preset: Preset, wanted: Wanted, out: Path, console: Console) -> int:
    setup = prepare(preset, wanted.accounts, wanted.seed, wanted.overrides)
    if not setup.space.axes:  # caps alone are asked for: of the current setting
        wanted = wanted._replace(trials=1, sensitivity=0)
    setup = nested(setup, wanted.paths, wanted.books)
    seed = setup.scenarios[0].seed
    asked = kept.question(setup, wanted.paths, seed, wanted.storage, wanted.command)
    try:
        asked = kept.begin(out, asked, wanted.resume)
        study = kept.open_study(out, setup, asked, wanted.storage, wanted.resume)
        _head(setup, wanted, console)
        with interruptible(bool(wanted.confirm) and wanted.engine != "revm"):
            try:
                _compile(setup, wanted, console)
                with pool_of(run, wanted.scheduler, wanted.workers) as submit:
                    shared = kept.is_shared(wanted.storage)
                    tuner = Tuner(setup, wanted.paths, seed, study, submit, shared)
                    return _search(tuner, asked, wanted, out, console)
            except KeyboardInterrupt:
                console.print(
                    "Interrupted; every finished trial is kept. "
                    "The same command with --resume goes on from there."
                )
                return INTERRUPTED
    except (kept.StorageError, PoolError, TapeError) as error:
        return _failed(str(error), console)
    except ChainError as error:
        return _failed(f"The chain failed: {error}", console)
    except SearchError as error:
        return _failed(f"Stopped: {error}", console)
    except OSError as error:
        return _failed(f"Writing failed: {error}; finished trials are kept for --resume", console)


def _search(
    tuner: Tuner, asked: dict[str, Any], wanted: Wanted, out: Path, console: Console
) -> int:
    done = tuner.trials()
    before, began = asked["seconds"], time.monotonic()
    if done:
        console.print(f"{len(done):,} trials are there already.")
    with TuneProgress(tuner.setup, done, wanted.trials, console) as progress:
        for trial in tuner.run(wanted.trials):
            progress.add(trial)
            asked["seconds"] = before + time.monotonic() - began
            kept.keep(out, asked)
    console.print(progress.summary())

    said: list[str] = []

    def say(text: str) -> None:
        status.update(text)
        topic = text.partition(":")[0]
        if not console.is_terminal and topic not in said:
            said.append(topic)
            _line(text, console)

    with console.status("") as status:
        result, sample = answer(tuner, asked, say, wanted.sensitivity)
        asked["seconds"] = before + time.monotonic() - began
        kept.keep(out, asked)
        line = given.of_setup(tuner.setup, result.books, result.fresh_books)
        result = result.model_copy(update={"seconds": asked["seconds"], "given": line})
        keep(out, tuner.setup, result)
        save(result, out)
    _show(result, console)
    for line in _below_one(*kept_openings(out, result)):
        _line(line, console, "yellow")
    code = COMPLETE
    if wanted.confirm:
        code = _confirm(tuner, result, sample, wanted, out, console)
    names = f"result.json, tuning.json, {CURRENT}, {RECOMMENDED}"
    _line(f"Written to {out}: {names}", console)
    return code


def _confirm(
    tuner: Tuner, result: TuningResult, sample: Any, wanted: Wanted, out: Path, console: Console
) -> int:
    """Run the worst paths on the contracts and say what they said."""
    text = f"The {wanted.confirm} worst paths of the recommended setting on {wanted.engine}."
    with console.status(text) as status:

        def watch(scenario: int, path: int, steps: int) -> Any:
            name = tuner.setup.preset.scenarios[scenario].name
            return lambda k, repaid, lost: status.update(
                f"{text} Path {path:,} of {name}: step {k:,} of {steps:,}."
            )

        found, difference = confirmed(tuner, result, sample, wanted.confirm, wanted.engine, watch)
    save(result.model_copy(update={"confirmation": found}), out)
    said = (
        f"{found.operations:,} operations, {found.values_compared:,} values compared, "
        f"{found.differing:,} differ; state {found.state_hash}; {found.seconds:,.0f} s"
    )
    if not found.holds:
        _line(f"NOT confirmed on {found.engine}: {said}", console, "red")
        for line in filter(None, (difference, *found.apart)):
            _line(line, console, "red")
        return FAILED
    _line(f"Confirmed on {found.engine}: {said}", console, "green")
    if found.loss_error is not None:
        _line(f"Losses in the search were the exact ones but for {found.loss_error:.0e}.", console)
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
        choice_table(result),
        parameter_table(result),
        one_by_one_table(result) if result.one_by_one else None,
        sensitivity_table(result),
    )
    for table in (
        *(searched if result.parameters else ()),
        baseline_table(result),
        cap_table(result),
    ):
        if table and table.row_count:
            console.print("", table, sep="\n")
    console.print("")
    if result.parameters:
        _line(recommendation(result), console, "bold")
    for edge in result.edges:
        _line(edge.note, console, "yellow")
    _line(result.given, console)


def _head(setup: Setup, wanted: Wanted, console: Console) -> None:
    where = {
        THREADS: f"{wanted.workers or cores()} threads",
        LOCAL: f"{wanted.workers or cores()} processes",
    }.get(wanted.scheduler, wanted.scheduler)
    scenario, tuning = setup.scenarios[0], setup.preset.tuning
    books = setup.book_of(wanted.paths - 1) + 1
    console.print(setup.preset.title, style="bold", markup=False)
    asked = f"{wanted.trials:,} trials of {len(setup.space.axes)} parameters ({tuning.sampler})"
    if not setup.space.axes:
        asked = f"{counted(len(tuning.caps), 'cap')} of the current setting"
    _line(
        f"{asked} on {of_books(wanted.paths, books)} in {len(setup.scenarios)} scenarios each, "
        f"{setup.accounts:,} accounts, seed {scenario.seed}, on {where}.",
        console,
    )
    if setup.space.axes:
        _line(f"Objectives: {', '.join(tuning.objectives)}.", console)
    own = [setup.preset.parameters, *(one.overrides for one in setup.preset.scenarios)]
    if recorded := isinstance(scenario.book, BookFile):
        _line(
            f"The book is that of {Path(scenario.book.file).name}: {SAID[tuning.debts]}. Who is "
            "beyond a limit or a cap keeps what he has and can add nothing.",
            console,
        )
    if not recorded and any(
        path.startswith("protocol.reserves") for fields in own for path in fields
    ):
        _line(
            "The book is drawn under the preset's own thresholds and limits: one of another preset "
            "is another book.",
            console,
        )


def _compile(setup: Setup, wanted: Wanted, console: Console) -> None:
    """Compile what workers run, or take it from the disk; workers of this machine find it there.

    One path of the current setting of every scenario: a world that cannot be is refused here.
    """
    if wanted.scheduler not in (THREADS, LOCAL):
        console.print("Workers compile the step first if they never did: about a minute.")
    text = "Building the worlds."
    if not is_compiled():
        text = "Compiling the step, once per change of the code: about a minute."
    with console.status(text):
        if not console.is_terminal:
            console.print(text)
        for i in range(len(setup.scenarios)):
            (job,) = jobs(setup, setup.space.current, i, [0])
            run(job)


def _line(text: str, console: Console, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, soft_wrap=True)


def _failed(why: str, console: Console) -> int:
    _line(why, console, "red")
    return FAILED
